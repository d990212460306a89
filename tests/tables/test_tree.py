"""tree.parquet and paths: published ids, nothing that collides, every path in its theme."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.tables.tree import COLUMNS, ROOT, members, path_said, paths, tree_table, with_paths
from tests.clustering.test_hierarchy import planted, tree_of

IDS = np.array([7, 3, 900, 12, 4, 5, 6, 8, 9, 10, 11, 1])  # nights leave gaps


def table_of(count=12, themes=3, seed=0, spread=0.4):
    vectors, labels = planted(families=1, each=count, texts=8, seed=seed, spread=spread, d=32)
    tree = tree_of(vectors, labels, themes)
    ids = np.concatenate([IDS, np.arange(1000, 1000 + count)])[:count]
    names = np.arange(tree.theme_count)[::-1] + 40
    return tree, tree_table(tree, ids, names), ids, names


@given(st.integers(1, 20), st.integers(1, 9), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_the_table_is_the_tree(count, themes, seed):
    """Every cluster once under its id, other nodes below -1, sizes add up, paths lead there."""
    tree, table, ids, names = table_of(count, themes, seed)
    assert tuple(table.columns) == COLUMNS
    assert not table["child"].duplicated().any()
    assert sorted(table.loc[table["kind"] == "cluster", "child"]) == sorted(ids)
    assert (table.loc[table["kind"] != "cluster", "child"] < ROOT).all()
    assert table["parent"].iloc[0] == ROOT
    assert sorted(table.loc[table["kind"] == "theme", "theme"]) == sorted(names)
    sizes = table.set_index("child")["size"]
    inner = table.groupby("parent")["size"].sum().drop(ROOT)
    assert inner.eq(sizes[inner.index]).all()
    seen = {ROOT}
    for parent, child in zip(table["parent"], table["child"], strict=True):
        assert parent in seen  # from the root down
        seen.add(child)
    found = paths(table)
    assert set(found) == set(ids.tolist())
    for place, cluster in enumerate(ids.tolist()):
        theme, *between, last = map(int, found[cluster].split(" > "))
        assert (theme, last) == (names[tree.themes[place]], cluster)
        below = members(table)
        assert all(cluster in below[node] for node in between)
        sides = [len(below[node]) for node in between]
        assert sides == sorted(sides, reverse=True)


def test_no_cluster_is_an_empty_table():
    """With the columns and kinds of any other, so that readers need no case of their own."""
    vectors, labels = planted(families=1, each=1)
    tree = tree_of(vectors, np.full(len(labels), -1))
    table = tree_table(tree, np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert tuple(table.columns) == COLUMNS
    assert not len(table)
    noise = with_paths(pd.DataFrame({"cluster": [-1]}), table)
    assert noise["path"].tolist() == [""]


def test_paths_in_words():
    """The theme by its name, a branch by its clusters, a few of many."""
    _, table, _, _ = table_of()
    table = pd.DataFrame(
        {
            "parent": [-2, -3, *[-4] * 6],
            "child": [-3, -4, *range(6)],
            "strength": 0.3,
            "size": [60, 60, *[10] * 6],
            "kind": ["theme", "branch", *["cluster"] * 6],
            "theme": pd.array([5] * 8, dtype="Int64"),
        }
    )
    chinese, english = path_said("5 > -4 > 2", members(table), {5: "江湖"})
    assert english == "theme 5 江湖 > 6 clusters (0, 1, 2, 3, …) > cluster 2"
    assert chinese == "主题 5 江湖 › 6 个聚类（0, 1, 2, 3, …） › 聚类 2"


@pytest.mark.parametrize(
    "path", [None, float("nan"), "", "5", "a > b", "5 > '-4 > 2", "5 > --4", "5 > " + "9" * 5000]
)
def test_no_path_is_nothing_said(path):
    """Noise, an earlier run, or a table that somebody changed."""
    _, table, _, _ = table_of()
    assert path_said(path, members(table), {}) == ("", "")
    assert path_said("5 > 2", members(None), {}) == ("", "")
