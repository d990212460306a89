"""The project's own sample lyrics as training text, one record a stanza.

A reader of these samples and no more: the package's readers handle what people really have.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from opencc import OpenCC

from bench.corpora import Poem

_CREDIT = re.compile(
    r"^\s*(?:[^：:\s，。][^：:，。]{0,23}[：:]|(?:prod|mixed|mastered|produced|recorded)\b.{0,40}\bby\b)",
    re.IGNORECASE,
)
_ARTIST = re.compile(r"^\s*歌手姓名\s*[：:]\s*(.+?)\s*$")
_SECTION = re.compile(
    r"^\s*(?:[\[【(（<].{0,24}[\]】)）>]\s*[:：]?|"
    r"(?:verse|hook|chorus|bridge|intro|outro|pre-hook|interlude|副歌|主歌|桥段|间奏|前奏|尾奏)"
    r"[\w\s]{0,8}[:：]?)\s*$",
    re.IGNORECASE,
)
_TIME = re.compile(r"\[\d+:\d+(?:[.:]\d+)?\]|<\d+:\d+(?:[.:]\d+)?>")
_TAG = re.compile(r"^\s*\[(ti|ar|[a-z]+)\s*:(.*)\]\s*$", re.IGNORECASE)
_ASIDE = re.compile(r"[（(【\[][^（）()【】\[\]]*[）)】\]]")


def _stanzas(artist: str, song: str, lines: Iterable[str]) -> Iterator[Poem]:
    """Runs of lines between blank lines and section marks, in simplified characters.

    The credits are the lines with a colon at the head of a song.
    """
    simplify = OpenCC("t2s").convert
    run: list[str] = []
    in_credits = True
    for line in [*lines, ""]:
        blank = not line.strip() or _SECTION.match(line)
        in_credits = in_credits and bool(blank or _CREDIT.match(line))
        if not blank and not in_credits:
            if text := " ".join(_ASIDE.sub(" ", line).split()):
                run.append(simplify(text))
        elif run:
            yield Poem(artist, song, f"{artist}/{song}", tuple(run))
            run = []


def _text_songs(lines: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """``(artist, song, lines)`` of an export; a title opens a block of credits."""
    artist, song = "", ""
    held: list[str] = []
    for index, line in enumerate(lines):
        after = lines[index + 1] if index + 1 < len(lines) else ""
        named = _ARTIST.match(line)
        opens = index == 0 or not lines[index - 1].strip()
        titled = opens and line.strip() and not _CREDIT.match(line) and _CREDIT.match(after)
        if named or titled:
            if song:
                yield artist, song, held
            held = []
            artist, song = (named[1], "") if named else (artist, line.strip())
        else:
            held.append(line)
    if song:
        yield artist, song, held


def _lrc_song(lines: list[str]) -> tuple[str, str, list[str]]:
    tags = {found[1].lower(): found[2].strip() for line in lines if (found := _TAG.match(line))}
    words = [_TIME.sub("", line) for line in lines if not _TAG.match(line)]
    return tags.get("ar", ""), tags.get("ti", ""), words


def read_songs(folder: Path) -> Iterator[tuple[str, str, list[str]]]:
    """``(artist, song, raw lines)`` of every export, LRC and CSV file under ``folder``."""
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".txt":
            yield from _text_songs(_decoded(path).splitlines())
        elif path.suffix == ".lrc":
            yield _lrc_song(_decoded(path).splitlines())
        elif path.suffix == ".csv":
            for row in csv.DictReader(_decoded(path).splitlines(keepends=True)):
                yield row["artist"], row["song"], row["text"].splitlines()


def _decoded(path: Path) -> str:
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("gb18030")


def read_lyrics(folder: Path, held_out: Path) -> tuple[list[Poem], list[Poem]]:
    """``(training, held out)`` stanzas; ``held_out`` lists ``artist<TAB>song``, one a line."""
    listed = held_out.read_text("utf-8").splitlines()
    names = {tuple(part.strip() for part in line.split("\t")) for line in listed if line.strip()}
    training: list[Poem] = []
    kept_out: list[Poem] = []
    for artist, song, lines in read_songs(folder):
        chosen = kept_out if (artist.strip(), song.strip()) in names else training
        chosen.extend(_stanzas(artist.strip(), song.strip(), lines))
    return training, kept_out
