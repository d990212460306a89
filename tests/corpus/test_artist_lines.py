"""The artist lines of the researchers' layout: nobody's songs go to the artist before."""

import pytest

from tests.corpus.helpers import check_accounts, gone, read, write

SURE = [
    "歌⼿姓名：某乙",
    "<b>歌手姓名：某乙</b>",
    "歌手姓名&#65306;某乙",
    "1. 歌手姓名：某乙",
    "2、歌手姓名：某乙",
    "二、歌手姓名：某乙",
    "（二）歌手姓名：某乙",
    "第2位 歌手姓名：某乙",
    "歌手姓名（艺名）：某乙",
    "歌手姓名/组合：某乙",
    "艺人姓名：某乙",
    "藝人姓名：某乙",
    "说唱歌手姓名：某乙",
    "歌手姓名：\n某乙",
]
BARE = ["歌手姓名\n某乙", "【歌手姓名】\n\n某乙", "2. 歌手姓名\n某乙\n"]
PLACED = [
    "歌手：某乙",
    "艺人：某乙",
    "演唱者：某乙",
    "Artist: 某乙",
    "歌手姓名 某乙",
    "歌手姓名\t某乙",
    "歌手姓名；某乙",
    "【歌手姓名】某乙",
]


def names(corpus):
    """(artist, song, text) of every row."""
    columns = corpus.lines[["artist", "song", "text"]].astype(object)
    return list(columns.where(columns.notna(), None).itertuples(index=False, name=None))


@pytest.mark.parametrize("gap", ["", "\n"])
@pytest.mark.parametrize("line", [*SURE, *PLACED, *BARE])
def test_an_artist_line_in_any_spelling(tmp_path, line, gap):
    """Numbers, tags, entities, other labels and a missing colon hide no artist."""
    text = f"歌手姓名：某甲\n桥\n作词：某甲\n桥洞里\n{gap}{line}\n{gap}渡口\n作词：某乙\n没有船\n"
    corpus = read(write(tmp_path, "a.txt", text))
    assert names(corpus) == [("某甲", "桥", "桥洞里"), ("某乙", "渡口", "没有船")]
    assert all(gone(corpus)[part] == "header" for part in line.split("\n") if part)
    check_accounts(corpus)


@pytest.mark.parametrize("line", SURE)
def test_what_is_sure_needs_no_song_below(tmp_path, line):
    """Lines about an artist may stand between the artist line and the first song."""
    text = f"歌手姓名：某甲\n桥\n作词：某甲\n桥洞里\n\n{line}\n来自渡口边\n\n"
    text += "渡口\n作词：某乙\n没有船\n"
    assert names(read(write(tmp_path, "a.txt", text)))[1:] == [
        ("某乙", None, "来自渡口边"),
        ("某乙", "渡口", "没有船"),
    ]


def test_a_name_stays_as_it_is_written(tmp_path):
    """Wide letters and blanks in an artist's name and a title are not touched."""
    text = "歌手姓名：ＭＣ\u3000某甲\n桥  其五\n作词：某甲\n桥洞里\n"
    assert names(read(write(tmp_path, "a.txt", text)))[0][:2] == ("ＭＣ\u3000某甲", "桥  其五")


def test_artists_under_another_label_alone(tmp_path):
    """A file in which all artists stand behind `歌手：` has its artists and songs."""
    text = "歌手：某甲\n\n桥\n作词：某甲\n桥洞里\n\n歌手：某乙\n\n渡口\n作词：某乙\n没有船\n"
    assert names(read(write(tmp_path, "a.txt", text))) == [
        ("某甲", "桥", "桥洞里"),
        ("某乙", "渡口", "没有船"),
    ]


@pytest.mark.parametrize(
    "song",
    [
        "渡口\n歌手：某甲、某乙\n作词：某乙\n没有船\n",
        "渡口\n作词：某乙\n演唱：某乙\n\n没有船\n",
        "渡口\n\n歌手：某乙\n\n作词：某乙\n没有船\n",
        "渡口\n作词：某乙\n没有船\n歌手：别唱了\n没有人\n",
        "渡口\n作词：某乙\n没有船\n歌手 姓 名 都忘了\n没有人\n",
        "渡口\n作词：某乙\n没有船\n我问歌手姓名：他没说\n",
    ],
)
def test_credits_and_sentences_are_no_artist_lines(tmp_path, song):
    """Who sings one song, among its credits, and a lyric about singers change no artist."""
    text = f"歌手姓名：某甲\n\n桥\n作词：某甲\n桥洞里\n\n{song}"
    found = names(read(write(tmp_path, "a.txt", text)))
    assert {artist for artist, *_ in found} == {"某甲"}
    assert {title for _, title, _ in found} == {"桥", "渡口"}


def test_what_stays_doubtful_is_said(tmp_path):
    """An artist line without a name, and one that is taken for lyric, are named by their lines."""
    text = "歌手姓名：\n\n桥\n作词：某甲\n桥洞里\n歌手姓名 写在墙上\n有人唱\n"
    corpus = read(write(tmp_path, "a.txt", text))
    assert [text for *_, text in names(corpus)] == ["桥洞里", "歌手姓名 写在墙上", "有人唱"]
    assert any("without a name" in w and "line 1" in w for w in corpus.warnings)
    assert any("taken for lyric" in w and "line 6" in w for w in corpus.warnings)


@pytest.mark.parametrize("below", ["feat. 某丙", "（2019）", "(Live)", "[Remix]", "prod. by 某丁"])
def test_what_stands_below_a_title_is_not_the_title(tmp_path, below):
    """A guest, a year or a version between the title and the credits leaves the title its place."""
    text = (
        f"歌手姓名：某甲\n\n桥\n{below}\n作词：某甲\n桥洞里\n\n渡口\n{below}\n作词：某甲\n没有船\n"
    )
    corpus = read(write(tmp_path, "a.txt", text))
    assert names(corpus) == [("某甲", "桥", "桥洞里"), ("某甲", "渡口", "没有船")]
    assert gone(corpus)[below] in ("header", "credit")


def test_a_title_below_a_lyric_is_a_title(tmp_path):
    """Where no blank line parts two songs, what resembles a guest or a year is the title."""
    text = "歌手姓名：某甲\n桥\n作词：某甲\n桥洞里\n有人唱\n(1999)\n作词：某甲\n没有船\n"
    assert [row[1:] for row in names(read(write(tmp_path, "a.txt", text)))] == [
        ("桥", "桥洞里"),
        ("桥", "有人唱"),
        ("(1999)", "没有船"),
    ]


def test_songs_whose_credits_have_stamps(tmp_path):
    """A song starts at its 作词 line behind a stamp as well, and its title loses the stamp."""
    text = "歌手姓名：某甲\n\n[00:00.00]桥\n[00:01.00]作词：某甲\n桥洞里\n"
    assert names(read(write(tmp_path, "a.txt", text))) == [("某甲", "桥", "桥洞里")]
