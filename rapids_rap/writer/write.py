"""`rapids-rap writer write`: a writer folder and what is asked of it to songs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapids_rap.backend.failures import is_out_of_memory
from rapids_rap.errors import CapabilityError, ConfigError
from rapids_rap.runs.files import label_of
from rapids_rap.writer.compose import Asked, WrittenSong, pen_of, read_start, write_songs
from rapids_rap.writer.conditions import read_choices, resolve_conditions
from rapids_rap.writer.folder import Writer, load
from rapids_rap.writer.record import RECORD, known_songs, read_record
from rapids_rap.writer.vocabulary import read_vocabulary


@dataclass(frozen=True)
class Written:
    """What was asked, resolved, and the songs. names: of the songs that were read, by number."""

    asked: Asked
    songs: list[WrittenSong]
    names: dict[int, str]


@dataclass(frozen=True)
class Wish:
    """What a person typed, a word an option; None where the option was left out."""

    theme: str | None = None
    region: str | None = None
    emotion: str | None = None
    rhyme: str | None = None
    syllables: str | None = None
    language: str | None = None
    hook: bool = False
    start: str | None = None
    lines: int = 16
    rhyme_syllables: int = 1
    seed: int = 42
    songs: int = 1
    drafts: int = 4


def write_with(
    folder: Path, wish: Wish, device: str, told: Callable[[int, int], None] = lambda *_: None
) -> Written:
    """Write songs with the writer of a folder.

    Raises `ConfigError` with the right choices for what can't be asked for, `InputError` for a
    folder that is no writer, `CapabilityError` where memory does not suffice.
    """
    asked = _resolved(read_record(folder), label_of(folder / RECORD), wish)
    writer = load(folder, device)
    vocabulary = read_vocabulary(writer.tokenizer, int(writer.model.config.vocab_size))
    pen = pen_of(
        writer.model,
        writer.tokenizer,
        vocabulary,
        writer.index(),
        from_end=bool(writer.record.get("from_end")),
        drafts=wish.drafts,
    )
    try:
        songs = write_songs(pen, writer.tokenizer, asked, told)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise CapabilityError(
            f"Memory did not suffice for {asked.songs} songs at once; ask for fewer --songs or "
            "fewer --drafts."
        ) from error
    return Written(asked, songs, song_names(writer))


def _resolved(record: dict[str, Any], where: str, wish: Wish) -> Asked:
    conditions = resolve_conditions(
        read_choices(record.get("conditions"), where),
        theme=wish.theme,
        region=wish.region,
        emotion=wish.emotion,
        rhyme=wish.rhyme,
        syllables=wish.syllables,
        language=wish.language,
        hook=wish.hook or None,
    )
    if wish.rhyme_syllables > 1 and conditions.rhyme in (None, "free"):
        raise ConfigError(
            f"--rhyme-syllables {wish.rhyme_syllables}: needs a scheme; add --rhyme AABB, ABAB or "
            "AAAA."
        )
    return Asked(
        conditions,
        wish.lines,
        rhyme_syllables=wish.rhyme_syllables,
        start=None if wish.start is None else read_start(wish.start),
        seed=wish.seed,
        songs=wish.songs,
    )


def song_names(writer: Writer) -> dict[int, str]:
    """What the songs are called that the writer read, by number."""
    return {
        number: " – ".join(str(one[k]) for k in ("artist", "title") if one.get(k))
        for number, one in known_songs(writer.record).items()
    }
