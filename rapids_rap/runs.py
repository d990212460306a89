"""The run directory: its lock, its identity, its files whole or not at all, and how to read it.

A run is built in memory and in the stage cache first; then the old manifest is taken away, every
file is written, and the new manifest comes last. So a `manifest.json` vouches for all files beside
it, and a folder without one is an unfinished run that the same command resumes.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rapids_rap.cells import escape_cells, unescape_cells
from rapids_rap.corpus.files import RUN_MARKER, label_of
from rapids_rap.errors import InputError, LockHeldError
from rapids_rap.files import (
    explain_os_errors,
    sha256_file,
    sweep_partials,
    write_array,
    write_bytes,
    write_json,
)
from rapids_rap.stages import write_parquet

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
IDENTITY = RUN_MARKER  # which inputs the folder is for; written before any work is kept
TABLES = (
    "clusters.csv", "cluster_emotions.csv", "cluster_terms.csv", "cluster_artists.csv",
    "artist_clusters.csv", "cluster_examples.csv", "themes.csv", "cluster_regions.csv",
    "labels.csv",
)  # fmt: skip
NIGHT = "nightly.json"  # what a night says of itself; only in runs of `rapids-rap nightly`
OWN_FILES = (
    MANIFEST, "dropped.parquet", "lines.parquet", "quality.json", "report.html", NIGHT, *TABLES,
)  # fmt: skip
REDUCED = "reduced.npy"  # beside the vectors: the coordinates that were clustered
MAPS = ("clusters.png", "themes.png", "density.png", "categories.png", "artists.png")


class RunFolder:
    """A run directory opened for writing by one process at a time.

    Raises `LockHeldError` where another process has it open, `InputError` where it can't be
    written, holds something else, or belongs to other inputs and `overwrite` is not given.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        self.path = path
        self.overwrite = overwrite
        self._lock = contextlib.ExitStack()

    def __enter__(self) -> RunFolder:
        with explain_os_errors(self.path):
            self._refuse_foreign_folder()
        self._lock.enter_context(exclusive(self.path))
        for folder in (self.path, self.path / "maps", self.path / "vectors"):
            sweep_partials(folder)
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    def claim(self, inputs: Sequence[tuple[str, str]]) -> None:
        """Bind the folder to these inputs (label, sha256); what was kept for others goes."""
        marker = self.path / IDENTITY
        contents = sorted(content for _, content in inputs)
        known = self._known_inputs()
        if known is not None and known != contents:
            if not self.overwrite:
                raise InputError(
                    f"{self.path}: holds a run of other inputs. Choose another --out, or replace "
                    "that run with --overwrite."
                )
            self._clear_results()
        write_json(marker, {"schema_version": SCHEMA_VERSION, "inputs": contents})

    def publish(
        self,
        *,
        lines: pd.DataFrame,
        dropped: pd.DataFrame,
        tables: Mapping[str, pd.DataFrame],
        vectors: npt.NDArray[Any],
        vectors_info: Mapping[str, Any],
        reduced: npt.NDArray[np.float32],
        quality: Mapping[str, Any],
        maps: Mapping[str, bytes],
        manifest: Mapping[str, Any],
    ) -> None:
        """Write every file but the report; `manifest` is kept back for `finish`."""
        (self.path / MANIFEST).unlink(missing_ok=True)
        (self.path / NIGHT).unlink(missing_ok=True)
        with explain_os_errors(self.path):
            for name in ("maps", "vectors"):
                (self.path / name).mkdir(exist_ok=True)
        write_parquet(self.path / "dropped.parquet", dropped)
        write_parquet(self.path / "lines.parquet", lines)
        for name in TABLES:
            if name in tables:
                write_csv(self.path / name, tables[name])
            else:
                (self.path / name).unlink(missing_ok=True)
        self._write_vectors(vectors, vectors_info)
        write_array(self.path / "vectors" / REDUCED, reduced)
        write_json(self.path / "quality.json", quality)
        for name in MAPS:
            if name not in maps:
                (self.path / "maps" / name).unlink(missing_ok=True)
        for name, png in maps.items():
            write_bytes(self.path / "maps" / name, png)
        self._manifest = dict(manifest)

    def finish(self, report: str) -> None:
        """Write the report, and the manifest that vouches for everything, last."""
        write_bytes(self.path / "report.html", report.encode(errors="replace"))
        files = {
            str(p.relative_to(self.path)): {"bytes": p.stat().st_size, "sha256": sha256_file(p)}
            for p in sorted(self.path.rglob("*"))
            if p.is_file() and not str(p.relative_to(self.path)).startswith(".")
        }
        write_json(self.path / MANIFEST, {**self._manifest, "files": files})

    def preview(self) -> Run:
        """The run as written so far, for the report, which is its last file."""
        return Run(self.path, self._manifest)

    def _write_vectors(self, vectors: npt.NDArray[Any], info: Mapping[str, Any]) -> None:
        folder = self.path / "vectors"
        known, matrix = folder / "vectors.json", folder / "vectors.npy"
        with contextlib.suppress(OSError, ValueError, AttributeError):
            kept = _read_json(known)
            if kept == {**info, "sha256": kept.get("sha256")} and (
                sha256_file(matrix) == kept["sha256"]
            ):
                return  # a run of another configuration on the same vectors
        known.unlink(missing_ok=True)
        write_array(matrix, vectors)
        write_json(known, {**info, "sha256": sha256_file(matrix)})

    def _refuse_foreign_folder(self) -> None:
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise InputError(f"{self.path}: is a file; --out names a folder.")
        ours = self._known_inputs() is not None
        others = [p.name for p in self.path.iterdir() if p.name not in (".lock", ".store")]
        if others and not ours:
            raise InputError(
                f"{self.path}: holds files that are no run (such as {min(others)}). "
                "Choose an empty or new folder with --out."
            )

    def _known_inputs(self) -> list[str] | None:
        """The hashes this folder's run was made from; None where it holds no run.

        A copy may have lost the hidden marker; its manifest says the same.
        """
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            return list(_read_json(self.path / IDENTITY)["inputs"])
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            return sorted(entry["sha256"] for entry in _read_json(self.path / MANIFEST)["inputs"])
        return [] if (self.path / IDENTITY).exists() else None

    def _clear_results(self) -> None:
        for name in OWN_FILES:
            (self.path / name).unlink(missing_ok=True)
        for name in ("vectors", "maps", ".stages"):
            shutil.rmtree(self.path / name, ignore_errors=True)


