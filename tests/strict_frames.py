"""Tables whose columns are strict arrays: pandas behind a wall that no NumPy array passes.

What goes in are strict arrays, other such tables, numbers and names; what comes out are such tables
and strict arrays. The results of a merge come shuffled, as cuDF gives them in no order. How cuDF
differs otherwise is the matter of tests/double.
"""

import operator

import array_api_strict as xp
import numpy as np
import pandas as pd

DEVICE = xp.Device("device1")
PLAIN = (bool, int, float, str, type(None))


class Wall:
    """A pandas object. Its methods take and give strict things only."""

    def __init__(self, host):
        self._host = host
        if isinstance(host, pd.DataFrame):
            assert all(kind.kind in "iufb" for kind in host.dtypes), "strings stay out of tables"

    def __getattr__(self, name):
        return lambda *args, **options: give(
            getattr(self._host, name)(*take(args), **take(options))
        )

    def __getitem__(self, key):
        return give(self._host[take(key)])

    def __len__(self):
        return len(self._host)

    def __array__(self, *_, **__):
        raise TypeError("implicit conversion to NumPy")

    @property
    def values(self):
        return xp.asarray(self._host.to_numpy(copy=True), device=DEVICE)

    @property
    def columns(self):
        return list(self._host.columns)

    def merge(self, right, **options):
        merged = self._host.merge(take(right), **options)
        return Wall(merged.sample(frac=1, random_state=len(merged)).reset_index(drop=True))


def _between(compute):
    return lambda one, other: Wall(compute(take(one), take(other)))


for _name in ("add", "sub", "mul", "mod", "floordiv", "gt", "ge", "lt", "le", "eq", "ne"):
    _compute = getattr(operator, _name)
    setattr(Wall, f"__{_name}__", _between(_compute))
Wall.__rmul__ = Wall.__mul__


class StrictFrames:
    """What a stage may ask of `backend.frames`."""

    @staticmethod
    def DataFrame(columns):
        return Wall(pd.DataFrame({name: take(column) for name, column in columns.items()}))

    @staticmethod
    def concat(frames):
        return Wall(pd.concat(take(frames)))


def take(given):
    """What pandas is handed in place of strict arrays and tables; TypeError for anything else."""
    if isinstance(given, dict):
        return {name: take(value) for name, value in given.items()}
    if isinstance(given, list | tuple):
        return type(given)(map(take, given))
    if isinstance(given, Wall):
        return given._host
    if isinstance(given, type(xp.empty(0))):
        return np.asarray(given.to_device(xp.Device("CPU_DEVICE")))
    if isinstance(given, PLAIN):
        return given
    raise TypeError(f"{type(given)} is not the device's")


def give(found):
    """Numbers as they are, everything else behind the wall."""
    if isinstance(found, np.generic):
        return found.item()
    return Wall(found)
