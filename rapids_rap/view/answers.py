"""What the map's server works out of a run: lines that are found, and lines as a file."""

from __future__ import annotations

import functools
import gzip
import json
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from rapids_rap.arrays import Int64s
from rapids_rap.errors import InputError
from rapids_rap.reading.summary import table_bytes
from rapids_rap.runs.run import Run
from rapids_rap.view.payload import Payload
from rapids_rap.view.search import LineSearch, Way
from rapids_rap.view.table import line_table

if TYPE_CHECKING:
    from rapids_rap.backend.protocol import Backend
    from rapids_rap.reading.near import NearTexts

NEAREST = 50  # distinct texts; all lines of each are found
EXACT = ("text", "pinyin", "rhyme")
_LONGEST = 2_000  # characters of a question


class Answers:
    """Answers of one run; the first of a kind makes ready what the others use."""

    def __init__(self, run: Run, payload: Payload, backend: Backend, said: Sequence[str]) -> None:
        self._run, self._payload = run, payload
        self._backend, self._said = backend, said
        self._one_at_a_time = threading.RLock()
        self._seen = _stamp(run)

    def find(self, fields: Mapping[str, str], _: bytes) -> tuple[str, bytes]:
        """Rows of lines as uint32: ascending, or the nearest first. Nothing: 422 and why."""
        way, question = fields.get("way", ""), fields.get("question", "")
        if len(question) > _LONGEST:
            raise InputError(f"A question has {_LONGEST:,} characters at most.")
        with self._one_at_a_time:
            rows = self._near(way, question) if way not in EXACT else self._exact(way, question)
        return "application/octet-stream", rows.astype("<u4").tobytes()

    def csv(self, _: Mapping[str, str], sent: bytes) -> tuple[str, bytes]:
        """The picked lines, a bit each, as CSV."""
        return "text/csv; charset=utf-8", table_bytes(self._picked(sent), "csv")

    def jsonl(self, _: Mapping[str, str], sent: bytes) -> tuple[str, bytes]:
        """The picked lines as JSON Lines."""
        return "application/x-ndjson; charset=utf-8", table_bytes(self._picked(sent), "jsonl")

    def warm(self) -> None:
        """Folds the lines, so that the first question need not wait for it."""
        with self._one_at_a_time:
            _ = self._search

    def _exact(self, way: str, question: str) -> Int64s:
        rows = self._search.find(question, cast(Way, way))
        if rows is None:
            raise InputError("This can't be searched for in that way. 这样的词无法如此搜索。")
        return rows

    def _near(self, way: str, question: str) -> Int64s:
        """All lines of the nearest texts, the nearest text's first."""
        if way == "meaning":
            found = self._near_texts.to_text(question, NEAREST).ids
        elif way == "like" and question.isdecimal() and int(question) < self._payload.lines:
            own = int(self._text_ids[int(question)])
            found = self._near_texts.to_own(own, NEAREST).ids
        else:
            raise InputError("No such way to search.")
        order = np.argsort(self._text_ids, kind="stable")
        begins = np.searchsorted(self._text_ids, found, side="left", sorter=order)
        ends = np.searchsorted(self._text_ids, found, side="right", sorter=order)
        parts = [order[a:b] for a, b in zip(begins, ends, strict=True)]
        return np.concatenate([np.zeros(0, dtype=np.int64), *parts]).astype(np.int64)

    def _picked(self, sent: bytes) -> pd.DataFrame:
        lines = self._payload.lines
        if len(sent) != -(-lines // 8):
            raise InputError(f"Which lines are picked is a bit a line, {lines:,} in all.")
        bits = np.frombuffer(sent, dtype=np.uint8)
        picked = np.unpackbits(bits, bitorder="little", count=lines).astype(bool)
        with self._one_at_a_time:
            return self._table[picked]

    @functools.cached_property
    def _search(self) -> LineSearch:
        parts, header = self._payload.parts, json.loads(self._part("header"))
        chunks = (self._part(f"text-{i}").decode(header["coding"]) for i in range(header["chunks"]))
        tables = json.loads(self._part("chinese")) if "chinese" in parts else None
        if tables is None:
            raise InputError("This map holds no lyrics.")
        return LineSearch(chunks, tables)

    def _part(self, name: str) -> bytes:
        return gzip.decompress(self._payload.parts[name])

    @functools.cached_property
    def _table(self) -> pd.DataFrame:
        return line_table(self._same_run())

    @functools.cached_property
    def _text_ids(self) -> Int64s:
        return self._same_run().line_columns(["text_id"])["text_id"].to_numpy(np.int64)

    @functools.cached_property
    def _near_texts(self) -> NearTexts:
        from rapids_rap.reading.near import NearTexts  # brings torch, which a map alone needs not

        return NearTexts(self._same_run(), self._backend, self._said)

    def _same_run(self) -> Run:
        """The run, if its lines are still those of the map: rows are counted in them."""
        if _stamp(self._run) != self._seen:
            raise InputError(
                f"{self._run.path} is another run than when the map was opened: run `rapids-rap "
                "view` again. 运行已被替换，请重新打开。"
            )
        return self._run


def _stamp(run: Run) -> tuple[int, int, int] | None:
    """What tells one lines.parquet from another that took its place; None where there is none."""
    try:
        held = (run.path / "lines.parquet").stat()
    except OSError:
        return None
    return held.st_ino, held.st_size, held.st_mtime_ns
