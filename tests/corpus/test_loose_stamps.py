"""Clocks of other programs: taken off where most lines have one, lyric where they don't."""

import pytest

from rapids_rap.corpus.loose_stamps import with_usual_stamps
from tests.corpus.helpers import check_accounts, norms, read, write

LINES = ["桥洞里", "有人唱", "没有船"]


@pytest.mark.parametrize(
    "stamps",
    [
        ("00:01.00 ", "00:12.50 ", "01:03.00 "),
        ("0:01 ", "0:12 ", "1:03 "),
        ("(00:01.00)", "(00:12.50)", "(01:03.00)"),
        ("（00:01.00） ", "（00:12.50） ", "（01:03.00） "),
        ("[1.00]", "[12.50]", "[63.00]"),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.lrc"])
def test_clocks_of_other_programs(tmp_path, stamps, name):
    """A clock on most lines is no lyric, whatever is around it; tags above it don't count."""
    timed = "".join(map("{}{}\n".format, stamps, LINES))
    for head in ("", "[ar:某甲]\n[ti:桥]\n[al:某]\n[by:某]\n"):
        corpus = read(write(tmp_path, name, head + timed))
        assert norms(corpus) == LINES
        assert set(corpus.lines["song"]) == {"桥" if head else "a"}
        check_accounts(corpus)


def test_words_timed_by_lyricify(tmp_path):
    """`[4]` says who sings; the times behind the words are no lyric."""
    text = "[4]桥(1000,200)洞(1200,90)里(1300,90)\n[0]有人(2000,200)唱(2200,300)\n"
    text += "[]没有(3000,9)船(3010,9)"
    assert norms(read(write(tmp_path, "a.lys.txt", text))) == LINES


def test_a_song_in_a_cell(tmp_path):
    """What a text may have, a cell may have."""
    text = 'artist,song,text\n某甲,桥,"0:01 桥洞里\n0:12 有人唱\n1:03 没有船"\n'
    corpus = read(write(tmp_path, "a.csv", text))
    assert norms(corpus) == LINES
    assert set(corpus.lines["artist"]) == {"某甲"}


@pytest.mark.parametrize(
    "lines",
    [
        ["12:30 他醒来", "12:40 她走了", "12:50 没有人"],  # times of a day
        ["00:30 他醒来", "桥洞里", "00:40 她走了", "有人唱", "没有船", "00:50 雪停了"],
        ["(1) 桥洞里", "(2) 有人唱", "(3) 没有船"],
        ["0:01 桥洞里", "0:12 有人唱"],
        ["[1.1]桥洞里", "[1.2]有人唱", "[1.10]没有船"],
        ["[5.20]我爱你", "[4.01]骗了你", "有人唱", "没有船"],
        ["00:59 桥洞里", "05:01 有人唱", "03:20 没有船"],
    ],
)
def test_numbers_in_a_lyric_stay(lines):
    """Times of a day, numbers of verses, dates, and clocks that run backwards are no stamps."""
    numbered = list(enumerate(lines, start=1))
    assert with_usual_stamps(numbered) is numbered
