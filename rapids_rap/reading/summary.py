"""Reading a finished run: a summary for the terminal and an export for other programs."""

from __future__ import annotations

import io
from typing import Any, Literal

import pandas as pd

from rapids_rap.errors import InputError
from rapids_rap.runs.cells import escape_cells
from rapids_rap.runs.run import Run, memory_note
from rapids_rap.runs.shape import Kind, check_table
from rapids_rap.tables.artists import lift_interval
from rapids_rap.tables.doubts import ASK, Doubts, find_doubts
from rapids_rap.tables.follows import clear_traits, followed
from rapids_rap.tables.names import name_said, names_said, rows_of
from rapids_rap.tables.people import people_said
from rapids_rap.tables.sampled import sampled
from rapids_rap.tables.space import common_direction
from rapids_rap.tables.stability import again, said_of
from rapids_rap.tables.tree import members, path_said

Form = Literal["csv", "jsonl", "parquet"]
CLUSTERS_SHOWN = 30


def summarize(run: Run, cluster: int | None = None) -> list[str | pd.DataFrame]:
    """Sentences and tables to print, in order: the whole run, or one cluster in detail."""
    return _one_cluster(run, cluster) if cluster is not None else _whole_run(run)


def export_lines(run: Run, cluster: int | None, form: Form) -> bytes:
    """lines.parquet, or one cluster's rows of it, as the bytes of a file; see `table_bytes`.

    Each line has its cluster's `stability_class`, null where that was not computed, and its `name`
    where people or a model gave one, with `name_source`.
    """
    known = run.clusters.set_index("cluster")
    lines = run.lines
    if "stability_class" in known:
        classes = known["stability_class"].replace("", None)
        lines = lines.assign(stability_class=lines["cluster"].map(classes).astype("str"))
    lines = _with_names(run, lines)
    if cluster is not None:
        _check_cluster(run, cluster)
        lines = lines[lines["cluster"] == cluster]
    return table_bytes(lines, form)


def _with_names(run: Run, lines: pd.DataFrame) -> pd.DataFrame:
    names = run.names_of("cluster")
    if not names:
        return lines
    people = run.labels_of("cluster")
    if run.names is not None:
        own = run.names[(run.names["kind"] == "cluster") & (run.names["source"] == "person")]
        people |= dict(zip(own["id"].tolist(), own["name"].tolist(), strict=True))
    sources = {own: "person" if own in people else "model" for own in names}
    return lines.assign(
        name=lines["cluster"].map(names).astype("str"),
        name_source=lines["cluster"].map(sources).astype("str"),
    )


def table_bytes(table: pd.DataFrame, form: Form) -> bytes:
    """A table as the bytes of a file.

    CSV and JSON lines are UTF-8; a null is an empty cell, or `null`. Text cells of CSV are escaped
    as `cells` says.
    """
    if form == "parquet":
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False)
        return buffer.getvalue()
    if form == "jsonl":
        return table.to_json(orient="records", lines=True, force_ascii=False).encode()
    return escape_cells(table).to_csv(index=False, lineterminator="\n").encode()


def _whole_run(run: Run) -> list[str | pd.DataFrame]:
    counts = run.manifest.get("counts", {})
    head = (
        f"{run.path}: {counts.get('kept', 0):,} lines kept of {counts.get('read', 0):,} read, "
        f"{counts.get('distinct', 0):,} distinct texts, {counts.get('clusters', 0)} clusters, "
        f"{counts.get('noise_lines', 0):,} lines of noise; model "
        f"{run.manifest.get('model', {}).get('name', 'unknown')}."
    )
    told = (followed(run.quality), sampled(run.manifest), common_direction(run.manifest))
    sentences = [english for _, english in told]
    columns = [
        "cluster",
        "label",
        "lines",
        "share",
        "artists",
        "stability_class",
        "theme",
        "suggested_label",
        "top_terms",
        "by_hand",
    ]
    clusters, labels = run.clusters, run.names_of("cluster")
    if labels:
        clusters = clusters.assign(label=[labels.get(own, "") for own in clusters["cluster"]])
    table = clusters.loc[:, [c for c in columns if c in clusters.columns]]
    again_there = again(run.quality, clusters, run.manifest)[1]
    people = people_said(run.quality)
    names = names_said(run.manifest)[1:]
    said = [sentence for sentence in (*sentences, again_there, people, *names) if sentence]
    table = _with_doubts(table, clusters, find_doubts(clusters, run.manifest))
    blocks: list[str | pd.DataFrame] = [head, *said, table.head(CLUSTERS_SHOWN)]
    if len(table) > CLUSTERS_SHOWN:
        blocks.append(f"... and {len(table) - CLUSTERS_SHOWN} more in {run.path / 'clusters.csv'}.")
    memory = memory_note(run.quality)
    blocks += [memory] if memory else []
    blocks.append(f"Report: {run.path / 'report.html'}; maps: {run.path / 'maps'}.")
    return blocks


