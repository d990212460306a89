"""What a vector store holds, what no kept run uses, and that removing it harms nobody."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rapids_rap.embedding.store import (
    ROW,
    VectorStore,
    hash_texts,
    lease_of,
    shard_name,
    space_key,
)
from rapids_rap.errors import InputError
from rapids_rap.machine import pruning
from rapids_rap.machine.pruning import prune
from rapids_rap.machine.store_use import examine_store, find_store
from rapids_rap.runs.folder import RunFolder
from rapids_rap.runs.names import IDENTITY, MANIFEST
from tests.run_factory import make_run

OLD, NEW = {"fingerprint": "a" * 64, "pooling": "mean"}, {"fingerprint": "b" * 64, "device": "cpu"}
KEPT = [["春", "夏"], ["秋", "冬"]]
GONE = [["山", "水"], ["云", "雨"], ["风"]]


def rows_of(texts):
    rows = np.zeros(len(texts), ROW)
    rows["id"] = hash_texts(texts)
    return rows, np.ones((len(texts), 4), np.float32)


def fill(root, space, shards):
    store = VectorStore(root, space)
    for texts in shards:
        store.append(*rows_of(texts))
    return store.folder


def name_space(run, space):
    """Have a run's manifest name the space of its vectors."""
    path = run / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["model"] |= {"space": space_key({"format": 1, **space}), "name": "new model"}
    path.write_text(json.dumps(manifest))


@pytest.fixture
def nights(tmp_path):
    """A root of nights: one kept run, a store with shards that it uses, some not, an old model."""
    root = tmp_path / "root"
    run = make_run(root / "runs" / "20260102T030405Z", ["春", "夏", "秋"], [0, 0, 1])
    name_space(run, NEW)
    fill(root / "store", NEW, [*KEPT, *GONE])
    fill(root / "store", OLD, GONE)
    return root


def files_of(folder):
    return {path.name for path in folder.iterdir()}


def test_a_store_is_told_by_model_and_what_nobody_uses(nights):
    """A shard of which one text is used stays whole; a model that no run has is unused."""
    use = examine_store(find_store(nights))
    new, old = sorted(use.spaces, key=lambda space: not space.used)
    assert (new.model, len(new.shards), len(new.unused)) == ("new model", 5, 3)
    assert (old.model, len(old.shards), len(old.unused)) == ("fingerprint " + "a" * 12, 3, 3)
    assert sum(shard.texts for shard in new.shards) == 9
    on_disk = sum(p.stat().st_size for p in new.folder.glob("shard-*"))
    assert new.size == on_disk > new.removable > 0


def test_pruning_removes_that_and_nothing_else(nights):
    """What kept runs use is read back as before; the old model's folder goes."""
    use = examine_store(nights / "store")
    before = {p: p.read_bytes() for p in (nights / "store").rglob("*") if p.is_file()}
    pruned = prune(use, use)
    assert (pruned.shards, pruned.busy) == (6, ())
    assert pruned.size == sum(space.removable for space in use.spaces)
    after = {p: p.read_bytes() for p in (nights / "store").rglob("*") if p.is_file()}
    assert after.items() <= before.items()
    assert files_of(nights / "store") == {space_key({"format": 1, **NEW})}
    store = VectorStore(nights / "store", NEW)
    assert (store.locate(hash_texts(["春", "夏", "秋", "冬"])) >= 0).all()
    assert store.damaged == 0
    again = examine_store(nights / "store")
    assert sum(space.removable for space in again.spaces) == 0


@pytest.mark.parametrize("steps", range(22))
def test_a_kill_at_any_step_leaves_a_usable_store(nights, steps, monkeypatch):
    """After so many removals nothing is damaged, nothing that is used is gone, and it goes on."""
    left = [steps]

    def unlink_until(paths):
        for path in paths:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            path.unlink()
        return 0

    use = examine_store(nights / "store")
    monkeypatch.setattr(pruning, "_remove", unlink_until)
    try:
        prune(use, use)
    except KeyboardInterrupt:
        monkeypatch.undo()
        store = VectorStore(nights / "store", NEW)
        assert store.damaged == 0
        assert (store.locate(hash_texts(["春", "夏", "秋", "冬"])) >= 0).all()
        use = examine_store(nights / "store")
        prune(use, use)
    assert sum(s.removable for s in examine_store(nights / "store").spaces) == 0


