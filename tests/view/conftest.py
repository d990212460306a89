"""A small run with everything that the map shows, and lines that try to break it."""

import numpy as np
import pandas as pd
import pytest

from tests.browser import browser
from tests.run_factory import make_run

HOSTILE = (
    "<script>alert(1)</script> & <img src=x onerror=alert(2)>",
    "</script><script>document.title='gone'</script>",
    '=HYPERLINK("http://evil.example","look")',
    "right \u202eto left\u202c again",
    "长" * 100_000,
    "nul \0 within",
    "a\u0301" + "\u0301" * 5_000,
)
PLAIN = (
    "想念故乡的夜",
    "想念故鄉的夜",
    "我在重庆的山上",
    "Love GOD ｌｏｖｅ",
    "故 乡",
    "古巷深处",
    "走在异乡",
    "月光照在铁轨上，",
    "火锅 和 江湖",
    "兄弟",
)
TEXTS = (*HOSTILE, *PLAIN, *(f"第{i}行 {c}歌" for i in range(380) for c in "夜天"[i % 2]))


def make_view_run(folder, *, artists=True, votes=True, songs=True, texts=TEXTS, turn=0):
    """About 400 lines in three clusters and noise, of two artists in two regions.

    turn: moves the cluster of every seventh line on.
    """
    rng = np.random.default_rng(3)
    labels = rng.integers(-1, 3, len(texts))
    labels[::7] = (labels[::7] + 1 + turn) % 4 - 1
    run = make_run(folder, texts, labels, seed=5)
    lines = pd.read_parquet(run / "lines.parquet")
    n = np.arange(len(lines))
    if artists:
        lines["artist"] = pd.array(np.where(n % 3 == 0, "甲", "乙"), dtype="str")
        lines["region"] = pd.array(np.where(n % 3 == 0, "西南", "东北"), dtype="str")
    if songs:
        lines["song_id"] = pd.array(n // 20, dtype="Int64")
        lines["song"] = pd.array([f"歌{i // 20}" for i in n], dtype="str")
        lines["year"] = pd.array(np.where(n % 40 < 20, 2012, None), dtype="Int64")
    if votes:
        lines["agreement"] = (n % 11 / 10).astype(np.float32)
    for name in ("积极", "消极"):
        lines[f"hits_{name}"] = rng.integers(0, 2, len(lines))
    lines.to_parquet(run / "lines.parquet", index=False)
    terms = [(k, 1, f"词{k}", 1.0, "log_odds") for k in (-1, 0, 1, 2)]
    terms += [(0, 2, "夜", 0.5, "log_odds"), (1, 2, "</script>", 0.5, "log_odds")]
    columns = ["cluster", "rank", "term", "score", "method"]
    pd.DataFrame(terms, columns=columns).to_csv(run / "cluster_terms.csv", index=False)
    return run


@pytest.fixture(scope="module")
def chromium():
    with browser() as opened:
        yield opened


@pytest.fixture(scope="session")
def view_run(tmp_path_factory):
    return make_view_run(tmp_path_factory.mktemp("view") / "night")
