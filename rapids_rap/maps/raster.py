"""From points to pixels: datashader aggregates on the backend, images are finished there too.

A pixel takes the colour of one of its points, drawn by lot among the clustered ones: overlapping
clusters look mixed rather than like a third colour, and memory does not grow with their number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device
from matplotlib import colormaps

from rapids_rap.arrays import Float32s, Float64s, UInt8s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.backend.rows import group_first, group_totals
from rapids_rap.maps.palette import PAPER

STEPS = 512  # of the density's colour scale
_LOTS = 2**31
_MULTIPLIER = 2_654_435_761  # odd, so lots are a permutation of the rows (Knuth, TAOCP 3, 6.4)
_STRAY = 0.002  # share of the points at each end that may not stretch the map
_BANDWIDTH = 0.045  # of the kernel for one point, in widths of the picture
_MARGIN = 0.06  # of the picture, left free around the points
_REACH = 0.25  # how far beyond the others, in spans of the map, they are still followed
_MOST_ROWS = 4_000_000  # of the table that datashader is given
_PAINTED = 0.12  # share of the panel that all discs would cover side by side
_GAMMA = 0.45  # of the density's colour scale


@dataclass(frozen=True)
class Raster:
    """One pass of datashader. Rows go upwards.

    counts: (height, width) int64, discs on each pixel. layers: by name, (height, width) int64: 0
    where there is nothing, 1 for a point of no group (noise), g + 2 for one of group g. radius: of
    a point's disc in pixels, 0 for a single pixel.
    """

    counts: Array
    layers: Mapping[str, Array]
    radius: int


def to_pixels(xy: Array, width: int, height: int) -> tuple[Array, int]:
    """The centres of the points' pixels, (n, 2) float32, and how many lie outside the picture.

    Both axes have one scale, since distances of a layout mean the same in every direction. A few
    stray points don't shrink the rest: beyond the 0.2 % quantiles the picture follows its outermost
    points for a quarter of the span and no further. Points that are not finite count as outside.
    """
    xp = array_namespace(xy)
    finite = xp.all(xp.isfinite(xy), axis=1)
    inner = xy[finite]
    spans = [_bounds(inner[:, axis]) for axis in (0, 1)]
    extents = [high - low for low, high in spans]
    unit = max(extents[0] / width, extents[1] / height) / (1 - _MARGIN) or 1.0
    columns = []
    inside = finite
    for axis, size in ((0, width), (1, height)):
        middle = sum(spans[axis]) / 2
        pixel = xp.floor((xp.astype(xy[:, axis], xp.float64) - middle) / unit + size / 2) + 0.5
        inside = inside & (pixel > 0) & (pixel < size)
        columns.append(xp.astype(pixel, xp.float32))
    nowhere = xp.asarray(-(10.0**6), dtype=xp.float32, device=device(xy))
    pixels = xp.where(inside[:, None], xp.stack(columns, axis=1), nowhere)
    return pixels, int(xy.shape[0]) - int(xp.count_nonzero(inside))


def rasterize(
    pixels: Array,
    groups: Mapping[str, Array],
    width: int,
    height: int,
    backend: Backend,
    least: int = 0,
) -> Raster:
    """Aggregates points (n, 2), each a disc, in one pass; `groups`: (n,) int64 by layer, -1 none.

    Few points, or many in few places, get large discs; where they fill the picture, pixels, or
    discs of the radius `least`, as far as memory allows.
    """
    xp = backend.xp
    n = int(pixels.shape[0])
    radius = max(disc_radius(_occupied(pixels, width), width, height), least)
    while radius and n * len(disc(radius)) > _MOST_ROWS:
        radius -= 1
    offsets = backend.from_host(disc(radius))
    discs = int(offsets.shape[0])
    columns: dict[str, Any] = {}
    for axis, name in ((0, "x"), (1, "y")):
        spread = pixels[:, axis][None, :] + offsets[:, axis][:, None]
        columns[name] = xp.reshape(spread, (-1,))
    sizes = {}
    for name, group in groups.items():
        sizes[name] = int(xp.max(group)) + 2 if n else 2
        lot = _draw_lots(group, sizes[name])
        columns[name] = xp.reshape(xp.broadcast_to(lot[None, :], (discs, n)), (-1,))
    found = _aggregate(columns, list(groups), width, height, backend)
    layers = {}
    for name, size in sizes.items():
        drawn = found[name]
        code = xp.astype(xp.where(xp.isnan(drawn), xp.zeros_like(drawn), drawn), xp.int64)
        layers[name] = xp.where(xp.isnan(drawn), xp.zeros_like(code), code % size + 1)
    return Raster(xp.astype(found["counts"], xp.int64), layers, radius)


def paint(
    raster: Raster,
    layer: str,
    colours: UInt8s,
    backend: Backend,
    fades: Float32s | None = None,
    stripe: int = 1,
) -> UInt8s:
    """The layer as an image, top row first: colours[0] for no group, colours[g + 1] for group g.

    A pixel with few points is paler than one with many, on a logarithmic scale. fades: (groups, 2)
    float32, the share of paper in each group's colour between slanted stripes and in them
    (`marks.fade_table`); stripe: their width along an edge in pixels.
    """
    xp = backend.xp
    table = np.concatenate([np.array([PAPER], dtype=np.uint8), colours]).astype(np.float32)
    codes = raster.layers[layer]
    shape = (int(codes.shape[0]), int(codes.shape[1]), 3)
    flat = xp.reshape(codes, (-1,))
    rgb = xp.reshape(xp.take(backend.from_host(table), flat, axis=0), shape)
    alpha = _opacity(raster, backend)[:, :, None]
    if fades is not None and fades.any():
        alpha = alpha * (1 - _paper_shown(codes, fades, stripe, backend)[:, :, None])
    mixed = rgb * alpha + 255.0 * (1 - alpha)
    return backend.to_host(xp.astype(xp.flip(mixed + 0.5, axis=0), xp.uint8))


def _paper_shown(codes: Array, fades: Float32s, stripe: int, backend: Backend) -> Array:
    """(height, width) the share of paper in each pixel; codes as `Raster.layers`."""
    xp, where = backend.xp, device(codes)
    height, width = (int(size) for size in codes.shape)
    rows, columns = (xp.arange(size, dtype=xp.int64, device=where) for size in (height, width))
    # Rows go upwards here, and downwards on the page: these rise to the right.
    inside = ((columns[None, :] - rows[:, None]) // max(1, stripe)) % 2
    plain = np.zeros((2, 2), dtype=np.float32)  # nothing there, and no group
    shown = backend.from_host(np.concatenate([plain, fades]).reshape(-1))
    return xp.reshape(xp.take(shown, xp.reshape(2 * codes + inside, (-1,))), (height, width))


def density_image(raster: Raster, points: int, backend: Backend) -> tuple[UInt8s, float]:
    """The density of the points as an image, top row first, and its peak in points per pixel.

    A kernel estimate with a Gaussian, whose width falls with the sixth root of the number of
    points (Scott 1992, two dimensions). The colour follows `density_level`.
    """
    xp = backend.xp
    height, width = (int(size) for size in raster.counts.shape)
    sigma = _BANDWIDTH * width * max(points, 1) ** (-1 / 6)
    density = backend.smooth(raster.counts, sigma) / len(disc(raster.radius))
    peak = float(xp.max(density))
    level = density_level(density, peak)
    steps = xp.astype(xp.minimum(xp.maximum(level, 0.0), 1.0) * (STEPS - 1) + 0.5, xp.int64)
    table = backend.from_host(density_scale())
    rgb = xp.take(table, xp.reshape(xp.flip(steps, axis=0), (-1,)), axis=0)
    return backend.to_host(xp.reshape(rgb, (height, width, 3))), peak


def density_level(density: Any, peak: float) -> Any:
    """Where a density (number or array) lies on the colour scale, 0 to 1: a power of its share.

    Between a linear scale, on which one hook hides all else, and a logarithmic one, on which the
    sparsest parts look full.
    """
    return (density / (peak or 1.0)) ** _GAMMA


def density_scale() -> UInt8s:
    """The colours of the density from faintest to peak, (STEPS, 3) uint8: paper, then magma."""
    colours = colormaps["magma_r"](np.linspace(0.0, 0.96, STEPS))[:, :3] * 255
    fade = np.clip(np.linspace(0, 6, STEPS), 0, 1)[:, None]  # the first sixth rises out of paper
    return np.round(colours * fade + np.array(PAPER) * (1 - fade)).astype(np.uint8)


def densest_spots(
    pixels: Array, groups: Array, count: int, cell: float, backend: Backend
) -> Float64s:
    """(count, 2) pixel where each group (n,) is densest; NaN for one that is not in the picture.

    It is the mean of the group's points in the square of `cell` pixels that holds most of them, the
    first of equal squares. Only this table is copied to the host.
    """
    xp = backend.xp
    seen = (groups >= 0) & (pixels[:, 0] > 0)
    points, members = pixels[seen], groups[seen]
    square = xp.astype(xp.floor(points / cell), xp.int64)
    across = int(xp.max(square)) + 1 if int(members.shape[0]) else 1
    keys = (members * across + square[:, 1]) * across + square[:, 0]
    best = _fullest_squares(keys, across, count)
    chosen = xp.astype(keys == xp.take(best, members), xp.float64)
    total = sums_by_group(members, chosen, count, backend)[1:]
    sums = [sums_by_group(members, chosen * points[:, axis], count, backend)[1:] for axis in (0, 1)]
    return np.stack(sums, axis=1) / np.where(total > 0, total, np.nan)[:, None]


def _fullest_squares(keys: Array, across: int, count: int) -> Array:
    """(count,) the commonest of each group's `keys` (n,), the lowest of equals, -1 without any.

    A key is group * across² + square.
    """
    xp = array_namespace(keys)
    values, points = xp.unique_counts(keys)
    by_key = xp.argsort(values)
    fullest = xp.take(by_key, xp.argsort(-xp.take(points, by_key), stable=True))
    values = xp.take(values, fullest)
    none = xp.full((1,), -1, dtype=values.dtype, device=device(values))
    return xp.take(xp.concat([values, none]), group_first(values // across**2, count))


def sums_by_group(groups: Array, weights: Array, count: int, backend: Backend) -> Float64s:
    """(count + 1,) the weights of each group (n,) int64 added up; position 0 is group -1.

    The sums are exact: weights are whole numbers, and pixels have their centres at halves. A table
    for the host.
    """
    return backend.to_host(group_totals(weights, groups + 1, count + 1))


def disc_radius(places: int, width: int, height: int) -> int:
    """The radius at which discs on so many places would paint an eighth of the picture."""
    wanted = math.sqrt(_PAINTED * width * height / (math.pi * max(places, 1)))
    return min(round(wanted), max(1, width // 250))


def disc(radius: int) -> Float32s:
    """(m, 2) offsets of the pixels of a disc, its centre among them."""
    steps = np.arange(-radius, radius + 1)
    x, y = (axis.ravel() for axis in np.meshgrid(steps, steps))
    inside = x**2 + y**2 <= (radius + 0.3) ** 2
    return np.stack([x[inside], y[inside]], axis=1).astype(np.float32)


def _aggregate(
    columns: Mapping[str, Array], names: Sequence[str], width: int, height: int, backend: Backend
) -> dict[str, Array]:
    """One pass of datashader: (height, width) counts, and the highest value of each column.

    It runs where the table is: CUDA code for cuDF, whose result is CuPy arrays.
    """
    x = columns["x"]
    xp, where, shape = backend.xp, device(x), (height, width)
    if not int(x.shape[0]):  # a GPU runs nothing on no rows
        empty = xp.full(shape, math.nan, dtype=xp.float64, device=where)
        counts = xp.zeros(shape, dtype=xp.int64, device=where)
        return {"counts": counts, **dict.fromkeys(names, empty)}
    import datashader as ds  # half a second, and only who draws needs it

    canvas = ds.Canvas(width, height, x_range=(0, width), y_range=(0, height))
    wanted = ds.summary(counts=ds.count(), **{name: ds.max(name) for name in names})
    found = canvas.points(backend.frames.DataFrame(columns), "x", "y", wanted)
    return {name: found[name].data for name in ("counts", *names)}


def _bounds(values: Array) -> tuple[float, float]:
    xp = array_namespace(values)
    n = int(values.shape[0])
    if n == 0:
        return 0.0, 0.0
    ordered = xp.sort(values)
    skipped = max(int(_STRAY * n), 1 if n >= 20 else 0)
    low, high = ordered[skipped], ordered[n - 1 - skipped]
    reach = _REACH * (high - low)
    followed = xp.searchsorted(ordered, xp.stack([low - reach, high + reach]))
    return float(ordered[int(followed[0])]), float(ordered[int(followed[1]) - 1])


def _occupied(pixels: Array, width: int) -> int:
    """The number of different pixels the points are on; those outside count as one."""
    xp = array_namespace(pixels)
    places = xp.astype(xp.floor(pixels), xp.int64)
    if not int(places.shape[0]):
        return 0
    ordered = xp.sort(places[:, 1] * width + places[:, 0])  # quicker than a table of values
    return int(xp.count_nonzero(ordered[1:] != ordered[:-1])) + 1


def _draw_lots(group: Array, size: int) -> Array:
    """A number for each point: the highest wins its pixel, and it holds the group (modulo size)."""
    xp = array_namespace(group)
    rows = xp.arange(int(group.shape[0]), dtype=xp.int64, device=device(group))
    lot = (rows * _MULTIPLIER) % _LOTS
    code = xp.astype(group, xp.int64) + 1
    return xp.astype(xp.where(code > 0, lot * size + code, xp.zeros_like(code)), xp.float64)


def _opacity(raster: Raster, backend: Backend) -> Array:
    xp = backend.xp
    lowest = 0.85 if raster.radius else 0.6
    counts = xp.astype(raster.counts, xp.float32)
    full = math.log(max(2.0, min(32.0, float(xp.max(counts)))))
    level = xp.log(xp.maximum(counts, 1.0)) / full
    return lowest + (1 - lowest) * xp.minimum(xp.maximum(level, 0.0), 1.0)
