"""The three text layouts, as they are found in the wild."""

import time
from pathlib import PurePath

import pytest

from rapids_rap.corpus.readers_lrc import read_lrc
from rapids_rap.corpus.readers_text import read_plain, read_songbook, read_text
from rapids_rap.corpus.source import Mark, Source, numbered_lines
from tests.corpus.helpers import gone, norms, read, write

SONGBOOK = """\
歌手姓名：某甲

第一首歌
作词：某甲
作曲：某乙

天亮了
我还没睡

第一首歌
窗外下雨

第二首歌
作词：某甲

走吧
歌手姓名:某乙

第三首歌
作曲：某丙
作词：某乙
别走
"""


def lyrics(source: Source) -> list[tuple[str | None, str | None, str]]:
    """(artist, title, text) of the lines that the format leaves to cleaning."""
    groups = [source.groups[g] for g in source.group]
    return [
        (group.artist, group.title, text)
        for group, text, mark in zip(groups, source.text, source.mark, strict=True)
        if mark == Mark.TEXT
    ]


def marked(source: Source, mark: Mark) -> list[str]:
    """The lines with this mark."""
    return [text for text, m in zip(source.text, source.mark, strict=True) if m == mark]


def test_songbook():
    """Artists, titles and credits find their song; a hook that equals the title is a line of it."""
    source = read_songbook(numbered_lines(SONGBOOK))
    assert marked(source, Mark.SYNTAX) == ["歌手姓名：某甲", "歌手姓名:某乙"]
    assert marked(source, Mark.TITLE) == ["第一首歌", "第二首歌", "第三首歌"]
    assert [line for line in lyrics(source) if not line[2].startswith("作")] == [
        ("某甲", "第一首歌", "天亮了"),
        ("某甲", "第一首歌", "我还没睡"),
        ("某甲", "第一首歌", "第一首歌"),
        ("某甲", "第一首歌", "窗外下雨"),
        ("某甲", "第二首歌", "走吧"),
        ("某乙", "第三首歌", "别走"),
    ]
    assert source.line[source.text.index("走吧")] == 16


@pytest.mark.parametrize(
    ("text", "songs"),
    [
        ("歌手姓名：某甲\n作词：某甲\n走", [("某甲", None)]),
        ("歌手姓名：\n\n歌\n作词：某甲\n走", [(None, "歌")]),
        ("歌手姓名：某甲\n歌\n作词：\n某乙\n作曲：\n某丙\n\n走", [("某甲", "歌")]),
        ("歌手姓名：某甲\n歌\n作词：某乙\n\n作词：某丙\n\n走", [("某甲", "歌")]),
        (
            "歌手姓名：某甲\n歌\n作曲：某乙\n作词：某丙\n走\n\n曲\n作词：某\n走",
            [("某甲", "歌"), ("某甲", "曲")],
        ),
        ("歌手姓名：某甲\n《歌》\n【作词：某乙】\n走", [("某甲", "歌")]),
        ("歌手姓名：某甲\n歌名：歌\n作词：某乙\n走", [("某甲", "歌")]),
        ("歌手姓名：某甲\n歌\n作詞：某乙\n走", [("某甲", "歌")]),
        ("\ufeff歌手姓名 ： 某甲\r\n歌\r\n作词 Lyrics by：某乙\r\n走\r\n", [("某甲", "歌")]),
        ("歌手姓名：某甲\n歌\n词：某乙\n曲：某丙\n走", [("某甲", "歌")]),
    ],
)
def test_where_a_song_starts(text, songs):
    """The first credit of the block with 作词 starts a song, the line before it is the title."""
    groups = read_songbook(numbered_lines(text)).groups
    assert [(g.artist, g.title) for g in groups if g.is_song] == songs


def test_lines_before_the_first_song_belong_to_no_song():
    """A foreword has an artist at most, never a song."""
    source = read_songbook(
        numbered_lines("前言\n歌手姓名：某甲\n简介一行\n还有一行\n\n歌\n作词：某\n走")
    )
    known = [source.groups[g].is_song for g in source.group]
    assert known == [False, False, False, False, True, True, True]
    assert source.groups[source.group[2]].artist == "某甲"


