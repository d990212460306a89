"""Tests of the vector store: what was stored is found, what is damaged is not believed."""

import errno
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.embedding import store as store_module
from rapids_rap.embedding.store import ROW, VectorStore, hash_texts
from rapids_rap.errors import CapabilityError, InputError

SPACE = {"fingerprint": "f", "pooling": "mean"}


def shard(texts, dim=4):
    """Rows and vectors of texts; a vector follows from its text."""
    rows = np.zeros(len(texts), dtype=ROW)
    rows["id"] = hash_texts(texts)
    rows["tokens"] = [len(text) for text in texts]
    seeds = [int.from_bytes(text.encode(), "big") % 2**32 for text in texts]
    vectors = np.array([np.random.default_rng(s).normal(size=dim) for s in seeds], np.float32)
    return rows, vectors.reshape(len(texts), dim)


def read(store, texts):
    """{text: vector} of what the store holds of these texts."""
    found = {}
    for positions, rows, vectors in store.gather(hash_texts(texts)):
        for position, row, vector in zip(positions, rows, vectors, strict=True):
            assert row["tokens"] == len(texts[position])
            found[texts[position]] = vector
    return found


def content(folder):
    """The bytes of every file in a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def fill(root, groups):
    """Open a store and append groups of texts, a shard each, skipping what is there."""
    store = VectorStore(root, SPACE)
    for group in groups:
        if (store.locate(hash_texts(group)) < 0).any():
            store.append(*shard(group))
    return store.folder


GROUPS = [["山", "水", "风"], ["云云"], ["夜a", "夜b"]]
ALL = [text for group in GROUPS for text in group]


def test_stored_vectors_are_found_bit_for_bit(tmp_path):
    """The one thing a store is for; texts it never saw are not found."""
    fill(tmp_path, GROUPS)
    asked = ["没有", *reversed(ALL), "nor this"]
    found = read(VectorStore(tmp_path, SPACE), asked)
    assert sorted(found) == sorted(ALL)
    for group in GROUPS:
        for text, vector in zip(group, shard(group)[1], strict=True):
            np.testing.assert_array_equal(found[text], vector)


@settings(max_examples=25, deadline=None)
@given(
    stored=st.lists(st.sets(st.text(max_size=3), min_size=1), max_size=4),
    asked=st.lists(st.text(max_size=3), max_size=20),
)
def test_any_split_into_shards_finds_the_same(tmp_path_factory, stored, asked):
    """Which shard a text landed in never matters, repeated questions included."""
    root = tmp_path_factory.mktemp("store")
    seen = set()
    writer = VectorStore(root, SPACE)
    for group in stored:
        if group - seen:
            writer.append(*shard(sorted(group - seen)))
        seen |= group
    found = read(VectorStore(root, SPACE), asked)
    assert set(found) == seen & set(asked)
    for text, vector in found.items():
        np.testing.assert_array_equal(vector, shard([text])[1][0])


def test_spaces_never_share_vectors(tmp_path):
    """Another model or pooling is another folder, and describes itself."""
    fill(tmp_path, GROUPS)
    other = VectorStore(tmp_path, SPACE | {"pooling": "cls"})
    assert read(other, ALL) == {}
    assert "cls" in (other.folder / "space.json").read_text()


class Killed(BaseException):
    """Stands for SIGKILL: nothing between the write and the process's end runs."""


def kill_points(monkeypatch, at):
    """Make the `at`-th fsync or rename, before or after it happens, the last thing done."""
    count = itertools.count()

    def wrap(function):
        def step(*args, **kwargs):
            if next(count) == at:
                raise Killed
            result = function(*args, **kwargs)
            if next(count) == at:
                raise Killed
            return result

        return step

    monkeypatch.setattr(os, "fsync", wrap(os.fsync))
    monkeypatch.setattr(Path, "replace", wrap(Path.replace))


def test_a_kill_at_any_point_costs_one_shard_and_changes_no_byte(tmp_path):
    """At every write point in turn: reopen, continue, compare all files with an undisturbed run."""
    expected = content(fill(tmp_path / "whole", GROUPS))
    for at in itertools.count():
        root = tmp_path / str(at)
        with pytest.MonkeyPatch.context() as patch:
            kill_points(patch, at)
            try:
                fill(root, GROUPS)
                break  # no such point: the run was not disturbed
            except Killed:
                pass
        assert content(fill(root, GROUPS)) == expected, f"killed at point {at}"
        assert len(read(VectorStore(root, SPACE), ALL)) == len(ALL)
    assert at > 30


def test_a_real_kill_leaves_only_whole_shards(tmp_path):
    """The same in a process that ends without unwinding: no handler cleans up behind it."""
    program = (
        "import itertools, os, sys; from pathlib import Path\n"
        "from tests.embedding.test_store import GROUPS, fill\n"
        "count, real, at = itertools.count(), os.fsync, int(sys.argv[2])\n"
        "os.fsync = lambda fd: os._exit(9) if next(count) == at else real(fd)\n"
        "fill(Path(sys.argv[1]), GROUPS)\n"
    )
    expected = content(fill(tmp_path / "whole", GROUPS))
    for at in (4, 10):  # within the first shard, and between the second's files
        root = tmp_path / str(at)
        command = [sys.executable, "-c", program, str(root), str(at)]
        assert subprocess.run(command, cwd=Path(__file__).parents[2]).returncode == 9
        (folder,) = root.iterdir()
        assert any(name.endswith(".partial") for name in content(folder))
        assert content(fill(root, GROUPS)) == expected


