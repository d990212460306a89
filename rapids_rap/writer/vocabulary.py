"""What each token of a writer's vocabulary adds to a line, for any tokenizer.

One step writes one syllable: of the tokens with Chinese in them only single characters may be
written, so tokens of many characters are masked, as are figures (how they are read hangs on what
follows), punctuation and parts of characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from pypinyin import Style, pinyin

from rapids_rap.arrays import Bools, Int64s
from rapids_rap.errors import InputError
from rapids_rap.writer.conditions import MOST_SYLLABLES
from rapids_rap.writer.copying import Codes, han_codes, is_han
from rapids_rap.writer.prosody import EIGHTEEN, PARTICLES, final_of, word_syllables
from rapids_rap.writer.text import encode

CLASSES = tuple(dict.fromkeys(EIGHTEEN.values()))
NO_CLASS, SEVERAL = -1, -2

_ANCHOR = "我"
_LATIN = re.compile(r" ?[A-Za-z]+(?:['’][A-Za-z]+)*|['’][A-Za-z]+")  # of English, so no accents
_LETTER = re.compile(r"[A-Za-z]$")


@dataclass(frozen=True)
class Vocabulary:
    """The V tokens of a tokenizer.

    texts: what each adds to a line. newline: the token of a line's end, blank: that of a blank, if
    there is one. han, latin: (V,) bool, single Chinese characters, and Latin words or parts of
    them; codes: (V,) uint32, the simplified character, 0 where none. classes: (V,) int64 place in
    `CLASSES`, `SEVERAL` where readings differ in class, `NO_CLASS` for what never rhymes.
    begins: (V,) int64, the syllables of a Latin token as the beginning of a word. parted: (V,)
    bool, Latin tokens that bring the blank before them.
    """

    texts: tuple[str, ...]
    newline: int
    blank: int | None
    han: Bools
    latin: Bools
    codes: Codes
    classes: Int64s
    begins: Int64s
    parted: Bools

    def without(self, characters: str) -> Bools:
        """(V,) bool: all tokens but these characters."""
        return ~np.isin(self.codes, han_codes(characters))

    def sizes(self) -> Int64s:
        """(C,) int64: how many characters each rhyme class has that are always of it."""
        held = self.classes[self.classes >= 0]
        return np.bincount(held, minlength=len(CLASSES)).astype(np.int64)


def read_vocabulary(tokenizer: Any, size: int) -> Vocabulary:
    """The table of a tokenizer whose model has `size` tokens.

    Raises `InputError` where lines can't end, or where no character can be written.
    """
    newline = encode(tokenizer, "\n")
    if len(newline) != 1:
        raise InputError(
            "The writer's tokenizer has no token of its own for a line's end, so lines can't be "
            "written; train on another model."
        )
    texts = _texts(tokenizer, size)
    special = set(tokenizer.all_special_ids)
    usual = [text if i not in special else "" for i, text in enumerate(texts)]
    first: dict[str, int] = {}
    for token, text in enumerate(usual):
        first.setdefault(text, token)
    once = np.array([first[text] == token for token, text in enumerate(usual)])
    single = [ord(text) if len(text) == 1 else 0 for text in usual]
    han = is_han(np.array(single, dtype=np.uint32)) & once
    if not han.any():
        raise InputError(
            "The writer's tokenizer has no token for a single Chinese character, so syllables "
            "can't be counted; train on another model."
        )
    codes = np.zeros(size, dtype=np.uint32)
    codes[han] = han_codes("".join(np.array(usual, dtype=object)[han]))
    classes = np.full(size, NO_CLASS, dtype=np.int64)
    classes[han] = [_class_of(text) for text in np.array(usual, dtype=object)[han]]
    latin = once & np.array([bool(_LATIN.fullmatch(text)) for text in usual])
    begins = [_begins(t) if is_ else 0 for t, is_ in zip(usual, latin, strict=True)]
    return Vocabulary(
        texts=tuple(usual),
        newline=newline[0],
        blank=first.get(" "),
        han=han,
        latin=latin,
        codes=codes,
        classes=classes,
        begins=np.array(begins, dtype=np.int64),
        parted=latin & np.array([text.startswith(" ") for text in usual]),
    )


def _texts(tokenizer: Any, size: int) -> list[str]:
    """What each token adds behind a Chinese character: decoders treat the first one differently."""
    anchor = encode(tokenizer, _ANCHOR)
    before = tokenizer.decode(anchor, clean_up_tokenization_spaces=False)
    known = min(size, len(tokenizer))  # a model may have more rows than its tokenizer has tokens
    rows = [[*anchor, token] for token in range(known)]
    decoded = tokenizer.batch_decode(rows, clean_up_tokenization_spaces=False)
    added = [text[len(before) :] if text.startswith(before) else "" for text in decoded]
    return added + [""] * (size - known)


def _begins(text: str) -> int:
    """Syllables of a Latin token where a word begins; what can't begin one has more than any."""
    return MOST_SYLLABLES + 1 if text[0] in "'’" else word_syllables(text.strip())


@lru_cache(maxsize=32768)
def _class_of(character: str) -> int:
    if character in PARTICLES:
        return NO_CLASS
    read = pinyin(character, style=Style.NORMAL, heteronym=True, v_to_u=False, errors="ignore")
    classes = {EIGHTEEN.get(final_of(syllable) or "") for syllable in (read[0] if read else ())}
    if len(classes) > 1:
        return SEVERAL
    only = classes.pop() if classes else None
    return NO_CLASS if only is None else CLASSES.index(only)


def ends_in_letter(text: str) -> bool:
    """Whether a further Latin token would go on with a word."""
    return _LETTER.search(text) is not None


def class_numbers(finals: Sequence[str | None]) -> list[int]:
    """The place in `CLASSES` of each final, `NO_CLASS` where it has none."""
    names = [EIGHTEEN.get(final or "") for final in finals]
    return [NO_CLASS if name is None else CLASSES.index(name) for name in names]
