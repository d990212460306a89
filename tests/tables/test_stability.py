"""Tests of what is said of stability: columns of clusters.csv, sentences, ids for numbers."""

import numpy as np
import pandas as pd
import pytest

from rapids_rap.tables.stability import again, happens, said_of, with_ids, with_stability

CLUSTERS = pd.DataFrame(
    {"cluster": [-1, 4, 9], "lines": [50, 30, 10], "stability": np.nan, "top_terms": ["", "a", "b"]}
)
FOUND = pd.DataFrame(
    {
        "cluster": [0, 1],
        "stability": [0.9, 0.5],
        "stability_low": [0.8, 0.2],
        "stability_high": [1.0, 0.7],
        "stability_class": ["highly stable", "unstable"],
        "merges_with": pd.array([None, 0], dtype="Int64"),
        "merges": [0.0, 0.6],
        "splits": [0.1, 0.3],
        "fades": [0.0, 0.05],
    }
)


def test_columns_stand_where_stability_stood_and_noise_has_none():
    """The contract's order, the ids of the clusters, and empty cells for noise."""
    table = with_stability(CLUSTERS, with_ids(FOUND, np.array([4, 9])))
    own = ["stability", "stability_low", "stability_high", "stability_class"]
    assert list(table.columns) == ["cluster", "lines", *own, "top_terms"]
    assert table["stability"].tolist()[1:] == [0.9, 0.5]
    assert table["stability_class"].tolist() == ["", "highly stable", "unstable"]
    assert np.isnan(table["stability"].iloc[0])
    again_empty = with_stability(table, None)
    assert list(again_empty.columns) == list(table.columns)
    assert again_empty["stability"].isna().all()
    assert (again_empty["stability_class"] == "").all()


def test_a_table_from_before_stability_gets_its_columns_at_the_end():
    """An old clusters.csv can be added to."""
    table = with_stability(CLUSTERS.drop(columns="stability"), None)
    assert list(table.columns)[-4:] == [
        "stability",
        "stability_low",
        "stability_high",
        "stability_class",
    ]


@pytest.mark.parametrize(
    ("chance", "said"),
    [
        (None, "(mean recurrence 0.70). No null stands beside it: `rapids-rap stability RUN`"),
        (0.2, "(mean recurrence 0.70; 0.20 of vectors without structure)."),
        (0.7, "no better than without structure"),
    ],
)
def test_the_sentence_counts_clusters_and_lines_and_tells_chance(chance, said):
    """Half of the clusters with three quarters of the lines; no better than chance is said."""
    table = with_stability(CLUSTERS, with_ids(FOUND, np.array([4, 9])))
    chinese, english = again({"stability": {"value": 0.7, "baseline": chance}}, table, {})
    assert english.startswith("1 of 2 clusters, with 75% of the clustered lines, would be there")
    assert said in english
    assert "2 个聚类中有 1 个会再现" in chinese


@pytest.mark.parametrize(
    "quality",
    [
        {},
        {"stability": None},
        {"stability": {"value": None}},
        {"stability": {"value": None, "note": "not computed"}},
        {"stability": {"value": None, "note": "not computed: run `rapids-rap stability RUN`"}},
    ],
)
def test_the_command_is_named_where_nothing_was_computed(quality):
    """Of a run without the figure, and of one from before it; nothing without any cluster."""
    for table in (with_stability(CLUSTERS, None), CLUSTERS):
        chinese, english = again(quality, table, {})
        assert english.endswith("was not measured: `rapids-rap stability RUN` does it.")
        assert "rapids-rap stability RUN" in chinese
    assert again(quality, CLUSTERS[:1], {}) == ("", "")


def test_a_reason_that_no_command_mends_is_said():
    """Too few songs stay too few, whatever is run."""
    quality = {"stability": {"value": None, "note": "not computed: too few songs: 4 songs"}}
    english = again(quality, CLUSTERS, {})[1]
    assert "can't be computed: too few songs: 4 songs." in english
    assert "rapids-rap" not in english


@pytest.mark.parametrize(
    ("layouts", "said"),
    [
        (20, "by 72% on average; 1 of 2 clusters got less than half"),
        (1, "another seed makes others"),
    ],
)
def test_what_layouts_say_stands_in_for_what_was_not_measured(layouts, said):
    """Weighted by distinct texts; one layout agrees with itself, which says nothing."""
    table = CLUSTERS.assign(agreement=[0.9, 0.8, 0.4], distinct_lines=[9, 8, 2])
    manifest = {"config": {"clusters": {"layouts": layouts}}}
    assert said in again({}, table, manifest)[1]
    assert ("%" in again({}, table, manifest)[1]) == (layouts == 20)


def test_a_cluster_says_its_stability_and_its_fate():
    """Numbers with their class; what happens in a fifth of the subsamples or more."""
    rows = with_ids(FOUND, np.array([4, 9])).to_dict("records")
    assert said_of(rows[0]) == "0.90 [0.80, 1.00] highly stable"
    assert said_of({"stability": np.nan}) == said_of({}) == ""
    assert happens(rows[0]) == ""
    assert happens(rows[1]) == "merges with 4 (60%), splits (30%)"
