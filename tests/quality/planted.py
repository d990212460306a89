"""Corpora with planted effects: who uses a word in which cluster is known."""

import numpy as np
import pandas as pd

from rapids_rap.backend import load_backend
from rapids_rap.words.segment import segment

BACKEND = load_backend("cpu")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def word(number: int) -> str:
    """A word of its own for each number."""
    return "".join(LETTERS[number // 26**place % 26] for place in (2, 1, 0)) + "q"


class Corpus:
    """Songs of random words; every line is a text of its own.

    labels: (n,) the cluster of each line, and a song has most of its lines in one. texts are made
    of `words`, lists of words that a test may change before `tokens` is asked.
    """

    def __init__(self, seed=0, songs=80, clusters=4, artists=8, lines=12, vocabulary=60):
        rng = np.random.default_rng(seed)
        self.song = np.repeat(np.arange(songs), lines)
        self.artist = self.song % artists
        main = rng.integers(0, clusters, songs)[self.song]
        stays = rng.random(len(main)) < 0.5
        self.labels = np.where(stays, main, rng.integers(-1, clusters, len(main)))
        own = rng.integers(0, vocabulary, (songs, 6))
        self.words = [
            [word(w) for w in (*rng.choice(own[s], 2), *rng.integers(0, vocabulary, 4))]
            + [word(17_000 + i % 500), word(10_000 + i)]  # a line of its own
            for i, s in enumerate(self.song)
        ]

    def plant(self, term, cluster, *, songs):
        """The word in every line that these songs have in the cluster."""
        for i in np.flatnonzero((self.labels == cluster) & np.isin(self.song, list(songs))):
            self.words[i][0] = term

    @property
    def texts(self):
        """A line each."""
        return [" ".join(words) for words in self.words]

    @property
    def tokens(self):
        """Of the lines."""
        return segment(self.texts)

    @property
    def lines(self):
        """A row a line."""
        n = len(self.words)
        return pd.DataFrame(
            {
                "song_id": self.song.astype(np.int64),
                "artist": [f"a{i}" for i in self.artist],
                "text_id": np.arange(n),
                "line_no": np.arange(n) + 1,
            }
        )
