"""Planted songs as JSON: data sets, crawlers' files, and the answers of lyric platforms."""

import base64
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from tests.fuzz.case import Case
from tests.fuzz.planted import Song, names_of, plant, truth_of
from tests.fuzz.planted_texts import timed

KEYS = (
    ("artist", "song", "text"),
    ("artist", "title", "lyrics"),
    ("singer", "name", "lyric"),
    ("歌手", "歌名", "歌词"),
    ("artist_name", "track_name", "lyrics"),
    ("Artist", "Title", "Lyrics"),
    ("artistName", "songName", "content"),
)


def make_planted_jsonl(rng: random.Random, kind: str) -> Case:
    """An object a line, or a song each; without the suffix the keys may be any crawler's."""
    songs = plant(rng)
    own = rng.random() < 0.5
    artist, title, text = KEYS[0] if own else rng.choice(KEYS)
    names = names_of(rng, songs)
    whole = not own or rng.random() < 0.5
    rows = [
        {artist: names[song][0], title: names[song][1], text: cell}
        for song in songs
        for cell in (("\n".join(song.lines),) if whole else song.lines)
    ]
    lines = [json.dumps(row, ensure_ascii=rng.random() < 0.3) for row in rows]
    name = rng.choice(("f.jsonl", "f.ndjson", "f.txt")) if own else rng.choice(("f.json", "f.txt"))
    if not own:
        lines = lines * (len(lines) > 1) or [lines[0], lines[0]]
    return Case(kind, {name: "\n".join(lines).encode()}, truth=truth_of(songs))


def _objects(rng: random.Random, songs: Sequence[Song]) -> list[dict[str, Any]]:
    """The songs under the names that a crawler gave, their lyrics in one of several shapes."""
    artist, title, text = rng.choice(KEYS)
    names = names_of(rng, songs)
    shapes: tuple[Callable[[Sequence[str]], Any], ...] = (
        "\n".join,
        list,
        lambda lines: [{"time": i, "text": line} for i, line in enumerate(lines)],
        lambda lines: [list(lines[:2]), list(lines[2:])],
    )
    shape = rng.choice(shapes)
    who: Callable[[str], Any] = rng.choice(
        (lambda name: name, lambda name: [name], lambda name: [{"name": name, "id": 7}])
    )
    return [
        {artist: who(names[song][0]), title: names[song][1], "id": 7, text: shape(song.lines)}
        for song in songs
    ]


def make_data_set(rng: random.Random, kind: str) -> Case:
    """A document with many songs: an array, an envelope, by artist, or by its columns."""
    songs = plant(rng)
    shape = rng.choice(("array", "envelope", "nested", "keyed", "columns"))
    document: Any
    if shape == "array":
        document = _objects(rng, songs)
    elif shape == "envelope":
        document = {"code": 200, "result": {"songs": _objects(rng, songs), "songCount": len(songs)}}
    elif shape == "columns":
        columns = {"artist": [s.artist for s in songs], "song": [s.title for s in songs]}
        columns["text"] = ["\n".join(song.lines) for song in songs]
        document = {
            key: {str(i): value for i, value in enumerate(values)}
            for key, values in columns.items()
        }
    else:
        by_artist: dict[str, list[dict[str, Any]]] = {}
        for song in songs:
            one = {"title": song.title, "lyrics": rng.choice(("\n".join, list))(song.lines)}
            by_artist.setdefault(song.artist, []).append(one)
        document = (
            by_artist
            if shape == "keyed"
            else [{"artist": name, "songs": them} for name, them in by_artist.items()]
        )
    text = json.dumps(document, ensure_ascii=rng.random() < 0.3, indent=rng.choice((None, None, 2)))
    names = {song.artist for song in songs}
    told = shape != "keyed" or len(names) > 1 or not next(iter(names)).isascii()
    truth = truth_of(songs, artist_told=told)  # a lone key such as `A` may be anything
    return Case(kind, {rng.choice(("f.json", "f.txt")): text.encode()}, truth=truth)


def make_answer(rng: random.Random, kind: str) -> Case:
    """A file for each song, as NetEase, LRCLIB, QQ Music, Kugou or Genius's clients answer."""
    files, truth = {}, truth_of([])
    for i, song in enumerate(plant(rng)):
        maker = rng.choice((_netease, _netease_bare, _lrclib, _qq, _kugou, _genius))
        answer, names_within = maker(rng, song)
        stem = f"{i}" if names_within else f"{song.artist} - {song.title}"
        text = json.dumps(answer, ensure_ascii=rng.random() < 0.3)
        files[f"{i}/{stem}.json"] = text.encode()
        truth |= truth_of([song])
    return Case(kind, files, truth=truth)


def _lrc(rng: random.Random, song: Song, *, tags: bool) -> str:
    head = [f"[ar:{song.artist}]", f"[ti:{song.title}]"] if tags else []
    return "\n".join([*head, *timed(rng, song, rng.choice(("usual", "thousandths", "suffix")))])


def _netease(rng: random.Random, song: Song) -> tuple[Any, bool]:
    lyric = _lrc(rng, song, tags=False)
    artists = [{"id": 1, "name": song.artist}]
    answer = {"songs": [{"name": song.title, "id": 1, "ar": artists}], "code": 200}
    return answer | {"lrc": {"version": 3, "lyric": lyric}, "tlyric": {"lyric": ""}}, True


def _netease_bare(rng: random.Random, song: Song) -> tuple[Any, bool]:
    lyric = _lrc(rng, song, tags=False)
    return {"sgc": False, "lrc": {"lyric": lyric}, "klyric": {"lyric": ""}, "code": 200}, False


def _lrclib(rng: random.Random, song: Song) -> tuple[Any, bool]:
    synced = rng.choice((None, _lrc(rng, song, tags=False)))
    return {
        "id": 1,
        "trackName": song.title,
        "artistName": song.artist,
        "albumName": "专辑",
        "instrumental": False,
        "plainLyrics": "\n".join(song.lines),
        "syncedLyrics": synced,
    }, True


def _qq(rng: random.Random, song: Song) -> tuple[Any, bool]:
    lyric = base64.b64encode(_lrc(rng, song, tags=True).encode()).decode()
    return {"retcode": 0, "code": 0, "lyric": lyric, "trans": ""}, True


def _kugou(rng: random.Random, song: Song) -> tuple[Any, bool]:
    lyric = base64.b64encode(b"\xef\xbb\xbf" + _lrc(rng, song, tags=True).encode()).decode()
    return {"status": 200, "info": "OK", "fmt": "lrc", "content": lyric}, True


def _genius(rng: random.Random, song: Song) -> tuple[Any, bool]:
    lyrics = f"12 Contributors{song.title} Lyrics[Verse 1]\n" + "\n".join(song.lines) + "7Embed"
    return {
        "title": song.title,
        "primary_artist": {"name": song.artist, "id": 1},
        "artist_names": song.artist,
        "lyrics": lyrics,
    }, True
