"""Written songs as text, as JSON, and as the text that models of songs are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from rapids_rap.writer.compose import Asked, WrittenSong
from rapids_rap.writer.copying import (
    GRAM,
    RUN,
    WORD_GRAM,
    WORD_RUN,
    Nearest,
    han_codes,
    latin_words,
)

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
    words = song.nearest_words
    return {
        "sections": [{"kind": kind, "lines": lines} for kind, lines in song.sections()],
        "lines": list(song.lines),
        "syllables": [slot.syllables for slot in song.slots],
        "rewritten": [at + 1 for at in song.rewritten],
        **_shared(song.nearest, names),
        "words": None if words is None else _shared(words, names),
    }


def _shared(near: Nearest, names: Mapping[int, str]) -> dict[str, Any]:
    """What is shared with which song; one that only the base read has neither number nor name."""
    name = None if near.song is None else names.get(near.song)
    return {
        "nearest_song": {"song_id": near.song, "name": name, "of_base": near.of_base}
        if near.overlap
        else None,
        "longest_overlap": near.overlap,
        "overlap_text": near.text,
    }


def overlap_sentences(songs: Sequence[WrittenSong], names: Mapping[int, str]) -> list[str]:
    """What each song shares with the nearest one that was read: of what it is written in."""
    found = []
    for song in songs:
        whose = f"Song {song.number + 1}: " if len(songs) > 1 else ""
        again = f" {len(song.rewritten)} lines were rewritten." if song.rewritten else ""
        text = "\n".join(song.lines)
        told = []
        has_words = bool(latin_words(text))
        if len(han_codes(text)) or not has_words:
            told.append(_told(song.nearest, "Chinese characters", GRAM, RUN, names))
        if has_words and song.nearest_words is not None:
            told.append(_told(song.nearest_words, "Latin words", WORD_GRAM, WORD_RUN, names))
        if has_words and song.nearest_words is None:
            told.append("Latin words were not compared.")
        found.append(whose + " ".join(told) + again)
    return found


def _told(near: Nearest, what: str, least: int, run: int, names: Mapping[int, str]) -> str:
    if not near.overlap:
        return f"Shares no {least} {what} in a row with a song that was read."
    name = "a song that its base model was trained on"
    if near.song is not None:
        name = names.get(near.song) or f"song {near.song}"
    told = (
        f"Shares at most {near.overlap} {what} in a row with a song that was read: {near.text} "
        f"({name})."
    )
    return told + (" They stand in the line that was given." if near.overlap >= run else "")
