"""A run of which a sample is laid out says so everywhere, and is the same however it is worked."""

import json

import numpy as np
import pytest

from rapids_rap.runs.run import open_run
from tests.conftest import rap
from tests.tiny_nights import tiny_night, write_songs

QUICK = ["--model", "demo", "--backend", "cpu", "--set", "quality.permutations=0"]


def run_on(folder, out, *settings):
    given = [word for one in settings for word in ("--set", one)]
    outcome = rap("run", folder, "--out", out, *QUICK, *given)
    assert outcome.code == 0, outcome.err
    return open_run(out), outcome


@pytest.fixture(scope="module")
def lyrics(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lyrics")
    write_songs(folder, 0, 12)
    return folder


def test_placed_texts_are_marked_and_told(lyrics, tmp_path):
    """In the lines, the manifest, on the terminal, in the summary and in the report."""
    run, outcome = run_on(lyrics, tmp_path / "run", "scale.fit_lines=20", "quality.stability=10")
    texts = run.lines.drop_duplicates("text_id")
    assert (~texts["placed"]).sum() == 20
    sample = run.manifest["sample"]
    assert sample == {"fitted": 20, "placed": len(texts) - 20}
    assert np.isfinite(texts[["x", "y"]].to_numpy()).all()
    said = f"20 of {len(texts):,} distinct texts"
    report = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    summary = rap("summary", tmp_path / "run")
    for place in (outcome.out + outcome.err, summary.out, report):
        assert said in " ".join(place.split())
    assert "resampling of such a run is not built" in json.dumps(run.quality["stability"])
    again = rap("stability", tmp_path / "run", "--subsamples", "10")
    assert "resampling of such a run is not built" in " ".join((again.out + again.err).split())


def test_a_whole_run_has_nothing_placed(lyrics, tmp_path):
    """As many as there are, or more, are all."""
    run, outcome = run_on(lyrics, tmp_path / "run", "scale.fit_lines=100000")
    assert not run.lines["placed"].any()
    assert run.manifest["sample"] is None
    assert "were placed" not in outcome.out + outcome.err


@pytest.mark.parametrize("engine", ["exact", "cells"])
def test_workers_change_nothing(lyrics, tmp_path, engine):
    """The sampled run of one process and that of two, to the byte."""
    settings = [f"neighbors.engine={engine}", "scale.fit_lines=25"]
    here = "none" if engine == "exact" else "serial"
    one, _ = run_on(lyrics, tmp_path / "one", *settings, f"scale.executor={here}")
    two, _ = run_on(
        lyrics, tmp_path / "two", *settings, "scale.executor=process", "scale.workers=2"
    )
    for name in ("lines.parquet", "clusters.csv", "vectors/reduced.npy", "vectors/votes.npy"):
        assert (one.path / name).read_bytes() == (two.path / name).read_bytes(), name


def test_nights_of_samples_go_on_from_each_other(tmp_path):
    """With nothing changed all is as it was; with new songs ids and places last."""
    gates = [f"nightly.{gate}" for gate in ("min_clusters=0", "max_noise=1", "min_ids_kept=0")]
    settings = [*gates, "scale.fit_lines=60"]
    folder, nights = tmp_path / "lyrics", []
    for songs, top in ((12, 20), (12, 21), (14, 21)):  # another list of terms makes another night
        write_songs(folder, 0, songs)
        own = [*settings, f"terms.top={top}"]
        outcome = rap("nightly", *tiny_night(*own, root=tmp_path / "root", lyrics=folder))
        assert outcome.code in (0, 4, 5), outcome.err
        runs = sorted((tmp_path / "root" / "runs").iterdir())
        nights.append(open_run(runs[-1]))
    first, second, third = nights
    assert len({run.path for run in nights}) == 3
    for column in ("cluster", "x", "y", "placed", "agreement"):
        np.testing.assert_array_equal(first.lines[column], second.lines[column], err_msg=column)
    assert third.manifest["sample"]["fitted"] == 60


@pytest.mark.parametrize("fit", [1, 2, 7])
def test_a_tiny_sample(lyrics, tmp_path, fit):
    """Too few for clusters are noise, and so is all that is placed by them."""
    run, _ = run_on(lyrics, tmp_path / "run", f"scale.fit_lines={fit}")
    assert (~run.lines.drop_duplicates("text_id")["placed"]).sum() == fit


def test_cells_without_workers_are_refused(lyrics, tmp_path):
    """Before any work, with what to ask for."""
    outcome = rap("run", lyrics, "--out", tmp_path / "run", "--set", "neighbors.engine=cells")
    assert outcome.code == 3
    assert "--scale process" in " ".join(outcome.err.split())
    assert not (tmp_path / "run").exists()
