"""Drift: what came and went is counted once each, growth by chance is not reported."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.night.drift import (
    compare_figures,
    figures_of,
    flow_of,
    grown_clusters,
    on_other_songs,
)


def table(rows):
    """lines.parquet from (artist, text, cluster)."""
    frame = pd.DataFrame(rows, columns=["artist", "text_norm", "cluster"])
    return frame.astype({"artist": "str", "text_norm": "str", "cluster": "int64"})


def test_lines_are_counted_as_a_multiset():
    """A line that is sung once more is one new line; by cluster, by artist, and without artist."""
    before = table([("甲", "天亮了", 0), ("甲", "天亮了", 0), ("乙", "回家", 1), ("丙", "再见", 1)])
    now = table(
        [
            ("甲", "天亮了", 3),
            ("甲", "天亮了", 3),
            ("甲", "天亮了", 3),
            ("乙", "回家", 1),
            (None, "下雨", -1),
            ("丁", "回家", 1),
        ]
    )
    flow = flow_of(before, now)
    assert (flow.lines, flow.lines_before, flow.lines_new, flow.lines_gone) == (6, 4, 3, 1)
    assert (flow.texts, flow.texts_new, flow.texts_gone) == (3, 1, 1)
    assert flow.by_cluster == {-1: 1, 1: 1, 3: 1}
    assert flow.by_artist == {"": 1, "丁": 1, "甲": 1}


def test_the_first_night_is_all_new():
    """Without a night before every line is new and none is gone."""
    flow = flow_of(None, table([("甲", "天亮了", 0), ("甲", "天亮了", 0)]))
    assert (flow.lines_new, flow.lines_gone, flow.texts_new) == (2, 0, 1)


def test_a_stanza_counts_its_lines():
    """Rows of several lines weigh as many."""
    now = table([("甲", "天亮了 回家", 0)]).assign(lines=4)
    assert flow_of(None, now).lines == 4


rows = st.lists(
    st.tuples(st.sampled_from(["甲", "乙", None]), st.sampled_from("天地人"), st.just(0)),
    min_size=1,
    max_size=30,
)


@settings(max_examples=30)
@given(rows, rows)
def test_lines_add_up(before, now):
    """Before + new - gone = now, whatever came and went, and backwards the two change places."""
    flow, back = flow_of(table(before), table(now)), flow_of(table(now), table(before))
    assert flow.lines_before + flow.lines_new - flow.lines_gone == flow.lines
    assert (flow.lines_new, flow.lines_gone) == (back.lines_gone, back.lines_new)
    assert sum(flow.by_artist.values()) == sum(flow.by_cluster.values()) == flow.lines_new


def test_growth_beyond_chance_is_found_and_chance_is_not():
    """A cluster whose share triples is named with its direction; the others, and noise, are not."""
    before = {-1: 3000, 0: 500, 1: 100, 2: 400, 5: 60}
    now = {-1: 3000, 0: 510, 1: 320, 2: 390, 7: 60}
    found = grown_clusters(before, now, 0.05)
    assert [growth.cluster for growth in found] == [1]
    assert found[0].effect > 0
    assert found[0].z > 0
    assert found[0].ratio == pytest.approx(3.2 * 4060 / 4280, rel=1e-3)
    assert grown_clusters(now, before, 0.05)[0].effect < 0


def test_the_false_discovery_rate_is_held():
    """Of clusters redrawn with unchanged shares, hardly a night reports any."""
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.ones(60))
    nights = [
        (
            dict(enumerate(rng.multinomial(6000, shares))),
            dict(enumerate(rng.multinomial(6500, shares))),
        )
        for _ in range(200)
    ]
    false = sum(bool(grown_clusters(a, b, 0.05)) for a, b in nights)
    assert false <= 0.1 * 200


def test_empty_and_total_clusters_do_not_break_the_test():
    """No cluster, one cluster that is everything, clusters of nothing: no report, no division."""
    assert grown_clusters({}, {0: 3}, 0.05) == []
    assert grown_clusters({0: 30}, {0: 40}, 0.05) == []
    assert grown_clusters({0: 0, 1: 10}, {0: 0, 1: 12}, 0.05) == []


def test_figures_are_compared_where_both_exist():
    """What was not computed is left out of a night, and its change is null."""
    quality = {
        "dbcv": {"value": 0.2},
        "stability": {"value": None},
        "clusters": {"noise_share_lines": 0.3},
    }
    assert figures_of(quality) == {"dbcv": 0.2, "noise_share": 0.3}
    assert compare_figures({"dbcv": 0.5}, {"dbcv": 0.2, "noise_share": 0.3}) == {
        "dbcv": {"before": 0.5, "now": 0.2, "change": -0.3},
        "noise_share": {"before": None, "now": 0.3, "change": None},
    }


@pytest.mark.parametrize(
    ("before", "now", "same_model", "apart"),
    [
        (None, None, False, False),
        (None, 54, True, True),
        (54, None, True, True),
        (54, 60, True, False),
        (54, 54, False, True),
    ],
)
def test_figures_of_other_songs_have_no_drift(before, now, same_model, apart):
    """What a model was trained on is left out, so that another model leaves other songs."""
    nights = [
        {"next_line_retrieval": {"value": 0.5} | ({"songs_left_out": n} if n else {})}
        for n in (before, now)
    ]
    found = on_other_songs(*nights, same_model=same_model)
    assert found == (frozenset({"next_line_retrieval"}) if apart else frozenset())
    old, new = (figures_of(night) for night in nights)
    change = compare_figures(old, new, found)["next_line_retrieval"]["change"]
    assert change == (None if apart else 0.0)
