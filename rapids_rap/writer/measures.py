"""What was really written: lengths, rhymes, variety, copies. Counted here, and nowhere else.

Shares no code of this project with what decodes: another cutting of finals out of spelled pinyin,
another table of classes, another count of syllables. But how a character is read both ask pypinyin,
by the same call, so a reading that pypinyin has wrong is wrong in both.

Rhyme classes are the eighteen of 中华新韵 (1941), stricter than the thirteen of opera (十三辙),
which only join some of them; the -i of zhi and zi is apart from that of ji.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from pypinyin import Style, lazy_pinyin

# By what is left of a syllable without its initial, ü written v; no medials.
EIGHTEEN: Mapping[str, str] = {
    **dict.fromkeys(("a", "ia", "ua"), "麻"),
    **dict.fromkeys(("o", "uo"), "波"),
    "e": "歌",
    **dict.fromkeys(("ie", "ve", "ê"), "皆"),
    "-i": "支",
    "er": "儿",
    "i": "齐",
    **dict.fromkeys(("ei", "ui", "uei"), "微"),
    **dict.fromkeys(("ai", "uai"), "开"),
    "u": "模",
    "v": "鱼",
    **dict.fromkeys(("ou", "iu", "iou"), "侯"),
    **dict.fromkeys(("ao", "iao"), "豪"),
    **dict.fromkeys(("an", "ian", "uan", "van"), "寒"),
    **dict.fromkeys(("en", "in", "un", "vn", "uen"), "痕"),
    **dict.fromkeys(("ang", "iang", "uang"), "唐"),
    **dict.fromkeys(("eng", "ing", "ueng"), "庚"),
    **dict.fromkeys(("ong", "iong"), "东"),
}
PARTICLES = frozenset("了的着吗嘛么呢吧呗啊呀哇啦哦哟喔")
LONGEST_RHYME = 3  # syllables
_INITIAL = re.compile(r"^(zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])")
_HAN = re.compile(r"[〇\u3400-\u9fff\uf900-\ufaff]|[\U00020000-\U0003ffff]")
_WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*")
_FIGURE = re.compile(r"([0-9]+)(年?)")
_VOWELS = re.compile("[aeiouy]+")
_SILENT = re.compile("[^aeiouy]e$|[^aeiouytd]ed$|[^aeiouysxzcgh]es$")
_HUM = re.compile("h*m+|sh+|s*k+r+t*|br+|gr+|pft*|pst*|z+|tsk*")
_SPELLED = ("ok", "vip", "ceo", "nba", "usa", "diy", "ufo", "aka", "id")  # letter by letter


def final_class(syllable: str) -> str:
    """The class of a toneless syllable of pinyin (`zhuang`, `lv`), "" where it has none."""
    spelled = syllable.replace("ü", "v")
    initial = _INITIAL.match(spelled)
    start = initial[0] if initial else ""
    rest = spelled[len(start) :]
    if start in ("j", "q", "x", "y") and rest[:1] == "u":
        rest = "v" + rest[1:]  # ju, yu are written so for ü
    if start in ("zh", "ch", "sh", "r", "z", "c", "s") and rest == "i":
        rest = "-i"
    if start == "y" and rest == "e":
        rest = "ie"
    return EIGHTEEN.get(rest, "")


@cache
def _read(text: str) -> tuple[str, ...]:
    """The toneless syllable of each character of a text of Chinese characters, in its context."""
    return tuple(lazy_pinyin(text, style=Style.NORMAL, v_to_u=False))


def last_syllables(line: str, most: int = LONGEST_RHYME) -> list[tuple[str, str]]:
    """The last Chinese characters of a line with their classes, the last one first.

    Ends at the first that is no Chinese character, what can't be heard (marks, blanks) left out.
    """
    heard = [one for one in line if one.isalnum()]
    run = ""
    for one in reversed(heard):
        if not _HAN.fullmatch(one):
            break
        run = one + run
    read = _read(run) if run else ()
    if len(read) != len(run):
        return []
    pairs = [(one, final_class(said)) for one, said in zip(run, read, strict=True)]
    return pairs[::-1][:most]


def rhyme_length(first: str, second: str) -> int:
    """How many last syllables of two lines rhyme, from none to `LONGEST_RHYME`.

    A character with itself is no rhyme, and what ends on a particle rhymes with nothing.
    """
    ends = last_syllables(first), last_syllables(second)
    if any(end and end[0][0] in PARTICLES for end in ends):
        return 0
    length = 0
    for (one, own), (other, its) in zip(*ends, strict=False):
        if one == other or not own or own != its:
            break
        length += 1
    return length


def count_syllables(line: str) -> int:
    """Each Chinese character one, a number as it is said in Chinese, a Latin word by its vowels."""
    plain = unicodedata.normalize("NFKC", line)
    figures = sum(_said(found[1], found[2]) for found in _FIGURE.finditer(plain))
    return len(_HAN.findall(plain)) + figures + sum(map(_sung, _WORD.findall(plain)))


def _said(figure: str, year: str) -> int:
    """Syllables of a number: up to four digits with its units, others and years digit by digit."""
    size = len(figure)
    if size > 4 or (size > 1 and figure[0] == "0") or (size == 4 and year):
        return size
    bare = figure.rstrip("0")
    if not bare:
        return 1
    zeros = sum(1 for run in bare.split("0")[1:] if run)
    digits = sum(digit != "0" for digit in bare)
    units = sum(digit != "0" for digit in figure[:-1])
    return zeros + digits + units - (1 if size == 2 and figure[0] == "1" else 0)


def _sung(word: str) -> int:
    """Runs of vowels of a Latin word; e, es and ed that end it are silent after a consonant."""
    plain = "".join(filter(str.isalpha, word.casefold()))
    if plain in _SPELLED:
        return len(plain)
    count = len(_VOWELS.findall(plain))
    if not count:
        return 1 if _HUM.fullmatch(plain) else len(plain) + 2 * plain.count("w")
    if not plain.endswith("le") or plain[-3:-2] in tuple("aeiouyl"):
        count -= bool(_SILENT.search(plain))
    return max(1, count)


def right_lengths(lines: Sequence[str], asked: Sequence[int]) -> list[bool]:
    """Whether each line has the syllables asked for; what was asked for is repeated."""
    return [count_syllables(line) == asked[i % len(asked)] for i, line in enumerate(lines)]


def rhyming_pairs(scheme: str, lines: int) -> list[tuple[int, int]]:
    """The lines that a scheme of letters wants to rhyme, each with the one of its letter before it.

    The scheme is repeated, each time with rhymes of its own.
    """
    pairs, size = [], len(scheme)
    for begin in range(0, lines, size or lines + 1):
        last: dict[str, int] = {}
        for place, letter in enumerate(scheme[: lines - begin]):
            if letter in last:
                pairs.append((last[letter], begin + place))
            last[letter] = begin + place
    return pairs


def distinct(lines: Sequence[str], size: int) -> float | None:
    """Distinct runs of `size` characters over all of them (Li et al., NAACL 2016); None without."""
    counted = Counter(runs(lines, size))
    total = sum(counted.values())
    return len(counted) / total if total else None


def heard(text: str) -> str:
    """Letters, digits and characters alone, in lower case: what of a text can be copied."""
    return "".join(filter(str.isalnum, text.casefold()))


def runs(lines: Iterable[str], size: int) -> list[str]:
    """Every run of `size` characters that can be heard, over the ends of lines."""
    text = heard("".join(lines))
    return [text[i : i + size] for i in range(len(text) - size + 1)]


def copied_share(lines: Sequence[str], songs: str, size: int) -> float | None:
    """The share of runs of `size` characters that stand in a song; None where there is none.

    songs: as `joined` gives them.
    """
    own = runs(lines, size)
    return sum(run in songs for run in own) / len(own) if own else None


def longest_overlap(lines: Sequence[str], songs: str) -> int:
    """Characters of the longest run that is shared with one song; songs: as of `joined`."""
    text = heard("".join(lines))
    best = 0
    for begin in range(len(text)):
        while begin + best < len(text) and text[begin : begin + best + 1] in songs:
            best += 1
    return best


def joined(songs: Iterable[Sequence[str]]) -> str:
    """What can be heard of each song, one after another, so that no run spans two."""
    return "\n".join(heard("".join(lines)) for lines in songs)
