"""Bytes to text: UTF-8 first, GB18030 where that is what they are, an explanation where neither."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Literal, NoReturn

from rapids_rap.errors import InputError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_GB_BOM = b"\x84\x31\x95\x33"
# Characters that no Chinese text of some length does without, in both scripts.
_COMMON = frozenset(
    "的一是我不了在有人你他这個个们們就来來到说說要也着著会會没沒这這么麼心爱愛想让讓生"
)
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a file and the encoding that it was read in."""

    text: str
    encoding: str


def decode(data: bytes, name: str, encoding: Literal["auto", "utf-8", "gb18030"]) -> Decoded:
    """The text in `data`; a byte order mark is honoured and removed.

    `name` is the file's name for messages. `auto` takes UTF-8, else GB18030 when the bytes are
    valid there and are not merely UTF-8 with a broken place. Raises InputError, naming line and
    byte, when the bytes are not text in the encoding asked for.
    """
    mark, marked = next(((m, e) for m, e in _BOMS if data.startswith(m)), (b"", ""))
    if marked in ("utf-16", "utf-32"):
        return Decoded(_strict(data, name, marked, 0), marked)
    if 0 in data:
        _refuse_binary(data, name)
    body = data[len(mark) :]
    if encoding == "gb18030" and not marked:
        body = body.removeprefix(_GB_BOM)
        return Decoded(_strict(body, name, "gb18030", len(data) - len(body)), "gb18030")
    try:
        return Decoded(body.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        if encoding == "utf-8" or marked or _mostly_utf8(body):
            _refuse_bytes(data, name, "utf-8", len(mark) + error.start)
    return Decoded(_guess_gb18030(body, name), "gb18030")


def _strict(data: bytes, name: str, encoding: str, skipped: int) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == "gb18030":
            _refuse_bytes(data, name, encoding, error.start, skipped)
        raise InputError(
            f"{name}: byte {error.start:,} is not valid {encoding.upper()}, which the byte order "
            f"mark at its start announces; save the file as UTF-8."
        ) from error


def _guess_gb18030(data: bytes, name: str) -> str:
    try:
        text = data.removeprefix(_GB_BOM).decode("gb18030")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}: byte {error.start:,} (line {_line_of(data, error.start):,}) is neither valid "
            f"UTF-8 nor valid GB18030; save the file as UTF-8, or name its encoding with "
            f"--set input.encoding=gb18030."
        ) from error
    control = _CONTROL.search(text)
    if control:
        raise InputError(
            f"{name}: neither UTF-8 nor plausible GB18030 (control character "
            f"U+{ord(control[0]):04X}); is this a text file? If it is, name its encoding with "
            f"--set input.encoding=gb18030."
        )
    if _looks_like_big5(data, text):
        raise InputError(
            f"{name}: looks like Big5, which is not read; convert it first: "
            f"iconv -f BIG5 -t UTF-8 < OLD > NEW (or insist with --set input.encoding=gb18030)."
        )
    return text


def _looks_like_big5(data: bytes, as_gb18030: str) -> bool:
    try:
        as_big5 = data.decode("big5")
    except UnicodeDecodeError:
        return False
    return _commonness(as_big5) > _commonness(as_gb18030)


def _commonness(text: str) -> float:
    """The share of the common characters among those beyond ASCII."""
    beyond = [character for character in text if character > "\x7f"]
    return sum(character in _COMMON for character in beyond) / max(1, len(beyond))


def _mostly_utf8(data: bytes) -> bool:
    """Whether broken places are rarer than well-formed characters of three bytes and more.

    GB18030 text hardly ever contains three bytes in a row that are well-formed UTF-8.
    """
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    return sum(character >= "\u0800" for character in text) - broken > broken


def _refuse_binary(data: bytes, name: str) -> NoReturn:
    offset = data.index(0)
    hint = "save it as UTF-8" if data[1:2] == b"\x00" or offset == 0 else "leave it out"
    raise InputError(
        f"{name}: byte {offset:,} is NUL, so this is not a text file in UTF-8 or GB18030; {hint} "
        f"(--set input.encoding=… chooses between the two)."
    )


def _refuse_bytes(data: bytes, name: str, encoding: str, start: int, skipped: int = 0) -> NoReturn:
    raise InputError(
        f"{name}: line {_line_of(data, start):,} is not valid {encoding.upper()} "
        f"(byte {start + skipped:,} is 0x{data[start]:02X}); repair the line, or name the encoding "
        f"with --set input.encoding={'utf-8' if encoding == 'gb18030' else 'gb18030'}."
    )


def _line_of(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1
