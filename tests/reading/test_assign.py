"""New lyrics in the clusters of a finished run: who votes, and what the confidence says."""

import hashlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.errors import ConfigError, InputError
from rapids_rap.reading.assign import (
    BINS,
    COLUMNS,
    NearestNeighbors,
    ask_neighbours,
    assign,
    assign_config,
    judge,
    leave_out,
    measure_confidence,
)
from rapids_rap.reading.run_space import fitted_vectors, run_config
from rapids_rap.runs.run import open_run
from tests.conftest import LYRICS, rap
from tests.strict_backend import StrictBackend

NEW = "歌手姓名：新人\n\n夜车\n作词：某某\n今晚的城市霓虹很亮啊\n=HYPERLINK(1)\n我的链子在发光\n"


def contents(folder):
    """Every file of a folder with its hash and the time it was written."""
    return {
        path: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def unit(rows):
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def new_lyrics(tmp_path_factory):
    folder = tmp_path_factory.mktemp("new")
    (folder / "new.txt").write_text(NEW, encoding="utf-8")
    return folder


def test_known_lyrics_get_their_own_clusters_and_the_run_stays(sample_run, tmp_path):
    """A run asked about its own lyrics answers as it did, surely, and not a byte of it changes."""
    before = contents(sample_run)
    outcome = rap("assign", sample_run, LYRICS, "--backend", "cpu", "--out", tmp_path / "a.parquet")
    assert outcome.code == 0, outcome.err
    assert contents(sample_run) == before
    found, own = pd.read_parquet(tmp_path / "a.parquet"), open_run(sample_run).lines
    assert list(found.columns) == list(COLUMNS)
    assert found["known"].all()
    for column in ("text", "cluster", "theme"):
        assert found[column].tolist() == own[column].tolist()
    assert (found["confidence"] == 1).all()
    assert (found["similarity"] == 1).all()


def test_new_lines_are_placed_and_the_run_stays(sample_run, new_lyrics, tmp_path):
    """New lines get one of the run's clusters or noise; nothing is written into run or store."""
    before = contents(sample_run)
    outcome = rap("assign", sample_run, new_lyrics, "--backend", "cpu", "--out", tmp_path / "a.csv")
    assert outcome.code == 0, outcome.err
    assert "3 lines, 3 distinct texts: 0 lines known to the run, 3 new." in outcome.out
    assert contents(sample_run) == before
    found = pd.read_csv(tmp_path / "a.csv")
    run = open_run(sample_run)
    assert set(found["cluster"]) <= set(run.clusters["cluster"])
    assert found["confidence"].between(0, 1, inclusive="neither").all()
    assert set(found["nearest_text"]) <= set(run.lines["text_norm"])
    assert "'=HYPERLINK(1)" in found["text"].tolist()
    assert found["song"].tolist() == ["夜车"] * 3


def test_lines_in_doubtful_clusters_are_marked_and_counted(sample_run, tmp_path):
    """Votes where nobody resampled; the class where somebody did; neither for noise."""
    run = open_run(sample_run)
    config = assign_config(run, [LYRICS], [])
    table = run.clusters.copy()
    ids = table.loc[table["cluster"] >= 0, "cluster"].tolist()
    plain = assign(run, config, CpuBackend())
    inside = plain.lines["cluster"] >= 0
    assert plain.lines["agreement"].notna().tolist() == inside.tolist()
    assert plain.lines["stability_class"].isna().all()
    assert "less than half of the votes" in plain.sentences[-1]
    assert "rapids-rap stability RUN" in plain.sentences[-1]
    table["stability_class"] = ["" if own < 0 else "unstable" for own in table["cluster"]]
    table.loc[table["cluster"] == ids[0], "stability_class"] = "highly stable"
    found = assign(run.revised(clusters=table), config, CpuBackend())
    lines = found.lines
    assert set(lines.loc[lines["cluster"] == ids[0], "stability_class"]) == {"highly stable"}
    assert lines.loc[~inside, "stability_class"].isna().all()
    weak = int((lines["stability_class"] == "unstable").sum())
    assert found.sentences[-1].startswith(
        f"{weak:,} of the {int(inside.sum()):,} lines in clusters"
    )
    assert found.sentences[-1].endswith("doubtful or unstable clusters.")


def test_low_confidence_is_noise(sample_run, new_lyrics):
    """Below --min-confidence a line is noise, and its confidence says why."""
    run = open_run(sample_run)
    config = assign_config(run, [new_lyrics], [])
    sure = assign(run, config, CpuBackend(), min_confidence=1.0)
    asked = assign(run, config, CpuBackend())
    assert (sure.lines["cluster"] == -1).all()
    assert (sure.lines["theme"] == -1).all()
    assert sure.lines["confidence"].equals(asked.lines["confidence"])


def test_ids_need_not_be_dense(sample_run, new_lyrics, tmp_path):
    """Clusters that kept their ids for many nights are answered with those ids."""
    copy = tmp_path / "run"
    shutil.copytree(sample_run, copy)
    lines, clusters = pd.read_parquet(copy / "lines.parquet"), pd.read_csv(copy / "clusters.csv")
    for table in (lines, clusters):
        table["cluster"] = table["cluster"].where(table["cluster"] < 0, 7 * table["cluster"] + 1000)
    lines.to_parquet(copy / "lines.parquet", index=False)
    clusters.to_csv(copy / "clusters.csv", index=False)
    both = []
    for folder in (sample_run, copy):
        run = open_run(folder)
        config = assign_config(run, [new_lyrics, LYRICS], [])
        both.append(assign(run, config, CpuBackend()).lines)
    plain, shifted = both
    wanted = plain["cluster"].where(plain["cluster"] < 0, 7 * plain["cluster"] + 1000)
    assert shifted["cluster"].tolist() == wanted.tolist()
    assert (wanted >= 1000).any()
    assert shifted["theme"].equals(plain["theme"])


def test_another_model_is_refused(sample_run, new_lyrics, tmp_path):
    """Distances to vectors of another model mean nothing, so no line is placed by them."""
    copy = tmp_path / "run"
    shutil.copytree(sample_run, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    for key, value, says in (
        ("fingerprint", "0" * 64, "another state of the model"),
        ("pooling", "cls", "pooling = 'cls'"),
    ):
        changed = {**manifest, "model": {**manifest["model"], key: value}}
        (copy / "manifest.json").write_text(json.dumps(changed))
        outcome = rap("assign", copy, new_lyrics, "--backend", "cpu")
        assert outcome.code == 2
        assert says in outcome.err


def test_only_reading_can_be_set(sample_run, tmp_path):
    """Columns of the new file are the user's to name; model and cleaning are the run's."""
    run = open_run(sample_run)
    with pytest.raises(ConfigError, match="assign takes input"):
        assign_config(run, [tmp_path], ["corpus.unit=song"])
    (tmp_path / "new.csv").write_text("zeile\n今晚的城市霓虹很亮啊\n", encoding="utf-8")
    outcome = rap(
        "assign",
        sample_run,
        tmp_path / "new.csv",
        "--backend",
        "cpu",
        "--set",
        "input.text=zeile",
        "--out",
        tmp_path / "a.jsonl",
    )
    assert outcome.code == 0, outcome.err
    assert json.loads((tmp_path / "a.jsonl").read_text())["text"] == "今晚的城市霓虹很亮啊"


@pytest.mark.parametrize("name", ["a.xlsx", "a"])
def test_an_unknown_suffix_is_asked_about(sample_run, new_lyrics, tmp_path, name):
    """What is not one of the three forms is not guessed."""
    outcome = rap("assign", sample_run, new_lyrics, "--backend", "cpu", "--out", tmp_path / name)
    assert outcome.code == 2
    assert "ends in .csv, .jsonl or .parquet" in outcome.err


def test_damaged_run_is_said(sample_run, new_lyrics, tmp_path):
    """Lines and vectors that don't belong together place nothing."""
    copy = tmp_path / "run"
    shutil.copytree(sample_run, copy)
    np.save(copy / "vectors" / "vectors.npy", np.zeros((3, 4), dtype=np.float32))
    run = open_run(copy)
    with pytest.raises(InputError, match="damaged"):
        assign(run, assign_config(run, [new_lyrics], []), CpuBackend())


def test_confidence_keeps_its_word(sample_run):
    """Of texts that one half of the run measured the confidence for, so many agree, within 5 %."""
    run, backend = open_run(sample_run), CpuBackend()
    space = fitted_vectors(run, run_config(run), backend).matrix
    labels = run.lines.drop_duplicates("text_id").sort_values("text_id")["cluster"].to_numpy()
    own, truth = leave_out(space, labels, 0, backend)
    half = np.random.default_rng(1).random(len(truth)) < 0.5

    def part(mask):
        return NearestNeighbors(*(values[mask] for values in vars(own).values()))

    answers, confidence = judge(part(~half), part(half), truth[half])
    agreed = answers.labels == truth[~half]
    assert abs(confidence.mean() - agreed.mean()) < 0.05
    for low, high in ((0.0, 0.8), (0.8, 0.95), (0.95, 1.0)):
        rows = (confidence > low) & (confidence <= high)
        if rows.sum() >= 50:
            assert abs(confidence[rows].mean() - agreed[rows].mean()) < 0.08


@pytest.mark.parametrize("backend", [CpuBackend(), StrictBackend()], ids=["numpy", "strict"])
def test_neighbours_vote_by_nearness_and_noise_counts(backend):
    """The many near ones outvote the few far ones; among noise the answer is noise."""
    base = unit([[1, i / 50] for i in range(8)] + [[-1, i / 50] for i in range(8)] + [[0.2, 1]])
    labels = np.array([41] * 8 + [-1] * 8 + [7])
    asked = unit([[1, 0.06], [-1, 0.06]])
    found = ask_neighbours(
        backend.from_host(base), backend.from_host(asked), backend.from_host(labels), backend
    )
    assert found.labels.tolist() == [41, -1]
    assert found.nearest.tolist() == [3, 11]
    assert (found.clear > 0.5).all()
    np.testing.assert_allclose(found.similarity, 1, atol=1e-5)


def test_a_text_left_out_has_no_say():
    """Among equal vectors too, a text's own row never votes for its own cluster."""
    rows = unit(np.ones((40, 3)))
    labels = np.array([5] + [6] * 39)
    found, truth = leave_out(rows, labels, 0, CpuBackend())
    assert truth.tolist() == labels.tolist()
    assert found.labels.tolist() == [6] * 40
    assert not (found.nearest == np.arange(40)).any()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_tiny_runs_answer(n):
    """A run of one text has one answer, and nothing to measure a confidence on: one half."""
    rows, labels = unit(np.eye(4)[:n]), np.arange(n)
    backend = CpuBackend()
    answers = ask_neighbours(rows, rows, labels, backend)
    own, truth = leave_out(rows, labels, 0, backend)
    judged, confidence = judge(answers, own, truth)
    assert judged.labels[0] == 0
    assert ((confidence > 0) & (confidence < 1)).all()
    if n == 1:
        assert confidence.tolist() == [0.5]


def test_far_from_everything_is_noise():
    """What is farther from the run than its own texts are from each other gets no cluster."""
    rows = unit(np.c_[np.ones(300), np.linspace(0, 0.3, 300)[:, None] ** [1, 2]])
    labels = np.zeros(300, dtype=np.int64)
    backend = CpuBackend()
    own, truth = leave_out(rows, labels, 0, backend)
    answers = ask_neighbours(rows, unit([[1, 0.1, 0.01], [-1, -1, 5]]), labels, backend)
    judged, confidence = judge(answers, own, truth)
    assert judged.labels.tolist() == [0, -1]
    assert confidence[0] > 0.9
    assert confidence[1] == 0


votes = st.lists(st.tuples(st.floats(0.01, 1), st.booleans()), max_size=300)


@given(votes)
def test_confidence_rises_with_the_vote(drawn):
    """However the votes fell: a clearer vote is never less sure, and nobody is ever certain."""
    clear = np.array([share for share, _ in drawn], dtype=np.float64)
    agreed = np.array([ok for _, ok in drawn], dtype=bool)
    at, confidence = measure_confidence(clear, agreed)
    assert 1 <= len(at) <= BINS
    assert (np.diff(at) > 0).all()
    assert (np.diff(confidence) >= -1e-12).all()
    assert ((confidence > 0) & (confidence < 1)).all()
