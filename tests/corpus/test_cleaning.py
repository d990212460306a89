"""The rules in concert: what goes, by which rule, and what is left of the line."""

import json

import pytest

from tests.corpus.helpers import check_accounts, gone, norms, read, write


def clean(tmp_path, text, **config):
    """The corpus of one plain file."""
    corpus = read(write(tmp_path, "a.txt", text), **config)
    check_accounts(corpus)
    return corpus


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("作词：某甲", "credit"),
        ("[Verse 1]", "marker"),
        ("Ｈｏｏｋ：", "marker"),
        ("<p></p>", "markup"),
        ("&nbsp;&nbsp;", "markup"),
        ("https://example.org", "link"),
        ("Hook：@some_one", "link"),
        ("未经许可，不得翻唱", "copyright"),
        ("12345", "symbols"),
        ("……", "symbols"),
        ("🔥🔥", "symbols"),
        ("歌名：某歌", "header"),
        ("[ar:某甲]", "header"),
    ],
)
def test_each_line_goes_by_its_rule(tmp_path, line, rule):
    """A dropped line is in `dropped` as it was read, under the rule that emptied it."""
    corpus = clean(tmp_path, f"天亮了我还没睡\n\n{line}\n\n窗外开始下雨\n")
    assert gone(corpus) == {line: rule}
    assert len(corpus.lines) == 2


@pytest.mark.parametrize(
    ("line", "norm"),
    [
        ("[00:12.00]我們走", "我们走"),
        ("<i>走</i>&amp;停", "走&停"),
        ("Hook：我们一起走", "我们一起走"),
        ("[Hook] 一起走 www.example.org", "一起走"),
        ("走 (yeah) 吧", "走 (yeah) 吧"),
        ("(嘿)", "(嘿)"),
        ("1 2 3 走", "1 2 3 走"),
    ],
)
def test_what_is_left_of_a_line(tmp_path, line, norm):
    """A rule takes its part; `text` stays as it was read."""
    corpus = clean(tmp_path, f"天亮了\n{line}\n下雨了\n再来\n")
    assert norms(corpus)[1] == norm
    assert corpus.lines["text"][1] == line


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("credits", "作词：某甲"),
        ("markers", "[Verse 1]"),
        ("markup", "<p>走</p>"),
        ("links", "@some_one"),
        ("symbols", "12345"),
        ("headers", "歌名：某歌"),
    ],
)
def test_every_rule_can_be_switched_off(tmp_path, key, line):
    """A rule that is off leaves its lines in the corpus, as they are."""
    corpus = clean(tmp_path, f"天亮了我还没睡\n\n{line}\n\n窗外开始下雨\n", **{key: False})
    assert norms(corpus)[1] == line.replace("：", ":")
    assert gone(corpus) == {}


def test_a_title_goes_only_on_top_of_its_song(tmp_path):
    """`TITLE - ARTIST` and a title above credits go; a hook that equals the title stays."""
    lrc = (
        "[ti:走吧]\n[ar:某甲]\n[00:00.00]走吧 - 某甲\n[00:01.00]作词：某甲\n"
        "[00:02.00]走吧\n[00:03.00]走吧 - 某甲\n"
    )
    corpus = read(write(tmp_path, "a.lrc", lrc))
    assert norms(corpus) == ["走吧", "走吧 - 某甲"]
    cells = (
        'artist,song,text\n某甲,走吧,"《走吧》\n作词：某甲\n走吧\n停下"\n某甲,停下,"停下\n走吧"\n'
    )
    corpus = read(write(tmp_path, "b.csv", cells))
    assert norms(corpus) == ["走吧", "停下", "停下", "走吧"]
    assert gone(corpus)["《走吧》"] == "header"