def _with_doubts(table: pd.DataFrame, clusters: pd.DataFrame, doubts: Doubts) -> pd.DataFrame:
    """Its column on what may not be there again: `stability`, else `agreement`, else none."""
    if doubts.by == "stability":
        return table.rename(columns={"stability_class": "stability"})
    table = table.drop(columns="stability_class", errors="ignore")
    if not doubts.by:
        return table
    cells = [
        f"{votes:.2f} {doubts.sign(own)}".strip() if own >= 0 else ""
        for own, votes in zip(clusters["cluster"], clusters["agreement"], strict=True)
    ]
    out = table.copy()
    out.insert(list(out.columns).index("theme"), "agreement", cells)
    return out


def _one_cluster(run: Run, cluster: int) -> list[str | pd.DataFrame]:
    _check_cluster(run, cluster)
    needed: dict[str, Kind] = {"distinct_lines": "int", "suggested_label": "text"}
    check_table(run.path / "clusters.csv", run.clusters, needed)
    row = run.clusters[run.clusters["cluster"] == cluster].iloc[0]
    name = "noise" if cluster == -1 else f"cluster {cluster}"
    label = run.names_of("cluster").get(cluster)
    path = path_said(row.get("path"), members(run.tree), _theme_labels(run))[1]
    doubts = find_doubts(run.clusters, run.manifest)
    name += f" ({label})" if label else ""
    called = _named(run, cluster)
    blocks: list[str | pd.DataFrame] = [
        f"{name}: {row['lines']:,} lines, {row['distinct_lines']:,} distinct, emotion "
        f"{row['suggested_label']}.",
        *called,
        *_by_hand(row.get("by_hand")),
        "Terms: " + (row["top_terms"] if isinstance(row["top_terms"], str) else "none"),
        *([f"Path: {path}"] if path else []),
        *clear_traits(run.cluster_traits).get(cluster, ()),
        *_doubt_said(row.to_dict(), doubts),
    ]
    for title, table in (
        ("Examples nearest the centre:", run.cluster_examples),
        ("Artists, and the 95 % interval of their lift:", _with_intervals(run.cluster_artists)),
    ):
        if table is not None:
            part = table[table["cluster"] == cluster].drop(columns="cluster").head(15)
            blocks += [title, part] if len(part) else []
    return blocks


def _by_hand(note: object) -> list[str]:
    return [f"By hand: {note}."] if isinstance(note, str) and note else []


def _named(run: Run, cluster: int) -> list[str]:
    """Who named it, how the name fared, and what stands beside it."""
    rows = [] if run.names is None else rows_of(run.names)
    own = next((r for r in rows if r["kind"] == "cluster" and r["id"] == cluster), None)
    if own is None or (own["source"] == "terms" and not own["note"]):
        return []
    said = f"Name: {own['name']}" + (f" ({own['gloss']})" if own["gloss"] else "")
    note = f" {own['note']}" if own["note"] and own["source"] != "person" else ""
    return [f"{said}; {name_said(own)}.{note}"]


def _theme_labels(run: Run) -> dict[int, str]:
    """What each theme is called, by id."""
    themes = run.themes
    return dict(zip(themes["theme"].tolist(), themes["label"].tolist(), strict=True))


def _doubt_said(row: dict[Any, Any], doubts: Doubts) -> list[str]:
    """Whether the cluster would be there again, or that nobody asked."""
    own = int(row["cluster"])
    if own < 0:
        return []
    if doubts.by == "stability":
        stability = said_of(row)
        return [f"Stability: {stability}"] if stability else []
    unasked = f"on other songs: not measured ({ASK} does it)."
    if not doubts.by:
        return [f"There again {unasked}"]
    mark = ", less than half" if doubts.mark(own) else ""
    return [f"Agreement: {row['agreement']:.2f} of the votes{mark}; there again {unasked}"]


def _with_intervals(table: pd.DataFrame | None) -> pd.DataFrame | None:
    """cluster_artists.csv with one column `interval`, which says why where there is none."""
    if table is None or not {"lift_low", "lift_high"} <= set(table.columns):
        return table
    notes = table["note"].fillna("") if "note" in table.columns else [""] * len(table)
    limits = zip(table["lift_low"], table["lift_high"], notes, strict=True)
    own = ["lift_low", "lift_high", *(["note"] if "note" in table.columns else [])]
    return table.drop(columns=own).assign(interval=[lift_interval(*one) for one in limits])


def _check_cluster(run: Run, cluster: int) -> None:
    known = sorted(run.clusters["cluster"])
    if cluster not in known:
        raise InputError(
            f"{run.path}: has no cluster {cluster}; it has {_spans(known)} (-1 is noise)."
            if known
            else f"{run.path}: has no clusters."
        )


def _spans(numbers: list[int], most: int = 12) -> str:
    """Ascending numbers as `-1 to 4, 7, 9 to 12`; ids have gaps where clusters are gone."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    words = [f"{a} to {b}" if a < b else f"{a}" for a, b in spans]
    if len(words) > most:
        words = [*words[: most - 1], "...", words[-1]]
    return ", ".join(words)
