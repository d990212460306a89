"""A list of lines that a program printed into a cell is lines again; brackets of a lyric stay."""

import pytest

from rapids_rap.corpus.printed_lists import lines_of_list
from tests.corpus.helpers import norms, read, write


@pytest.mark.parametrize(
    ("cell", "lines"),
    [
        ("['桥洞里', '有人唱']", ["桥洞里", "有人唱"]),
        ('["桥洞里","有人唱"]', ["桥洞里", "有人唱"]),
        ("['桥洞里' '有人唱'\n '没有船']", ["桥洞里", "有人唱", "没有船"]),
        ("""['it\\'s mine', "don't go", '',]""", ["it's mine", "don't go", ""]),
    ],
)
def test_lists_in_every_spelling(cell, lines):
    """pandas, NumPy and JSON write them a little differently."""
    assert lines_of_list(cell).split("\n") == lines


@pytest.mark.parametrize(
    "cell",
    [
        "['桥洞里']",
        "['cause I'm here]",
        "[Verse 1]",
        "['a', b]",
        "['\\N', '桥']",
        "['",
        "['a'" * 50_000,
    ],
)
def test_brackets_of_a_lyric(cell):
    """What isn't a list of two texts from end to end stays as it is."""
    assert lines_of_list(cell) == cell


def test_a_column_of_lists(tmp_path):
    """The cell is a song of two lines."""
    text = "artist,song,text\n某甲,桥,\"['桥洞里', '有人唱']\"\n"
    assert norms(read(write(tmp_path, "a.csv", text))) == ["桥洞里", "有人唱"]
