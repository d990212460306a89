"""A judgement from end to end, on a writer that was tuned for seconds."""

import json
import shutil

import pandas as pd
import pytest

from rapids_rap.errors import InputError
from rapids_rap.writer.judge import held_out_verses, make_requests
from rapids_rap.writer.songs import Song
from tests.conftest import rap
from tests.writer.bases import write_tiny_base


@pytest.fixture(scope="module")
def writer(sample_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    base = write_tiny_base(folder / "base")
    trained = rap(
        *("writer", "train", sample_run, "--model", base, "--out", folder / "writer"),
        *("--epochs", "0.2", "--max-tokens", "160", "--heldout", "0.2"),
    )
    assert trained.code == 0, trained.err
    return folder / "writer"


@pytest.fixture(scope="module")
def judged(writer):
    out, forms = writer.parent / "judged", writer.parent / "forms"
    outcome = rap(
        *("writer", "judge", writer, "--out", out, "--requests", "6", "--lines", "4"),
        *("--forms", forms),
    )
    assert outcome.code == 0, outcome.err
    return outcome, out, forms


def test_the_table_holds_every_system_and_figure(judged):
    outcome, out, _ = judged
    table = pd.read_csv(out / "judgement.csv")
    systems = {
        "writer",
        "no constraints",
        "base prompted",
        "5-gram",
        "real lines",
        "held-out songs",
    }
    assert systems <= set(table["system"])
    document = json.loads((out / "judgement.json").read_text())
    assert len(document["figures"]) == len(table)
    own = table[table["system"] == "writer"].set_index("figure")["value"]
    assert own["length right"] == 1.0
    assert own["copies of 12 or more"] == 0.0
    assert own["perplexity, no condition"] > 1
    assert "requests" in outcome.out


def test_every_verse_stands_beside_its_request(judged):
    _, out, _ = judged
    verses = json.loads((out / "verses.json").read_text())
    assert len(verses) == 6
    assert all(len(one["written"]["writer"]) == 4 for one in verses)
    assert {one["rhyme"] for one in verses} == {"AABB", "ABAB", "AAAA"}


def test_forms_can_be_answered_and_counted(judged):
    _, _, forms = judged
    key = json.loads((forms / "key.json").read_text())
    answers = {item["id"]: "1" for item in key["items"]}
    document = {"rapids_rap_form": 1, "form": key["form"], "coder": "A", "answers": answers}
    (forms / "answers-A.json").write_text(json.dumps(document))
    outcome = rap("writer", "judge", forms, "--answers", forms / "answers-A.json")
    assert outcome.code == 0, outcome.err
    assert "preferred" in outcome.out


def test_wrong_input_ends_with_two(writer, tmp_path, sample_run):
    for arguments, said in (
        ((tmp_path,), "is no writer"),
        ((writer, "--lines", "5"), "multiple of 4"),
        ((writer, "--run", tmp_path / "none"), "name it with --run"),
        ((writer, "--run", tmp_path), "not a run folder"),
        ((writer, "--key", "key.json"), "--key goes with --answers"),
        ((writer, "--coder", "A"), "--coder goes with --forms"),
        ((writer, "--forms", tmp_path / "f", "--coder", "A"), "two or more"),
        ((writer, "--out", sample_run / "x", "--requests", "3"), "lies in the run folder"),
    ):
        outcome = rap("writer", "judge", *arguments)
        assert outcome.code == 2, (arguments, outcome.err)
        assert said in " ".join(outcome.err.split()), outcome.err


def test_a_run_that_was_made_again_is_refused(writer, sample_run, tmp_path):
    """Its themes may have other numbers than those that the writer was told."""
    other = tmp_path / "run"
    shutil.copytree(sample_run, other)
    lines = pd.read_parquet(other / "lines.parquet")
    lines["theme"] = lines["theme"].max() - lines["theme"]
    lines.to_parquet(other / "lines.parquet", index=False)
    outcome = rap("writer", "judge", writer, "--run", other, "--requests", "3")
    assert outcome.code == 2
    assert "is not the one that the writer read" in " ".join(outcome.err.split())


def test_requests_come_from_songs_in_turn():
    lines = ("走在夜里的大街", "等着下一个世界", "风吹过我的梦想", "我还在找那方向")
    songs = [Song(i, "甲", "歌", lines, (0,) * 4, None, "西南", None, i, False) for i in range(3)]
    requests = make_requests(songs, {}, 7, 8)
    assert [one.song for one in requests] == [0, 1, 2, 0, 1, 2, 0]
    assert [one.conditions.rhyme for one in requests[:4]] == ["AABB", "ABAB", "AAAA", "AABB"]
    assert requests[0].conditions.syllables == (7, 7, 7, 7)
    with pytest.raises(InputError, match="nothing can be asked"):
        make_requests([], {}, 7, 8)


def test_held_out_songs_stand_for_the_passages_that_requests_were_made_of():
    """Not for their first lines: a song's later passages were asked about as often."""
    lines = tuple(
        f"走在夜里的大{mark}" for mark in "一二三四五六七八九十东西南北中上下左右前后里外人"
    )
    song = Song(0, "甲", "歌", lines, (0,) * 16 + (1,) * 8, None, "西南", None, 0, False)
    requests = make_requests([song], {}, 3, 12)
    assert held_out_verses(requests) == [lines[:12], lines[16:], lines[:12]]
