"""A public corpus of Chinese verse in the shape of lyrics: artist, song, one row a line.

The lyrics this project exists for are under copyright, so benchmarks and the demo model use
the npm package ``chinese-poetry`` (MIT): 311,855 Tang and Song poems, 21,053 Song ci and
11,057 Yuan qu. Traditional characters become simplified (OpenCC ``t2s``), and a line is what
stands between two punctuation marks, the unit nearest to a line of rap: 3,150,544 lines in all.
Samples are whole poems in one seeded order, so a smaller one is the beginning of a larger one.

    python -m rapids_rap.bench.corpora --lines 60000 --out poetry.parquet
    python -m rapids_rap.bench.corpora --lines all       # kept in the cache, whose path is printed
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from opencc import OpenCC

PACKAGE = "chinese-poetry@2.0.1"
TARBALL = "chinese-poetry-2.0.1.tgz"
SHA256 = "25b549e46919c3a0569db6b68ddc96956b04a484ea4518ad2bbd4f137e307e86"
LICENSE_NOTE = "chinese-poetry 2.0.1 (https://github.com/chinese-poetry), MIT License."
HELD_OUT_SHARE = 0.05
SIZES = (60_000, 200_000, 600_000, 1_400_000)
"""Lines of the benchmarks' nested samples; None stands for all there are."""

# Part of the names of the files kept: raise it when the same package would be read differently.
_READING = 1

_SOURCES = re.compile(
    r"package/dist/(quantangshi/poet\.[a-z]+\.\d+|songci/ci\.song\.\d+|yuanqu/yuanqu)\.json"
)
_NOTES = re.compile(r"（[^（）]*）|\([^()]*\)|\[[^\[\]]*\]|〖[^〖〗]*〗|\{[^{}]*\}")
_BREAKS = re.compile(r"[，。！？；：、,.!?;:\s]+")
_NOT_HAN = re.compile(r"[^\u3400-\u9fff\U00020000-\U0003ffff]+")


@dataclass(frozen=True, slots=True)
class Poem:
    """One poem: simplified characters, lines without punctuation, ids unique in the package."""

    artist: str
    song: str
    song_id: str
    lines: tuple[str, ...]


def cache_folder() -> Path:
    """Where downloads are kept: ``$RAPIDS_RAP_CACHE``, else ``.cache``."""
    return Path(os.environ.get("RAPIDS_RAP_CACHE", ".cache"))


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch_package(cache: Path | None = None) -> Path:
    """The package's tarball, fetched with ``npm pack`` when it is not in ``cache`` yet.

    Raises ``RuntimeError`` when its checksum is not the pinned one (the file is left to look at).
    """
    folder = cache or cache_folder()
    tarball = folder / TARBALL
    if not tarball.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", PACKAGE, "--silent", "--pack-destination", str(folder)]
        subprocess.run(command, check=True, capture_output=True)
    found = sha256_of(tarball)
    if found != SHA256:
        raise RuntimeError(f"{tarball.name}: sha256 is {found}, expected {SHA256}")
    return tarball


def split_lines(paragraphs: Iterable[str]) -> tuple[str, ...]:
    """Half-sentences of a poem's paragraphs, editors' notes and punctuation left out."""
    pieces = (piece for text in paragraphs for piece in _BREAKS.split(_NOTES.sub("", text)))
    return tuple(line for piece in pieces if (line := _NOT_HAN.sub("", piece)))


