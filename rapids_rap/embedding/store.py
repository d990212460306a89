"""The vector store: shards of vectors found by the content of their text. No torch in here.

    ROOT/<space key>/space.json            what decides a vector besides its text
    ROOT/<space key>/shard-<h>.ids.npy     BLAKE2b-128 of each text, its tokens, whether it was cut
    ROOT/<space key>/shard-<h>.vectors.npy (texts, dim), the rows of the ids
    ROOT/<space key>/shard-<h>.json        the commit: checksums of both, written last

A shard counts once its commit record is there, and never changes after; <h> is the hash of its ids.
Opening verifies every checksum; what fails is moved aside as `*.damaged` and its texts count as
missing. Opening also sweeps what a killed writer left, so the caller holds the store's lock; an
open store may go on reading while another process appends. Workers of the lock's holder add shards
beside each other, each under a lease (`shard-<h>.lease`, `runs.lease`). Whoever embeds marks its
space.json as in use (`runs.lock`), so that nobody prunes the space meanwhile (`machine.pruning`).
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rapids_rap.arrays import HostArray, Int64s
from rapids_rap.errors import CapabilityError
from rapids_rap.runs.files import (
    explain_os_errors,
    read_plain,
    sha256_file,
    sweep_partials,
    write_bytes,
    write_json,
)
from rapids_rap.runs.lease import is_stale
from rapids_rap.runs.received import load_array

log = logging.getLogger(__name__)

FORMAT = 1
SPACE = "space.json"
PARTS = ("json", "ids.npy", "vectors.npy")  # of a shard; the first makes it count
# Compared as 16 bytes: NumPy pads S16 with NUL, which changes nothing at full width.
Ids = npt.NDArray[np.bytes_]
ROW = np.dtype([("id", "S16"), ("tokens", "<i4"), ("truncated", "?")])


def hash_texts(texts: Sequence[str]) -> Ids:
    """BLAKE2b-128 of each text's UTF-8 bytes, (n,) S16."""
    blake2b = hashlib.blake2b
    digests = [blake2b(text.encode(), digest_size=16).digest() for text in texts]
    return np.frombuffer(b"".join(digests), dtype="S16")


