"""What a model was trained on, kept in its folder, so that no figure asks it what it has read.

Hashes of two neighbouring lines, and of single lines that are too long to be alike by chance; of a
line only letters, digits and characters count. No text can be read from the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from rapids_rap.arrays import Bools, UInt64s
from rapids_rap.errors import InputError
from rapids_rap.runs.files import read_plain, write_array
from rapids_rap.runs.received import load_array

FILE = "trained_on.npy"
RECORD = "training.json"
RECORDED = {"dev_mrr_before", "view_cosine"}  # by which a record of `train` is known
LONG = 12  # characters of a line that stands for itself, as in leakage groups


def read_trained_on(folder: Path) -> UInt64s | None:
    """(m,) uint64 hashes, ascending; none where the folder says nothing.

    None where `train` made the folder and the file is not there: then nothing is known. Raises
    `InputError` for a file that can't be read as such.
    """
    path = folder / FILE
    if not path.is_file():
        return None if is_tuned(folder) else np.zeros(0, np.uint64)
    try:
        hashes = load_array(path)
    except MemoryError:
        raise
    except Exception as error:  # NumPy's reader of headers raises what Python's tokenizer does
        raise InputError(f"{path}: can't be read ({error}); train the model again.") from error
    if hashes.dtype != np.uint64 or hashes.ndim != 1 or (hashes[1:] < hashes[:-1]).any():
        raise InputError(f"{path}: expected ascending uint64 hashes; train the model again.")
    return np.asarray(hashes)


def write_trained_on(folder: Path, hashes: UInt64s) -> None:
    """Keep the hashes (m,) in a model folder, each once."""
    write_array(folder / FILE, np.unique(hashes))


def is_tuned(folder: Path) -> bool:
    """Whether `train` made a model folder; a base model may bring another training.json."""
    try:
        record = json.loads(read_plain(folder / RECORD).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(record, dict) and record.keys() >= RECORDED


def hash_pairs(pairs: Iterable[tuple[str, str]]) -> UInt64s:
    """(pairs,) uint64, of a line and the next."""
    return _hashes(f"{form(line)}\0{form(following)}" for line, following in pairs)


def hash_lines(lines: Iterable[str]) -> UInt64s:
    """(lines,) uint64, of single lines."""
    return _hashes(map(form, lines))


def is_long(line: str) -> bool:
    """Whether a line is too long to be like another one by chance."""
    return len(form(line)) >= LONG


def form(text: str) -> str:
    """What of a line is compared: letters, digits and characters, in lower case."""
    return "".join(filter(str.isalnum, text.casefold()))


def are_among(hashes: UInt64s, known: UInt64s) -> Bools:
    """(m,) whether each of `hashes` is among `known`, which ascend."""
    if not len(known):
        return np.zeros(len(hashes), np.bool_)
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return np.asarray(known[at] == hashes)


def _hashes(texts: Iterable[str]) -> UInt64s:
    digests = (
        hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest() for text in texts
    )
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
