"""Other ways to write or say one line: text in, text out, never empty.

Every function takes `text_norm` and gives a text that is *not* normalised again: a traditional or
full-width form must reach the tokenizer as it is, or the view would be the line itself. Where a
function has nothing to change it returns the text unchanged. Deleting characters and swapping
synonyms are left out on purpose: one character is a tenth of a line, and both did worse than
dropout alone (SimCSE, arXiv 2104.08821, table 4).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np
import rjieba
from opencc import OpenCC
from pypinyin import Style, lazy_pinyin

MOST_REPEATED = 0.32  # ESimCSE's rate: at most this share of a line's units is said twice
MOST_SWAPPED = 0.3  # of the characters that have a homophone
_LATIN = r"[^\W_\u3400-\u9fff]+"
_UNIT = re.compile(rf"{_LATIN}(?:['’]{_LATIN})*|\s+|.", re.DOTALL)
_BLANK_BY_HAN = re.compile(r"(?<=[\u3400-\u9fff]) | (?=[\u3400-\u9fff])")
_BRACKETS = re.compile(r"(?<!\s)\s*(?:\([^()]*\)|（[^（）]*）|\[[^\[\]]*\]|【[^【】]*】)\s*")
_CALL = re.compile(
    r"(?:ye+a+h*|ya+h*|ay+e*|ey+|hey+|uh+|huh|woo+|oo+h|oh+|skrr+t*|brr+|yo+|whoa|ha+|la+|"
    r"哎+|诶+|欸+|嘿+|哟+|哦+|噢+|喔+|呜+|啊+|嗯+|嘻+|哈哈+)",
    re.IGNORECASE,
)
_BETWEEN_EDGES = re.compile(r"[^\s,，.。!！?？~～、]+")
_INNER_MARKS = re.compile(r"(?<!\s)\s*[,，、;；:：]\s*")
# From the first mark of a run, and whole: a line of 20,000 marks would take a minute where each of
# them is tried as a beginning.
_LAST_MARKS = re.compile(r"(?<![\s。！？!?.~～…])[\s。！？!?.~～…]++$")
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}

Random = np.random.Generator
Homophones = Mapping[str, str]  # a character -> others of the same sound, in a string


def repeat_characters(text: str, random: Random) -> str:
    """ESimCSE's view (arXiv 2109.04380): some characters or Latin words are said twice."""
    return _repeated(_UNIT.findall(text), random)


def repeat_words(text: str, random: Random) -> str:
    """The same with words as jieba cuts them."""
    return _repeated(rjieba.cut(text), random)


def _repeated(units: Sequence[str], random: Random) -> str:
    """At least one unit and at most `MOST_REPEATED` of them twice; Latin words with a blank."""
    places = [i for i, unit in enumerate(units) if unit[0].isalnum()]
    places = places or [i for i, unit in enumerate(units) if not unit.isspace()]
    if not places:
        return "".join(units)
    number = int(random.integers(1, max(1, int(MOST_REPEATED * len(places))) + 1))
    twice = set(random.choice(places, number, replace=False).tolist())
    return "".join(_said_twice(unit) if i in twice else unit for i, unit in enumerate(units))


def _said_twice(unit: str) -> str:
    return f"{unit} {unit}" if unit.isascii() and unit[0].isalnum() else unit + unit


def to_traditional(text: str) -> str:
    """Traditional characters (OpenCC `s2t`)."""
    return _traditional().convert(text)


@lru_cache(maxsize=1)
def _traditional() -> OpenCC:
    return OpenCC("s2t")


def to_full_width(text: str) -> str:
    """Latin letters, digits, marks and blanks in their full-width forms."""
    return text.translate(_FULL_WIDTH)


def other_punctuation(text: str, random: Random) -> str:
    """Marks a typist leaves out or puts in: between phrases, and at the end of the line."""
    if _INNER_MARKS.search(text):
        changed = _INNER_MARKS.sub(" ", text).strip()
    else:
        changed = _BLANK_BY_HAN.sub("，", text.strip())
    if bare := _LAST_MARKS.sub("", changed):
        end = "" if bare != changed else str(random.choice(["。", "！", "~", "..."]))
        changed = bare + end
    return changed or text


def remove_adlibs(text: str) -> str:
    """Without what stands in brackets and without calls (yeah, skrr, 哎) at either end."""
    bare = _BRACKETS.sub(" ", text).strip()
    return _without_calls(bare).strip() or text


def _without_calls(text: str) -> str:
    """Without the calls that begin and end a text, and the marks that part them from the rest.

    Piece by piece, in one pass: a pattern that searches for the calls at the end takes half a
    minute for a line of 10,000 of them.
    """
    pieces = [(piece.start(), piece.end()) for piece in _BETWEEN_EDGES.finditer(text)]
    calls = [_CALL.fullmatch(text, *piece) is not None for piece in pieces]
    if not any(calls):
        return text
    first, last = 0, len(pieces)
    while first < last and calls[first] and pieces[0][0] == 0:
        first += 1
    while last > first and calls[last - 1]:
        last -= 1
    start = pieces[first][0] if 0 < first < len(pieces) else 0
    end = pieces[last - 1][1] if last < len(pieces) else len(text)
    return text[start:end] if first < last else ""


def swap_homophones(text: str, random: Random, homophones: Homophones) -> str:
    """Some characters become others of the same sound: teaches rhyme, not meaning."""
    places = [i for i, character in enumerate(text) if homophones.get(character)]
    if not places:
        return text
    number = int(random.integers(1, max(1, int(MOST_SWAPPED * len(places))) + 1))
    characters = list(text)
    for i in random.choice(places, number, replace=False).tolist():
        others = homophones[characters[i]]
        characters[i] = others[int(random.integers(len(others)))]
    return "".join(characters)


def find_homophones(
    texts: Sequence[str], reading: Callable[[str], str] | None = None
) -> dict[str, str]:
    """Characters of the texts that sound the same, by `reading` (default: pinyin with its tone).

    Only characters that the lyrics use are offered, so that no swap brings in a rare one.
    """
    read = reading or pinyin_reading()
    by_sound: dict[str, list[str]] = {}
    for character in sorted(set("".join(texts))):
        if sound := read(character):
            by_sound.setdefault(sound, []).append(character)
    return {
        character: "".join(other for other in group if other != character)
        for group in by_sound.values()
        for character in group
        if len(group) > 1
    }


def pinyin_reading() -> Callable[[str], str]:
    """The pinyin of a character with its tone (most usual reading), or "" for what has none."""

    def read(character: str) -> str:
        return "".join(lazy_pinyin(character, style=Style.TONE3, errors="ignore"))

    return read
