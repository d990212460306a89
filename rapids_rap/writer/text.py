"""What a model reads: the header, then a song's lines, each with its line end.

A writer either reads lines as they are sung, or each from its end, so that a line's rhyme word is
written first and the rest leads up to it (DeepRapper, ACL 2021); `writer.json` says which under
`from_end`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rapids_rap.writer.conditions import Conditions, header

_WORD_OR_ONE = re.compile(r"[^\W\d_\u2e80-\U0003ffff]+(?:['’][^\W\d_\u2e80-\U0003ffff]+)*|.", re.S)

_HAN = "〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HAN_OR_REST = re.compile(f"[{_HAN}\\n]|[^{_HAN}\\n]+")


def song_text(conditions: Conditions, lines: Sequence[str], *, from_end: bool) -> str:
    """A training text, or with the first lines of a song the prompt for its next."""
    told = (backwards(line) if from_end else line for line in lines)
    return header(conditions) + "".join(f"{line}\n" for line in told)


def backwards(line: str) -> str:
    """The line from its end, a character at a time; Latin words stay as they are spelled.

    Twice backwards is forwards.
    """
    return "".join(reversed(_WORD_OR_ONE.findall(line)))


def unspaced(line: str) -> str:
    """The line as it is heard: where its blanks are, nobody hears."""
    return "".join(line.split())


def encode(tokenizer: Any, text: str) -> list[int]:
    """The tokens of a text, a Chinese character at a time, as they are written.

    Tokens of many characters are masked in writing; CharPoet (ACL 2024) leaves them out in training
    too, so that a model reads what it writes. What looks like a special token is text here.
    """
    pieces = _HAN_OR_REST.findall(text)
    if not pieces:
        return []
    found = tokenizer(pieces, add_special_tokens=False, split_special_tokens=True)
    return [token for ids in found["input_ids"] for token in ids]
