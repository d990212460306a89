"""An ablation as tables and a page: ablation.csv, ablation.html, and what the terminal shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from rapids_rap.compare.ablate import Ablation, CellResult
from rapids_rap.compare.grids import OWN_FILES, bundled_grids
from rapids_rap.compare.memory import memory_sentences
from rapids_rap.compare.trained import HELD_OUT, training_sentence
from rapids_rap.compare.verdict import Contrast
from rapids_rap.errors import InputError
from rapids_rap.quality.figures import Figure
from rapids_rap.report.html import Column, Row, format_cell, render_page
from rapids_rap.report.images import page_images
from rapids_rap.runs.files import sweep_partials, write_bytes
from rapids_rap.runs.folder import write_csv
from rapids_rap.runs.outputs import check_output_folder, header_of

AT_ONCE = 3  # cells side by side in an 80-column terminal, the first among them
_CLUSTERS = 5  # of each cell whose terms the page quotes
_COUNTS = (
    ("clusters", "count", "int"),
    ("noise_share_lines", "noise_share_lines", "share"),
    ("largest_share", "largest_share_of_clustered", "share"),
)
_MARKS = {"a": "▼", "b": "▲"}


def grid_table() -> pd.DataFrame:
    """The bundled grids: name, cells, question."""
    return pd.DataFrame(
        [
            {
                "grid": name,
                "cells": ", ".join(cell.name for cell in grid.cells),
                "question": grid.question,
            }
            for name, grid in bundled_grids().items()
        ]
    )


def cell_table(found: Ablation) -> pd.DataFrame:
    """ablation.csv: a row a cell.

    Every figure has `_low` and `_high` (empty without an interval), `_baseline`, and
    `_against_first`: better, worse, equal, unproven, not computed, other texts.
    """
    return pd.DataFrame([_csv_row(found, result) for result in found.cells])


def terminal_tables(found: Ablation) -> list[pd.DataFrame]:
    """The same for a terminal: figures down, cells across, the first cell in every table.

    ▲ and ▼ mark what is better or worse than the first cell beyond both intervals, ? what seems so
    without an interval; * marks figures that may decide.
    """
    first, others = found.cells[0], found.cells[1:]
    step = AT_ONCE - 1
    groups = [others[i : i + step] for i in range(0, len(others), step)] or [()]
    return [_figures_down([first, *group]) for group in groups]


def cell_sentences(found: Ablation) -> list[str]:
    """What was compared, and for each cell whether it is better than the first."""
    shared = found.shared
    sizes = ", ".join(
        f"{result.cell.name} {side.distinct:,}"
        for result, side in zip(found.cells, shared.sides, strict=True)
    )
    lines = [
        f"Measured on the {shared.found:,} distinct texts that all cells hold ({sizes}).",
        *_memory(found),
        *(f"{result.cell.name}: {_finding(result)}" for result in found.cells[1:]),
        *found.left_out,
    ]
    return [line for line in lines if line]


def _memory(found: Ablation) -> list[str]:
    names = [result.cell.name for result in found.cells]
    return memory_sentences(found.memory, names, found.cells[0].figures)


def _finding(result: CellResult) -> str:
    trained = training_sentence(result.cell.name, result.training) if result.training else ""
    return f"{result.verdict.english} {trained}".rstrip()


def write_ablation(found: Ablation, out: Path) -> list[Path]:
    """Write ablation.csv and ablation.html into `out`, each whole or not at all."""
    page = render_ablation(found)
    sweep_partials(out)
    write_csv(out / "ablation.csv", cell_table(found))
    write_bytes(out / "ablation.html", page.encode("utf-8", "replace"))
    return [out / "ablation.csv", out / "ablation.html"]


def render_ablation(found: Ablation) -> str:
    """The page as HTML: question, verdicts, the table, what the clusters say, and each map."""
    names = [result.cell.name for result in found.cells]
    columns = [
        Column("figure", "指标", "figure"),
        *(Column(f"cell{i}", name, "") for i, name in enumerate(names)),
    ]
    pictures, titles = {}, {}
    for result in found.cells:
        maps = result.run.maps
        if "clusters.png" in maps:
            name = f"{result.cell.name}/maps/clusters.png"
            pictures[name] = maps["clusters.png"]
            titles[name] = (result.cell.name, result.cell.about)
    return render_page(
        "ablation.html.j2",
        title=f"对照实验 {found.grid.name}",
        grid=found.grid,
        found=found,
        sentences=cell_sentences(found),
        memory=_memory(found),
        columns=columns,
        rows=_page_rows(found),
        cells=[_cell_facts(result) for result in found.cells],
        images=page_images(pictures, titles),
    )


def check_folder(out: Path) -> None:
    """Raise `InputError` where `out` is a file, or has files that an ablation would replace."""
    check_output_folder(out, ())
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; --out names a folder.")
    csv, page = (out / name for name in OWN_FILES)
    ours = csv.is_file() and header_of(csv)[:2] == ["cell", "settings"]
    for path in (csv, page):  # the table is written first, so that a page of ours has one
        if path.exists() and not ours:
            raise InputError(
                f"{path}: is not what an ablation writes and would be lost; choose another --out."
            )


def _csv_row(found: Ablation, result: CellResult) -> Row:
    names = {
        "a": "worse",
        "b": "better",
        "equal": "equal",
        "unproven": "unproven",
        "unknown": "not computed",
        "apart": "other texts",
    }
    settings = [f"{key}={value}" for key, value in result.cell.set.items()]
    settings += [f"view={result.cell.view}"] if result.cell.view else []
    agreement = result.agreement
    row: Row = {
        "cell": result.cell.name,
        "settings": "; ".join(settings),
        "distinct_texts": next(s.distinct for s in found.shared.sides if s.run is result.run),
        "shared_texts": found.shared.found,
        "songs": found.memory.songs or None,
        "songs_left_out": len(found.memory.left_out),
        **{name: result.sizes[key] for name, key, _ in _COUNTS},
        "adjusted_rand": agreement.adjusted_rand,
        "adjusted_rand_without_noise": agreement.adjusted_rand_without_noise,
        "adjusted_mutual_information": agreement.adjusted_mutual_information,
    }
    for one in result.contrasts:
        low, high = one.b.interval or (None, None)
        row |= {
            one.key: one.b.value,
            f"{one.key}_low": low,
            f"{one.key}_high": high,
            f"{one.key}_baseline": one.b.baseline,
            f"{one.key}_against_first": names[one.winner],
        }
        if one.key == HELD_OUT:
            row[f"{HELD_OUT}_before"] = one.a.value
    return row


def _figures_down(results: list[CellResult]) -> pd.DataFrame:
    """Figures by cell; not every cell has every figure."""
    rows: dict[str, dict[str, str]] = {}
    for result in results:
        name = result.cell.name
        for count, key, kind in _COUNTS:
            rows.setdefault(count, {})[name] = format_cell(result.sizes[key], kind)
        rows.setdefault("adjusted_rand", {})[name] = f"{result.agreement.adjusted_rand:.3f}"
        for one in result.contrasts:
            if ".spaces." in one.key:
                continue  # the CSV and each cell's report hold every space; here they would bury
            rows.setdefault(one.key, {})[name] = _stacked(one, first=result is results[0])
    decide = {
        one.key for result in results[1:] or results for one in result.contrasts if one.decides
    }
    table = pd.DataFrame(
        [[cells.get(result.cell.name) for result in results] for cells in rows.values()],
        columns=[result.cell.name for result in results],
    )
    table.insert(0, "figure", [key + "*" * (key in decide) for key in rows])
    return table


def _stacked(one: Contrast, *, first: bool) -> str:
    return (
        _shown(one)
        + ("" if first else _mark(one))
        + (f"\n{_range(one.b)}" if one.b.interval else "")
    )


def _mark(one: Contrast) -> str:
    if one.winner == "unproven" and one.higher:
        return f" {_MARKS[one.higher]}?"
    return f" {_MARKS[one.winner]}" if one.winner in _MARKS else ""


def _shown(one: Contrast) -> str:
    """The cell's value; of a training on held-out songs, before and after."""
    return f"{_value(one.a)} → {_value(one.b)}" if one.key == HELD_OUT else _value(one.b)


