"""Lone quote marks in a CSV give nobody's rows to somebody else."""

import pytest

from tests.corpus.helpers import check_accounts, read, write


def rows(corpus):
    """(artist, song, text) of every row."""
    return list(corpus.lines[["artist", "song", "text"]].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    "content",
    [
        'artist,song,text\n甲,桥,"桥洞里\n乙,渡口,没有船\n丙,雪,下雪了"\n丙,雪,嗯\n',
        'artist,song,text\n甲,桥,"桥洞里\n丙,雪,下雪了"\n乙,渡口,没有船\n',
        'text,artist,song\n"桥洞里,甲,桥\n没有船,乙,渡口\n下雪了",丙,雪\n',
        'artist,song,text\n乙,渡口,没有船\n甲,"桥,桥洞里\n丙",雪,下雪了\n',
        'artist;song;text\n甲;桥;"桥洞里\n乙;渡口;没有船\n丙;雪;下雪了"\n',
    ],
)
def test_rows_between_two_lone_quotes_stay_their_artists(tmp_path, content):
    """Two quote marks far apart make no cell of the rows between them, and that is said."""
    corpus = read(write(tmp_path, "a.csv", content))
    artist_of = {text.strip('"'): artist.strip('"') for artist, _, text in rows(corpus)}
    assert artist_of.pop("嗯", "丙") == "丙"
    assert artist_of == {"桥洞里": "甲", "没有船": "乙", "下雪了": "丙"}
    assert any("whose lines are rows" in warning for warning in corpus.warnings)
    check_accounts(corpus)


def test_a_broken_row_takes_no_others_with_it(tmp_path):
    """A quote mark in a row of too many fields costs that row alone."""
    content = 'artist,song,text\n甲,桥,桥洞,"里\n乙,渡口,没有船\n丙,雪,下雪了"\n丁,灯,灯灭了\n'
    corpus = read(write(tmp_path, "a.csv", content))
    assert [artist for artist, *_ in rows(corpus)] == ["乙", "丙", "丁"]
    assert dict(corpus.files[0].dropped) == {"row": 1}


@pytest.mark.parametrize(
    ("header", "lines"),
    [
        ("artist,song,text\n甲,桥,", ["la", "la, la, la", "oh, la, oh", "no, no, no"]),
        ("artist,song,text\n甲,桥,", ["桥", "你,我,他", "桥洞里", "谁,谁,谁"]),
        ("artist,song,text\n甲,桥,", ["桥,桥", "你,我,他", "谁,谁,谁"]),
        ("artist,song,text\n甲,桥,", ["桥洞里", "谁,谁,谁"]),
        ("song,text\n桥,", ["桥洞里", "你在,我在", "船来,船去"]),
        ("song,text\n桥,", ["你在,我在", "船来,船去"]),
    ],
)
def test_songs_with_commas_are_songs(tmp_path, header, lines):
    """Verses that could be rows are lyric where the table has a song in a cell."""
    more = "乙,渡口," if header.startswith("artist") else "渡口,"
    body = "\n".join(lines)
    corpus = read(write(tmp_path, "a.csv", f'{header}"{body}"\n{more}"没有船\n也没有人"\n'))
    assert corpus.lines["text"].tolist() == [*lines, "没有船", "也没有人"]
    assert corpus.lines["song"].tolist() == ["桥"] * len(lines) + ["渡口"] * 2