@dataclass(frozen=True)
class Run:
    """A run directory opened for reading; tables are read when first asked for."""

    path: Path
    manifest: Mapping[str, Any]

    @functools.cached_property
    def lines(self) -> pd.DataFrame:
        """One row an occurrence."""
        with _explain_damage(self.path / "lines.parquet"):
            return pd.read_parquet(self.path / "lines.parquet")

    @functools.cached_property
    def texts(self) -> pd.DataFrame:
        """One row a distinct text, row = text_id: text_norm, weight, cluster, theme, x, y."""
        columns = ["text_id", "text_norm", "weight", "cluster", "theme", "x", "y"]
        with _explain_damage(self.path / "lines.parquet"):
            table = pd.read_parquet(self.path / "lines.parquet", columns=columns)
        first = table.drop_duplicates("text_id").sort_values("text_id", ignore_index=True)
        return first.drop(columns="text_id")

    @functools.cached_property
    def quality(self) -> Mapping[str, Any]:
        """Every figure of quality.json."""
        with _explain_damage(self.path / "quality.json"):
            return _read_json(self.path / "quality.json")

    @functools.cached_property
    def night(self) -> Mapping[str, Any] | None:
        """nightly.json; None where the run was not made by `rapids-rap nightly`."""
        if not (self.path / NIGHT).exists():
            return None
        with _explain_damage(self.path / NIGHT):
            return _read_json(self.path / NIGHT)

    @functools.cached_property
    def clusters(self) -> pd.DataFrame:
        """clusters.csv."""
        return self._table("clusters.csv")

    @functools.cached_property
    def cluster_emotions(self) -> pd.DataFrame:
        """cluster_emotions.csv."""
        return self._table("cluster_emotions.csv")

    @functools.cached_property
    def cluster_terms(self) -> pd.DataFrame:
        """cluster_terms.csv."""
        return self._table("cluster_terms.csv")

    @functools.cached_property
    def cluster_examples(self) -> pd.DataFrame:
        """cluster_examples.csv."""
        return self._table("cluster_examples.csv")

    @functools.cached_property
    def themes(self) -> pd.DataFrame:
        """themes.csv."""
        return self._table("themes.csv")

    @functools.cached_property
    def labels(self) -> pd.DataFrame | None:
        """labels.csv: kind, id and the label that people gave; None where they gave none."""
        return self._optional_table("labels.csv")

    def labels_of(self, kind: str) -> dict[int, str]:
        """The labels that people gave to a kind, `cluster` or `theme`, by id."""
        table = self.labels
        if table is None:
            return {}
        own = table[table["kind"] == kind]
        return {int(i): str(label) for i, label in zip(own["id"], own["label"], strict=True)}

    @functools.cached_property
    def cluster_artists(self) -> pd.DataFrame | None:
        """cluster_artists.csv, None where no artist is known."""
        return self._optional_table("cluster_artists.csv")

    @functools.cached_property
    def artist_clusters(self) -> pd.DataFrame | None:
        """artist_clusters.csv, None where no artist is known."""
        return self._optional_table("artist_clusters.csv")

    @functools.cached_property
    def cluster_regions(self) -> pd.DataFrame | None:
        """cluster_regions.csv, None where the user gave no regions."""
        return self._optional_table("cluster_regions.csv")

    @functools.cached_property
    def maps(self) -> Mapping[str, bytes]:
        """PNG bytes by file name."""
        return {p.name: p.read_bytes() for p in sorted((self.path / "maps").glob("*.png"))}

    @functools.cached_property
    def vectors(self) -> npt.NDArray[Any]:
        """(n_texts, d), memory-mapped, row = text_id."""
        path = self.path / "vectors" / "vectors.npy"
        with _explain_damage(path):
            return np.load(path, mmap_mode="r", allow_pickle=False)

    @functools.cached_property
    def reduced(self) -> npt.NDArray[np.float32] | None:
        """(n_texts, dimensions) coordinates that were clustered; None where a run kept none."""
        path = self.path / "vectors" / REDUCED
        if not path.exists():
            return None
        with _explain_damage(path):
            return np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)

    def _table(self, name: str) -> pd.DataFrame:
        # Only an empty cell is missing: a term or an artist may be called "NA" or "null".
        text = (
            "artist",
            "song",
            "text",
            "term",
            "method",
            "label",
            "suggested_label",
            "top_terms",
            "kind",
        )
        with _explain_damage(self.path / name):
            table = pd.read_csv(
                self.path / name, keep_default_na=False, na_values=[""],
                dtype=dict.fromkeys((*text, "region"), "str"),
            )  # fmt: skip
            return unescape_cells(table)

    def _optional_table(self, name: str) -> pd.DataFrame | None:
        return self._table(name) if (self.path / name).exists() else None


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Make `folder` and hold its lock; the operating system drops it, also when we crash.

    Raises `LockHeldError` naming the holder's process, `InputError` where it can't be written.
    """
    with explain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 400, 0).decode(errors="replace").strip() or "unknown"
            raise LockHeldError(
                f"{folder}: another run is writing there (process {holder}). Wait for it, or "
                "choose another folder."
            ) from None
        with contextlib.suppress(OSError):  # the note of who holds it is a courtesy
            os.ftruncate(descriptor, 0)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            note = f"{os.getpid()} on {platform.node()} since {now}"
            os.pwrite(descriptor, note.encode(errors="replace"), 0)
        yield
    finally:
        os.close(descriptor)


def open_run(path: Path) -> Run:
    """Open a finished run. Raises `InputError` where there is none, or one of a later schema."""
    if not path.is_dir():
        raise InputError(f"{path}: no such run folder.")
    manifest_path = path / MANIFEST
    if not manifest_path.exists():
        unfinished = "did not finish; run the same command again to resume it"
        foreign = f"is not a run folder (it has no {MANIFEST})"
        raise InputError(f"{path}: {unfinished if (path / IDENTITY).exists() else foreign}.")
    try:
        manifest = _read_json(manifest_path)
    except (OSError, ValueError) as error:
        raise InputError(f"{manifest_path}: can't be read ({error}).") from None
    schema = manifest.get("schema_version", 0) if isinstance(manifest, dict) else 0
    if schema > SCHEMA_VERSION:
        raise InputError(
            f"{path}: was written by a newer version (schema {schema}; this version reads "
            f"{SCHEMA_VERSION}); upgrade rapids-rap."
        )
    if not schema or not {"config", "counts", "model"} <= manifest.keys():
        raise InputError(f"{manifest_path}: is not the manifest of a run.")
    return Run(path, manifest)


def add_document(path: Path, name: str, value: object) -> None:
    """Add a JSON document to a finished run; the manifest, written last, vouches for it too."""
    manifest = _read_json(path / MANIFEST)
    write_json(path / name, value)
    entry = {"bytes": (path / name).stat().st_size, "sha256": sha256_file(path / name)}
    manifest["files"] = dict(sorted({**manifest["files"], name: entry}.items()))
    write_json(path / MANIFEST, manifest)


def leave_workshop(path: Path) -> None:
    """Take away what only the making of a run needed: kept stages, and the lock's file."""
    shutil.rmtree(path / ".stages", ignore_errors=True)
    with contextlib.suppress(OSError):
        (path / ".lock").unlink()


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as UTF-8 CSV with Unix line ends, whole or not at all; see `cells`."""
    text = escape_cells(table).to_csv(index=False, lineterminator="\n", float_format="%.6g")
    write_bytes(path, text.encode())


def write_corpus(out: Path, lines: pd.DataFrame, dropped: pd.DataFrame) -> Path:
    """Write a corpus and, beside it, `dropped.parquet`; returns the latter's path."""
    with explain_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(out, lines)
    beside = out.with_name("dropped.parquet")
    write_parquet(beside, dropped)
    return beside


def write_export(out: Path, data: bytes) -> None:
    """Write an exported table whole or not at all."""
    with explain_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(out, data)


def hash_inputs(paths: Sequence[Path]) -> list[tuple[str, str]]:
    """(label, SHA-256) of each input file, in the order given."""
    return [(label_of(path), _hash_input(path)) for path in paths]


def _hash_input(path: Path) -> str:
    try:
        return sha256_file(path)
    except OSError as error:
        raise InputError(f"{label_of(path)}: can't be read ({error.strerror}).") from None


@contextlib.contextmanager
def _explain_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{path}: is missing or damaged ({error}); run the command of manifest.json again."
        ) from None


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
