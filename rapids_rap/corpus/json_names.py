"""JSON documents whose keys are the artists: `{"NAME": [songs], "NAME": [songs]}`.

No song in them says whose it is, so that without the key it would be nobody's. A key is a name
where its songs name nobody, nothing around them does, and it is no word that documents use.
"""

from __future__ import annotations

import re
from typing import Any

from rapids_rap.config import InputConfig
from rapids_rap.corpus.json_songs import artist_key, keys_of, songs_in

_ENVELOPES = frozenset(
    (
        *("data", "dataset", "songs", "song", "songlist", "items", "list", "lists", "result"),
        *("results", "response", "track", "tracks", "tracklist", "playlist", "playlists"),
        *("lyric", "lyrics", "record", "records", "rows", "hits", "sections", "album", "albums"),
        *("artist", "artists", "train", "test", "valid", "validation", "dev", "eval", "body"),
        *("content", "docs", "documents", "entries", "text", "values", "objects", "other"),
        *("others", "misc", "unknown"),
    )
)
_NO_NAME = re.compile(r"专辑|專輯|歌曲|歌单|歌單|列表|数据|數據|全部|其他|未知")
_DEEPEST = 3  # objects around the one whose keys are names


def artists_from_keys(
    document: Any, config: InputConfig, depth: int = 0
) -> tuple[Any, tuple[str, ...]]:
    """The document with the names that are keys beside their songs, and those names."""
    if not isinstance(document, dict) or depth > _DEEPEST:
        return document, ()
    keys = keys_of(document, config, foreign=True)
    if keys is not None and not isinstance(document[keys.text], list):
        return document, ()
    named = {key: part for key, part in document.items() if _is_artist(key, part, config)}
    words = [key for key in named if not key.isdigit()]
    telling = any(len(named) > 1 or not key.isascii() for key in words)
    if telling and not artist_key(document, config):
        rest = {key: part for key, part in document.items() if key not in named}
        songs: list[Any] = [{config.artist: key, "songs": part} for key, part in named.items()]
        return [*songs, rest], tuple(named)
    changed = {
        key: artists_from_keys(part, config, depth + 1) if isinstance(part, dict) else (part, ())
        for key, part in document.items()
    }
    names = tuple(name for _, found in changed.values() for name in found)
    return ({key: part for key, (part, _) in changed.items()}, names) if names else (document, ())


def _is_artist(key: str, part: Any, config: InputConfig) -> bool:
    """Whether a key may be the name of who sings the songs below it, which name nobody."""
    if not isinstance(part, list) or not part or not key.strip():
        return False
    if key.casefold() in _ENVELOPES or _NO_NAME.match(key):
        return False
    songs = [song for one in part if isinstance(one, dict) for song in songs_in(one, config)]
    return len(songs) == len(part) and all(
        isinstance(song, dict) and not artist_key(song, config) for song in songs
    )
