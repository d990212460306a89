"""`rapids-rap view`: a run or two nights as a map in a browser, from a server or a file."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rapids_rap.errors import CapabilityError
from rapids_rap.runs.folder import write_export
from rapids_rap.runs.outputs import check_page_file
from rapids_rap.runs.run import Run
from rapids_rap.view.answers import Answers
from rapids_rap.view.nights import pair_nights
from rapids_rap.view.page import served_page, single_page
from rapids_rap.view.payload import Payload, build_payload
from rapids_rap.view.server import Question, ViewServer

if TYPE_CHECKING:
    from rapids_rap.backend.protocol import Backend

_BYTES = "application/octet-stream"
MARK = b'<meta name="generator" content="rapids-rap view">'  # in every page
EARLIER = "before-"  # in front of the names of the earlier night's parts


@dataclass(frozen=True)
class Night:
    """A run as it is shown; prefix: in front of its parts' names."""

    run: Run
    payload: Payload
    prefix: str


def open_nights(run: Run, other: Run | None = None, *, lyrics: bool = True) -> list[Night]:
    """What the page shows, the night that it opens with first: of two the later one.

    run, other: the earlier, then the later. Raises `InputError` where two can't be put together.
    """
    if other is None:
        return [Night(run, build_payload(run, lyrics=lyrics), "")]
    before, after = pair_nights(run, other)
    return [
        Night(other, build_payload(other, lyrics=lyrics, beside=after), ""),
        Night(run, build_payload(run, lyrics=lyrics, beside=before), EARLIER),
    ]


def write_single_file(run: Run, out: Path, *, lyrics: bool = True, other: Run | None = None) -> int:
    """The map as one HTML file that needs nothing else; its size in bytes.

    Raises `InputError` where `out` would replace what is not such a page, or lie in a run.
    """
    reading = [night.path / "lines.parquet" for night in (run, other) if night is not None]
    check_page_file(out, reading, MARK, "--single-file")
    nights = open_nights(run, other, lyrics=lyrics)
    page = single_page(_parts(nights), _title(nights), _names(nights))
    write_export(out, page)
    return len(page)


def notebook_page(run: Run) -> bytes:
    """The map as one page that tells the widget around it which lines are picked."""
    nights = open_nights(run)
    return single_page({"frame": b"", **_parts(nights)}, _title(nights), _names(nights))


def serve(
    run: Run,
    backend: Backend,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    lyrics: bool = True,
    other: Run | None = None,
    said: Sequence[str] = (),
) -> ViewServer:
    """A server that is ready to `serve_forever`; port 0 takes a free one.

    said: settings of the run's model from the command line (`run_space.SAID`). Raises
    `CapabilityError` where the address can't be had.
    """
    nights = open_nights(run, other, lyrics=lyrics)
    try:
        server = ViewServer(host, port)
    except OSError as error:
        raise CapabilityError(f"Can't listen on {host}:{port} ({error}).") from None
    page = served_page(server.base, _title(nights), _names(nights), asks=lyrics)
    parts = {f"part/{name}": (_BYTES, packed) for name, packed in _parts(nights).items()}
    server.answers = {"": ("text/html; charset=utf-8", page), **parts}
    if lyrics:
        server.questions = _questions(nights, backend, said)
    return server


def _questions(
    nights: Sequence[Night], backend: Backend, said: Sequence[str]
) -> Mapping[str, Question]:
    out: dict[str, Question] = {}
    for night in nights:
        answers = Answers(night.run, night.payload, backend, said)
        threading.Thread(target=answers.warm, daemon=True).start()
        out[f"{night.prefix}find"] = answers.find
        out[f"{night.prefix}csv"] = answers.csv
        out[f"{night.prefix}jsonl"] = answers.jsonl
    return out


def _parts(nights: Sequence[Night]) -> dict[str, bytes]:
    return {
        f"{night.prefix}{name}": packed
        for night in nights
        for name, packed in night.payload.parts.items()
    }


def _title(nights: Sequence[Night]) -> str:
    names = [night.run.path.resolve().name for night in reversed(nights)]
    return f"{' → '.join(names)} · rapids-rap"


def _names(nights: Sequence[Night]) -> str:
    """Every character of clusters' and themes' names and terms."""
    found: set[str] = set()
    for run in (night.run for night in nights):
        tables = (run.cluster_terms["term"], run.themes["label"])
        given = [*run.names_of("cluster").values(), *run.names_of("theme").values()]
        found.update("".join([*(str(t) for s in tables for t in s.dropna()), *given]))
    return "".join(sorted(found))
