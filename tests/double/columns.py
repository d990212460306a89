"""Columns of pandas as cuDF has them: nulls beside integers, and rows in no order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

MASKED = {"i": "Int", "u": "UInt", "f": "Float"}


def numpy_dtype(dtype: Any) -> np.dtype[Any]:
    """A column's dtype without its mask."""
    return np.dtype(getattr(dtype, "numpy_dtype", dtype))


def has_nulls(host: pd.Series) -> bool:
    """Nulls, which NaN is not: only masked columns have them."""
    return not isinstance(host.dtype, np.dtype) and bool(host.isna().any())


def nullable(host: pd.DataFrame) -> pd.DataFrame:
    """Columns that can hold nulls without becoming floats; NaN stays NaN where there is one."""
    kinds = {}
    for name, dtype in host.dtypes.items():
        if dtype == np.bool_:
            kinds[name] = "boolean"
        elif isinstance(dtype, np.dtype) and not host[name].isna().any():
            kinds[name] = f"{MASKED[dtype.kind]}{8 * dtype.itemsize}"
    return host.astype(kinds)


def settled(host: pd.DataFrame) -> pd.DataFrame:
    """Masked columns without a null as plain ones again."""
    plain = {
        name: numpy_dtype(dtype)
        for name, dtype in host.dtypes.items()
        if not isinstance(dtype, np.dtype) and not host[name].isna().any()
    }
    return host.astype(plain) if plain else host


def shuffled(host: Any) -> Any:
    """Rows in another order, always the same for a number of rows."""
    return host.iloc[np.random.default_rng(len(host)).permutation(len(host))]
