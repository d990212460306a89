"""Written songs as text, as JSON, and as the text that models of songs are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from rapids_rap.writer.compose import Asked, WrittenSong
from rapids_rap.writer.copying import GRAM, RUN

Format = Literal["text", "json", "song"]
FORMATS: tuple[Format, ...] = get_args(Format)


def as_text(songs: Sequence[WrittenSong]) -> list[str]:
    """The lines, a blank one between sections, a rule between songs."""
    found: list[str] = []
    for song in songs:
        found += ["", "---", ""] if found else []
        parts = ["\n".join(lines) for _, lines in song.sections()]
        found.append("\n\n".join(parts))
    return found


def as_song(songs: Sequence[WrittenSong]) -> list[str]:
    """Sections under `[verse]` and `[chorus]`, as models of whole songs take lyrics."""
    found: list[str] = []
    for song in songs:
        found += ["", "---", ""] if found else []
        parts = ["\n".join([f"[{kind}]", *lines]) for kind, lines in song.sections()]
        found.append("\n\n".join(parts))
    return found


def as_json(asked: Asked, songs: Sequence[WrittenSong], names: Mapping[int, str]) -> dict[str, Any]:
    """Everything that is known of the songs; names: of the songs that were read."""
    conditions = asked.conditions
    return {
        "schema_version": 1,
        "conditions": {
            "theme": None
            if conditions.theme is None
            else {"id": conditions.theme.id, "name": conditions.theme.name},
            "region": conditions.region,
            "emotion": conditions.emotion,
            "rhyme": conditions.rhyme,
            "rhyme_syllables": asked.rhyme_syllables,
            "syllables": None if conditions.syllables is None else list(conditions.syllables),
            "language": conditions.language,
            "hook": conditions.hook,
        },
        "start": asked.start,
        "seed": asked.seed,
        "songs": [_one(song, names) for song in songs],
    }


def _one(song: WrittenSong, names: Mapping[int, str]) -> dict[str, Any]:
    near = song.nearest
    return {
        "sections": [{"kind": kind, "lines": lines} for kind, lines in song.sections()],
        "lines": list(song.lines),
        "syllables": [slot.syllables for slot in song.slots],
        "rewritten": [at + 1 for at in song.rewritten],
        "nearest_song": None
        if near.song is None
        else {"song_id": near.song, "name": names.get(near.song)},
        "longest_overlap": near.overlap,
        "overlap_text": near.text,
    }


def overlap_sentences(songs: Sequence[WrittenSong], names: Mapping[int, str]) -> list[str]:
    """What each song shares with the nearest one that was read."""
    found = []
    for song in songs:
        whose = f"Song {song.number + 1}: " if len(songs) > 1 else ""
        near = song.nearest
        again = f" {len(song.rewritten)} lines were rewritten." if song.rewritten else ""
        if near.song is None:
            told = f"shares no {GRAM} characters in a row with a song that was read."
        else:
            name = names.get(near.song) or f"song {near.song}"
            told = (
                f"shares at most {near.overlap} characters in a row with a song that was read: "
                f"{near.text} ({name})."
            )
            if near.overlap >= RUN:
                told += " They stand in the line that was given."
        found.append(whose + told[:1].upper() + told[1:] + again)
    return found
