"""Songs whose artists are known: what comes out of the reader is held to what was put in.

A planted line occurs in one song of one artist, nowhere else, and is lyric by itself. So the file
that holds it may be odd, and still every line has to come out, unchanged, with nobody else's name,
and nothing else may come out.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass

WHO = ("我", "你", "他们", "兄弟", "妈妈", "这座城市", "隔壁的猫", "老朋友")
WHEN = ("今晚", "明天", "凌晨", "冬天", "下课以后", "十年前", "每个周末", "雨停了")
WHERE = ("在街头", "在楼上", "在操场", "在厨房", "在车站", "在桥下", "在旧书店", "在天台")
WHAT = (
    "数着硬币",
    "唱着歌",
    "等一封信",
    "看着妳的照片",
    "吃面",
    "修一辆车",
    "说不出话",
    "跑了很远",
)
DIGITS = "〇一二三四五六七八九"
ODD_ENDS = ("", "", "", "", "，yeah", "（嘿）", "…", "！", " uh", "，12点", " don't stop", "😀")
ODD_STARTS = ("", "", "", "", "", '"', "'", "“", "=", "-", "+", "「", "《", "...", "《夜》里")
ARTISTS = (
    "甲某",
    "MC 乙",
    "DJ-丙",
    "Young 丁",
    "1989",
    "戊&己",
    "庚 feat",
    "辛.M",
    "壬's",
    "癸",
    "Ｇ某",
    "Beyoncé",
    "謝某",
    "某·人",
    "子丑寅卯",
    "A",
)
TITLES = ("一", "Intro", "1989", "夜", "Outro (Live)", "第 3 首", "歌名", "他说", "T恤", "你好吗")
UNSEEN = ("\u200b", "\u200e", "\u2060", "\ufeff", "\u202c", "\u00ad")
CREDITS = ("作词：辰某", "作曲：巳某", "编曲：午某", "混音：未某", "录音 By 申某", "制作人：酉某")


@dataclass(frozen=True)
class Song:
    """A song with lines that no other song has; artist and title as they are meant."""

    artist: str
    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Truth:
    """What the reader may say of each planted line.

    artists, titles: line -> the names that it may stand under; None among them where the file
    doesn't tell. only: whether nothing but planted lines may be kept.
    """

    artists: dict[str, frozenset[str | None]]
    titles: dict[str, frozenset[str | None]]
    only: bool = True

    def __or__(self, other: "Truth") -> "Truth":
        return Truth(
            self.artists | other.artists, self.titles | other.titles, self.only and other.only
        )


def truth_of(
    songs: Iterable[Song],
    *,
    artist_told: bool = True,
    title_told: bool = True,
    only: bool = True,
) -> Truth:
    """The truth of songs in a file that tells, or doesn't, who sings them."""
    artists: dict[str, frozenset[str | None]] = {}
    titles: dict[str, frozenset[str | None]] = {}
    for song in songs:
        for line in song.lines:
            artists[line] = frozenset((song.artist,) if artist_told else (song.artist, None))
            titles[line] = frozenset((song.title,) if title_told else (song.title, None))
    return Truth(artists, titles, only)


def nobody(truth: Truth) -> Truth:
    """The truth of a file that names nobody."""
    none: frozenset[str | None] = frozenset((None,))
    return Truth(dict.fromkeys(truth.artists, none), truth.titles, truth.only)


def plant(
    rng: random.Random, most: int = 5, least_lines: int = 3, *, odd: bool = True
) -> list[Song]:
    """Songs of a few artists, those of one artist in a row; titles may be shared by artists."""
    number = rng.randrange(1_000, 5_000)
    songs = []
    for artist in rng.sample(ARTISTS, rng.randrange(1, 4)):
        for title in rng.sample(TITLES, rng.randrange(1, 3)):
            lines = []
            for _ in range(rng.randrange(least_lines, least_lines + 6)):
                number += 1
                lines.append(_line(rng, number, odd=odd))
            songs.append(Song(artist, title, tuple(lines)))
    return songs[:most]


def _line(rng: random.Random, number: int, *, odd: bool) -> str:
    """A lyric with a number in it that no other line has."""
    counted = "".join(DIGITS[int(digit)] for digit in str(number))
    middle = "".join(map(rng.choice, (WHO, WHEN, WHERE, WHAT)))
    start, end = (rng.choice(ODD_STARTS), rng.choice(ODD_ENDS)) if odd else ("", "")
    return f"{start}{middle}第{counted}次{end}"


def disguised(rng: random.Random, name: str) -> str:
    """The name, sometimes with what can't be seen in it, or in another width or composition."""
    if rng.random() < 0.75:
        return name
    at = rng.randrange(len(name) + 1)
    return name[:at] + rng.choice(UNSEEN) + name[at:]


def names_of(rng: random.Random, songs: Iterable[Song]) -> dict[Song, tuple[str, str]]:
    """How each song's artist and title are written."""
    return {song: (disguised(rng, song.artist), disguised(rng, song.title)) for song in songs}
