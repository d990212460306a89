"""What is kept of a session: its CSV, its record, the table and the picture made of them."""

import json

import pandas as pd
import pytest
from PIL import Image

import rapids_rap.bench as benchmarks
from rapids_rap.bench.pictures import draw_ratios
from rapids_rap.bench.results import load_results, measurements, render_table, save_session
from rapids_rap.errors import InputError
from tests.bench.helpers import ENVIRONMENT, session

WANTED = [
    {"figure": "speed", "against": "other", "at_least": 3, "reach": 20},
    {"figure": "recall", "at_least": 0.9},
]


def test_a_row_a_side_and_stage_with_the_scorers_figures():
    """The CSV has medians, the ratio to ours, rates, and the quality beside them."""
    table = measurements(session(WANTED, figures={"ours": {"recall": 0.95}}))
    ours = table[(table["side"] == "ours") & (table["stage"] == "all")].iloc[0]
    assert (ours["seconds"], ours["seconds_max"], ours["times_ours"]) == (1.0, 2.0, 1.0)
    assert (ours["lines_per_second"], ours["tokens_per_second"]) == (1000.0, 7000.0)
    assert ours["recall"] == 0.95
    assert table["device_gib"].fillna(0).tolist() == [2.0, 2.0, 0.0]
    assert table[table["side"] == "other"]["times_ours"].tolist() == [10.0]
    assert table[table["stage"] == "sorting"]["seconds"].tolist() == [0.5]


def test_what_was_saved_is_what_the_table_shows(tmp_path):
    """The table says the verdict of each requirement, and what was not measured."""
    save_session(session(WANTED), ENVIRONMENT, tmp_path)
    assert pd.read_csv(tmp_path / "race.csv")["side"].tolist() == ["ours", "ours", "other"]
    record = json.loads((tmp_path / "race.json").read_text(encoding="utf-8"))
    assert record["requirements"][0]["value"] == 10.0
    text = render_table(load_results(tmp_path))
    assert "| speed of ours | other | 10 | 5 to 10 | ≥ 3 | 20 | met |" in text
    assert "| recall of ours | – | – (the scorer gives no such figure) | – to – | ≥ 0.9" in text
    assert "2 cores of a processor" in text


def test_the_summary_of_an_empty_folder_is_an_error(tmp_path):
    """`--table` without results says how to make some."""
    with pytest.raises(InputError, match="no results"):
        benchmarks.write_summary(tmp_path)


def test_the_picture_has_a_bar_a_ratio(tmp_path):
    """Drawn where there are ratios, absent where there are none."""
    save_session(session(WANTED), ENVIRONMENT, tmp_path)
    benchmarks.write_summary(tmp_path)
    with Image.open(tmp_path / "ratios.png") as image:
        assert image.width > 500
    assert draw_ratios([{"scenario": "x", "requirements": []}]) is None