def _members(tarball: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    with tarfile.open(tarball) as archive:
        for member in archive:
            if found := _SOURCES.fullmatch(member.name):
                file = archive.extractfile(member)
                if file is not None:
                    yield found[1], json.load(file)


def read_poems(tarball: Path) -> Iterator[Poem]:
    """Every poem of the package with at least one line, in the order of the tarball."""
    simplify = OpenCC("t2s").convert
    for source, records in _members(tarball):
        for index, record in enumerate(records):
            title = record.get("title") or record.get("rhythmic") or ""
            text = "\n".join(record.get("paragraphs", []))
            lines = split_lines(simplify(text).split("\n"))
            if lines:
                artist = simplify(record.get("author", ""))
                yield Poem(artist, simplify(title), f"{source}:{index}", lines)


def load_poems(cache: Path | None = None) -> list[Poem]:
    """All poems, from the Parquet kept beside the tarball or, the first time, from the tarball."""
    folder = cache or cache_folder()
    kept = folder / f"poems-{SHA256[:12]}-{_READING}.parquet"
    if not kept.exists():
        poems = list(read_poems(fetch_package(folder)))
        columns = {
            name: [getattr(poem, name) for poem in poems]
            for name in ("artist", "song", "song_id", "lines")
        }
        write_whole(pa.table(columns), kept)
        return poems
    columns = pq.read_table(kept).to_pydict()
    rows = zip(*(columns[name] for name in ("artist", "song", "song_id", "lines")), strict=True)
    return [Poem(artist, song, key, tuple(lines)) for artist, song, key, lines in rows]


def is_held_out(poem: Poem, share: float = HELD_OUT_SHARE) -> bool:
    """Whether a poem belongs to the split that nothing is ever trained on.

    Decided by a hash of author, title and first line, so it holds across runs and machines and
    does not move when poems are added.
    """
    key = "\0".join((poem.artist, poem.song, poem.lines[0])).encode()
    number = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")
    return number < share * 2**64


def held_out_split(
    poems: Iterable[Poem], share: float = HELD_OUT_SHARE
) -> tuple[list[Poem], list[Poem]]:
    """``(training, held out)``, without training poems that repeat two lines of a held-out one.

    The package has many poems twice, under two authors or titles; a copy of a held-out poem
    must not be trained on either.
    """
    training: list[Poem] = []
    held_out: list[Poem] = []
    for poem in poems:
        (held_out if is_held_out(poem, share) else training).append(poem)
    seen = {pair for poem in held_out for pair in zip(poem.lines, poem.lines[1:], strict=False)}
    clean = [
        poem
        for poem in training
        if not any(pair in seen for pair in zip(poem.lines, poem.lines[1:], strict=False))
    ]
    return clean, held_out


def sample(poems: Sequence[Poem], lines: int | None, seed: int = 42) -> list[Poem]:
    """Whole poems in a seeded order until there are at least ``lines`` lines; None: all of them.

    Samples are nested: a smaller one is a prefix of a larger one with the same seed. The last
    poem is cut, so that the sample has exactly ``lines`` lines where the corpus has as many.
    """
    order = list(range(len(poems)))
    random.Random(seed).shuffle(order)
    if lines is None:
        return [poems[index] for index in order]
    chosen: list[Poem] = []
    left = lines
    for index in order:
        if left <= 0:
            break
        poem = poems[index]
        chosen.append(Poem(poem.artist, poem.song, poem.song_id, poem.lines[:left]))
        left -= len(poem.lines)
    return chosen


def corpus_table(poems: Sequence[Poem]) -> pa.Table:
    """Columns ``artist``, ``song``, ``text`` (strings), one row a line."""
    columns = {
        "artist": [poem.artist for poem in poems for _ in poem.lines],
        "song": [poem.song for poem in poems for _ in poem.lines],
        "text": [line for poem in poems for line in poem.lines],
    }
    return pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})


def cached_corpus(
    lines: int | None, seed: int = 42, *, held_out: bool = False, cache: Path | None = None
) -> Path:
    """A sample as a corpus Parquet in the cache folder, made when it is not there yet.

    ``held_out``: only poems that nothing was trained on. Raises ``ValueError`` for more lines than
    there are.
    """
    folder = cache or cache_folder()
    kind = "held-out" if held_out else "verse"
    size = "all" if lines is None else lines
    path = folder / f"{kind}-{SHA256[:12]}-{_READING}-seed{seed}-{size}.parquet"
    if not path.exists():
        poems = load_poems(folder)
        if held_out:
            poems = [poem for poem in poems if is_held_out(poem)]
        table = corpus_table(sample(poems, lines, seed))
        if lines is not None and table.num_rows < lines:
            raise ValueError(f"{lines:,} lines were asked for; there are {table.num_rows:,}")
        write_whole(table, path)
    return path


def write_whole(table: pa.Table, path: Path) -> None:
    """Write a Parquet file that is there whole or not at all."""
    half_written = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    pq.write_table(table, half_written)
    half_written.replace(path)


def line_count(text: str) -> int | None:
    """A number of lines from the command line; None for ``all``."""
    return None if text == "all" else int(text)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a corpus Parquet from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--lines", type=line_count, required=True, help="how many, or `all`")
    parser.add_argument("--out", type=Path, help="Parquet file to write; else only in the cache")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--held-out", action="store_true", help="only poems never trained on")
    options = parser.parse_args(arguments)
    try:
        kept = cached_corpus(options.lines, options.seed, held_out=options.held_out)
    except ValueError as error:
        parser.error(str(error))
    if options.out:
        shutil.copyfile(kept, options.out)
    print(f"{options.out or kept}: {pq.ParquetFile(kept).metadata.num_rows:,} lines")


if __name__ == "__main__":
    main()
