"""Nights as the administrator meets them: what is published, what is refused, what goes wrong."""

import errno
import functools
import itertools
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from rapids_rap import pipeline
from rapids_rap.corpus import ingest
from rapids_rap.machine import device
from rapids_rap.night import preflight
from rapids_rap.night.root import NightRoot, published_name, read_state, run_names
from rapids_rap.runs.files import PARTIAL
from rapids_rap.runs.lock import exclusive
from rapids_rap.runs.run import open_run
from rapids_rap.runs.verify import find_faults
from tests.conftest import rap
from tests.tiny_nights import tiny_night, write_songs

LYRICS = Path("lyrics")
SYNCS = 130  # of a night of these songs, about


def tree(folder):
    return {p: p.stat().st_mtime_ns for p in folder.rglob("*") if not p.is_dir()}


def status(root):
    return json.loads((root / "status.json").read_text())


def published(root):
    """The name, after a check that it is whole."""
    assert find_faults(root / "latest") == []
    return published_name(NightRoot(root))


def test_a_night_embeds_only_new_texts_and_says_what_changed(two_nights):
    """The second night embeds the two new songs' texts alone, keeps ids, and records it all."""
    root = NightRoot(two_nights / "root")
    first, second = (open_run(root.run(name)) for name in run_names(root))
    assert root.latest.readlink() == Path("runs") / second.path.name
    night = second.night
    assert night["previous"] == first.path.name
    assert night["published"]
    assert night["inputs"]["new"] == ["lyrics/09.txt", "lyrics/10.txt"]
    assert night["inputs"]["unchanged"] == 9
    fresh = set(second.texts["text_norm"]) - set(first.texts["text_norm"])
    assert fresh
    assert night["texts"]["new"] == night["texts"]["embedded"] == len(fresh)
    assert second.manifest["model"]["reused"] == len(second.texts) - len(fresh)
    assert night["lines"]["total"] == night["lines"]["before"] + night["lines"]["new"]
    assert sorted(night["clusters"]["kept"] + night["clusters"]["dead"]) == sorted(
        first.clusters["cluster"][first.clusters["cluster"] >= 0]
    )
    # The demo model has read these songs, and too few lines are clustered for an interval.
    unjudged = {gate["gate"] for gate in night["gates"] if gate["passed"] is None}
    assert unjudged == {"max_retrieval_fall", "max_meaning_fall", "max_stability_fall"}
    assert first.night["previous"] is None
    assert {gate["gate"] for gate in first.night["gates"] if gate["passed"]} == {
        "max_noise",
        "min_clusters",
    }
    assert not (second.path / ".stages").exists()
    assert not root.building.exists()


def test_nothing_changed_keeps_the_published_run(nights):
    """Without new input no run is made and nothing of the published one is touched; exit 0."""
    before = tree(nights / "runs")
    outcome = rap("nightly", *tiny_night())
    assert outcome.code == 0
    assert "Nothing changed" in outcome.out
    assert tree(nights / "runs") == before
    assert status(nights)["status"] == "unchanged"
    assert status(nights)["figures"]["texts_embedded"] == 0


def test_force_and_configuration_make_a_night_of_the_same_input(nights):
    """--force makes a night, another configuration too, which is named; old nights are pruned."""
    first, second = run_names(NightRoot(nights))
    loose = ("nightly.keep_runs=2", "nightly.min_ids_kept=0")
    assert rap("nightly", "--force", *tiny_night(*loose)).code == 0
    forced = published(nights)
    assert run_names(NightRoot(nights)) == [second, forced] != [first, second]
    old, new = (open_run(nights / "runs" / name) for name in (second, forced))
    assert new.night["texts"] == {**old.night["texts"], "new": 0, "embedded": 0, "gone": 0}
    assert new.night["changes"] == []
    born = new.night["clusters"]["born"]
    assert min(born, default=10**6) >= old.manifest["identity"]["next_cluster"]
    outcome = rap("nightly", *tiny_night(*loose, "lexicon.mode=presence"))
    assert outcome.code == 0, outcome.err
    assert "lexicon.mode: occurrence → presence" in outcome.out
    assert published(nights) > forced


def test_a_dry_run_writes_nothing(nights):
    """--dry-run names files, changes and the next night, and leaves every file as it was."""
    write_songs(LYRICS, 1, 12)
    before = tree(nights)
    outcome = rap("nightly", "--dry-run", *tiny_night("layout.epochs=90"))
    assert outcome.code == 0, outcome.err
    for said in (
        "new: lyrics/11.txt",
        "removed: lyrics/00.txt",
        "unchanged: 10 files",
        "layout.epochs: 100 → 90",
        "Would make the night",
    ):
        assert said in outcome.out
    assert tree(nights) == before
    assert rap("nightly", "--dry-run", *tiny_night(root="elsewhere")).code == 0
    assert not Path("elsewhere").exists()


