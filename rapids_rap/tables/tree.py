"""The tree above the clusters as files and readers have it: `tree.parquet`, and paths in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from rapids_rap.arrays import Int64s
from rapids_rap.clustering.hierarchy import Hierarchy

COLUMNS = ("parent", "child", "strength", "size", "kind", "theme")
ROOT = -2  # its id; further inner nodes count down from there, so that none is a cluster's or noise
CLUSTER, THEME, BRANCH = "cluster", "theme", "branch"
BETWEEN = " > "  # of the ids of a path: a spreadsheet takes 3/12 for a day
_NAMED = 4  # clusters that a sentence names of a branch
_ID = re.compile("-?[0-9]{1,18}")


def tree_table(tree: Hierarchy, clusters: Int64s, themes: Int64s) -> pd.DataFrame:
    """tree.parquet: a row a node but the root, from the root down; by published ids.

    clusters: (K,), themes: (T,) ids. child: a cluster's own id, of other nodes one below `ROOT`.
    strength: the mean cosine at which the parent joins the child with others, null where nothing is
    joined. size: distinct texts. kind: of the child. theme: whose node the child is or lies under,
    null above the themes.
    """
    ids = _node_ids(tree, clusters)
    count, layer = len(clusters), len(themes)
    order = [node for node in _downwards(tree) if tree.parents[node] >= 0]
    kinds = [_kind(node, count, layer) for node in order]
    under = [_theme_of(tree.parents, node, count, layer) for node in order]
    return pd.DataFrame(
        {
            "parent": np.array([ids[tree.parents[node]] for node in order], dtype=np.int64),
            "child": np.array([ids[node] for node in order], dtype=np.int64),
            "strength": tree.strengths[order] if order else np.zeros(0),
            "size": tree.sizes[order] if order else np.zeros(0, dtype=np.int64),
            "kind": pd.array(kinds, dtype="str"),
            "theme": pd.array(
                [None if theme < 0 else int(themes[theme]) for theme in under], dtype="Int64"
            ),
        }
    )


def paths(table: pd.DataFrame) -> dict[int, str]:
    """Of each cluster in `tree_table`: its theme, nodes between, its own id: `3 > -12 > 41`."""
    above = dict(zip(table["child"].tolist(), table["parent"].tolist(), strict=True))
    rows = table.set_index("child")
    kind, theme = rows["kind"].to_dict(), rows["theme"].to_dict()
    found = {}
    for cluster in table.loc[table["kind"] == CLUSTER, "child"].tolist():
        steps, node = [str(cluster)], above[cluster]
        while kind.get(node) == BRANCH:
            steps.append(str(node))
            node = above[node]
        found[cluster] = BETWEEN.join([str(int(theme[cluster])), *reversed(steps)])
    return found


def with_paths(clusters: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """clusters.csv with its column `path`, empty of noise."""
    known = paths(table)
    told = [known.get(own, "") for own in clusters["cluster"].tolist()]
    return clusters.assign(path=pd.array(told, dtype="str"))


def members(table: pd.DataFrame | None) -> dict[int, list[int]]:
    """Of each node the clusters at or below it, by id; nothing of a run without a tree."""
    if table is None:
        return {}
    above = dict(zip(table["child"].tolist(), table["parent"].tolist(), strict=True))
    found: dict[int, list[int]] = {}
    for cluster in sorted(table.loc[table["kind"] == CLUSTER, "child"].tolist()):
        node, seen = cluster, set[int]()
        while node not in seen:  # a file that was tampered with may hold a circle
            seen.add(node)
            found.setdefault(node, []).append(cluster)
            node = above.get(node, node)
    return found


def path_said(
    path: object, below: Mapping[int, Sequence[int]], theme_labels: Mapping[int, str]
) -> tuple[str, str]:
    """A path in Chinese and English: its theme by name, branches by their clusters; "" of none.

    path: as in clusters.csv. below: `members` of the run's tree, empty where it has none.
    """
    if not isinstance(path, str) or not below:
        return "", ""
    steps = path.split(BETWEEN)
    if len(steps) < 2 or not all(map(_ID.fullmatch, steps)):
        return "", ""
    theme, *branches, cluster = map(int, steps)
    label = theme_labels.get(theme, "")
    chinese = [f"主题 {theme} {label}".strip()]
    english = [f"theme {theme} {label}".strip()]
    for branch in branches:
        own = below.get(branch, [])
        some = ", ".join(map(str, own[:_NAMED])) + (", …" if len(own) > _NAMED else "")
        chinese.append(f"{len(own)} 个聚类（{some}）")
        english.append(f"{len(own)} clusters ({some})")
    return " › ".join([*chinese, f"聚类 {cluster}"]), " > ".join([*english, f"cluster {cluster}"])


def _node_ids(tree: Hierarchy, clusters: Int64s) -> Int64s:
    """(N,) of clusters their own; the root is -2, then the others from the root down."""
    ids = np.zeros(len(tree.parents), dtype=np.int64)
    inner = [node for node in _downwards(tree) if node >= len(clusters)]
    ids[inner] = ROOT - np.arange(len(inner))
    ids[: len(clusters)] = clusters
    return ids


def _downwards(tree: Hierarchy) -> Iterator[int]:
    """The nodes, each before what is under it, the larger first."""
    below: dict[int, list[int]] = {}
    for node, parent in enumerate(tree.parents.tolist()):
        below.setdefault(parent, []).append(node)
    waiting = below.get(-1, [])
    while waiting:
        node = waiting.pop()
        yield node
        waiting += sorted(below.get(node, []), key=lambda own: (int(tree.sizes[own]), -own))


def _kind(node: int, clusters: int, themes: int) -> str:
    if node < clusters:
        return CLUSTER
    return THEME if node < clusters + themes else BRANCH


def _theme_of(parents: Int64s, node: int, clusters: int, themes: int) -> int:
    """The theme that a node is or lies under, -1 for none."""
    while node >= 0:
        if clusters <= node < clusters + themes:
            return node - clusters
        node = int(parents[node])
    return -1
