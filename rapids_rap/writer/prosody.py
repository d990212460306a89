"""How a line sounds: its syllables, their finals, and whether two lines rhyme.

A Chinese character is one syllable. A number is read in Chinese: 24 as 二十四, a year or a long one
digit by digit. Of Latin words the syllables are counted by a rule, and they have no final here, so
that they never rhyme. Readings are those of pypinyin, by the words around a character.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from pypinyin import Style, lazy_pinyin
from pypinyin.contrib.tone_convert import to_finals, to_initials

from rapids_rap.writer.conditions import STANZA, Rhyme

Final = str | None

THIRTEEN: Mapping[str, str] = {
    final: name
    for name, finals in {
        "发花": "a ia ua",
        "梭坡": "o e uo",
        "乜斜": "ie ve",
        "一七": "i -i v er",
        "姑苏": "u",
        "怀来": "ai uai",
        "灰堆": "ei uei",
        "遥条": "ao iao",
        "油求": "ou iou",
        "言前": "an ian uan van",
        "人辰": "en in uen vn",
        "江阳": "ang iang uang",
        "中东": "eng ing ueng ong iong",
    }.items()
    for final in finals.split()
}
"""The thirteen tracks (十三辙) of northern song and opera: the class of each final."""

EIGHTEEN: Mapping[str, str] = {
    final: name
    for name, finals in {
        "麻": "a ia ua",
        "波": "o uo",
        "歌": "e",
        "皆": "ie ve",
        "支": "-i",
        "儿": "er",
        "齐": "i",
        "微": "ei uei",
        "开": "ai uai",
        "模": "u",
        "鱼": "v",
        "侯": "ou iou",
        "豪": "ao iao",
        "寒": "an ian uan van",
        "痕": "en in uen vn",
        "唐": "ang iang uang",
        "庚": "eng ing ueng",
        "东": "ong iong",
    }.items()
    for final in finals.split()
}
"""The eighteen classes of 中华新韵 (黎锦熙 and others, 1941); each lies within one of the thirteen.