def test_a_refused_night_is_kept_and_can_be_published(nights):
    """Most songs gone: exit 5, `latest` stays, no second run of the same; rollback publishes it."""
    before = published(nights)
    write_songs(LYRICS, 0, 2)
    outcome = rap("nightly", *tiny_night())
    assert outcome.code == 5
    assert "max_lines_lost" in outcome.err
    assert published(nights) == before
    refused = run_names(NightRoot(nights))[-1]
    assert f"rollback root {refused}" in outcome.err
    run = open_run(nights / "runs" / refused)
    assert find_faults(run.path) == []
    assert not run.night["published"]
    assert status(nights)["exit_code"] == 5
    again = rap("nightly", *tiny_night())
    assert again.code == 5
    assert "Nothing changed since" in again.err
    assert run_names(NightRoot(nights))[-1] == refused
    relaxed = tiny_night("nightly.max_lines_lost=1", "nightly.min_ids_kept=0")
    assert "Would make" in rap("nightly", "--dry-run", *relaxed).out
    assert rap("rollback", nights, refused).code == 0
    assert published(nights) == refused
    assert rap("nightly", *tiny_night()).code == 0
    assert published(nights) == refused


def test_ids_of_a_refused_night_are_never_given_again(nights):
    """A cluster born after a refused and deleted night takes an id that night never had."""
    write_songs(LYRICS, 14, 19)
    assert rap("nightly", *tiny_night()).code == 5
    refused = run_names(NightRoot(nights))[-1]
    used = open_run(nights / "runs" / refused).manifest["identity"]
    assert used["clusters"]["born"]
    shutil.rmtree(nights / "runs" / refused)
    write_songs(LYRICS, 0, 15)
    outcome = rap("nightly", *tiny_night("nightly.min_ids_kept=0"))
    assert outcome.code == 0, outcome.err
    born = open_run(nights / "latest").night["clusters"]["born"]
    assert born
    assert min(born) >= used["next_cluster"]


def test_rollback_returns_to_the_night_before_and_stays_there(nights):
    """Without a name it is the night before; the next night doesn't come back to what was left."""
    first, second = run_names(NightRoot(nights))
    outcome = rap("rollback", nights)
    assert outcome.code == 0
    assert published(nights) == first
    assert first in outcome.out
    assert rap("rollback", nights).code == 2
    outcome = rap("nightly", *tiny_night())
    assert outcome.code == 0
    assert "somebody returned" in outcome.out
    assert published(nights) == first
    assert rap("rollback", nights, second).code == 0
    assert published(nights) == second
    wrong = rap("rollback", nights, "20200101T000000Z")
    assert wrong.code == 2
    assert first in wrong.err
    (nights / "runs" / first / "quality.json").write_text("{}")
    assert rap("rollback", nights).code == 2
    assert published(nights) == second


def test_two_nights_at_once_name_the_holder(nights, tmp_path):
    """The second start exits 4 with process, machine and time, and leaves the first's status."""
    before = (nights / "status.json").read_text()
    told = tmp_path / "told"
    notify = f"sh -c 'echo $RAP_STATUS > {told}'"
    with exclusive(nights):
        for arguments in (
            ("nightly", "--notify-command", notify, *tiny_night()),
            ("rollback", nights),
        ):
            outcome = rap(*arguments)
            assert outcome.code == 4
            assert f"process {os.getpid()} on {os.uname().nodename} since 2" in outcome.err
    assert (nights / "status.json").read_text() == before
    assert told.read_text() == "locked\n"


def test_a_missing_input_folder_leaves_the_published_run(nights):
    """Exit 2 naming the folder; the metrics keep the last success and its figures."""
    metrics = "nightly.metrics=night.prom"
    assert rap("nightly", *tiny_night(metrics)).code == 0
    success = status(nights)["last_success"]
    before = published(nights)
    LYRICS.rename("elsewhere")
    outcome = rap("nightly", *tiny_night(metrics))
    assert outcome.code == 2
    assert "lyrics" in outcome.err
    assert published(nights) == before
    assert status(nights)["last_success"] == success
    text = Path("night.prom").read_text()
    assert "rapids_rap_nightly_exit_code 2" in text
    assert f"rapids_rap_nightly_last_success_timestamp_seconds {success}" in text
    assert "rapids_rap_nightly_clusters " in text


