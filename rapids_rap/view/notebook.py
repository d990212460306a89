"""The map in a notebook: the page of `rapids-rap view` in a cell, its selection as a frame.

The page goes to the browser in one message when a cell asks for it, and so never into the file of
the notebook. Which lines are picked is a bit a line, in the order of lines.parquet, lowest bit
first; no byte at all where nothing is picked and all are shown. `webapp/src/notebook.ts` is the
other side.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import Any, TypeAlias

import anywidget
import numpy as np
import pandas as pd
import traitlets

from rapids_rap.arrays import Bools
from rapids_rap.errors import InputError
from rapids_rap.runs.run import Run
from rapids_rap.view.view import notebook_page

LOWEST = 240  # pixels

Rows: TypeAlias = "pd.DataFrame | pd.Series | Iterable[int] | None"


def _received(held: object) -> bytes:
    """A buffer of a front end's message; whatever else it holds is nothing."""
    return bytes(held) if isinstance(held, bytes | bytearray | memoryview) else b""


class MapWidget(anywidget.AnyWidget):
    """The map of a run in a cell. Made by `rapids_rap.view.widget`.

    picked: which lines are picked, as bits; observe it to hear of every change. height: pixels.
    """

    _esm = (files("rapids_rap.view") / "static" / "notebook.js").read_text(encoding="utf-8")
    picked = traitlets.Bytes(b"").tag(sync=True, from_json=lambda held, _: _received(held))
    height = traitlets.Int(640, min=LOWEST).tag(sync=True)

    def __init__(self, run: Run, lines: pd.DataFrame, *, height: int) -> None:
        """lines: the rows of its lines.parquet, each with a `line_id`."""
        self._lines = lines
        self._page = notebook_page(run)
        super().__init__(height=height)
        self.on_msg(self._answer)

    @property
    def selection(self) -> pd.DataFrame:
        """The rows of lines.parquet that are picked, on the map or from here; else none."""
        return self._lines[self._mask()]

    @selection.setter
    def selection(self, rows: Rows) -> None:
        """Pick lines: a frame with their `line_id`, such ids, True or False a line, or None."""
        if rows is None:
            self.picked = b""
            return
        self.picked = np.packbits(self._wanted(rows), bitorder="little").tobytes()

    def _wanted(self, rows: pd.DataFrame | pd.Series | Iterable[int]) -> Bools:
        if isinstance(rows, pd.DataFrame):
            if "line_id" not in rows:
                raise InputError(
                    "selection: the frame has no column line_id; take rows of `lines`."
                )
            rows = rows["line_id"]
        given = np.asarray(rows if hasattr(rows, "__len__") else list(rows))
        if given.dtype == bool:
            if given.shape != (len(self._lines),):
                raise InputError(
                    f"selection: {len(self._lines):,} times True or False were expected, one a "
                    f"line, and {given.size:,} were given."
                )
            return given
        known = self._lines["line_id"].isin(given)
        strange = pd.Index(given).difference(pd.Index(self._lines["line_id"]))
        if len(strange):
            raise InputError(f"selection: the run has no line {strange[0]!r}.")
        return np.asarray(known, dtype=bool)

    def _mask(self) -> Bools:
        bits = np.frombuffer(self.picked, dtype=np.uint8)
        if not len(bits):
            return np.zeros(len(self._lines), dtype=bool)
        return np.unpackbits(bits, count=len(self._lines), bitorder="little").astype(bool)

    @traitlets.validate("picked")
    def _fits(self, proposal: Any) -> bytes:
        bits: bytes = proposal["value"]
        if len(bits) not in (0, -(-len(self._lines) // 8)):
            raise traitlets.TraitError(f"picked: {len(bits)} bytes are not a bit a line.")
        return bits

    def _answer(self, _: Any, content: Any, __: Any) -> None:
        if isinstance(content, dict) and content.get("kind") == "page":
            self.send({"kind": "page"}, buffers=[self._page])
