"""`cupyx.scipy`: SciPy's sparse matrices and Gaussian filter behind the strict array type."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import scipy.ndimage
import scipy.sparse

from tests.double import contract
from tests.double.array import ndarray, operand, wrap

OWNER = "cupyx.scipy.sparse"
IMAGES = "cupyx.scipy.ndimage"
DTYPES = "?fdFD"  # what cupyx keeps


class _Matrix:
    """A sparse matrix on the device; `_host` is SciPy's."""

    format = ""
    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    nnz = property(lambda self: self._host.nnz)
    has_canonical_format = property(
        lambda self: self._host.has_canonical_format,
        lambda self, value: setattr(self._host, "has_canonical_format", value),
    )
    data = property(
        lambda self: wrap(self._host.data),
        lambda self, value: setattr(self._host, "data", operand(value)),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        bound = contract.bind(f"{OWNER}.{self.format}_matrix", args, kwargs)
        given, options = bound.args[0], bound.kwargs
        make = getattr(scipy.sparse, f"{self.format}_matrix")
        self._host = make(_parts(given), *map(operand, bound.args[1:]), **options)
        if self._host.dtype.char not in DTYPES:
            raise ValueError("Only bool, float32, float64, complex64 and complex128 are supported")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("a sparse matrix on the device is no NumPy array")

    @property
    def T(self) -> _Matrix:
        """Transposed."""
        return self.transpose()

    def transpose(self) -> _Matrix:
        """Transposed; a csr becomes a csc."""
        return _of(self._host.T)

    def tocsr(self) -> _Matrix:
        """As csr."""
        return _of(self._host.tocsr())

    def tocoo(self) -> _Matrix:
        """As coo."""
        return _of(self._host.tocoo())

    def copy(self) -> _Matrix:
        """A copy."""
        return _of(self._host.copy())

    def toarray(self) -> Any:
        """Dense."""
        return wrap(self._host.toarray())

    def sum_duplicates(self) -> None:
        """Add up entries of one place, in place."""
        self._host.sum_duplicates()

    def __matmul__(self, other: Any) -> Any:
        if isinstance(other, _Matrix):
            return _of(self._host @ other._host)
        return wrap(self._host @ operand(other))

    def __getitem__(self, key: Any) -> Any:
        found = self._host[operand(key)]
        if scipy.sparse.issparse(found):
            return _of(found)
        return wrap(np.asarray(found))


class csr_matrix(_Matrix):  # noqa: N801  # CuPy's names
    """Compressed rows."""

    format = "csr"


class csc_matrix(_Matrix):  # noqa: N801
    """Compressed columns."""

    format = "csc"


class coo_matrix(_Matrix):  # noqa: N801
    """Coordinates. `has_canonical_format` can be set, and umap-learn's functions read `_host`."""

    format = "coo"
    row = property(lambda self: wrap(self._host.row))


KINDS: dict[str, type[_Matrix]] = {"csr": csr_matrix, "csc": csc_matrix, "coo": coo_matrix}


def _parts(given: Any) -> Any:
    """(data, (rows, columns)), (data, indices, indptr), a shape, or an array, on the host."""
    if isinstance(given, _Matrix):
        return given._host
    if isinstance(given, tuple) and any(isinstance(part, ndarray | tuple) for part in given):
        return tuple(_parts(part) if isinstance(part, tuple) else operand(part) for part in given)
    return operand(given)


def _of(host: Any) -> _Matrix:
    kind = KINDS[host.format]
    matrix = kind.__new__(kind)
    matrix._host = host
    return matrix


def of_host(host: Any) -> _Matrix:
    """A SciPy matrix as a device matrix."""
    return _of(host)


def gaussian_filter(*args: Any, **kwargs: Any) -> Any:
    """`cupyx.scipy.ndimage.gaussian_filter`."""
    bound = contract.bind(f"{IMAGES}.gaussian_filter", args, kwargs)
    return wrap(scipy.ndimage.gaussian_filter(*map(operand, bound.args), **bound.kwargs))


def make_modules() -> dict[str, ModuleType]:
    """The modules by their names."""
    modules = {name: ModuleType(name) for name in ("cupyx", "cupyx.scipy", OWNER, IMAGES)}
    for module in modules.values():
        module.__path__ = []
    for kind in KINDS.values():
        setattr(modules[OWNER], kind.__name__, kind)
    modules["cupyx"].scipy = modules["cupyx.scipy"]
    modules["cupyx.scipy"].sparse = modules[OWNER]
    modules["cupyx.scipy"].ndimage = modules[IMAGES]
    modules[IMAGES].gaussian_filter = gaussian_filter  # type: ignore[attr-defined]
    return modules
