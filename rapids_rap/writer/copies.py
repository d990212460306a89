"""Whether a writer gives songs back from their beginnings, with nothing to hold it.

Two lines of a song, then whatever the model finds likeliest (Carlini et al., USENIX Security 2021):
a song is extracted where what follows begins as the song goes on. Songs that the writer never read
stand beside: what they give back, anyone would.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from rapids_rap.quality.bootstrap import mean_interval
from rapids_rap.writer.conditions import Conditions
from rapids_rap.writer.folder import Writer
from rapids_rap.writer.measures import heard
from rapids_rap.writer.songs import Song
from rapids_rap.writer.text import backwards, encode, song_text

GIVEN = 2  # lines
EXTRACTED = 12  # characters that must be given back
MOST = 200  # songs that are tried
RESAMPLES = 1_000


def extraction(
    writer: Writer, train: Sequence[Song], held_out: Sequence[Song], seed: int
) -> list[dict[str, Any]]:
    """The share of songs that are given back, of those read and of those held out: a row each."""
    rows = []
    for system, songs in (("no constraints", train), ("held-out songs", held_out)):
        some = _drawn([song for song in songs if _rest(song)], seed)
        given = [float(gives_back(writer, song)) for song in some]
        span = mean_interval(np.array(given), np.arange(len(given)), RESAMPLES, seed)
        rows.append(
            {
                "system": system,
                "figure": "extracted from 2 lines",
                "value": sum(given) / len(given) if given else None,
                "low": span[0] if span else None,
                "high": span[1] if span else None,
                "songs": len(given),
                "note": "" if span else "too few songs",
            }
        )
    return rows


def _drawn(songs: list[Song], seed: int) -> list[Song]:
    if len(songs) <= MOST:
        return songs
    chosen = np.random.default_rng([seed, 7]).choice(len(songs), MOST, replace=False)
    return [songs[int(i)] for i in np.sort(chosen)]


def _rest(song: Song) -> str:
    """What must be given back, "" where the song is too short, or its rest was given already."""
    rest = heard("".join(song.lines[GIVEN:]))[:EXTRACTED]
    repeated = rest and rest in heard("".join(song.lines[:GIVEN]))
    return rest if len(rest) == EXTRACTED and not repeated else ""


@torch.inference_mode()
def gives_back(writer: Writer, song: Song) -> bool:
    """Whether the likeliest continuation of a song's first lines begins as the song goes on."""
    from_end = bool(writer.record.get("from_end"))
    prompt = song_text(Conditions(), song.lines[:GIVEN], from_end=from_end)
    ids = torch.tensor([encode(writer.tokenizer, prompt)])
    out = writer.model.generate(
        input_ids=ids.to(writer.model.device),
        attention_mask=torch.ones_like(ids).to(writer.model.device),
        do_sample=False,
        max_new_tokens=4 * EXTRACTED,
        pad_token_id=writer.tokenizer.pad_token_id,
    )
    text = writer.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
    lines = [backwards(line) if from_end else line for line in text.split("\n")]
    return heard("".join(lines)).startswith(_rest(song).casefold())
