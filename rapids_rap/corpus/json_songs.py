"""The songs in a JSON document: where they stand, and under which keys their lyrics and names are.

A song is an object with lyrics under a key that is known. Lyrics are text, a list of lines (text,
or objects with a line each, as players time them), or an object that holds either: a platform's
`{"lyric": …}`, or a language each. What stands among songs and can't be read as one is kept as a
`Stray`, so that nothing goes without being counted.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from rapids_rap.config import InputConfig
from rapids_rap.corpus.rows import name_of_number
from rapids_rap.errors import InputError

Record = dict[str, Any]

_BODIES = ("lrclist", "lyrics_body", "subtitle_body")  # Kuwo's, Musixmatch's
_TEXTS = ("lyric", "lyrics", "lrc", "content", "text", "歌词", "lines", *_BODIES)
_ARTISTS = ("artist", "singer", "singer_name", "artistName", "artist_name", "artists", "singers")
_MORE_ARTISTS = ("ar", "artist_names", "primary_artist", "author", "歌手", "歌手名", "演唱")
_TITLES = ("song", "title", "name", "song_name", "songName", "trackName", "track_name", "歌名")
_PLATFORMS = (
    ("lrc", "yrc", "klyric"),  # NetEase's, each an object with a `lyric`
    ("syncedLyrics", "plainLyrics"),  # LRCLIB's
)
_LINES = ("text", "words", "line", "lineLyric", "lyric", "lyrics", "content", "sentence", "tx", "l")
_LINES_IN = ("lyric", "lyrics", "lines", "text", "content", *_BODIES)
_TIMES = frozenset(
    (
        *("time", "t", "start", "begin", "from", "end", "offset", "seconds", "ms", "timestamp"),
        *("startTime", "startTimeMs", "start_time"),
    )
)
_BESIDE = ("songs", "songinfo", "song", "track", "info")  # where an answer names its song
_LANGUAGES = ("zh", "zh-CN", "zh-Hans", "zh_CN", "zh-TW", "zh-Hant", "zh_TW", "cn", "original")
_DEEPEST_TEXT = 100
_DEEPEST = 12  # objects within objects in which songs are looked for


class Stray(NamedTuple):
    """What stands among songs and holds none in a known shape."""

    value: Any


class Keys(NamedTuple):
    """Where an object has its lyrics and its names; "" where it has none."""

    text: str
    artist: str
    title: str


class Lyrics(NamedTuple):
    """The lyrics in a cell, and what the cell itself says is the same in another language."""

    text: str
    translation: str = ""


def parse(text: str) -> Any:
    """The value of a JSON text. Raises ValueError or RecursionError where there is none.

    Nor is there one that is nested so deeply that nobody wrote it.
    """
    value = json.loads(text)
    level = [value] if text.count("[") + text.count("{") > _DEEPEST_TEXT else []
    for _ in range(_DEEPEST_TEXT):
        level = [
            part
            for one in level
            if isinstance(one, dict | list)
            for part in (one.values() if isinstance(one, dict) else one)
        ]
    if level:
        raise ValueError(f"nested more than {_DEEPEST_TEXT} deep")
    return value


def keys_of(record: Record, config: InputConfig, *, foreign: bool) -> Keys | None:
    """The keys of a song; None where the object is no song.

    The configured column comes first; with `foreign` the names that crawlers give will do, in any
    case. Of several keys that may hold lyrics the first that isn't empty counts.
    """
    own = config.text in record
    if own and not foreign:
        return Keys(config.text, config.artist, config.song)
    artist = artist_key(record, config)
    title = _first(record, (config.song, *_TITLES))
    netease, lrclib = _PLATFORMS
    answers = tuple(key for key in netease if _is_answer(record.get(key)))
    text = ""
    if own and _holds(record[config.text]):
        text = config.text
    elif "lrc" in answers or (foreign and answers):
        text = _first(record, answers)
    elif not set(lrclib).isdisjoint(record):
        text = _first(record, lrclib)
    elif foreign:
        text = _first(record, (config.text, *_TEXTS))
    return Keys(text, artist, title) if text else None


def artist_key(record: Record, config: InputConfig) -> str:
    """The key under which an object names who sings, "" if none."""
    return _first(record, (config.artist, *_ARTISTS, *_MORE_ARTISTS))


def lyrics_of(cell: Any, where: str) -> Lyrics:
    """The lyrics in a cell. Raises InputError where there are none in a known shape."""
    if cell is None or (isinstance(cell, float) and name_of_number(cell) is None):
        return Lyrics("")
    if isinstance(cell, str):
        return Lyrics(cell)
    if isinstance(cell, list):
        return Lyrics("\n".join(_line(part, where) for part in cell))
    if not isinstance(cell, dict):
        raise InputError(f"{where} must be text, found {kind_of(cell)}.")
    inner = _first(cell, _LINES_IN)
    if inner:
        return lyrics_of(cell[inner], where)
    languages = [key for key, value in cell.items() if value and isinstance(value, str | list)]
    if len(languages) == 1 or not set(languages).isdisjoint(_LANGUAGES):
        own = next((key for key in _LANGUAGES if key in languages), languages[0])
        others = [lyrics_of(cell[key], where).text for key in languages if key != own]
        return Lyrics(lyrics_of(cell[own], where).text, "\n".join(others))
    if not any(cell.values()):
        return Lyrics("")
    raise InputError(f"{where} must be text or lines, found an object with {keys_in(cell)}.")


def songs_in(value: Any, config: InputConfig, depth: int = 0) -> list[Record | Stray]:
    """Every song in a document, in its order, and the strays among them.

    An object that is a song is not looked into, unless what stands under its key are songs. Songs
    that name no artist are those of the object around them, where it names one.
    """
    if depth > _DEEPEST:
        return []
    if isinstance(value, dict):
        keys = keys_of(value, config, foreign=True)
        if keys is not None:
            songs = songs_in(_envelope(value[keys.text]), config, depth + 1)
            if not songs:
                return [value if keys.artist or keys.title else value | _names_beside(value)]
        else:
            songs = [song for part in value.values() for song in songs_in(part, config, depth + 1)]
        return _with_artist(songs, value, config)
    if not isinstance(value, list):
        return []
    found = [(part, songs_in(part, config, depth + 1)) for part in value]
    if any(isinstance(part, dict) and keys_of(part, config, foreign=True) for part in value):
        found = [(part, songs or [Stray(part)] * bool(part)) for part, songs in found]
    return [song for _, songs in found for song in songs]


def may_be_lyrics(value: Any) -> bool:
    """Whether a stray holds what may be lyrics: text alone, several lines, lists or objects."""
    if isinstance(value, dict):
        return any(
            "\n" in part if isinstance(part, str) else isinstance(part, list | dict) and part
            for part in value.values()
        )
    return isinstance(value, str | list) and bool(value)


def transposed(document: Any, config: InputConfig) -> Any:
    """The rows of a table that pandas wrote by columns: `{"text": {"0": …}, "song": {"0": …}}`."""
    if not isinstance(document, dict):
        return document
    keys = keys_of(document, config, foreign=True)
    cells = document[keys.text] if keys else None
    if not isinstance(cells, dict) or not cells or "lyric" in cells:
        return document
    alike = sum(
        isinstance(value, dict) and value.keys() == cells.keys() for value in document.values()
    )
    if alike == 1 and not all(map(str.isdigit, cells)):
        return document
    # pandas writes every row of every column; of others there may be as many columns as rows.
    columns = {
        key: value
        for key, value in document.items()
        if isinstance(value, dict) and len(value) == len(cells)
    }
    return [{key: value.get(row) for key, value in columns.items()} for row in cells]


def keys_in(value: Any) -> str:
    """The first keys of an object, quoted; what else it is where it is none."""
    keys = list(value)[:12] if isinstance(value, dict) else []
    return ", ".join(json.dumps(key[:40], ensure_ascii=False) for key in keys) or kind_of(value)


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    return "null" if value is None else names.get(type(value), "a number")


def _first(record: Record, keys: tuple[str, ...]) -> str:
    """The first of the keys, in any case, that holds something; else the first that is there."""
    there = {key.casefold(): key for key in reversed(record)}
    found = [key if key in record else there.get(key.casefold(), "") for key in keys]
    found = [key for key in found if key]
    return next((key for key in found if _holds(record[key])), found[0] if found else "")


def _holds(cell: Any) -> bool:
    if isinstance(cell, dict):
        return any(_holds(part) for part in cell.values())
    return bool(cell.strip() if isinstance(cell, str) else cell)


def _is_answer(cell: Any) -> bool:
    return isinstance(cell, dict) and "lyric" in cell


def _envelope(cell: Any) -> Any:
    """What stands under a key of lyrics if it may be songs; None if it can only be lyrics."""
    if isinstance(cell, dict):
        inside = "lyric" not in cell and (_is_named(cell) or any(map(_is_named, cell.values())))
        return cell if inside else None
    return cell if _is_named(cell) else None


def _with_artist(
    songs: list[Record | Stray], around: Record, config: InputConfig
) -> list[Record | Stray]:
    """The songs, those without an artist under the one of the object that holds them."""
    key = _first(around, (config.artist, *_ARTISTS, "primary_artist"))
    if not key or not isinstance(around[key], str | dict):
        return songs
    return [
        song
        if isinstance(song, Stray) or artist_key(song, config)
        else {**song, config.artist: around[key]}
        for song in songs
    ]


def _is_named(value: Any) -> bool:
    """Whether an object, or one in a list, is a song with a name; a line has a time or a singer."""
    if isinstance(value, list):
        return any(_is_named(part) for part in value if isinstance(part, dict))
    if not isinstance(value, dict) or not _TIMES.isdisjoint(value):
        return False
    texts = [part for part in value.values() if isinstance(part, str)]
    return bool(_first(value, _TITLES)) or any("\n" in text for text in texts)


def _names_beside(answer: Record) -> Record:
    """The names of the one song that an answer describes beside its lyrics."""
    for key in _BESIDE:
        there = answer.get(key)
        one = there[0] if isinstance(there, list) and len(there) == 1 else there
        if isinstance(one, dict):
            keys = (_first(one, (*_ARTISTS, *_MORE_ARTISTS)), _first(one, _TITLES))
            return {key: one[key] for key in keys if key}
    return {}


def _line(part: Any, where: str) -> str:
    """A line in a list: text, an object with text, or the lines of a stanza."""
    if part is None or isinstance(part, str):
        return part or ""
    if isinstance(part, list):
        return "\n".join([*(_line(line, where) for line in part), ""])
    if isinstance(part, dict):
        key = _first(part, _LINES)
        texts = [value for value in part.values() if isinstance(value, str)]
        if key and isinstance(part[key], str | list):
            return _line(part[key], where)
        if len(texts) == 1:
            return texts[0]
    raise InputError(f"{where} must be text, found a list with {keys_in(part)}.")
