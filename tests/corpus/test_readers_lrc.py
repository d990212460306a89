"""Timed lyrics as players and platforms write them: whose line it is, and in which order."""

from pathlib import PurePath

import pytest

from rapids_rap.corpus.readers_lrc import looks_like_lrc, read_lrc
from rapids_rap.corpus.source import Mark, numbered_lines
from tests.corpus.helpers import check_accounts, gone, norms, read, write


def songs(text, name="x.lrc"):
    """(artist, title, text) of every line that is no tag."""
    source = read_lrc(numbered_lines(text), PurePath(name))
    named = [(source.groups[g].artist, source.groups[g].title) for g in source.group]
    return [
        (*name, line)
        for name, line, mark in zip(named, source.text, source.mark, strict=True)
        if mark == Mark.TEXT
    ]


@pytest.mark.parametrize(
    "stamp",
    [
        "[00:0{}.10-1]",
        "[00:0{}.100-00:09.000]",
        "[00:0{},5]",
        "[0{}:00:10]",
        "[00:00:0{}.5]",
        "[-00:0{}.00]",
        "[00:0{}]",
        "［00：0{}.00］",
        "【00:0{}.00】",
        "[ 00:0{}.00 ]",
        "[{}000,900]",
        "[00:0{}.00]<00:01.00>",
    ],
)
def test_stamps_in_every_spelling(tmp_path, stamp):
    """However a platform writes a clock, it is none of the lyric."""
    order = (3, 2, 1) if stamp.startswith("[-") else (1, 2, 3)
    lines = [stamp.format(n) + f"第{'零一二三'[n]}盏路灯" for n in order]
    for name in ("a.lrc", "b.txt"):
        corpus = read(write(tmp_path, name, "\n".join(lines)))
        assert norms(corpus) == [f"第{'零一二三'[n]}盏路灯" for n in order]
        assert corpus.files[0].format == "lrc"


@pytest.mark.parametrize(
    "line",
    [
        "[三点半]我还在楼下",
        "[3,2]领先的比分",
        "凌晨[01:30]才散场",
        "(7,24)是我的号码",
        "<3,4>象限里没有你",
        "[00:走]吧",
    ],
)
def test_numbers_in_brackets_that_are_lyric(tmp_path, line):
    """A score, a date or a point in a sentence stays where no clock can be meant."""
    corpus = read(write(tmp_path, "a.txt", f"路灯下\n{line}\n没有人\n"))
    assert corpus.lines["text"].tolist() == ["路灯下", line, "没有人"]
    if "[01:30]" not in line:
        assert norms(corpus)[1] == line


@pytest.mark.parametrize(
    "line",
    [
        "[1000,900]<0,240,0>桥<240,150,0>洞<390,240,0>里",
        "[1000,900]桥(1000,240)洞(1240,150)里(1390,240)",
        "[1000,900](1000,240,0)桥(1240,150,0)洞(1390,240,0)里",
        "[00:01.00]<00:01.00>桥<00:01.24>洞<00:01.39>里<00:01.50>",
        "[00:01.00]桥[00:01.24]洞[00:01.39]里",
    ],
)
def test_word_timed_lines_are_their_words(tmp_path, line):
    """KRC, QRC, YRC and enhanced LRC time every word; none of the times is lyric."""
    assert norms(read(write(tmp_path, "a.txt", f"[ti:桥]\n{line}\n"))) == ["桥洞里"]


def test_tags_of_any_name_above_the_first_stamp(tmp_path):
    """Unknown and endless tags are header lines; below a stamp, and as markers, they are not."""
    tags = ["[creator:某站]", "[Manual Offset:0]", f"[language:{'QUJD' * 3000}]", "[kana:1か(3,2)]"]
    text = "[artist:某甲]\n[title:桥]\n" + "\n".join(tags)
    text += "\n[Hook: 某甲]\n[00:01.00]桥洞里\n[00:02.00]有人唱\n[Anybody: 在吗]\n"
    corpus = read(write(tmp_path, "a.lrc", text))
    assert norms(corpus) == ["桥洞里", "有人唱", "[Anybody: 在吗]"]
    assert {gone(corpus)[tag] for tag in tags} == {"header"}
    assert gone(corpus)["[Hook: 某甲]"] == "marker"
    assert set(zip(corpus.lines["artist"], corpus.lines["song"], strict=True)) == {("某甲", "桥")}
    check_accounts(corpus)