def test_lrc_in_the_order_of_its_stamps():
    """Several stamps repeat a line where it is sung; equal stamps keep the order of the file."""
    text = """\
[ti:歌]
[ar:某甲]
[offset:+500]
[00:10.00][00:30.00]副歌的词
[00:01.00]第一句
[00:20.5]第二句
[00:20.50]translation
[00:25.00]
[01:02:03]最后
"""
    source = read_lrc(numbered_lines(text), PurePath("x.lrc"))
    assert marked(source, Mark.SYNTAX) == ["[ti:歌]", "[ar:某甲]", "[offset:+500]"]
    assert [text for *_, text in lyrics(source)] == [
        "第一句",
        "副歌的词",
        "第二句",
        "translation",
        "副歌的词",
        "最后",
    ]
    assert source.line[3:] == [5, 4, 6, 7, 4, 9]
    assert source.block[3:] == [1, 1, 1, 1, 2, 2]
    assert {(artist, title) for artist, title, _ in lyrics(source)} == {("某甲", "歌")}


@pytest.mark.parametrize(
    ("name", "artist", "title"),
    [
        ("某甲 - 歌.lrc", "某甲", "歌"),
        ("某甲 - 歌 - live.lrc", "某甲", "歌 - live"),
        ("歌.lrc", None, "歌"),
        ("- 歌.lrc", None, "- 歌"),
    ],
)
def test_lrc_names_from_the_file(name, artist, title):
    """Without tags, or with empty ones, the file's name says who and what."""
    (group,) = read_lrc([(1, "[ti:]"), (2, "[00:01.00]走")], PurePath(name)).groups
    assert (group.artist, group.title) == (artist, title)


def test_lrc_keeps_what_has_no_stamp():
    """A line without a stamp stays behind the line it follows; a marker is not a tag."""
    lines = numbered_lines("[00:05.00]乙\n跟着乙\n[Hook: 某甲]\n[00:01.00]甲\n")
    assert read_lrc(lines, PurePath("x.lrc")).text == ["甲", "乙", "跟着乙", "[Hook: 某甲]"]


def test_plain():
    """Plain text has lines and stanzas, and neither artist nor song."""
    source = read_plain(numbered_lines("一行\n\n \u3000\n二行\n三行"))
    assert source.text == ["一行", "二行", "三行"]
    assert source.line == [1, 4, 5]
    assert source.block[0] != source.block[1] == source.block[2]
    assert not source.groups[0].is_song


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ("走\n歌手姓名：某甲\n", "a.txt", "songbook"),
        ("[00:01.00]一\n[00:02.00]二\n[00:03.00]三\n四\n五\n六\n七\n", "a.txt", "lrc"),
        ("[00:01.00]一\n", "a.txt", "lrc"),
        ("没有时间", "a.lrc", "lrc"),
        ("[00:01.00]一\n二\n三\n四\n", "a.txt", "plain"),
        ("他问我歌手姓名\n走", "a.txt", "plain"),
        ("", "a.txt", "plain"),
    ],
)
def test_the_layout_is_told_by_the_content(text, name, kind):
    """One 歌手姓名 line, or a few time stamps, decide how a text file is read."""
    assert read_text(numbered_lines(text), PurePath(name)).format == kind


def test_line_breaks():
    """Windows, old Mac and HTML line breaks; the number stays that of the physical line."""
    assert numbered_lines("a\r\nb<br/>c<BR>\rd") == [
        (1, "a"),
        (2, "b"),
        (2, "c"),
        (3, "d"),
    ]


def test_lines_that_end_twice(tmp_path):
    """Where every line has a blank one below it, blank lines say nothing, and two are one."""
    lines = [
        "歌手姓名：某甲",
        "",
        "桥",
        "作词：某甲",
        "录音 By 某乙",
        "",
        "桥洞里",
        "有人唱",
        "",
        "没有船",
    ]
    once, twice = (read(write(tmp_path, "a.txt", end.join(lines))) for end in ("\r\n", "\r\r\n"))
    columns = ["text", "artist", "song", "stanza"]
    assert twice.lines[columns].equals(once.lines[columns])
    assert gone(twice) == gone(once)
    assert twice.lines["file_line"].tolist() == [13, 15, 19]
    thrice = read(write(tmp_path, "a.txt", "\r\r\r\n".join(lines)))
    assert thrice.lines[columns].equals(once.lines[columns])


