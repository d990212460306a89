"""Artist retrieval against a loop that builds every profile anew."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.embedding.postprocess import apply_transform, fit_transform
from rapids_rap.quality.artist_retrieval import (
    FUSIONS,
    PRIOR,
    Products,
    leave_group_out,
    multiply,
    prior_scores,
    rank_spaces,
    reciprocal_ranks,
    score_artists,
    space_rows,
)
from rapids_rap.quality.artist_spaces import average, song_features, song_spaces
from rapids_rap.quality.artists import artist_figure, sample_songs
from rapids_rap.quality.leakage import song_entries
from rapids_rap.words.tfidf import Weighted, count_characters, weigh
from tests.songbook import make_songbook, random_songs
from tests.strict_backend import StrictBackend

CPU = CpuBackend()


@pytest.fixture(params=[CpuBackend, StrictBackend], ids=["numpy", "strict"])
def backend(request):
    """Both array kinds: the same lines must run on a GPU."""
    return request.param()


def naive(rows, artists, groups):
    """(S, A) cosines with profiles built for each song from the components outside its group."""
    count = max(artists) + 1
    scores = np.full((len(rows), count), -np.inf)
    for i in range(len(rows)):
        for a in range(count):
            outside = {g for g, b in zip(groups, artists, strict=True) if b == a} - {groups[i]}
            components = [
                np.mean(
                    [rows[j] for j in range(len(rows)) if artists[j] == a and groups[j] == g],
                    axis=0,
                )
                for g in outside
            ]
            if components:
                profile = np.sum(components, axis=0)
                length = np.linalg.norm(profile)
                scores[i, a] = rows[i] @ profile / length if length > 1e-6 else 0.0
    return scores


def unit(rows):
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


def scored(space, task, backend=CPU):
    """(S, A) of `score_artists`."""
    found = space if isinstance(space, Products) else multiply(space, task, backend)
    return in_place(score_artists(found, task, backend), task, backend)


def in_place(blocks, task, backend):
    """(S, A): the songs of all blocks, each once, in order."""
    whole = np.full((len(task.artists), len(task.asked)), np.nan)
    for songs, scores in blocks:
        assert np.isnan(whole[songs]).all()
        whole[songs] = backend.to_host(scores)
    assert not np.isnan(whole).any()
    return whole


def numbered(values):
    """0, 1, ... without gaps."""
    return np.unique(np.asarray(values, dtype=np.int64), return_inverse=True)[1].astype(np.int64)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 14), st.integers(1, 5), st.integers(1, 9), st.integers(0, 999))
def test_scores_are_those_of_profiles_built_anew(songs, artists, groups, seed):
    """Any artists and groups: crowded groups, groups of two artists, songs of nothing."""
    random = np.random.default_rng(seed)
    artist = numbered(random.integers(0, artists, songs))
    group = numbered(random.integers(0, groups, songs))
    rows = unit(random.normal(size=(songs, 3)) * (random.random((songs, 1)) > 0.1))
    task = leave_group_out(artist, group)
    found = scored(rows, task)
    np.testing.assert_allclose(found, naive(rows, artist.tolist(), group.tolist()), atol=1e-7)


def test_sparse_rows_are_as_good_as_dense_ones(backend):
    """n-grams of one song were dropped from the matrix, and nothing of the scores with them."""
    book = make_songbook(random_songs(25, 4, seed=3))
    entries = song_entries(book.lines, np.arange(25))
    artist = numbered(book.lines.drop_duplicates("song_id")["artist"].factorize()[0])
    group = numbered(np.arange(25) // np.array([1, 2, 3, 4, 5] * 5))
    task = leave_group_out(artist, group)
    held = [book.texts[t] for t in entries.texts]
    weighted = weigh(count_characters(held, entries.songs, 25, backend), backend)
    found = scored(weighted, task, backend)
    from sklearn.feature_extraction.text import TfidfVectorizer

    def grams(lines):
        return [x[i : i + n] for x in lines for n in range(2, 6) for i in range(len(x) - n + 1)]

    songs = book.lines.drop_duplicates(["song_id", "text_id"]).groupby("song_id")["text"].agg(list)
    rows = TfidfVectorizer(analyzer=grams, sublinear_tf=True).fit_transform(songs).toarray()
    expected = naive(rows, artist.tolist(), group.tolist())
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_put_end_to_end_is_adding_up(backend):
    """A fusion is the space of both vectors, one behind the other."""
    random = np.random.default_rng(1)
    artist, group = numbered(np.arange(12) % 3), numbered(np.arange(12) // 2)
    one, two = unit(random.normal(size=(12, 4))), unit(random.normal(size=(12, 5)))
    task = leave_group_out(artist, group)
    parts = [multiply(backend.from_host(rows), task, backend) for rows in (one, two)]
    fused = scored(parts[0] + parts[1], task, backend)
    whole = naive(np.hstack([one, two]) / np.sqrt(2), artist.tolist(), group.tolist())
    np.testing.assert_allclose(fused, np.sqrt(2) * whole, atol=1e-7)
    assert isinstance(parts[0] + parts[1], Products)


def test_scores_are_the_same_in_blocks(backend, monkeypatch):
    """Songs alone in their group are scored some at a time; the crowded ones among them as well."""
    random = np.random.default_rng(7)
    artist, group = numbered(np.arange(40) % 7), numbered(np.append(np.arange(30), np.arange(10)))
    rows = backend.from_host(unit(random.normal(size=(40, 5))))
    task = leave_group_out(artist, group)
    whole, prior = scored(rows, task, backend), list(prior_scores(task, backend))
    assert len(prior) == 1
    monkeypatch.setattr(backend, "cache_bytes", 24 * 7 * 3)  # three songs
    np.testing.assert_allclose(scored(rows, task, backend), whole, atol=1e-12)
    assert len(list(score_artists(multiply(rows, task, backend), task, backend))) == 1 + 7
    again = in_place(prior_scores(task, backend), task, backend)
    np.testing.assert_array_equal(again, in_place(prior, task, backend))


def test_components_weigh_one_and_artists_too():
    """A song uploaded nine times is one component; a prolific artist is one artist."""
    artist = numbered([0] * 9 + [0] + [1, 1])
    group = numbered([0] * 9 + [1] + [2, 3])
    rows = np.array([[1.0, 0.0]] * 9 + [[0.0, 1.0]] + [[0.6, 0.8]] * 2)
    task = leave_group_out(artist, group)
    spaces = {"characters": rows, "dense_whitened": rows, "words": rows, "words_svd_whitened": rows}
    ranked = {r.name: r for r in rank_spaces(spaces, task, CPU, draws=50, seed=0)}
    scores = naive(rows, artist.tolist(), group.tolist())
    gain = reciprocal_ranks([(np.arange(len(rows)), scores)], task, CPU)
    assert len(gain) == 4
    expected = (np.mean(gain[:2]) + np.mean(gain[2:])) / 2
    assert ranked["characters"].value == pytest.approx(expected)
    assert ranked["words+dense_whitened"].value == pytest.approx(expected)


def test_the_prior_counts_components_outside_the_group(backend):
    """Guessing the artist with most songs, the asked group left out, is a baseline."""
    task = leave_group_out(numbered([0, 0, 0, 1, 1]), numbered([0, 0, 1, 1, 2]))
    scores = in_place(prior_scores(task, backend), task, backend)
    np.testing.assert_array_equal(scores, [[1, 2], [1, 2], [1, 1], [1, 1], [2, 1]])


def test_ties_share_their_ranks(backend):
    """Vectors that say nothing score as chance does, not as the first artist."""
    task = leave_group_out(numbered(np.arange(8) % 4), numbered(np.arange(8)))
    same = backend.from_host(np.ones((8, 1)))
    gain = reciprocal_ranks(
        score_artists(multiply(same, task, backend), task, backend), task, backend
    )
    np.testing.assert_allclose(gain, 1 / 2.5)


def test_whitening_comes_before_averaging(backend):
    """A song is the mean of its whitened lines of length 1, in blocks or at once."""
    book = make_songbook(random_songs(30, 3), d=6)
    entries = song_entries(book.lines, np.arange(30))
    vectors = backend.from_host(book.vectors)
    whitening = fit_transform(vectors, "whiten", backend)
    found = backend.to_host(average(vectors, entries, whitening, backend))
    lines = backend.to_host(apply_transform(vectors, whitening, backend)).astype(np.float64)
    sums = [lines[entries.texts[entries.songs == s]].sum(axis=0) for s in range(30)]
    np.testing.assert_allclose(found, unit(np.array(sums)), atol=1e-5)


def test_blocks_do_not_show(backend, monkeypatch):
    """Songs are read in blocks; one that is larger than a block is read whole."""
    book = make_songbook(random_songs(20, 3, lines=9), d=6)
    entries = song_entries(book.lines, np.arange(20))
    vectors = backend.from_host(book.vectors)
    whole = backend.to_host(average(vectors, entries, None, backend))
    monkeypatch.setattr("rapids_rap.backend.rows.BLOCK_BYTES", 400)
    again = backend.to_host(average(vectors, entries, None, backend))
    np.testing.assert_allclose(again, whole, atol=1e-6)


def test_what_is_held_out_is_not_fitted(backend):
    """The asked songs change nothing in the document frequencies, the axes or the whitening."""
    book = make_songbook(random_songs(40, 4, seed=1), d=6)
    entries = song_entries(book.lines, np.arange(40))
    asked = np.arange(40) >= 30
    raw = backend.from_host(book.vectors)
    features = song_features(entries, raw, raw, book.texts, book.tokens, backend)
    spaces = song_spaces(features, ~asked, asked, backend, seed=0)
    alone = song_spaces(features, ~asked, np.ones(40, dtype=bool), backend, seed=0)
    for name, space in spaces.items():
        if isinstance(space, Weighted):
            assert int(space.rest.shape[0]) == 10
            continue
        np.testing.assert_allclose(
            backend.to_host(space), backend.to_host(alone[name])[asked], atol=1e-6
        )


def figure(book, backend=CPU, raw=None, **options):
    options = {"most": 1000, "draws": 100, "seed": 3} | options
    vectors = backend.from_host(book.vectors)
    other = vectors if raw is None else backend.from_host(raw)
    return artist_figure(vectors, other, book.lines, book.texts, book.tokens, backend, **options)


def test_every_space_stands_beside_the_characters():
    """Artists with words of their own are found by words, and not by names alone."""
    found = figure(make_songbook(random_songs(90, 6, lines=10, seed=4), d=6))
    by_name = {row["name"]: row for row in found["spaces"]}
    assert set(by_name) == {
        "dense_raw",
        "dense_whitened",
        "characters",
        "words",
        "words_svd_whitened",
        *FUSIONS,
        PRIOR,
    }
    for row in by_name.values():
        low, high = row["interval"]
        assert low <= high
        if row["name"] != "characters":
            assert row["difference"] == pytest.approx(row["value"] - found["baseline"])
    assert by_name["characters"]["value"] > by_name[PRIOR]["value"]
    assert found["value"] == by_name["dense_raw"]["value"]
    assert found["held_out_artists"]["artists"] == 3
    assert len(found["held_out_artists"]["spaces"]) == len(by_name)


def test_the_runs_own_space_is_the_figure():
    """Where vectors were post-processed, the value is theirs, and the raw ones stay beside."""
    book = make_songbook(random_songs(40, 4, seed=2))
    raw = np.random.default_rng(0).normal(size=book.vectors.shape).astype(np.float32)
    found = figure(book, raw=raw)
    by_name = {row["name"]: row["value"] for row in found["spaces"]}
    assert found["value"] == by_name["dense_used"] != by_name["dense_raw"]


def close(ours, theirs, at="figure"):
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys(), at
        for key in ours:
            close(ours[key], theirs[key], f"{at}.{key}")
    elif isinstance(ours, list):
        assert len(ours) == len(theirs), at
        for number, pair in enumerate(zip(ours, theirs, strict=True)):
            close(*pair, f"{at}[{number}]")
    elif isinstance(ours, float):
        assert theirs == pytest.approx(ours, abs=1e-6), at
    else:
        assert ours == theirs, at


@pytest.mark.parametrize(
    "songs",
    [
        random_songs(40, 4, seed=5),
        [("甲", ["一二三", "四五六"]), ("甲", ["七八九"]), ("乙", ["hook"])],
        [("甲", ["啊"]), ("甲", ["哦"]), ("乙", ["嗯"]), ("乙", ["哈"])],
    ],
    ids=["ragged", "three songs", "songs of a character"],
)
def test_strict_arrays_pass_through(songs):
    """The same figure on arrays that refuse NumPy."""
    book = make_songbook(songs)
    close(figure(book), figure(book, StrictBackend()))


@pytest.mark.parametrize(
    "songs",
    [
        [],
        [("甲", ["一二三"]), ("甲", ["四五六"])],
        [("甲", ["一二三"]), ("乙", ["四五六"])],
        [
            ("甲", ["一样长的一句歌词在这里面"]),
            ("甲", ["一样长的一句歌词在这里面"]),
            ("乙", ["嗯"]),
        ],
    ],
    ids=["no songs", "one artist", "one song each", "one group each"],
)
def test_nobody_to_ask_is_null(songs):
    """Without two artists, one of them with two groups, nothing is invented."""
    found = figure(make_songbook(songs))
    assert found["value"] is None
    assert found["note"].startswith("not computed")
    assert found["spaces"] == []


def test_songs_without_an_artist_are_left_out():
    """An unknown artist is nobody's competitor; a sample says that it is one."""
    book = make_songbook(random_songs(40, 4, seed=5))
    book.lines.loc[book.lines["song_id"] < 10, "artist"] = None
    chosen = sample_songs(book.lines, 1000, 0)
    assert chosen.songs.tolist() == list(range(10, 40))
    assert not chosen.sampled
    some = figure(book, most=20)
    assert some["rows"] == 20
    assert some["sampled"]


def test_huge_values_change_nothing(backend):
    """Lines enter at length 1, however long their vectors are."""
    book = make_songbook(random_songs(30, 3, seed=6))
    entries = song_entries(book.lines, np.arange(30))
    small = average(backend.from_host(book.vectors), entries, None, backend)
    large = average(backend.from_host(book.vectors * np.float32(1e15)), entries, None, backend)
    np.testing.assert_allclose(backend.to_host(small), backend.to_host(large), atol=1e-6)


def test_rows_hold_a_paired_difference():
    """A space compared with itself differs by nothing, in every draw."""
    task = leave_group_out(numbered(np.arange(30) % 3), numbered(np.arange(30)))
    rows = unit(np.random.default_rng(0).normal(size=(30, 4)))
    spaces = dict.fromkeys(("characters", "words", "words_svd_whitened", "dense_whitened"), rows)
    found = space_rows(rank_spaces(spaces, task, CPU, draws=60, seed=0))
    assert found[0]["difference"] is None
    assert found[1]["difference"] == 0
    assert found[1]["difference_interval"] == [0, 0]
