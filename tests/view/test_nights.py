import gzip
import json

import numpy as np
import pandas as pd
import pytest

from rapids_rap.errors import InputError
from rapids_rap.runs.run import open_run
from rapids_rap.view.nights import pair_nights
from rapids_rap.view.payload import build_payload
from rapids_rap.view.view import open_nights
from tests.run_factory import make_run

TEXTS = [f"第{i}行" for i in range(40)]


@pytest.fixture
def pair(tmp_path):
    """Two nights: five texts go, five come, and the labels of some change."""
    earlier = make_run(tmp_path / "one", TEXTS[:35], np.arange(35) % 4 - 1, seed=1)
    later = make_run(
        tmp_path / "two", TEXTS[5:], np.arange(5, 40) % 3 - 1, seed=2, repeats=[2] * 35
    )
    for run in (earlier, later):
        (run / "cluster_terms.csv").write_text("cluster,rank,term,score,method\n")
    return open_run(earlier), open_run(later)


def columns(payload):
    header = json.loads(gzip.decompress(payload.parts["header"]))
    kinds = header["columns"]
    read = {n: np.frombuffer(gzip.decompress(payload.parts[n]), dtype=kinds[n]) for n in kinds}
    return header, read


def test_each_line_knows_its_text_in_the_other_night(pair):
    """Its cluster there by stable id, its first line there, or that it is not there."""
    later, earlier = open_nights(*pair)
    runs = {run.path.name: pd.read_parquet(run.path / "lines.parquet") for run in pair}
    for night, own, there in ((later, "two", "one"), (earlier, "one", "two")):
        header, read = columns(night.payload)
        partner = np.cumsum(read["partner"], dtype="u4")
        assert header["other"]["title"] == there
        assert header["other"]["later"] is (there == "two")
        by_text = runs[there].drop_duplicates("text_norm").set_index("text_norm")
        for i, text in enumerate(runs[own]["text_norm"]):
            place = read["other"][i]
            if text not in by_text.index:
                assert place == partner[i] == 0
                continue
            assert header["other"]["clusters"][place - 1] == by_text.loc[text, "cluster"]
            assert runs[there]["text_norm"].tolist().index(text) == partner[i] - 1
    assert [night.prefix for night in (later, earlier)] == ["", "before-"]


def test_nights_that_share_nothing_are_refused(pair, tmp_path):
    """Without a text in common, or of another unit, nothing moved; a sentence says so."""
    other = open_run(make_run(tmp_path / "x", ["别的"], [0]))
    with pytest.raises(InputError, match="no text in common"):
        pair_nights(pair[0], other)
    songs = open_run(make_run(tmp_path / "y", TEXTS[:3], [0, 0, 1], unit="song"))
    with pytest.raises(InputError, match="only runs of one unit"):
        pair_nights(pair[0], songs)


def test_a_run_alone_has_no_other(pair):
    """Nothing of a second night is in the payload of one."""
    header, read = columns(build_payload(pair[0]))
    assert "other" not in header
    assert {"other", "partner"}.isdisjoint(read)
