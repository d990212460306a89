"""What is kept and said: songs that are there twice, lines that look damaged."""

import json

import pytest

from tests.corpus.helpers import norms, read, write


def songs(tmp_path, *rows):
    """The corpus of (artist, song, text)."""
    lines = [json.dumps(dict(zip(("artist", "song", "text"), row, strict=True))) for row in rows]
    return read(write(tmp_path, "a.jsonl", "\n".join(lines)))


def test_a_song_under_two_artists_is_said(tmp_path):
    """The same lines under another credit are said; another text under one title isn't."""
    text = "河堤上没有人\n我一个人走"
    corpus = songs(
        tmp_path, ("某甲", "河堤", text), ("某甲/某乙", "河堤", text), ("某乙", "河堤", "别的\n词")
    )
    [said] = corpus.warnings
    assert "repeat another artist's line for line" in said
    assert said.endswith("河堤 (某甲/某乙, 某甲)")
    assert len(corpus.lines) == 6


def test_a_song_twice_under_one_artist_is_said_as_such(tmp_path):
    """One artist's repeat is a copy, not a cover, also where another artist has the song too."""
    text = "河堤上没有人\n我一个人走"
    corpus = songs(
        tmp_path, ("某甲", "河堤", text), ("某乙", "河堤", text), ("某甲", "河堤 (Live)", text)
    )
    assert [warning.split(":")[0].split(",")[0] for warning in corpus.warnings] == [
        "songs that repeat an earlier one line for line",
        "songs that repeat another artist's line for line",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "天亮了\ufffd",
        "锟斤拷锟斤拷",
        "ÇÅ¶´Àï",
        "天亮了锛屼笅闆ㄤ簡",
        "天亮了".encode().decode("latin-1"),
        "天亮了".encode().decode("cp1252", "replace"),
        "don’t".encode().decode("cp1252"),
    ],
)
def test_damaged_lines_are_kept_and_said(tmp_path, line):
    """A line that was decoded wrongly before stays, and the user is told where it is."""
    corpus = read(write(tmp_path, "a.txt", f"下雨了\n走吧\n{line}\n"))
    assert len(norms(corpus)) == 3
    [said] = corpus.warnings
    assert said.startswith("1 lines look damaged")
    assert said.endswith("a.txt line 3")


@pytest.mark.parametrize(
    "line",
    [
        "Café à la carte, déjà vu",
        "« fermé »",
        "naïve… señor",
        "烫烫烫",
        "锟铻",
        "ça va",
        "Ärger",
        "ÄÖÜß",
        "½¼¾",
    ],
)
def test_whole_lines_are_not_called_damaged(tmp_path, line):
    """Accents, foreign quotation marks and rare characters are no damage."""
    assert read(write(tmp_path, "a.txt", f"下雨了\n走吧\n{line}\n")).warnings == ()
