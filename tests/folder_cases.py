"""Folders that nobody would write: a file of a model, a run, a folder of nights, changed by a seed.

A case is one file's new content, or its absence. Number and seed give it back, byte for byte, for
the same original.
"""

import copy
import csv
import io
import json
import random
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tests.fuzz.case import mutated

ODD = (
    "x",
    "",
    -1,
    0,
    1,
    1.5,
    -0.0,
    1e308,
    True,
    False,
    None,
    [],
    {},
    [[]],
    [None],
    ["x", 1],
    {"x": {"y": []}},
    {"": None},
    7,
    64,
    2**31,
    2**63,
    10**30,
    "../../x",
    "/etc/passwd",
    "a\x00b",
    "\ud800",
    "\x1b[31m",
    "e" * 3000,
    "2026-01-02",
    "20261126T020000Z",
    "nan",
    "evil/kernel",
)
LITERALS = ("NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "[" * 3000, '"\\ud800"', "tru")
HOLE = "a place for a literal"


@dataclass(frozen=True)
class FolderCase:
    """kind: of folder and file. file: its path in the folder. data: None where it is gone."""

    kind: str
    file: str
    data: bytes | None


def change(rng: random.Random, kind: str, file: str, original: bytes) -> FolderCase:
    """The file with one thing wrong, now and then two or three, seldom bytes or all of it."""
    how = rng.random()
    if how < 0.03:
        return FolderCase(kind, file, None)
    if how < 0.13:
        return FolderCase(kind, file, _bytes(rng, original))
    suffix = file.rsplit(".", 1)[-1]
    return FolderCase(kind, file, CHANGES[suffix](rng, original))


def _bytes(rng: random.Random, original: bytes) -> bytes:
    whole = (
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\x00" * 64,
        b"\xff\xfe{}",
        original[: len(original) // 2],
    )
    return rng.choice(whole) if rng.random() < 0.4 else mutated(rng, original)


def _json(rng: random.Random, original: bytes) -> bytes:
    tree = json.loads(original)
    literal = ""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        place, key = rng.choice(list(_places(tree)) or [(None, None)])
        if place is None:
            continue
        what = rng.random()
        if what < 0.2:
            del place[key]
        elif what < 0.3 and isinstance(place, dict):
            place[rng.choice(("x", "", "auto_map", f"{key} "))] = place.pop(key)
        elif what < 0.4:
            literal = rng.choice(LITERALS)
            place[key] = HOLE
        elif what < 0.5 and isinstance(place[key], int | float):
            place[key] = rng.choice((-1, 2, 0.5, 1000)) * place[key]
        else:
            place[key] = copy.deepcopy(rng.choice(ODD))
    text = json.dumps(tree, ensure_ascii=rng.random() < 0.5)
    text = text.replace(f'"{HOLE}"', literal)
    return text.encode("utf-8", "surrogatepass")


def _places(tree):
    """Every (container, key) of a JSON document; the outer ones first, long lists by their ends."""
    waiting = [tree]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, dict):
            keys = list(one)
            keys = keys if len(keys) < 200 else keys[:5] + keys[-5:]
        else:
            keys = sorted({0, len(one) - 1}) if isinstance(one, list) and one else []
        yield from ((one, key) for key in keys)
        waiting += [one[key] for key in keys if isinstance(one[key], dict | list)]


def _csv(rng: random.Random, original: bytes) -> bytes:
    rows = list(csv.reader(io.StringIO(original.decode())))
    for _ in range(rng.choice((1, 1, 2))):
        if not rows or not rows[0]:
            break
        row = rng.choice(rows[:1] + rows)
        what = rng.random()
        if what < 0.15:
            rows.remove(row)
        elif what < 0.25:
            rows.insert(rng.randrange(len(rows) + 1), list(row))
        elif what < 0.35:
            column = rng.randrange(len(rows[0]))
            rows = [cells[:column] + cells[column + 1 :] for cells in rows]
        elif what < 0.45:
            row.append("x")
        elif row:
            text = rng.choice((*map(str, ODD), "1_000", "１", "'=1", '"', "inf", "", "1e5", "-2"))
            row[rng.randrange(len(row))] = text
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode("utf-8", "surrogatepass")


def _parquet(rng: random.Random, original: bytes) -> bytes:
    table = pd.read_parquet(io.BytesIO(original))
    if not len(table.columns):  # what was not computed
        return original[: len(original) // 2]
    column = rng.choice(list(table.columns))
    what = rng.random()
    if what < 0.3:
        table = table.drop(columns=column)
    elif what < 0.45:
        table = table.rename(columns={column: "x"})
    elif what < 0.55:
        table = table.iloc[: rng.choice((0, 1, len(table) // 2))]
    elif what < 0.65:
        table = pd.concat([table, table.iloc[:1]], ignore_index=True)
    else:
        value = rng.choice(("x", -7, 2**40, 1.5, None, True, float("nan"), float("inf"), b"\xff"))
        if rng.random() < 0.5 or value is None or isinstance(value, bytes):
            table[column] = [value] * len(table)
        else:
            table[column] = table[column].astype("object")
            table.loc[rng.randrange(max(1, len(table))), column] = value
            table[column] = table[column].map(str) if rng.random() < 0.3 else table[column]
    out = io.BytesIO()
    try:
        table.to_parquet(out, index=False)
    except (ValueError, TypeError, OverflowError):  # mixed in a way that Parquet does not hold
        return b"PAR1" + original[4:-4] + b"PAR1"
    return out.getvalue()


def _npy(rng: random.Random, original: bytes) -> bytes:
    array = np.load(io.BytesIO(original), allow_pickle=False)
    choices = [
        array[:-1],
        array[..., :-1],
        array.reshape(-1),
        array[None],
        array[:0],
        np.float32(1),
        np.zeros(3, dtype=[("a", "i4")]),
    ]
    if array.dtype.names is None:
        choices += [array.astype(kind) for kind in ("f8", "i8", "S4")]
        choices.append(np.full_like(array, np.nan))
    out = io.BytesIO()
    np.save(out, rng.choice(choices), allow_pickle=False)
    return out.getvalue()


def _toml(rng: random.Random, original: bytes) -> bytes:
    lines = original.decode().splitlines()
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(lines))
        key, equals, _ = lines[at].partition("=")
        value = rng.choice((*map(json.dumps, ODD), *LITERALS, "inf", "1979-05-27", "0x_1", "''"))
        what = rng.random()
        if what < 0.15:
            del lines[at]
        elif what < 0.3:
            lines.insert(
                at, rng.choice(("[", "[[cells]]", "[nightly]", "x = 1", "a.b.c = 1", '""'))
            )
        elif what < 0.4:
            lines.insert(at, lines[at])
        elif equals:
            lines[at] = f"{key}= {value}"
        if not lines:
            break
    return "\n".join(lines).encode("utf-8", "surrogatepass")


CHANGES = {
    "json": _json,
    "csv": _csv,
    "parquet": _parquet,
    "npy": _npy,
    "toml": _toml,
    "safetensors": _bytes,
    "html": _bytes,
    "png": _bytes,
}
