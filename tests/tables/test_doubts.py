"""Which clusters are in doubt, by what of that is known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.tables.doubts import find_doubts, firmness, mean_agreement

VOTED = {"config": {"clusters": {"layouts": 0}}}
TABLE = pd.DataFrame(
    {
        "cluster": [-1, 3, 8, 9],
        "distinct_lines": [40, 30, 20, 10],
        "agreement": [0.2, 0.9, 0.49, 0.5],
        "stability": [np.nan, 0.5, 0.7, 0.9],
        "stability_class": ["", "unstable", "doubtful", "highly stable"],
    }
)
UNASKED = TABLE.assign(stability=np.nan, stability_class="")


def test_stability_speaks_before_votes():
    """Where it was computed it alone marks; noise is never in doubt."""
    found = find_doubts(TABLE, VOTED)
    assert found.by == "stability"
    assert found.marks == {3: "unstable", 8: "doubtful"}
    assert (found.sign(3), found.sign(8), found.sign(9), found.sign(-1)) == ("??", "?", "", "")


def test_less_than_half_of_the_votes_is_marked_where_nothing_else_is_known():
    """One half is enough."""
    found = find_doubts(UNASKED, VOTED)
    assert found.by == "agreement"
    assert found.marks == {8: "few votes"}


@pytest.mark.parametrize("manifest", [{}, {"config": {"clusters": {"layouts": 1}}}, {"config": 3}])
def test_nothing_is_marked_where_nothing_is_known(manifest):
    """One layout, or a run from before layouts voted, or with neither column."""
    for table in (UNASKED, UNASKED[["cluster"]]):
        assert find_doubts(table, manifest).by == ""
        assert not find_doubts(table, manifest).marks
        assert mean_agreement(table, manifest) is None
        assert firmness(table, manifest) == {3: 1.0, 8: 1.0, 9: 1.0}


def test_a_cluster_counts_by_what_is_known_of_it():
    """Its stability, else its votes."""
    assert firmness(TABLE, VOTED) == {3: 0.5, 8: 0.7, 9: 0.9}
    assert firmness(UNASKED, VOTED) == {3: 0.9, 8: 0.49, 9: 0.5}
    assert mean_agreement(TABLE, VOTED) == pytest.approx((27 + 9.8 + 5) / 60)


@given(st.lists(st.floats(0, 1), max_size=6))
def test_weights_are_shares(votes):
    """Every cluster has one weight, between nothing and one."""
    ids = list(range(len(votes)))
    table = pd.DataFrame({"cluster": [-1, *ids], "agreement": [0.5, *votes]})
    found = firmness(table, VOTED)
    assert list(found) == ids
    assert all(0 <= weight <= 1 for weight in found.values())
