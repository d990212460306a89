"""What a run takes over: only what is the same text, in the same space."""

import json

import numpy as np
import pandas as pd
import pytest

from rapids_rap.backend import load_backend
from rapids_rap.heritage import Heritage, earlier_places, find_earlier
from rapids_rap.runs import Run

CPU = load_backend("cpu")
TEXTS = ["丙", "乙", "甲"]  # by code point: 丙 4e19, 乙 4e59, 甲 7532


@pytest.fixture
def run(tmp_path):
    """Three texts, the middle one twice, at (text_id, -text_id)."""
    ids = np.array([0, 1, 1, 2])
    pd.DataFrame({
        "text_id": ids, "text_norm": [TEXTS[i] for i in ids], "weight": [1, 2, 2, 1],
        "cluster": [4, 4, 4, -1], "theme": [1, 1, 1, -1],
        "x": ids.astype(np.float32), "y": -ids.astype(np.float32),
    }).to_parquet(tmp_path / "lines.parquet")  # fmt: skip
    (tmp_path / "vectors").mkdir()
    reduced = np.arange(15, dtype=np.float32).reshape(3, 5)
    np.save(tmp_path / "vectors" / "reduced.npy", reduced)
    return Run(tmp_path, json.loads('{"model": {"space": "s"}}'))


def test_texts_are_found_by_what_they_say(run):
    """An earlier text's position tonight, -1 where it is gone; a row a distinct text."""
    place, old = find_earlier(Heritage(run), ["甲", "新", "丙"])
    assert old["text_norm"].tolist() == TEXTS
    assert old["weight"].tolist() == [1, 2, 1]
    assert place.tolist() == [2, -1, 0]


def test_places_are_those_of_the_same_text(run):
    """Tonight's rows in tonight's order; a new text has no place."""
    found = earlier_places(Heritage(run), ["甲", "新", "丙"], 5, "s", CPU)
    assert found.placed.tolist() == [True, False, True]
    assert found.xy[[0, 2]].tolist() == [[2.0, -2.0], [0.0, 0.0]]
    assert found.reduced[0].tolist() == [10.0, 11.0, 12.0, 13.0, 14.0]


@pytest.mark.parametrize(("dimensions", "space"), [(4, "s"), (5, "another model")])
def test_another_space_is_not_gone_on_from(run, dimensions, space):
    """Other dimensions or another model: the map goes on, the clustered space does not."""
    found = earlier_places(Heritage(run), TEXTS, dimensions, space, CPU)
    assert found.reduced is None
    assert found.placed.all()


def test_a_run_that_kept_no_space_has_none(run):
    """Runs written before the space was kept still lend their map."""
    (run.path / "vectors" / "reduced.npy").unlink()
    assert earlier_places(Heritage(run), TEXTS, 5, "s", CPU).reduced is None


def test_nothing_in_common_is_no_start(run):
    """A first night, and a night of other texts, begin anew."""
    assert earlier_places(None, TEXTS, 5, "s", CPU) is None
    assert earlier_places(Heritage(None), TEXTS, 5, "s", CPU) is None
    assert earlier_places(Heritage(run), ["另一首"], 5, "s", CPU) is None
