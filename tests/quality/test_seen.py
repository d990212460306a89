"""Tests of what a model has read and may not be asked about: planted songs, seen and unseen."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.config import QualityConfig
from rapids_rap.embedding.trained_on import hash_lines, hash_pairs
from rapids_rap.quality.figures import DECLARATIONS
from rapids_rap.quality.retrieval import retrieve
from rapids_rap.quality.seen import FEWEST, UNKNOWN, left_out_note, seen_songs, without_songs
from rapids_rap.words.segment import segment

BACKEND = CpuBackend()
NOTHING = np.zeros(0, np.uint64)
CHARACTERS = "山水风云夜路灯火城江人心梦歌声天地月日光海雨雪花草木石"


def songs_of(count, length=4, artists=4):
    """(rows, texts): songs of distinct lines of eight characters each."""
    rng = np.random.default_rng(7)
    texts = ["".join(rng.choice(list(CHARACTERS), 8)) for _ in range(count * length)]
    song = np.repeat(np.arange(count), length)
    rows = pd.DataFrame(
        {
            "text_id": np.arange(len(texts)),
            "song_id": pd.array(song, dtype="Int64"),
            "artist": [f"歌手{s % artists}" for s in song],
            "song": [f"歌{s}" for s in song],
            "line_no": np.tile(np.arange(1, length + 1), count),
            "stanza": 0,
        }
    )
    return rows, texts


def pairs_of(texts, songs, length=4):
    lines = [texts[s * length : (s + 1) * length] for s in songs]
    return np.unique(hash_pairs((a, b) for song in lines for a, b in pairwise(song)))


def test_a_song_is_seen_by_two_neighbouring_lines():
    """One pair of its lines is enough; a single short line, or a pair of other lines, is not."""
    rows, texts = songs_of(6)
    one = hash_pairs([(texts[9], texts[10])])
    assert seen_songs(rows, texts, one, BACKEND).tolist() == [2]
    assert seen_songs(rows, texts, hash_lines([texts[9]]), BACKEND).tolist() == []
    assert seen_songs(rows, texts, hash_pairs([(texts[3], texts[4])]), BACKEND).tolist() == []
    assert seen_songs(rows, texts, NOTHING, BACKEND).tolist() == []
    assert seen_songs(rows.iloc[:0], texts, one, BACKEND).tolist() == []


def test_a_song_is_seen_by_a_long_line_and_by_its_group():
    """A cover that shares half of a seen song is seen with it."""
    rows, texts = songs_of(6)
    texts[4] = "一个人走在夜里的路上没有回头"
    assert seen_songs(rows, texts, hash_lines([texts[4]]), BACKEND).tolist() == [1]
    rows.loc[rows["song_id"] == 5, "text_id"] = [4, 5, 6, 23]
    assert seen_songs(rows, texts, hash_lines([texts[4]]), BACKEND).tolist() == [1, 5]


@pytest.mark.parametrize("unit", [2, 4])
def test_stanzas_and_songs_are_seen_by_their_lines(unit):
    """A model is trained on lines: a stanza or song that holds two of them is seen like the line.

    Whatever stands in `text_norm` of a unit, and whether its text is traditional or not.
    """
    rows, texts = songs_of(6)
    trained = pairs_of(texts, [2])
    joined = rows.groupby(np.arange(len(rows)) // unit)
    units = joined.first().assign(
        text=joined["text_id"].agg(lambda ids: "\n".join(texts[i] for i in ids)),
        lines=unit,
        text_id=np.arange(len(rows) // unit),
        stanza=np.arange(len(rows) // unit) % (4 // unit),
    )
    whole = [text.replace("\n", " ") for text in units["text"]]
    assert seen_songs(units, whole, trained, BACKEND).tolist() == [2]
    units["text"] = [text.replace("风", "風") for text in units["text"]]
    assert seen_songs(units, whole, trained, BACKEND).tolist() == [2]
    assert seen_songs(units, whole, NOTHING, BACKEND).tolist() == []


def figures_of(rows, texts, trained_on):
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(len(texts), 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    config = QualityConfig().retrieval
    tokens = segment(texts, ())
    return retrieve(vectors, vectors, rows, texts, tokens, trained_on, config, BACKEND, 3).figures


def test_figures_are_those_of_the_unseen_songs_alone():
    """Leaving songs out gives, figure for figure, what the corpus without them gives."""
    rows, texts = songs_of(30)
    trained = pairs_of(texts, range(10))
    figures = figures_of(rows, texts, trained)
    unseen = rows[rows["song_id"] >= 10]
    alone = figures_of(unseen, texts, NOTHING)
    whole = figures_of(rows, texts, NOTHING)
    memorised = {one.key for one in DECLARATIONS if one.memorised} & figures.keys()
    assert memorised == {
        "next_line_retrieval",
        "same_song_retrieval",
        "artist_retrieval",
        "alignment",
    }
    for key in memorised:
        assert figures[key]["value"] == pytest.approx(alone[key]["value"]), key
        assert figures[key]["value"] != whole[key]["value"], key
        assert figures[key]["songs_left_out"] == 10
        assert figures[key]["note"].startswith("10 of 30 songs are left out"), key
    for key in figures.keys() - memorised:  # nothing that a training could remember
        assert figures[key] == whole[key], key


def test_too_few_unseen_songs_give_no_figure():
    """Null, with the reason; a model that was trained on everything has nothing to show."""
    rows, texts = songs_of(30)
    figures = figures_of(rows, texts, pairs_of(texts, range(30 - FEWEST + 1)))
    for key in ("next_line_retrieval", "same_song_retrieval", "artist_retrieval", "alignment"):
        assert figures[key]["value"] is None
        assert "trained on 21 of the 30 songs; 9 are left" in figures[key]["note"]
    assert figures["uniformity"]["value"] is not None


def test_what_cannot_be_known_gives_no_figure():
    """A tuned model without a record of its songs may have read any of them."""
    rows, texts = songs_of(30)
    figures = figures_of(rows, texts, None)
    for key in ("next_line_retrieval", "same_song_retrieval", "artist_retrieval", "alignment"):
        assert figures[key]["value"] is None
        assert figures[key]["note"] == UNKNOWN
    assert figures["uniformity"]["value"] is not None
    nameless = figures_of(
        rows.assign(song_id=pd.array([None] * len(rows), dtype="Int64")), texts, None
    )
    assert nameless["next_line_retrieval"]["note"] == "not computed: the input names no songs"


def test_the_note_says_how_many():
    """A reader learns how much of the corpus a figure stands for."""
    assert left_out_note(30, 20).startswith("20 of 30 songs")
    assert left_out_note(30, 21).startswith("not computed")


def test_rows_without_a_song_stay():
    """Leaving songs out takes no line that belongs to none."""
    rows, _ = songs_of(3)
    rows.loc[0, "song_id"] = pd.NA
    left = without_songs(rows, np.array([1]))
    assert len(left) == 8
    assert left["song_id"].isna().sum() == 1
