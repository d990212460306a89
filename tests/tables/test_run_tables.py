"""The run folder's tables, at their edges; the end-to-end test recomputes the usual case."""

import numpy as np
import pandas as pd

from rapids_rap.tables import run_tables as tables

TERMS = pd.DataFrame(
    [
        (0, 1, "地铁", 3.0, "log_odds"),
        (0, 2, "霓虹", 2.0, "log_odds"),
        (0, 1, "雨", 0.1, "ctfidf"),
        (1, 1, "心跳", 9.0, "log_odds"),
    ],
    columns=["cluster", "rank", "term", "score", "method"],
)


def lines(clusters, *, artist=None, song_id=None):
    n = len(clusters)
    return pd.DataFrame(
        {
            "text_id": np.arange(n),
            "cluster": clusters,
            "agreement": np.ones(n, np.float32),
            "artist": pd.array([artist] * n, dtype="str"),
            "song_id": pd.array([song_id] * n, dtype="Int64"),
        }
    )


def emotions(*clusters):
    return pd.DataFrame({"cluster": clusters, "suggested_label": ["爱情"] * len(clusters)})


def test_top_terms_are_the_default_methods_in_order():
    """Only the default method's terms are quoted, by rank, and no more than asked for."""
    assert tables.top_terms(TERMS, "cluster") == {0: "地铁、霓虹", 1: "心跳"}
    assert tables.top_terms(TERMS, "cluster", 1) == {0: "地铁", 1: "心跳"}
    assert tables.top_terms(TERMS.head(0), "cluster") == {}


def test_unknown_songs_and_artists_are_empty_not_zero():
    """Plain text has no songs: the columns are null, where zero would be a claim."""
    found = tables.cluster_table(
        lines([0, 0, -1]), np.ones(1, np.float32), TERMS, emotions(-1, 0), np.zeros(1, np.int64)
    )
    assert found["songs"].isna().all()
    assert found["artists"].isna().all()
    assert found["top_terms"].tolist() == ["", "地铁、霓虹"]
    assert found["theme"].tolist() == [-1, 0]
    assert np.isnan(found["persistence"][0])


def test_everything_noise_is_one_row():
    """With no cluster at all there is the noise row, and its theme is noise."""
    none = np.zeros(0, np.int64)
    found = tables.cluster_table(
        lines([-1, -1], artist="甲", song_id=1),
        np.zeros(0, np.float32),
        TERMS.head(0),
        emotions(-1),
        none,
    )
    assert found[["cluster", "lines", "songs", "artists"]].values.tolist() == [[-1, 2, 1, 1]]
    themes = tables.theme_table(found, TERMS.head(0).rename(columns={"cluster": "theme"}))
    assert themes[["theme", "label", "lines"]].values.tolist() == [[-1, "噪声", 2]]
