"""Readers of JSON: lines, arrays, and the answers of lyric platforms.

A song is an object with the configured columns, or in one of the shapes that people have:
NetEase's answer (`lrc.lyric`, beside it translations in `tlyric`, `ytlrc` and a romanisation in
`romalrc`), LRCLIB's (`syncedLyrics`, else `plainLyrics`) and, in documents that were not written
for this program, the names that crawlers give (`lyric`, `singer`, `name` ...). Songs may stand in
arrays or in a platform's envelope (`result.songs`, `data`). Lyrics may be a list, a line each, and
artists a list. `line` is the physical line in JSON Lines and the song's number in a document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from rapids_rap.config import InputConfig
from rapids_rap.corpus.rows import (
    Row,
    SetApart,
    from_rows,
    look_for_names,
    name_of_number,
    require_text,
    row_of,
    wanted_columns,
)
from rapids_rap.corpus.source import Group, Source, name_of
from rapids_rap.corpus.tags import name_of_file
from rapids_rap.errors import InputError

Record = dict[str, Any]

_TEXTS = ("lyric", "lyrics", "lrc", "content", "text", "歌词", "lines")
_ARTISTS = ("artist", "singer", "singer_name", "artistName", "artist_name", "artists", "singers")
_MORE_ARTISTS = ("ar", "author", "歌手", "歌手名", "演唱")
_TITLES = ("song", "title", "name", "song_name", "songName", "trackName", "track_name", "歌名")
_TRANSLATIONS = ("tlyric", "ytlrc", "romalrc", "trans", "translation", "roma")
_OPENS = re.compile(r'\s*(?:\[\s*)?\{\s*"(?!t":\s*-?\d)[^"\n]{0,100}"\s*:')
_DEEPEST = 12  # objects within objects in which songs are looked for


def looks_like_json(text: str) -> bool:
    """Whether the text begins as objects do; `{"t":0,…` is a credit of NetEase's LRC."""
    return _OPENS.match(text[:400]) is not None


def read_json_lines(
    text: str, name: str, config: InputConfig, folders: dict[str, str | None]
) -> Source:
    """JSON Lines, an object a line. Raises InputError where half of the lines can't be read."""
    return from_rows("jsonl", _line_rows(text, name, config, folders))


