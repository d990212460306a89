"""Which songs may not grade each other."""

import numpy as np
import pandas as pd
import pytest

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.quality.leakage import COMMON, Entries, leakage_groups, song_entries


def groups_of(songs):
    """The groups of songs given as lists of lines."""
    texts = sorted({line for song in songs for line in song})
    number = {text: i for i, text in enumerate(texts)}
    held = [(s, number[line]) for s, song in enumerate(songs) for line in set(song)]
    pairs = np.array(sorted(held), dtype=np.int64).reshape(-1, 2)
    return leakage_groups(
        Entries(pairs[:, 0], pairs[:, 1], len(songs)), texts, CpuBackend()
    ).tolist()


def verse(seed, lines=6, length=9):
    """A song whose text nobody else has."""
    random = np.random.default_rng(seed)
    return ["".join(map(chr, random.integers(0x4E00, 0x9000, length))) for _ in range(lines)]


def test_a_long_line_in_common_links_and_a_short_one_does_not():
    """Twelve characters are nobody's chance; 我爱你 is everybody's."""
    long, short = "这一句话足够长不会是偶然", "我爱你"
    songs = [[*verse(1), long], [*verse(2), long, short], [*verse(3), short]]
    assert groups_of(songs) == [0, 0, 1]


def test_links_chain_into_one_group():
    """A group is whatever is linked, over any number of songs."""
    a, b = "第一句共同的长长的歌词在此", "第二句共同的长长的歌词在此"
    assert groups_of([[*verse(1), a], [*verse(2), a, b], [*verse(3), b], verse(4)]) == [0, 0, 0, 1]


def test_a_line_of_many_songs_is_boilerplate():
    """A text that more than `COMMON` songs hold links none of them."""
    songs = [[*verse(i), "未经许可不得翻唱或者翻录使用"] for i in range(COMMON + 1)]
    assert groups_of(songs) == list(range(COMMON + 1))
    assert groups_of(songs[:COMMON]) == [0] * COMMON


def test_near_duplicates_are_found_without_a_line_in_common():
    """Two transcriptions that differ in every line are still one song."""
    song = verse(7)
    other = [line[:-1] + "啊" for line in song]
    assert groups_of([song, other, verse(8)]) == [0, 0, 1]
    assert groups_of([song, [*song[:1], *verse(9)]]) == [0, 1]  # a quotation


def test_equal_songs_of_short_lines_are_one():
    """The same short texts, and nothing else, are a second upload."""
    assert groups_of([["啦啦", "嘿"], ["嘿", "啦啦"], ["嘿"]]) == [0, 0, 1]


@pytest.mark.parametrize("songs", [[], [[]], [[], []]])
def test_songs_without_text_are_groups(songs):
    """No song and empty songs are no error."""
    assert len(groups_of(songs)) == len(songs)


def test_entries_hold_each_text_of_a_song_once():
    """Repetition, unknown songs and songs that were not chosen are left out."""
    lines = pd.DataFrame(
        {
            "song_id": pd.array([3, 3, None, 5, 3, 9], dtype="Int64"),
            "text_id": [4, 4, 1, 2, 0, 7],
        }
    )
    entries = song_entries(lines, np.array([3, 5]))
    np.testing.assert_array_equal(entries.songs, [0, 0, 1])
    np.testing.assert_array_equal(entries.texts, [0, 4, 2])
    np.testing.assert_array_equal(entries.begins, [0, 2, 3])
    second = entries.of(np.array([False, True]))
    assert (second.songs.tolist(), second.texts.tolist(), second.size) == ([0], [2], 1)
