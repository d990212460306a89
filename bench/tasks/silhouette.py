"""The exact cosine silhouette of 50,000 vectors: our closed form and scikit-learn's all pairs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rapids_rap.bench.measure import Call, Inputs, SideFindings

ROWS, DIMENSIONS, CLUSTERS, NOISE = 50_000, 256, 100, 0.3


def prepare(inputs: Inputs) -> None:
    """Unit vectors around seeded centres, and a share of noise."""
    random = np.random.default_rng(0)
    labels = random.integers(CLUSTERS, size=ROWS)
    centres = random.normal(size=(CLUSTERS, DIMENSIONS))
    points = centres[labels] + 1.5 * random.normal(size=(ROWS, DIMENSIONS))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    labels[random.random(ROWS) < NOISE] = -1
    np.save(inputs.shared / "points.npy", points.astype(np.float32))
    np.save(inputs.shared / "labels.npy", labels.astype(np.int64))


def ours(inputs: Inputs) -> Call:
    """`geometry.cosine_silhouette`."""
    from rapids_rap.quality.geometry import cosine_silhouette

    points, labels = (np.load(inputs.shared / f"{n}.npy") for n in ("points", "labels"))

    def call() -> SideFindings:
        values = cosine_silhouette(points, labels)
        return SideFindings({"texts": ROWS}, (), {"values": values})

    return call


def scikit_learn(inputs: Inputs) -> Call:
    """`silhouette_samples` of what is no noise, which it would take for a cluster."""
    from sklearn.metrics import silhouette_samples

    points, labels = (np.load(inputs.shared / f"{n}.npy") for n in ("points", "labels"))
    inside = labels >= 0

    def call() -> SideFindings:
        values = np.full(ROWS, np.nan, dtype=np.float32)
        values[inside] = silhouette_samples(points[inside], labels[inside], metric="cosine")
        return SideFindings({"texts": ROWS}, (), {"values": values})

    return call


def score(inputs: Inputs, found: Mapping[str, Path]) -> dict[str, dict[str, float]]:
    """The mean, and the largest difference of any value to scikit-learn's."""
    del inputs
    truth = np.load(found["scikit-learn"] / "values.npy")
    values = {side: np.load(folder / "values.npy") for side, folder in found.items()}
    return {
        side: {
            "silhouette": float(np.nanmean(own)),
            "largest_difference": float(np.nanmax(np.abs(own - truth))),
            "same_rows": float(np.mean(np.isnan(own) == np.isnan(truth))),
        }
        for side, own in values.items()
    }
