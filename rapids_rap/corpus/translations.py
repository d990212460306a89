"""Translations in timed lyrics: a line in another script at the stamp of the line before it.

The first line at a stamp is the original, unless the song gives its lines in pinyin or Jyutping
first: a syllable for each character of the next line. Ad-libs are a second voice, no translation.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SCRIPTS = (
    ("Kana", re.compile("[\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9d]")),
    ("Hangul", re.compile("[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")),
    ("Han", re.compile(f"[{_HAN}]")),
    ("other", re.compile(r"[^\W\d_]")),
)
"""The first script that a line has any letter of is its script: kana make it Japanese."""
_UNITS = re.compile(rf"[{_HAN}]|[^\W{_HAN}]+")  # a character, or a word of another script
_SYLLABLE = re.compile(
    r"(?:[bpmf]o|(?:[bpmfdtnlgkhjqxzcsrwy]|[zcs]h)?(?:ng?|a(?:i|o|ng?)?|e(?:i|r|ng?)?|ou|ong)"
    r"|(?:[bpmdtnljqxy]|[zcs]h?|r)i|[bpmdtnljqx]i(?:a|e|u|ao|an|ng?|ang|ong)"
    r"|(?:[bpmfdtnlgkhjqxzcsrwy]|[zcs]h)(?:u|ue|uo|ui|ua|un|uai|uang?)|[nl][vu]e?|[wly]o)[1-5]?"
    r"|[a-z]{1,6}[1-6]"
)
_AD_LIB = re.compile(
    r"(?:(?:o+h+|u+h+|a+h+|y+e+a+h*|ya+h*|ye+|ay+e*|e+y+|he+y+|yo+|wo+o*|whoa+|woah+|hu+h+|hm+|mm+"
    r"|la|na|da|skrr*t*|brr+|grr+|okay|ok|alright|a?ha+(?:ha+)?|come on|let'?s (?:go|get it)"
    r"|check it(?: out)?|what'?s up|baby)(?![a-z])[\s,.!?~…-]*)+"
)
_IN_BRACKETS = re.compile(r"[(（].*[)）]")


def translations(
    texts: Sequence[str], kept: Sequence[bool], second: Sequence[int], groups: Sequence[int]
) -> dict[int, int]:
    """Kept lines that stand at the stamp of a kept line in another script -> that line.

    texts, kept and groups are parallel; second: positions at the stamp of the line before them, in
    rising order. Where the first line at a stamp was no lyric (a credit), the next is the original.
    Two lines in one script are two voices, or one line in two parts: no translation.
    """
    stamps = [[i for i in stamp if kept[i]] for stamp in _stamps(second, groups)]
    stamps = [stamp for stamp in stamps if len(stamp) > 1]
    romanised = _romanised_songs(stamps, texts, groups)
    found: dict[int, int] = {}
    for stamp in stamps:
        original = stamp[0]
        if groups[original] in romanised and _is_romanised(texts[original], texts[stamp[1]]):
            original = stamp[1]
        for i in stamp:
            other = script(texts[i]) != script(texts[original])
            if other and (i < original or not _is_ad_lib(texts[i], texts[original])):
                found[i] = original
    return found


def script(text: str) -> str:
    """The script that a line is in, "" if it has no letter."""
    return next((name for name, pattern in _SCRIPTS if pattern.search(text)), "")


def _stamps(second: Sequence[int], groups: Sequence[int]) -> list[list[int]]:
    """The lines at each stamp that has several, in rising order."""
    stamps: list[list[int]] = []
    for i in second:
        if stamps and stamps[-1][-1] == i - 1 and groups[i] == groups[i - 1]:
            stamps[-1].append(i)
        elif groups[i] == groups[i - 1]:
            stamps.append([i - 1, i])
        else:
            stamps.append([i])
    return stamps


def _romanised_songs(
    stamps: Sequence[Sequence[int]], texts: Sequence[str], groups: Sequence[int]
) -> set[int]:
    """The songs in which most lines in Latin above Han characters are their romanisation."""
    count: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for first, then, *_ in stamps:
        if script(texts[first]) == "other" and script(texts[then]) == "Han":
            count[groups[first]][_is_romanised(texts[first], texts[then])] += 1
    return {group for group, (no, yes) in count.items() if yes > no}


def _is_romanised(latin: str, text: str) -> bool:
    """Whether the words are as many as the other line's characters, and nearly all syllables."""
    if script(text) != "Han" or script(latin) != "other":
        return False
    words = _UNITS.findall(_without_tones(latin))
    units = _UNITS.findall(text)
    syllables = sum(_SYLLABLE.fullmatch(word) is not None for word in words)
    return abs(len(words) - len(units)) <= len(units) // 8 and 5 * syllables >= 4 * len(words) > 0


def _without_tones(text: str) -> str:
    parts = unicodedata.normalize("NFD", text.lower())
    return "".join(part for part in parts if not unicodedata.combining(part))


def _is_ad_lib(text: str, original: str) -> bool:
    """Whether a line is what a second voice calls: `come on`, or words in brackets."""
    line = text.strip().lower().replace("’", "'")
    if _IN_BRACKETS.fullmatch(line):
        return _IN_BRACKETS.fullmatch(original.strip()) is None
    return len(line) <= 60 and _AD_LIB.fullmatch(line) is not None
