"""Tests of `rapids-rap stability`: what it writes into a run, and where it goes on."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rapids_rap import repeat
from rapids_rap.backend import load_backend
from rapids_rap.errors import Stopped
from rapids_rap.quality import stability
from rapids_rap.reading.run_maps import redraw_maps
from rapids_rap.reading.run_space import run_config
from rapids_rap.report.page import render_report
from rapids_rap.runs.run import open_run
from tests.conftest import rap
from tests.tiny_nights import tiny_night, write_songs

TINY = ("clusters.layouts=2", "clusters.min_cluster_size=5", "layout.epochs=30", "maps.width=400")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of a few songs."""
    folder = tmp_path_factory.mktemp("made")
    write_songs(folder / "lyrics", 0, 14)
    settings = [part for setting in TINY for part in ("--set", setting)]
    how = ("--model", "demo", "--backend", "cpu", *settings, "--set", "maps.height=300")
    outcome = rap("run", folder / "lyrics", "--out", folder / "run", *how)
    assert outcome.code == 0, outcome.err
    return folder / "run"


@pytest.fixture
def run(made, tmp_path):
    return shutil.copytree(made, tmp_path / "run")


@pytest.fixture(scope="module")
def measured(made, tmp_path_factory):
    """The same run with its stability, and what the command said."""
    folder = shutil.copytree(made, tmp_path_factory.mktemp("measured") / "run")
    outcome = rap("stability", folder, "--subsamples", 3, "--against", made, "--backend", "cpu")
    assert outcome.code == 0, outcome.err
    return folder, outcome


def test_what_is_found_stands_in_the_run_which_stays_whole(made, measured):
    """Columns, table, figure, texts and page; everything else is byte for byte as it was."""
    folder, outcome = measured
    assert rap("verify", folder).code == 0
    run, before = open_run(folder), open_run(made)
    table = run.cluster_stability
    assert len(table) == (run.clusters["cluster"] >= 0).sum()
    known = run.clusters.set_index("cluster")["stability"]
    assert known.loc[table["cluster"]].tolist() == pytest.approx(table["stability"].tolist())
    assert np.isnan(known.loc[-1])
    own = ["stability", "stability_low", "stability_high", "stability_class"]
    pd.testing.assert_frame_equal(run.clusters.drop(columns=own), before.clusters.drop(columns=own))
    assert list(run.clusters.columns) == list(before.clusters.columns)
    assert (table["model"] == 1.0).all()  # against the very same clusters
    figure = run.quality["stability"]
    assert 0 <= figure["value"] <= 1
    assert figure["baseline"] is not None
    assert run.manifest["stability"]["backend"] == "cpu"
    texts = pd.read_parquet(folder / "text_stability.parquet")
    assert texts["text_id"].tolist() == list(range(len(run.texts)))
    page = (folder / "report.html").read_text()
    assert "would be there again on other songs" in page
    assert 'id="stability-table"' in page
    assert "would be there again on other songs" in outcome.out
    assert page == render_report(run, run_config(run).report)  # as the files alone would give it
    for path in made.rglob("*"):
        same = path.relative_to(made)
        if path.is_file() and str(same) not in (
            "clusters.csv",
            "quality.json",
            "report.html",
            "manifest.json",
            "maps/clusters.png",
            "maps/themes.png",
            "maps/density.png",
            "maps/artists.png",
            ".lock",
        ):
            assert (folder / same).read_bytes() == path.read_bytes(), same


def test_the_maps_are_drawn_again_and_only_marked(made, measured):
    """From files alone they are those of the run byte for byte, until something is known."""
    for folder in (made, measured[0]):
        run, config = open_run(folder), run_config(open_run(folder))
        drawn = redraw_maps(run, config, config.maps, load_backend("cpu")).pages
        for name in ("clusters.png", "themes.png", "density.png", "categories.png"):
            assert drawn[name] == (folder / "maps" / name).read_bytes(), name
    weak = open_run(measured[0]).clusters["stability_class"].isin(["doubtful", "unstable"])
    changed = (made / "maps/clusters.png").read_bytes() != run.maps["clusters.png"]
    assert changed == weak.any()


def test_pictures_are_not_written_through_a_link(run, measured, tmp_path):
    """A received run whose maps lie elsewhere can't have files there replaced."""
    elsewhere = tmp_path / "elsewhere"
    (run / "maps").rename(elsewhere)
    (run / "maps").symlink_to(elsewhere)
    before = {path.name: path.read_bytes() for path in elsewhere.iterdir()}
    manifest = (run / "manifest.json").read_bytes()
    assert rap("stability", run, "--subsamples", 2, "--backend", "cpu").code == 2
    assert {path.name: path.read_bytes() for path in elsewhere.iterdir()} == before
    assert (run / "manifest.json").read_bytes() == manifest
    assert not (run / ".pending").exists()


def test_the_summary_shows_the_class(measured):
    """Of the whole run, and of one cluster."""
    folder, _ = measured
    assert "there again on other songs" in rap("summary", folder).out
    cluster = int(open_run(folder).cluster_stability["cluster"].iloc[0])
    assert "Stability: " in rap("summary", folder, "--cluster", cluster).out