`-i` is the final of zhi, chi, shi, ri, zi, ci, si (支), which is apart from i (齐).
"""

PARTICLES = frozenset("的了着吗嘛么呢吧呗罢啊阿呀哇哪啦喽咯哦噢喔哟呦诶欸嗯哎唉呃嘿哈")
"""Characters that end a line without weight: they rhyme with nothing."""

LONGEST = 3  # syllables of a rhyme

_HAN = "〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SINGLE = "\u3040-\u30ff\uac00-\ud7af"  # kana and hangul: a syllable each
_WORD = f"[^\\W\\d_{_HAN}{_SINGLE}]+(?:['’][^\\W\\d_{_HAN}{_SINGLE}]+)*"
_UNIT = re.compile(f"[{_HAN}](?:[^\\w]*[{_HAN}])*|[{_SINGLE}]|[0-9]+(?:年)?|{_WORD}")
_HAN_ONE = re.compile(f"[{_HAN}]")
_DIGITS = "0123456789"
_VOWELS = re.compile("[aeiouy]+")
_SILENT_ED = re.compile(r"(?<=[^aeiouytd])ed$")
_SILENT_ES = re.compile(r"(?<=[^aeiouysxzcg])(?<!ch)(?<!sh)es$")
_SILENT_E = re.compile(r"(?<=[^aeiouy])e$")
_SYLLABIC_LE = re.compile(r"(?<=[^aeiouyl])le$")
_HUMMED = re.compile(r"h*m+|s+h+|s*k+r+t*|b+r+|g+r+|p+f+t*|p+s+t*|z+|t+s+k*")
_SPELLED = {"ok": 2, "vip": 3, "ceo": 3, "nba": 3, "usa": 3, "diy": 3, "ufo": 3, "aka": 3, "id": 2}
_FIGURES = "零一二三四五六七八九"


@dataclass(frozen=True)
class Unit:
    """What is said in one breath of a line: a Chinese character, a figure, a Latin word.

    finals: one a syllable, None where there is none that could rhyme. said: of a figure the
    characters that it is read as, one a syllable.
    """

    text: str
    finals: tuple[Final, ...]
    said: str = ""


@lru_cache(maxsize=65536)
def units(line: str) -> tuple[Unit, ...]:
    """The units of a line in their order; punctuation and blanks are not sung."""
    found: list[Unit] = []
    for match in _UNIT.finditer(unicodedata.normalize("NFKC", line)):
        text = match[0]
        if _HAN_ONE.match(text):
            run = "".join(_HAN_ONE.findall(text))
            found += [Unit(c, (f,)) for c, f in zip(run, _read(run), strict=True)]
        elif text[0] in _DIGITS:
            figure = text.removesuffix("年")
            said = _spoken(figure, year=text != figure)
            found.append(Unit(figure, tuple(_read(said)), said))
            if text != figure:
                found.append(Unit("年", ("ian",)))
        else:
            found.append(Unit(text, (None,) * word_syllables(text)))
    return tuple(found)


def syllables(line: str) -> int:
    """How many syllables are sung."""
    count = 0
    for match in _UNIT.finditer(unicodedata.normalize("NFKC", line)):
        text = match[0]
        if _HAN_ONE.match(text):
            count += len(_HAN_ONE.findall(text))
        elif text[0] in _DIGITS:
            figure = text.removesuffix("年")
            count += len(_spoken(figure, year=text != figure)) + (text != figure)
        else:
            count += word_syllables(text)
    return count


def finals(line: str) -> tuple[Final, ...]:
    """The final (韵母) of each syllable, with its medial and without its tone."""
    return tuple(final for unit in units(line) for final in unit.finals)


def word_syllables(word: str) -> int:
    """Syllables of a Latin word by a rule: groups of vowels, less the e, -es and -ed not spoken.

    Words without a vowel are spelled letter by letter, unless they are hummed (hmm, skrr).
    """
    accented = "".join(filter(str.isalpha, unicodedata.normalize("NFC", word.casefold())))
    plain = "".join(filter(str.isalpha, unicodedata.normalize("NFD", accented)))
    if plain in _SPELLED:
        return _SPELLED[plain]
    groups = len(_VOWELS.findall(plain))
    if not groups:
        return 1 if _HUMMED.fullmatch(plain) else max(1, _letters(plain))
    if not _SYLLABIC_LE.search(plain):
        silent = (_SILENT_E, _SILENT_ED, _SILENT_ES)
        groups -= any(rule.search(accented) for rule in silent)
    return max(1, groups)


def _letters(plain: str) -> int:
    return len(plain) + 2 * plain.count("w")


def rhyme_length(a: str, b: str, classes: Mapping[str, str] = EIGHTEEN) -> int:
    """How many syllables at their ends rhyme, 0 to 3: their finals are of one class.

    The same character is no rhyme, and lines that end on a particle rhyme with nothing. `-i` never
    rhymes with i, whatever the classes say.
    """
    ends = [ending(line) for line in (a, b)]
    if any(end and end[-1][0] in PARTICLES for end in ends):
        return 0
    length = 0
    for (one, own), (other, its) in zip(reversed(ends[0]), reversed(ends[1]), strict=False):
        if one == other or not finals_rhyme(own, its, classes):
            break
        length += 1
    return length


def finals_rhyme(a: Final, b: Final, classes: Mapping[str, str] = EIGHTEEN) -> bool:
    """Whether two finals are of one class, `-i` apart from i."""
    if a is None or b is None or (a == "-i") != (b == "-i"):
        return False
    return a in classes and classes[a] == classes.get(b)


def ending(line: str) -> list[tuple[str, Final]]:
    """The last one to three syllables of a line: what is said and its final.

    Of a figure each character that it is read as, so that 24 is no rhyme of 四; a Latin word of
    several syllables stands for each of them.
    """
    found = [
        (unit.said[place] if unit.said else unit.text, final)
        for unit in units(line)[-LONGEST:]
        for place, final in enumerate(unit.finals)
    ]
    return found[-LONGEST:]


def rhyme_letters(lines: Sequence[str], classes: Mapping[str, str] = EIGHTEEN) -> str:
    """The scheme of some lines, a letter each: AABA. A line that rhymes with none has its own."""
    groups: list[list[str]] = []
    letters = []
    for line in lines:
        held = (i for i, group in enumerate(groups) if _joins(line, group, classes))
        place = next(held, len(groups))
        if place == len(groups):
            groups.append([])
        groups[place].append(line)
        letters.append(chr(ord("A") + place))
    return "".join(letters)


def _joins(line: str, group: Sequence[str], classes: Mapping[str, str]) -> bool:
    return any(rhyme_length(line, held, classes) for held in group)


def stanza_scheme(lines: Sequence[str], classes: Mapping[str, str] = EIGHTEEN) -> Rhyme | None:
    """The scheme of a stanza of four lines: `free` where no two of them rhyme.

    None for another number of lines and for schemes that have no name here, such as AABA.
    """
    if len(lines) != STANZA:
        return None
    named: dict[str, Rhyme] = {"AABB": "AABB", "ABAB": "ABAB", "AAAA": "AAAA", "ABCD": "free"}
    return named.get(rhyme_letters(lines, classes))


def _read(run: str) -> list[Final]:
    """The final of each character of a run of Chinese ones, by the words that they make."""
    spoken = lazy_pinyin(run, style=Style.NORMAL, v_to_u=False, errors=cast(Any, list))
    if len(spoken) != len(run):  # a reading of several syllables, such as that of 兙
        spoken = [lazy_pinyin(c, style=Style.NORMAL, v_to_u=False)[0] for c in run]
    return [final_of(syllable) for syllable in spoken]


@lru_cache(maxsize=4096)
def final_of(syllable: str) -> Final:
    """The final of a syllable of pinyin without tone; None for hums (m, n, ng) and the like."""
    final = to_finals(syllable, strict=True, v_to_u=False)
    if final not in EIGHTEEN:
        return None
    hissed = final == "i" and to_initials(syllable) in {"zh", "ch", "sh", "r", "z", "c", "s"}
    return "-i" if hissed else final


def _spoken(figure: str, *, year: bool) -> str:
    """A number as it is said: as a number up to four digits, else digit by digit."""
    if len(figure) > 4 or (len(figure) > 1 and figure[0] == "0") or (year and len(figure) == 4):
        return "".join(_FIGURES[int(digit)] for digit in figure)
    said = ""
    for digit, unit in zip(figure, "千百十"[4 - len(figure) :] + " ", strict=False):
        said += _FIGURES[int(digit)] + (unit.strip() if digit != "0" else "")
    while "零零" in said:
        said = said.replace("零零", "零")
    if len(said) > 1:
        said = said.rstrip("零")
    return said.removeprefix("一") if said.startswith("一十") else said
