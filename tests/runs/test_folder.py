"""The run directory: one writer, the right inputs, and a manifest that comes last."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from rapids_rap.errors import InputError
from rapids_rap.runs.folder import RunFolder, add_document
from rapids_rap.runs.names import MANIFEST
from rapids_rap.runs.run import RunVotes, open_run
from rapids_rap.runs.verify import find_faults


def publish(folder, **changes):
    parts = {
        "lines": pd.DataFrame({"line_id": [0], "text": ["爱"], "cluster": [0]}),
        "dropped": pd.DataFrame({"file": ["f"], "line": [1], "text": ["x"], "rule": ["credit"]}),
        "tables": {
            "clusters.csv": pd.DataFrame(
                {"cluster": [0], "lines": [1], "theme": [0], "top_terms": ["null"]}
            ),
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


def test_finished_run_reads_back(tmp_path):
    """What was published is what a reader gets; words like NA and null stay words."""
    with RunFolder(tmp_path / "run") as folder:
        folder.claim([("f", "1")])
        publish(folder)
        folder.finish("<html>")
    run = open_run(tmp_path / "run")
    assert run.clusters["top_terms"].tolist() == ["null"]
    assert run.themes["label"].tolist() == ["NA"]
    assert run.cluster_artists is None
    assert run.maps == {"clusters.png": b"png"}
    assert set(run.manifest["files"]) >= {"lines.parquet", "report.html", "maps/clusters.png"}


def test_table_and_map_of_an_earlier_configuration_go(tmp_path):
    """A table or map that the new configuration does not make is not left from the old one."""
    with RunFolder(tmp_path / "run") as folder:
        folder.claim([("f", "1")])
        publish(folder)
        publish(folder, tables={}, maps={"density.png": b"d"})
    assert not (tmp_path / "run" / "clusters.csv").exists()
    assert [p.name for p in (tmp_path / "run" / "maps").iterdir()] == ["density.png"]


def test_other_inputs_need_overwrite(tmp_path):
    """A folder of other lyrics is not mixed with these; --overwrite clears it first."""
    path = tmp_path / "run"
    with RunFolder(path) as folder:
        folder.claim([("f", "1")])
        publish(folder)
        folder.finish("<html>")
    with RunFolder(path) as folder, pytest.raises(InputError, match="--overwrite"):
        folder.claim([("f", "2")])
    assert (path / MANIFEST).exists()
    with RunFolder(path, overwrite=True) as folder:
        folder.claim([("f", "2")])
    assert not (path / MANIFEST).exists()
    assert json.loads((path / ".run.json").read_text())["inputs"] == ["2"]


def test_renamed_or_reordered_inputs_are_the_same(tmp_path):
    """What counts is the content of the inputs, not their names or order."""
    with RunFolder(tmp_path / "run") as folder:
        folder.claim([("a", "1"), ("b", "2")])
        folder.claim([("c", "2"), ("d", "1")])


def test_foreign_folder_is_left_alone(tmp_path):
    """A folder with someone's files is refused before anything is written into it."""
    (tmp_path / "thesis.docx").write_text("x")
    with pytest.raises(InputError, match=r"thesis\.docx"), RunFolder(tmp_path, overwrite=True):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.docx"]
    with pytest.raises(InputError, match="is a file"), RunFolder(tmp_path / "thesis.docx"):
        pass


def test_vectors_of_other_texts_are_written_again(tmp_path):
    """Another configuration with as many texts replaces the vectors; the same one keeps them."""
    with RunFolder(tmp_path / "run") as folder:
        folder.claim([("f", "1")])
        publish(folder, vectors_info={"texts": "a"})
        publish(folder, vectors_info={"texts": "b"}, vectors=np.zeros((1, 2), np.float32))
        assert not np.load(tmp_path / "run" / "vectors" / "vectors.npy").any()
        (tmp_path / "run" / "vectors" / "vectors.npy").write_bytes(b"half")
        publish(folder, vectors_info={"texts": "b"})
    assert np.load(tmp_path / "run" / "vectors" / "vectors.npy").shape == (1, 2)


def test_a_stranger_with_a_manifest_is_a_stranger(tmp_path):
    """Many programs write a manifest.json; its folder is not ours to clear."""
    (tmp_path / MANIFEST).write_text('{"name": "a web app"}')
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "mine.png").write_text("x")
    with pytest.raises(InputError, match="no run"), RunFolder(tmp_path):
        pass
    assert (tmp_path / "maps" / "mine.png").exists()


def test_a_copy_without_hidden_files_is_still_a_run(tmp_path):
    """`cp RUN/* elsewhere` loses the marker; the manifest says the same, and guards as well."""
    path = tmp_path / "run"
    inputs = {
        "schema_version": 1,
        "counts": {},
        "config": {},
        "model": {},
        "inputs": [{"path": "f", "sha256": "1"}],
    }
    with RunFolder(path) as folder:
        folder.claim([("f", "1")])
        publish(folder, manifest=inputs)
        folder.finish("<html>")
    (path / ".run.json").unlink()
    with RunFolder(path) as folder:
        with pytest.raises(InputError, match="other inputs"):
            folder.claim([("g", "2")])
        folder.claim([("f", "1")])
    (path / ".run.json").write_text("{")
    with RunFolder(path) as folder:
        folder.claim([("f", "1")])


def test_a_document_is_added_with_its_checksum(sample_run, tmp_path):
    """What is added to a finished run is vouched for by its manifest, and the rest stays."""
    folder = tmp_path / "run"
    shutil.copytree(sample_run, folder)
    before = open_run(folder).manifest
    add_document(folder, "nightly.json", {"name": "夜"})
    after = open_run(folder)
    assert after.night == {"name": "夜"}
    assert after.manifest["files"].keys() == before["files"].keys() | {"nightly.json"}
    assert find_faults(folder) == []
    assert open_run(sample_run).night is None
