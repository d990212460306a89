"""The run directory: its lock, its identity, its files whole or not at all, and how to read it.

A run is built in memory and in the stage cache first; then the old manifest is taken away, every
file is written, and the new manifest comes last. So a `manifest.json` vouches for all files beside
it, and a folder without one is an unfinished run that the same command resumes.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from rapids_rap.arrays import Float32s, HostArray
from rapids_rap.errors import InputError
from rapids_rap.runs.cells import escape_cells
from rapids_rap.runs.files import (
    explain_os_errors,
    files_below,
    label_of,
    sha256_file,
    sweep_partials,
    write_array,
    write_bytes,
    write_json,
    write_parquet,
)
from rapids_rap.runs.lock import exclusive
from rapids_rap.runs.names import (
    DROPPED,
    IDENTITY,
    KEPT_CLUSTERINGS,
    LEXICON_HITS,
    MANIFEST,
    MAPS,
    NIGHT,
    OWN_FILES,
    PENDING,
    REDUCED,
    SCHEMA_VERSION,
    TABLES,
    TEXT_STABILITY,
    TREE,
    VOTE_FILES,
)
from rapids_rap.runs.run import Run, RunVotes, read_json
from rapids_rap.runs.seal import write_manifest


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
        """Bind the folder to these inputs (label, sha256); what was kept for others goes.

        The marker is as old as the run: resuming one leaves it alone (`being_made`).
        """
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
        document = {"schema_version": SCHEMA_VERSION, "inputs": contents}
        if not (being_made(self.path) and _holds(marker, document)):
            write_json(marker, document)

    def publish(
        self,
        *,
        lines: pd.DataFrame,
        dropped: pd.DataFrame,
        tables: Mapping[str, pd.DataFrame],
        vectors: HostArray,
        vectors_info: Mapping[str, Any],
        reduced: Float32s,
        votes: RunVotes,
        quality: Mapping[str, Any],
        maps: Mapping[str, bytes],
        manifest: Mapping[str, Any],
        tree: pd.DataFrame | None = None,
        text_stability: pd.DataFrame | None = None,
        lexicon_hits: pd.DataFrame | None = None,
    ) -> None:
        """Write every file but the report; `manifest` is kept back for `finish`."""
        (self.path / MANIFEST).unlink(missing_ok=True)
        (self.path / NIGHT).unlink(missing_ok=True)
        for name in (PENDING, KEPT_CLUSTERINGS):  # of the run that is replaced
            shutil.rmtree(self.path / name, ignore_errors=True)
        _replace_parquet(
            self.path, {TREE: tree, TEXT_STABILITY: text_stability, LEXICON_HITS: lexicon_hits}
        )
        with explain_os_errors(self.path):
            for name in ("maps", "vectors"):
                (self.path / name).mkdir(exist_ok=True)
        write_parquet(self.path / DROPPED, dropped)
        write_parquet(self.path / "lines.parquet", lines)
        for name in TABLES:
            if name in tables:
                write_csv(self.path / name, tables[name])
            else:
                (self.path / name).unlink(missing_ok=True)
        self._write_vectors(vectors, vectors_info)
        self._write_space(reduced, votes)
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
            for p in files_below(self.path)
            if not str(p.relative_to(self.path)).startswith(".")
        }
        write_manifest(self.path, {**self._manifest, "files": files})

    def preview(self) -> Run:
        """The run as written so far, for the report, which is its last file."""
        return Run(self.path, self._manifest)

    def _write_space(self, reduced: Float32s, votes: RunVotes) -> None:
        """What the next night goes on from."""
        write_array(self.path / "vectors" / REDUCED, reduced)
        arrays: tuple[HostArray, ...] = votes
        for name, array in zip(VOTE_FILES, arrays, strict=True):
            write_array(self.path / "vectors" / name, array)

    def _write_vectors(self, vectors: HostArray, info: Mapping[str, Any]) -> None:
        folder = self.path / "vectors"
        known, matrix = folder / "vectors.json", folder / "vectors.npy"
        with contextlib.suppress(OSError, ValueError, AttributeError):
            kept = read_json(known)
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
            raise InputError(f"{self.path}: is a file; a run is a folder.")
        ours = self._known_inputs() is not None
        others = [p.name for p in self.path.iterdir() if p.name not in (".lock", ".store")]
        if others and not ours:
            raise InputError(
                f"{self.path}: holds files that are no run (such as {min(others)}). "
                "Name an empty or new folder."
            )

    def _known_inputs(self) -> list[str] | None:
        """The hashes this folder's run was made from; None where it holds no run.

        A copy may have lost the hidden marker; its manifest says the same.
        """
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            return list(read_json(self.path / IDENTITY)["inputs"])
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            return sorted(entry["sha256"] for entry in read_json(self.path / MANIFEST)["inputs"])
        return [] if (self.path / IDENTITY).exists() else None

    def _clear_results(self) -> None:
        for name in OWN_FILES:
            (self.path / name).unlink(missing_ok=True)
        for name in ("vectors", "maps", ".stages", PENDING, KEPT_CLUSTERINGS):
            shutil.rmtree(self.path / name, ignore_errors=True)


def being_made(path: Path) -> bool:
    """Whether the run in this folder, once begun, was not finished, be it a finished one's next.

    Its marker is then newer than its manifest. So may it be in a copy that has no times.
    """
    with contextlib.suppress(FileNotFoundError):
        began = (path / IDENTITY).stat().st_mtime_ns
        try:
            return began > (path / MANIFEST).stat().st_mtime_ns
        except FileNotFoundError:
            return True
    return False  # a copy without hidden files


def _holds(path: Path, document: Mapping[str, Any]) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return bool(read_json(path) == document)
    return False


def _replace_parquet(path: Path, tables: Mapping[str, pd.DataFrame | None]) -> None:
    """Write tables by name; take away what a run has none of."""
    for name, table in tables.items():
        if table is None:
            (path / name).unlink(missing_ok=True)
        else:
            write_parquet(path / name, table)


def add_document(path: Path, name: str, value: object) -> None:
    """Add a JSON document to a finished run; the manifest, written last, vouches for it too."""
    manifest = read_json(path / MANIFEST)
    write_json(path / name, value)
    entry = {"bytes": (path / name).stat().st_size, "sha256": sha256_file(path / name)}
    manifest["files"] = dict(sorted({**manifest["files"], name: entry}.items()))
    write_manifest(path, manifest)


def drop_stages(path: Path) -> None:
    """Take away what only the making of a run needed: kept stages, and the lock's file."""
    shutil.rmtree(path / ".stages", ignore_errors=True)
    with contextlib.suppress(OSError):
        (path / ".lock").unlink()


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as UTF-8 CSV with Unix line ends, whole or not at all; see `cells`."""
    write_bytes(path, csv_bytes(table))


def csv_bytes(table: pd.DataFrame) -> bytes:
    """A table as `write_csv` writes it."""
    text = escape_cells(table).to_csv(index=False, lineterminator="\n", float_format="%.6g")
    return text.encode()


def write_corpus(out: Path, lines: pd.DataFrame, dropped: pd.DataFrame) -> Path:
    """Write a corpus and, beside it, `dropped.parquet`; returns the latter's path."""
    with explain_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(out, lines)
    beside = out.with_name(DROPPED)
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