def _value(reading: Figure) -> str:
    return "–" if reading.value is None else f"{reading.value:.3f}"


def _range(reading: Figure) -> str:
    return f"[{reading.interval[0]:.3f},{reading.interval[1]:.3f}]" if reading.interval else ""


def _page_rows(found: Ablation) -> list[Row]:
    rows: dict[str, Row] = {}
    for i, result in enumerate(found.cells):
        for name, key, kind in _COUNTS:
            rows.setdefault(name, {"figure": name})[f"cell{i}"] = format_cell(
                result.sizes[key], kind
            )
        first = rows.setdefault("ari", {"figure": "与首格一致 adjusted_rand to the first cell"})
        first[f"cell{i}"] = f"{result.agreement.adjusted_rand:.3f}"
        for one in result.contrasts:
            title = f"{one.chinese} {one.key}" + (" *" if one.decides else "")
            shown = _shown(one) + (_mark(one) if i else "")
            if one.b.interval:
                shown += f" {_range(one.b)}"
            if one.b.baseline is not None:
                shown += f"（基线 {one.b.baseline:.3f}）"
            if one.winner == "apart":
                shown += "（歌曲不同 other songs）" if one.note else "（文本不同 other texts）"
            rows.setdefault(one.key, {"figure": title})[f"cell{i}"] = shown
    return list(rows.values())


def _cell_facts(result: CellResult) -> Mapping[str, Any]:
    table = result.run.clusters
    top = table[table["cluster"] >= 0].head(_CLUSTERS)
    return {
        "name": result.cell.name,
        "about": result.cell.about,
        "view": result.cell.view,
        "settings": [f"{key} = {value}" for key, value in result.cell.set.items()],
        "terms": [
            f"{cluster} {terms if isinstance(terms, str) else '—'}"
            for cluster, terms in zip(top["cluster"], top["top_terms"], strict=True)
        ],
        "report": f"{result.cell.name}/report.html",
        "verdict": result.verdict,
        "finding": _finding(result),
    }
