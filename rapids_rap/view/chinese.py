"""What a browser needs to search Chinese: how characters fold together, and how they are read.

The page holds the lines as people wrote them. It folds lines and questions alike, a character at
a time, so that 故鄉 finds 故乡 whichever of the two stands in the lyrics; and it knows how the
characters that occur are read, so that `guxiang` and a rhyme find their lines without an index.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from opencc import OpenCC
from pypinyin import Style, lazy_pinyin, pinyin

from rapids_rap.corpus.normalize import bearable, shown

_BLANKS = re.compile(r"\s+")
BASIC = 0x10000  # the page looks characters up in tables of this size


def fold_pairs(characters: Iterable[str]) -> dict[str, str]:
    """The simplified form of each character that is another one; both are of one UTF-16 unit.

    Only what is asked for: the traditional forms of all simplified characters that occur have to be
    among `characters` for a traditional question to find them, see `known_traditional`.
    """
    plain = sorted({c for c in characters if ord(c) < BASIC})
    folded = OpenCC("t2s").convert("\n".join(plain)).split("\n")
    return {
        old: new
        for old, new in zip(plain, folded, strict=True)
        if old != new and len(new) == 1 and ord(new) < BASIC
    }


def known_traditional() -> list[str]:
    """Every Chinese character of the basic plane: those that OpenCC folds are chosen of them."""
    blocks = (range(0x3400, 0x4DC0), range(0x4E00, 0xA000), range(0xF900, 0xFB00))
    return [chr(code) for block in blocks for code in block]


def fold(text: str, pairs: dict[str, str]) -> str:
    """What the page compares: without invisible characters, NFKC, small letters, simplified.

    The page computes the same in its own language (`fold.ts`); a test holds the two together.
    """
    return "".join(pairs.get(character, character) for character in plain_form(text))


def plain_form(text: str) -> str:
    """The text without invisible characters, in NFKC, in small letters, white space collapsed."""
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", bearable(shown(text))).lower())


def readings(characters: Iterable[str]) -> dict[str, str]:
    """The characters by each syllable, without its tone, that they may be read as."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for character in _chinese(characters):
        read = pinyin(character, style=Style.NORMAL, heteronym=True, errors="ignore", v_to_u=False)
        for syllable in sorted(set(read[0])) if read else ():
            found[syllable].append(character)
    return {syllable: "".join(found[syllable]) for syllable in sorted(found) if syllable}


def finals(characters: Iterable[str]) -> dict[str, str]:
    """The characters by the final (韵母) of their commonest reading, as a run takes rhyme."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for character in _chinese(characters):
        read = lazy_pinyin(character, style=Style.FINALS, strict=False, errors="ignore")
        if read and read[0]:
            found[read[0]].append(character)
    return {final: "".join(found[final]) for final in sorted(found)}


def search_tables(texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """What searching these texts takes: `fold`, `readings` and `finals` of their characters."""
    characters = set[str]().union(*map(set, texts))
    pairs = fold_pairs([*known_traditional(), *characters])
    held = {pairs.get(c, c) for c in characters}
    pairs = {old: new for old, new in pairs.items() if new in held}
    return {"fold": pairs, "readings": readings(held), "finals": finals(held)}


def _chinese(characters: Iterable[str]) -> list[str]:
    known = (range(0x3400, 0x4DC0), range(0x4E00, 0xA000), range(0x3007, 0x3008))
    return sorted({c for c in characters if any(ord(c) in block for block in known)})
