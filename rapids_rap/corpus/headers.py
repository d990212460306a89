"""The header of a table: where its columns are, and which rows only repeat it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rapids_rap.config import InputConfig
from rapids_rap.corpus.columns import wanted_columns


@dataclass(frozen=True)
class Header:
    """names: of all columns. places: of `wanted_columns`, None where one is missing."""

    names: list[str]
    places: list[int | None]
    folded: frozenset[str]

    @property
    def read(self) -> list[str]:
        """The names of the columns that are read, in lower case."""
        return [self.names[place].casefold() for place in self.places if place is not None]


def header_of(names: Sequence[str], config: InputConfig, before: Header | None = None) -> Header:
    """The header with these names; a later one may write those of the one before in any case."""
    wanted = wanted_columns(config)
    places = [names.index(column) if column in names else None for column in wanted]
    if before is not None:
        folded = [name.casefold() for name in names]
        places = [
            folded.index(column.casefold()) if place is None and known is not None else place
            for place, known, column in zip(places, before.places, wanted, strict=True)
        ]
    return Header(list(names), places, frozenset(name.casefold() for name in names))


def repeats(fields: Sequence[str], header: Header) -> bool:
    """Whether a row names all columns that are read again, each in one cell, in any order and case.

    A row that is no header is told by its first cell, nearly always.
    """
    if not fields or fields[0].strip("\ufeff ").casefold() not in header.folded:
        return False
    names = [field.strip().lstrip("\ufeff").strip().casefold() for field in fields]
    read = header.read
    return len(read) > 1 and all(names.count(column) == 1 for column in read)
