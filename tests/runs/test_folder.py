"""The run directory: one writer, the right inputs, and a manifest that comes last."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from rapids_rap.errors import InputError, LockHeldError
from rapids_rap.runs.folder import RunFolder, add_document
from rapids_rap.runs.lock import exclusive
from rapids_rap.runs.names import MANIFEST
from rapids_rap.runs.run import open_run
from rapids_rap.runs.verify import find_faults


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


def test_unfinished_run_is_not_opened(tmp_path):
    """Between the first file and the manifest there is no run, and the error says resume."""
    with RunFolder(tmp_path / "run") as folder:
        folder.claim([("f", "1")])
        publish(folder)
        folder.finish("<html>")
        publish(folder)  # a second configuration begins to replace the files
    with pytest.raises(InputError, match="resume"):
        open_run(tmp_path / "run")


def test_table_and_map_of_an_earlier_configuration_go(tmp_path):
    """A table or map that the new configuration does not make is not left from the old one."""
    with RunFolder(tmp_path / "run") as folder:
        folder.claim([("f", "1")])
        publish(folder)
        publish(folder, tables={}, maps={"density.png": b"d"})
    assert not (tmp_path / "run" / "clusters.csv").exists()
    assert [p.name for p in (tmp_path / "run" / "maps").iterdir()] == ["density.png"]


def test_second_writer_is_refused_and_told_who(tmp_path):
    """Two runs into one folder: the second exits 4 and names the first; a crash frees the lock."""
    code = (
        "import sys, pathlib\n"
        "from rapids_rap.runs.folder import RunFolder\n"
        "folder = RunFolder(pathlib.Path(sys.argv[1])); folder.__enter__()\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(LockHeldError, match=str(holder.pid)), RunFolder(tmp_path / "run"):
        pass
    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    with RunFolder(tmp_path / "run"):
        pass


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


def test_a_shared_store_has_one_writer(tmp_path):
    """Two runs with different folders but one vector store don't sweep each other's files."""
    with (
        exclusive(tmp_path / "store"),
        pytest.raises(LockHeldError, match="store"),
        exclusive(tmp_path / "store"),
    ):
        pass
    with exclusive(tmp_path / "store"):
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
