"""`cudf`: DataFrame, Series and groups over pandas, as strict as cuDF and as loose about order.

Differences of cuDF that matter are here on purpose: rows of a merge, of groups that were not asked
to be sorted and of ties in a sort come shuffled (repeatably); a boolean mask selects by position;
a missing value is null, not NaN, and integers stay integers beside one; `groupby` does not sort by
default. Columns are numbers or booleans.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from tests.double import contract
from tests.double.array import ndarray, wrap
from tests.double.columns import has_nulls, nullable, numpy_dtype, settled, shuffled
from tests.double.memory import copied, heap

IMPLICIT = (
    "Implicit conversion to a host NumPy array via __array__ is not allowed, To explicitly "
    "construct a GPU matrix, consider using .to_cupy()\nTo explicitly construct a host matrix, "
    "consider using .to_numpy()."
)


class _Table:
    """What DataFrame and Series share. `_host` is pandas'."""

    _host: Any
    __hash__ = None  # type: ignore[assignment]

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(IMPLICIT)

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(
            f"{type(self).__name__} object is not iterable. Consider using `.to_arrow()`, "
            "`.to_pandas()` or `.values_host` if you wish to iterate over the values."
        )

    def __bool__(self) -> bool:
        raise ValueError(f"The truth value of a {type(self).__name__} is ambiguous.")

    def __len__(self) -> int:
        return len(self._host)

    @property
    def shape(self) -> Any:
        """As pandas'."""
        return self._host.shape

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r} (double: cuDF lacks it, or "
            "tools/gpu_contract/names.py does)"
        )


class DataFrame(_Table):
    """`cudf.DataFrame` of numbers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = contract.bind("cudf.DataFrame", args, kwargs).arguments
        if set(given) - {"data"}:
            raise NotImplementedError(f"the double's DataFrame takes data only, not {set(given)}")
        data = given.get("data") or {}
        self._adopt(pd.DataFrame({name: _column(values) for name, values in data.items()}))

    def _adopt(self, host: pd.DataFrame) -> None:
        for name, dtype in host.dtypes.items():
            if getattr(dtype, "kind", "O") not in "iufb":
                raise TypeError(f"column {name!r}: the double keeps numbers only, got {dtype}")
        self._host = host
        heap.take(int(host.memory_usage(index=False).sum()), self)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._host.columns)

    columns = property(lambda self: self._host.columns)

    @property
    def values(self) -> ndarray:
        """A device matrix."""
        if self._host.isna().to_numpy().any():
            raise ValueError("cannot convert a column with nulls; fill them first")
        return wrap(self._host.to_numpy().copy())

    def to_cupy(self, *args: Any, **kwargs: Any) -> ndarray:
        """A device matrix."""
        contract.bind("cudf.DataFrame.to_cupy", (self, *args), kwargs)
        return self.values

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return _series(self._host[key])
        if isinstance(key, (ndarray, Series)):
            mask = _mask(key)
            if len(mask) != len(self):
                raise IndexError(f"Boolean mask has wrong length: {len(mask)} not {len(self)}")
            return _frame(self._host[mask])
        if isinstance(key, (list, pd.Index)) and all(isinstance(name, str) for name in key):
            return _frame(self._host[list(key)])
        raise TypeError(f"__getitem__ on type {type(key)} is not supported")

    def assign(self, **columns: Any) -> DataFrame:
        """With more columns, or others."""
        contract.bind("cudf.DataFrame.assign", (self,), columns)
        host = self._host.copy()
        for name, value in columns.items():
            host[name] = _aligned(value, host.index)
        return _frame(host)

    def rename(self, *args: Any, **kwargs: Any) -> DataFrame:
        """With other names of columns."""
        given = contract.bind("cudf.DataFrame.rename", (self, *args), kwargs).arguments
        return _frame(self._host.rename(columns=given["columns"]))

    def reset_index(self, *args: Any, **kwargs: Any) -> DataFrame:
        """With the index as columns."""
        given = contract.bind("cudf.DataFrame.reset_index", (self, *args), kwargs)
        return _frame(self._host.reset_index(**dict(list(given.arguments.items())[1:])))

    def drop_duplicates(self, *args: Any, **kwargs: Any) -> DataFrame:
        """Distinct rows."""
        given = contract.bind("cudf.DataFrame.drop_duplicates", (self, *args), kwargs)
        return _frame(self._host.drop_duplicates(**dict(list(given.arguments.items())[1:])))

    def sort_values(self, *args: Any, **kwargs: Any) -> DataFrame:
        """Sorted; the order of equal rows is nobody's business, and shuffled."""
        given = contract.bind("cudf.DataFrame.sort_values", (self, *args), kwargs).arguments
        if given.get("inplace") or given.get("axis", 0) != 0 or given.get("key") is not None:
            raise NotImplementedError("`inplace`, `axis` and `key` are not implemented by cuDF")
        contract.judge("cudf.DataFrame.sort_values.kind", given.get("kind", "quicksort"))
        options = {k: given[k] for k in ("ascending", "na_position", "ignore_index") if k in given}
        return _frame(shuffled(self._host).sort_values(given["by"], **options))

    def merge(self, *args: Any, **kwargs: Any) -> DataFrame:
        """Joined, in an order that is not given unless `sort`."""
        given = contract.bind("cudf.DataFrame.merge", (self, *args), kwargs).arguments
        options = {key: value for key, value in given.items() if key not in ("self", "right")}
        left, right = nullable(self._host), nullable(given["right"]._host)
        host = settled(left.merge(right, **options))
        if not options.get("sort"):
            host = shuffled(host).reset_index(drop=True)
        return _frame(host)

    def groupby(self, *args: Any, **kwargs: Any) -> Groups:
        """Groups; sorted only if `sort` is given and true."""
        given = contract.bind("cudf.DataFrame.groupby", (self, *args), kwargs).arguments
        if set(given) - {"self", "by", "sort"}:
            raise NotImplementedError(f"the double's groupby takes by and sort, not {set(given)}")
        return Groups(self._host, given["by"], _sorts(given), None)


