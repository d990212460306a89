"""What clusters and themes are called: names.csv, and the label that their words give.

A person's name wins over a model's, and a model's, where it passed its test, over the first terms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import pandas as pd

Kind = Literal["cluster", "theme"]
Source = Literal["person", "model", "terms"]
KINDS: tuple[Kind, ...] = ("cluster", "theme")
COLUMNS = ("kind", "id", "name", "gloss", "source", "tested", "low", "high", "note")
LABEL_TERMS = 3
CHINESE = {"person": "人工", "model": "模型", "terms": "代表词"}

Row = dict[str, Any]


def label_of_terms(top_terms: object, kind: Kind, number: int) -> str:
    """A group's first terms, `想·家·夜`; where no term stands out, its kind and number."""
    terms = [term for term in str(top_terms).split("、") if term] if _given(top_terms) else []
    if terms:
        return "·".join(terms[:LABEL_TERMS])
    return f"{'聚类' if kind == 'cluster' else '主题'} {number}"


def name_row(kind: Kind, number: int, name: str, source: Source, **facts: Any) -> Row:
    """A row of names.csv; what is not told is empty."""
    empty: Row = {"gloss": "", "tested": None, "low": None, "high": None, "note": ""}
    return {"kind": kind, "id": number, "name": name, "source": source, **empty, **facts}


def name_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """names.csv: columns in their order, clusters before themes, by id."""
    table = pd.DataFrame(list(rows), columns=list(COLUMNS))
    table = table.astype(dict.fromkeys(("kind", "name", "gloss", "source", "note"), "str"))
    table = table.astype({"id": "int64", "tested": "float64", "low": "float64", "high": "float64"})
    return table.sort_values(["kind", "id"], ignore_index=True)


def first_names(
    clusters: pd.DataFrame,
    themes: pd.DataFrame,
    people: Mapping[Kind, Mapping[int, str]],
    whose: Mapping[tuple[str, int], str],
    earlier: pd.DataFrame | None,
) -> pd.DataFrame:
    """names.csv of a run before a model was asked.

    clusters, themes: clusters.csv and themes.csv, by id. people: what people named, by id; whose:
    who and when, by kind and id, where that is known. earlier: the rows of the night before whose
    names a model gave: a cluster that is still there keeps its name and what it was tested by.
    """
    kept = {} if earlier is None else {(row["kind"], row["id"]): row for row in rows_of(earlier)}
    rows = []
    for kind, table in (("cluster", clusters), ("theme", themes)):
        own: Kind = "cluster" if kind == "cluster" else "theme"
        given = people.get(own, {})
        for number, terms in zip(table[kind].tolist(), table["top_terms"].tolist(), strict=True):
            if number < 0:
                continue
            if number in given:
                note = whose.get((kind, number), "")
                rows.append(name_row(own, number, given[number], "person", note=note))
            elif (kind, number) in kept:
                rows.append(kept[kind, number])
            else:
                rows.append(name_row(own, number, label_of_terms(terms, own, number), "terms"))
    return name_table(rows)


def rows_of(table: pd.DataFrame) -> list[Row]:
    """The rows of a names.csv that was read, with plain values."""
    rows = []
    for row in table.to_dict("records"):
        plain: Row = {name: row.get(name) for name in COLUMNS}
        for name in ("tested", "low", "high"):
            plain[name] = float(plain[name]) if _given(plain[name]) else None
        for name in ("gloss", "note", "name"):
            plain[name] = str(plain[name]) if _given(plain[name]) else ""
        rows.append(plain)
    return rows


def name_said(row: Mapping[Any, Any]) -> str:
    """Who gave a name, and how it fared: `模型 model 0.83 [0.55, 0.95]`, `人工 person LW`."""
    source = str(row.get("source") or "")
    said = f"{CHINESE.get(source, '')} {source}".strip()
    if _given(row.get("tested")):
        said += f" {row['tested']:.2f}"
        if _given(row.get("low")) and _given(row.get("high")):
            said += f" [{row['low']:.2f}, {row['high']:.2f}]"
    if source == "person" and _given(row.get("note")):
        said += f" {row['note']}"
    return said


def _given(value: object) -> bool:
    return value is not None and value == value and value != ""


def names_said(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """What the names of a run rest on, in Chinese and English; nothing where no model was asked.

    manifest: of which `names` is read, the record of `rapids-rap name`.
    """
    record = manifest.get("names")
    if not isinstance(record, Mapping) or not isinstance(record.get("groups"), int):
        return ()
    model = record.get("model")
    who = str(model.get("model") or model.get("folder")) if isinstance(model, Mapping) else "?"
    counts = [record.get(f"by_{source}") for source in ("model", "person", "terms")]
    chinese = (
        f"{record['groups']} 个聚类与主题中，{counts[0]} 个由模型 {who} 命名，"
        f"{counts[1]} 个由人命名，{counts[2]} 个仍用代表词。"
    )
    english = (
        f"Of {record['groups']} clusters and themes {counts[0]} have a name by the model {who}, "
        f"{counts[1]} by people and {counts[2]} by their terms."
    )
    right, terms, adds = (record.get(key) for key in ("right", "right_terms", "adds"))
    if not all(isinstance(value, int | float) for value in (right, terms, adds)):
        if not counts[0]:  # a name that can't be tested stands, so the model gave none
            return f"{chinese}没有可检验的名称。", f"{english} No name came to be tested."
        return (
            f"{chinese}名称未经检验。",
            f"{english} Their names were not tested: that needs songs, and other clusters.",
        )
    limits = record.get("adds_interval")
    span = f" [{limits[0]:+.2f}, {limits[1]:+.2f}]" if isinstance(limits, list) else ""
    return (
        f"{chinese}只凭模型的名称，四行中选对本组那一行的比例为 {right:.2f}，"
        f"凭代表词为 {terms:.2f}，随机为 0.25；"
        f"模型增加 {adds:+.2f}{span}（全部提议在内，含未通过者）。",
        f"{english} From a name alone the group's line is found among four: {right:.2f} by the "
        f"model's names, {terms:.2f} by the terms, 0.25 by chance; the model adds "
        f"{adds:+.2f}{span} (of {record.get('tested')} groups, names that failed among them).",
    )
