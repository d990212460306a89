"""Rows, their places and their texts."""

import numpy as np
import pytest

from rapids_rap.corpus.source import Group
from rapids_rap.corpus.units import KeptLines, make_units

NAMES = [Group("某甲", "歌", True), Group("某甲", None, False), Group("某甲", "歌", True)]


def kept(group, block, norm):
    """Kept lines whose text is their norm with a mark."""
    count = len(norm)
    return KeptLines(
        text=[f"{one}!" for one in norm],
        norm=norm,
        group=np.asarray(group, dtype=np.int64),
        block=np.asarray(block, dtype=np.int64),
        file=np.zeros(count, dtype=np.int64),
        file_line=np.arange(1, count + 1),
        names=NAMES,
        files=["a.txt"],
    )


def test_places_are_counted_over_what_is_kept():
    """Stanzas count from 0 and lines from 1 in every song, whatever was dropped between."""
    frame, texts = make_units(kept([0, 0, 0, 1, 2, 2], [3, 3, 9, 9, 9, 11], list("bacaba")), "line")
    assert texts == ("a", "b", "c")
    assert frame["stanza"].tolist() == [0, 0, 1, 0, 0, 1]
    assert frame["line_no"].tolist() == [1, 2, 3, 1, 1, 2]
    assert frame["song_id"].astype("object").tolist()[:3] == [0, 0, 0]
    assert frame["song_id"].isna().tolist() == [False] * 3 + [True] + [False] * 2
    assert frame["song_id"].iloc[-1] == 1
    assert frame["text_id"].tolist() == [1, 0, 2, 0, 1, 0]
    assert frame["weight"].tolist() == [2, 3, 1, 3, 2, 3]


@pytest.mark.parametrize(
    ("unit", "norms", "counts"),
    [
        ("stanza", ["b a", "c", "a", "b", "a"], [2, 1, 1, 1, 1]),
        ("song", ["b a c", "a", "b a"], [3, 1, 2]),
    ],
)
def test_units_join_their_lines(unit, norms, counts):
    """A stanza or a song is one row: its lines joined, counted, placed by the first of them."""
    frame, _ = make_units(kept([0, 0, 0, 1, 2, 2], [3, 3, 9, 9, 9, 11], list("bacaba")), unit)
    assert frame["text_norm"].tolist() == norms
    assert frame["text"][0].split("\n") == [f"{one}!" for one in norms[0].split(" ")]
    assert frame["lines"].tolist() == counts
    assert frame["line_id"].tolist() == list(range(len(norms)))
    assert frame["file_line"].tolist() == np.cumsum([1, *counts[:-1]]).tolist()
