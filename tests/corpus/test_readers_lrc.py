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
        "[00:0{}.]",
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


def test_times_of_a_day_are_lyric(tmp_path):
    """A text that tells what happened when keeps the order of its lines."""
    text = "[23:50]他出门\n桥下没有人\n[12:30]他醒来\n灯还亮着\n[01:15]他睡了\n雪停了\n没有船\n"
    corpus = read(write(tmp_path, "a.txt", text))
    assert corpus.files[0].format == "plain"
    assert corpus.lines["text"].tolist() == text.split("\n")[:-1]


@pytest.mark.parametrize("name", ["x.lrc", "x.txt"])
@pytest.mark.parametrize(
    "text",
    [
        "[ti:桥]\n[ar:某甲]\n桥洞里\n\n[ti:渡口]\n[ar:某乙]\n渡口外\n没有船\n",
        "[ti:桥]\n[ar:某甲]\n[00:01.00]桥洞里\n[ti:渡口]\n[ar:某乙]\n渡口外\n没有船\n",
        "[ti:桥]\n[ar:某甲]\n桥洞里\n[ti:渡口]\n[ar:某乙]\n[00:01.00]渡口外\n[00:02.00]没有船\n",
        "[ti:桥][ar:某甲]\n[00:01.00]桥洞里\n歌名：渡口\n歌手：某乙\n[00:01.00]渡口外\n没有船\n",
        "歌名：桥\n歌手：某甲\n[00:03.00]桥洞里\n歌手：某乙\n歌名：渡口\n"
        "[00:01.00]渡口外\n[00:02.00]没有船\n",
        "[歌名:桥]\n[歌手:某甲]\n[00:01.00]桥洞里\n[歌名:渡口]\n[歌手:某乙]\n渡口外\n没有船\n",
        "【ti：桥】\n【ar：某甲】\n[00:01.00]桥洞里\n[artist:某乙]\n[title:渡口]\n渡口外\n没有船\n",
    ],
)
def test_names_in_any_form_begin_a_song(tmp_path, name, text):
    """With stamps or without, in tags or behind labels: each song keeps its own singer."""
    lines = read(write(tmp_path, name, text)).lines
    assert list(lines[["artist", "song", "text"]].itertuples(index=False, name=None)) == [
        ("某甲", "桥", "桥洞里"),
        ("某乙", "渡口", "渡口外"),
        ("某乙", "渡口", "没有船"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "作词：某丙\n[ti:桥]\n[ar:某甲]\n桥洞里\n有人唱\n",
        "[00:01.00]桥洞里\n[00:02.00]有人唱\n[ti:桥]\n[ar:某甲]\n",
        "[ti:桥]\n[ar:某甲]\n[00:01.00]桥洞里\n演唱：某甲、某乙\n[00:02.00]有人唱\n混音：某丙\n",
        "[ti:桥]\n[ar:某甲]\n[00:01.00]桥洞里\n歌名：桥\n[00:02.00]有人唱\n",
    ],
)
def test_names_of_the_same_song_cut_nothing(tmp_path, text):
    """Names below the first credits, at the end, or of a guest are those of the one song."""
    lines = read(write(tmp_path, "x.lrc", text)).lines
    assert set(lines["artist"]) == {"某甲"}
    assert set(lines["song"]) == {"桥"}
    assert lines["text"].tolist() == ["桥洞里", "有人唱"]


def sung(name, *seconds):
    """A song of its own text, a line at each of these seconds or stamps."""
    stamps = [n if isinstance(n, str) else f"[00:{n:02d}.00]" for n in seconds]
    return "".join(f"{stamp}{name}{i}\n" for i, stamp in enumerate(stamps))


BOTH = "[00:10.00][00:50.00]"


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ((5, 15, 25, 35, 45), (30, 40, 50, 58)),
        ((BOTH, 15, 25, 35, 45), (12, 20, 30, 40, 58)),
        ((5, 15, 25, 35, 45), (BOTH, 12, 20, 30, 40)),
        ((5, 15, BOTH, 25, 35), (6, 16, BOTH, 26, 36)),
        ((5, 10, 15, 20), (5, 10, 15, 20, 25)),
        ((5, 10), (5, 10)),
        ((1, 9), (2, 12)),
    ],
)
def test_two_songs_are_told_apart(tmp_path, one, two):
    """A late start, stamps on the same grid and lines with two stamps mix no two songs."""
    text = "[ti:桥]\n[ar:某甲]\n" + sung("桥", *one) + sung("渡口", *two)
    corpus = read(write(tmp_path, "a.lrc", text))
    lines = corpus.lines.astype(object).where(corpus.lines.notna(), None)
    assert {(row.artist, row.text[0]) for row in lines.itertuples()} == {
        ("某甲", "桥"),
        (None, "渡"),
    }
    assert any("the clock starts again" in warning for warning in corpus.warnings)


@pytest.mark.parametrize(
    "text",
    [
        "[00:50.00][00:30.00]副歌里\n[00:55.00][00:35.00]唱到亮\n" + sung("桥", 5, 10, 40, 45),
        sung("桥", 5, 15, 25, 35, 45) + "[00:20.00]桥1\n[00:30.00]桥1\n[00:40.00]桥2\n",
        sung("桥", 5, 15, 25) + "[00:05.00]First\n[00:15.00]Second\n[00:25.00]Third\n",
        "[00:05.12]桥下\n[00:09.34]船上\n[00:05.12]橋底\n[00:09.34]船頭\n",
    ],
)
def test_one_song_in_parts_stays_one(tmp_path, text):
    """A hook put first or last, a translation and a second voice are the same song's."""
    corpus = read(write(tmp_path, "某甲 - 桥.lrc", text))
    assert set(corpus.lines["artist"]) == {"某甲"}
    assert not any("clock" in warning for warning in corpus.warnings)