def read_json(
    text: str, path: PurePath, name: str, config: InputConfig, folders: dict[str, str | None]
) -> Source:
    """A document with one song or many, or JSON Lines. Raises InputError where it has no song."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) > 1 and all(line.lstrip().startswith("{") for line in lines[:10]):
            return from_rows("jsonl", _line_rows(text, name, config, folders, foreign=True))
        raise InputError(
            f"{name}: begins as JSON does but is not valid JSON ({error}); repair it, or give the "
            "lyrics as text."
        ) from error
    if isinstance(document, list) and all(isinstance(part, str) for part in document):
        document = {config.text: document}
    records = _songs(_transposed(document, config), config)
    if not records:
        raise InputError(
            f"{name}: is JSON and holds no song in a known shape ({_keys(document)}); name its "
            "column of lyrics with --set input.text=NAME, or leave the file out."
        )
    rows = (
        _checked(record, number, f"{name}: song {number:,}", config, folders, foreign=True)
        for number, record in enumerate(records, start=1)
    )
    source = from_rows("json", rows)
    if len(records) == 1 and len(source.groups) == 1:
        artist, title = name_of_file(path)
        own = source.groups[0]
        if own.title is None and own.artist is None:
            source.groups[0] = Group(artist, title, is_song=True)
    return source


def _line_rows(
    text: str,
    name: str,
    config: InputConfig,
    folders: dict[str, str | None],
    *,
    foreign: bool = False,
) -> Iterator[Row | SetApart]:
    looked = False
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{name}: line {number:,}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield SetApart(
                number,
                line,
                f"{where} is not JSON ({error}); expected one object a line, such as "
                f'{{"{config.artist}": "…", "{config.song}": "…", "{config.text}": "…"}}.',
            )
            continue
        if not isinstance(record, dict):
            yield SetApart(number, line, f"{where}: expected a JSON object, found {_kind(record)}.")
            continue
        if not looked and not foreign and config.text in record:
            look_for_names(list(record), name, config, tuple(folders))
            looked = True
        row = _checked(record, number, where, config, folders, foreign=foreign)
        yield row if isinstance(row, Row) else SetApart(number, line, row.why)


def _checked(
    record: Record,
    number: int,
    where: str,
    config: InputConfig,
    folders: dict[str, str | None],
    *,
    foreign: bool,
) -> Row | SetApart:
    """The song in an object, or what is wrong with it."""
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
    shape = _shape(record, config, foreign=foreign)
    if shape is None:
        require_text(list(record), where, config)
        raise InputError(f'{where}: no column named "{config.text}" for the lyrics.')
    text, artist, title = shape
    cell = record.get(text)
    if text == "syncedLyrics" and not cell:
        cell = record.get("plainLyrics")
    keys = (artist, title, *wanted_columns(config)[3:])
    names = [_name(record, key, where) for key in keys]
    translation = _translation(record) if text != config.text else ""
    cells = [_lyrics(cell, f'{where}: "{text}"'), *names]
    return row_of(number, cells, config, folders, translation)


def _shape(record: Record, config: InputConfig, *, foreign: bool) -> tuple[str, str, str] | None:
    """The keys of the lyrics, the artist and the title; None where the object is no song."""
    if config.text in record:
        return config.text, config.artist, config.song
    artist = _first(record, (config.artist, *_ARTISTS, *_MORE_ARTISTS))
    title = _first(record, (config.song, *_TITLES))
    if isinstance(record.get("lrc"), dict) and "lyric" in record["lrc"]:
        return "lrc", artist, title
    if "syncedLyrics" in record or "plainLyrics" in record:
        return "syncedLyrics", artist, title
    text = _first(record, _TEXTS) if foreign else ""
    return (text, artist, title) if text else None


def _first(record: Record, keys: tuple[str, ...]) -> str:
    return next((key for key in keys if key in record), "")


def _lyrics(cell: Any, where: str) -> str:
    """The lyrics in a cell: text, lines in a list, or a platform's `{"lyric": text}`."""
    if isinstance(cell, dict) and "lyric" in cell:
        cell = cell["lyric"]
    if cell is None or (isinstance(cell, float) and name_of_number(cell) is None):
        return ""
    if isinstance(cell, list) and all(part is None or isinstance(part, str) for part in cell):
        return "\n".join(part or "" for part in cell)
    if not isinstance(cell, str):
        raise InputError(f"{where} must be text, found {_kind(cell)}.")
    return cell


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
        raise InputError(f'{where}: "{key}" must be text or a number, found {_kind(value)}.')
    return name_of_number(value)


def _songs(value: Any, config: InputConfig, depth: int = 0) -> list[Record]:
    """Every song in a document, in its order; an object that is one is not looked into."""
    if depth > _DEEPEST:
        return []
    if isinstance(value, dict):
        shape = _shape(value, config, foreign=True)
        if shape is not None and not _is_envelope(value.get(shape[0])):
            return [value]
        value = list(value.values())
    if not isinstance(value, list):
        return []
    return [song for part in value for song in _songs(part, config, depth + 1)]


def _is_envelope(cell: Any) -> bool:
    """Whether what stands under a key such as `lyrics` is songs, not lyrics."""
    if isinstance(cell, dict):
        return "lyric" not in cell
    return isinstance(cell, list) and any(isinstance(part, dict) for part in cell)


def _transposed(document: Any, config: InputConfig) -> Any:
    """The rows of a table that pandas wrote by columns: `{"text": {"0": …}, "song": {"0": …}}`."""
    if not isinstance(document, dict):
        return document
    cells = document.get(config.text)
    if not isinstance(cells, dict) or "lyric" in cells:
        return document
    # Only what is read: there may be as many columns as rows.
    columns = {
        key: document[key] for key in wanted_columns(config) if isinstance(document.get(key), dict)
    }
    return [{key: value.get(row) for key, value in columns.items()} for row in cells]


def _keys(document: Any) -> str:
    keys = list(document)[:12] if isinstance(document, dict) else []
    return f"it has {', '.join(json.dumps(key[:40]) for key in keys)}" if keys else _kind(document)


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


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    return "null" if value is None else names.get(type(value), "a number")
