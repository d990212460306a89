"""The strict table: cuDF's arguments, nulls and silence about order."""

import numpy as np
import pandas as pd
import pytest

from tests.double import memory

pytestmark = pytest.mark.double


def table(cudf, **columns):
    import cupy

    data = {name: cupy.asarray(np.asarray(values)) for name, values in columns.items()}
    return cudf.DataFrame(data)


def host(frame):
    return {name: frame[name].values.get().tolist() for name in frame.columns}


def test_nothing_is_converted_unasked(cudf):
    """NumPy, pandas and iteration get nothing; `.values` is a device array."""
    frame = table(cudf, a=[1, 2], b=[0.5, 1.5])
    for convert in (np.asarray, pd.Series, list):
        with pytest.raises(TypeError):
            convert(frame["a"])
    with pytest.raises(TypeError):
        np.asarray(frame)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(frame)
    import cupy

    assert isinstance(frame["a"].values, cupy.ndarray)
    assert frame.values.shape == (2, 2)
    assert not memory.ledger


def test_columns_are_numbers_of_the_device(cudf):
    """Neither NumPy arrays nor texts become columns."""
    for column in (np.arange(3), [1, 2], pd.Series([1])):
        with pytest.raises(TypeError, match="device arrays"):
            cudf.DataFrame({"a": column})
    with pytest.raises(TypeError, match="device arrays"):
        table(cudf, a=[1]).assign(b=np.array([1]))


def test_a_merge_keeps_rows_and_not_their_order(cudf):
    """The rows are pandas', the order is not, and integers without a partner stay integers."""
    left = table(cudf, key=np.arange(50), a=np.arange(50) * 2)
    right = table(cudf, key=np.arange(25, 75), b=np.arange(50) * 3)
    found = host(left.merge(right, on="key"))
    assert sorted(found["key"]) == list(range(25, 50))
    assert found["key"] != sorted(found["key"])
    assert all(b == 3 * (key - 25) for key, b in zip(found["key"], found["b"], strict=True))
    outer = left.merge(right, on="key", how="left")
    assert outer["b"].dtype == np.int64
    assert int(outer["b"].isna().sum()) == 25
    with pytest.raises(ValueError, match="nulls"):
        outer["b"].values  # noqa: B018
    assert sorted(outer["b"].to_cupy(na_value=-1).tolist())[:25] == [-1] * 25


def test_groups_come_sorted_only_if_asked(cudf):
    """By default pandas sorts, cuDF does not."""
    frame = table(cudf, key=np.repeat(np.arange(30), 2), n=np.arange(60))
    plain = host(frame.groupby("key").sum().reset_index())
    assert plain["key"] != sorted(plain["key"])
    assert dict(zip(plain["key"], plain["n"], strict=True))[3] == 6 + 7
    ordered = host(frame.groupby("key", sort=True)[["n"]].max().reset_index())
    assert ordered["key"] == list(range(30))
    sizes = frame.groupby(["key", "n"]).size().reset_index(name="rows")
    assert list(sizes.columns) == ["key", "n", "rows"]


def test_counts_and_broadcasts_keep_the_rows(cudf):
    """Counts and sums by row: cumcount and transform have a value for each row, in its place."""
    frame = table(cudf, key=[1, 0, 1, 0, 1], n=[1, 2, 3, 4, 5])
    assert frame.groupby("key").cumcount().values.tolist() == [0, 0, 1, 1, 2]
    assert frame.groupby("key")["n"].transform("sum").values.tolist() == [9, 6, 9, 6, 9]


def test_ties_of_a_sort_are_shuffled(cudf):
    """Sorted by one column, rows that are equal in it come in an order of their own."""
    frame = table(cudf, a=np.zeros(40, dtype=int), b=np.arange(40))
    assert host(frame.sort_values("a"))["b"] != list(range(40))
    assert host(frame.sort_values(["a", "b"], ascending=[True, False]))["b"][0] == 39


def test_masks_select_by_position(cudf):
    """A Series mask is no label lookup; its nulls select nothing."""
    frame = table(cudf, a=[3, 1, 2], b=[1, 2, 3])
    part = frame[frame["a"] >= 2]
    assert host(part) == {"a": [3, 2], "b": [1, 3]}
    import cupy

    assert host(frame[cupy.asarray(np.array([False, True, True]))])["a"] == [1, 2]
    with pytest.raises(IndexError, match="wrong length"):
        frame[part["a"] >= 0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f.groupby("a", sorted=True), "sorted"),
        (lambda f: f.merge(f, on="a", copy=False), "copy"),
        (lambda f: f.rename(index={}, column={}), "column"),
        (lambda f: f["a"].where(f["a"] > 1, 0, errors="raise"), "errors"),
        (lambda f: f.drop_duplicates("a", "first", False, False, 1), "positional"),
        (lambda f: f["a"].to_cupy(fillna=0), "fillna"),
    ],
)
def test_arguments_that_cudf_lacks_are_refused(cudf, call, message):
    """The recorded signatures decide."""
    with pytest.raises(TypeError, match=message):
        call(table(cudf, a=[1, 2]))


@pytest.mark.parametrize("name", ["pivot", "to_numpy", "itertuples", "to_pandas"])
def test_methods_that_are_not_recorded_are_missing(cudf, name):
    """Each is in pandas; the double says where to look."""
    with pytest.raises(AttributeError, match=r"names\.py"):
        getattr(table(cudf, a=[1]), name)


def test_sorts_that_cudf_does_not_know(cudf):
    """An unknown kind raises, as cuDF's does."""
    with pytest.raises(AttributeError, match="kind"):
        table(cudf, a=[1]).sort_values("a", kind="timsort")


def test_concatenated_columns_that_one_lacks_are_null(cudf):
    """Not NaN: the column stays of integers."""
    import cudf as module

    found = module.concat([table(cudf, a=[1, 2], b=[3, 4]), table(cudf, a=[5])])
    assert found["b"].dtype == np.int64
    assert found["b"].isna().values.tolist() == [False, False, True]
