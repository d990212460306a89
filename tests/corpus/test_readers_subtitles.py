"""Subtitle files are their words: no number, time, style or comment is lyric."""

import pytest

from tests.corpus.helpers import check_accounts, norms, read, write

SRT = (
    "1\n00:00:01,000 --> 00:00:02,500\n{\\an8}桥洞里\n\n2\n00:00:03,000 --> 00:00:04,000\n"
    "有人唱\n24\n3\n00:00:05,000 --> 00:00:06,000\n<i>没有人听</i>\n"
)
VTT = (
    "WEBVTT - 桥\nKind: captions\n\nNOTE 谁写的\n不是词\n\nSTYLE\n::cue { color: red }\n\n"
    "intro\n00:01.000 --> 00:02.500 align:start\n<v 某甲>桥洞里\n\n"
    "00:00:03.000 --> 00:00:04.000\n<00:00:03.000><c>有</c><00:00:03.500><c.x>人唱</c>\n\n"
    "00:00:05.000 --> 00:00:06.000\n没有人听\n"
)
ASS = (
    "[Script Info]\nTitle: 桥\n; 一行注释\n\n[V4+ Styles]\nStyle: Default,黑体,20\n\n[Events]\n"
    "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    "Comment: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,别忘了校对\n"
    "Dialogue: 0,0:00:03.00,0:00:04.00,Default,某甲,0,0,0,,{\\k20}有{\\k30}人唱\\N没有人听\n"
    "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\an8}桥洞里\n"
    "Dialogue: 1,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\p1}m 0 0 l 9 9{\\p0}\n"
)


@pytest.mark.parametrize(("suffix", "text"), [("srt", SRT), ("vtt", VTT), ("ass", ASS)])
@pytest.mark.parametrize("named", [True, False])
def test_the_words_of_subtitles(tmp_path, suffix, text, named):
    """By its suffix or by its beginning alone, in a folder or named, a file gives its words."""
    path = write(tmp_path, f"某甲 - 桥.{suffix if named else 'txt'}", text)
    corpus = read(path)
    assert norms(corpus) == ["桥洞里", "有人唱", "没有人听"] == norms(read(tmp_path))
    assert set(corpus.lines["song"]) == {"桥"}
    assert set(corpus.lines["artist"]) == {"某甲"}
    assert corpus.files[0].format == suffix
    check_accounts(corpus)


def test_a_second_line_of_a_cue_may_be_a_translation(tmp_path):
    """It is counted as in LRC, and stays unless the setting drops it."""
    text = SRT.replace("桥洞里\n", "桥洞里\nUnder the bridge\n").replace(
        "听</i>\n", "听</i>\n也没有车\n"
    )
    path = write(tmp_path, "a.srt", text)
    assert "Under the bridge" in norms(read(path))
    assert norms(read(path, translations=True)) == ["桥洞里", "有人唱", "没有人听", "也没有车"]


@pytest.mark.parametrize("line", ["从这里 --> 到那里", "[Events]", "WEB 上的人", "1"])
def test_lines_that_only_look_like_subtitles(tmp_path, line):
    """An arrow or a number below other lyrics makes no subtitle file."""
    corpus = read(write(tmp_path, "a.txt", f"桥洞里\n{line}\n有人唱\n"))
    assert corpus.files[0].format == "plain"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.srt", SRT.replace("桥洞里\n", "桥洞里\n\n也没有车\n")),
        ("a.srt", SRT.replace("桥洞里\n", "桥洞里\n\n也没有车\n").replace("\n", "\r\r\n")),
        ("a.vtt", VTT.replace("桥洞里\n", "桥洞里\n \n也没有车\n\nNOTE\n不是词\n")),
    ],
)
def test_blank_lines_inside_a_cue_lose_no_line(tmp_path, name, text):
    """What stands below a blank line is lyric until the next cue or note."""
    corpus = read(write(tmp_path, name, text))
    assert norms(corpus) == ["桥洞里", "也没有车", "有人唱", "没有人听"]
    check_accounts(corpus)


EVENTS = (
    "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)


def test_the_lines_of_a_karaoke_template(tmp_path):
    """They are the comments that the template was applied to; its syllables are no lines."""
    text = EVENTS + (
        "Comment: 0,0:00:00.00,0:00:00.00,K,,0,0,0,template syl,{\\pos($x,$y)}\n"
        "Comment: 0,0:00:01.00,0:00:02.00,K,,0,0,0,karaoke,{\\k20}桥{\\k20}洞里\n"
        "Dialogue: 0,0:00:01.00,0:00:02.00,K,,0,0,0,fx,{\\pos(1,2)}桥\n"
        "Dialogue: 0,0:00:01.20,0:00:02.00,K,,0,0,0,fx,{\\pos(2,2)}洞里\n"
        "Dialogue: 0,0:00:03.00,0:00:04.00,D,,0,0,0,,有人唱\n"
    )
    corpus = read(write(tmp_path, "a.ass", text))
    assert norms(corpus) == ["桥洞里", "有人唱"]
    check_accounts(corpus)


def test_layers_are_one_line_and_comments_none(tmp_path):
    """The same words at the same time are an outline; the same words later are sung again."""
    line = "Dialogue: {},0:00:0{}.00,0:00:0{}.50,D,,0,0,0,{},{{\\bord3}}桥洞里\n"
    text = EVENTS + line.format(0, 1, 1, "") + line.format(1, 1, 1, "") + line.format(0, 2, 2, "fx")
    corpus = read(write(tmp_path, "a.ass", text + "Comment: 0,0:00:03.00,,D,,0,0,0,,没有车\n"))
    assert norms(corpus) == ["桥洞里", "桥洞里"]
    assert len(corpus.dropped) == 4
