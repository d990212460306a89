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
_BROKEN = re.compile("[\udc80-\udcff]+")
_FEW = 5  # lines; one broken place in a shorter file is too much of it
_HEAD = 4096
_NUL = re.compile(b"\0")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a file and the encoding that it was read in.

    note: what is to be said of bytes that are no text in it, each place now a U+FFFD; or "".
    """

    text: str
    encoding: str
    note: str = ""


def decode(data: bytes, name: str, encoding: Literal["auto", "utf-8", "gb18030"]) -> Decoded:
    """The text in `data`; a byte order mark is honoured and removed.

    `name` is the file's name for messages. `auto` takes UTF-8, else GB18030 when the bytes are
    text there and are not merely UTF-8 with a broken place, else Windows-1252 for what can only be
    a Western text. A broken place on a line in ten, or on one, costs that place alone. Raises
    InputError, naming line and byte, when the bytes are not text in the encoding asked for.
    """
    mark, marked = next(((m, e) for m, e in _BOMS if data.startswith(m)), (b"", ""))
    if marked in ("utf-16", "utf-32"):
        return Decoded(_strict(data, name, marked), marked)
    if 0 in data:
        _refuse_binary(data, name)
    body = data[len(mark) :]
    if encoding == "gb18030" and not marked:
        return _tolerant(data, len(_GB_BOM) * data.startswith(_GB_BOM), name, "gb18030")
    try:
        return Decoded(body.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        if encoding == "utf-8" or marked or _mostly_utf8(body):
            return _tolerant(data, len(mark), name, "utf-8")
    if _is_western(body):
        return Decoded(body.decode("cp1252"), "windows-1252")
    return _guess_gb18030(data, name)


def _strict(data: bytes, name: str, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}: byte {error.start:,} is not valid {encoding.upper()}, which the byte order "
            f"mark at its start announces; save the file as UTF-8."
        ) from error


def _tolerant(
    data: bytes, skipped: int, name: str, encoding: str, *, guessed: bool = False
) -> Decoded:
    """The text with U+FFFD in its broken places. Raises InputError where they are too many."""
    escaped = data[skipped:].decode(encoding, "surrogateescape")
    lines = escaped.split("\n")
    broken = [i for i, line in enumerate(lines, start=1) if _BROKEN.search(line)]
    if not broken:
        return Decoded(escaped, encoding)
    written = sum(not line.isspace() and line != "" for line in lines)
    if 10 * len(broken) > written and (len(broken) > 1 or written < _FEW):
        _refuse_bytes(data, name, encoding, skipped, guessed)
    places = ", ".join(f"{line:,}" for line in broken[:5]) + ", …" * (len(broken) > 5)
    note = (
        f"bytes that are not {encoding.upper()} on {len(broken):,} lines, each place read as "
        f"U+FFFD (line {places})"
    )
    return Decoded(_BROKEN.sub("\ufffd", escaped), encoding, note)


def _guess_gb18030(data: bytes, name: str) -> Decoded:
    skipped = len(_GB_BOM) * data.startswith(_GB_BOM)
    decoded = _tolerant(data, skipped, name, "gb18030", guessed=True)
    text = decoded.text
    control = _CONTROL.search(text)
    if control:
        raise InputError(
            f"{name}: neither UTF-8 nor plausible GB18030 (control character "
            f"U+{ord(control[0]):04X}); is this a text file? If it is, name its encoding with "
            f"--set input.encoding=gb18030."
        )
    other = "Big5" if _looks_like_big5(data, text) else "Shift-JIS"
    if other == "Big5" or _looks_like_shift_jis(data):
        raise InputError(
            f"{name}: looks like {other}, which is not read; convert it first: "
            f"iconv -f {other.upper()} -t UTF-8 < OLD > NEW (or insist with --set "
            "input.encoding=gb18030)."
        )
    return decoded


def _looks_like_shift_jis(data: bytes) -> bool:
    """Whether half of the characters are kana, whose bytes are rare Chinese ones in GB18030."""
    try:
        text = data.decode("shift_jis")
    except UnicodeDecodeError:
        return False
    return 2 * len(_KANA.findall(text)) > sum(character > "\x7f" for character in text)


def _is_western(data: bytes) -> bool:
    """Whether the bytes beyond ASCII stand alone, as marked letters and quotes in Windows-1252 do.

    Of a character in GB18030 both bytes are such, but for rare ones.
    """
    runs = _BEYOND_ASCII.findall(data)
    alone = sum(len(run) == 1 for run in runs)
    return 5 * alone >= 4 * len(runs) and _first_broken(data, "cp1252") is None


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
    sides = {match.start() % 2 for match in _NUL.finditer(data[:_HEAD])}
    hint = "leave it out"
    if len(data) % 2 == 0 and len(sides) == 1 and b"\0\0" not in data[:_HEAD]:
        hint = "save it as UTF-8 (it looks like UTF-16 without a byte order mark)"
    raise InputError(
        f"{name}: byte {offset:,} is NUL, so this is not a text file in UTF-8 or GB18030; {hint}."
    )


def _refuse_bytes(data: bytes, name: str, encoding: str, skipped: int, guessed: bool) -> NoReturn:
    """Says where the first broken place is, and another encoding only where that would do."""
    start = skipped + (_first_broken(data[skipped:], encoding) or 0)
    line = _line_of(data, start)
    other = "utf-8" if encoding == "gb18030" else "gb18030"
    hint = "save the file as UTF-8"
    if guessed:
        raise InputError(
            f"{name}: byte {start:,} (line {line:,}) is neither valid UTF-8 nor valid GB18030; "
            f"{hint}."
        )
    if _first_broken(data[skipped:], other) is None:
        hint = f"name the encoding with --set input.encoding={other}"
    raise InputError(
        f"{name}: line {line:,} is not valid {encoding.upper()} (byte {start:,} is "
        f"0x{data[start]:02X}); repair the line, or {hint}."
    )


def _first_broken(data: bytes, encoding: str) -> int | None:
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        return error.start
    return None


def _line_of(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1
