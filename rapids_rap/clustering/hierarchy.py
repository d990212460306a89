"""One tree above the clusters, and the themes as a layer of it.

Average linkage (Sokal & Michener 1958) of the clusters' centers around the mean of all texts, by
cosine. A merge that can't be told from the one above it is no level of its own: it is taken out,
and its parts hang from the one above, as a condensed tree drops splits that say nothing. What is
within noise a jackknife over texts tells (Tukey 1958): the heights of the same merges without each
twentieth of the texts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace, device

from rapids_rap.arrays import Float64s, Int64s
from rapids_rap.backend.kept import require_array, require_between
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.backend.rows import group_first, group_sums, group_totals, unit_rows
from rapids_rap.clustering.clusters import Clusters

VERSION = 1  # raise it when the same arguments give another result

FOLDS = 20  # parts of the texts, each left out once
# Standard errors by which a merge must be nearer than the one above it. Linkage takes the nearest
# of many pairs: of 30 clusters equally far apart 7.5 merges of 28 seem nearer by two, 2 by three
# and none by four.
SURE = 4.0

_Pairs = Int64s  # (K - 1, 2): the two nodes of each merge, as SciPy numbers them


@dataclass(frozen=True)
class Hierarchy:
    """The tree of K clusters and its layer of T themes; N nodes in small arrays.

    themes: (K,) int64 on the device, the theme of each cluster, theme 0 the heaviest. parents: (N,)
    int64 on the host, the node above each. Nodes 0..K - 1 are the clusters, K..K + T - 1 the
    themes, the last is the root, with -1; those between are merges, those of more clusters
    first. strengths: (N,) float64, the mean cosine at which a node's parent joins it with others,
    about the mean of all texts: never lower further down; NaN where there is nothing to join.
    sizes: (N,) int64, distinct texts. No cluster: no node.
    """

    themes: Array
    parents: Int64s
    strengths: Float64s
    sizes: Int64s

    @property
    def theme_count(self) -> int:
        """T."""
        xp, count = array_namespace(self.themes), int(self.themes.shape[0])
        return int(xp.max(self.themes)) + 1 if count else 0


def find_hierarchy(
    clusters: Clusters, vectors: Array, weights: Array, themes: int, backend: Backend
) -> Hierarchy:
    """The tree of clusters in `vectors` (n, d), cut into at most `themes` themes.

    weights: (n,) occurrences: they order the themes, whose ties go by the lowest text, as ids do
    from night to night. Tables of the clusters' distances are copied to the host on purpose.
    """
    count = int(clusters.persistence.shape[0])
    labels = clusters.labels
    ones = backend.xp.ones_like(labels)
    to_host = backend.to_host
    sizes = to_host(group_totals(ones, labels, count)).astype(np.int64)
    if not count:
        none = np.zeros(0, dtype=np.int64)
        return Hierarchy(backend.from_host(none), none, np.zeros(0), none)
    apart = _distances(clusters.labels_raw, vectors, count, backend)
    pairs, heights = _merge(apart)
    of = _cut(pairs, count, themes)
    mass = to_host(group_totals(weights, labels, count))
    of = _heaviest_first(of, mass, to_host(group_first(labels, count)))
    parents, strengths = _condense(pairs, heights, of)
    return Hierarchy(backend.from_host(of), parents, strengths, _node_sizes(parents, sizes))


def check_kept(kept: Hierarchy, clusters: Clusters, *_: object) -> None:
    """Raises ValueError for a tree that these arguments can't have given."""
    count, nodes = int(clusters.persistence.shape[0]), len(kept.parents)
    require_array("themes", kept.themes, "i", (count,))
    require_between("themes", kept.themes, 0, count - 1)
    require_array("parents", kept.parents, "i", (nodes,))
    require_array("sizes", kept.sizes, "i", (nodes,))
    if kept.strengths.shape != (nodes,) or kept.strengths.dtype != np.float64:
        raise ValueError("strengths is of another shape or kind")
    if (nodes == 0) != (count == 0) or (nodes and nodes < count + kept.theme_count + 1):
        raise ValueError("parents has too few nodes")
    if not nodes:
        return
    require_between("parents", kept.parents[:-1], count, nodes - 1)
    if kept.parents[-1] != -1 or _depths(kept.parents).max() < 0:
        raise ValueError("parents holds what is no tree")