def test_a_line_that_needed_a_neighbour_says_which(tmp_path):
    """`录音 By 某甲` beside a credit goes with its reason; alone it is lyric."""
    beside = clean(tmp_path, "混音：某乙\n录音 By 某甲\n\n天亮了\n")
    assert norms(beside) == ["天亮了"]
    assert beside.dropped["decided_by"].isna().tolist() == [True, False]
    assert beside.dropped["decided_by"][1] == "line 1: 混音：某乙"
    alone = clean(tmp_path, "天亮了\n录音 By 某甲\n下雨了\n")
    assert norms(alone) == ["天亮了", "录音 By 某甲", "下雨了"]
    rap = clean(tmp_path, "作曲：某甲\nRap：某乙\n\n走吧\n")
    assert rap.dropped["decided_by"][1] == "line 1: 作曲：某甲"
    layout = clean(tmp_path, "歌手姓名：某甲\n\n走吧\n作词：某甲\n\n停下\n")
    assert layout.dropped["decided_by"].fillna("").tolist() == ["", "line 4: 作词：某甲", ""]
    cell = 'artist,song,text\n某甲,走吧,"走吧\n作词：某甲\n停下"\n'
    header = read(write(tmp_path, "b.csv", cell))
    assert header.dropped["decided_by"][0].endswith(": 作词：某甲")


def test_a_title_with_the_word_lyrics(tmp_path):
    """`TITLE Lyrics` and `TITLE 歌词` on top of a song are its heading, and lyric below."""
    rows = [
        {"artist": "某甲", "song": "河堤", "text": f"河堤 {word}\n走吧\n河堤 {word}"}
        for word in ("Lyrics", "歌词")
    ]
    corpus = read(write(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows))))
    assert norms(corpus) == ["走吧", "河堤 Lyrics", "走吧", "河堤 歌词"]


def test_titles_and_headers_of_the_layout(tmp_path):
    """Artist and title lines go by `header`; without that rule the title is a line again."""
    path = write(tmp_path, "a.txt", "歌手姓名：某甲\n\n走吧\n作词：某甲\n\n走吧\n停下\n")
    assert gone(read(path)) == {
        "歌手姓名：某甲": "header",
        "走吧": "header",
        "作词：某甲": "credit",
    }
    assert norms(read(path, headers=False)) == ["走吧", "走吧", "停下"]


def test_a_title_that_looks_like_a_marker(tmp_path):
    """A song called Intro keeps its name and its lines."""
    corpus = read(write(tmp_path, "a.txt", "歌手姓名：某甲\n\nIntro\n作词：某甲\n\n走吧\n"))
    assert corpus.lines["song"].tolist() == ["Intro"]
    assert gone(corpus)["Intro"] == "header"


def test_performers(tmp_path):
    """The artist's name in square brackets or before a colon is a marker, anybody else's isn't."""
    text = "[Some One]\n走吧\n某甲：\n停下\n[某丙]\nHook：某甲\n(某甲)"
    row = json.dumps({"artist": "某甲/Some One", "text": text})
    corpus = read(write(tmp_path, "a.jsonl", row))
    assert norms(corpus) == ["走吧", "停下", "[某丙]", "(某甲)"]
    assert set(gone(corpus).values()) == {"marker"}


def test_rap_is_a_credit_among_credits(tmp_path):
    """`Rap：某甲` under 作曲 names a performer; elsewhere the lyric behind it stays."""
    corpus = clean(tmp_path, "作曲：某甲\nRap：某乙\n\nRap：我来了\n走吧\n")
    assert norms(corpus) == ["我来了", "走吧"]
    assert gone(corpus)["Rap：某乙"] == "credit"
    corpus = clean(tmp_path, "作曲：某甲\nSample：Some Song\n\nSample：我来了\n走吧\n")
    assert norms(corpus) == ["我来了", "走吧"]
    assert gone(corpus)["Sample：Some Song"] == "credit"


