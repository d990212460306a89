"""A map of 1.4 million points in 400 clusters: datashader and our labels, or matplotlib's scatter.

Both pictures have the same size in pixels. Ours has every cluster's label placed and a legend; the
scatter has neither.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from rapids_rap.arrays import Float32s, Int64s
from rapids_rap.backend import load_backend
from rapids_rap.bench.measure import Call, Inputs, SideFindings
from rapids_rap.config import Config

POINTS, CLUSTERS, NOISE = 1_400_000, 400, 0.3
CATEGORIES = ("积极", "消极", "愤怒", "思念", "励志", "派对", "城市/意象", "爱情")
WORDS = "江湖 故乡 月光 远方 春风 夜雨 长安 少年 黄昏 归人 孤舟 落花"


def prepare(inputs: Inputs) -> None:
    """Points of seeded Gaussian clusters, some of them noise over the whole plane."""
    random = np.random.default_rng(0)
    labels = random.integers(CLUSTERS, size=POINTS)
    centres, widths = random.normal(scale=8.0, size=(CLUSTERS, 2)), random.uniform(0.1, 0.5, 400)
    points = centres[labels] + widths[labels, None] * random.normal(size=(POINTS, 2))
    noise = random.random(POINTS) < NOISE
    points[noise] = random.normal(scale=8.0, size=(int(noise.sum()), 2))
    labels[noise] = -1
    np.save(inputs.shared / "points.npy", points.astype(np.float32))
    np.save(inputs.shared / "labels.npy", labels.astype(np.int64))


def ours(inputs: Inputs) -> Call:
    """The map of clusters, as a run draws it."""
    return _ours(inputs, ("clusters",))


def ours_all(inputs: Inputs) -> Call:
    """All four maps that a run without artists draws, from one pass over the points."""
    from rapids_rap.maps.draw import PAGES

    return _ours(inputs, PAGES)


def _ours(inputs: Inputs, pages: Collection[str]) -> Call:
    from rapids_rap.maps.draw import MapData, draw_maps

    xy, labels = _load(inputs)
    words = WORDS.split()
    view = MapData(
        xy=xy,
        labels=labels,
        themes=np.arange(CLUSTERS) % 7,
        weights=np.ones(POINTS, dtype=np.int64),
        category=labels % (len(CATEGORIES) + 1) - 1,
        category_names=CATEGORIES,
        cluster_terms=tuple("·".join(np.roll(words, i)[:3]) for i in range(CLUSTERS)),
        theme_labels=tuple(words[:7]),
        artist_clusters=None,
        model="demo",
        seed=42,
    )
    config, backend = Config().maps, load_backend("cpu")

    def call() -> SideFindings:
        return _found(draw_maps(view, config, backend, pages).pages["clusters.png"])

    return call


def matplotlib(inputs: Inputs) -> Call:
    """`scatter` with one-point markers, coloured by cluster, noise grey below."""
    from matplotlib import pyplot as plt

    xy, labels = _load(inputs)
    config = Config().maps
    plt.switch_backend("agg")

    def call() -> SideFindings:
        figure = plt.figure(figsize=(config.width / 100, config.height / 100), dpi=100)
        noise = labels < 0
        x, y = xy.T
        plt.scatter(x[noise], y[noise], s=1, c="lightgray")
        plt.scatter(x[~noise], y[~noise], s=1, c=labels[~noise], cmap="tab20")
        buffer = io.BytesIO()
        plt.savefig(buffer, format="png")
        plt.close(figure)
        return _found(buffer.getvalue())

    return call


def _load(inputs: Inputs) -> tuple[Float32s, Int64s]:
    return np.load(inputs.shared / "points.npy"), np.load(inputs.shared / "labels.npy")


def _found(png: bytes) -> SideFindings:
    return SideFindings({"lines": POINTS}, (), {"png": np.frombuffer(png, dtype=np.uint8)})


def score(inputs: Inputs, found: Mapping[str, Path]) -> dict[str, dict[str, float]]:
    """The pictures' sizes, which have to be equal."""
    from PIL import Image

    del inputs
    figures = {}
    for side, folder in found.items():
        with Image.open(io.BytesIO(np.load(folder / "png.npy").tobytes())) as image:
            figures[side] = {"width": float(image.width), "height": float(image.height)}
    return figures