def test_an_input_that_changes_while_it_is_read_is_noticed(nights, monkeypatch):
    """Exit 2 naming the file; nothing is published or kept of it, and the next night is right."""
    before = published(nights)
    write_songs(LYRICS, 0, 12)
    read = ingest.ingest

    def written_to_meanwhile(*arguments):
        with (LYRICS / "11.txt").open("a", encoding="utf-8") as file:
            file.write("新写的一行歌词\n")
        return read(*arguments)

    monkeypatch.setattr(ingest, "ingest", written_to_meanwhile)
    outcome = rap("nightly", *tiny_night())
    assert outcome.code == 2
    assert "lyrics/11.txt: changed while it was read" in outcome.err
    assert published(nights) == before
    monkeypatch.setattr(ingest, "ingest", read)
    assert rap("nightly", *tiny_night()).code == 0
    assert "新写的一行歌词" in set(open_run(nights / "latest").lines["text"])


@pytest.mark.parametrize("share", [0.02, 0.4, 0.85])
def test_a_full_disk_publishes_nothing_and_is_resumed(nights, monkeypatch, share):
    """No room at some write: exit 3 in a sentence, `latest` as before; with room it goes through.

    share: of the writes of a night, so that its beginning, its stages and its end are met.
    """
    before = published(nights)
    write_songs(LYRICS, 0, 12)
    calls, fsync = itertools.count(1), os.fsync

    def full(descriptor):
        if next(calls) == int(share * SYNCS) + 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    outcome = rap("nightly", *tiny_night())
    assert outcome.code == 3, outcome.err
    assert "no room" in outcome.err
    assert published(nights) == before
    assert not list(nights.rglob(f"*{PARTIAL}"))
    monkeypatch.setattr(os, "fsync", fsync)
    assert rap("nightly", *tiny_night()).code == 0
    assert published(nights) > before


def test_a_folder_that_cannot_be_written_is_named(nights, monkeypatch):
    """ROOT inside a file, or a write that is denied: exit 2 naming the place."""
    Path("file").write_text("")
    outcome = rap("nightly", *tiny_night(root="file/root"))
    assert outcome.code == 2
    assert "file/root" in outcome.err
    before = published(nights)
    write_songs(LYRICS, 0, 12)
    rename = Path.rename

    def denied(path, target):
        if path.name == ".building":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", denied)
    outcome = rap("nightly", *tiny_night())
    assert outcome.code == 2
    assert "root/runs/" in outcome.err
    assert published(nights) == before
    monkeypatch.setattr(Path, "rename", rename)
    outcome = rap("nightly", *tiny_night())
    assert outcome.code == 0
    assert published(nights) > before


def test_a_truncated_shard_is_embedded_again(nights):
    """A damaged shard costs its own texts; it is kept aside, and the run is as before."""
    shard = max(nights.glob("store/*/shard-*.vectors.npy"), key=lambda p: p.stat().st_size)
    texts = json.loads(shard.with_name(shard.name.replace("vectors.npy", "json")).read_text())
    shard.write_bytes(shard.read_bytes()[:-100])
    old = open_run(nights / "latest")
    outcome = rap("nightly", "--force", *tiny_night())
    assert outcome.code == 0, outcome.err
    assert "is damaged" in outcome.err
    new = open_run(nights / "latest")
    assert new.night["texts"]["embedded"] == texts["texts"]
    assert new.night["texts"]["new"] == 0
    assert (new.vectors == old.vectors).all()
    assert list(nights.glob("store/*/*.damaged"))