def space_key(space: Mapping[str, object]) -> str:
    """The folder name of a space: a hash of its description."""
    text = json.dumps(space, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def space_folder(root: Path, space: Mapping[str, object]) -> Path:
    """Where the vectors of a space lie."""
    return root / space_key({"format": FORMAT, **space})


def describe_space(root: Path, space: Mapping[str, object]) -> Path:
    """The file that describes a space, written where there is none. Raises OSError."""
    path = space_folder(root, space) / SPACE
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        write_json(path, {"format": FORMAT, **space})
    return path


class VectorStore:
    """The vectors of one space, by text hash.

    folder: where the shards are. damaged: how many shards failed verification when opened.
    redo: for each damaged shard whose ids survived, those ids in order; appending them as one shard
    restores the same file. dim: the length of its vectors; 0: whatever they have.
    """

    def __init__(self, root: Path, space: Mapping[str, object], dim: int = 0) -> None:
        self._dim = dim
        self._root, self._space = root, space
        self.folder = space_folder(root, space)
        self.damaged = 0
        self.redo: list[Ids] = []
        with explain_os_errors(self.folder):
            describe_space(root, space)
            sweep_partials(self.folder)
            self._names: list[str] = []
            self._rows: list[HostArray] = []
            self._open_shards()
        self._index()

    def reopened(self) -> VectorStore:
        """The same store with what others have added; still under the caller's lock."""
        return VectorStore(self._root, self._space, self._dim)

    def _open_shards(self) -> None:
        names = sorted(path.stem for path in self.folder.glob("shard-*.json"))
        with ThreadPoolExecutor(4) as pool:  # hashing leaves the interpreter lock
            sound = list(pool.map(self._is_sound, names))
        for name, whole in zip(names, sound, strict=True):
            if whole or self._is_sound(name):  # a shared disk may fail for a moment: look twice
                self._names.append(name)
                self._rows.append(np.load(self._path(name, "ids.npy"), allow_pickle=False))
            else:
                self._set_aside(name)
        for path in self.folder.glob("shard-*.npy"):  # a shard whose commit was never written
            name = path.name.split(".")[0]
            if name in self._names or is_being_made(self.folder, name):
                continue
            if not self._path(name, "json").exists():  # written since, before the lease went
                path.unlink(missing_ok=True)
        for path in self.folder.glob("shard-*.lease"):  # of a worker that was killed
            if is_stale(path):
                path.unlink(missing_ok=True)

    def _is_sound(self, name: str) -> bool:
        try:
            record = json.loads(read_plain(self._path(name, "json")))
            whole = record["format"] == FORMAT and all(
                sha256_file(self._path(name, part)) == record["sha256"][part]
                for part in ("ids.npy", "vectors.npy")
            )
            return whole and self._fits(name)
        except MemoryError:
            raise
        except Exception:  # NumPy's reader of headers raises what Python's own tokenizer does
            return False

    def _fits(self, name: str) -> bool:
        """Whether a shard holds a row of ids for each vector; a store may come from elsewhere."""
        rows = np.load(self._path(name, "ids.npy"), mmap_mode="r", allow_pickle=False)
        vectors = np.load(self._path(name, "vectors.npy"), mmap_mode="r", allow_pickle=False)
        return (
            rows.dtype == ROW
            and rows.ndim == 1
            and vectors.ndim == 2
            and vectors.dtype.kind == "f"
            and len(rows) == len(vectors)
            and self._dim in (0, vectors.shape[1])
        )

    def _set_aside(self, name: str) -> None:
        log.warning(
            "vector store: %s is damaged; it is kept as *.damaged and its texts are embedded again",
            self.folder / name,
        )
        self.damaged += 1
        try:
            ids = load_array(self._path(name, "ids.npy"))["id"]
            if ids.ndim == 1 and ids.dtype == ROW["id"] and shard_name(ids) == name:
                self.redo.append(ids)
        except MemoryError:
            raise
        except Exception:  # as above
            pass  # ids lost as well: the texts join the others that are missing
        for part in PARTS:
            path = self._path(name, part)
            if path.exists():
                path.replace(path.with_name(path.name + ".damaged"))

    def _index(self) -> None:
        ids = [rows["id"] for rows in self._rows]
        everything = np.concatenate([np.zeros(0, "S16"), *ids])
        order = np.argsort(everything, kind="stable")
        sizes = [len(rows) for rows in self._rows]
        self._sorted_ids = everything[order]
        self._shard_of = np.repeat(np.arange(len(sizes)), sizes)[order]
        self._row_of = np.concatenate([np.zeros(0, int), *map(np.arange, sizes)])[order]

    def locate(self, ids: Ids) -> Int64s:
        """The position of each id in the store's index, (n,) int64; -1 where it is missing."""
        if not len(self._sorted_ids):
            return np.full(len(ids), -1, dtype=np.int64)
        place = np.searchsorted(self._sorted_ids, ids)
        place = np.minimum(place, len(self._sorted_ids) - 1)
        return np.where(self._sorted_ids[place] == ids, place, -1)

    def gather(self, ids: Ids) -> Iterator[tuple[Int64s, HostArray, HostArray]]:
        """What is stored of `ids`, shard by shard: (positions in `ids`, their rows, vectors).

        One memory-mapped shard is open at a time. HostArray have the fields of `ROW`.
        """
        place = self.locate(ids)
        wanted = np.flatnonzero(place >= 0)
        shard = self._shard_of[place[wanted]]
        order = np.argsort(shard, kind="stable")
        wanted, shard = wanted[order], shard[order]
        used, starts = np.unique(shard, return_index=True)
        stops = np.append(starts, len(wanted))[1:]
        for number, start, stop in zip(used, starts, stops, strict=True):
            positions = wanted[start:stop]
            row = self._row_of[place[positions]]
            path = self._path(self._names[number], "vectors.npy")
            vectors = np.load(path, mmap_mode="r", allow_pickle=False)
            yield positions, self._rows[number][row], vectors[row]

    def append(self, rows: HostArray, vectors: HostArray) -> None:
        """Add one shard: rows (m,) of `ROW`, vectors (m, dim). The next opening finds it.

        Raises `CapabilityError` or `InputError` where it can't be written; earlier shards stay.
        """
        append_shard(self.folder, rows, vectors)

    def _path(self, name: str, part: str) -> Path:
        return self.folder / f"{name}.{part}"


def append_shard(folder: Path, rows: HostArray, vectors: HostArray) -> None:
    """`VectorStore.append` for who has not opened the store: a worker beside others.

    Two that add the same shard leave the same files.
    """
    name = shard_name(rows["id"])
    parts = {"ids.npy": _npy_bytes(rows), "vectors.npy": _npy_bytes(vectors)}
    try:
        for part, content in parts.items():
            write_bytes(folder / f"{name}.{part}", content)
        checksums = {part: hashlib.sha256(data).hexdigest() for part, data in parts.items()}
        record = {"format": FORMAT, "texts": len(rows), "sha256": checksums}
        write_json(folder / f"{name}.json", record)
    except CapabilityError as error:
        size = sum(map(len, parts.values()))
        raise CapabilityError(f"{error} A shard of the vector store takes {size} bytes.") from error


def lease_of(folder: Path, name: str) -> Path:
    """The lease under which a worker makes a shard."""
    return folder / f"{name}.lease"


def is_being_made(folder: Path, name: str) -> bool:
    """Whether a worker holds a shard's lease."""
    lease = lease_of(folder, name)
    return lease.exists() and not is_stale(lease)


def shard_name(ids: Ids) -> str:
    """The name of the shard with these ids in this order."""
    return "shard-" + hashlib.blake2b(ids.tobytes(), digest_size=16).hexdigest()


def _npy_bytes(array: HostArray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
