"""Checks of arrays and tables that were read back, by the stages that once returned them.

Kept stages may have been damaged, or made by somebody else. What later stages index by is checked
here, for compiled code behind an index that leads nowhere reads and writes other memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from array_api_compat import array_namespace

from rapids_rap.backend.protocol import Array

_KINDS = {"i": "whole numbers", "f": "decimal numbers"}


def require_array(name: str, array: Array, kind: str, shape: Sequence[int | None]) -> None:
    """Raises ValueError for another shape (None: any size) and for other numbers.

    kind: `i` for whole numbers, signed or not, `f` for decimal ones, which must be finite.
    """
    found = tuple(int(size) for size in array.shape)
    fits = len(found) == len(shape) and all(
        wanted in (None, size) for size, wanted in zip(found, shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name} has the shape {found}")
    xp = array_namespace(array)
    if not xp.isdtype(array.dtype, "integral" if kind == "i" else "real floating"):
        raise ValueError(f"{name} holds {array.dtype}, not {_KINDS[kind]}")
    if kind == "f" and not bool(xp.all(xp.isfinite(array))):
        raise ValueError(f"{name} holds what is no number")


def require_between(name: str, array: Array, low: int, high: int) -> None:
    """Raises ValueError where a value lies outside low..high, both included."""
    xp = array_namespace(array)
    if 0 in array.shape:
        return
    least, most = int(xp.min(array)), int(xp.max(array))
    if least < low or most > high:
        raise ValueError(f"{name} holds {least} to {most}, outside {low} to {high}")


def require_columns(name: str, table: pd.DataFrame, columns: Mapping[str, str]) -> None:
    """Raises ValueError where a table has not just these columns, in any order, of these kinds.

    kind: `i`, `f` as above; `n` for whole numbers, `m` for decimals, `b` for truth and `t` for
    text, all of which may be missing.
    """
    if sorted(map(str, table.columns)) != sorted(columns):
        raise ValueError(f"{name} has other columns")
    for column, kind in columns.items():
        values = table[column]
        if kind == "t":
            fits = pd.api.types.is_string_dtype(values.dtype) or bool(values.isna().all())
        elif kind == "m":
            known = values.dropna()
            fits = pd.api.types.is_float_dtype(values.dtype) and bool(np.isfinite(known).all())
        elif kind == "b":
            fits = pd.api.types.is_bool_dtype(values.dtype) or bool(values.isna().all())
        elif kind == "n":
            fits = pd.api.types.is_integer_dtype(values.dtype) or bool(values.isna().all())
        elif kind == "i":
            fits = pd.api.types.is_integer_dtype(values.dtype) and not values.isna().any()
        else:
            fits = pd.api.types.is_float_dtype(values.dtype) and bool(np.isfinite(values).all())
        if not fits:
            raise ValueError(f"{name}: the column {column} holds something else")
