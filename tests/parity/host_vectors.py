"""Vectors in mapped pinned host memory against the same vectors in device memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from rapids_rap.arrays import Float32s, Int64s
from rapids_rap.backend.gpu_plan import Choice
from rapids_rap.backend.protocol import Backend
from rapids_rap.runs.certificate import ParityFigure
from tests.parity.checks import RECALL, at_least, at_most

PART, K, AXES = "host vectors", 15, 8
BACKEND = "rapids_rap.backend"


def host_vectors(other: Backend, n: int = 20_000, d: int = 256) -> Iterator[ParityFigure]:
    """Writing, reading, principal axes and every search of (n, d) host rows."""
    points = _points(n, d)
    device = other.from_host(points)
    rows = _mapped_rows(other, points)
    placed = "pinned host memory" in other.usage().algorithms["vectors"]
    yield at_least(PART, "rows in pinned host memory", float(placed), 1)
    wrong = (other.to_host(rows) != points).any(axis=1).sum()
    yield at_most(PART, "rows that differ as torch wrote them", float(wrong), 0)
    ours, theirs = (other.to_host(other.pca(x, AXES).components) for x in (device, rows))
    alike = np.abs(np.sum(ours * theirs, axis=1)).min()
    yield at_least(PART, f"least cosine of {AXES} principal axes", float(alike), 0.9999)
    yield from _searches(other, rows, device)


def _searches(other: Backend, rows: Any, device: Any) -> Iterator[ParityFigure]:
    n, d = (int(size) for size in device.shape)
    exact = other.knn(device, K, engine="exact")
    truth, near = other.to_host(exact.indices), other.to_host(exact.distances)
    with patch(f"{BACKEND}._gpu_faiss.TILE", 4 * d * (n // 4 + 1)):
        for engine in ("exact", "cuvs"):
            found = other.knn(rows, K, engine=engine)
            ran = other.usage().algorithms["neighbors"]
            by_tiles = f"{engine}, searched by tiles"
            yield at_least(PART, by_tiles, float("by tiles" in ran), 1, ran)
            # Ties and the rounding of products may swap a few neighbours.
            met = _met(other.to_host(found.indices), truth)
            yield at_least(PART, f"{engine} by tiles, share of neighbours met", met, 0.999)
            error = np.abs(other.to_host(found.distances) - near).max()
            yield at_most(PART, f"{engine} by tiles, error of distances", float(error), 1e-5)
    with patch(f"{BACKEND}.gpu_plan.EXACT_FLOPS", 1.0):
        found = other.knn(rows, K, engine="cuvs")
    ran = other.usage().algorithms["neighbors"]
    batched = float("nn_descent" in ran and "batches of host rows" in ran)
    yield at_least(PART, "NN-descent over batches of host rows", batched, 1, ran)
    met = _met(other.to_host(found.indices), truth)
    yield at_least(PART, f"NN-descent, recall of {K} neighbours", met, RECALL)


def _mapped_rows(other: Backend, points: Float32s) -> Any:
    """The points in host rows, scattered into them by torch as the encoder's lanes do."""
    n, d = points.shape
    home = Choice("vectors", "host", 0, "the comparison wants it", host=points.nbytes)
    with patch(f"{BACKEND}._gpu_memory.plan_vectors", lambda *_: home):
        rows = other.allocate_rows(n, d)
    order = np.random.default_rng(1).permutation(n)
    view, source = other.as_torch(rows), other.as_torch(other.from_host(points))
    for chosen in np.array_split(order, 7):
        index = torch.from_numpy(chosen).to(source.device)
        view[index] = source[index]
    view[0] = source[0]
    return rows


def _met(found: Int64s, truth: Int64s) -> float:
    met = [np.isin(a, b).sum() for a, b in zip(found, truth, strict=True)]
    return float(np.sum(met)) / truth.size


def _points(n: int, d: int) -> Float32s:
    """Unit rows near a space of twelve dimensions, as embeddings are: neighbours mean something."""
    rng = np.random.default_rng(42)
    rows = rng.normal(size=(n, 12)) @ rng.normal(size=(12, d)) + 0.1 * rng.normal(size=(n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
