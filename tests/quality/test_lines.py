"""Line retrieval against a loop over a full ranking, and what may ask and answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.quality.lines import (
    SampledLines,
    chance,
    chance_of,
    character_pairs,
    character_scores,
    dense_scores,
    early,
    first_ranks,
    follow_on,
    pair_ranks,
    rank_lines,
    sample_lines,
)
from tests.songbook import make_songbook, random_songs
from tests.strict_backend import StrictBackend

CPU = CpuBackend()


@pytest.fixture(params=[CpuBackend, StrictBackend], ids=["numpy", "strict"])
def backend(request):
    """Both array kinds: the same lines must run on a GPU."""
    return request.param()


def first_rank(scores, itself, right):
    """The expected rank of the best right answer, by sorting; NaN without one."""
    if not right:
        return np.nan
    best = max(scores[j] for j in right)
    others = [j for j in range(len(scores)) if j != itself]
    above = sum(scores[j] > best + 1e-9 for j in others)
    level = [j for j in others if abs(scores[j] - best) <= 1e-9]
    return above + (len(level) + 1) / (sum(j in right for j in level) + 1)


def naive(drawn, cosines):
    """`Answers`, line by line and pair by pair."""
    n = len(drawn.texts)
    following = [[j for j in row if j >= 0] for row in drawn.next.tolist()]
    fellows = [
        [j for j in range(n) if j != i and drawn.songs[j] == drawn.songs[i]] for i in range(n)
    ]
    ranks = [[first_rank(cosines[i], i, r[i]) for i in range(n)] for r in (following, fellows)]
    sums = np.zeros((2, drawn.size, drawn.size))
    for i in range(n):
        for j in range(n):
            at = drawn.songs[i], drawn.songs[j]
            sums[(0, *at)] += np.exp(-2 * (2 - 2 * cosines[i, j]))
            sums[(1, *at)] += cosines[i, j]
    return np.array(ranks), sums, following


@pytest.mark.parametrize("block", [1_000_000, 2_000])
def test_answers_are_those_of_a_loop(backend, block, monkeypatch):
    """Ranks, distances and sums over pairs of songs, whatever the blocks."""
    monkeypatch.setattr("rapids_rap.backend.rows.BLOCK_BYTES", block)
    book = make_songbook(random_songs(9, 3), d=3, noise=2.0)
    drawn = sample_lines(book.lines, book.texts, 10_000, 0, CPU)
    found = rank_lines(
        drawn,
        dense_scores(backend.from_host(book.vectors), drawn.texts, backend),
        backend,
    )
    units = book.vectors[drawn.texts].astype(np.float64)
    cosines = units @ units.T
    ranks, sums, following = naive(drawn, cosines)
    np.testing.assert_allclose(found.next_rank, ranks[0])
    np.testing.assert_allclose(found.song_rank, ranks[1])
    off = ~np.eye(drawn.size, dtype=bool)
    np.testing.assert_allclose(found.potentials[off], sums[0][off], rtol=1e-4)
    np.testing.assert_allclose(found.cosines[off], sums[1][off], atol=1e-4)
    far = [sum(2 - 2 * cosines[i, j] for j in row) for i, row in enumerate(following)]
    np.testing.assert_allclose(found.aligned, far, atol=1e-5)


def test_the_baseline_is_that_of_the_texts(backend):
    """Characters are compared by the same loop, empty rows and ties included."""
    texts = ["明月照城", "月亮照城", "hook", "Hook!", "一", "明月"]
    drawn = SampledLines(np.arange(6), np.array([0, 0, 1, 1, 2, 2]), np.full((6, 1), -1), 3, False)
    found = rank_lines(drawn, character_scores(texts, backend), backend)
    np.testing.assert_allclose(found.song_rank, [2, 1, 1, 1, 3, 5 - 0.5], atol=2)
    assert np.isnan(found.next_rank).all()
    assert found.song_rank[4] == 3.0  # a row of zeros: five ties, one right


def test_what_may_ask_and_answer():
    """Equal texts are one, texts of two songs are none, a second upload is left out."""
    shared = "大家都会唱"
    songs = [
        ("甲", ["第一行", "第二行", "第一行", shared, "第三行"]),
        ("乙", ["另一首的开头", shared, "另一首的结尾"]),
        ("丙", ["第一行", "第二行", "第一行", shared, "第三行"]),
    ]
    book = make_songbook(songs)
    drawn = sample_lines(book.lines, book.texts, 100, 0, CPU)
    names = [book.texts[t] for t in drawn.texts]
    assert sorted(names) == sorted(["第一行", "第二行", "第三行", "另一首的开头", "另一首的结尾"])
    assert drawn.size == 2
    follows = {
        names[i]: {names[j] for j in row if j >= 0} for i, row in enumerate(drawn.next.tolist())
    }
    # The shared line stood between the others and still does; the fifth line is another stanza.
    assert follows["第一行"] == {"第二行"}
    assert follows["第二行"] == {"第一行"}
    assert follows["另一首的开头"] == follows["第三行"] == set()


def test_stanzas_follow_each_other_where_a_stanza_is_a_unit():
    """No unit has a neighbour in its stanza: then the song's order counts."""
    book = make_songbook([("甲", ["第一节", "第二节", "第三节"])])
    book.lines["stanza"] = [0, 1, 2]
    drawn = sample_lines(book.lines, book.texts, 100, 0, CPU)
    assert (drawn.next >= 0).sum() == 2


