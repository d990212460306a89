"""A figure is declared once, and everything that shows one reads the declaration."""

import ast
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.bench.scoring import judged, score_density, score_labels, score_map
from rapids_rap.compare.memory import MEMORISED
from rapids_rap.compare.scores import rescore
from rapids_rap.compare.shared import find_shared
from rapids_rap.compare.trained import HELD_OUT
from rapids_rap.night.drift import FIGURES
from rapids_rap.quality.figures import (
    DECLARATIONS,
    SILHOUETTE,
    TOO_FEW_SONGS,
    Figure,
    all_figures,
    declared,
    figure_of,
    interval_of,
    number,
    top_figures,
)
from rapids_rap.runs.run import open_run
from tests.conftest import ROOT
from tests.run_factory import NOTHING_SEEN, make_run

BACKEND = CpuBackend()

KEYS = {declaration.key for declaration in DECLARATIONS}
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
intervals = st.none() | st.tuples(st.floats(-9, 0), st.floats(0, 9))


def test_each_key_is_declared_once():
    """No two declarations speak of the same figure, and each says its name in Chinese."""
    assert len(KEYS) == len(DECLARATIONS)
    assert all(any("一" <= c <= "鿿" for c in one.chinese) for one in DECLARATIONS)


def test_every_figure_of_a_run_is_declared(sample_run):
    """What quality.json holds, what nights watch and what training flatters has a declaration."""
    quality = json.loads((sample_run / "quality.json").read_text(encoding="utf-8"))
    assert {"follows", "form.length", "meaning.lexicon"} <= set(top_figures(quality)) <= KEYS
    assert {*FIGURES, *MEMORISED, HELD_OUT} <= KEYS


def test_every_figure_of_a_comparison_is_declared(tmp_path):
    """What two runs are measured by on the texts they share has a declaration."""
    texts = [f"山城第{i}行" for i in range(40)]
    run = open_run(make_run(tmp_path / "run", texts, [i % 2 for i in range(40)]))
    figures, _ = rescore(find_shared([run, run]), NOTHING_SEEN, BACKEND)
    assert "next_line_cluster" in figures
    assert figures.keys() <= KEYS


def test_every_figure_of_a_benchmark_is_declared():
    """What the columns of a benchmark's table hold of clusters and maps has a declaration."""
    points = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    labels = np.arange(40) % 2
    of = judged([f"山城第{i}行" for i in range(40)], points)
    figures = {
        **score_labels(of, labels, BACKEND),
        **score_map(of, points, labels, BACKEND),
        **score_density(points, labels, BACKEND),
    }
    assert {"coverage", "silhouette_map", "dbcv"} <= figures.keys() <= KEYS


def test_no_reader_keeps_names_or_lists_of_its_own():
    """A figure's Chinese name, and a list of figures, stand in no other file.

    A dict of values is how figures are computed, training.json has keys of its own, and
    clusters.csv has a column `stability`.
    """
    names = [f'"{one.chinese}"' for one in DECLARATIONS if one.key != "stability"]
    own = {ROOT / "rapids_rap/quality/figures.py", ROOT / "rapids_rap/training/record.py"}
    for path in {*(ROOT / "rapids_rap").rglob("*.py"), *(ROOT / "bench").rglob("*.py")} - own:
        text = path.read_text(encoding="utf-8")
        assert not [name for name in names if name in text], path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Tuple | ast.List | ast.Set):
                listed = KEYS & {e.value for e in node.elts if isinstance(e, ast.Constant)}
                assert len(listed) < 2, (path, listed)


@pytest.mark.parametrize("key", ["silhouette_of_stanzas", "section.silhouette_euclidean"])
def test_a_silhouette_of_another_version_never_decides(key):
    """The rule on silhouettes holds for those that this version does not know."""
    one = declared(key)
    assert (one.family, one.may_decide) == (SILHOUETTE, False)
    assert one.chinese == key.rpartition(".")[2].replace("_", " ")


def test_a_figure_of_another_version_keeps_its_direction():
    """An `alignment` of another kind is better where it is lower, and decides nothing."""
    one = declared("alignment_of_songs")
    assert (one.lower_is_better, one.may_decide) == (True, False)


def test_an_unknown_figure_is_still_a_figure():
    """What another version wrote is shown by its key, higher being better."""
    one = declared("section.some_new_figure")
    assert (one.key, one.chinese, one.lower_is_better) == (
        "some_new_figure",
        "some new figure",
        False,
    )


@given(value=numbers, baseline=numbers, interval=intervals)
def test_a_figure_reads_back(value, baseline, interval):
    """Value, baseline, interval and facts survive quality.json, and why one has no interval."""
    facts = {"rows": 3, "note": "n"}
    one = Figure(value, baseline, "chance", "what?", interval, facts)
    read = figure_of(json.loads(json.dumps(one.with_interval())))
    assert bool(read.no_interval) == (value is not None and interval is None)
    told = {"note": f"n; {TOO_FEW_SONGS}"} if read.no_interval else {}
    assert read == replace(one, facts=facts | told)
    assert figure_of(one.as_json()).value == value


@pytest.mark.parametrize("bad", [math.nan, math.inf, True, "3", None, [1]])
def test_what_is_no_number_is_not_computed(bad):
    """NaN, text and truth values are no figures, alone or in an interval."""
    assert number(bad) is None
    assert interval_of([0.1, bad]) is None


def test_an_interval_is_two_numbers_in_order():
    """One that was written the wrong way round is turned, one of another length is none."""
    assert interval_of([0.6, 0.4]) == (0.4, 0.6)
    assert interval_of([0.6]) is None


@pytest.mark.parametrize(
    ("key", "value", "verdict"),
    [
        ("dbcv", 0.4, "better"),
        ("dbcv", 0.3, "worse"),
        ("alignment", 0.2, "better"),
        ("alignment", 0.4, "worse"),
        ("uniformity", 0.2, ""),
        ("dbcv", None, ""),
    ],
)
def test_the_verdict_follows_the_declared_direction(key, value, verdict):
    """Equal is worse, lower is better where it is declared so, and nothing beats an ideal."""
    assert Figure(value, 0.3).verdict(declared(key)) == verdict


def test_sections_and_parts_are_found():
    """The page reads figures and sections, a comparison also what lies within a figure."""
    quality = {
        "clusters": {"count": 3, "meaning": "m"},
        "section": {"one": {"value": 1.0}},
        "artist_retrieval": {"value": 0.5, "spaces": [{"name": "words", "value": 0.4}]},
        "plain": 3,
    }
    assert list(top_figures(quality)) == ["clusters", "section.one", "artist_retrieval", "plain"]
    assert list(all_figures(quality)) == [
        "section.one",
        "artist_retrieval",
        "artist_retrieval.spaces.words",
    ]
