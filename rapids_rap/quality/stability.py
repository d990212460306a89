"""How much of a clustering would be there again: on other songs, with another seed, by chance.

Every cluster's Jaccard recurrence (Hennig 2007) over subsamples of songs, with the classes that
are usual for it, what it merges with, whether it splits, and which texts change their cluster.
Stability alone proves no structure, for a method can repeat itself on noise: so the same is done
with vectors that have none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.arrays import Float64s, Int64s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.clustering.neighbors import NeighborGraph, neighbor_graph
from rapids_rap.clustering.votes import min_cluster_size, vote_count
from rapids_rap.config import LayoutConfig, NeighborsConfig, VotingSettings
from rapids_rap.quality.bootstrap import interval
from rapids_rap.quality.figures import Figure
from rapids_rap.quality.nulls import NULLS, Null, null_vectors
from rapids_rap.quality.recurrence import NOISE, Again, compare_again
from rapids_rap.quality.resampling import (
    LAYOUTS,
    SHARE,
    Subject,
    Units,
    cluster_subsample,
    cluster_whole,
    song_units,
)

VERSION = 1  # raise it when the same arguments give another result

FEWEST_UNITS = 10  # of which subsamples are drawn
SEEDS = 3  # others, each with as many layouts as the run has
OF_NULLS = 5  # subsamples
CLASSES = ((0.85, "highly stable"), (0.75, "stable"), (0.60, "doubtful"), (0.0, "unstable"))
STABLE = 0.75  # from which on a cluster is said to be there again
MEANING = "are the clusters there again where songs are resampled? 1: every one, text by text"
NOT_OF_A_SAMPLE = (
    "every layout began with a sample (scale.fit_lines): resampling of such a run is not built"
)
COLUMNS = (
    "cluster",
    "stability",
    "stability_low",
    "stability_high",
    "stability_class",
    "subsamples",
    "merges_with",
    "merges",
    "splits",
    "fades",
    "seeds",
    "setting_down",
    "setting_up",
    "model",
)
Keep = Callable[[str, Callable[[], Int64s]], Int64s]


@dataclass(frozen=True)
class Stability:
    """What came again. figure: as quality.json has it.

    clusters: a row a cluster, `COLUMNS`; texts: a row a distinct text: text_id, cluster, held (in
    how many subsamples) and stayed (in which share of those it kept its cluster, or none). Both are
    empty where nothing was computed.
    """

    figure: dict[str, Any]
    clusters: pd.DataFrame
    texts: pd.DataFrame


@dataclass(frozen=True)
class Comparisons:
    """The clusterings that a run's is compared with, each list may be empty.

    settings: by `down` and `up`. nulls: by kind: the clusters of a null (n,) and its subsamples.
    model: of another run, its clusters, -2 for texts that it lacks.
    """

    songs: Sequence[Int64s]
    seeds: Sequence[Int64s] = ()
    settings: Mapping[str, Int64s] = field(default_factory=dict)
    nulls: Mapping[Null, tuple[Int64s, Sequence[Int64s]]] = field(default_factory=dict)
    model: Int64s | None = None


def resample_songs(
    labels: Array,
    vectors: Array,
    graph: NeighborGraph,
    lines: pd.DataFrame,
    texts: Sequence[str],
    layouts: LayoutConfig,
    clusters: VotingSettings,
    subsamples: int,
    backend: Backend,
    seed: int | None,
) -> Stability:
    """Of the clusters `labels` (n,) before noise was reassigned: on other songs, without nulls.

    vectors, graph: (n, d) and their neighbours. lines: a row an occurrence. The smallest cluster
    is the run's.
    """
    own = backend.to_host(labels).astype(np.int64)
    subject = prepare(vectors, graph, lines, texts, layouts, clusters, backend, seed)
    why = why_not(own, subject)
    if why:
        return nothing(why)
    found = [cluster_subsample(subject, number, backend) for number in range(subsamples)]
    return describe(own, Comparisons(found), subject.units)


def prepare(
    vectors: Array,
    graph: NeighborGraph,
    lines: pd.DataFrame,
    texts: Sequence[str],
    layouts: LayoutConfig,
    clusters: VotingSettings,
    backend: Backend,
    seed: int | None,
) -> Subject:
    """What is clustered again, and how; `texts` by `text_id`."""
    n = int(vectors.shape[0])
    votes = vote_count(n, clusters.layouts, backend.name)
    smallest = min_cluster_size(n, clusters.min_cluster_size)
    return Subject(
        vectors=vectors,
        graph=graph,
        lines=lines["text_id"].to_numpy(np.int64),
        units=song_units(lines, texts, backend),
        layouts=layouts,
        clusters=replace(clusters, layouts=votes, min_cluster_size=smallest),
        seed=0 if seed is None else seed,
    )


def why_not(labels: Int64s, subject: Subject) -> str:
    """Why nothing can be said, "" where something can."""
    if int(labels.max(initial=NOISE)) < 0:
        return "there is no cluster"
    if subject.units.count < FEWEST_UNITS:
        return (
            f"too few songs: {subject.units.count} {subject.units.over} that share no text, and "
            f"{FEWEST_UNITS} are needed"
        )
    if len(labels) * SHARE <= subject.layouts.dimensions + 2:
        return "too few texts to lay out"
    return ""


def nothing(why: str) -> Stability:
    """What is said where nothing could be computed."""
    figure = Figure(None, None, "", MEANING, facts={"note": f"not computed: {why}"})
    texts = pd.DataFrame(columns=["text_id", "cluster", "held", "stayed"])
    return Stability(figure.as_json(), pd.DataFrame(columns=list(COLUMNS)), texts)


def cluster_again(
    subject: Subject,
    subsamples: int,
    neighbors: NeighborsConfig,
    model: Int64s | None,
    backend: Backend,
    keep: Keep,
) -> Comparisons:
    """Everything that a run's clusters are compared with, nulls included.

    keep: is called with a name and what makes that clustering, so that it can be kept. Setting: the
    neighbours of the layouts, a third less and a half more of them.
    """
    few = min(OF_NULLS, subsamples)

    def resampled(name: str, one: Subject, count: int) -> list[Int64s]:
        call = partial(cluster_subsample, one, backend=backend)
        return [keep(f"{name}-{i}", partial(call, i)) for i in range(count)]

    def whole(name: str, one: Subject, seed: int) -> Int64s:
        return keep(name, partial(cluster_whole, one, seed, backend))

    songs = resampled("songs", subject, subsamples)
    seeds = [whole(f"seed-{i}", subject, subject.seed + 7919 * (i + 1)) for i in range(SEEDS)]
    settings = {
        name: whole(name, with_neighbors(subject, share), subject.seed)
        for name, share in (("down", 2 / 3), ("up", 3 / 2))
    }
    nulls: dict[Null, tuple[Int64s, Sequence[Int64s]]] = {}
    for kind in NULLS:
        points = null_vectors(kind, subject.vectors, backend, subject.seed)
        graph = neighbor_graph(points, neighbors, backend, subject.seed)
        null = replace(subject, vectors=points, graph=graph)
        labels = whole(kind, null, subject.seed)
        again = resampled(kind, null, few) if int(labels.max(initial=NOISE)) >= 0 else []
        nulls[kind] = (labels, again)
    return Comparisons(songs, seeds, settings, nulls, model)


def number_of_clusterings(subsamples: int) -> int:
    """How many `cluster_again` makes, where each null has a cluster."""
    few = min(OF_NULLS, subsamples)
    return subsamples + SEEDS + 2 + len(NULLS) * (1 + few)


def with_neighbors(subject: Subject, share: float) -> Subject:
    """The subject with another number of neighbours in its layouts."""
    count = max(2, round(subject.layouts.n_neighbors * share))
    return replace(subject, layouts=subject.layouts.model_copy(update={"n_neighbors": count}))


def describe(labels: Int64s, others: Comparisons, units: Units) -> Stability:
    """Clusters (n,) against what they are compared with; `units` were drawn."""
    again = [compare_again(labels, other) for other in others.songs]
    table = _cluster_table(labels, again, others)
    figure = _figure(labels, again, table, others, units)
    held = np.sum([one.held for one in again], axis=0)
    stayed = np.sum([one.stayed for one in again], axis=0)
    texts = pd.DataFrame(
        {
            "text_id": np.arange(len(labels)),
            "cluster": labels,
            "held": held,
            "stayed": np.where(held > 0, stayed / np.maximum(held, 1), np.nan),
        }
    )
    return Stability(figure, table, texts)


def class_of(stability: float) -> str:
    """The class of a cluster by its mean Jaccard index, "" for none."""
    return next((name for least, name in CLASSES if stability >= least), "")


def _cluster_table(labels: Int64s, again: Sequence[Again], others: Comparisons) -> pd.DataFrame:
    count = int(labels.max(initial=NOISE)) + 1
    index = np.array([one.jaccard for one in again]).reshape(len(again), count)
    spans = [interval(index[:, cluster]) or [np.nan, np.nan] for cluster in range(count)]
    mean = _means(index)
    partner = np.array([one.partner for one in again]).reshape(len(again), count)
    met = [_most_frequent(partner[:, cluster]) for cluster in range(count)]
    model = [] if others.model is None else [others.model]
    table = pd.DataFrame(
        {
            "cluster": np.arange(count),
            "stability": mean,
            "stability_low": [span[0] for span in spans],
            "stability_high": [span[1] for span in spans],
            "stability_class": [class_of(value) for value in mean.tolist()],
            "subsamples": np.isfinite(index).sum(axis=0),
            "merges_with": pd.array([name for name, _ in met], dtype="Int64"),
            "merges": [times / max(1, len(again)) for _, times in met],
            "splits": np.mean([one.split for one in again], axis=0),
            "fades": np.mean([one.faded for one in again], axis=0),
            "seeds": _recurrence(labels, others.seeds),
            "setting_down": _recurrence(labels, _one(others.settings.get("down"))),
            "setting_up": _recurrence(labels, _one(others.settings.get("up"))),
            "model": _recurrence(labels, model),
        }
    )
    return table[list(COLUMNS)]


def _one(labels: Int64s | None) -> list[Int64s]:
    return [] if labels is None else [labels]


def _most_frequent(partner: Int64s) -> tuple[int | None, int]:
    """The cluster that another merges with most often, and how often; None without any."""
    met = partner[partner >= 0]
    if not len(met):
        return None, 0
    counts = np.bincount(met)
    return int(counts.argmax()), int(counts.max())


def _recurrence(labels: Int64s, others: Sequence[Int64s]) -> Float64s:
    """(K,) the mean Jaccard index of each cluster over other clusterings; NaN without any."""
    count = int(labels.max(initial=NOISE)) + 1
    rows = [compare_again(labels, other).jaccard for other in others]
    return _means(np.array(rows).reshape(len(rows), count))


def _means(values: Float64s, axis: int = 0) -> Float64s:
    """The mean of what is known along an axis; NaN where nothing is."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.where(known.any(axis=axis), total / np.maximum(known.sum(axis=axis), 1), np.nan)