def test_whole_songs_are_drawn_by_the_seed():
    """About as many lines as asked, never half a song, and it says so."""
    book = make_songbook(random_songs(60, 4))
    some = sample_lines(book.lines, book.texts, 40, 1, CPU)
    again = sample_lines(book.lines, book.texts, 40, 1, CPU)
    assert some.sampled
    assert 20 <= len(some.texts) <= 46
    np.testing.assert_array_equal(some.texts, again.texts)
    assert (np.diff(some.songs) >= 0).all()
    assert sample_lines(book.lines, book.texts, 40, 2, CPU).texts.tolist() != some.texts.tolist()


def test_no_songs_is_nothing():
    """Plain text has no songs: null never equals null."""
    book = make_songbook([("甲", ["一行", "两行"])])
    book.lines["song_id"] = book.lines["song_id"].where([False] * 2)
    assert sample_lines(book.lines, book.texts, 100, 0, CPU) is None


def test_huge_values_change_nothing(backend):
    """Cosines do not know how long a vector is."""
    book = make_songbook(random_songs(6, 2))
    drawn = sample_lines(book.lines, book.texts, 1000, 0, CPU)
    found = [
        rank_lines(
            drawn,
            dense_scores(backend.from_host(book.vectors * size), drawn.texts, backend),
            backend,
        )
        for size in (np.float32(1), np.float32(1e15))
    ]
    np.testing.assert_allclose(found[0].song_rank, found[1].song_rank)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 30), st.integers(1, 29))
def test_chance_is_the_mean_over_random_orders(pool, right):
    """Against the definition: the first of `right` among `pool` in every place it can have."""
    right = min(right, pool)
    found = chance_of(right, pool)
    if right == 1:
        assert found[0] == pytest.approx((1 / np.arange(1, pool + 1)).sum() / pool, rel=1e-12)
        assert found[1] == pytest.approx(min(1.0, 10 / pool))
    random = np.random.default_rng(pool * 100 + right)
    first = np.array([random.permutation(pool)[:right].min() + 1 for _ in range(4000)])
    assert found[0] == pytest.approx((1 / first).mean(), abs=0.03)
    assert found[1] == pytest.approx((first <= 10).mean(), abs=0.03)


def test_equal_vectors_score_chance(backend):
    """Vectors that say nothing find nothing: ties are in random order."""
    book = make_songbook([("甲", ["一二", "三四", "五六"]), ("乙", ["七八", "九十"])])
    drawn = sample_lines(book.lines, book.texts, 100, 0, CPU)
    same = backend.from_host(np.ones_like(book.vectors))
    found = rank_lines(drawn, dense_scores(same, drawn.texts, backend), backend)
    np.testing.assert_allclose(np.sort(found.song_rank), [5 / 3] * 3 + [2.5] * 2)
    assert chance(drawn)["next"] is not None


def dense(queries, targets):
    """The scores of pairs of vectors (m, d)."""
    return lambda part, some: queries[part] @ targets[some].T


@pytest.fixture
def pairs():
    random = np.random.default_rng(0)
    targets = random.standard_normal((67, 8)).astype(np.float32)
    queries = targets + random.standard_normal((67, 8)).astype(np.float32)
    return queries, targets


def test_a_line_that_finds_itself_scores_one(pairs):
    """Every pair is first among all of them."""
    _, targets = pairs
    unit = targets / np.linalg.norm(targets, axis=1, keepdims=True)
    ranks = pair_ranks(dense(unit, unit), np.arange(67))
    assert early(ranks) == (1.0, 1.0)
    assert len(ranks) == 67


def test_ranks_of_pairs_equal_a_full_sort(pairs):
    """Without ties a rank is one more than the number of better targets."""
    queries, targets = pairs
    scores = queries.astype(np.float64) @ targets.T.astype(np.float64)
    expected = [1 + int((row > row[i]).sum()) for i, row in enumerate(scores)]
    np.testing.assert_array_equal(pair_ranks(dense(*pairs), np.arange(67)), expected)


@pytest.mark.parametrize("block", [1, 10, 67, 1_000])
def test_blocks_of_pairs_change_nothing(pairs, block, monkeypatch):
    """What is in memory at one time is no part of the answer."""
    whole = pair_ranks(dense(*pairs), np.arange(67))
    monkeypatch.setattr("rapids_rap.backend.rows.BLOCK_BYTES", 8 * 12 * 67 * block)
    np.testing.assert_array_equal(pair_ranks(dense(*pairs), np.arange(67)), whole)


