"""Our own defaults, in the words of the libraries that the baselines use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rapids_rap.clustering.votes import min_cluster_size
from rapids_rap.config import Config


@dataclass(frozen=True)
class Settings:
    """What all sides do alike.

    n_neighbors counts the point itself, as umap-learn does; min_samples does not, as in hdbscan and
    fast_hdbscan. dimensions: of the space that is clustered, where it is not the map. top: terms a
    cluster. width, height: pixels of the map.
    """

    max_tokens: int
    n_neighbors: int
    min_dist: float
    dimensions: int
    min_cluster_size: int
    min_samples: int
    selection: Literal["eom", "leaf"]
    top: int
    width: int
    height: int
    seed: int


def our_settings(distinct_texts: int) -> Settings:
    """The defaults of a run of that many distinct texts."""
    config = Config()
    seed = config.seed
    if seed == "none":
        raise ValueError("the defaults have no seed")
    return Settings(
        max_tokens=config.embedding.max_tokens,
        n_neighbors=config.layout.n_neighbors,
        min_dist=config.layout.min_dist,
        dimensions=config.layout.dimensions,
        min_cluster_size=min_cluster_size(distinct_texts, config.clusters.min_cluster_size),
        min_samples=config.clusters.min_samples,
        selection=config.clusters.selection,
        top=config.terms.top,
        width=config.maps.width,
        height=config.maps.height,
        seed=seed,
    )
