"""A run may not be called better by clusters that are not there again on other songs."""

import numpy as np
import pandas as pd
import pytest

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.compare.compare import compare_runs, sentences
from rapids_rap.compare.recurring import recurring_clusters, recurring_labels
from rapids_rap.compare.shared import find_shared
from rapids_rap.compare.verdict import contrast, judge
from rapids_rap.quality.figures import declared
from rapids_rap.runs.run import open_run
from tests.run_factory import make_run

CPU = CpuBackend()
SONGS = [i // 6 for i in range(240)]
TEXTS = [f"{'山城夜雨江桥船梦'[s % 8]}{s}第{i}行" for i, s in enumerate(SONGS)]
# A has two clusters, of one song in three; B has eight, of all songs.
FEW = [s % 2 if s % 3 == 0 else -1 for s in SONGS]
MANY = [s % 8 for s in SONGS]


def with_classes(path, classes):
    """The run with a stability class for each of its clusters."""
    table = pd.read_csv(path / "clusters.csv")
    values = {"highly stable": 0.9, "stable": 0.8, "doubtful": 0.7, "unstable": 0.2}
    names = [classes.get(own, "") for own in table["cluster"]]
    table["stability"] = [values.get(name, np.nan) for name in names]
    table["stability_class"] = names
    table.to_csv(path / "clusters.csv", index=False)
    return open_run(path)


def pair(tmp_path, classes_a=None, classes_b=None):
    runs = []
    for name, labels, classes in (("a", FEW, classes_a), ("b", MANY, classes_b)):
        path = make_run(tmp_path / name, TEXTS, labels, songs=SONGS, seed=1)
        runs.append(open_run(path) if classes is None else with_classes(path, classes))
    return runs


def row(found, key):
    return next(one for one in found.contrasts if one.key == key)


STABLE_A = {0: "stable", 1: "highly stable"}


def test_more_clusters_that_do_not_recur_do_not_win(tmp_path):
    """B has more clusters and neighbours share them more often, but none of them is there again."""
    plain = compare_runs(*pair(tmp_path / "plain"), CPU)
    assert row(plain, "next_line_cluster").winner == "b"
    assert plain.verdict.better == "b"
    unstable = dict.fromkeys(range(8), "unstable")
    found = compare_runs(*pair(tmp_path / "known", STABLE_A, unstable), CPU)
    assert row(found, "next_line_cluster").winner == "b"
    assert not row(found, "next_line_cluster").decides
    assert row(found, "recurring.next_line_cluster").decides
    assert row(found, "recurring.next_line_cluster").b.value == 0.0
    assert found.verdict.better == "a"
    assert "recurring.next_line_cluster" in found.verdict.english
    assert "再现的聚类：相邻行同聚类" in found.verdict.chinese
    assert "unknown" not in found.verdict.english


def test_more_clusters_that_recur_do_win(tmp_path):
    """The same clusters, found again on other songs, are better."""
    found = compare_runs(*pair(tmp_path, STABLE_A, dict.fromkeys(range(8), "stable")), CPU)
    assert found.verdict.better == "b"
    rows = {one.key: one for one in found.contrasts}
    assert rows["recurring.next_line_cluster"].b.value == pytest.approx(
        rows["next_line_cluster"].b.value
    )
    assert rows["recurring.coverage"].a.value == pytest.approx(np.mean(np.array(FEW) >= 0))
    assert not rows["recurring.coverage"].decides  # one cluster of everything would win


@pytest.mark.parametrize("known", [(True, False), (False, True), (False, False)])
def test_where_one_was_not_asked_the_verdict_says_so(tmp_path, known):
    """It names the runs and the command, in both languages."""
    classes = (STABLE_A if known[0] else None, dict.fromkeys(range(8), "stable"))
    found = compare_runs(*pair(tmp_path, classes[0], classes[1] if known[1] else None), CPU)
    assert found.verdict.better == "b"
    unasked = " and ".join(name for name, one in zip("AB", known, strict=True) if not one)
    assert f"is unknown (of {unasked}): `rapids-rap stability RUN`" in found.verdict.english
    assert "rapids-rap stability RUN" in found.verdict.chinese
    assert not any(one.decides for one in found.contrasts if one.key.startswith("recurring."))
    assert any("was not measured" in said for said in sentences(found))


def test_what_does_not_rest_on_clusters_needs_no_caveat():
    """Retrieval is of vectors alone."""
    rows = contrast(
        {"next_line_retrieval": {"value": 0.3, "interval": [0.28, 0.33]}},
        {"next_line_retrieval": {"value": 0.4, "interval": [0.38, 0.44]}},
        "shared",
    )
    found = judge(rows, unasked=("A", "B"))
    assert found.better == "b"
    assert "stability RUN" not in found.english


def test_only_stable_classes_recur(tmp_path):
    """Doubtful is not enough, a cluster whose class is not known neither; the rest is noise."""
    classes = {0: "highly stable", 1: "stable", 2: "doubtful", 3: "unstable"}
    run = with_classes(make_run(tmp_path / "run", TEXTS, MANY, songs=SONGS), classes)
    (side,) = find_shared([run]).sides
    assert recurring_clusters(side).tolist() == [True, True, *[False] * 6]
    assert set(recurring_labels(side).tolist()) == {-1, 0, 1}


def test_a_figure_of_recurring_clusters_is_declared_by_its_own():
    """Which way is better and whether it may decide are said once."""
    for key in ("next_line_cluster", "meaning.lexicon"):
        own, known = declared(f"recurring.{key}"), declared(key)
        assert (own.may_decide, own.lower_is_better, own.memorised) == (
            known.may_decide,
            known.lower_is_better,
            known.memorised,
        )
    assert not declared("recurring.coverage").may_decide