def test_lines_put_in_order_are_said(tmp_path):
    """Where nothing tells whether lines out of order are another song's, the reading is said."""
    for text in (sung("桥", 5, 10, 20) + sung("船", 7), sung("桥", 9, 3, 12, 1)):
        corpus = read(write(tmp_path, "某甲 - 桥.lrc", text))
        assert set(corpus.lines["artist"]) == {"某甲"}
        assert any("the clock goes back" in warning for warning in corpus.warnings)


@pytest.mark.parametrize(
    ("stem", "tags", "names"),
    [
        ("01 - 雪", "", (None, "雪")),
        ("01. 某甲 - 雪", "", ("某甲", "雪")),
        ("01 - 某甲 - 雪", "", ("某甲", "雪")),
        ("07-雪", "", (None, "雪")),
        ("某甲 — 雪", "", ("某甲", "雪")),
        ("雪 - 某甲", "[ar:某甲]\n", ("某甲", "雪")),
        ("雪 - 某甲", "[ti:雪]\n", ("某甲", "雪")),
        ("21 - 雪", "[ar:21]\n", ("21", "雪")),
        ("某甲 - 雪", "[00:00.00]演唱：某甲、某乙\n", ("某甲", "雪")),
        ("x", "[00:00.00]歌名：雪\n[00:00.00]歌手：某甲\n", ("某甲", "雪")),
        ("1989", "", (None, "1989")),
        ("7-11", "", (None, "7-11")),
        ("24小时", "", (None, "24小时")),
        ("50 Cent - 雪", "", ("50 Cent", "雪")),
    ],
)
def test_what_a_file_is_called(stem, tags, names):
    """The number of a track is no artist, and a tag shows which half of the name is whose."""
    found = songs(f"{tags}[00:01.00]下雪了\n", f"{stem}.lrc")
    assert found[-1] == (*names, "下雪了")


def test_many_restarts_take_linear_work():
    """A clock that goes back at every third line is read in one pass."""
    text = "".join(f"[{900 - i % 900}:{i % 60:02d}.00]桥{i}\n" for i in range(20_000))
    assert len(songs(text)) == 20_000


def test_who_sings_is_no_lyric():
    """Walaoke's letters come off where lines begin so; one such line alone is a lyric."""
    text = "[00:01.00]F: 桥洞里\n[00:02.00]M:有人唱\n[00:03.00]D：没有船\n[00:04.00]A: 好\n"
    assert [line for *_, line in songs(text)] == ["桥洞里", "有人唱", "没有船", "A: 好"]
    text = "[00:01.00]M: 桥洞里\n[00:02.00]有人唱\n"
    assert [line for *_, line in songs(text)] == ["M: 桥洞里", "有人唱"]


def test_what_other_players_wrap_around_words(tmp_path):
    """Background vocals are words, times of words without words are not."""
    text = "[00:01.00]桥洞里\n[bg: <00:01.50>有人<00:01.80>唱]\n[00:02.00][tt]<0,0><240,1>\n"
    text += "[00:03.00]没有船\n[t_time:(03:00)]\n[manualoffset:0]\n[source:某站]\n"
    corpus = read(write(tmp_path, "a.lrc", text))
    assert norms(corpus) == ["桥洞里", "有人唱", "没有船"]
    check_accounts(corpus)


def test_a_song_that_is_over_before_the_other_begins():
    """It is nobody's, not the intro of the one above; a few early lines at the end still are."""
    later = "".join(f"[00:{40 + 5 * i}.10]桥{i}\n" for i in range(4))
    early = [f"[00:{5 + 6 * i:02d}.20]船{i}\n" for i in range(4)]
    tags = "[ar:某甲]\n[ti:桥]\n"
    found = songs(tags + later + "".join(early))
    assert [(artist, text) for artist, _, text in found[4:]] == [(None, f"船{i}") for i in range(4)]
    assert {artist for artist, *_ in songs(tags + later + "".join(early[:3]))} == {"某甲"}


def test_translations_that_the_format_names(tmp_path):
    """LRCX marks them; a word in brackets that is no mark stays."""
    text = "[00:01.00]桥洞里\n[00:01.00][tr]under the bridge\n[00:02.00]有人唱\n"
    text += "[00:02.00][tr:en-US]somebody sings\n[00:03.00][true]没有船\n"
    corpus = read(write(tmp_path, "a.lrc", text))
    assert norms(corpus) == ["桥洞里", "有人唱", "[true]没有船"]
    assert gone(corpus) == dict.fromkeys(("under the bridge", "somebody sings"), "translation")


@pytest.mark.parametrize("suffix", ["lrc", "krc", "qrc", "yrc"])
def test_timed_suffixes_without_a_stamp(tmp_path, suffix):
    """Plain lines under the suffix of timed lyrics are a song, called as the file is."""
    corpus = read(write(tmp_path, f"某甲 - 桥.{suffix}", "桥洞里\n有人唱\n"))
    assert corpus.lines["artist"].tolist() == ["某甲", "某甲"]
    assert set(corpus.lines["song"]) == {"桥"}
