"""Arrays and tables of files from elsewhere: measured first, then read.

A few hundred kilobytes can say that they hold a hundred million rows, or one cell of a megabyte a
hundred thousand times. So rows, cells and bytes are counted, from what the file says of itself and
then piece by piece, before anything is built of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rapids_rap.arrays import HostArray
from rapids_rap.backend.host import host_memory
from rapids_rap.errors import CapabilityError, readable_bytes
from rapids_rap.runs.files import open_plain

CELL = 150  # bytes of main memory that a text takes beside its characters, with what is made of it
_NUMBER = 16  # the same of a number
_ROWS = 16_384  # are measured at a time
_NESTED_ROWS = 256  # the same, where a cell is a list, which is not measured by its dictionary
_UNKNOWN = 2**34  # bytes, where the system doesn't tell how much memory is free


def require_room(name: str, needed: float, what: str) -> None:
    """Raises `CapabilityError` where `needed` bytes are more than the main memory that is free."""
    free = host_memory().free or _UNKNOWN
    if needed > free:
        raise CapabilityError(
            f"{name}: holds {what}, which take about {readable_bytes(needed, free)} of main memory "
            f"and {readable_bytes(free, needed)} are free. If it is what it should be, use a "
            "machine with more, or split it."
        )


def measure_parquet(
    file: IO[bytes] | pa.NativeFile,
    name: str,
    columns: Sequence[str] | None = None,
) -> None:
    """Refuse a Parquet file whose columns don't fit into main memory; the file is rewound.

    columns: those that will be read; None: all. Raises `CapabilityError`, and what pyarrow raises
    for a file that is none or has texts that are none.
    """
    opened = pq.ParquetFile(file)
    schema, rows = opened.schema_arrow, opened.metadata.num_rows
    chosen = [field for field in schema if columns is None or field.name in columns]
    kinds = [pa.types.is_primitive(field.type) for field in chosen]
    needed = float(rows * sum(_NUMBER if number else CELL for number in kinds))
    require_room(name, needed, f"{rows:,} rows of {len(chosen)} columns")
    texts = [field.name for field in chosen if not pa.types.is_primitive(field.type)]
    if not texts:
        file.seek(0)
        return
    nested = {field.name for field in chosen if pa.types.is_nested(field.type)}
    file.seek(0)
    again = pq.ParquetFile(file, read_dictionary=[one for one in texts if one not in nested])
    size = _NESTED_ROWS if nested else _ROWS
    for batch in again.iter_batches(size, columns=texts, use_threads=False):
        batch.validate(full=True)  # nobody else looks whether texts are UTF-8, until one is written
        needed += sum(_expanded(column) for column in batch.columns)
        require_room(name, needed, f"{rows:,} rows of long texts")
    file.seek(0)


def _expanded(column: pa.Array) -> int:
    """Bytes of the column's values written out, each as often as it stands there."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    values = column.dictionary
    text = pa.types.is_string(values.type) or pa.types.is_binary(values.type)
    if not (text or pa.types.is_large_string(values.type) or pa.types.is_large_binary(values.type)):
        return int(column.nbytes)
    lengths = pc.cast(pc.binary_length(values), pa.int64())
    return int(pc.sum(lengths.take(column.indices)).as_py() or 0)


def read_parquet(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """A Parquet file as pandas reads it, where it is a file and fits.

    Raises OSError or ValueError for a damaged one, `CapabilityError` for one too large.
    """
    with open_plain(path) as file:
        measure_parquet(file, str(path), columns)
        return pd.read_parquet(file, columns=columns)


def parquet_columns(path: Path) -> list[str]:
    """The names of a Parquet file's columns. Raises OSError or ValueError for a damaged one."""
    with open_plain(path) as file:
        return [str(name) for name in pq.ParquetFile(file).schema_arrow.names]


def load_array(path: Path, *, mapped: bool = False) -> HostArray:
    """A `.npy` file of numbers, where it is a file and as long as it says.

    mapped: left in the file. Raises OSError or ValueError for anything else.
    """
    with open_plain(path) as file:
        if not file.read(1):
            raise ValueError("the file is empty")  # NumPy's EOFError is neither
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray) or array.dtype.itemsize == 0:
        raise ValueError("it holds no array of numbers")
    if mapped:
        return array
    require_room(str(path), array.nbytes, f"an array of {array.size:,} numbers")
    return np.array(array)
