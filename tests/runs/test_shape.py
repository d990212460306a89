"""What is read back of a run is checked, field by field and column by column."""

import json
from pathlib import Path

import pandas as pd
import pytest

from rapids_rap.errors import InputError
from rapids_rap.runs.run import open_run
from rapids_rap.runs.shape import check_table
from tests.run_factory import make_run

HERE = Path("RUN/clusters.csv")


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "run", ["我爱", "想念"], [0, 1])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema_version", "x"),
        ("counts", []),
        ("counts.kept", -1),
        ("counts.kept", 1.5),
        ("counts.kept", True),
        ("counts.dropped", {"credit": "x"}),
        ("model", None),
        ("model.fingerprint", 7),
        ("config", "x"),
        ("config.embedding", []),
        ("inputs", {}),
        ("inputs", [{"path": 1}]),
        ("files", {"a": {"bytes": "x", "sha256": ""}}),
        ("identity", {"clusters": {}}),
    ],
)
def test_a_manifest_names_its_wrong_field(run, field, value):
    """An administrator learns which field of which file is wrong, from any verb."""
    manifest = json.loads((run / "manifest.json").read_text())
    *outer, last = field.split(".")
    place = manifest
    for name in outer:
        place = place[name]
    place[last] = value
    (run / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=rf"manifest\.json: {field}"):
        open_run(run)


def test_what_a_later_version_adds_is_left_alone(run):
    """Fields and columns that this version does not know are nobody's fault."""
    manifest = json.loads((run / "manifest.json").read_text())
    manifest |= {"later": {"x": [1]}}
    manifest["counts"]["later"] = "x"
    (run / "manifest.json").write_text(json.dumps(manifest))
    assert open_run(run).manifest["later"] == {"x": [1]}
    check_table(HERE, pd.DataFrame({"cluster": [0], "later": ["x"]}), {"cluster": "int"})


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"lines": [1]}, "no column cluster"),
        ({"cluster": ["x"]}, "cluster holds something else"),
        ({"cluster": [1.5]}, "cluster holds something else"),
        ({"cluster": [1, None]}, "cluster holds something else"),
        ({"cluster": [True]}, "cluster holds something else"),
        ({"cluster": [1, 1]}, "lists a cluster twice"),
        ({"cluster": [1], "songs": [1.5]}, "songs holds something else"),
        ({"cluster": [1], "share": ["x"]}, "share holds something else"),
    ],
)
def test_a_table_names_its_wrong_column(table, says):
    """A cell of another kind is found where the file is opened, not where it is counted."""
    with pytest.raises(InputError, match=says):
        check_table(HERE, pd.DataFrame(table), {"cluster": "int"})


def test_empty_cells_and_empty_tables_are_usual():
    """Plain text has no songs; a run without clusters has tables without rows."""
    for songs in ([None, None], [3, None], [3, 4]):
        check_table(HERE, pd.DataFrame({"cluster": [0, 1], "songs": songs}), {"cluster": "int"})
    check_table(HERE, pd.DataFrame({"cluster": []}), {"cluster": "int"})