def test_equal_after_cleaning_is_one_text(tmp_path):
    """Lines that differ in width, script, marker or stamp share their text_id and its weight."""
    corpus = clean(
        tmp_path, "我們走\n我们走\nHook：我们走\n[00:01.00]我们走\n<b>我们走</b>\n别的\n别\n"
    )
    assert corpus.lines["text_id"].nunique() == 3
    assert corpus.lines["weight"].tolist() == [5] * 5 + [1, 1]


@pytest.mark.parametrize("label", ["Hook", "Verse 1", "副歌", "Intro", "男声", "Chorus"])
def test_a_section_name_among_credits(tmp_path, label):
    """`Hook：NAME` is a credit between credits, or with a credited name; else it is lyric."""
    text = f"作词：某甲\n{label}：某丙\nRap：某乙\n混音：某乙\n\n天亮了\n"
    corpus = read(write(tmp_path, "a.txt", text))
    assert norms(corpus) == ["天亮了"]
    corpus = read(write(tmp_path, "b.txt", f"作词：某甲、某乙\n{label}：某乙\n天亮了\n"))
    assert norms(corpus) == ["天亮了"]
    corpus = read(write(tmp_path, "c.txt", f"作词：某甲\n{label}：走吧\n天亮了\n"))
    assert norms(corpus) == ["走吧", "天亮了"]
    corpus = read(write(tmp_path, "d.txt", f"作词：某甲\n{label}：我们走吧 天亮了\n混音：某乙\n"))
    assert norms(corpus) == ["我们走吧 天亮了"]


@pytest.mark.parametrize(
    ("title", "artist", "line"),
    [
        ("桥 (Explicit)", "某甲", "桥 - 某甲"),
        ("桥", "某甲 (Jia)", "桥 - 某甲"),
        ("桥", "某甲", "桥 (feat. 某乙) - 某甲"),
        ("桥", "某甲", "桥 - 某甲 feat. 某乙"),
        ("桥（Live）", "某甲", "某甲 - 桥【完整版】"),
    ],
)
def test_a_heading_may_add_to_title_and_artist(tmp_path, title, artist, line):
    """Brackets and guests in the one and not in the other make no lyric of it."""
    text = f"[ti:{title}]\n[ar:{artist}]\n[00:00.00]{line}\n[00:01.00]天亮了\n[00:02.00]桥\n"
    assert norms(read(write(tmp_path, "a.lrc", text))) == ["天亮了", "桥"]


def test_several_performers_in_brackets(tmp_path):
    """Among them the song's artist, the line says who sings; others may be called."""
    text = (
        "[ti:桥]\n[ar:某甲]\n[00:01.00][某甲 & 某乙]\n[00:02.00][某丙 & 某乙]\n[00:03.00]天亮了\n"
    )
    assert norms(read(write(tmp_path, "a.lrc", text))) == ["[某丙 & 某乙]", "天亮了"]


def test_notices_and_what_is_sung_of_them(tmp_path):
    """`(C) 2019` is no section C, and whoever says I or you is no notice."""
    notices = [
        "(C) 2019 某某文化",
        "未经我司授权不得使用",
        "未经他人许可不得翻唱",
        "本歌词由 某某 提供",
    ]
    sung = [
        "未经允许你怎么可以改编我的人生",
        "我未经许可使用你",
        "@他们所有人都来",
        "这歌词由我提供",
    ]
    corpus = read(write(tmp_path, "a.txt", "\n".join([*notices, *sung])))
    assert norms(corpus) == sung
    assert set(gone(corpus).values()) == {"copyright"}


def test_a_credit_in_timed_json_is_one_whatever_its_role(tmp_path):
    """NetEase writes nothing but credits so."""
    text = '{"t":0,"c":[{"tx":"呼麦指导: "},{"tx":"某乙"}]}\n[00:01.00]天亮了\n[00:02.00]我说：走\n'
    corpus = read(write(tmp_path, "a.lrc", text))
    assert norms(corpus) == ["天亮了", "我说:走"]
    assert list(gone(corpus).values()) == ["credit"]
