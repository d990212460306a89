"""A run of characters shared with a song is found, wherever the blanks and line ends are."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.errors import InputError
from rapids_rap.writer.copying import (
    GRAM,
    RUN,
    WORD_GRAM,
    WORD_RUN,
    CopyIndex,
    Nearest,
    han_codes,
    word_codes,
    write_index,
)

SONG = ["春风又绿江南岸", "明月何时照我还", "夜来风雨声"]
OTHER = ["床前明月光疑是地上霜", "举头望明月低头思故乡"]
ENGLISH = ["The lantern waits by the river", "don't let it go out"]
FEW = st.text("一二三四 \n,a", min_size=0, max_size=60)


def index_of(folder: Path, *songs: list[str]) -> CopyIndex:
    write_index(folder, [(10 + i, song) for i, song in enumerate(songs)])
    return CopyIndex(folder)


def bare(text: str) -> str:
    return "".join(c for c in text if "\u4e00" <= c <= "\u9fff")


@pytest.fixture
def index(tmp_path: Path) -> CopyIndex:
    return index_of(tmp_path / "index", SONG, OTHER)


def test_a_run_over_a_line_end_and_blanks_is_found(index: CopyIndex):
    assert index.has_run("绿 江南，岸\n明月何时照我还 夜")
    assert not index.has_run("绿江南岸明月何时照我")  # eleven
    assert not index.has_run("夜来风雨声床前明月光疑是地")  # two songs


def test_a_traditional_copy_is_a_copy(index: CopyIndex):
    assert index.has_run("春風又綠江南岸明月何時照我還")


def test_only_the_next_character_of_a_song_completes_a_run(index: CopyIndex):
    text = "".join(SONG)
    before, after = han_codes(text[: RUN - 1]), han_codes(text[RUN:])
    candidates = han_codes("何光" + text[RUN - 1])
    assert index.joins(before, candidates, han_codes("")).tolist() == [False, False, True]
    assert index.joins(han_codes(""), candidates, after).tolist() == [False, False, False]
    inside = index.joins(before[4:], candidates, after[:8])
    assert inside.tolist() == [False, False, True]
    assert not index.joins(before[1:], candidates, han_codes("")).any()


def test_the_nearest_song_and_the_longest_run(index: CopyIndex):
    assert index.nearest("我说 举头望明月\n低头看") == Nearest(11, 7, "举头望明月低头")
    assert index.nearest("夜来风雨声") == Nearest(10, 5, "夜来风雨声")
    assert index.nearest("明月光") == Nearest(None, 0, "")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(FEW, max_size=3), max_size=4), FEW)
def test_the_index_says_what_comparing_texts_says(
    tmp_path_factory: pytest.TempPathFactory, songs: list[list[str]], text: str
):
    index = index_of(tmp_path_factory.mktemp("index"), *songs)
    own = bare(text)
    held = [bare("".join(song)) for song in songs]
    runs = {song[i : i + RUN] for song in held for i in range(len(song) - RUN + 1)}
    assert index.has_run(text) == any(own[i : i + RUN] in runs for i in range(len(own) - RUN + 1))
    longest = max(
        (
            size
            for song in held
            for size in range(GRAM, len(own) + 1)
            if any(own[i : i + size] in song for i in range(len(own) - size + 1))
        ),
        default=0,
    )
    found = index.nearest(text)
    assert found.overlap == longest == len(found.text)
    assert found.song is None or found.text in held[found.song - 10]


@settings(max_examples=100, deadline=None)
@given(st.lists(FEW, max_size=3), FEW, FEW, st.sampled_from("一二三四"))
def test_joining_is_finding_a_run_through_the_candidate(
    tmp_path_factory: pytest.TempPathFactory, song: list[str], before: str, after: str, one: str
):
    index = index_of(tmp_path_factory.mktemp("index"), song)
    text = bare("".join(song))
    whole, at = bare(before) + one + bare(after), len(bare(before))
    starts = range(max(0, at - RUN + 1), min(at, len(whole) - RUN) + 1)
    wanted = any(whole[i : i + RUN] in text for i in starts)
    found = index.joins(han_codes(before), han_codes(one), han_codes(after))
    assert found.tolist() == [wanted]


def test_an_empty_index_finds_nothing(tmp_path: Path):
    for songs in ([], [[]], [["hello", "，"]]):
        index = index_of(tmp_path / str(songs), *songs)
        assert not index.has_run("".join(SONG))
        assert not index.joins(han_codes("春" * 11), han_codes("春"), han_codes("")).any()
        assert index.nearest("".join(SONG)) == Nearest(None, 0, "")


def test_a_damaged_index_is_named(tmp_path: Path):
    index_of(tmp_path, SONG)
    (tmp_path / "grams.npy").write_bytes(b"no")
    with pytest.raises(InputError, match=r"grams\.npy"):
        CopyIndex(tmp_path)
    np.save(tmp_path / "grams.npy", np.zeros(3))
    with pytest.raises(InputError, match=r"grams\.npy"):
        CopyIndex(tmp_path)
    (tmp_path / "grams.npy").write_bytes(b"")
    with pytest.raises(InputError, match=r"grams\.npy"):
        CopyIndex(tmp_path)
    (tmp_path / "grams.npy").unlink()
    with pytest.raises(InputError, match=r"grams\.npy"):
        CopyIndex(tmp_path)


def test_places_that_no_song_has_are_said(tmp_path: Path):
    index_of(tmp_path, SONG)
    np.save(tmp_path / "places.npy", np.load(tmp_path / "places.npy") - 10**6)
    with pytest.raises(InputError, match="damaged"):
        CopyIndex(tmp_path).nearest("".join(SONG))


def test_the_index_holds_no_text(tmp_path: Path):
    index_of(tmp_path, [*SONG, *ENGLISH])
    held = b"".join(path.read_bytes() for path in tmp_path.rglob("*.npy"))
    assert held
    for encoding in ("utf-8", "utf-16-le", "utf-32-le"):
        assert "春风".encode(encoding) not in held
        assert "river".encode(encoding) not in held


def test_a_run_of_latin_words_is_a_copy(tmp_path: Path):
    """Over line ends, capitals, accents, apostrophes and Chinese characters between them."""
    index = index_of(tmp_path, SONG, ENGLISH)
    assert index.has_run("the Lantern, waits BY\nthe ríver 我 Dont")
    assert not index.has_run("lantern waits by the river")  # five
    assert not index.has_run("the lantern waits for the river don't")
    assert index.nearest_words("oh by the river don't go") == Nearest(11, 4, "by the river don't")
    assert index.nearest_words("by the road") == Nearest(None, 0, "")
    assert index.nearest("the lantern waits by the river") == Nearest(None, 0, "")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.sampled_from("ab"), max_size=14), max_size=3), st.data())
def test_words_are_followed_as_comparing_them_says(
    tmp_path_factory: pytest.TempPathFactory, songs: list[list[str]], data: st.DataObject
):
    words = data.draw(st.lists(st.sampled_from("ab"), max_size=14))
    index = index_of(tmp_path_factory.mktemp("index"), *songs)
    held = {
        size: {tuple(song[i : i + size]) for song in songs for i in range(len(song) - size + 1)}
        for size in range(WORD_GRAM, 15)
    }
    own = {
        size: {tuple(words[i : i + size]) for i in range(len(words) - size + 1)} for size in held
    }
    assert index.has_run(" ".join(words)) == bool(held[WORD_RUN] & own[WORD_RUN])
    found = index.nearest_words("\n".join(words))
    assert found is not None
    assert found.overlap == max((n for n in held if held[n] & own[n]), default=0)
    codes = [word_codes(" ".join(part)) for part in (words[:-1], words[-1:])]
    joined = index.joins_words(codes[0], codes[1], word_codes(""))
    assert joined.tolist() == [tuple(words[-WORD_RUN:]) in held[WORD_RUN] for _ in words[-1:]]


def test_an_index_of_before_opens_and_knows_that_words_are_not_in_it(tmp_path: Path):
    """Or a copy of Latin words is denied by an index that holds none."""
    index_of(tmp_path, [*SONG, *ENGLISH])
    shutil.rmtree(tmp_path / "words")
    index = CopyIndex(tmp_path)
    assert not index.has_words
    assert index.nearest_words("the lantern waits by the river don't") is None
    assert not index.has_run("the lantern waits by the river don't")
    assert index.has_run("".join(SONG))


def test_the_songs_of_a_base_are_followed_too(tmp_path: Path):
    """However many trainings lie between; they have no number here."""
    first = index_of(tmp_path / "first", ENGLISH)
    write_index(tmp_path / "second", [(5, SONG)], first)
    write_index(tmp_path / "third", [(5, OTHER)], CopyIndex(tmp_path / "second"))
    shutil.rmtree(tmp_path / "first")
    index = CopyIndex(tmp_path / "third")
    assert index.songs == [5]
    assert index.has_words
    assert index.nearest("夜来风雨声") == Nearest(None, 5, "夜来风雨声", of_base=True)
    assert index.nearest("举头望明月") == Nearest(5, 5, "举头望明月")
    assert index.nearest_words("by the river") == Nearest(None, 3, "by the river", of_base=True)
    assert index.has_run("".join(SONG))
    assert index.has_run("the lantern waits by the river")
    text = "".join(SONG)
    joined = index.joins(han_codes(text[: RUN - 1]), han_codes(text[RUN - 1]), han_codes(""))
    assert joined.tolist() == [True]


def test_the_words_of_other_songs_are_refused(tmp_path: Path):
    index_of(tmp_path / "one", SONG)
    index_of(tmp_path / "two", SONG, OTHER)
    shutil.rmtree(tmp_path / "one" / "words")
    shutil.copytree(tmp_path / "two" / "words", tmp_path / "one" / "words")
    with pytest.raises(InputError, match="other songs"):
        CopyIndex(tmp_path / "one")