def test_sigterm_stops_at_a_safe_point(nights, monkeypatch, tmp_path):
    """Exit 143, vectors kept; status and notify say so; the next night embeds nothing again."""
    before = published(nights)
    write_songs(LYRICS, 0, 12)
    group = pipeline.neighbor_graph

    @functools.wraps(group)
    def interrupted(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        return group(*arguments)

    monkeypatch.setattr(pipeline, "neighbor_graph", interrupted)
    told = tmp_path / "told"
    notify = f"""sh -c 'cat > {told}; echo "$RAP_STATUS $RAP_EXIT_CODE $RAP_ROOT" >> {told}'"""
    assert rap("nightly", "--notify-command", notify, *tiny_night()).code == 143
    assert status(nights)["status"] == "stopped"
    summary, environment = told.read_text().rsplit("}", 1)
    assert json.loads(summary + "}")["exit_code"] == 143
    assert environment == "stopped 143 root\n"
    assert published(nights) == before
    monkeypatch.setattr(pipeline, "neighbor_graph", group)
    assert rap("nightly", *tiny_night()).code == 0
    night = open_run(nights / "latest").night
    assert night["texts"]["new"] > 0
    assert night["texts"]["embedded"] == 0  # the stopped night had embedded and kept them


def test_notify_gets_the_summary_and_cannot_change_the_end(nights, tmp_path):
    """The command gets JSON, is run without a shell, and its failure is only a warning."""
    write_songs(LYRICS, 0, 12)
    told = tmp_path / "told.json"
    script = f"import sys; open({str(told)!r}, 'w').write(sys.stdin.read()); sys.exit(7)"
    outcome = rap("nightly", "--notify-command", f'{sys.executable} -c "{script}"', *tiny_night())
    assert outcome.code == 0
    assert "exit 7" in outcome.err
    summary = json.loads(told.read_text())
    assert summary["status"] == "published"
    assert summary["night"]["name"] == published(nights)
    assert "basis" not in summary["night"]
    injected = f"/bin/echo x; touch {tmp_path / 'injected'}"
    assert rap("nightly", "--notify-command", injected, *tiny_night()).code == 0
    assert not (tmp_path / "injected").exists()
    assert rap("nightly", "--notify-command", "/no/such/command", *tiny_night()).code == 0
    wrong = rap("nightly", "--notify-command", "echo 'open", *tiny_night())
    assert wrong.code == 2
    assert "nightly.notify_command" in wrong.err


def test_labels_are_carried_on_and_wrong_ones_are_named(nights):
    """ROOT/labels.csv names clusters in the run; a row that names nothing says line and field."""
    (nights / "labels.csv").write_text("kind,id,label\ncluster,0,地铁与城市\ncluster,999,谁\n")
    outcome = rap("nightly", *tiny_night())
    assert outcome.code == 2
    assert "labels.csv line 3: id = 999" in outcome.err
    (nights / "labels.csv").write_text("kind,id,label\ncluster,0,地铁与城市\n")
    outcome = rap("nightly", *tiny_night())
    assert outcome.code == 0, outcome.err
    assert "labels.csv was edited" in outcome.out
    run = open_run(nights / "latest")
    assert list(run.labels["label"]) == ["地铁与城市"]
    assert find_faults(run.path) == []


def test_what_is_broken_by_hand_is_said_and_not_overwritten(nights):
    """A `latest` that is gone or leads nowhere, a damaged published run: exit 2 and a way out."""
    first, second = run_names(NightRoot(nights))
    write_songs(LYRICS, 0, 12)
    (nights / "latest").unlink()
    outcome = rap("nightly", *tiny_night())
    assert outcome.code == 2
    assert "rollback root NAME" in outcome.err
    (nights / "latest").symlink_to("runs/20200101T000000Z")
    assert rap("nightly", *tiny_night()).code == 2
    assert rap("rollback", nights, second).code == 0
    lines = nights / "runs" / second / "lines.parquet"
    lines.write_bytes(lines.read_bytes()[:-1])
    outcome = rap("nightly", *tiny_night())
    assert outcome.code == 2
    assert "damaged" in outcome.err
    assert rap("rollback", nights).code == 0
    assert published(nights) == first
    (nights / "state.json").write_text("{")
    outcome = rap("nightly", *tiny_night())
    assert outcome.code == 2
    assert "state.json" in outcome.err


def test_a_lost_state_goes_on_from_the_runs(nights):
    """Without state.json, names and ids continue those of the runs that are there."""
    before = read_state(NightRoot(nights))
    (nights / "state.json").unlink()
    assert read_state(NightRoot(nights)) == before
    assert before.next_cluster > 0
    assert before.last == run_names(NightRoot(nights))[-1]


def test_what_cannot_be_done_is_said_before_the_work(nights, monkeypatch):
    """Little disk or memory, a store elsewhere, ROOT among the lyrics, no GPU: no work begins."""
    write_songs(LYRICS, 0, 12)
    monkeypatch.setattr(pipeline, "run", lambda *_, **__: pytest.fail("the work began"))
    inside = rap("nightly", *tiny_night(root="lyrics/root"))
    assert inside.code == 2
    assert "inside the input" in inside.err
    assert not (LYRICS / "root").exists()
    assert rap("nightly", *tiny_night("embedding.store=mine")).code == 2
    assert rap("nightly", *tiny_night(root='""')).code == 2
    assert rap("nightly", *tiny_night(root="root/latest")).code == 2
    for name, value, said in (("PAGES", 10**18, "are free"), ("TOO_TIGHT", 0.0, "memory")):
        with monkeypatch.context() as changed:
            changed.setattr(preflight, name, value)
            outcome = rap("nightly", *tiny_night())
        assert outcome.code == 3
        assert said in outcome.err
    with monkeypatch.context() as changed:
        changed.setattr(device, "gpu_obstacle", lambda facts: "there is none")
        outcome = rap("nightly", "--require-gpu", *tiny_night()[2:])
    assert outcome.code == 3
    assert status(nights)["message"].startswith("A GPU was asked for")
