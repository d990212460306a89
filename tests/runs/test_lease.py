"""Leases: one works, the others wait; what is stale is taken over; a disk's clock decides."""

import errno
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from rapids_rap.errors import CapabilityError
from rapids_rap.runs import lease
from rapids_rap.runs.lease import is_stale, leased


def never():
    return False


def test_it_is_held_and_then_gone(tmp_path):
    """Nothing is left beside the file that it was for."""
    path = tmp_path / "a.lease"
    with leased(path, never) as mine:
        assert mine
        assert not is_stale(path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_held_of_what_is_done(tmp_path):
    """Who comes late does nothing twice."""
    with leased(tmp_path / "a.lease", lambda: True) as mine:
        assert not mine
    assert list(tmp_path.iterdir()) == []


def test_the_second_waits_until_the_first_is_done(tmp_path):
    """Two workers at one shard: one of them works."""
    path, done, seen = tmp_path / "a.lease", tmp_path / "done", []

    def second():
        with leased(path, done.exists) as mine:
            seen.append(mine)

    with leased(path, done.exists) as mine:
        assert mine
        other = threading.Thread(target=second)
        other.start()
        done.touch()
    other.join()
    assert seen == [False]


def test_a_dead_process_of_this_machine_holds_nothing(tmp_path):
    """A killed worker's shard is not waited for."""
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True
    )
    path = tmp_path / "a.lease"
    note = {"owner": "x", "process": int(dead.stdout), "place": lease._place()}
    path.write_text(json.dumps(note))
    assert is_stale(path)
    with leased(path, never) as mine:
        assert mine


def test_a_lease_of_another_machine_is_taken_over_when_it_is_not_renewed(tmp_path):
    """Its process can't be asked; the disk's clock tells."""
    path = tmp_path / "a.lease"
    path.write_text(json.dumps({"owner": "x", "process": 1, "place": "elsewhere"}))
    assert not is_stale(path)
    os.utime(path, (time.time() - 100, time.time() - 100))
    assert is_stale(path)
    with leased(path, never) as mine:
        assert mine


def test_it_is_renewed_while_it_is_held(tmp_path):
    """A long shard stays its worker's."""
    path = tmp_path / "a.lease"
    with leased(path, never, seconds=0.2):
        os.utime(path, (0, 0))
        while path.stat().st_mtime == 0:
            time.sleep(0.01)


def test_one_look_that_fails_ends_no_renewal(tmp_path, monkeypatch):
    """A network disk that stalls for a moment, and a shard that is worked on would be taken."""
    path, failed = tmp_path / "a.lease", threading.Event()
    real = lease.read_plain

    def stalls_once(*how):
        if not failed.is_set():
            failed.set()
            raise OSError(errno.EIO, "Input/output error")
        return real(*how)

    monkeypatch.setattr(lease, "read_plain", stalls_once)
    with leased(path, never, seconds=0.2):
        assert failed.wait(30)
        time.sleep(0.1)
        os.utime(path, (0, 0))
        end = time.monotonic() + 10
        while path.stat().st_mtime == 0 and time.monotonic() < end:
            time.sleep(0.01)
        assert path.stat().st_mtime
    assert not path.exists()


def test_who_was_taken_over_leaves_the_new_lease_alone(tmp_path):
    """After a long pause of its machine."""
    path = tmp_path / "a.lease"
    with leased(path, never):
        path.write_text(json.dumps({"owner": "another"}))
    assert path.exists()


def test_damaged_leases_are_waited_for_no_longer_than_others(tmp_path):
    """A note that can't be read has no owner, and goes stale by its age."""
    path = tmp_path / "a.lease"
    for content in (b"", b"\xff", b"[1]", b'{"process": "x"}'):
        path.write_bytes(content)
        assert not is_stale(path)
        os.utime(path, (0, 0))
        assert is_stale(path)


def test_a_lease_that_nobody_renews_is_taken_over_whatever_its_time_says(tmp_path):
    """Its machine's clock was an hour ahead when it died, and the disk took its word."""
    path = tmp_path / "a.lease"
    path.write_text(json.dumps({"owner": "x", "process": 1, "place": "elsewhere"}))
    os.utime(path, (time.time() + 3600, time.time() + 3600))
    begin = time.monotonic()
    with leased(path, never, seconds=0.3) as mine:
        assert mine
    assert 0.3 < time.monotonic() - begin < 30


def test_a_disk_that_tells_no_time_is_not_waited_for(tmp_path, monkeypatch):
    """A full one: whoever waits gets on, and is told so when it writes."""

    def full(folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(lease, "_disk_time", full)
    path = tmp_path / "a.lease"
    path.write_text(json.dumps({"owner": "x", "process": 1, "place": "elsewhere"}))
    with leased(path, never, seconds=0.3) as mine:
        assert mine


def test_a_lease_that_is_renewed_is_waited_for(tmp_path):
    """Longer than one that is not, and though its clock is behind."""
    path, taken = tmp_path / "a.lease", []
    path.write_text(json.dumps({"owner": "x", "process": 1, "place": "elsewhere"}))

    def wait():
        with leased(path, never, seconds=0.5):
            taken.append(time.monotonic())

    waiting = threading.Thread(target=wait)
    waiting.start()
    for _ in range(15):
        time.sleep(0.1)
        os.utime(path)
    ended = time.monotonic()
    waiting.join()
    assert taken[0] >= ended


def test_who_hangs_and_renews_is_not_waited_for_without_an_end(tmp_path):
    """At a dead card or disk its other thread lives: the copy of its shard stood still for ever."""
    path, got_in = tmp_path / "a.lease", threading.Event()

    def copy():
        with leased(path, never, seconds=2, patience=3) as mine:
            if mine and time.monotonic() - begin > 3 and path.read_text() != first:
                got_in.set()

    with leased(path, never, seconds=2):  # renews every 0.5 s, and never ends
        first, begin = path.read_text(), time.monotonic()
        second = threading.Thread(target=copy, daemon=True)
        second.start()
        assert got_in.wait(30)
        second.join()
    assert not path.exists()


def test_a_lease_that_cannot_be_taken_away_is_not_waited_for_either(tmp_path, monkeypatch):
    """In a folder where others' files can't be renamed: both make the same file."""
    path = tmp_path / "a.lease"
    path.write_text(json.dumps({"owner": "x", "process": os.getpid(), "place": lease._place()}))
    monkeypatch.setattr(lease, "_remove", lambda path: None)
    with leased(path, never, patience=0.3) as mine:
        assert mine
    assert path.exists()


def test_a_lease_that_cannot_be_written_is_not_left(tmp_path, monkeypatch):
    """Nobody would own it, and everybody wait for it."""

    def full(descriptor, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(CapabilityError, match="no room"), leased(tmp_path / "a.lease", never):
        pass
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
