"""What the baselines' command lines share, and that their settings are ours."""

import json
import time

import numpy as np
import pandas as pd
import pytest
import torch

from rapids_rap.bench.baseline import side
from rapids_rap.bench.baseline.settings import our_settings
from rapids_rap.clustering.votes import min_cluster_size
from rapids_rap.config import Config


def test_settings_are_our_defaults():
    """Where a default of ours changes, the baselines change with it."""
    config, settings = Config(), our_settings(60_000)
    assert settings.n_neighbors == config.layout.n_neighbors
    assert settings.min_dist == config.layout.min_dist
    assert settings.dimensions == config.layout.dimensions
    assert settings.min_samples == config.clusters.min_samples
    assert settings.selection == config.clusters.selection
    assert settings.min_cluster_size == min_cluster_size(60_000, 0) == 150
    assert settings.seed == config.seed == 42


def test_a_stage_is_timed_in_its_order():
    """Seconds of the wall and of the processor differ, and the peak holds what was allocated."""
    clock = side.Clock()
    with clock("waiting"):
        time.sleep(0.2)
    with clock("working"):
        assert np.ones(2**25).sum() == 2**25
    waiting, working = clock.stages
    assert [waiting["stage"], working["stage"]] == ["waiting", "working"]
    assert waiting["seconds"] >= 0.2 > waiting["cpu_seconds"]
    assert working["peak_bytes"] > waiting["peak_bytes"] + 2**27


def test_threads_and_folder_are_made_at_the_start(tmp_path):
    """Torch's threads are set where they are asked for, else left; the folder may be there."""
    parser = side.parser("A side.")
    for extra, threads in ([], 1), (["--threads", "2"], 2), (["--threads", "1"], 1):
        command = ["lyrics.parquet", "--out", str(tmp_path / "a" / "b"), *extra]
        assert side.start(parser.parse_args(command)).stages == []
        assert torch.get_num_threads() == threads
    assert (tmp_path / "a" / "b").is_dir()


def test_a_stage_that_fails_leaves_no_time():
    """Half a stage is no figure."""
    clock = side.Clock()
    with pytest.raises(ValueError, match="broken"), clock("broken"):
        raise ValueError("broken")
    assert clock.stages == []


@pytest.mark.parametrize(
    "vectors", [np.zeros((2, 4), np.float32), np.zeros((3, 4)), np.zeros(3, np.float32)]
)
def test_vectors_of_other_lines_are_refused(vectors, tmp_path):
    """A file of another length, type or shape would silently compare different things."""
    np.save(tmp_path / "v.npy", vectors)
    with pytest.raises(SystemExit, match="float32 vector for each of 3 lines"):
        side.load_vectors(tmp_path / "v.npy", 3)


def test_findings_are_files_that_others_read(tmp_path):
    """Arrays, tables with their Chinese, and one JSON with every stage."""
    clock = side.Clock()
    with clock("terms"):
        pass
    table = pd.DataFrame({"cluster": [0], "term": ["月亮"]})
    arrays = {"labels": np.arange(3)}
    side.write_findings(tmp_path, clock, arrays, {"terms": table}, {"silhouette": None})
    assert np.load(tmp_path / "labels.npy").tolist() == [0, 1, 2]
    assert pd.read_csv(tmp_path / "terms.csv").equals(table)
    record = json.loads((tmp_path / "stages.json").read_text(encoding="utf-8"))
    assert record["silhouette"] is None
    assert [stage["stage"] for stage in record["stages"]] == ["terms"]