def _distances(labels: Array, vectors: Array, count: int, backend: Backend) -> Float64s:
    """(1 + FOLDS, K, K): cosine distances of centers, of all texts, then without each fold."""
    xp, parts, texts = backend.xp, [], []
    for fold in range(FOLDS):
        own = labels[fold::FOLDS]
        groups = xp.where(own >= 0, own, xp.full_like(own, count))
        parts.append(group_sums(vectors[fold::FOLDS, :], groups, count + 1))
        texts.append(group_totals(xp.ones_like(groups), groups, count + 1))
    total, held = sum(parts[1:], parts[0]), sum(texts[1:], texts[0])
    every = [_apart(total, held, total, held)]
    for part, own in zip(parts, texts, strict=True):
        every.append(_apart(total - part, held - own, total, held))
    return np.stack([backend.to_host(apart) for apart in every])


def _apart(sums: Array, texts: Array, total: Array, held: Array) -> Array:
    """(K, K) cosine distances of centers about the mean of all texts.

    sums: (K + 1, d) of the clusters' vectors, the last is noise, of `texts` (K + 1,) each. A
    cluster that lost all of its texts is what it was in `total` and `held`.
    """
    xp, count = array_namespace(sums), int(sums.shape[0]) - 1
    own, before = texts[:count, None], held[:count, None]
    one = xp.ones_like(own)
    left = sums[:count, :] / xp.where(own > 0, own, one)
    centers = xp.where(own > 0, left, total[:count, :] / xp.where(before > 0, before, one))
    middle = xp.sum(sums, axis=0) / xp.maximum(xp.sum(texts), xp.ones_like(xp.sum(texts)))
    around = unit_rows(centers - middle[None, :])
    apart = 1.0 - around @ xp.matrix_transpose(around)
    apart = xp.minimum(xp.maximum(apart, xp.zeros_like(apart)), xp.full_like(apart, 2.0))
    same = xp.eye(count, dtype=xp.bool, device=device(sums))
    return xp.where(same, xp.zeros_like(apart), apart)