def _sorts(given: dict[str, Any]) -> bool:
    [default] = contract.record()["legal"]["cudf.DataFrame.groupby.sort"]["values"]
    return bool(given.get("sort", default))


class Series(_Table):
    """`cudf.Series` of numbers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = contract.bind("cudf.Series", args, kwargs).arguments
        self._adopt(pd.Series(_column(given["data"]), name=given.get("name")))

    def _adopt(self, host: pd.Series) -> None:
        if getattr(host.dtype, "kind", "O") not in "iufb":
            raise TypeError(f"the double keeps numbers only, got {host.dtype}")
        self._host = host
        heap.take(int(host.memory_usage(index=False)), self)

    dtype = property(lambda self: numpy_dtype(self._host.dtype))
    name = property(lambda self: self._host.name)

    @property
    def values(self) -> ndarray:
        """The column as a device array; ValueError where it holds nulls."""
        if has_nulls(self._host):
            raise ValueError(f"column {self.name!r} holds nulls, which no CuPy array can")
        return wrap(np.array(self._host.to_numpy(dtype=self.dtype), copy=True))

    def to_cupy(self, *args: Any, **kwargs: Any) -> ndarray:
        """The column as a device array."""
        given = contract.bind("cudf.Series.to_cupy", (self, *args), kwargs).arguments
        if given.get("na_value") is not None and has_nulls(self._host):
            return _series(self._host.fillna(given["na_value"])).values
        return self.values

    def isna(self) -> Series:
        """Whether null or NaN."""
        return _series(self._host.isna())

    def where(self, *args: Any, **kwargs: Any) -> Series:
        """The value where the condition holds, else the other."""
        given = contract.bind("cudf.Series.where", (self, *args), kwargs).arguments
        other = given.get("other")
        other = other._host if isinstance(other, Series) else other
        return _series(self._host.where(_mask(given["cond"]), other))

    def reset_index(self, *args: Any, **kwargs: Any) -> Any:
        """With the index as columns: a DataFrame, or a Series where it is dropped."""
        given = contract.bind("cudf.Series.reset_index", (self, *args), kwargs).arguments
        host = self._host.reset_index(**{k: v for k, v in given.items() if k != "self"})
        return _series(host) if isinstance(host, pd.Series) else _frame(host)

    def sum(self, *args: Any, **kwargs: Any) -> Any:
        """A host scalar."""
        contract.bind("cudf.Series.sum", (self, *args), kwargs)
        copied("scalar", self._host.dtype.itemsize)
        return self._host.sum()


def _operation(compute: Callable[[Any, Any], Any], reflected: bool) -> Callable[..., Any]:
    def method(self: Series, other: Any) -> Any:
        if isinstance(other, Series):
            if not self._host.index.equals(other._host.index):
                raise ValueError("the double takes identically labelled Series only")
            right = other._host
        elif isinstance(other, ndarray):
            right = _column(other)
        elif isinstance(other, (bool, int, float, np.generic)):
            right = other
        else:
            return NotImplemented
        return _series(compute(right, self._host) if reflected else compute(self._host, right))

    return method


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "and", "or"):
    _compute = getattr(operator, f"{_name}_" if _name in ("and", "or") else _name)
    setattr(Series, f"__{_name}__", _operation(_compute, reflected=False))
    setattr(Series, f"__r{_name}__", _operation(_compute, reflected=True))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Series, f"__{_name}__", _operation(getattr(operator, _name), reflected=False))
setattr(Series, "__invert__", lambda self: _series(~self._host))  # noqa: B010


class Groups:
    """`DataFrameGroupBy`, and `SeriesGroupBy` once one column was chosen."""

    def __init__(self, host: pd.DataFrame, by: Any, sort: bool, chosen: Any) -> None:
        self._data, self._by, self._sort, self._chosen = host, by, sort, chosen

    @property
    def _owner(self) -> str:
        kind = "SeriesGroupBy" if isinstance(self._chosen, str) else "DataFrameGroupBy"
        return f"cudf.core.groupby.groupby.{kind}"

    def __getitem__(self, key: Any) -> Groups:
        if not isinstance(key, str | list):
            raise TypeError(f"columns are chosen by name, got {type(key)}")
        return Groups(self._data, self._by, self._sort, key)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{self._owner!r} has no attribute {name!r} (double: or no record)")

    @property
    def _pandas(self) -> Any:
        groups = self._data.groupby(self._by, sort=True)
        return groups if self._chosen is None else groups[self._chosen]

    def _result(self, host: Any) -> Any:
        host = host if self._sort else shuffled(host)
        return _series(host) if isinstance(host, pd.Series) else _frame(host)

    def _reduce(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = contract.bind(f"{self._owner}.{name}", (self, *args), kwargs)
        if len(given.arguments) > 1:
            raise NotImplementedError(f"the double's {name} takes no arguments")
        return self._result(getattr(self._pandas, name)())

    def sum(self, *args: Any, **kwargs: Any) -> Any:
        """Sums of groups."""
        return self._reduce("sum", args, kwargs)

    def max(self, *args: Any, **kwargs: Any) -> Any:
        """Largest of groups."""
        return self._reduce("max", args, kwargs)

    def min(self, *args: Any, **kwargs: Any) -> Any:
        """Smallest of groups."""
        return self._reduce("min", args, kwargs)

    def size(self, *args: Any, **kwargs: Any) -> Any:
        """Rows of groups."""
        return self._reduce("size", args, kwargs)

    def agg(self, *args: Any, **kwargs: Any) -> Any:
        """`{column: "sum" | "min" | "max"}`."""
        given = contract.bind(f"{self._owner}.agg", (self, *args), kwargs).arguments
        wanted = given["func"]
        if not isinstance(wanted, dict) or not set(wanted.values()) <= {"sum", "min", "max"}:
            raise NotImplementedError(f"the double aggregates by a dictionary, got {wanted!r}")
        return self._result(self._pandas.agg(wanted))

    def cumcount(self, *args: Any, **kwargs: Any) -> Series:
        """The place of each row in its group, in the rows' order."""
        contract.bind(f"{self._owner}.cumcount", (self, *args), kwargs)
        return _series(self._pandas.cumcount())

    def transform(self, *args: Any, **kwargs: Any) -> Any:
        """A group's aggregate beside each of its rows, in the rows' order."""
        given = contract.bind(f"{self._owner}.transform", (self, *args), kwargs).arguments
        if given["func"] not in {"sum", "min", "max", "size"}:
            raise NotImplementedError(f"the double does not transform by {given['func']!r}")
        return _series(self._pandas.transform(given["func"]))


