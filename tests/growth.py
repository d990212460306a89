"""How the time of a function grows with its input, and the strings that make expressions slow.

An expression is slow where it can begin, or go on, in many ways and fails in all of them. So the
strings are made from the expression itself: what it matches, cut short and repeated, and each of
its repetitions at length with nothing behind it. A new expression is tried by being there.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

_PARSER: Any = re._parser  # type: ignore[attr-defined]  # no public module parses expressions
_LARGEST = 16_384
_NOTICED = 0.01  # seconds: below it nothing grows that matters, and nothing can be measured
# 8 times the input: linear takes 8 times as long, quadratic 64 times.
_MOST = 24.0

GENERIC = (
    *("\t", " ", "\u3000", "a", "1", '"', "'", "\\", "\\n", "[", "]", "(", "<", "{", ":", "-"),
    *("&", "&#", "&#1", "&amp", "<a ", "<!--", "[00:01", "[00:01.00]", "[ar:", "{\\", "a@a"),
    *("http://", "www.", "by ", "作词", "作词：", "歌名 ", "未经", "See ", " Lyrics", "Embed"),
    *("\u0301", "\u0301\u0323", "e\u0301", "爱", "爱 ", "的著", "=", "\r", "\x0b", "\ufeff"),
    *("a&", "a'", "r&b", "feat ", "/ ", " /", "verse ", "x2 ", "(x2", "《", "「", "-->", "1."),
    *("00:00.0 ", "0" * 9, "9", "|", " | ", ", ", "、", "=+", "'=", "\n", "\n\n", " \n", "a."),
    *("\U0001f600", "@", "a\u0301", "\u0e01\u0e33"),
)


def grows_too_fast(
    function: Callable[[str], object], make: Callable[[int], str], first: int = 64
) -> float | None:
    """How many times longer eight times the input takes, where that is more than linear.

    The input doubles, so that what takes for ever is left early. Other processes only make a time
    longer: of the shorter input it is the least of three, and of the longer one too where the
    first looks too long.
    """
    size = first
    while size <= _LARGEST:
        spent = _seconds(function, make(size), 1)
        if spent >= _NOTICED:
            before = max(_least(function, make(size // 8)), 1e-6)
            if spent / before > _MOST:
                ratio = _least(function, make(size)) / before
                if ratio > _MOST:
                    return ratio
        size *= 2
    return None


def adversaries(pattern: re.Pattern[Any]) -> list[tuple[str, str, str]]:
    """(before, repeated, after) of strings that try an expression, each once, in a fixed order."""
    chance = random.Random(ascii(pattern.pattern))
    tree = _PARSER.parse(pattern.pattern, pattern.flags & ~re.UNICODE.value)
    found: dict[tuple[str, str, str], None] = {}
    for before, body in _repeats(tree, "", chance):
        for after in ("", "\x00"):
            found[before, body, after] = None
        found["", before + body * 3, ""] = None
    for _ in range(8):
        sample = _sample(tree, chance)
        for end in sorted({len(sample), len(sample) - 1, len(sample) // 2, 1}):
            if sample[: max(0, end)]:
                found["", sample[:end], ""] = None
    found.update({("", body, after): None for body in GENERIC for after in ("", "\x00")})
    found.update({("a", body, "b"): None for body in ("\t", " ")})
    return list(found)


def text_of(parts: tuple[str, str, str], size: int) -> str:
    """The string of about `size` characters."""
    before, body, after = parts
    return before + body * max(1, size // len(body)) + after


def _least(function: Callable[[str], object], text: str) -> float:
    return _seconds(function, text, 3)


def _seconds(function: Callable[[str], object], text: str, rounds: int) -> float:
    def once() -> float:
        start = time.process_time()
        function(text)
        return time.process_time() - start

    return min(once() for _ in range(rounds))


def _repeats(tree: Sequence[Any], before: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    """For every repetition of the expression, what stands before it and what it repeats."""
    for kind, value in tree:
        name = str(kind)
        if name.endswith("REPEAT"):
            body = _sample(value[2], chance)
            if body:
                yield before, body
            yield from _repeats(value[2], before, chance)
        elif name == "BRANCH":
            for branch in value[1]:
                yield from _repeats(branch, before, chance)
        elif name == "SUBPATTERN":
            yield from _repeats(value[3], before, chance)
        elif name == "ATOMIC_GROUP":
            yield from _repeats(value, before, chance)
        before += _sample([(kind, value)], chance)


def _sample(tree: Sequence[Any], chance: random.Random) -> str:
    """A string that the expression matches, or nearly: what looks around is passed over."""
    return "".join(_one(str(kind), value, chance) for kind, value in tree)


def _one(name: str, value: Any, chance: random.Random) -> str:
    if name == "LITERAL":
        return chr(value)
    if name == "NOT_LITERAL":
        return "z" if value != ord("z") else "y"
    if name == "ANY":
        return chance.choice("a1 爱")
    if name == "IN":
        return _member(value, chance)
    if name == "BRANCH":
        return _sample(chance.choice(value[1]), chance)
    if name == "SUBPATTERN":
        return _sample(value[3], chance)
    if name == "ATOMIC_GROUP":
        return _sample(value, chance)
    if name.endswith("REPEAT"):
        least, most, body = value
        return "".join(_sample(body, chance) for _ in range(min(max(least, 1), most, 3)))
    return ""


_ANY = "a1 爱\t:-[]()<>/&.,'\"é你_=\u0301"


def _member(members: Sequence[Any], chance: random.Random) -> str:
    """A character of a set."""
    negated = str(members[0][0]) == "NEGATE"
    if negated:
        inside = re.compile(_set_of(members[1:]))
        return next((c for c in _shuffled(chance) if not inside.match(c)), "")
    kind, value = chance.choice(list(members))
    if str(kind) == "LITERAL":
        return chr(value)
    if str(kind) == "RANGE":
        return chr(chance.randint(*value)) if value[0] > 0x7F else chr(value[0])
    category = re.compile(_set_of([(kind, value)]))
    return next((c for c in _shuffled(chance) if category.match(c)), "")


def _shuffled(chance: random.Random) -> list[str]:
    return chance.sample(_ANY, len(_ANY))


_CATEGORIES = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}


def _set_of(members: Sequence[Any]) -> str:
    parts = []
    for kind, value in members:
        if str(kind) == "LITERAL":
            parts.append(re.escape(chr(value)))
        elif str(kind) == "RANGE":
            parts.append(f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}")
        else:
            name = str(value).removeprefix("CATEGORY_")
            sign = _CATEGORIES[name.removeprefix("NOT_")]
            parts.append(sign.upper() if name.startswith("NOT_") else sign)
    return f"[{''.join(parts)}]"
