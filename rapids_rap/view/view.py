"""`rapids-rap view`: a run as a map in a browser, from a server or as one file."""

from __future__ import annotations

from pathlib import Path

from rapids_rap.errors import CapabilityError
from rapids_rap.runs.folder import write_export
from rapids_rap.runs.run import Run
from rapids_rap.view.page import served_page, single_page
from rapids_rap.view.payload import Payload, build_payload
from rapids_rap.view.server import ViewServer

_BYTES = "application/octet-stream"


def write_single_file(run: Run, out: Path, *, lyrics: bool = True) -> int:
    """The map as one HTML file that needs nothing else; its size in bytes."""
    payload = build_payload(run, lyrics=lyrics)
    page = single_page(payload, _title(run), _names(run))
    write_export(out, page)
    return len(page)


def serve(run: Run, host: str = "127.0.0.1", port: int = 0, *, lyrics: bool = True) -> ViewServer:
    """A server that is ready to `serve_forever`; port 0 takes a free one.

    Raises `CapabilityError` where the address can't be had.
    """
    payload = build_payload(run, lyrics=lyrics)
    try:
        server = ViewServer(host, port)
    except OSError as error:
        raise CapabilityError(f"Can't listen on {host}:{port} ({error}).") from None
    server.answers = _answers(server.base, run, payload)
    return server


def _answers(base: str, run: Run, payload: Payload) -> dict[str, tuple[str, bytes]]:
    page = served_page(base, _title(run), _names(run))
    parts = {f"part/{name}": (_BYTES, packed) for name, packed in payload.parts.items()}
    return {"": ("text/html; charset=utf-8", page), **parts}


def _title(run: Run) -> str:
    return f"{run.path.resolve().name} · rapids-rap"


def _names(run: Run) -> str:
    """Every character of clusters' and themes' names and terms."""
    tables = (run.cluster_terms["term"], run.themes["label"])
    given = [*run.labels_of("cluster").values(), *run.labels_of("theme").values()]
    return "".join(sorted(set("".join([*(str(t) for s in tables for t in s.dropna()), *given]))))