def concat(*args: Any, **kwargs: Any) -> DataFrame:
    """`cudf.concat` of DataFrames, row after row; columns that one lacks are null there."""
    given = contract.bind("cudf.concat", args, kwargs).arguments
    parts = given["objs"]
    if not parts or not all(isinstance(part, DataFrame) for part in parts):
        raise TypeError("the double concatenates DataFrames, and at least one")
    options = {k: given[k] for k in ("join", "ignore_index") if k in given}
    hosts = [nullable(part._host) for part in parts]
    return _frame(settled(pd.concat(hosts, **options)))


contract.raise_out_of_memory["cudf"] = lambda: MemoryError(
    "std::bad_alloc: out_of_memory: RMM failure (set by a test)"
)


# --- between the host's tables and the device's


def _frame(host: pd.DataFrame) -> DataFrame:
    table = DataFrame.__new__(DataFrame)
    table._adopt(settled(host))
    return table


def _series(host: pd.Series) -> Series:
    column = Series.__new__(Series)
    column._adopt(host)
    return column


def _column(values: Any) -> Any:
    """Device arrays and Series as pandas takes them; nothing of the host's."""
    if isinstance(values, ndarray):
        if values.ndim != 1:
            raise ValueError("a column has one dimension")
        return np.array(values._host, copy=True)
    if isinstance(values, Series):
        return values._host
    raise TypeError(f"the double makes columns of device arrays, not of {type(values)}")