def _figure(
    labels: Int64s,
    again: Sequence[Again],
    table: pd.DataFrame,
    others: Comparisons,
    units: Units,
) -> dict[str, Any]:
    """The mean over clusters, its interval over subsamples, and the nulls' beside it."""
    index = np.array([one.jaccard for one in again])
    nulls = {kind: _null(*found) for kind, found in others.nulls.items()}
    chance = {NULLS[kind]: float(one["recurrence"]) for kind, one in nulls.items()}
    baseline = max(chance, key=chance.__getitem__, default="")
    texts = np.bincount(labels[labels >= 0], minlength=len(table))
    lasting = table["stability"].to_numpy() >= STABLE
    held = np.concatenate([one.held for one in again])
    stayed = np.concatenate([one.stayed for one in again])
    facts: dict[str, Any] = {
        "interval_over": f"{len(again)} subsamples of {SHARE:.0%} of {units.over}",
        "subsamples": len(again),
        "units": units.count,
        "units_are": units.over,
        "layouts_each": LAYOUTS,
        "clusters": len(table),
        "recurring_clusters": int(lasting.sum()),
        "recurring_share_texts": float(texts[lasting].sum() / texts.sum()),
        "classes": {
            name: int((table["stability_class"] == name).sum()) for _, name in reversed(CLASSES)
        },
        "texts_that_change": 1.0 - float(stayed.sum() / max(1, held.sum())),
        "agreement": _known(np.array([one.agreement for one in again])),
        **{
            name: _known(table[name].to_numpy())
            for name in ("seeds", "setting_down", "setting_up", "model")
        },
        "nulls": nulls or None,
    }
    if not nulls:
        facts["note"] = "no null beside it: `rapids-rap stability RUN` makes them"
    return {
        **Figure(
            _known(table["stability"].to_numpy()),
            chance.get(baseline),
            baseline,
            MEANING,
            interval(_means(index, axis=1)),
            facts,
        ).as_json(),
        "interval": interval(_means(index, axis=1)),
    }


def _null(labels: Int64s, again: Sequence[Int64s]) -> dict[str, Any]:
    """Of vectors without structure: how many clusters they have, and how these recur."""
    found = _recurrence(labels, again)
    return {
        "recurrence": _known(found) or 0.0,  # no cluster: nothing that could recur
        "clusters": int(labels.max(initial=NOISE)) + 1,
        "recurring_clusters": int((found >= STABLE).sum()),
        "clustered_share_texts": float((labels >= 0).mean()) if len(labels) else 0.0,
    }


def _known(values: Float64s) -> float | None:
    """The mean of what is known, None without any."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
