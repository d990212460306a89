"""A sparse module for the strict array type: SciPy's matrices behind arrays that refuse NumPy.

It has the members that SciPy's and CuPy's sparse matrices share and the stages use, and nothing
else; what goes in and comes out are strict arrays.
"""

import array_api_strict as xp
import numpy as np
import scipy.sparse

from tests.strict_frames import DEVICE


def _inside(array):
    if not isinstance(array, type(xp.zeros(1))):
        raise TypeError(f"expected a strict array, got {type(array)}")
    if array.device != DEVICE:
        raise TypeError("an array of another device")
    return array._array


class StrictMatrix:
    """A sparse matrix on the strict device."""

    def __init__(self, host):
        self._host = host

    shape = property(lambda self: self._host.shape)
    T = property(lambda self: StrictMatrix(self._host.T))

    @property
    def data(self):
        """The stored values."""
        return xp.asarray(self._host.data, device=DEVICE)

    @data.setter
    def data(self, value):
        self._host.data = _inside(value)

    def copy(self):
        """A copy."""
        return StrictMatrix(self._host.copy())

    def toarray(self):
        """Dense."""
        return xp.asarray(self._host.toarray(), device=DEVICE)

    def __getitem__(self, key):
        return StrictMatrix(self._host[key if isinstance(key, slice) else _inside(key)])

    def __matmul__(self, other):
        if isinstance(other, StrictMatrix):
            return StrictMatrix(self._host @ other._host)
        return xp.asarray(np.ascontiguousarray(self._host @ _inside(other)), device=DEVICE)


class StrictSparse:
    """The sparse module."""

    @staticmethod
    def csr_matrix(parts, shape):
        """From (values, (rows, columns)) or (values, columns, begins), strict arrays all."""
        plain = tuple(
            tuple(map(_inside, part)) if isinstance(part, tuple) else _inside(part)
            for part in parts
        )
        return StrictMatrix(scipy.sparse.csr_matrix(plain, shape=shape))
