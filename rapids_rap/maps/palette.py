"""Colours that stay apart: a hue a theme, and within it a shade for each of any number of clusters.

Distances are taken in OKLab (Ottosson 2020, https://bottosson.github.io/posts/oklab/), where equal
steps look equal. Lightness counts double and red against green half, so that what is distinct
remains so for readers with a red-green colour deficiency (one man in twelve).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rapids_rap.arrays import Float64s, Int64s, UInt8s

Colour = tuple[int, int, int]

NOISE = (205, 205, 205)
REST = (148, 148, 148)
PAPER = (255, 255, 255)
INK = (34, 34, 34)

# Distinct for the common colour deficiencies, and dark enough on paper: hues after Okabe & Ito
# (2008) and Tol (2021).
_BASE = (
    "0072b2",
    "d55e00",
    "009e73",
    "cc79a7",
    "e69f00",
    "332288",
    "999933",
    "882255",
    "56b4e9",
)
_SEEN = np.array([2.0, 0.5, 1.0])  # weights of lightness, red-green and blue-yellow
_LIGHTNESS = (0.40, 0.80)
_NEIGHBOURS = 24  # clusters that a colour is kept apart from
_GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))
_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def theme_colours(count: int, kept: Sequence[Colour | None] = ()) -> UInt8s:
    """A colour for each of `count` themes or categories, (count, 3) uint8.

    kept: for some of them the colour that they keep; the others get the first that are left.
    """
    held = {tuple(colour) for colour in kept if colour is not None}
    if not held:
        return _plain_colours(count)
    spare = iter(c for c in _plain_colours(count + len(held)).tolist() if tuple(c) not in held)
    given = [*kept, *[None] * (count - len(kept))]
    return np.array([next(spare) if c is None else c for c in given], dtype=np.uint8)


def _plain_colours(count: int) -> UInt8s:
    base = np.array([[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in _BASE], dtype=np.uint8)
    if count <= len(base):
        return base[:count]
    more = np.arange(count - len(base))
    lightness = np.where(more % 2 == 0, 0.66, 0.50)
    extra = _from_lch(lightness, np.full(len(more), 0.13), more * _GOLDEN_ANGLE + 0.4)
    return np.concatenate([base, extra])


def cluster_colours(
    themes: Int64s,
    places: Float64s,
    sizes: Int64s,
    hues: UInt8s | None = None,
    kept: Sequence[Colour | None] = (),
) -> UInt8s:
    """A colour of its own for each cluster, (k, 3) uint8.

    themes: (k,) theme of each cluster; its colour stays in the theme's family of hues. places:
    (k, 2) where the cluster lies on the map, in units of the map's width: the nearer two clusters,
    the more different their colours. sizes: (k,); the largest cluster of a theme is nearest to the
    theme's own colour. Greedy, largest first. hues: (themes, 3) each theme's own colour, those of
    `theme_colours` by default. kept: for some clusters the colour that they keep, whatever their
    theme; the others keep apart from these too.
    """
    count = len(themes)
    bases = theme_colours(int(themes.max()) + 1 if count else 0) if hues is None else hues
    held = {k: colour for k, colour in enumerate(kept) if colour is not None}
    inherited = np.array(list(held.values()), dtype=np.uint8).reshape(-1, 3)
    pools: dict[int, UInt8s] = {}
    for theme in np.unique(themes):
        taken = np.concatenate([inherited, *pools.values()])
        size = int((themes == theme).sum())
        pools[int(theme)] = _shades(bases[theme], size, len(bases), taken)
    colours = np.zeros((count, 3), dtype=np.uint8)
    seen = np.zeros((count, 3))
    done = list(held)
    colours[done], seen[done] = inherited, to_oklab(inherited) * _SEEN
    for cluster in np.argsort(-sizes, kind="stable"):
        if int(cluster) in held:
            continue
        theme = int(themes[cluster])
        pool = pools[theme]
        looks = to_oklab(pool) * _SEEN
        if any(themes[other] == theme for other in done):
            apart = 0.1 + np.linalg.norm(places[done] - places[cluster], axis=1)
            near = np.argsort(apart, kind="stable")[:_NEIGHBOURS]
            gaps = np.linalg.norm(looks[:, None] - seen[done][near][None], axis=2)
            best = int(np.argmax((gaps * apart[near]).min(axis=1)))
        else:
            best = 0
        colours[cluster], seen[cluster] = pool[best], looks[best]
        pools[theme] = np.delete(pool, best, axis=0)
        done.append(int(cluster))
    return colours


def darkened(colours: UInt8s, lightness: float = 0.42) -> UInt8s:
    """The colours dark enough to be read as text on white, (k, 3) uint8."""
    lab = to_oklab(colours)
    lab[:, 0] = np.minimum(lab[:, 0], lightness)
    return _to_rgb(lab)


def faded(colour: Colour, paper: float) -> Colour:
    """The colour with this share of paper in it."""
    red, green, blue = (
        round(own + paper * (white - own)) for own, white in zip(colour, PAPER, strict=True)
    )
    return red, green, blue


def to_oklab(colours: UInt8s) -> Float64s:
    """(k, 3) sRGB bytes as OKLab: lightness in [0, 1], green-red, blue-yellow."""
    srgb = colours.astype(np.float64) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T


def _to_rgb(lab: Float64s) -> UInt8s:
    linear = ((lab @ np.linalg.inv(_TO_LAB).T) ** 3) @ np.linalg.inv(_TO_LMS).T
    linear = np.clip(linear, 0, 1)
    srgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(srgb * 255).astype(np.uint8)


def _from_lch(lightness: Float64s, chroma: Float64s, hue: Float64s) -> UInt8s:
    return _to_rgb(np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1))


def _shades(base: UInt8s, count: int, families: int, taken: UInt8s) -> UInt8s:
    """At least `count` distinct colours, none taken, around a theme's own, which comes first.

    The box of lightness, chroma and hue is filled evenly by the additive recurrence of the
    generalised golden ratio (Roberts 2018), which has no pattern to collide with.
    """
    lab = to_oklab(base[None])[0]
    chroma, hue = float(np.hypot(lab[1], lab[2])), float(np.arctan2(lab[2], lab[1]))
    spread = min(np.pi, 0.8 * np.pi / max(families, 1))
    ratio = 1.2207440846057596  # root of x^4 = x + 1: evenest in three dimensions
    wanted = max(16, 4 * count)
    found = taken[:0]
    while len(found) < count:
        steps = np.arange(1, wanted + 1)
        u, v, w = (np.mod(0.5 + steps / ratio**power, 1) for power in (1, 2, 3))
        low, high = _LIGHTNESS
        shades = _from_lch(
            low + (high - low) * u, chroma * (0.55 + 0.75 * v), hue + spread * (2 * w - 1)
        )
        found = _distinct(np.concatenate([taken, base[None], shades]))[len(taken) :]
        wanted *= 2
    return found


def _distinct(colours: UInt8s) -> UInt8s:
    """The colours without repetition, in their order."""
    _, first = np.unique(colours, axis=0, return_index=True)
    return colours[np.sort(first)]
