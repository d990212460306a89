"""Readers of JSON: lines, arrays, and the answers of lyric platforms.

A song is an object with the configured columns, or in one of the shapes that people have:
NetEase's answer (`lrc.lyric`, else `yrc.lyric`, beside it translations in `tlyric`, `ytlrc` and a
romanisation in `romalrc`), LRCLIB's (`syncedLyrics`, else `plainLyrics`) and, in documents that
were not written for this program, the names that crawlers give (`json_songs`). Songs may stand in
arrays or in a platform's envelope (`result.songs`, `data`); artists may be a list. `line` is the
physical line in JSON Lines and the song's number in a document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from rapids_rap.config import InputConfig
from rapids_rap.corpus.columns import look_for_names, require_text, wanted_columns
from rapids_rap.corpus.json_names import artists_from_keys
from rapids_rap.corpus.json_songs import (
    Record,
    Stray,
    keys_in,
    keys_of,
    kind_of,
    lyrics_of,
    may_be_lyrics,
    parse,
    songs_in,
    transposed,
)
from rapids_rap.corpus.rows import Row, SetApart, from_rows, name_of_number, row_of
from rapids_rap.corpus.source import Source, name_of
from rapids_rap.corpus.tags import name_of_file
from rapids_rap.errors import InputError, NoLyricsError
from rapids_rap.runs.files import listed

_TRANSLATIONS = ("tlyric", "ytlrc", "romalrc", "trans", "translation", "roma")
_OPENS = re.compile(r'\s*(?:\[\s*)?\{\s*"(?!t":\s*-?\d)[^"\n]{0,100}"\s*:')


def looks_like_json(text: str) -> bool:
    """Whether the text begins as objects do; `{"t":0,…` is a credit of NetEase's LRC."""
    return _OPENS.match(text[:400]) is not None


def read_json_lines(
    text: str, name: str, config: InputConfig, folders: dict[str, str | None]
) -> Source:
    """JSON Lines, an object a line. Raises InputError where half of the lines can't be read."""
    return from_rows("jsonl", json_line_rows(text, name, config, folders), name)


def read_json(
    text: str, path: PurePath, name: str, config: InputConfig, folders: dict[str, str | None]
) -> Source:
    """A document with one song or many, or JSON Lines. Raises InputError where it has no song."""
    try:
        document = parse(text)
    except (ValueError, RecursionError) as error:
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) > 1 and all(line.lstrip().startswith("{") for line in lines[:10]):
            return from_rows(
                "jsonl", json_line_rows(text, name, config, folders, foreign=True), name
            )
        raise InputError(
            f"{name}: begins as JSON does but is not valid JSON ({error}); repair it, or give the "
            "lyrics as text."
        ) from error
    if isinstance(document, list) and all(isinstance(part, str) for part in document):
        document = {config.text: document}
    document, artists = artists_from_keys(document, config)
    found = songs_in(transposed(document, config), config)
    if not any(isinstance(one, dict) for one in found):
        raise NoLyricsError(
            f"{name}: is JSON and holds no song in a known shape (it has {keys_in(document)}); "
            "name its column of lyrics with --set input.text=NAME, or leave the file out."
        )
    numbered = list(enumerate(found, start=1))
    rows = (
        _checked(one, number, f"{name}: song {number:,}", config, folders, foreign=True)
        for number, one in numbered
        if isinstance(one, dict) or may_be_lyrics(one.value)
    )
    source = from_rows("json", rows, name)
    if artists:
        source.notes.append(f"the keys of its songs are taken for their artists: {listed(artists)}")
    silent = [
        f"song {number:,} ({keys_in(one.value)})"
        for number, one in numbered
        if isinstance(one, Stray) and not may_be_lyrics(one.value)
    ]
    if silent:
        source.notes.append(f"without lyrics under a known key: {listed(silent)}")
    if len(found) == 1 and len(source.groups) == 1:
        artist, title = name_of_file(path)
        own = source.groups[0]
        if own.title is None and own.artist is None:
            source.groups[0] = replace(own, artist=artist, title=title, is_song=True)
    return source


