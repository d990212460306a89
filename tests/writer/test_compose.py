"""What is written is what was asked for, counted by code that shares nothing with the writing."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GenerationConfig

from rapids_rap.errors import ConfigError
from rapids_rap.writer.compose import Asked, WrittenSong, pen_of, read_start, write_songs
from rapids_rap.writer.conditions import Conditions, Rhyme
from rapids_rap.writer.copying import CopyIndex, write_index
from rapids_rap.writer.lines import Pen
from rapids_rap.writer.measures import count_syllables
from rapids_rap.writer.measures import rhyme_length as heard_rhyme
from rapids_rap.writer.vocabulary import Vocabulary, read_vocabulary
from tests.writer import tiny

PAIRS = {
    "AABB": [(0, 1), (2, 3)],
    "ABAB": [(0, 2), (1, 3)],
    "AAAA": [(a, b) for a in range(4) for b in range(a + 1, 4)],
}


@cache
def vocabulary(kind: str) -> Vocabulary:
    own = tokenizer(kind)
    return read_vocabulary(own, len(own) + 3)  # a model may have more rows than there are tokens


def tokenizer(kind: str) -> Any:
    return tiny.tokenizer() if kind == "characters" else tiny.bpe_tokenizer()


def pen(folder: Path, kind: str, songs: list[list[str]] = [], **how: Any) -> Pen:  # noqa: B006
    torch.set_num_threads(1)
    write_index(folder / "index", list(enumerate(songs)))
    own = tokenizer(kind)
    how = {"from_end": False, "drafts": 2, **how}
    model = tiny.model(len(own) + 3)
    return pen_of(model, own, vocabulary(kind), CopyIndex(folder / "index"), **how)


def write(pen: Pen, kind: str, asked: Asked) -> list[WrittenSong]:
    return write_songs(pen, tokenizer(kind), asked)


def right(song: WrittenSong, rhyme: Rhyme, counts: tuple[int, ...], length: int) -> tuple[int, int]:
    """How many lines are as long as asked, and how many pairs of the scheme rhyme."""
    lines = song.lines
    long = sum(count_syllables(line) == counts[i % len(counts)] for i, line in enumerate(lines))
    rhymes = sum(
        heard_rhyme(lines[at + a], lines[at + b]) >= length
        for at in range(0, len(lines), 4)
        for a, b in PAIRS[rhyme]
    )
    return long, rhymes


@pytest.mark.parametrize(
    ("kind", "from_end", "language", "rhyme", "length"),
    [
        ("characters", False, "chinese", "AABB", 1),
        ("characters", True, "mixed", "ABAB", 2),
        ("bytes", False, "mixed", "AAAA", 1),
        ("bytes", True, "chinese", "AABB", 3),
        ("bytes", False, "chinese", "ABAB", 2),
    ],
)
def test_lengths_and_rhymes_are_exact(
    tmp_path: Path, kind: str, from_end: bool, language: Any, rhyme: Rhyme, length: int
):
    asked = Asked(
        Conditions(rhyme=rhyme, syllables=(5, 5, 4, 7), language=language),
        8,
        rhyme_syllables=length,
        songs=3,
    )
    for song in write(pen(tmp_path, kind, from_end=from_end), kind, asked):
        assert right(song, rhyme, (5, 5, 4, 7), length) == (8, 2 * len(PAIRS[rhyme]))
        assert len(set(song.lines)) == 8
        if language == "chinese":
            assert not any(c.isascii() and c.isalpha() for line in song.lines for c in line)


def test_two_rhymes_of_a_scheme_differ(tmp_path: Path):
    asked = Asked(Conditions(rhyme="AABB", syllables=(3,)), 40)
    (song,) = write(pen(tmp_path, "characters"), "characters", asked)
    for at in range(0, 40, 4):
        assert not any(
            heard_rhyme(song.lines[at + a], song.lines[at + b]) for a in (0, 1) for b in (2, 3)
        )


def test_latin_lines_have_their_syllables(tmp_path: Path):
    asked = Asked(Conditions(syllables=(4, 6), language="latin"), 4)
    (song,) = write(pen(tmp_path, "bytes"), "bytes", asked)
    assert [count_syllables(line) for line in song.lines] == [4, 6, 4, 6]


@pytest.mark.parametrize("language", ["chinese", "mixed"])
def test_a_song_is_the_same_whatever_is_written_beside_it(tmp_path: Path, language: Any):
    conditions = Conditions(rhyme="AABB", syllables=(5,), language=language)
    many = write(pen(tmp_path, "bytes"), "bytes", Asked(conditions, 4, songs=4))
    few = write(pen(tmp_path, "bytes", rows=3), "bytes", Asked(conditions, 4, songs=2))
    assert [song.lines for song in many[:2]] == [song.lines for song in few]
    other = write(pen(tmp_path, "bytes"), "bytes", Asked(conditions, 4, seed=7))
    assert other[0].lines != many[0].lines != many[1].lines


def test_a_hook_comes_back_and_nothing_else_does(tmp_path: Path):
    asked = Asked(Conditions(rhyme="AABB", syllables=(4,), hook=True), 16)
    (song,) = write(pen(tmp_path, "characters"), "characters", asked)
    kinds = [kind for kind, _ in song.sections()]
    parts = [lines for _, lines in song.sections()]
    assert kinds == ["verse", "chorus", "verse", "chorus"]
    assert [len(part) for part in parts] == [8, 4, 8, 4]
    assert parts[1] == parts[3]
    assert len(set(song.lines)) == 20


def test_a_thousand_lines_are_as_asked(tmp_path: Path):
    read = [[f"{a}{b}{c}" for c in "天地人和"] for a in "春夏秋冬" for b in "花鸟鱼虫"]
    asked = Asked(Conditions(rhyme="AABB", syllables=(7, 7, 9, 9)), 20, songs=50)
    songs = write(pen(tmp_path, "characters", read, drafts=1), "characters", asked)
    found = [right(song, "AABB", (7, 7, 9, 9), 1) for song in songs]
    lines, rhymes = map(sum, zip(*found, strict=True))
    assert lines >= 0.995 * 1000
    assert rhymes >= 0.99 * 500
    known = set().union(*(runs("".join(song), 12) for song in read))
    assert not any(runs("".join(song.lines), 12) & known for song in songs)


def runs(text: str, size: int) -> set[str]:
    bare = "".join(c for c in text if "\u4e00" <= c <= "\u9fff")
    return {bare[i : i + size] for i in range(len(bare) - size + 1)}


@pytest.mark.parametrize("from_end", [False, True])
def test_what_a_model_knows_by_heart_is_cut_off(tmp_path: Path, from_end: bool):
    how = {"from_end": from_end, "temperature": 0.1, "drafts": 1}
    asked = Asked(Conditions(syllables=(7,), hook=True), 12)
    (first,) = write(pen(tmp_path, "characters", **how), "characters", asked)
    by_heart = pen(tmp_path, "characters", [list(first.lines)], **how)
    (again,) = write(by_heart, "characters", asked)
    assert again.rewritten
    assert not runs("".join(again.lines), 12) & runs("".join(first.lines), 12)
    assert again.nearest.song == 0
    shared = [
        n for n in range(5, 12) if runs("".join(again.lines), n) & runs("".join(first.lines), n)
    ]
    assert again.nearest.overlap == max(shared)


@pytest.mark.parametrize("from_end", [False, True])
def test_latin_words_that_a_model_knows_by_heart_are_cut_off(tmp_path: Path, from_end: bool):
    """Or an English verse is given back word for word, and said to be new."""
    how = {"from_end": from_end, "temperature": 0.1, "drafts": 1}
    asked = Asked(Conditions(syllables=(9,), language="latin"), 6)
    (first,) = write(pen(tmp_path, "bytes", **how), "bytes", asked)
    by_heart = pen(tmp_path, "bytes", [list(first.lines)], **how)
    whole = by_heart.index.nearest_words("\n".join(first.lines))
    assert whole is not None
    assert whole.overlap > 12
    (again,) = write(by_heart, "bytes", asked)
    assert again.rewritten
    assert not by_heart.index.has_run("\n".join(again.lines))
    assert again.nearest_words is not None
    assert again.nearest_words.overlap < 6


def test_a_first_line_is_kept_and_rhymed_with(tmp_path: Path):
    asked = Asked(Conditions(rhyme="AAAA", syllables=(4,)), 4, start="我在天上")
    (song,) = write(pen(tmp_path, "characters"), "characters", asked)
    assert song.lines[0] == "我在天上"
    assert right(song, "AAAA", (4,), 1) == (4, 6)


def test_a_base_s_own_generation_settings_do_not_count(tmp_path: Path):
    asked = Asked(Conditions(syllables=(5,)), 4)
    plain = write(pen(tmp_path, "characters"), "characters", asked)
    tiny.model(len(tokenizer("characters")) + 3).generation_config = GenerationConfig(
        repetition_penalty=5.0, max_length=20
    )
    assert write(pen(tmp_path, "characters"), "characters", asked) == plain


@pytest.mark.parametrize("count", [1, 40])
def test_one_line_of_one_syllable_or_of_forty(tmp_path: Path, count: int):
    asked = Asked(Conditions(syllables=(count,)), 1)
    (song,) = write(pen(tmp_path, "characters"), "characters", asked)
    assert [count_syllables(line) for line in song.lines] == [count]


def test_a_song_longer_than_the_model_sees(tmp_path: Path):
    asked = Asked(Conditions(rhyme="ABAB", syllables=(3,)), 400)
    (song,) = write(pen(tmp_path, "characters", drafts=1), "characters", asked)
    assert right(song, "ABAB", (3,), 1) == (400, 200)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked(Conditions(), 0), "1 to 400"),
        (Asked(Conditions(), 401), "1 to 400"),
        (Asked(Conditions(rhyme="AABB"), 1), "ask for 4 lines"),
        (Asked(Conditions(syllables=(7, 7, 9)), 4), "3 or 6 lines"),
        (Asked(Conditions(rhyme="AABB", language="latin"), 4), "--language chinese or mixed"),
        (Asked(Conditions(rhyme="AABB", syllables=(1,)), 4, rhyme_syllables=2), "only 1 fits"),
        (Asked(Conditions(rhyme="AABB", syllables=(2,)), 4, rhyme_syllables=3), "1 to 2"),
        (Asked(Conditions(syllables=(5,)), 4, start="我爱你"), "has 3 syllables"),
        (Asked(Conditions(rhyme="AABB"), 4, start="我爱的"), "nothing rhymes"),
        (Asked(Conditions(rhyme="AABB"), 4, start="我 baby"), "nothing rhymes"),
        (Asked(Conditions(rhyme="AAAA"), 4, start="我说牙"), None),
        (Asked(Conditions(syllables=(1,)), 400), "Ask for fewer lines"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(tmp_path: Path, asked: Asked, said: str | None):
    own = pen(tmp_path, "characters", drafts=1)
    if said is None:
        assert write(own, "characters", asked)
        return
    with pytest.raises(ConfigError, match=said):
        write(own, "characters", asked)


def test_a_vocabulary_without_rhymes_says_so(tmp_path: Path):
    own = pen(tmp_path, "characters")
    few = Vocabulary(**{**vars(own.vocabulary), "classes": own.vocabulary.classes * 0 - 1})
    poor = Pen(**{**vars(own), "vocabulary": few})
    with pytest.raises(ConfigError, match="can't rhyme"):
        write(poor, "characters", Asked(Conditions(rhyme="AABB", syllables=(5,)), 4))


@pytest.mark.parametrize("given", ["", "。", "a\nb", "我\u2028你", "我" * 41, "\x00"])
def test_what_is_no_first_line_is_refused(given: str):
    with pytest.raises(ConfigError, match="--start"):
        read_start(given)


@pytest.mark.parametrize(
    "given",
    [
        "【】",
        "<end>我",
        "<|endoftext|>爱你",
        "我\u202e你\u200b们",
        "\ud800我",
        "ＯＫ 我",
        "\x1b[31m",
    ],
)
def test_a_hostile_first_line_is_only_a_line(tmp_path: Path, given: str):
    if given == "【】":
        given = "【主题：1 我】"
    line = read_start(given)
    own = pen(tmp_path, "characters", drafts=1)
    (song,) = write(own, "characters", Asked(Conditions(), 2, start=line))
    assert song.lines[0] == line
    assert len(song.lines) == 2