def _merge(apart: Float64s) -> tuple[_Pairs, Float64s]:
    """The merges of the first table, and (1 + FOLDS, K - 1) their heights in every table."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    count = apart.shape[1]
    if count < 2:
        return np.zeros((0, 2), dtype=np.int64), np.zeros((len(apart), 0))
    even = (apart[0] + apart[0].T) / 2
    tree = linkage(squareform(even, checks=False), method="average")
    pairs = tree[:, :2].astype(np.int64)
    inside = _members(pairs, count)
    left, right = inside[pairs[:, 0]], inside[pairs[:, 1]]
    between = left.sum(axis=1) * right.sum(axis=1)
    sums = np.einsum("ma,fab,mb->fm", left, apart, right, optimize=True)
    heights = sums / between
    heights[0] = tree[:, 2]
    return pairs, heights


def _members(pairs: _Pairs, count: int) -> Float64s:
    """(2K - 1, K): 1 where a cluster lies below a node."""
    inside = np.zeros((count + len(pairs), count))
    inside[:count] = np.eye(count)
    for merge, (left, right) in enumerate(pairs):
        inside[count + merge] = inside[left] + inside[right]
    return inside


def _cut(pairs: _Pairs, count: int, most: int) -> Int64s:
    """(K,) the group of each cluster where the last merges are undone, `most` groups or K."""
    kept = len(pairs) - (min(most, count) - 1)
    group = np.arange(count + len(pairs))
    for merge in range(kept - 1, -1, -1):
        group[pairs[merge]] = group[count + merge]
    return group[:count]


def _heaviest_first(group: Int64s, mass: Float64s, lowest: Int64s) -> Int64s:
    """(K,) groups numbered by their weight, those of equal weight by their lowest text."""
    names, members = np.unique(group, return_inverse=True)
    first = np.full(len(names), np.iinfo(np.int64).max)
    np.minimum.at(first, members, lowest)
    order = np.lexsort((first, -np.bincount(members, weights=mass)))
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    return rank[members]


def _condense(pairs: _Pairs, heights: Float64s, of: Int64s) -> tuple[Int64s, Float64s]:
    """Parents and strengths of `Hierarchy`, of the merges that are levels of their own.

    of: (K,) the theme of each cluster. A theme is a node whatever it is made of.
    """
    count, themes = len(of), int(of.max()) + 1
    merges = count + len(pairs)
    inside = _members(pairs, count)
    whole = np.stack([(of == theme) for theme in range(themes)]).astype(np.float64)
    theme_of = np.full(merges, -1)
    for theme in range(themes):
        same = (inside == whole[theme]).all(axis=1)
        theme_of[np.flatnonzero(same)[-1]] = theme
    # (node, the kept node above, the merge that joins it to others, -1 for none)
    root = merges  # a node of its own, above a single theme too
    above, joins, kept = {}, {}, []
    waiting = [(merges - 1, root, -1)]
    while waiting:
        node, parent, level = waiting.pop()
        if theme_of[node] >= 0:
            name = merges + 1 + int(theme_of[node])
            above[name], joins[name] = parent, level
            if node < count:
                above[node], joins[node] = name, level
                continue
            parent, level = name, node - count
        elif node < count:
            above[node], joins[node] = parent, level
            continue
        elif level >= 0 and _is_level(heights, node - count, level):
            above[node], joins[node] = parent, level
            kept.append(node)
            parent, level = node, node - count
        elif level < 0:
            level = node - count  # the root's own merge
        waiting += [(int(child), parent, level) for child in pairs[node - count]]
    return _numbered(above, joins, kept, inside, heights[0], count, themes)


def _is_level(heights: Float64s, merge: int, level: int) -> bool:
    """Whether a merge is surely lower than that of the node above: a delete-one-fold jackknife."""
    gain = heights[:, level] - heights[:, merge]
    folds = len(gain) - 1
    error = np.sqrt((folds - 1) / folds * ((gain[1:] - gain[1:].mean()) ** 2).sum())
    return bool(gain[0] > SURE * error)


def _numbered(
    above: dict[int, int],
    joins: dict[int, int],
    kept: list[int],
    inside: Float64s,
    heights: Float64s,
    count: int,
    themes: int,
) -> tuple[Int64s, Float64s]:
    """Nodes in the order of `Hierarchy`: clusters, themes, merges by size, the root."""
    merges = len(inside)
    larger = sorted(kept, key=lambda node: (-inside[node].sum(), inside[node].argmax()))
    order = [*range(count), *(merges + 1 + theme for theme in range(themes)), *larger, merges]
    place = {node: position for position, node in enumerate(order)}
    parents = np.array([place[above[node]] for node in order[:-1]] + [-1], dtype=np.int64)
    joined = [joins.get(node, -1) for node in order]
    strengths = np.array([1.0 - heights[merge] if merge >= 0 else np.nan for merge in joined])
    return parents, strengths


def _node_sizes(parents: Int64s, sizes: Int64s) -> Int64s:
    """(N,) texts below each node; sizes: (K,) of the clusters."""
    total = np.zeros(len(parents), dtype=np.int64)
    for cluster, size in enumerate(sizes.tolist()):
        node = cluster
        while node >= 0:
            total[node] += size
            node = int(parents[node])
    return total


def _depths(parents: Int64s) -> Int64s:
    """(N,) steps from each node to the root; -1 everywhere where some never lead there."""
    depth = np.zeros(len(parents), dtype=np.int64)
    at = np.arange(len(parents))
    for _ in range(len(parents)):
        at = np.where(at >= 0, parents[at], -1)
        if (at < 0).all():
            return depth
        depth += at >= 0
    return np.full(len(parents), -1, dtype=np.int64)
