"""What a judgement says on the terminal: two tables, and sentences that hide nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from rapids_rap.writer.scores import REAL, RECOGNISED, RUN

COPIED = f"{RUN}-grams copied"
SHORT = {  # what all systems are compared by, as the terminal heads its columns
    "length right": "length",
    "rhyme right": "rhyme",
    "syllables a rhyme": "deep",
    "distinct-2": "dist-2",
    "theme recognised": "theme",
    "region recognised": "region",
    "emotion recognised": "emotion",
    COPIED: "5-grams",
    "longest copy": "longest",
    "copies of 12 or more": "of 12+",
}
SPARE = (  # for judgement.csv alone
    "all",
    "distinct-1",
    "distinct-4",
    *(f"{kind} {what}" for kind in RECOGNISED for what in ("by chance", "over chance")),
)


def system_table(table: pd.DataFrame) -> pd.DataFrame:
    """A row a system, a column a figure that all are compared by."""
    wide = table.pivot_table("value", "system", "figure", sort=False, aggfunc="first", dropna=False)
    known = [name for name in SHORT if name in wide.columns]
    return wide[known].dropna(how="all").rename(columns=SHORT).reset_index()


def own_table(table: pd.DataFrame) -> pd.DataFrame:
    """The other figures, a row each, with their intervals."""
    rest = table[~table["figure"].isin([*SHORT, *SPARE])].dropna(subset=["value"])
    return rest[["figure", "system", "value", "low", "high"]]


def sentences(table: pd.DataFrame, requests: int) -> list[str]:
    """What the table says, the worse as plainly as the better."""
    values = _Values(table)
    said = [f"{requests} requests, made of held-out songs; every interval is in judgement.csv."]
    own, real = values.of("writer", COPIED), values.of(REAL, COPIED)
    if own is not None and real is not None:
        word = "no more than" if own <= real else "more than"
        said.append(
            f"The writer shares {own:.1%} of its runs of {RUN} characters with songs that it read: "
            f"{word} songs share that nobody copied ({real:.1%})."
        )
    said += _recognition(values)
    notes = table.loc[table["note"].str.startswith("not computed"), ["system", "figure", "note"]]
    said += [f"{one.figure} of {one.system}: {one.note}." for one in notes.itertuples()]
    return said


def _recognition(values: _Values) -> Iterator[str]:
    """Whether what was asked for is recognised more often than if it were dealt at random."""
    for kind in RECOGNISED:
        figure = f"{kind} recognised"
        value, real = values.of("writer", figure), values.of("real songs", figure)
        chance = values.of("writer", f"{kind} by chance")
        low = values.of("writer", f"{kind} over chance", "low")
        if value is None or chance is None or real is None:
            continue
        over = "above" if low is not None and low > 0 else "not surely above"
        yield (
            f"A classifier of other songs recognises the {kind} asked for in {value:.0%} of the "
            f"writer's verses: {over} chance ({chance:.0%}); in real songs {real:.0%}."
        )


class _Values:
    """The cells of the long table, None where empty."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.rows = table.set_index(["system", "figure"])

    def of(self, system: str, figure: str, column: str = "value") -> float | None:
        if (system, figure) not in self.rows.index:
            return None
        value: Any = self.rows.loc[(system, figure), column]
        return None if pd.isna(value) else float(value)
