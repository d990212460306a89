"""A run is opened whole, or one sentence says why not."""

import numpy as np
import pandas as pd
import pytest

from rapids_rap.errors import InputError
from rapids_rap.runs.folder import RunFolder
from rapids_rap.runs.names import MANIFEST
from rapids_rap.runs.run import RunVotes, open_run


def publish(folder, **changes):
    parts = {
        "lines": pd.DataFrame({"line_id": [0], "text": ["爱"], "cluster": [0]}),
        "dropped": pd.DataFrame({"file": ["f"], "line": [1], "text": ["x"], "rule": ["credit"]}),
        "tables": {
            "clusters.csv": pd.DataFrame({"cluster": [0], "top_terms": ["null"]}),
            "themes.csv": pd.DataFrame({"theme": [0], "label": ["NA"]}),
        },
        "vectors": np.ones((1, 2), np.float32),
        "vectors_info": {"fingerprint": "f"},
        "reduced": np.zeros((1, 5), np.float32),
        "votes": RunVotes(
            np.zeros((1, 2), np.int32),
            np.ones((1, 2), np.float32),
            np.ones(2, np.float32),
            np.zeros((0, 2), np.int64),
        ),
        "quality": {"x": None},
        "maps": {"clusters.png": b"png"},
        "manifest": {"schema_version": 1, "counts": {}, "config": {}, "model": {}},
    }
    folder.publish(**{**parts, **changes})


def test_unfinished_run_is_not_opened(tmp_path):
    """Between the first file and the manifest there is no run, and the error says resume."""
    with RunFolder(tmp_path / "run") as folder:
        folder.claim([("f", "1")])
        publish(folder)
        folder.finish("<html>")
        publish(folder)  # a second configuration begins to replace the files
    with pytest.raises(InputError, match="resume"):
        open_run(tmp_path / "run")


@pytest.mark.parametrize("text", ["{", "\xff", "", "[]", "3", '{"schema_version": 1}'])
def test_damaged_manifest_is_one_sentence(tmp_path, text):
    """A manifest that can't be parsed is named; a later schema asks for an upgrade."""
    (tmp_path / MANIFEST).write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="manifest"):
        open_run(tmp_path)


def test_later_schema_and_missing_folder(tmp_path):
    """A run of a newer version and a folder that isn't there are explained."""
    (tmp_path / MANIFEST).write_text('{"schema_version": 99}')
    with pytest.raises(InputError, match="newer version"):
        open_run(tmp_path)
    with pytest.raises(InputError, match="no such run"):
        open_run(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no manifest"):
        open_run(tmp_path / "empty")


@pytest.mark.parametrize("name", ["lines.parquet", "clusters.csv", "quality.json", "vectors"])
def test_damaged_file_of_a_run_is_named(tmp_path, name):
    """A file that went missing or was cut is named, with what to do, not traced."""
    with RunFolder(tmp_path / "run") as folder:
        folder.claim([("f", "1")])
        publish(folder)
        folder.finish("<html>")
    path = tmp_path / "run" / (f"{name}/vectors.npy" if name == "vectors" else name)
    attribute = name.partition(".")[0]
    for damage in (lambda: path.write_bytes(b""), path.unlink):
        damage()
        with pytest.raises(InputError, match=path.name):
            getattr(open_run(tmp_path / "run"), attribute)


def votes_at(path, **changes):
    """The votes of a published run in which these files were replaced by such arrays."""
    with RunFolder(path) as folder:
        folder.claim([("f", "1")])
        publish(folder, lines=pd.DataFrame({"text_id": range(4), "text": list("爱恨情仇")}))
        folder.finish("<html>")
    whole = {
        "votes": np.array([[0, 1], [0, 0], [-1, 0], [-2, 1]], np.int32),
        "vote_strengths": np.ones((4, 2), np.float32),
        "vote_persistence": np.ones(3, np.float32),
        "vote_trees": np.array([[-1, 4], [0, 2], [0, 2], [-1, 4]]),
    }
    for name, array in {**whole, **changes}.items():
        np.save(path / "vectors" / f"{name}.npy", array)
    return open_run(path).votes


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("votes", np.array([[0, 1], [0, 0], [-3, 0], [-1, 1]])),
        ("votes", np.array([[0, 1], [0, 0], [4, 0], [-1, 1]])),
        ("votes", np.array([[0, 1], [0, 0], [2**32, 0], [-1, 1]])),
        ("votes", np.array([[0, 1], [0, 0], [2**31 - 1, 0], [-1, 1]], np.int32)),
        ("votes", np.zeros((4, 0), np.int32)),
        ("votes", np.full((4, 201), -1, np.int32)),
        ("votes", np.zeros((4, 2), np.uint8)),
        ("vote_strengths", np.full((4, 2), np.nan, np.float32)),
        ("vote_strengths", np.full((4, 2), 1.5)),
        ("vote_strengths", np.ones((4, 3))),
        ("vote_persistence", np.ones(2)),
        ("vote_trees", np.zeros(4, np.int64)),
        ("vote_trees", np.array([[0, 2], [0, 2], [-1, 4]])),
        ("vote_trees", np.array([[-1, 4], [0, 4]])),
        ("vote_trees", np.array([[-1, 4], [1, 2], [0, 2]])),
        ("vote_trees", np.array([[-1, 4], [-5, 2], [-1, 2]])),
        ("vote_trees", np.array([[-1, 4], [0, 9], [0, 2]])),
        ("vote_trees", np.array([[-1, 4], [0, -2], [0, 2]])),
        ("vote_trees", np.array([[-1, 4]] * 3)),
    ],
)
def test_votes_that_no_layout_gives_are_damage(tmp_path, name, array):
    """Numbers out of range are named before a night clusters with them; whole votes are read."""
    assert votes_at(tmp_path / "whole").labels.tolist()[3] == [-2, 1]
    with pytest.raises(InputError, match=name):
        votes_at(tmp_path / "run", **{name: array})