def _aligned(value: Any, index: pd.Index) -> Any:
    """What `assign` may take: device arrays by position, Series by label, numbers."""
    if isinstance(value, (bool, int, float, np.generic)):
        return value
    column = _column(value)
    if isinstance(column, pd.Series) and not column.index.equals(index):
        raise ValueError("the double assigns identically labelled Series only")
    return column


def _mask(key: ndarray | Series) -> Any:
    """A boolean mask by position; null selects nothing."""
    host = key._host
    if isinstance(host, pd.Series):
        host = host.fillna(False).to_numpy(dtype=bool) if host.dtype.kind == "b" else host
    if np.asarray(host).dtype.kind != "b":
        raise TypeError("the double selects rows by boolean masks only")
    return host


def make_modules() -> dict[str, ModuleType]:
    """The module `cudf`."""
    cudf = ModuleType("cudf", "Stand-in; see tests.double.")
    cudf.__version__ = contract.record()["wheels"]["cudf-cu13"]  # type: ignore[attr-defined]
    cudf.DataFrame, cudf.Series, cudf.concat = DataFrame, Series, concat  # type: ignore[attr-defined]
    groupby = ModuleType("cudf.core.groupby.groupby", "Stand-in; see tests.double.")
    groupby.DataFrameGroupBy = groupby.SeriesGroupBy = Groups  # type: ignore[attr-defined]
    names = ("cudf.core", "cudf.core.groupby")
    packages = {name: ModuleType(name) for name in names}
    return {"cudf": cudf, **packages, "cudf.core.groupby.groupby": groupby}
