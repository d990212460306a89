"""Songs that a model was trained on count for no run that is compared."""

import json
from itertools import pairwise

import numpy as np
import pytest

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.compare.compare import compare_runs, figure_table, sentences
from rapids_rap.compare.files import as_json, write_comparison
from rapids_rap.compare.memory import MEMORISED, find_memory
from rapids_rap.compare.scores import rescore
from rapids_rap.compare.shared import find_shared
from rapids_rap.embedding.folder import fingerprint
from rapids_rap.embedding.trained_on import hash_pairs, write_trained_on
from rapids_rap.runs.run import open_run
from tests.run_factory import NOTHING_SEEN, make_run

CPU = CpuBackend()
LENGTH, COUNT = 5, 24
CHARACTERS = "山水风云夜路灯火城江人心梦歌声天地月日光海雨雪花草木石"


def lyrics():
    """Songs of five lines of nine characters, in order; no two songs are alike."""
    rng = np.random.default_rng(3)
    return ["".join(rng.choice(list(CHARACTERS), 9)) for _ in range(LENGTH * COUNT)]


TEXTS = sorted(lyrics())  # so that text_id, song and line ascend together
SONGS = [i // LENGTH for i in range(len(TEXTS))]
BY_SONG = [song % 3 for song in SONGS]  # neighbours always share a cluster
AT_RANDOM = np.random.default_rng(1).integers(0, 3, len(TEXTS)).tolist()
QUALITY = {
    key: {"value": 0.4, "interval": [0.35, 0.45], "baseline": 0.1, "meaning": ""}
    for key in ("next_line_retrieval", "artist_retrieval")
}


def model(folder, read=None):
    """A model folder as far as it is looked at, trained on the songs `read`."""
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (folder / name).write_text("{}")
    if read is not None:
        songs = [TEXTS[s * LENGTH : (s + 1) * LENGTH] for s in read]
        write_trained_on(folder, hash_pairs(two for song in songs for two in pairwise(song)))
    return folder


def run_of(folder, labels, read_by=None, *, says=None, quality=QUALITY):
    """A run of the songs by a model folder; says: what its manifest has beyond the fingerprint."""
    path = make_run(folder, TEXTS, labels, songs=SONGS, quality=quality)
    if read_by is not None:
        manifest = json.loads((path / "manifest.json").read_text())
        manifest["config"]["embedding"]["model"] = str(read_by)
        manifest["model"] = {"name": str(read_by), "fingerprint": fingerprint(read_by)}
        manifest["model"] |= says or {}
        (path / "manifest.json").write_text(json.dumps(manifest))
    return open_run(path)


def test_songs_of_either_model_are_left_out_of_both(tmp_path):
    """Both runs are judged on the very pairs of songs that neither model has read."""
    a = run_of(tmp_path / "a", BY_SONG, model(tmp_path / "one", range(3)))
    b = run_of(tmp_path / "b", AT_RANDOM, model(tmp_path / "two", range(2, 8)))
    memory = find_memory([a, b], CPU)
    assert [own.tolist() for own in memory.seen] == [[0, 1, 2], [2, 3, 4, 5, 6, 7]]
    assert memory.left_out.tolist() == list(range(8))
    found = compare_runs(a, b, CPU)
    whole = rescore(find_shared([a, b]), NOTHING_SEEN, CPU)
    for number in (0, 1):
        kappa = found.figures[number]["next_line_cluster"]
        assert kappa["rows"] == (COUNT - 8) * (LENGTH - 1)
        assert kappa["songs_left_out"] == 8
        assert kappa["note"].startswith("8 of 24 songs are left out")
        assert whole[number]["next_line_cluster"]["rows"] == COUNT * (LENGTH - 1)
        retrieval = found.figures[number]["next_line_retrieval"]
        assert retrieval["songs"] == COUNT - 8
        assert retrieval["value"] != 0.4


def test_the_pairs_left_are_scored_as_if_alone(tmp_path):
    """Clusters of the unseen songs alone decide the figure, however good those of the seen are."""
    half = [BY_SONG[i] if SONGS[i] < 12 else AT_RANDOM[i] for i in range(len(TEXTS))]
    a = run_of(tmp_path / "a", AT_RANDOM)
    b = run_of(tmp_path / "b", half, model(tmp_path / "two", range(12)))
    found = compare_runs(a, b, CPU)
    assert found.figures[0]["next_line_cluster"]["value"] == pytest.approx(
        found.figures[1]["next_line_cluster"]["value"]
    )
    assert found.verdict.better is None
    assert rescore(find_shared([a, b]), NOTHING_SEEN, CPU)[1]["next_line_cluster"]["value"] > 0.4


def test_too_few_songs_give_no_figure(tmp_path):
    """With fewer than ten songs left the figures are null, and say why."""
    a = run_of(tmp_path / "a", BY_SONG)
    b = run_of(tmp_path / "b", BY_SONG, model(tmp_path / "two", range(COUNT - 9)))
    found = compare_runs(a, b, CPU)
    for side in found.figures:
        for key in ("next_line_cluster", "next_line_retrieval", "alignment"):
            assert side[key]["value"] is None
            assert "trained on 15 of the 24 songs; 9 are left" in side[key]["note"]
    assert any("9 are left, and 10 are the least" in line for line in sentences(found))


@pytest.mark.parametrize("flaw", ["gone", "changed", "no record", "damaged"])
def test_what_cannot_be_known_decides_nothing(tmp_path, flaw):
    """A model that is gone or another one by now is said, and its run can't win by memory."""
    folder = model(tmp_path / "two", range(4))
    a, b = run_of(tmp_path / "a", AT_RANDOM), run_of(tmp_path / "b", BY_SONG, folder)
    if flaw == "gone":
        folder.rename(tmp_path / "moved")
    elif flaw == "changed":
        (folder / "model.safetensors").write_text("other weights")
    elif flaw == "damaged":
        (folder / "trained_on.npy").write_bytes(b"nothing")
    else:
        (folder / "trained_on.npy").unlink()
        record = {"dev_mrr_before": None, "view_cosine": 0.9}
        (folder / "training.json").write_text(json.dumps(record))
    memory = find_memory([a, b], CPU)
    assert memory.seen[1] is None
    rows = compare_runs(a, b, CPU, sample=100).contrasts  # a sample: nothing is measured again
    memorised = [row for row in rows if row.key in MEMORISED]
    assert {row.key for row in memorised} >= {"next_line_cluster", *QUALITY}
    assert not any(row.decides for row in memorised)
    if flaw in ("gone", "changed"):
        found = compare_runs(a, b, CPU)
        assert any("can't be known" in line and "B" in line for line in sentences(found))
        assert found.verdict.better is None


def test_the_run_itself_may_know_that_nothing_was_read(tmp_path):
    """A manifest that says so needs no model folder; without it a model that is gone is unknown."""
    folder = model(tmp_path / "two")
    known = run_of(tmp_path / "a", BY_SONG, folder, says={"trained_on": 0})
    older = run_of(tmp_path / "b", BY_SONG, folder)
    folder.rename(tmp_path / "moved")
    memory = find_memory([known, older], CPU)
    assert memory.seen[0].tolist() == []
    assert memory.seen[1] is None


def test_figures_on_other_songs_are_not_compared(tmp_path):
    """What each run measured on what its own model had not read is quoted, and decides nothing."""
    a = run_of(tmp_path / "a", BY_SONG)
    quality = json.loads(json.dumps(QUALITY))
    quality["artist_retrieval"] |= {"value": 0.9, "interval": [0.85, 0.95], "songs_left_out": 6}
    b = run_of(tmp_path / "b", BY_SONG, model(tmp_path / "two", range(6)), quality=quality)
    found = compare_runs(a, b, CPU)
    (row,) = [row for row in found.contrasts if row.key == "artist_retrieval"]
    assert row.winner == "apart"
    assert row.note
    table = figure_table(found).set_index("figure")
    assert table.loc["artist_retrieval*", "better"] == "other songs"
    alike = run_of(tmp_path / "c", AT_RANDOM, tmp_path / "two", quality=quality)
    rows = compare_runs(alike, b, CPU).contrasts
    (row,) = [row for row in rows if row.key == "artist_retrieval"]
    assert row.winner == "equal"


def test_everything_says_how_many(tmp_path):
    """Terminal, page and file say how many songs are left out, and because of which run."""
    a = run_of(tmp_path / "a", BY_SONG)
    b = run_of(tmp_path / "b", AT_RANDOM, model(tmp_path / "two", range(8)))
    found = compare_runs(a, b, CPU)
    said = "Of 24 songs models were trained on 8 (B's model on 8)."
    assert any(line.startswith(said) for line in sentences(found))
    record = as_json(found)
    assert record["shared"]["songs_left_out"] == 8
    assert (record["a"]["songs_trained_on"], record["b"]["songs_trained_on"]) == (0, 8)
    write_comparison(found, tmp_path / "out", CPU)
    page = (tmp_path / "out" / "compare.html").read_text(encoding="utf-8")
    assert said.replace("'", "&#39;") in page
    whole = next(line for line in sentences(found) if line.startswith(said))
    part = next(
        line for line in sentences(compare_runs(a, b, CPU, sample=100)) if line.startswith(said)
    )
    assert "next_line_retrieval" in whole
    assert "next_line_cluster for every run" in part  # of a sample, nothing else is measured again


def test_the_demo_model_tells_on_itself(sample_run):
    """A run of the demo model on the sample lyrics: most songs are out, as its folder says."""
    run = open_run(sample_run)
    assert run.manifest["model"]["trained_on"] > 300_000
    memory = find_memory([run, run], CPU)
    assert memory.unknown == ("", "")
    assert memory.enough
    left_out = {run.quality[key]["songs_left_out"] for key in MEMORISED if key in run.quality}
    assert left_out == {len(memory.left_out)}