def test_a_stopped_command_leaves_the_run_and_goes_on(run, measured, monkeypatch):
    """Stopped among the subsamples the run is as it was; the next one repeats none of them."""
    before = (run / "manifest.json").read_bytes()
    real, made_anew = stability.cluster_subsample, []

    def stopping_one(subject, number, backend):
        if len(made_anew) == 2:
            raise Stopped(15)
        made_anew.append(number)
        return real(subject, number, backend)

    monkeypatch.setattr(stability, "cluster_subsample", stopping_one)
    how = ("stability", run, "--subsamples", 3, "--against", measured[0], "--backend", "cpu")
    assert rap(*how).code == 143
    assert (run / "manifest.json").read_bytes() == before
    assert rap("verify", run).code == 0
    again = []
    monkeypatch.setattr(
        stability,
        "cluster_subsample",
        lambda subject, number, backend: again.append(number) or real(subject, number, backend),
    )
    assert rap(*how).code == 0
    assert again[0] == 2
    for name in ("clusters.csv", "cluster_stability.csv", "text_stability.parquet"):
        assert (run / name).read_bytes() == (measured[0] / name).read_bytes()
    assert not (run / ".stability").exists()


def test_a_damaged_kept_clustering_is_made_again(run, measured, monkeypatch):
    """Anything that can't be a clustering of this run is not believed."""
    monkeypatch.setattr(repeat, "_write", lambda *_: (_ for _ in ()).throw(Stopped(15)))
    how = ("stability", run, "--subsamples", 3, "--against", measured[0], "--backend", "cpu")
    assert rap(*how).code == 143
    monkeypatch.undo()
    kept = sorted((run / ".stability").iterdir())
    np.save(kept[0] / "value.npy", np.full(3, 99))
    shutil.rmtree(kept[1])
    kept[1].mkdir()
    assert rap(*how).code == 0
    expected = (measured[0] / "cluster_stability.csv").read_bytes()
    assert (run / "cluster_stability.csv").read_bytes() == expected


def test_a_run_that_is_not_whole_or_not_there_is_refused(run, tmp_path):
    """A damaged run is not sealed anew, and no folder is made for one that isn't there."""
    assert rap("stability", tmp_path / "none").code == 2
    assert not (tmp_path / "none").exists()
    (run / "clusters.csv").write_text("cluster\n")
    outcome = rap("stability", run, "--backend", "cpu")
    assert outcome.code == 2
    assert "clusters.csv" in outcome.err


def test_a_resumed_run_takes_what_no_longer_holds_away(measured, tmp_path):
    """`run` once more writes the run anew, without figures of clusters that it had before."""
    folder = shutil.copytree(measured[0], tmp_path / "run")
    manifest = json.loads((folder / "manifest.json").read_text())
    lyrics = [made["path"] for made in manifest["inputs"]]
    settings = [part for setting in TINY for part in ("--set", setting)]
    how = ("--model", "demo", "--backend", "cpu", *settings, "--set", "quality.stability=2")
    outcome = rap("run", *lyrics, "--out", folder, *how, "--set", "maps.height=300")
    assert outcome.code == 0, outcome.err
    assert rap("verify", folder).code == 0
    figure = open_run(folder).quality["stability"]
    assert figure["subsamples"] == 2
    assert figure["baseline"] is None
    assert "there again on other songs" in outcome.out
    outcome = rap("run", *lyrics, "--out", folder, *how[:-2], "--set", "maps.height=300")
    assert outcome.code == 0, outcome.err
    assert not (folder / "cluster_stability.csv").exists()
    assert not (folder / "text_stability.parquet").exists()
    assert rap("verify", folder).code == 0


def test_a_published_night_can_be_measured_and_the_next_one_goes_on_from_it(nights):
    """Through the link to the latest night; it stays whole, and heritage is not disturbed."""
    outcome = rap("stability", nights / "latest", "--subsamples", 2, "--backend", "cpu")
    assert outcome.code == 0, outcome.err
    assert rap("verify", nights / "latest").code == 0
    write_songs(Path("lyrics"), 0, 12)
    assert rap("nightly", *tiny_night()).code in (0, 5)
    assert rap("verify", nights / "latest").code == 0


@pytest.mark.parametrize(("songs", "why"), [(3, "too few songs"), (1, "")])
def test_a_run_of_which_nothing_can_be_said_says_so_and_stays_whole(tmp_path, songs, why):
    """A handful of songs, or no cluster: null with its reason, no table, exit 0."""
    write_songs(tmp_path / "lyrics", 0, songs)
    settings = [part for setting in TINY for part in ("--set", setting)]
    how = ("--model", "demo", "--backend", "cpu", *settings, "--set", "maps.height=300")
    assert rap("run", tmp_path / "lyrics", "--out", tmp_path / "run", *how).code == 0
    outcome = rap("stability", tmp_path / "run", "--backend", "cpu")
    assert outcome.code == 0, outcome.err
    assert f"not computed: {why}" in outcome.out
    assert rap("verify", tmp_path / "run").code == 0
    run = open_run(tmp_path / "run")
    assert run.quality["stability"]["value"] is None
    assert run.cluster_stability is None
    assert rap("summary", tmp_path / "run").code == 0
