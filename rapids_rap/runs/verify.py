"""Is a run whole? Its files against the manifest's checksums, and its numbers against each other.

`find_faults` answers for `rapids-rap verify`, and for a night before it is published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.errors import InputError
from rapids_rap.runs.files import open_plain, sha256_file
from rapids_rap.runs.names import (
    LEXICON_HITS,
    MANIFEST,
    MAPS,
    NIGHT,
    OWN_FILES,
    REDUCED,
    VOTE_FILES,
    VOTES,
)
from rapids_rap.runs.received import read_parquet
from rapids_rap.runs.replacing import was_interrupted
from rapids_rap.runs.run import Run, open_run
from rapids_rap.runs.seal import seal_faults, seal_remarks

NEEDED = (
    "lines.parquet",
    "dropped.parquet",
    "clusters.csv",
    "themes.csv",
    "quality.json",
    "report.html",
    "vectors/vectors.npy",
    "vectors/vectors.json",
)
OPTIONAL = (
    *(name for name in OWN_FILES if name not in (MANIFEST, *NEEDED)),
    *(f"maps/{name}" for name in MAPS),
    *(f"vectors/{name}" for name in (REDUCED, *VOTE_FILES)),
)
OF_CLUSTERS = (
    "terms",
    "emotions",
    "examples",
    "traits",
    "artists",
    "stability",
    "keyness",
    "emotion_rates",
)
PNG = b"\x89PNG\r\n\x1a\n"


def find_faults(path: Path) -> list[str]:
    """What is wrong with the run, a sentence each that names the file; empty where nothing is.

    Numbers are compared only where the files are as they were written.
    """
    try:
        run = open_run(path)
        listed = _listed_files(run)
    except InputError as error:
        return [str(error)]
    if was_interrupted(path):
        return [
            f"{path}: was left while its files were being replaced; `rapids-rap stability {path}` "
            "ends what was begun."
        ]
    faults = seal_faults(path, run.manifest)
    faults += [fault for name in listed for fault in _check_file(path, name, listed[name])]
    faults += [
        f"{path / name}: is missing, and {MANIFEST} does not list it."
        for name in NEEDED
        if name not in listed
    ]
    faults += [
        f"{path / name}: is there, but {MANIFEST} does not list it."
        for name in OPTIONAL
        if name not in listed and (path / name).exists()
    ]
    return faults or _compare_numbers(run)


def find_remarks(path: Path) -> list[str]:
    """What can't be vouched for in a run without a fault, a sentence each."""
    return seal_remarks(path, open_run(path).manifest)


def _listed_files(run: Run) -> Mapping[str, Mapping[str, Any]]:
    listed = run.manifest.get("files")
    where = run.path / MANIFEST
    if not isinstance(listed, dict) or not listed:
        raise InputError(f"{where}: has no table `files`, so nothing can be checked.")
    for name, entry in listed.items():
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts:
            raise InputError(f"{where}: files: {name!r} lies outside the run.")
        if not isinstance(entry, dict) or not {"bytes", "sha256"} <= entry.keys():
            raise InputError(f"{where}: files: {name!r} lacks bytes or sha256.")
    return listed


def _check_file(path: Path, name: str, entry: Mapping[str, Any]) -> Iterator[str]:
    file = path / name
    try:
        size = file.stat().st_size
        if size != entry["bytes"]:
            yield f"{file}: has {size:,} bytes, {entry['bytes']:,} were written."
        elif sha256_file(file) != entry["sha256"]:
            yield f"{file}: is not as it was written (its SHA-256 is another)."
        elif name.endswith(".png") and not _starts_with(file, PNG):
            yield f"{file}: is no PNG image."
    except FileNotFoundError:
        yield f"{file}: is missing."
    except (OSError, ValueError) as error:  # a name with a NUL, or too long for any disk
        yield f"{file}: can't be read ({getattr(error, 'strerror', error)})."


def _starts_with(file: Path, magic: bytes) -> bool:
    with open_plain(file) as opened:
        return opened.read(len(magic)) == magic


