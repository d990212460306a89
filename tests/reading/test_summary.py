"""A run read in the terminal: what it found, and what of it can't be trusted."""

import json

import pandas as pd
import pytest

from rapids_rap.errors import InputError
from rapids_rap.reading.summary import export_lines, summarize
from rapids_rap.runs.run import open_run
from tests.run_factory import make_run

ROWS = {
    "cluster": [0, 0, 0],
    "artist": ["甲", "乙", "丙"],
    "percentage": [50.0, 30.0, 20.0],
    "lines": [5, 3, 1],
    "lift": [1.5, 1.2, 0.3],
    "lift_low": [1.1, 2e-7, None],
    "lift_high": [2.0, 68_190_200.0, None],
}


def a_run(folder, **columns):
    path = make_run(folder, ["一", "二", "三"], [0, 0, 1])
    clusters = pd.read_csv(path / "clusters.csv").assign(distinct_lines=1, suggested_label="爱情")
    clusters.to_csv(path / "clusters.csv", index=False)
    (path / "cluster_examples.csv").write_text("cluster,rank,text\n0,1,一\n")
    pd.DataFrame(ROWS | columns).to_csv(path / "cluster_artists.csv", index=False)
    return path


@pytest.mark.parametrize("notes", [None, ["", "interval too wide", "too few songs"]])
def test_intervals_of_lift_are_given_or_explained(tmp_path, notes):
    """One column holds the interval or why there is none, of runs without notes as well."""
    run = open_run(a_run(tmp_path / "run", **({"note": notes} if notes else {})))
    table = summarize(run, 0)[-1]
    expected = ["1.10–2.00", "interval too wide", "too few songs" if notes else ""]
    assert table["interval"].tolist() == expected
    assert not {"lift_low", "lift_high", "note"} & set(table.columns)


def test_a_lift_that_is_no_number_is_named(tmp_path):
    """A received table may hold anything."""
    run = open_run(a_run(tmp_path / "run", lift_low=["=1+1", "x", "y"]))
    with pytest.raises(InputError, match="lift_low"):
        summarize(run, 0)


def test_songs_that_the_model_had_read_are_told(tmp_path):
    """Whoever reads the summary learns that figures leave songs out."""
    path = a_run(tmp_path / "run")
    assert not any("left out" in str(block) for block in summarize(open_run(path)))
    note = "54 of 66 songs are left out, because the model was trained on them"
    quality = {"next_line_retrieval": {"value": 0.1, "note": note, "songs_left_out": 54}}
    (path / "quality.json").write_text(json.dumps(quality))
    assert any(note in str(block) for block in summarize(open_run(path)))


@pytest.mark.parametrize(
    ("columns", "column", "cell", "said"),
    [
        ({}, None, None, "There again on other songs: not measured"),
        (
            {"agreement": [0.5, 0.9, 0.4]},
            "agreement",
            "0.40 ?",
            "Agreement: 0.40 of the votes, less",
        ),
        (
            {"stability": [None, 0.9, 0.3], "stability_class": [None, "highly stable", "unstable"]},
            "stability",
            "unstable",
            "Stability: 0.30 unstable",
        ),
    ],
)
def test_what_may_not_be_there_again_is_told(tmp_path, columns, column, cell, said):
    """By stability, else by votes, else by the command that measures it; export has the class."""
    path = a_run(tmp_path / "run")
    table = pd.read_csv(path / "clusters.csv").assign(**columns)
    table.to_csv(path / "clusters.csv", index=False)
    run = open_run(path)
    shown = next(block for block in summarize(run) if isinstance(block, pd.DataFrame))
    assert {"agreement", "stability"} & set(shown.columns) == ({column} if column else set())
    if column:
        assert shown.set_index("cluster")[column].loc[1] == cell
    assert any(str(block).startswith(said) for block in summarize(run, 1))
    exported = export_lines(run, 1, "csv").decode()
    assert exported.splitlines()[1].endswith(",unstable") == (column == "stability")


@pytest.mark.parametrize(("cosine", "named"), [(0.87, True), (0.4, False), (None, False)])
def test_an_encoders_common_direction_is_told(tmp_path, cosine, named):
    """As the run said it on the terminal, on both sides of the threshold."""
    run = open_run(a_run(tmp_path / "run"))
    run.manifest["space"]["mean_cosine"] = cosine
    said = [block for block in summarize(run) if isinstance(block, str)]
    assert any("common direction" in block for block in said) == named


def test_the_path_of_a_cluster_is_told(tmp_path):
    """From its theme, by name, over what it shares with others; nothing of a run without a tree."""
    path = a_run(tmp_path / "run")
    assert not any("Path" in str(block) for block in summarize(open_run(path), 0))
    tree = pd.DataFrame(
        {
            "parent": [-2, -3, -2, -4],
            "child": [-3, 0, -4, 1],
            "strength": [0.1, 0.1, 0.1, 0.1],
            "size": [2, 2, 1, 1],
            "kind": ["theme", "cluster", "theme", "cluster"],
            "theme": pd.array([0, 0, 1, 1], dtype="Int64"),
        }
    )
    tree.to_parquet(path / "tree.parquet", index=False)
    clusters = pd.read_csv(path / "clusters.csv").assign(path=[None, "0 > 0", "1 > 1"])
    clusters.to_csv(path / "clusters.csv", index=False)
    run = open_run(path)
    assert "Path: theme 0 主题0 > cluster 0" in summarize(run, 0)
    assert not any("Path" in str(block) for block in summarize(run, -1))


@pytest.mark.parametrize("path", ["", "0", "x > 0", "0 > =1+1 > 0", "7 > 8 > 9"])
def test_a_path_that_leads_nowhere_breaks_nothing(tmp_path, path):
    """A received table may hold anything."""
    run = a_run(tmp_path / "run")
    tree = {"parent": [0], "child": [0], "strength": [0.1], "size": [1], "kind": ["cluster"]}
    pd.DataFrame(tree | {"theme": [0]}).to_parquet(run / "tree.parquet", index=False)
    clusters = pd.read_csv(run / "clusters.csv").assign(path=["", path, path])
    clusters.to_csv(run / "clusters.csv", index=False)
    assert summarize(open_run(run), 0)
