"""A figure is declared once, and everything that shows one reads the declaration."""

import ast
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.compare.trained import HELD_OUT, SEEN
from rapids_rap.night.drift import FIGURES
from rapids_rap.quality.figures import (
    DECLARATIONS,
    Figure,
    all_figures,
    declared,
    figure_of,
    interval_of,
    number,
    top_figures,
)
from tests.conftest import ROOT

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
    assert set(quality) <= KEYS
    assert {*FIGURES, *SEEN, HELD_OUT} <= KEYS


@pytest.mark.parametrize("file", ["rapids_rap/compare/scores.py", "bench/scoring.py"])
def test_every_figure_that_is_scored_again_is_declared(file):
    """The keys that the scorer's other callers write are declared too."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    written = {
        key.value
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and node.name in ("figures", "_terms", "score_labels", "score_map", "score_density")
        for part in ast.walk(node)
        if isinstance(part, ast.Dict)
        for key in part.keys
        if isinstance(key, ast.Constant)
    }
    facts = {"note", "interval_over"}
    assert written - facts
    assert written - facts <= KEYS


def test_no_reader_keeps_names_or_directions_of_its_own():
    """A figure's Chinese name, and a list of keys, stand in no other file of the package."""
    names = [one.chinese for one in DECLARATIONS if one.key != "stability"]  # a column's name too
    for path in sorted((ROOT / "rapids_rap").rglob("*.py")):
        if path.name == "figures.py" and path.parent.name == "quality":
            continue
        text = path.read_text(encoding="utf-8")
        assert not [name for name in names if f'"{name}"' in text], path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Tuple | ast.List | ast.Set):
                words = {e.value for e in node.elts if isinstance(e, ast.Constant)}
                judged = words & {one.key for one in DECLARATIONS if not one.may_decide}
                assert path.parent.name == "compare" or len(judged) < 3, (path, judged)


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
    """Value, baseline, interval and facts survive quality.json."""
    facts = {"rows": 3, "note": "n"}
    one = Figure(value, baseline, "chance", "what?", interval, facts)
    assert figure_of(json.loads(json.dumps(one.with_interval()))) == one
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
