"""The quality figures as a reader meets them: with a meaning, a baseline, and a plain verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rapids_rap.quality.figures import (
    TOO_FEW_SONGS,
    Declaration,
    Figure,
    declared,
    interval_of,
    interval_text,
    top_figures,
)

FACTS = {"form": "形式", "meaning": "意义", "origin": "来源"}
_SHOWN = ("sentence", "chinese", "note", "spaces", "held_out_artists")  # elsewhere on the page
_FEW_SONGS = f"区间：歌曲太少 {TOO_FEW_SONGS}"
_SPACES = {
    "dense_raw": "稠密向量（原始）",
    "dense_used": "稠密向量（本次所用）",
    "dense_whitened": "稠密向量（白化）",
    "characters": "字符 2–5 元 TF-IDF（基线）",
    "words": "词 TF-IDF",
    "words_svd_whitened": "词 SVD（白化）",
    "characters+dense_whitened": "字符 + 白化稠密",
    "words+dense_whitened": "词 + 白化稠密",
    "words_svd_whitened+dense_whitened": "白化词 SVD + 白化稠密",
    "artist_frequency": "歌手频率（先验）",
}


@dataclass(frozen=True)
class FigureRow:
    """A figure and what is declared of it, as the page writes them."""

    key: str
    declaration: Declaration
    figure: Figure

    @property
    def verdict(self) -> str:
        """Against its baseline: better, worse (also where equal), or empty."""
        return self.figure.verdict(self.declaration)

    @property
    def note(self) -> str:
        """What always stands beside it, else the run's own note."""
        return self.declaration.reading or str(self.figure.facts.get("note") or "")

    @property
    def interval(self) -> str:
        """Its 95 % interval as text, or that too few songs are behind it; else ""."""
        few = self.figure.no_interval == TOO_FEW_SONGS
        return _FEW_SONGS if few else interval_text(self.figure.interval)

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What else the run says of it."""
        return [
            (name.replace("_", " "), _text(part) if name.endswith("interval") else _fact(part))
            for name, part in self.figure.facts.items()
            if name not in _SHOWN and part is not None
        ]

    @property
    def plain(self) -> bool:
        """Whether it is a list of facts without one value of its own."""
        return self.figure.value is None and bool(self.facts)


def collect_figures(quality: Mapping[str, Any]) -> list[FigureRow]:
    """Every figure of quality.json in its order; sections of sections are `section.figure`."""
    return [FigureRow(key, declared(key), one) for key, one in top_figures(quality).items()]


def split_facts(rows: Sequence[FigureRow]) -> tuple[list[FigureRow], list[FigureRow]]:
    """The figures, and apart from them what the clusters tell of each fact (`quality.follows`)."""
    told = [row for row in rows if row.key.split(".")[0] in FACTS]
    return [row for row in rows if row not in told], told


def fact_row(row: FigureRow) -> dict[str, Any]:
    """A row of the table of what clusters tell."""
    side = row.key.split(".")[0]
    worse = "不优于基线 not better than the baseline" if row.verdict == "worse" else ""
    return {
        "name": f"{FACTS[side]} {row.declaration.chinese} {row.key}",
        "value": row.figure.value,
        "interval": row.interval,
        "baseline": row.figure.baseline,
        "shuffled": row.figure.facts.get("shuffled_at_most"),
        "rows": row.figure.facts.get("rows"),
        "note": "; ".join(filter(None, (worse, row.note))),
    }


def failing(figures: Sequence[FigureRow]) -> list[FigureRow]:
    """Figures that do not beat their baseline."""
    return [figure for figure in figures if figure.verdict == "worse"]


def collect_spaces(quality: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of the table of artist retrieval, the best space first; empty where there is none.

    Numbers are the macro mean reciprocal rank; `other` is that of the held-out artists.
    """
    figure = quality.get("artist_retrieval")
    if not isinstance(figure, Mapping):
        return []
    held_out = figure.get("held_out_artists") or {}
    others = {row["name"]: row for row in held_out.get("spaces", ())}
    rows = []
    for row in figure.get("spaces") or ():
        name, other = row["name"], others.get(row["name"], {})
        rows.append(
            {
                "space": f"{_SPACES.get(name, name)} {name}",
                "value": row["value"],
                "interval": _interval(row),
                "difference": row.get("difference"),
                "difference_interval": _text(row.get("difference_interval")),
                "other": other.get("value"),
                "other_interval": _interval(other),
            }
        )
    return sorted(rows, key=lambda row: -(row["value"] or 0.0))


def _interval(row: Mapping[str, Any]) -> str:
    """A space's interval; beside a value it is missing where too few songs are behind it."""
    missing = row.get("interval") is None and row.get("value") is not None
    return _FEW_SONGS if missing else _text(row.get("interval"))


def _text(interval: Any) -> str:
    return interval_text(interval_of(interval))


def _fact(value: Any) -> str:
    if isinstance(value, bool):
        return "是 yes" if value else "否 no"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) > 1 else f"{value:.3f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return " · ".join(f"{str(name).replace('_', ' ')} {_fact(v)}" for name, v in value.items())
    if isinstance(value, list | tuple):
        return " · ".join(_fact(part) for part in value)
    return str(value)
