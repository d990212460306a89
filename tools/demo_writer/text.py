"""What the demo writer reads: poems and sample songs as running text, a line break a line."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from rapids_rap.bench.corpora import Poem


def encode(poems: Iterable[Poem], tokenizer: PreTrainedTokenizerFast) -> NDArray[np.uint16]:
    """(n,) uint16 tokens: the lines of each poem with line breaks between, and the end token."""
    end = tokenizer.eos_token_id
    texts = ["\n".join(poem.lines) for poem in poems]
    encoded = tokenizer.backend_tokenizer.encode_batch_fast(texts)
    return np.array([token for one in encoded for token in (*one.ids, end)], np.uint16)


def shuffled(poems: Sequence[Poem], lines: int, seed: int) -> list[Poem]:
    """Whole poems in a seeded order, until there are ``lines`` lines."""
    order = list(range(len(poems)))
    random.Random(seed).shuffle(order)
    chosen, held = [], 0
    for index in order:
        if held >= lines:
            break
        chosen.append(poems[index])
        held += len(poems[index].lines)
    return chosen


def whole_songs(stanzas: Iterable[Poem]) -> list[Poem]:
    """The stanzas of each song put together again."""
    songs: dict[str, Poem] = {}
    for stanza in stanzas:
        before = songs.get(stanza.song_id)
        lines = (*(before.lines if before else ()), *stanza.lines)
        songs[stanza.song_id] = Poem(stanza.artist, stanza.song, stanza.song_id, lines)
    return list(songs.values())


@dataclass(frozen=True)
class Windows:
    """Windows of tokens, as transformers' trainer asks for them by number.

    Window ``i`` is a function of the seed and ``i`` alone: ``songs_share`` of them begin anywhere
    in the songs, the others anywhere in the verse.
    """

    verse: NDArray[np.uint16]
    songs: NDArray[np.uint16]
    songs_share: float
    window: int
    count: int
    seed: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, NDArray[np.int64]]:
        """``input_ids`` and ``labels`` (window,), the same."""
        draw = np.random.default_rng([self.seed, index])
        text = self.songs if draw.random() < self.songs_share else self.verse
        begin = int(draw.integers(0, max(1, len(text) - self.window)))
        ids = text[begin : begin + self.window].astype(np.int64)
        return {"input_ids": ids, "labels": ids}
