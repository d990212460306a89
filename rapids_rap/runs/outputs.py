"""Whether an output may be written where it was asked for: said before any work is done for it.

A writer replaces what lies at its name. So an output may not be what the command reads, however
either is spelled; nor lie in a run folder, whose files vouch for each other, or a vector store; nor
replace a file that this command would not have written.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from rapids_rap.config import Config
from rapids_rap.errors import InputError
from rapids_rap.runs.files import label_of, open_plain
from rapids_rap.runs.names import (
    DROPPED,
    IDENTITY,
    KEPT_ANSWERS,
    KEPT_CLUSTERINGS,
    MANIFEST,
    OWN_FILES,
    PENDING,
)

RUN_NAMES = (
    *OWN_FILES,
    IDENTITY,
    "vectors",
    "maps",
    ".stages",
    ".store",
    ".lock",
    PENDING,
    KEPT_CLUSTERINGS,
    KEPT_ANSWERS,
)

CORPUS_COLUMNS = ("text", "text_norm", "line_no")
DROPPED_COLUMNS = ("file", "line", "text", "rule")
PLACED_COLUMNS = ("text", "text_norm", "cluster")  # of lines in clusters: exported, assigned
SPECIAL, MEMORY = ("/dev", "/proc", "/sys"), "/dev/shm"
HEAD = 2**20  # bytes of a text file that are read to tell what it is
_SPACE = re.compile("[0-9a-f]{32}")  # a folder of a vector store


def check_output_file(
    out: Path,
    form: str,
    columns: Collection[str],
    reading: Iterable[Path],
    *,
    without: Collection[str] = (),
) -> None:
    """Raise `InputError` where a table may not be written at `out`.

    form: `csv`, `jsonl` or `parquet`. A file that is there is replaced if it is empty, or a table
    of that form with `columns` and none of `without`. reading: the files that the command reads.
    """
    with _explain(out):
        _refuse_place(out, reading, "--out")
        if not out.exists() or not out.stat().st_size:
            return
        found = _columns_of(out, form)
        if not set(columns) <= found or set(without) & found:
            raise InputError(
                f"{label_of(out)}: holds something else than this command writes there ({form} "
                f"with the columns {', '.join(columns)}), which would be lost; choose another "
                "--out, or move that file away."
            )


def check_page_file(out: Path, reading: Iterable[Path], mark: bytes, option: str) -> None:
    """Raise `InputError` where a page may not be written at `out`, which `option` names.

    mark: what every page of this kind holds near its beginning; a file without it is another's.
    """
    with _explain(out, option):
        _refuse_place(out, reading, option)
        if out.exists() and out.stat().st_size and mark not in head_of(out):
            raise InputError(
                f"{label_of(out)}: is not a page that this command wrote, and would be lost; "
                f"choose another {option}, or move that file away."
            )


def _refuse_place(out: Path, reading: Iterable[Path], option: str) -> None:
    if out.is_dir():
        raise InputError(f"{label_of(out)}: is a folder; {option} names a file.")
    place = out.parent.resolve()  # /dev/stdout is a link, and may lead to a plain file
    special = any(map(place.is_relative_to, SPECIAL)) and not place.is_relative_to(MEMORY)
    if special or (out.exists() and not out.is_file()):
        raise InputError(
            f"{label_of(out)}: is a pipe or a device, which {option} would replace; name a file."
        )
    refuse_inside(out)
    refuse_read(out, reading)


def check_corpus_file(out: Path, reading: Iterable[Path]) -> None:
    """The same for `ingest`, which writes `dropped.parquet` beside its output."""
    reading = list(reading)
    if out.name.casefold() == DROPPED:
        raise InputError(
            f"{label_of(out)}: {DROPPED} is written beside --out; name the corpus otherwise."
        )
    check_output_file(out, "parquet", CORPUS_COLUMNS, reading, without=("cluster",))
    check_output_file(out.with_name(DROPPED), "parquet", DROPPED_COLUMNS, reading)


def check_output_folder(
    out: Path, reading: Iterable[Path], names: Collection[str] | None = None
) -> None:
    """Raise `InputError` where a folder may not be written at `out`.

    reading: the files that the command reads; none may lie in `out` under one of `names`, which are
    what is written or cleared there; None: anything is.
    """
    with _explain(out):
        refuse_inside(out)
        _refuse_links(out)
        own = out.resolve()
        for path in reading:
            for place in (path.absolute(), path.resolve()):
                inside = Path(os.path.normpath(place))
                if inside != own and inside.is_relative_to(own):
                    first = inside.relative_to(own).parts[0]
                    if names is None or first in names:
                        raise InputError(
                            f"{label_of(path)}: is read by this command and lies where --out "
                            f"{label_of(out)} is written, which would replace it; choose another "
                            "--out."
                        )


def refuse_inside(out: Path) -> None:
    """Raise `InputError` where `out` lies within a run folder or a vector store."""
    # A link is replaced where it lies, and may be written where it leads.
    beside = out.parent.resolve()
    for parent in dict.fromkeys((*out.resolve().parents, beside, *beside.parents)):
        if is_run(parent):
            raise InputError(
                f"{label_of(out)}: lies in the run folder {label_of(parent)}, whose files vouch "
                "for each other; choose another --out."
            )
        if (parent / "space.json").exists() or _is_store(parent):
            raise InputError(
                f"{label_of(out)}: lies in the vector store {label_of(parent)}; choose another "
                "--out."
            )


def is_run(folder: Path) -> bool:
    """Whether a run lies there, finished or not."""
    finished = (folder / MANIFEST).exists() and (folder / "lines.parquet").exists()
    return finished or (folder / IDENTITY).exists()


def check_store(store: Path, inputs: Iterable[Path]) -> None:
    """Raise `InputError` where vectors would be kept among lyrics, or in a run that is not theirs.

    A run's own `.store` may be shared.
    """
    with _explain(store, "embedding.store ="):
        own = store.resolve()
        for path in inputs:
            if path.is_dir() and own.is_relative_to(path.resolve()):
                raise InputError(
                    f"embedding.store = {label_of(store)}: lies inside the input {label_of(path)}, "
                    "and would be read as lyrics; choose a folder elsewhere."
                )
        for parent in (own, *own.parents):
            if is_run(parent) and own != parent / ".store":
                raise InputError(
                    f"embedding.store = {label_of(store)}: lies in the run folder "
                    f"{label_of(parent)}; choose a folder elsewhere."
                )


def named_files(config: Config) -> list[Path]:
    """The small files that a configuration names to be read."""
    stop_words = config.terms.stop_words
    names = (
        config.lexicon.path,
        config.terms.user_words,
        stop_words if stop_words != "none" else "",
        config.input.regions,
        config.input.decisions,
        config.maps.font,
        config.report.certificate,
        config.train.heldout,
    )
    return [Path(name).expanduser() for name in names if name]


def _refuse_links(out: Path) -> None:
    """Raise `InputError` for a folder's link to a folder: what is written there lands elsewhere.

    A link to a file is replaced where it lies.
    """
    waiting = [out] if out.is_dir() else []
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif entry.is_dir():
                    raise InputError(
                        f"{label_of(Path(entry.path))}: is a link to another folder, and what is "
                        "written there would land in it; remove the link. embedding.store names "
                        "another place for vectors."
                    )


def refuse_read(out: Path, reading: Iterable[Path]) -> None:
    """Raise `InputError` where `out` is one of the files that are read, by whatever name."""
    own, there = out.resolve(), out.exists()
    for path in reading:
        if path.resolve() == own or (there and path.exists() and out.samefile(path)):
            raise InputError(
                f"{label_of(out)}: is read by this command, which would replace it; choose another "
                "--out."
            )


def header_of(path: Path) -> list[str]:
    """The names in a CSV file's first line, as our own tables have them; none where it is none."""
    try:
        head = head_of(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        return []
    return head.split("\n", 1)[0].rstrip("\r").split(",")


def _columns_of(path: Path, form: str) -> set[str]:
    if form == "csv":
        return set(header_of(path))
    if form == "jsonl":
        try:
            first = json.loads(head_of(path).split(b"\n", 1)[0])
        except (ValueError, RecursionError):
            return set()
        return set(first) if isinstance(first, dict) else set()
    import pyarrow as pa
    import pyarrow.parquet

    try:
        return set(pa.parquet.read_schema(path).names)
    except (pa.ArrowException, OSError, ValueError):
        return set()


def head_of(path: Path) -> bytes:
    """The first bytes of a file, to tell what it is."""
    with open_plain(path) as file:
        return file.read(HEAD)


def _is_store(folder: Path) -> bool:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return any(
            _SPACE.fullmatch(entry.name) and (folder / entry.name / "space.json").exists()
            for entry in entries
        )
    return False


@contextlib.contextmanager
def _explain(out: Path, option: str = "--out") -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a name that is too long
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"{option} {label_of(out)[:300]}: can't be looked at ({reason}); choose another place."
        ) from None
