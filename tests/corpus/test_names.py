"""Names that look alike are one artist; names that only resemble each other are said."""

import json

import numpy as np

from rapids_rap.corpus.names import name_key, one_name_an_artist, visible_name
from rapids_rap.corpus.source import Group
from rapids_rap.tables.artists import load_regions
from tests.corpus.helpers import read, write


def artists(tmp_path, *names):
    """The corpus of a song by each name, in order."""
    rows = [{"artist": name, "song": f"歌{i}", "text": f"第{i}句"} for i, name in enumerate(names)]
    return read(write(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows))))


def test_what_cannot_be_seen_makes_no_artist(tmp_path):
    """A zero-width space, a direction mark, a soft hyphen or decomposition is nobody's name."""
    corpus = artists(
        tmp_path, "某乙", "\u200b某乙", "某\u2060乙", "某乙\u202c", "某\xad乙", "\ufeff某乙"
    )
    assert set(corpus.lines["artist"]) == {"某乙"}
    assert corpus.warnings == ()
    corpus = artists(tmp_path, "Beyoncé", "Beyonce\u0301")
    assert set(corpus.lines["artist"]) == {"Beyoncé"}


def test_width_and_case_make_no_artist(tmp_path):
    """The spelling with the most lines stands for all, and it is said."""
    corpus = artists(tmp_path, "ＤＪ某", "dj某", "DJ某", "DJ某", "某丙")
    assert corpus.lines["artist"].tolist() == ["DJ某"] * 4 + ["某丙"]
    assert corpus.warnings == ("artist names that look alike are one artist: DJ某 = dj某 = ＤＪ某",)


def test_the_order_of_the_input_changes_no_name():
    """Spellings with as many lines: the first by code point, wherever it stands."""
    groups = [Group(name, "歌", is_song=True) for name in ("mc某", "MC某", "Mc某")]
    counts = np.array([2, 2, 1])
    for order in ([0, 1, 2], [2, 1, 0]):
        settled, _ = one_name_an_artist([groups[i] for i in order], counts[order])
        assert {group.artist for group in settled} == {"MC某"}


def test_names_that_may_be_two_people_stay_apart_and_are_said(tmp_path):
    """Script, blanks and punctuation don't make one artist of two, but nobody misses them."""
    corpus = artists(tmp_path, "謝某", "谢某", "A.某", "A某", "某丙")
    assert corpus.lines["artist"].nunique() == 5
    [said] = corpus.warnings
    assert "謝某 / 谢某" in said
    assert "A.某 / A某" in said
    assert "某丙" not in said


def test_a_name_without_end_does_not_fill_the_terminal(tmp_path):
    """A lyric that stands where a name should is shown by its beginning."""
    [said] = artists(tmp_path, "a某" * 500, "A某" * 500).warnings
    assert len(said) < 250


def test_names_stay_as_they_are_written():
    """A name that nothing else resembles keeps its width, its blanks and its marks."""
    for name in ("ＭＣ某", "某　乙", "A$AP 某", "Ⅲ某"):
        assert visible_name(name) == name
    assert visible_name("\u200b") is None
    assert visible_name(None) is None
    assert name_key("ＭＣ 某\u200b") == "mc 某"


def test_the_table_of_regions_knows_every_spelling(tmp_path):
    """What is one artist in the lyrics is one in the user's table."""
    table = write(tmp_path, "regions.csv", "artist,region\nｄｊ某\u200b,重庆\n")
    assert load_regions(table) == {name_key("DJ某"): "重庆"}
