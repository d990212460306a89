"""Pairs made of lines: what each view compares, and what it needs."""

import numpy as np
import pytest

from rapids_rap.errors import InputError
from rapids_rap.training.lines import TrainingLines, make_lines
from rapids_rap.training.sampler import PairSampler, refuse_without_negatives
from rapids_rap.training.views import VIEWS, ViewSources, find_anchors, view_sources


def without_songs(*texts):
    """Lines of which no song is known."""
    none = np.full(len(texts), -1)
    return TrainingLines(texts, none, np.arange(len(texts)), none, none)


@pytest.mark.parametrize("name", VIEWS)
def test_views_act_on_text_norm(name, lines):
    """The left view is a line of the corpus exactly as it is compared everywhere else."""
    material = ViewSources(lines, {lines.text[0][0]: "乙"})
    possible = np.flatnonzero(VIEWS[name].possible(material))
    for i in possible.tolist():
        pair = VIEWS[name].make(material, i, np.random.default_rng(i))
        assert pair.left == lines.text[pair.left_line]
        assert pair.right


def test_adjacent_lines_share_their_stanza(lines):
    """A neighbour across a song's border is no positive."""
    material = ViewSources(lines)
    for i in np.flatnonzero(VIEWS["adjacent"].possible(material)).tolist():
        pair = VIEWS["adjacent"].make(material, i, np.random.default_rng(i))
        assert abs(pair.left_line - pair.right_line) == 1
        assert lines.song[pair.left_line] == lines.song[pair.right_line]


def test_context_holds_the_line(lines):
    """The window is the line with its neighbours around it, in their order."""
    pair = VIEWS["context"].make(ViewSources(lines), 1, np.random.default_rng(0))
    assert pair.right == " ".join(lines.text[:3])


def test_what_lines_without_songs_cannot_do_is_said():
    """Plain text gets a sentence about the views it has not, and an error where none is left."""
    material = view_sources(without_songs("今晚", "月亮"), "meaning")
    anchors, said = find_anchors(material, ("adjacent", "dropout"))
    assert [one.name for one in anchors] == ["dropout"]
    assert said == [
        "the view adjacent is left out: no line has neighbouring lines of a known song's stanza"
    ]
    with pytest.raises(InputError, match=r"No view .* context .* dropout, repetition, variants"):
        find_anchors(material, ("context", "adjacent"))


def test_a_batch_depends_on_seed_and_step_alone(lines):
    """What a resumed training draws is what an uninterrupted one would have drawn."""
    material = view_sources(lines, "meaning")
    anchors, _ = find_anchors(material, ("dropout", "adjacent", "repetition", "variants"))
    one, other = (PairSampler(material, anchors, 13, 0.7, seed=5) for _ in range(2))
    one(1)
    assert one(7).right == other(7).right
    assert one(7).left != one(8).left
    assert len(one(7).left) == 13
    assert one(7).same_text.sum() == 4  # a quarter, rounded up, of `dropout`


def test_a_batch_of_one_song_is_refused(lines):
    """Where every pair is masked the loss is zero and nothing would be learnt, silently."""
    first = lines.song == lines.song[0]
    material = ViewSources(
        TrainingLines(
            tuple(np.array(lines.text)[first]),
            lines.song[first],
            lines.text_id[first],
            lines.following[first],
            lines.preceding[first],
        )
    )
    anchors, _ = find_anchors(material, ("dropout",))
    with pytest.raises(InputError, match="several songs"):
        refuse_without_negatives(PairSampler(material, anchors, 6, 0.7, 0)(0))


def test_lines_of_an_unknown_song_have_no_neighbours(frame):
    """Nothing says that two rows of a plain text belong together."""
    unknown = frame.assign(song_id=frame["song_id"].mask(frame["song_id"] < 9))
    lines = make_lines(unknown)
    assert (lines.following[lines.song < 0] == -1).all()
    assert (lines.following[lines.song >= 0] >= 0).any()