def test_equal_texts_are_one_answer():
    """A target that stands twice is right for both queries, and no tie with itself."""
    targets = np.array([[1.0, 0.0], [1.0, 0.0], [0.9, 0.1]])
    queries = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_array_equal(pair_ranks(dense(queries, targets), [7, 7, 8]), [1, 1, 1])
    np.testing.assert_array_equal(pair_ranks(dense(queries, targets), [1, 2, 3]), [1.5, 1.5, 1])


def test_constant_vectors_score_no_better_than_the_middle():
    """A collapsed encoder finds nothing."""
    ones = np.ones((9, 3))
    np.testing.assert_array_equal(pair_ranks(dense(ones, ones), np.arange(9)), np.full(9, 5.0))


def test_no_pairs_and_rows_that_do_not_match():
    """Nothing asked is nothing answered; scores of other queries are an error."""
    assert pair_ranks(dense(np.empty((0, 4)), np.empty((0, 4))), []).shape == (0,)
    with pytest.raises(IndexError):
        pair_ranks(dense(np.ones((2, 4)), np.ones((3, 4))), [0, 1, 2])


@settings(deadline=None, max_examples=100)
@given(st.data(), st.integers(1, 9))
def test_ranks_of_pairs_are_the_mean_ranks_of_ties(data, m):
    """The definition, counted: the better targets and the middle of the equal ones."""
    kinds = data.draw(st.lists(st.integers(0, 4), min_size=m, max_size=m))
    cells = st.lists(st.sampled_from([-1.0, 0.0, 0.25, 1.0]), min_size=m, max_size=m)
    table = np.array(data.draw(st.lists(cells, min_size=m, max_size=m)))
    names, first = np.unique(kinds, return_index=True)
    expected = []
    for i, kind in enumerate(kinds):
        scores = table[i, first]
        right = scores[names.tolist().index(kind)]
        expected.append((scores > right).sum() + ((scores == right).sum() + 1) / 2)
    found = pair_ranks(lambda part, some: table[part][:, some], kinds)
    np.testing.assert_array_equal(found, expected)


@settings(deadline=None, max_examples=100)
@given(st.data(), st.integers(1, 6), st.integers(0, 6))
def test_first_ranks_are_those_of_random_orders_of_ties(data, n, right):
    """Any number of right answers, ties within the tolerance and none right at all."""
    levels = st.sampled_from([0.0, 0.25, 0.25 + 1e-9, 0.5])
    row = data.draw(st.lists(levels, min_size=n, max_size=n))
    chosen = data.draw(st.permutations(range(n)))[:right]
    gaps = [row[j] if j in chosen else -np.inf for j in range(n)]
    for backend in (CpuBackend(), StrictBackend()):
        asked = (backend.from_host(np.array([x])) for x in (row, gaps))
        expected = np.nan
        if chosen:
            level = [j for j in range(n) if abs(row[j] - max(row[i] for i in chosen)) < 1e-6]
            above = sum(row[j] > max(row[i] for i in chosen) + 1e-6 for j in range(n))
            expected = above + (len(level) + 1) / (len(set(level) & set(chosen)) + 1)
        np.testing.assert_array_equal(backend.to_host(first_ranks(*asked)), [expected])


def test_characters_of_pairs_are_scikit_learns(backend):
    """The baseline of a tuning: fitted on queries and targets together, of any case."""
    texts = ["明月照城市", "月亮照着城市的楼", "Hook 和 flow", "flow 的 hook", "一", "完全不同"]
    rows = TfidfVectorizer(analyzer="char", ngram_range=(2, 5), sublinear_tf=True).fit_transform(
        texts
    )
    some = np.array([2, 0])
    scores = character_pairs(texts[:3], texts[3:], backend)(slice(0, 3), backend.from_host(some))
    expected = (rows[:3] @ rows[3:][some].T).toarray()
    np.testing.assert_allclose(backend.to_host(scores), expected, atol=1e-12)
    assert not expected[1].any()  # nothing in common
    np.testing.assert_array_equal(
        pair_ranks(character_pairs(texts[:3], texts[3:], CpuBackend()), [0, 1, 2]), [2, 2, 2.5]
    )


def test_chance_of_one_answer():
    """H_n / n, as vectors that say nothing score it."""
    assert chance_of(1, 1) == (1, 1)
    assert chance_of(1, 3)[0] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    random = np.random.default_rng(1)
    queries, targets = random.standard_normal((2, 2_000, 4))
    mrr, recall = early(pair_ranks(dense(queries, targets), np.arange(2_000)))
    assert mrr == pytest.approx(chance_of(1, 2_000)[0], rel=0.5)
    assert recall == pytest.approx(chance_of(1, 2_000)[1], abs=0.01)
    with pytest.raises(ValueError, match="between 1 and 0"):
        chance_of(1, 0)


def test_a_line_follows_on_in_its_stanza_alone():
    """Another song, another stanza, and where numbers are given a gap in them, part lines."""
    song, stanza = np.array([0, 0, 0, 0, 1]), np.array([0, 0, 1, 1, 1])
    number = np.array([1, 2, 3, 5, 6])
    assert follow_on(song, stanza).tolist() == [True, False, True, False]
    assert follow_on(song, stanza, number).tolist() == [True, False, False, False]
