"""The sides themselves, on the sample lyrics: they find the same things, and the scorer sees it."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from rapids_rap.bench.baseline import strong
from rapids_rap.bench.measure import Inputs, keep
from rapids_rap.bench.tasks import (
    embedding,
    maps,
    pipelines,
    real_encoder,
    real_models,
    silhouette,
    topics,
)


@pytest.fixture
def inputs(lyrics_file, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    rows = len(pd.read_parquet(lyrics_file))
    return Inputs(lyrics_file, rows, shared, tmp_path)


def found(task, inputs, **sides):
    """Each side's findings in a folder, as the runner leaves them."""
    folders = {}
    for name, call in sides.items():
        folder = inputs.own / name
        folder.mkdir()
        own = Inputs(inputs.corpus, inputs.lines, inputs.shared, folder)
        keep(call(own)(), folder)
        folders[name.replace("_", "-")] = folder
    return task.score(inputs, folders)


def test_every_encoder_gives_the_same_vectors(inputs, monkeypatch):
    """Our batches, the padded loop and sentence-transformers differ by rounding only."""
    monkeypatch.setattr(embedding, "TUNED_ON", 32)
    figures = found(
        embedding,
        inputs,
        ours=embedding.ours,
        poster=embedding.poster,
        library=embedding.sentence_transformers,
        distinct=embedding.sentence_transformers_distinct,
    )
    for side in ("ours", "library", "distinct"):
        assert figures[side]["largest_difference"] < 1e-5
        assert figures[side]["knn_recall"] > 0.99


def test_the_race_with_a_real_encoder_compares_equal_vectors(inputs, monkeypatch, capsys):
    """Any model runs in it: both sides compute in float32, at one batch size found before."""
    monkeypatch.setattr(real_encoder, "MODEL", "demo")
    monkeypatch.setattr(real_encoder, "TUNED_ON", 32)
    real_encoder.prepare(inputs)
    figures = found(
        real_encoder,
        inputs,
        **{
            "ours": real_encoder.ours,
            "sentence-transformers": real_encoder.sentence_transformers,
            "distinct": real_encoder.sentence_transformers_distinct,
        },
    )
    for side in figures.values():
        assert side["least_cosine"] > 0.99999
        assert side["knn_recall"] > 0.99


def test_half_precision_on_disk_races_in_float32(demo_folder, tmp_path):
    """By itself the library would take what the folder holds, several times slower on a CPU."""
    copy = shutil.copytree(demo_folder, tmp_path / "half")
    weights = load_file(copy / "model.safetensors")
    halves = {name: tensor.half() for name, tensor in weights.items()}
    save_file(halves, copy / "model.safetensors", metadata={"format": "pt"})
    encoder = strong.load_encoder(copy, 256)
    assert {p.dtype for p in encoder.parameters()} == {torch.float32}


def test_wrong_vectors_are_seen_by_the_scorer(inputs):
    """A side that returned other vectors would show in both figures."""
    random = np.random.default_rng(0).normal(size=(inputs.lines, 256)).astype(np.float32)
    for name, vectors in (("poster", random), ("ours", random[::-1])):
        (inputs.own / name).mkdir()
        np.save(inputs.own / name / "vectors.npy", vectors)
    folders = {name: inputs.own / name for name in ("poster", "ours")}
    figures = embedding.score(inputs, folders)["ours"]
    assert figures["largest_difference"] > 1
    assert figures["knn_recall"] < 0.5


def test_the_closed_form_is_scikit_learns_silhouette(inputs, monkeypatch):
    """Value by value, noise left out by both."""
    monkeypatch.setattr(silhouette, "ROWS", 600)
    monkeypatch.setattr(silhouette, "CLUSTERS", 7)
    silhouette.prepare(inputs)
    figures = found(silhouette, inputs, ours=silhouette.ours, scikit_learn=silhouette.scikit_learn)
    assert figures["ours"]["largest_difference"] < 1e-4
    assert figures["ours"]["same_rows"] == 1.0


def test_both_maps_have_the_same_size(inputs, monkeypatch):
    """A smaller picture would be an unfair one."""
    monkeypatch.setattr(maps, "POINTS", 2000)
    maps.prepare(inputs)
    figures = found(maps, inputs, ours=maps.ours, matplotlib=maps.matplotlib)
    assert figures["ours"] == figures["matplotlib"]


def test_topics_of_both_sides_are_scored_alike(inputs):
    """Labels for every distinct text, and the agreement of ours with itself is 1."""
    topics.prepare(inputs)
    figures = found(
        topics, inputs, ours=topics.ours, votes=topics.ours_votes, bertopic=topics.bertopic
    )
    assert figures["ours"]["ari_to_ours"] == 1.0
    assert set(figures["bertopic"]) == set(figures["ours"])


def test_a_run_folder_is_read_line_by_line(inputs):
    """Labels, map and clustered space have a row a line, and the stages their seconds."""
    run = pipelines.ours(inputs)()
    lines = run.counts["lines"]
    assert {name: len(array) for name, array in run.arrays.items()} == {
        "labels": lines,
        "map": lines,
        "clustered_space": lines,
    }
    assert {"embedding", "layout", "quality"} <= {stage["stage"] for stage in run.stages}
    assert run.counts["tokens"] > lines


def test_a_second_round_finds_nothing_of_the_first(inputs):
    """A run that took up its stages and vectors again would race with a ghost of itself."""
    call = pipelines.ours(inputs)
    for _ in range(2):
        call()
        manifest = json.loads((inputs.own / "run" / "manifest.json").read_text())
        assert not [stage["name"] for stage in manifest["stages"] if stage["cached"]]
        assert manifest["model"]["reused"] == 0


def test_votes_are_a_row_of_their_own(inputs):
    """`ours` has one layout and permutes nothing, as the baselines; the default does both."""
    for side, voted in ((pipelines.ours, False), (pipelines.ours_votes, True)):
        stages = side(inputs)().stages
        config = json.loads((inputs.own / "run" / "manifest.json").read_text())["config"]
        assert (config["clusters"]["layouts"] != 1) == voted
        assert (config["quality"]["permutations"] > 0) == voted
        assert stages


def test_a_model_of_another_shape_races_with_random_weights(inputs, monkeypatch):
    """Both sides read the folder that `prepare` writes, and hours are extrapolated by lines."""
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "num_hidden_layers": 1}
    shape = {"vocab_size": 12_000, "hidden_size": 64, "intermediate_size": 96, **heads}
    monkeypatch.setattr(real_models, "SHAPE", shape)
    real_models.prepare(inputs)
    for side in (real_models.ours_large, real_models.poster_large):
        assert any(stage["stage"] == "embedding" for stage in side(inputs)().stages)
    record = {"stages": [{"stage": "embedding", "seconds": 36.0}, {"stage": "maps", "seconds": 9}]}
    (inputs.own / "record.json").write_text(json.dumps(record), encoding="utf-8")
    hours = real_models.score(inputs, {"ours": inputs.own})["ours"]["embedding_hours_600k"]
    assert hours == pytest.approx(36 / inputs.lines * 600_000 / 3600)