def test_blank_lines_of_a_short_or_ordinary_text_stay(tmp_path):
    """Stanzas of one line are stanzas beside others, and in a text of a few lines."""
    for text in ("一\n\n二\n\n三\n", "一\n二\n\n三\n\n四\n\n五\n\n六\n\n七\n"):
        assert read(write(tmp_path, "a.txt", text)).lines["stanza"].max() == text.count("\n\n")


def test_lrc_fractions_of_any_length(tmp_path):
    """Stamps with one to six digits after the point are stamps, and sort by time."""
    path = tmp_path / "甲 - 歌.lrc"
    stamps = ("[00:08.123456]", "[00:05.1]", "[00:06.1234]")
    path.write_text("\n".join(f"{s}第{i}句" for i, s in enumerate(stamps)), encoding="utf-8")
    assert read(path).lines["text"].tolist() == ["第1句", "第2句", "第0句"]


@pytest.mark.parametrize(
    "line",
    [
        "\u200e歌手姓名：某乙",
        "\u2060\u00ad歌手\u200b姓名：某乙\u200f",
        "【歌手姓名】：某乙",
        "【歌手姓名：某乙】",
        "（歌手姓名：某乙）",
        "- 歌手姓名：某乙",
        "**歌手姓名：** 某乙",
        "歌手姓名∶某乙",
        "歌手姓名﹕某乙",
        "歌手姓名 —— 某乙",
        "★歌手姓名：\u202a某乙\u202c",
    ],
)
def test_whatever_stands_around_the_label_opens_an_artist(line):
    """A sign that nobody sees, a bracket or another colon gives no songs to the artist before."""
    text = f"歌手姓名：某甲\n桥\n作词：某甲\n桥洞里\n\n{line}\n渡口\n作词：某乙\n没有船\n"
    groups = read_text(numbered_lines(text), PurePath("a.txt")).groups
    assert [(g.artist, g.title) for g in groups if g.is_song] == [("某甲", "桥"), ("某乙", "渡口")]


@pytest.mark.parametrize(
    "line", ["他问歌手姓名：我没有说", "歌手姓名我早忘了", "歌手的姓名：不重要"]
)
def test_sentences_about_the_label_are_lyric(line):
    """A label inside a sentence, or without a sign behind it, opens nothing."""
    source = read_text(numbered_lines(f"桥洞里\n{line}\n"), PurePath("a.txt"))
    assert (source.format, source.text) == ("plain", ["桥洞里", line])


@pytest.mark.parametrize(
    "between",
    [
        *("\u2028", "\u2029", "\x85", "\x0b", "\x0c", "&#10;", "&#xA;", "&#13;&#10;"),
        *("_x000D_\n", "_x000D_", "\\n", "\\r\\n"),
    ],
)
def test_what_else_ends_a_line(tmp_path, between):
    """Unicode's line ends, entities, Excel's escape and spelled-out breaks leave no trace."""
    corpus = read(write(tmp_path, "a.txt", f"桥洞里{between}有人唱{between}"))
    assert corpus.lines["text"].tolist() == ["桥洞里", "有人唱"]
    assert corpus.lines["stanza"].tolist() == [0, 0]
    said = any("line breaks" in warning for warning in corpus.warnings)
    assert said == between.startswith("\\")


@pytest.mark.parametrize(
    "line", ["存在C:\\new里的歌", "a_x000Z_b", "我&你", "R&#B", "斜杠\\和反斜杠"]
)
def test_what_only_looks_like_a_line_break(tmp_path, line):
    """A folder's name, an ampersand and a backslash are part of their line."""
    assert norms(read(write(tmp_path, "a.txt", line + "\n"))) == [line]


def test_a_song_that_came_as_entities():
    """Brackets, colons and breaks as entities make the same song as themselves."""
    text = "&#91;ti&#58;桥&#93;&#10;&#91;00&#58;01&#46;50&#93;桥洞里&#10;&#91;00&#58;02&#93;有人唱"
    source = read_text(numbered_lines(text), PurePath("a.txt"))
    assert lyrics(source) == [(None, "桥", "桥洞里"), (None, "桥", "有人唱")]


def test_a_block_of_labels_without_end(tmp_path):
    """Twenty thousand lines that look like labels, in one block, are read in linear time."""
    text = "作词：某甲\n" + "某乙：桥洞里\n" * 20_000
    before = time.process_time()
    assert read(write(tmp_path, "a.txt", text)).files[0].read == 20_001
    assert time.process_time() - before < 5
