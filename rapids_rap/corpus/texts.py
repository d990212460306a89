"""Texts end to end, as Arrow holds them.

A string of Python takes some hundred bytes, of which a line of lyrics fills thirty. Where all lines
of a corpus are held at once, they are kept so and become strings one at a time, or some.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rapids_rap.arrays import Int64s

_SOME = 65_536  # texts that are strings at a time


class Texts(Sequence[str]):
    """A sequence of strings over one Arrow array, `array` (n,) of large_string without nulls."""

    def __init__(self, array: pa.Array | pa.ChunkedArray) -> None:
        whole = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
        self.array = whole.cast(pa.large_string())

    def __len__(self) -> int:
        return len(self.array)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        """One string; of a slice, the list of them."""
        if isinstance(place, slice):
            found: list[str] = self.array[place].to_pylist()
            return found
        return str(self.array[int(place)])

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self.array), _SOME):
            yield from self.array.slice(first, _SOME).to_pylist()


def arrow_texts(texts: Sequence[str]) -> pa.Array:
    """(n,) large_string of any texts; nothing is copied of `Texts`."""
    return texts.array if isinstance(texts, Texts) else pa.array(texts, pa.large_string())


def end_to_end(parts: Sequence[Sequence[str]]) -> Sequence[str]:
    """The texts of all parts: `Texts` of such, a list of anything else."""
    if parts and all(isinstance(part, Texts) for part in parts):
        return Texts(pa.concat_arrays([arrow_texts(part) for part in parts]))
    return [text for part in parts for text in part]


def chosen(texts: Sequence[str], places: Int64s) -> Sequence[str]:
    """The texts at different places, rising: `Texts` of such, a list of anything else."""
    if not isinstance(texts, Texts):
        return [texts[place] for place in places.tolist()]
    return texts if len(places) == len(texts) else Texts(texts.array.take(pa.array(places)))


def repeated(names: Sequence[str | None], places: Int64s) -> pa.Array:
    """(n,) large_string: of each place its name, null where it has none."""
    return pa.array(names, pa.large_string()).take(pa.array(places))


def column(texts: Sequence[str] | pa.Array) -> pd.api.extensions.ExtensionArray:
    """Texts as a column of a table; nothing is copied of what Arrow holds."""
    array = texts if isinstance(texts, pa.Array) else arrow_texts(texts)
    return pd.array(array, dtype="str")  # type: ignore[call-overload,no-any-return]


def of_column(table: pd.DataFrame, name: str) -> Texts:
    """The texts of a column that has one in every row."""
    return Texts(pa.array(table[name], pa.large_string()))


def numbered(texts: Sequence[str]) -> tuple[tuple[str, ...], Int64s]:
    """The distinct texts in code point order, and (n,) the place of each text among them."""
    found: Any = arrow_texts(texts).dictionary_encode()
    order = pc.sort_indices(found.dictionary)  # by bytes of UTF-8, which is by code points
    place = np.empty(len(order), dtype=np.int64)
    place[order.to_numpy()] = np.arange(len(order))
    distinct = tuple(Texts(found.dictionary.take(order)))
    return distinct, place[found.indices.to_numpy()]
