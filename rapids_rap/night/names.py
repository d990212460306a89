"""ROOT/labels.csv: what people named clusters and themes, read for the night that carries it on."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rapids_rap.errors import InputError
from rapids_rap.runs.files import read_plain

COLUMNS = ("kind", "id", "label")
LONGEST = 200  # characters of a label


@dataclass(frozen=True)
class Labels:
    """Human labels by id."""

    clusters: Mapping[int, str] = field(default_factory=dict)
    themes: Mapping[int, str] = field(default_factory=dict)


def read_labels(path: Path, next_cluster: int, next_theme: int) -> Labels:
    """Labels by id; none where there is no file. Blank rows and empty labels name nothing.

    Raises `InputError` naming line and field, also for an id that no cluster or theme ever had: it
    would name whatever is born next.
    """
    if not path.exists():
        return Labels()
    try:
        text = read_plain(path).decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8; save it as CSV UTF-8.") from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    labels: dict[str, dict[int, str]] = {"cluster": {}, "theme": {}}
    limits = {"cluster": next_cluster, "theme": next_theme}
    try:
        header = [cell.strip() for cell in next(rows, list(COLUMNS))]
        if header != list(COLUMNS):
            raise InputError(f"{path} line 1: the columns are {','.join(COLUMNS)}, in this order.")
        for row in rows:
            if any(cell.strip() for cell in row):
                _add(row, labels, limits, f"{path} line {rows.line_num}")
    except csv.Error as error:
        raise InputError(f"{path} line {rows.line_num}: is no CSV ({error}).") from None
    return Labels(labels["cluster"], labels["theme"])


def _add(
    row: list[str], labels: Mapping[str, dict[int, str]], limits: Mapping[str, int], where: str
) -> None:
    if len(row) != len(COLUMNS):
        raise InputError(
            f"{where}: has {len(row)} fields, {len(COLUMNS)} are expected ({','.join(COLUMNS)}); "
            "a label with a comma stands in double quotes."
        )
    kind, number, label = (cell.strip() for cell in row)
    if kind not in labels:
        raise InputError(f"{where}: kind = {kind!r}: expected cluster or theme.")
    if not (number.isascii() and number.isdecimal()) or len(number) > 18:
        raise InputError(f"{where}: id = {number!r}: expected a whole number, 0 or above.")
    if int(number) >= limits[kind]:
        raise InputError(
            f"{where}: id = {number}: no {kind} ever had it; ids so far are below {limits[kind]}."
        )
    if int(number) in labels[kind]:
        raise InputError(f"{where}: id = {number}: this {kind} is named twice; keep one row.")
    if len(label) > LONGEST or not label.isprintable():
        raise InputError(f"{where}: label: expected up to {LONGEST} characters on one line.")
    if label:
        labels[kind][int(number)] = label