def json_line_rows(
    text: str,
    name: str,
    config: InputConfig,
    folders: dict[str, str | None],
    *,
    foreign: bool = False,
    first: int = 1,
    looked: bool = False,
) -> Iterator[Row | SetApart]:
    """The rows of JSON Lines, the first of which is line `first`.

    foreign: not written for this program. looked: the columns were looked at already.
    """
    for number, line in enumerate(text.split("\n"), start=first):
        if not line.strip():
            continue
        where = f"{name}: line {number:,}"
        try:
            record = parse(line)
        except (ValueError, RecursionError) as error:
            yield SetApart(
                number,
                line,
                f"{where} is not JSON ({error}); expected one object a line, such as "
                f'{{"{config.artist}": "…", "{config.song}": "…", "{config.text}": "…"}}.',
            )
            continue
        if not isinstance(record, dict):
            yield SetApart(
                number, line, f"{where}: expected a JSON object, found {kind_of(record)}."
            )
            continue
        if not looked and not foreign and config.text in record:
            look_for_names(list(record), name, config, tuple(folders))
            looked = True
        row = _checked(record, number, where, config, folders, foreign=foreign)
        yield row if isinstance(row, Row) else SetApart(number, line, row.why)


def _checked(
    record: Record | Stray,
    number: int,
    where: str,
    config: InputConfig,
    folders: dict[str, str | None],
    *,
    foreign: bool,
) -> Row | SetApart:
    """The song in an object, or what is wrong with it."""
    if isinstance(record, Stray):
        has = keys_in(record.value)
        return SetApart(
            number,
            json.dumps(record.value, ensure_ascii=False)[:2_000],
            f"{where}: holds no lyrics under a known key (it has {has}); name it with "
            "--set input.text=NAME.",
        )
    try:
        row = _row(record, number, where, config, folders, foreign=foreign)
        _refuse_surrogates(row, where)
    except InputError as error:
        return SetApart(number, json.dumps(record)[:2_000], str(error))
    return row


def _row(
    record: Record,
    number: int,
    where: str,
    config: InputConfig,
    folders: dict[str, str | None],
    *,
    foreign: bool,
) -> Row:
    keys = keys_of(record, config, foreign=foreign)
    if keys is None:
        require_text(list(record), where, config)
        raise InputError(f'{where}: no column named "{config.text}" for the lyrics.')
    lyrics = lyrics_of(record.get(keys.text), f'{where}: "{keys.text}"')
    *others, year, day = wanted_columns(config)[3:]
    names = [_name(record, key, where) for key in (keys.artist, keys.title, *others)]
    names += [_one_name(_plain(record.get(key)), key, where) for key in (year, day)]
    beside = _translation(record) if keys.text != config.text else ""
    translation = "\n".join(filter(None, (lyrics.translation, beside)))
    return row_of(number, [lyrics.text, *names], config, folders, translation)


def _translation(record: Record) -> str:
    """What a platform sends beside the lyrics: the same lines in another language or script."""
    found = []
    for key in _TRANSLATIONS:
        cell = record.get(key)
        cell = cell.get("lyric") if isinstance(cell, dict) else cell
        if isinstance(cell, str):
            found.append(cell)
    return "\n".join(found)


def _name(record: Record, key: str, where: str) -> str | None:
    """A name: text or a number; of several, as platforms list artists, all of them."""
    value = record.get(key)
    if isinstance(value, list):
        parts = [_one_name(part, key, where) for part in value]
        return "/".join(part for part in parts if part) or None
    return _one_name(value, key, where)


def _one_name(value: Any, key: str, where: str) -> str | None:
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        value = value["name"]
    if value is None or isinstance(value, str):
        return name_of(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f'{where}: "{key}" must be text or a number, found {kind_of(value)}.')
    return name_of_number(value)


def _plain(value: Any) -> Any:
    """A value, if it is text or a number; platforms put objects of their own under `date`."""
    return None if isinstance(value, dict | list | bool) else value


def _refuse_surrogates(row: Row, where: str) -> None:
    """JSON can spell half of a character (a lone surrogate), which no file can hold."""
    cells = (row.text, row.artist, row.title, row.song_id, row.translation)
    try:
        "".join(filter(None, cells)).encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{where}: holds half of a surrogate pair (\\u{ord(error.object[error.start]):04x}), "
            f"which is not a character; repair or remove it."
        ) from error
