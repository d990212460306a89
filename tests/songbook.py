"""A small corpus of songs with known artists, for tests that need songs."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rapids_rap.words.segment import Tokens, segment


@dataclass(frozen=True)
class Songbook:
    """lines as `Corpus.lines` has them; texts and vectors (n, d) by text_id."""

    lines: pd.DataFrame
    texts: tuple[str, ...]
    vectors: np.ndarray
    tokens: Tokens


def make_songbook(songs, d=8, seed=0, noise=0.3):
    """From (artist, lines) each; a text's vector lies near its first song's own direction."""
    rows = []
    for number, (artist, lines) in enumerate(songs):
        rows += [
            {"song_id": number, "artist": artist, "text": text, "stanza": i // 4, "line_no": i + 1}
            for i, text in enumerate(lines)
        ]
    columns = ["song_id", "artist", "text", "stanza", "line_no"]
    frame = pd.DataFrame(rows, columns=columns)
    texts = tuple(sorted(set(frame["text"])))
    frame["text_id"] = frame["text"].map({t: i for i, t in enumerate(texts)}).astype(np.int64)
    frame["song_id"] = pd.array(frame["song_id"], dtype="Int64")
    frame["artist"] = pd.array(frame["artist"], dtype="str")
    random = np.random.default_rng(seed)
    centres = random.normal(size=(len(songs), d))
    first = frame.drop_duplicates("text_id").set_index("text_id")["song_id"]
    own = first.reindex(range(len(texts))).to_numpy(dtype=np.int64)
    vectors = centres[own] + noise * random.normal(size=(len(texts), d))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Songbook(frame, texts, vectors.astype(np.float32), segment(texts))


def random_songs(count, artists, lines=6, seed=0, alphabet=120):
    """(artist, lines) of random characters, artists with habits of their own; ragged lengths."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        artist = int(random.integers(artists))
        own = 0x4E00 + artist * 12 + np.arange(12)
        pool = np.concatenate((0x6000 + np.arange(alphabet), np.repeat(own, 4)))
        texts = [
            "".join(map(chr, random.choice(pool, random.integers(3, 9))))
            for _ in range(random.integers(1, lines + 1))
        ]
        found.append((f"歌手{artist}", texts))
    return found