def test_a_space_in_which_a_job_embeds_is_left_alone(nights):
    """Its index names shards that would be gone; the other model is pruned beside it."""
    space = nights / "store" / space_key({"format": 1, **NEW})
    code = (
        "import sys, pathlib; from rapids_rap.runs.lock import in_use\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "with in_use(lambda: path): print('held', flush=True); sys.stdin.read()"
    )
    held = space / "space.json"
    job = subprocess.Popen(
        [sys.executable, "-c", code, str(held)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert job.stdout.readline() == b"held\n"
    before = files_of(space)
    use = examine_store(nights / "store")
    pruned = prune(use, use)
    assert pruned.busy == (space,)
    assert files_of(space) == before
    assert files_of(nights / "store") == {space.name}
    job.kill()  # a crash ends its mark
    job.wait()
    job.stdin.close()
    job.stdout.close()
    assert prune(use, use).shards == 3


def test_a_shard_that_a_worker_makes_stays(nights):
    """Workers may live on when their run was killed: a live lease keeps whole and half shards."""
    use = examine_store(nights / "store")
    (space,) = (space for space in use.spaces if space.used)
    made, half = space.unused[0].name, "shard-" + "0" * 32
    lease_of(space.folder, made).write_text("{}")
    lease_of(space.folder, half).write_text("{}")
    (space.folder / f"{half}.ids.npy").write_bytes(b"half")
    prune(use, use)
    assert (space.folder / f"{made}.vectors.npy").exists()
    assert (space.folder / f"{half}.ids.npy").exists()
    long_ago = time.time() - 3600
    for name in (made, half):  # of workers that are gone
        os.utime(lease_of(space.folder, name), (long_ago, long_ago))
    prune(use, use)
    assert not (space.folder / f"{made}.vectors.npy").exists()
    assert not (space.folder / f"{half}.ids.npy").exists()


def test_a_shard_that_is_committed_meanwhile_stays_whole(nights, monkeypatch):
    """Its worker ends while leftovers are looked for: commit first, then the lease."""
    use = examine_store(nights / "store")
    (space,) = (space for space in use.spaces if space.used)
    commit = space.folder / f"{shard_name(hash_texts(KEPT[0]))}.json"
    data = commit.read_bytes()
    commit.unlink()

    def ends_now(folder, name):
        if name == commit.stem:
            commit.write_bytes(data)
        return False

    monkeypatch.setattr(pruning, "is_being_made", ends_now)
    prune(use, use)
    monkeypatch.undo()
    assert VectorStore(nights / "store", NEW).damaged == 0


def test_what_an_unfinished_run_stored_stays(nights):
    """A night that was killed goes on from the store; older shards are nobody's all the same."""
    building = nights / ".building"
    building.mkdir()
    (building / IDENTITY).write_text("{}")
    use = examine_store(nights / "store")
    assert use.unfinished == (building,)
    long_ago = time.time() - 3600
    (space,) = (space for space in use.spaces if space.model == "new model")
    for path in space.folder.glob("shard-*.json"):
        os.utime(path, (long_ago, long_ago))
    fill(nights / "store", NEW, [["新"]])
    use = examine_store(nights / "store")
    (space,) = (space for space in use.spaces if space.model == "new model")
    assert (len(space.unused), [shard.texts for shard in space.fresh]) == (3, [1])
    prune(use, use)
    store = VectorStore(nights / "store", NEW)
    assert (store.locate(hash_texts(["新", "春"])) >= 0).all()


def claim(run):
    with RunFolder(run) as folder:
        folder.claim([("songs.txt", "1")])


def an_hour_back(*paths):
    for path in paths:
        os.utime(path, (time.time() - 3600,) * 2)


def test_what_a_run_stored_before_it_was_resumed_stays(nights):
    """It began when it was first started, however often it was resumed since."""
    building = nights / ".building"
    claim(building)
    folder = fill(nights / "store", NEW, [["新"]])
    an_hour_back(building / IDENTITY, *folder.glob("shard-*.json"))
    for _ in range(2):
        claim(building)
        use = examine_store(nights / "store")
        (space,) = (space for space in use.spaces if space.folder == folder)
        assert (len(space.unused), len(space.fresh)) == (0, 4)


def test_a_finished_run_that_is_made_again_is_unfinished_and_kept(nights):
    """Killed before it published, with another model: its vectors stay, and the old run's do."""
    run = nights / "runs" / "20260102T030405Z"
    record = json.loads((run / MANIFEST).read_text())
    inputs = [{"path": "songs.txt", "sha256": "1"}]
    (run / MANIFEST).write_text(json.dumps({**record, "inputs": inputs}))
    an_hour_back(run / MANIFEST, *(nights / "store").rglob("shard-*.json"))
    claim(run)
    made = fill(nights / "store", {"fingerprint": "d" * 64}, [["新"]])
    claim(run)
    use = examine_store(nights / "store")
    assert (use.runs, use.unfinished) == ((run,), (run,))
    pruned = prune(use, use)
    assert pruned.shards == 6
    assert len(list(made.glob("shard-*.json"))) == 1
    assert (VectorStore(nights / "store", NEW).locate(hash_texts(["春", "秋"])) >= 0).all()
    os.utime(run / MANIFEST, (time.time() + 1,) * 2)  # published
    assert examine_store(nights / "store").unfinished == ()


def test_no_more_is_removed_than_was_agreed_to(nights):
    """Whoever said yes saw a list; what came after it is another matter."""
    shown = examine_store(nights / "store")
    fill(nights / "store", NEW, [["后", "来"]])
    now = examine_store(nights / "store")
    assert prune(now, shown).shards == 6
    assert (VectorStore(nights / "store", NEW).locate(hash_texts(["后"])) >= 0).all()


def test_damaged_and_half_written_files_go(nights):
    """They are of use to nobody, and count as such."""
    space = nights / "store" / space_key({"format": 1, **NEW})
    name = "shard-" + "1" * 32
    (space / f"{name}.vectors.npy.damaged").write_bytes(b"x" * 100)
    (space / ".shard.npy.1-2.partial").write_bytes(b"x" * 10)
    (space / "notes.txt").write_text("by hand")
    use = examine_store(nights / "store")
    (one,) = (s for s in use.spaces if s.folder == space)
    assert one.rest == 110
    prune(use, use)
    assert "notes.txt" in files_of(space)
    assert not [n for n in files_of(space) if n.endswith((".damaged", ".partial"))]


def test_links_are_not_followed(nights, tmp_path):
    """A link in the store may lead to anything."""
    elsewhere = fill(tmp_path / "elsewhere", OLD, GONE)
    link = nights / "store" / ("c" * 32)
    link.symlink_to(elsewhere)
    use = examine_store(nights / "store")
    assert link not in {space.folder for space in use.spaces}
    prune(use, use)
    assert len(files_of(elsewhere)) == 10


def test_runs_that_are_not_known_or_cannot_be_read_stop_it(nights, tmp_path):
    """What is used by a run that nobody can ask must not be called unused."""
    lonely = tmp_path / "lonely"
    fill(lonely, NEW, KEPT)
    with pytest.raises(InputError, match="--runs"):
        examine_store(find_store(lonely))
    assert len(examine_store(lonely, [nights]).runs) == 1
    with pytest.raises(InputError, match="no vector store"):
        find_store(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        examine_store(lonely, [tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: holds no run.*empty/runs/\*"):
        examine_store(nights / "store", [nights, tmp_path / "empty"])
    (nights / "runs" / "20260102T030405Z" / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="can't be read"):
        examine_store(nights / "store")


def test_a_run_of_before_spaces_were_named_keeps_its_texts_everywhere(nights):
    """It may have any of them."""
    make_run(nights / "runs" / "20250102T030405Z", ["山", "云"], [0, 0])
    use = examine_store(nights / "store")
    assert sorted(len(space.unused) for space in use.spaces) == [1, 1]


def test_the_store_of_one_run_and_of_a_folder_of_runs_are_found(tmp_path):
    """`run` keeps it in RUN/.store, `ablate` in OUT/.store beside its cells."""
    for place in (tmp_path / "out", tmp_path / "out" / "cell"):
        (place / ".store").mkdir(parents=True)
        assert find_store(place) == place / ".store"
    assert find_store(Path(tmp_path / "out" / ".store")) == tmp_path / "out" / ".store"
