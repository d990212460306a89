"""What a run takes over from an earlier run of the same corpus: identities, names, positions."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.arrays import Int32s, Int64s
from rapids_rap.backend.protocol import Backend
from rapids_rap.clustering.votes import NOT_HELD, EarlierVotes, Votes
from rapids_rap.clustering.warm_start import Earlier
from rapids_rap.config import Config, VotingSettings
from rapids_rap.runs.files import digest
from rapids_rap.runs.run import Run

HELD = 0.5  # of tonight's texts, that a layout of an earlier night had, for it to go on voting


@dataclass(frozen=True)
class Heritage:
    """The run before, and the numbers and names that must go on.

    run: the run that clusters are matched to and the map is aligned with; None the first time.
    next_cluster, next_theme: the lowest ids never used; a cluster or theme that is born takes the
    next one, and no id is ever used again. cluster_labels, theme_labels: what people named them.
    """

    run: Run | None = None
    next_cluster: int = 0
    next_theme: int = 0
    cluster_labels: Mapping[int, str] = field(default_factory=dict)
    theme_labels: Mapping[int, str] = field(default_factory=dict)


def find_earlier(heritage: Heritage, texts: Sequence[str]) -> tuple[Int64s, pd.DataFrame]:
    """The position of each text of the earlier run among tonight's, -1 if gone, and its texts.

    `cluster` of these is as it was found, before anybody cut or joined.

    A text is the same where its `text_norm` is.
    """
    if heritage.run is None:
        none = np.zeros(0, dtype=np.int64)
        return none, pd.DataFrame({"cluster": none, "theme": none, "weight": none})
    old = found_texts(heritage.run)
    return pd.Index(texts).get_indexer(pd.Index(old["text_norm"])).astype(np.int64), old


def found_texts(run: Run) -> pd.DataFrame:
    """`Run.texts` with the clusters as they were found, before people cut or joined them."""
    regrouped = run.regrouped_texts
    if regrouped is None:
        return run.texts
    return run.texts.assign(cluster=regrouped["cluster_found"].to_numpy())


def earlier_places(
    heritage: Heritage | None, texts: Sequence[str], config: Config, space: str, backend: Backend
) -> Earlier | None:
    """Where tonight's `texts` (n,) lay in the earlier run; None where none of them lay anywhere.

    The coordinates that were clustered are taken over only where they have as many dimensions and
    the vectors were of one `space` (`EmbeddingReport.space`): clusters of a new model are its own.
    """
    if heritage is None or heritage.run is None:
        return None
    place, old = find_earlier(heritage, texts)
    rows = np.flatnonzero(place >= 0)
    if not len(rows):
        return None
    placed = np.zeros(len(texts), dtype=np.bool_)
    placed[place[rows]] = True
    xy = np.zeros((len(texts), 2), dtype=np.float32)
    xy[place[rows]] = old[["x", "y"]].to_numpy(dtype=np.float32)[rows]
    was, reduced = heritage.run.reduced, None
    same = heritage.run.manifest["model"].get("space") == space
    if same and was is not None and was.shape == (len(old), config.layout.dimensions):
        reduced = np.zeros((len(texts), was.shape[1]), dtype=np.float32)
        reduced[place[rows]] = was[rows]
    known = (placed, xy) if reduced is None else (placed, xy, reduced)
    unchanged = len(rows) == len(texts) == len(old) and _shape_of_layout(
        heritage.run.manifest.get("config", {})
    ) == _shape_of_layout(config.model_dump(mode="json"))
    return Earlier(
        backend.from_host(placed),
        backend.from_host(xy),
        None if reduced is None else backend.from_host(reduced),
        digest(b"".join(array.tobytes() for array in known) + bytes([unchanged])),
        unchanged,
    )


def earlier_votes(
    heritage: Heritage | None, texts: Sequence[str], config: Config, space: str, backend: Backend
) -> EarlierVotes | None:
    """What the earlier run's layouts said of tonight's `texts` (n,); None where they may not vote.

    They may where several layouts voted on vectors of one `space`, by the settings of tonight, and
    had at least `HELD` of the texts: else a corpus that grew many times over, or was replaced,
    would be judged by the few layouts that are new.
    """
    if heritage is None or heritage.run is None or config.clusters.layouts == 1:
        return None
    then, kept = heritage.run.manifest, heritage.run.votes
    now = config.model_dump(mode="json")
    same = then["model"].get("space") == space
    if not same or _how_votes_are_cast(then.get("config", {})) != _how_votes_are_cast(now):
        return None
    if kept is None or kept.labels.shape[1] < 2:
        return None
    place, old = find_earlier(heritage, texts)
    rows = np.flatnonzero(place >= 0)
    labels = np.full((kept.labels.shape[1], len(texts)), NOT_HELD, dtype=np.int64)
    strengths = np.zeros(labels.shape, dtype=np.float32)
    strengths[:, place[rows]] = kept.strengths[rows].T
    begins = np.cumsum([0, *(kept.labels.max(axis=0, initial=-1) + 1)])
    alive = []  # the clusters of each layout that still have a text
    for vote, own in enumerate(kept.labels.T):
        numbers, labels[vote, place[rows]] = _renumbered(own[rows])
        alive.append(begins[vote] + numbers)
    unchanged = len(rows) == len(texts) == len(old)
    going_on = (labels > NOT_HELD).mean(axis=1) >= (0.0 if unchanged else HELD)
    if not going_on.any():
        return None
    labels, strengths = labels[going_on], strengths[going_on]
    alive = list(itertools.compress(alive, going_on))
    counts = np.array([len(numbers) for numbers in alive], dtype=np.int64)
    lasting = kept.persistence[np.concatenate(alive)]
    parents, sizes = kept.trees.T
    arrays = (labels, strengths, counts, lasting, kept.trees)
    return EarlierVotes(
        Votes(
            labels=backend.from_host(labels),
            probabilities=backend.from_host(strengths),
            counts=backend.from_host(counts),
            persistence=backend.from_host(lasting),
            tree_counts=np.diff([*np.flatnonzero(parents < 0), len(parents)]),
            tree_parents=parents,
            tree_sizes=sizes,
        ),
        digest(b"".join(array.tobytes() for array in arrays) + bytes([unchanged])),
        unchanged,
    )


def _renumbered(labels: Int32s) -> tuple[Int64s, Int64s]:
    """The clusters that labels (n,) still name, and the labels with those numbered from 0."""
    numbers = np.unique(labels[labels >= 0]).astype(np.int64)
    return numbers, np.where(labels >= 0, np.searchsorted(numbers, labels), labels).astype(np.int64)


def _how_votes_are_cast(config: Mapping[str, Any]) -> list[Any]:
    """What decides the clusters of a layout, and how many there are."""
    clusters = config.get("clusters") or {}
    return [
        *_shape_of_layout(config),
        *(clusters.get(field.name) for field in fields(VotingSettings)),
    ]


def _shape_of_layout(config: Mapping[str, Any]) -> list[Any]:
    """What decides where texts of given vectors lie; absent settings of an older run differ."""
    embedding = config.get("embedding", {})
    after = ("postprocess", "whiten_dims", "remove_dims", "lexical", "lexical_dims")
    return [
        config.get("seed"),
        config.get("neighbors"),
        config.get("layout"),
        (config.get("scale") or {}).get("fit_lines") or 0,
        *(embedding.get(key) for key in after),
    ]