DAMAGE = {
    "flipped bit": lambda data: data[:-3] + bytes([data[-3] ^ 1]) + data[-2:],
    "truncated": lambda data: data[:-20],
    "emptied": lambda data: b"",
    "removed": lambda data: None,
}


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("part", ["vectors.npy", "ids.npy", "json"])
def test_a_damaged_shard_is_said_set_aside_and_made_again(tmp_path, caplog, part, how):
    """A wrong vector must never be read; the other shards stay, and the bytes come back."""
    folder = fill(tmp_path, GROUPS)
    expected = content(folder)
    victim = sorted(folder.glob("shard-*.json"))[0].with_suffix("").name + "." + part
    data = DAMAGE[how]((folder / victim).read_bytes())
    (folder / victim).unlink()
    if data is not None:
        (folder / victim).write_bytes(data)
    store = VectorStore(tmp_path, SPACE)
    assert 0 < len(read(store, ALL)) < len(ALL)
    if (part, how) != ("json", "removed"):  # without its commit a shard never was there
        assert store.damaged == 1
        assert "is damaged" in caplog.text
        assert list(folder.glob("*.damaged"))
        assert VectorStore(tmp_path, SPACE).damaged == 0  # it is set aside once
    fill(tmp_path, GROUPS)
    again = {k: v for k, v in content(folder).items() if not k.endswith(".damaged")}
    assert again == expected


def test_ids_that_survive_are_offered_for_the_same_shard(tmp_path):
    """With its ids known, a damaged shard is remade as it was whatever else is missing."""
    folder = fill(tmp_path, GROUPS)
    for path in folder.glob("*.vectors.npy"):
        path.write_bytes(b"rust")
    redo = VectorStore(tmp_path, SPACE).redo
    assert sorted(unit.tobytes() for unit in redo) == sorted(
        hash_texts(group).tobytes() for group in GROUPS
    )


def test_arrays_of_objects_are_never_unpickled(tmp_path, monkeypatch):
    """A store from elsewhere must not run code: even with a matching checksum."""
    folder = fill(tmp_path, GROUPS[:1])
    (ids,) = folder.glob("*.ids.npy")
    np.save(ids, np.array([{"x": 1}], dtype=object), allow_pickle=True)
    monkeypatch.setattr(VectorStore, "_is_sound", lambda self, name: True)
    with pytest.raises(ValueError, match="allow_pickle"):
        VectorStore(tmp_path, SPACE)


def test_a_full_disk_is_explained_and_leaves_nothing_half_written(tmp_path, monkeypatch):
    """Finished shards stay; the sentence names the place and the bytes."""
    folder = fill(tmp_path, GROUPS[:1])
    before = content(folder)
    store = VectorStore(tmp_path, SPACE)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CapabilityError, match=r"no room to write .*takes \d+ bytes"):
        store.append(*shard(GROUPS[1]))
    assert content(folder) == before


def test_a_place_that_cannot_be_written_is_the_users_error(tmp_path):
    """A file where the store should be."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="can't be written"):
        VectorStore(tmp_path / "file", SPACE)


def test_an_open_store_goes_on_reading_while_another_appends(tmp_path):
    """Readers never see a shard change or vanish."""
    fill(tmp_path, GROUPS[:1])
    reader = VectorStore(tmp_path, SPACE)
    fill(tmp_path, GROUPS)
    assert sorted(read(reader, ALL)) == sorted(GROUPS[0])


def open_files():
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
def test_a_shard_that_is_committed_while_a_store_is_opened_stays_whole(tmp_path, monkeypatch):
    """A worker that outlived its run ends in that moment: commit first, then the lease."""
    folder = fill(tmp_path, GROUPS[:1])
    (commit,) = folder.glob("shard-*.json")
    data = commit.read_bytes()
    commit.unlink()

    def ends_now(folder, name):
        commit.write_bytes(data)
        return False

    monkeypatch.setattr(store_module, "is_being_made", ends_now)
    VectorStore(tmp_path, SPACE)
    opened = VectorStore(tmp_path, SPACE)
    assert opened.damaged == 0
    assert sorted(read(opened, ALL)) == sorted(GROUPS[0])


def test_shards_are_not_held_open(tmp_path):
    """Thousands of shards must not exhaust the process's file descriptors."""
    texts = [f"t{i}" for i in range(60)]
    fill(tmp_path, [[text] for text in texts])
    store = VectorStore(tmp_path, SPACE)
    before = open_files()
    most = max(open_files() for _ in store.gather(hash_texts(texts)))
    assert most <= before + 2


def test_hashes_are_of_the_texts_content():
    """Ids are a promise across versions: they must not change."""
    assert hash_texts(["山"])[0].hex() == store_module.hashlib.blake2b(
        "山".encode(), digest_size=16
    ).hexdigest().removesuffix("00")
    assert hash_texts([]).shape == (0,)
    assert len(set(hash_texts(["a", "b", "ab", ""]).tolist())) == 4