def _compare_numbers(run: Run) -> list[str]:
    checks: tuple[Callable[[Run], Iterator[str]], ...] = (
        _count_lines,
        _count_read,
        _count_vectors,
        _compare_clusters,
        _compare_ids,
        _compare_tree,
        _compare_hits,
        _read_figures,
    )
    faults: list[str] = []
    for check in checks:
        try:
            faults += [f"{run.path}: {fault}" for fault in check(run)]
        except InputError as error:
            faults.append(str(error))
        except (
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
            OverflowError,
            OSError,
        ) as error:
            faults.append(f"{run.path}: can't be compared ({type(error).__name__}: {error}).")
    return faults


def _differ(what: str, found: object, other: str, expected: object) -> Iterator[str]:
    if found != expected:
        yield f"{what} is {found}, but {other} says {expected}."


def _lines_each(run: Run) -> pd.Series:
    """Lines of each row: a stanza or a song has several."""
    lines = run.lines
    return lines["lines"] if "lines" in lines.columns else pd.Series(1, index=lines.index)


def _count_lines(run: Run) -> Iterator[str]:
    counts, lines = run.manifest["counts"], run.lines
    each = _lines_each(run)
    yield from _differ("rows of lines.parquet", len(lines), "counts.units", counts["units"])
    yield from _differ("lines of lines.parquet", int(each.sum()), "counts.kept", counts["kept"])
    noise = int(each[lines["cluster"] < 0].sum())
    yield from _differ("lines in no cluster", noise, "counts.noise_lines", counts["noise_lines"])
    distinct = int(lines["text_id"].nunique())
    yield from _differ("distinct texts", distinct, "counts.distinct", counts["distinct"])
    if len(lines) and not 0 <= lines["text_id"].min() <= lines["text_id"].max() < distinct:
        yield "text_id of lines.parquet is not 0 to n - 1."
    if bool((lines.groupby("text_id")["cluster"].nunique() > 1).any()):
        yield "lines.parquet has equal texts in different clusters."


def _count_read(run: Run) -> Iterator[str]:
    counts = run.manifest["counts"]
    dropped = sum(counts["dropped"].values())
    yield from _differ("read", counts["read"], "kept + dropped", counts["kept"] + dropped)
    for file in run.manifest["inputs"]:
        parts = file["kept"] + sum(file["dropped"].values())
        yield from _differ(f"read of input {file['path']}", file["read"], "kept + dropped", parts)
    rows = len(read_parquet(run.path / "dropped.parquet", ["rule"]))
    yield from _differ("rows of dropped.parquet", rows, "counts.dropped", dropped)


def _count_vectors(run: Run) -> Iterator[str]:
    distinct = run.manifest["counts"]["distinct"]
    yield from _differ("rows of vectors.npy", len(run.vectors), "counts.distinct", distinct)
    if run.reduced is not None:
        yield from _differ(f"rows of {REDUCED}", len(run.reduced), "counts.distinct", distinct)
    if run.votes is not None:
        yield from _differ(f"rows of {VOTES}", len(run.votes.labels), "counts.distinct", distinct)


def _compare_clusters(run: Run) -> Iterator[str]:
    lines, table, counts = run.lines, run.clusters, run.manifest["counts"]
    each = _lines_each(run).groupby(lines["cluster"]).sum()
    stated = table.set_index("cluster")["lines"]
    if each.sort_index().astype("int64").to_dict() != stated.astype("int64").to_dict():
        yield "clusters.csv and lines.parquet count different lines for a cluster."
    ids = table.loc[table["cluster"] >= 0, "cluster"]
    if ids.duplicated().any():
        yield "clusters.csv lists a cluster twice."
    yield from _differ("clusters of clusters.csv", len(ids), "counts.clusters", counts["clusters"])
    known = set(table["cluster"])
    for name in (f"cluster_{table}" for table in OF_CLUSTERS):
        other = getattr(run, name)
        strange = sorted(set(other["cluster"]) - known) if other is not None else []
        if strange:
            yield f"{name}.csv has the cluster {strange[0]}, clusters.csv does not."
    themes = set(run.themes["theme"])
    for name, column in (("clusters.csv", table["theme"]), ("lines.parquet", lines["theme"])):
        if set(column) - themes:
            yield f"{name} has the theme {min(set(column) - themes)}, themes.csv does not."


