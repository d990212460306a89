"""A made-up corpus of any size, whose clusters are known: for what verse is too small for.

Songs of 16 to 64 lines, lines of 3 to 10 words without spaces, words of 1 to 3 common characters:

- word frequencies follow Zipf's law: the r-th most frequent word has a share of about r^-zipf;
- every song sings its hook, its first four lines, again and again;
- a line belongs to a planted cluster or, as noise (-1), to none. The most frequent words are
  shared by all lines. Below them the frequency ranks go by groups, a word a cluster in each: a line
  of a cluster has that cluster's words only, one at least, and a noise line anybody's. A cluster
  spells its words with 16 characters of its own, so that a model that sees nothing but characters
  can tell.

The words mean nothing. Rows come in blocks that depend on seed, shape and their own number alone,
so memory is bounded and a smaller corpus is the beginning of a larger one.

    python -m rapids_rap.bench.synthetic --lines 10000000 --out synthetic.parquet

Columns: artist, song, text (strings), planted (int32). `rapids-rap ingest` ignores the last one.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rapids_rap.arrays import Float64s, Int64s

SONGS = 1024  # a block; about 41,000 lines
SONG_LINES = (16, 64)
LINE_WORDS = (3, 10)
HOOK = 4
LOYALTY = 0.5  # of a song's lines to the song's own cluster; the others go anywhere
ALPHABET = 16  # characters of a cluster
SHORT_WORDS = 100  # a cluster's most frequent words have two characters, the others three
SCHEMA = pa.schema(
    {"artist": pa.string(), "song": pa.string(), "text": pa.string(), "planted": pa.int32()}
)


@dataclass(frozen=True)
class CorpusShape:
    """What a corpus is like.

    own_words: words of a cluster alone; shared_words: the most frequent words, used by all lines.
    zipf: the exponent. repetition: share of lines that a song has sung before. noise: share of
    lines of no cluster.
    """

    clusters: int = 100
    own_words: int = 200
    shared_words: int = 200
    zipf: float = 1.0
    repetition: float = 0.25
    noise: float = 0.2
    artists: int = 325

    def __post_init__(self) -> None:
        bounds = {
            "clusters": (1, 100_000),
            "own_words": (1, 2000),
            "shared_words": (1, 2000),
            "zipf": (0.0, 1.3),
            "repetition": (0.0, 0.9),
            "noise": (0.0, 1.0),
            "artists": (1, 1_000_000),
        }
        for name, (low, high) in bounds.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)}; expected {low} to {high}")


@dataclass(frozen=True)
class Block:
    """`SONGS` songs before they are spelt: F different lines of T words, R rows.

    words: (T,) frequency rank of each word, from 0. borders: (F + 1,), line i has the words
    borders[i]:borders[i + 1]. labels: (F,) planted cluster or -1. rows: (R,) the line of each row.
    songs, artists: (R,) numbers.
    """

    words: Int64s
    borders: Int64s
    labels: Int64s
    rows: Int64s
    songs: Int64s
    artists: Int64s


def draw_block(shape: CorpusShape, seed: int, number: int) -> Block:
    """The block of that number."""
    random = np.random.default_rng([seed, number])
    lengths = random.integers(SONG_LINES[0], SONG_LINES[1] + 1, SONGS)
    repeated = np.floor(shape.repetition * lengths + random.random(SONGS)).astype(np.int64)
    fresh = lengths - repeated
    labels = _draw_labels(fresh, shape, random)
    words, borders = _draw_words(labels, shape, random)
    first = np.cumsum(fresh) - fresh
    plans = [
        start + song_plan(length, again)
        for start, length, again in zip(
            first.tolist(), lengths.tolist(), repeated.tolist(), strict=True
        )
    ]
    return Block(
        words,
        borders,
        labels,
        rows=np.concatenate(plans),
        songs=np.repeat(number * SONGS + np.arange(SONGS), lengths),
        artists=np.repeat(random.integers(shape.artists, size=SONGS), lengths),
    )


@lru_cache(maxsize=4096)
def song_plan(length: int, repeated: int) -> Int64s:
    """(length,) which of its `length - repeated` different lines a song sings in each place.

    The hook comes first, and again after every verse.
    """
    fresh = length - repeated
    hook = min(HOOK, fresh)
    choruses = np.split(np.arange(repeated) % hook, range(hook, repeated, hook))
    verses = np.array_split(np.arange(hook, fresh), len(choruses))
    parts = [part for both in zip(verses, choruses, strict=True) for part in both]
    return np.concatenate([np.arange(hook), *parts])


def _draw_labels(fresh: Int64s, shape: CorpusShape, random: np.random.Generator) -> Int64s:
    lines = int(fresh.sum())
    home = np.repeat(random.integers(shape.clusters, size=SONGS), fresh)
    away = random.integers(shape.clusters, size=lines)
    labels = np.where(random.random(lines) < LOYALTY, home, away)
    return np.where(random.random(lines) < shape.noise, -1, labels)


def _draw_words(
    labels: Int64s, shape: CorpusShape, random: np.random.Generator
) -> tuple[Int64s, Int64s]:
    """Words and borders of the lines with these labels."""
    counts = random.integers(LINE_WORDS[0], LINE_WORDS[1] + 1, len(labels))
    borders = np.concatenate([[0], np.cumsum(counts)])
    below = _shares_below(shape)
    shared = float(below[shape.shared_words - 1])
    openings = borders[:-1][labels >= 0]  # a line of a cluster opens with a word of its own
    forced = len(openings) / max(int(borders[-1]), 1)
    # The other words are shared ones so much more often that Zipf's law holds for all together.
    others = min(1.0, shared / (1 - forced))
    place = random.random(int(borders[-1]))
    at = np.interp(place, [0, others, 1], [0, shared, 1])
    at[openings] = shared + (1 - shared) * place[openings]
    words = np.searchsorted(below[:-1], at, side="right")
    label = np.repeat(labels, counts)
    own = (words >= shape.shared_words) & (label >= 0)
    offset = words[own] - shape.shared_words
    words[own] += label[own] - offset % shape.clusters
    return words, borders


@lru_cache(maxsize=8)
def _shares_below(shape: CorpusShape) -> Float64s:
    """(words,) the share of each word and all more frequent ones."""
    ranks = np.arange(1.0, shape.shared_words + shape.clusters * shape.own_words + 1)
    shares = ranks**-shape.zipf
    return np.cumsum(shares / shares.sum())


def spell_words(shape: CorpusShape, seed: int) -> list[str]:
    """The words by frequency rank, all different, frequent ones shorter."""
    random = np.random.default_rng([seed])
    taken: set[str] = set()
    shared = _spell(COMMON, 1, -(-shape.shared_words // 2), taken, random)
    shared += _spell(COMMON, 2, shape.shared_words // 2, taken, random)
    own = []
    for _ in range(shape.clusters):
        letters = random.choice(list(COMMON), ALPHABET, replace=False).tolist()
        short = min(SHORT_WORDS, shape.own_words)
        words = _spell(letters, 2, short, taken, random)
        own.append(words + _spell(letters, 3, shape.own_words - short, taken, random))
    return shared + [word for group in zip(*own, strict=True) for word in group]


def _spell(
    letters: Sequence[str], length: int, number: int, taken: set[str], random: np.random.Generator
) -> list[str]:
    """`number` words of that length that are not taken yet, and now are."""
    words: list[str] = []
    while len(words) < number:
        word = "".join(letters[i] for i in random.integers(len(letters), size=length).tolist())
        if word not in taken:
            taken.add(word)
            words.append(word)
    return words


def _common_characters() -> tuple[str, ...]:
    """The 3,755 characters of GB2312 level 1."""
    cells = (bytes((row, cell)) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    return tuple(text for cell in cells if (text := cell.decode("gb2312", errors="ignore")))


COMMON = _common_characters()


def corpus_tables(
    lines: int, seed: int = 42, shape: CorpusShape | None = None
) -> Iterator[pa.Table]:
    """The corpus of exactly that many lines, a table a block; `SCHEMA` names the columns."""
    shape = shape or CorpusShape()
    spelling = spell_words(shape, seed)
    artists = pa.array([f"歌手{number + 1}" for number in range(shape.artists)])
    left, number = lines, 0
    while left > 0:
        table = _spelt(draw_block(shape, seed, number), spelling, artists).slice(0, left)
        yield table
        left -= table.num_rows
        number += 1


def _spelt(block: Block, spelling: Sequence[str], artists: pa.StringArray) -> pa.Table:
    words = [spelling[word] for word in block.words.tolist()]
    borders = block.borders.tolist()
    texts = ["".join(words[a:b]) for a, b in pairwise(borders)]
    columns = [
        artists.take(pa.array(block.artists)),
        pa.array([f"歌{song + 1}" for song in block.songs.tolist()]),
        pa.array(texts).take(pa.array(block.rows)),
        pa.array(block.labels[block.rows].astype(np.int32)),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def write_corpus(path: Path, lines: int, seed: int = 42, shape: CorpusShape | None = None) -> None:
    """Write the corpus as Parquet, a row group a block; the file is there whole or not at all."""
    half_written = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with pq.ParquetWriter(half_written, SCHEMA) as writer:
        for table in corpus_tables(lines, seed, shape):
            writer.write_table(table)
    half_written.replace(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a corpus from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--lines", type=int, required=True, help="how many lines to write")
    parser.add_argument("--out", type=Path, required=True, help="Parquet file to write")
    parser.add_argument("--seed", type=int, default=42)
    for field in fields(CorpusShape):
        flag = f"--{field.name.replace('_', '-')}"
        parser.add_argument(flag, type=type(field.default), default=field.default)
    options = parser.parse_args(arguments)
    if options.lines < 1:
        parser.error(f"--lines is {options.lines}; expected at least 1")
    try:
        shape = CorpusShape(
            **{field.name: getattr(options, field.name) for field in fields(CorpusShape)}
        )
    except ValueError as error:
        parser.error(str(error))
    write_corpus(options.out, options.lines, options.seed, shape)
    print(f"{options.out}: {options.lines:,} lines")


if __name__ == "__main__":
    main()