def test_a_second_name_begins_a_second_song():
    """Lines of two songs in one file are never mixed, though both clocks begin at nought."""
    text = (
        "[ti:桥]\n[ar:某甲]\n[00:01.00]桥洞里\n[00:05.00]有人唱\n"
        "[ar:某乙]\n[ti:渡口]\n[00:02.00]渡口外\n[00:04.00]没有船\n"
        "[ti:雪]\n[00:03.00]下雪了\n"
    )
    assert songs(text) == [
        ("某甲", "桥", "桥洞里"),
        ("某甲", "桥", "有人唱"),
        ("某乙", "渡口", "渡口外"),
        ("某乙", "渡口", "没有船"),
        (None, "雪", "下雪了"),
    ]


def test_a_clock_that_starts_again_begins_a_song_without_a_name(tmp_path):
    """Two songs without tags are told apart, and the second does not get the file's name."""
    text = "".join(f"[00:{n:02d}.00]桥{n}号\n" for n in (1, 5, 9, 13))
    text += "".join(f"[00:{n:02d}.00]船{n}号\n" for n in (2, 6, 10))
    assert songs(text, "某甲 - 桥.lrc") == [
        *[("某甲", "桥", f"桥{n}号") for n in (1, 5, 9, 13)],
        *[(None, None, f"船{n}号") for n in (2, 6, 10)],
    ]
    corpus = read(write(tmp_path, "某甲 - 桥.lrc", text))
    assert any("line 5: the clock starts again" in warning for warning in corpus.warnings)


@pytest.mark.parametrize("times", [(9, 3, 12, 1), (1, 2, 9, 10, 4, 5), (5, 1), (1, 5, 9, 0)])
def test_lines_out_of_order_are_one_song(times):
    """A passage at the file's end, and lines in no order, are put in their places."""
    lines = songs("".join(f"[00:{n:02d}.00]桥{n}号\n" for n in times), "某甲 - 桥.lrc")
    assert lines == [("某甲", "桥", f"桥{n}号") for n in sorted(times)]


def test_a_clock_that_trembles_keeps_the_order_of_the_file():
    """A platform that drops the zeros of a fraction does not exchange two lines."""
    text = "[00:43.84]先\n[00:44.90]再\n[00:44.65]后\n[00:46.00]完\n"
    assert [line for *_, line in songs(text)] == ["先", "再", "后", "完"]


BILINGUAL = [
    ("[00:01.00]桥洞里\n[00:01.00]Under the bridge\n[00:02.00]有人唱\n[00:02.00]Somebody sings\n"),
    ("[00:01.00]桥洞里\n[00:02.00]有人唱\n[00:01.00]Under the bridge\n[00:02.00]Somebody sings\n"),
    (
        "[ti:桥]\n[00:01.00]桥洞里\n[00:02.00]有人唱\n"
        "[ti:桥]\n[00:01.00]Under the bridge\n[00:02.00]Somebody sings\n"
    ),
]


@pytest.mark.parametrize("text", BILINGUAL)
def test_translations_are_said_and_dropped_where_asked(tmp_path, text):
    """A line in another script at a line's stamp is counted; the setting drops it by a rule."""
    path = write(tmp_path, "a.lrc", text)
    kept = read(path)
    assert norms(kept) == ["桥洞里", "Under the bridge", "有人唱", "Somebody sings"]
    assert any("2 lines" in w and "corpus.translations" in w for w in kept.warnings)
    dropped = read(path, translations=True)
    assert norms(dropped) == ["桥洞里", "有人唱"]
    assert gone(dropped)["Somebody sings"] == "translation"
    check_accounts(dropped)


def test_second_voices_are_no_translations(tmp_path):
    """Two lines in one script at a stamp stay, and so does the first lyric at a credit's stamp."""
    text = (
        "[00:00.00]作词：某甲\n[00:00.00]Mixed by 某乙\n[00:00.00]Under the bridge\n"
        "[00:05.00]桥洞里\n[00:05.00]谁在唱 yeah\n"
    )
    corpus = read(write(tmp_path, "a.lrc", text), translations=True)
    assert norms(corpus) == ["Under the bridge", "桥洞里", "谁在唱 yeah"]


def test_short_files_need_half_of_their_lines_stamped():
    """A stamp of any spelling counts for the layout, a date in brackets does not."""
    assert looks_like_lrc(["[1000,20](1000,20,0)桥"])
    assert not looks_like_lrc(["[三点半]走", "桥洞里"])
