"""Translations in timed lyrics: a line in another script at the stamp of the line before it."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SCRIPTS = (
    ("Kana", re.compile("[\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9d]")),
    ("Hangul", re.compile("[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")),
    ("Han", re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")),
    ("other", re.compile(r"[^\W\d_]")),
)
"""The first script that a line has any letter of is its script: kana make it Japanese."""


def translations(
    texts: Sequence[str], kept: Sequence[bool], second: Sequence[int], groups: Sequence[int]
) -> list[int]:
    """Positions of kept lines that stand at the stamp of a kept line in another script.

    texts, kept and groups are parallel; second: positions at the stamp of the line before them, in
    rising order. Where the first line at a stamp was no lyric (a credit), the next is the original.
    Two lines in one script are two voices, or one line in two parts: no translation.
    """
    found = []
    original: int | None = None
    before = -2
    for i in second:
        if i - 1 != before or groups[i] != groups[i - 1]:
            original = i - 1 if kept[i - 1] else None
        before = i
        if not kept[i]:
            continue
        if original is None:
            original = i
        elif script(texts[i]) != script(texts[original]):
            found.append(i)
    return found


def script(text: str) -> str:
    """The script that a line is in, "" if it has no letter."""
    return next((name for name, pattern in _SCRIPTS if pattern.search(text)), "")
