"""One epoch of UMAP's stochastic descent, with its two forces read from tables.

The same updates in the same order and with the same random numbers as umap-learn's own epoch
(McInnes, Healy & Melville 2018, arXiv:1802.03426, algorithm 5). Attraction and repulsion depend on
the squared distance alone, and nearly all of an epoch goes into the powers in their formulas:

    attraction(s) = -2 a b s^(b - 1) / (1 + a s^b)
    repulsion(s) = 2 gamma b / ((0.001 + s) (1 + a s^b))

Here both are tabulated once, `STEPS` steps an octave, and taken linearly between, which errs by
less than 1e-4 of the value. Distances beyond the tables take their outermost steps: below, the
movement is clipped in any case, and above, there is next to no force. A step is clipped coordinate
by coordinate only where the whole of it is longer than the limit, which few are.

Points of a large corpus are not in the nearest caches, and most rows that a sample reads are random
ones. Which they are follows from its row's state alone, so they are asked for some samples ahead:
the same random numbers are drawn twice, and no result depends on it.

Imported when a layout is made: numba and umap-learn belong to the `[cpu]` extra.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from rapids_rap.arrays import Float32s, Int64s

STEP_BITS = 7  # of the mantissa: steps an octave, as a power of two
STEPS = 2**STEP_BITS
SHIFT = 23 - STEP_BITS  # bits of a float32 below a step
LOWEST, HIGHEST = -40, 24  # octaves of the squared distance: 9e-13 to 1.7e7
FIRST = (127 + LOWEST) << STEP_BITS  # of the bits of 2^LOWEST
LAST = (HIGHEST - LOWEST) * STEPS - 1
FRACTION = np.float32(2.0**-SHIFT)
LIMIT = np.float32(4.0)  # of a coordinate's step, before the learning rate
SHORT = np.float32(15.9)  # of a step's squared length: no coordinate reaches the limit
CORE = 0.001  # keeps repulsion finite, as in umap-learn
NEGATIVES = 5  # pushes for each pull, umap-learn's usual number
SOON = 8  # edges from asking for the rows of a sample to taking it
LARGE = 2**22  # bytes of points from which they are asked for: smaller ones stay in the cache


def force_tables(a: float, b: float, gamma: float) -> tuple[Float32s, Float32s]:
    """Attraction and repulsion at the borders of the steps, float32, one more than there are."""
    octaves = np.arange(LOWEST, HIGHEST)[:, None]
    starts = (2.0**octaves * (1.0 + np.arange(STEPS) / STEPS)).ravel()
    squared = np.append(starts, 2.0**HIGHEST)
    bell = 1.0 + a * squared**b
    attraction = -2.0 * a * b * squared ** (b - 1.0) / bell
    repulsion = 2.0 * gamma * b / ((CORE + squared) * bell)
    return attraction.astype(np.float32), repulsion.astype(np.float32)


def run_epochs(
    points: Float32s,
    head: Any,
    tail: Any,
    every: Any,
    curve: tuple[float, float],
    state: Int64s,
    epochs: int,
    rate: float,
) -> Float32s:
    """All epochs, in place: `points` (n, dim) float32, C-ordered, returned.

    head, tail: (edges,) the rows that an edge joins; every: (edges,) float64, epochs from one
    sample of it to the next. curve: a and b. state: (3,) of the random numbers. rate: of the first
    epoch, falling to 0.
    """
    n, dim = points.shape
    tables = force_tables(float(curve[0]), float(curve[1]), 1.0)
    descend = _descent(dim)
    every_negative = every / NEGATIVES
    next_negative, next_positive = every_negative.copy(), every.copy()
    states = np.full((n, 3), state) + points[:, 0].astype(np.float64).view(np.int64)[:, None]
    alpha = rate
    for epoch in range(epochs):
        descend(
            points,
            head,
            tail,
            n,
            every,
            *tables,
            states,
            np.float32(alpha),
            every_negative,
            next_negative,
            next_positive,
            epoch,
            points.nbytes >= LARGE,
        )
        alpha = rate * (1.0 - epoch / epochs)
    return points


@intrinsic
def _bits(_context: Any, number: Any) -> tuple[Any, Callable[..., Any]]:
    """The bits of a float32 as an int32: exponent and leading mantissa are its place in a table."""

    def reinterpret(_target: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.bitcast(values[0], ir.IntType(32))

    return types.int32(types.float32), reinterpret


@numba.njit(inline="always", fastmath=True)
def _force(table: Any, squared: Any) -> Any:
    """The table at a squared distance, linear between its steps."""
    bits = _bits(np.float32(squared))
    place = min(max((bits >> SHIFT) - FIRST, 0), LAST)
    part = np.float32(bits & ((1 << SHIFT) - 1)) * FRACTION
    return table[place] + part * (table[place + 1] - table[place])


@numba.njit(inline="always", fastmath=True)
def _clip(step: Any) -> Any:
    return min(max(step, -LIMIT), LIMIT)


@numba.njit(inline="always")
def _remainder(number: Any, divisor: Any, inverse: Any) -> Any:
    """`number % divisor`, by a product, which is several times as fast as a division."""
    rest = number - int(number * inverse) * divisor
    if rest < 0:
        return rest + divisor
    return rest - divisor if rest >= divisor else rest


@numba.njit(inline="always")
def _next_random(a: Any, b: Any, c: Any) -> Any:
    """umap-learn's `tau_rand_int` on a state in registers: what follows three int64.

    The random number is `int32(a ^ b ^ c)` of what is returned.
    """
    a = (((a & 4294967294) << 12) & 0xFFFFFFFF) ^ ((((a << 13) & 0xFFFFFFFF) ^ a) >> 19)
    b = (((b & 4294967288) << 4) & 0xFFFFFFFF) ^ ((((b << 2) & 0xFFFFFFFF) ^ b) >> 25)
    c = (((c & 4294967280) << 17) & 0xFFFFFFFF) ^ ((((c << 3) & 0xFFFFFFFF) ^ c) >> 11)
    return a, b, c


@numba.njit(inline="always", fastmath=True)
def _squared_distance(points: Any, j: Any, k: Any, dim: Any) -> Any:
    squared = np.float32(0.0)
    for d in range(dim):
        squared += (points[j, d] - points[k, d]) ** 2
    return squared


@numba.njit(inline="always", fastmath=True)
def _pull_together(
    points: Any, j: Any, k: Any, dim: Any, force: Any, squared: Any, alpha: Any
) -> None:
    if force * force * squared < SHORT:
        for d in range(dim):
            step = force * (points[j, d] - points[k, d]) * alpha
            points[j, d] += step
            points[k, d] -= step
        return
    for d in range(dim):
        step = _clip(force * (points[j, d] - points[k, d])) * alpha
        points[j, d] += step
        points[k, d] -= step


@numba.njit(inline="always", fastmath=True)
def _push_away(points: Any, j: Any, k: Any, dim: Any, force: Any, squared: Any, alpha: Any) -> None:
    if force * force * squared < SHORT:
        for d in range(dim):
            points[j, d] += force * (points[j, d] - points[k, d]) * alpha
        return
    for d in range(dim):
        points[j, d] += _clip(force * (points[j, d] - points[k, d])) * alpha


@intrinsic
def _fetch(_context: Any, table: Any, row: Any) -> tuple[Any, Callable[..., Any]]:
    """Ask for the cache line in which a row of a C-ordered 2-d array begins, and go on at once."""

    def ask(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, values[0])
        row_bytes = builder.extract_value(array.strides, 0)
        start = builder.ptrtoint(array.data, row_bytes.type)
        line = builder.add(start, builder.mul(values[1], row_bytes))
        byte = ir.IntType(8).as_pointer()
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        read, keep, data = number(0), number(3), number(1)
        builder.call(prefetch, [builder.inttoptr(line, byte), read, keep, data])
        return context.get_dummy_value()

    return types.void(table, types.uintp), ask


@numba.njit(inline="always")
def _ask(
    points: Any,
    states: Any,
    head: Any,
    tail: Any,
    pushes: Any,
    ahead: Any,
    inverse: Any,
) -> Any:
    """Ask for the rows of a sample to come; `ahead`: the last such sample's row, and its state.

    The state after it. Edges are sorted by row: one row's samples follow each other.
    """
    row, first, second, third = ahead
    j = np.uintp(head)
    if j != row:
        first, second, third = states[j, 0], states[j, 1], states[j, 2]
    _fetch(points, np.uintp(tail))
    for _ in range(pushes):
        first, second, third = _next_random(first, second, third)
        number = np.int32(first ^ second ^ third)
        _fetch(points, np.uintp(_remainder(number, len(points), inverse)))
    return j, first, second, third


@functools.cache
def _descent(dim: int) -> Callable[..., None]:
    """The compiled loop over edges; `dim` is a constant in it, so that its loops are unrolled.

    Without Python's lock, so that two layouts run side by side; kept on disk where there is a place
    for it.
    """

    def descend(
        points: Any,
        head: Any,
        tail: Any,
        n_vertices: int,
        every: Any,
        attraction: Any,
        repulsion: Any,
        states: Any,
        alpha: Any,
        every_negative: Any,
        next_negative: Any,
        next_positive: Any,
        n: int,
        large: bool,
    ) -> None:
        inverse = 1.0 / n_vertices
        edges = every.shape[0]
        ahead = (np.uintp(n_vertices), 0, 0, 0)  # no row
        for i in range(edges):
            soon = i + SOON
            if large and soon < edges and next_positive[soon] <= n:
                pushes = int((n - next_negative[soon]) / every_negative[soon])
                ahead = _ask(points, states, head[soon], tail[soon], pushes, ahead, inverse)
            if next_positive[i] > n:
                continue
            j, k = np.uintp(head[i]), np.uintp(tail[i])  # unsigned: nothing counts from the end
            squared = _squared_distance(points, j, k, dim)
            if squared > 0.0:
                pull = _force(attraction, squared)
                _pull_together(points, j, k, dim, pull, squared, alpha)
            next_positive[i] += every[i]
            negatives = int((n - next_negative[i]) / every_negative[i])
            first, second, third = states[j, 0], states[j, 1], states[j, 2]
            for _ in range(negatives):
                first, second, third = _next_random(first, second, third)
                number = np.int32(first ^ second ^ third)
                k = np.uintp(_remainder(number, n_vertices, inverse))
                squared = _squared_distance(points, j, k, dim)
                if squared > 0.0:
                    push = _force(repulsion, squared)
                    _push_away(points, j, k, dim, push, squared, alpha)
            states[j, 0], states[j, 1], states[j, 2] = first, second, third
            next_negative[i] += negatives * every_negative[i]

    how = {"fastmath": True, "nogil": True, "error_model": "numpy"}  # division without a check
    try:
        return numba.njit(**how, cache=True)(descend)  # type: ignore[no-any-return]
    except RuntimeError:  # no folder that can be written
        return numba.njit(**how)(descend)  # type: ignore[no-any-return]
