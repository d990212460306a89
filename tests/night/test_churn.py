"""What a night says of clusters that came, went or changed."""

from types import SimpleNamespace

import pandas as pd

from rapids_rap.night.churn import changed_clusters
from rapids_rap.night.drift import flow_of
from rapids_rap.night.record import _change

LINES = pd.DataFrame({"text_norm": ["a", "b"], "artist": ["x", "y"], "cluster": [0, 1]})


def night(clusters, agreement, *, kept=(), born=(), dead=(), split=(), merged=()):
    groups = {"kept": kept, "born": born, "dead": dead, "split": split, "merged": merged}
    return SimpleNamespace(
        clusters=pd.DataFrame(
            {
                "cluster": [-1, *clusters],
                "lines": 1,
                "distinct_lines": 1,
                "agreement": [0.8, *agreement],
            }
        ),
        manifest={
            "identity": {"clusters": groups},
            "config": {"clusters": {"layouts": 20}},
            "counts": {"clusters": len(clusters), "noise_lines": 0, "kept": 2},
            "model": {"fingerprint": "m"},
        },
        quality={},
        lines=LINES,
    )


BEFORE = night([0, 1, 2, 3], [0.9, 0.3, 0.8, 0.4], born=[0, 1, 2, 3])
NOW = night(
    [0, 2, 4],
    [0.9, 0.7, 0.45],
    kept=[0, 2],
    born=[4],
    dead=[1, 3],
    split=[{"cluster": 2, "into": [2, 4]}],
    merged=[{"clusters": [0, 3], "into": 0}],
)


def test_what_was_in_doubt_churns_and_what_was_firm_is_lost():
    """By the published night's votes; the same deaths of firm clusters are a loss."""
    found = changed_clusters(BEFORE, NOW)
    assert (found["lost"], found["churned"]) == ([], [1, 3])
    firm = night([0, 1, 2, 3], [0.9] * 4)
    assert changed_clusters(firm, NOW)["lost"] == [1, 3]


def test_each_change_says_what_was_known_of_the_cluster():
    """Born: as of tonight; died, split and merged: as of the published night."""
    rows = {
        (row["cluster"], row["change"]): row for row in changed_clusters(BEFORE, NOW)["changed"]
    }
    assert set(rows) == {
        (4, "born"),
        (1, "died"),
        (3, "died"),
        (2, "split"),
        (0, "merged"),
        (3, "merged"),
    }
    assert rows[4, "born"]["agreement"] == 0.45
    assert rows[4, "born"]["in_doubt"] == "few votes"
    assert rows[2, "split"]["agreement"] == 0.8
    assert rows[2, "split"]["in_doubt"] == ""
    assert rows[2, "split"]["stability"] is None


def test_the_first_night_has_only_births():
    """Nothing could be lost."""
    found = changed_clusters(None, BEFORE)
    assert (found["lost"], found["churned"]) == ([], [])
    assert {row["change"] for row in found["changed"]} == {"born"}


def test_the_gate_counts_clusters_by_their_votes():
    """Two of four are gone, but they had 0.7 of 2.4 votes."""
    change = _change(BEFORE, NOW, flow_of(LINES, LINES))
    assert change.ids_kept == (0.9 + 0.8) / (0.9 + 0.3 + 0.8 + 0.4)
