"""The project's own sample lyrics as training text, one record a stanza."""

from __future__ import annotations

from pathlib import Path

from rapids_rap.bench.corpora import Poem
from rapids_rap.config import CorpusConfig, InputConfig
from rapids_rap.corpus.ingest import ingest


def read_lyrics(folder: Path, held_out: Path) -> tuple[list[Poem], list[Poem]]:
    """``(training, held out)`` stanzas, cleaned and normalised as every run does it.

    ``held_out`` lists ``artist<TAB>song``, one a line; a name that no song has is an error.
    """
    listed = held_out.read_text("utf-8").splitlines()
    names = {tuple(part.strip() for part in line.split("\t")) for line in listed if line.strip()}
    lines = ingest([folder], InputConfig(), CorpusConfig()).lines
    unknown = names - set(zip(lines["artist"], lines["song"], strict=True))
    if unknown:
        raise ValueError(f"{held_out} lists songs that {folder} does not have: {sorted(unknown)}")
    training: list[Poem] = []
    kept_out: list[Poem] = []
    for (artist, song, _, _), stanza in lines.groupby(["artist", "song", "song_id", "stanza"]):
        chosen = kept_out if (artist, song) in names else training
        chosen.append(Poem(artist, song, f"{artist}/{song}", tuple(stanza["text_norm"])))
    return training, kept_out
