"""Tests of the study of next lines: what is a pair, what chance gives, what form explains."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.bench import next_line
from rapids_rap.bench.next_line import (
    Pairs,
    ahead,
    candidate_sets,
    explained_away,
    form_scores,
    forms,
    found_among,
    sample_pairs,
    share_nothing,
)


def test_scores_that_say_nothing_give_chance():
    """Every candidate equal: the share itself, and half are behind, in sets of any size."""
    m = 60
    candidates = np.random.default_rng(0).random((m, m)) < 0.3
    candidates |= np.eye(m, dtype=bool)
    np.testing.assert_allclose(found_among(np.zeros((m, m)), candidates, 1 / 30), 1 / 30)
    np.testing.assert_allclose(ahead(np.zeros((m, m)), candidates), 0.5)


@given(st.integers(0, 1000), st.floats(0.02, 0.5))
def test_a_random_order_finds_the_share(seed, share):
    """The mean over all ranks that the right answer can have is the share, whatever divides."""
    m = 12
    random = np.random.default_rng(seed)
    order = np.stack([np.roll(np.arange(m), i) for i in range(m)]).astype(float)
    scores = order[random.permutation(m)]
    found = found_among(scores, np.ones((m, m), dtype=bool), share)
    by_rank = [np.clip(share * m - above, 0, 1) for above in range(m)]
    assert np.mean(by_rank) == pytest.approx(share)
    above = (scores > np.diagonal(scores)[:, None]).sum(axis=1)
    np.testing.assert_allclose(found, np.array(by_rank)[above])


def test_a_line_without_other_candidates_is_not_asked():
    """It would count as found."""
    own = np.eye(3, dtype=bool)
    assert np.isnan(found_among(np.eye(3), own, 0.1)).all()
    assert np.isnan(ahead(np.eye(3), own)).all()


def pairs_of(*lines):
    lefts, rights = zip(*lines, strict=True)
    return Pairs(lefts, rights, np.arange(len(lines)))


def test_pairs_that_share_a_character_are_told_from_those_that_share_none():
    """Blanks and punctuation are no characters; capitals are the same letters."""
    pairs = pairs_of(("山 水", "风 云"), ("山，水", "云，水"), ("ABC", "cde"), ("one", "山"))
    assert share_nothing(pairs).tolist() == [True, False, False, True]


def test_no_next_line_is_drawn_twice():
    """Two equal answers would each make the other's question unanswerable."""
    pairs = pairs_of(("一", "山水"), ("二", "山水"), ("三", "风云"), ("四", "雨雪"))
    drawn = sample_pairs(pairs, np.array([True, True, True, False]), 10, seed=0)
    assert sorted(drawn.following) == ["山水", "风云"]


def test_form_alone_finds_what_rhymes_and_is_as_long():
    """The baseline reads finals: those of 光 and 望 are equal, 亮 has another medial."""
    pairs = pairs_of(("月光", "希望"), ("月光 明亮", "高高 山山"))
    form_of = forms((*pairs.lines, *pairs.following))
    assert form_of.length.tolist() == [2, 4, 2, 4]
    assert form_of.blanks.tolist() == [0, 1, 0, 1]
    scores = form_scores(form_of)
    assert scores["final alone"].tolist() == [[1, 0], [0, 0]]
    assert scores["length and blanks"].tolist() == [[0, -3], [-3, 0]]


def test_candidates_are_held_to_the_form_of_the_right_answer():
    """Else form would still point to it."""
    pairs = pairs_of(("山水", "月光"), ("一二三", "希望"), ("四五", "高山山"))
    sets = candidate_sets(pairs, forms((*pairs.lines, *pairs.following)))
    assert sets["same length, blanks and final"][:2, :2].all()
    assert sets["same length, blanks and final"][2].tolist() == [False, False, True]
    assert all(np.diagonal(candidates).all() for candidates in sets.values())


def test_what_classes_explain_is_gone_and_the_rest_stays():
    """No class has a mean direction any more; what differs within classes still does."""
    random = np.random.default_rng(0)
    classes = np.arange(200) % 4
    own = random.normal(size=(200, 8)).astype(np.float32)
    vectors = 5 * random.normal(size=(4, 8)).astype(np.float32)[classes] + own
    kept = explained_away(vectors, [classes])
    np.testing.assert_allclose(np.linalg.norm(kept, axis=1), 1, atol=1e-5)
    centred = own - np.stack([own[classes == c].mean(0) for c in range(4)])[classes]
    cosines = (kept * centred).sum(1) / np.linalg.norm(centred, axis=1)
    assert cosines.min() > 0.999


def test_the_study_of_the_sample_leaves_out_what_the_model_has_read(capsys):
    """The demo model was trained on the sample songs: too little is left, and that is said."""
    with pytest.raises(SystemExit) as ended:
        next_line.main(["examples/lyrics", "--model", "demo", "--limit", "300"])
    assert ended.value.code == 2
    assert "fewer than 100 pairs" in capsys.readouterr().err


def test_the_study_prints_every_table(tmp_path, capsys):
    """From a file of lines to the tables, with chance and the number of lines asked."""
    hanzi = [chr(0x4E00 + i) for i in range(1200)]
    random = np.random.default_rng(0)
    rows = ["".join(random.choice(hanzi, random.integers(3, 9))) for _ in range(400)]
    file = tmp_path / "lines.txt"
    file.write_text("\n".join(rows), encoding="utf-8")
    next_line.main([str(file), "--model", "demo", "--pairs", "150"])
    printed = capsys.readouterr().out
    assert "| mean reciprocal rank, less TF-IDF |" in printed
    assert "150 pairs that share no character" in printed
    assert "share no character; all three taken out" in printed
