"""The judge's table: the right counts, the missing is wrong, what can't be said is empty."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.writer.baselines import Request
from rapids_rap.writer.conditions import Conditions, Theme
from rapids_rap.writer.recognition import Recogniser
from rapids_rap.writer.scores import REAL, recognition_rows, system_rows
from rapids_rap.writer.songs import Song

GOOD = ("走在夜里的大街", "等着下一个世界", "风吹过我的梦想", "我还在找那方向")
SEA = ("海浪在海边唱歌", "白色的船开过去", "沙滩上有人在等", "海风吹着我的脸")


def song(number, lines, theme, region="西南") -> Song:
    return Song(
        number,
        "甲",
        f"歌{number}",
        tuple(lines),
        (0,) * len(lines),
        theme,
        region,
        None,
        number,
        False,
    )


TRAIN = [song(i, GOOD if i % 2 else SEA, i % 2) for i in range(6)]
HELD_OUT = [song(10 + i, GOOD if i % 2 else SEA, i % 2) for i in range(6)]
ASKED = tuple(
    Request(Conditions(theme=Theme(i % 2, "名"), region="西南", rhyme="AABB", syllables=(7,)), 4, i)
    for i in range(6)
)


def rows_of(**verses):
    written = {name: [verse] * 6 for name, verse in verses.items()}
    rows = system_rows(TRAIN, HELD_OUT, ASKED, written, {"base": "not computed: gone"}, 1)
    return {(row["system"], row["figure"]): row for row in rows}


def test_what_was_asked_is_counted():
    rows = rows_of(writer=GOOD, short=GOOD[:2], nothing=())
    assert rows["writer", "length right"]["value"] == 1.0
    assert rows["writer", "rhyme right"]["value"] == 1.0
    assert rows["short", "length right"]["value"] == 0.5
    assert rows["short", "rhyme right"]["value"] == 0.5
    assert rows["nothing", "length right"]["value"] == 0.0
    assert rows["nothing", "syllables a rhyme"]["value"] is None
    assert rows["nothing", "distinct-2"]["note"].startswith("not computed")


def test_copies_are_counted_against_the_songs_that_were_read():
    rows = rows_of(writer=GOOD, other=("全新的句子没人写过",))
    assert rows["writer", "5-grams copied"]["value"] == 1.0
    assert rows["writer", "longest copy"]["value"] == 28
    assert rows["writer", "copies of 12 or more"]["value"] == 1.0
    assert rows["other", "copies of 12 or more"]["value"] == 0.0


def test_recognition_is_learnt_from_songs_that_were_held_out():
    rows = rows_of(writer=GOOD)
    assert rows["writer", "theme recognised"]["value"] == pytest.approx(0.5)  # half asked for sea
    assert rows["real songs", "theme recognised"]["value"] == 1.0
    assert rows["writer", "theme by chance"]["value"] == pytest.approx(0.5)
    assert rows["writer", "theme over chance"]["value"] == pytest.approx(0.0)
    assert rows["real songs", "theme over chance"]["value"] == pytest.approx(0.5)
    assert rows["writer", "region recognised"]["value"] is None, "there is one region"
    assert rows["writer", "emotion recognised"]["note"].startswith("not computed")


class Says:
    """A classifier that takes each text for what stands in it."""

    def predict(self, texts):
        return np.array(texts)


def beside_chance(asked, told):
    known = Recogniser(Says(), ("a", "b", "c"))
    rows = recognition_rows("writer", "emotion", known, asked, told, np.arange(len(told)), 1)
    return {row["figure"]: row for row in rows}


def test_always_saying_what_most_ask_for_is_no_more_than_chance():
    """8 of 10 songs ask for one of three emotions: 0.8 is right without hearing a word."""
    rows = beside_chance([*"aaaaaaaabc"], [*"aaaaaaaaaa"])
    assert rows["emotion recognised"]["value"] == rows["emotion by chance"]["value"] == 0.8
    over = rows["emotion over chance"]
    assert (over["value"], over["low"], over["high"]) == (0, 0, 0)
    heard = beside_chance([*"aaaaaaaabc"] * 4, [*"aaaaaaaabc"] * 4)["emotion over chance"]
    assert heard["low"] > 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=5))
def test_chance_is_the_mean_over_all_ways_to_deal_the_requests(pairs):
    asked, told = [a for a, _ in pairs], [b for _, b in pairs]
    dealt = [np.mean([a == b for a, b in zip(p, told, strict=True)]) for p in permutations(asked)]
    rows = beside_chance(asked, told)
    assert rows["emotion by chance"]["value"] == pytest.approx(np.mean(dealt))
    own = rows["emotion recognised"]["value"] - rows["emotion by chance"]["value"]
    assert rows["emotion over chance"]["value"] == pytest.approx(own)


def test_what_the_classifier_cannot_tell_counts_nowhere():
    rows = beside_chance(["a", None, "d"], [*"aaa"])
    assert rows["emotion recognised"]["songs"] == 1
    assert rows["emotion recognised"]["note"] == "too few songs"
    note = beside_chance(["d"], ["a"])["emotion recognised"]["note"]
    assert note == "not computed: nothing has a value that the classifier tells"


def test_intervals_are_over_songs_and_held_out_songs_were_asked_nothing():
    rows = rows_of(writer=GOOD, **{REAL: GOOD})
    assert rows["writer", "length right"]["songs"] == 6
    assert (
        rows["writer", "theme recognised"]["low"] < 0.5 < rows["writer", "theme recognised"]["high"]
    )
    assert rows[REAL, "length right"] == {
        "system": REAL,
        "figure": "length right",
        "value": None,
        "low": None,
        "high": None,
        "songs": None,
        "note": "nothing was asked",
    }
    assert rows["base", "all"]["note"] == "not computed: gone"