def _compare_ids(run: Run) -> Iterator[str]:
    identity = run.manifest.get("identity")
    if identity is None:
        return
    by_hand = run.manifest.get("by_hand")
    for kind, table in (("cluster", run.clusters), ("theme", run.themes)):
        alive = there = sorted(int(i) for i in table[kind] if i >= 0)
        if kind == "cluster" and by_hand:
            yield from _differ("ids of the clusters", alive, "by_hand", by_hand["clusters"])
            there = by_hand["found"]
        said = identity[f"{kind}s"]
        yield from _differ(
            f"ids of the {kind}s", there, "identity", sorted([*said["kept"], *said["born"]])
        )
        if alive and alive[-1] >= identity[f"next_{kind}"]:
            yield f"identity.next_{kind} is not above every {kind}'s id."


def _compare_tree(run: Run) -> Iterator[str]:
    tree, table = run.tree, run.clusters
    if tree is None:
        return
    ids = set(table.loc[table["cluster"] >= 0, "cluster"])
    leaves = tree[tree["kind"] == "cluster"]
    if set(leaves["child"]) != ids:
        yield "tree.parquet and clusters.csv have different clusters."
        return
    sizes = tree.set_index("child")["size"]
    sums = tree.groupby("parent")["size"].sum()
    inner = sizes.drop(leaves["child"])
    if not sums.reindex(inner.index).eq(inner).all():
        yield "tree.parquet has a node whose size is not that of its parts."
    stated = table.set_index("cluster").get("distinct_lines")
    if stated is not None and not stated.reindex(leaves["child"]).eq(sizes[leaves["child"]]).all():
        yield "tree.parquet and clusters.csv count different texts for a cluster."
    theme_of = table.set_index("cluster")["theme"].to_dict()
    for cluster, theme in zip(leaves["child"], leaves["theme"], strict=True):
        if theme_of[cluster] != theme:
            yield f"tree.parquet has cluster {cluster} under another theme than clusters.csv."
            return
    yield from _compare_paths(tree, table)


def _compare_paths(tree: pd.DataFrame, table: pd.DataFrame) -> Iterator[str]:
    """The steps of each path lie one under the other in the tree."""
    above = dict(zip(tree["child"].tolist(), tree["parent"].tolist(), strict=True))
    themes = tree[tree["kind"] == "theme"]
    node_of = dict(zip(themes["theme"].tolist(), themes["child"].tolist(), strict=True))
    paths = table["path"] if "path" in table.columns else pd.Series("", index=table.index)
    for cluster, path in zip(table["cluster"].tolist(), paths.tolist(), strict=True):
        if cluster < 0:
            continue
        theme, *steps = map(int, str(path).split(" > "))
        nodes = [node_of.get(theme), *steps]
        joined = all(above.get(own) == up for up, own in pairwise(nodes))
        if not joined or nodes[-1] != cluster:
            yield f"clusters.csv leads to cluster {cluster} on another path than tree.parquet."
            return


def _compare_hits(run: Run) -> Iterator[str]:
    """Every hit lies in a line of the run, and they are those that the line counts."""
    hits, lines = run.lexicon_hits, run.lines
    if hits is None or "line_id" not in lines.columns:
        return
    length = lines.set_index("line_id")["text_norm"].str.len().reindex(hits["line_id"])
    inside = (hits["start"] >= 0) & (hits["start"] < hits["end"])
    if not (inside & (hits["end"].to_numpy() <= length.to_numpy())).all():
        yield f"{LEXICON_HITS} has a hit outside its line."
    left_out = run.manifest["config"].get("lexicon", {}).get("negation") == "leave out"
    counted = hits[~hits["negated"].astype(bool)] if left_out else hits
    sums = counted["category"].value_counts().to_dict()
    for name in (str(column) for column in lines.columns if str(column).startswith("hits_")):
        category = name.removeprefix("hits_")
        yield from _differ(
            f"hits of {category} in lines.parquet",
            int(lines[name].sum()),
            LEXICON_HITS,
            sums.get(category, 0),
        )


def _read_figures(run: Run) -> Iterator[str]:
    if not isinstance(run.quality, dict) or not run.quality:
        yield "quality.json holds no figures."
    if (run.path / NIGHT).exists() and not isinstance(run.night, dict):
        yield f"{NIGHT} is no table."
    if not np.isfinite(run.lines[["x", "y"]].to_numpy()).all():
        yield "lines.parquet has a place on the map that is no number."
