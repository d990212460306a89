"""The folder of the nights: names only rise, retention spares what a rollback needs."""

import errno
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rapids_rap.errors import InputError
from rapids_rap.night.root import (
    NightRoot,
    delete_runs,
    earlier_name,
    expired_names,
    open_root,
    published_name,
    run_names,
    switch,
)

NOW = datetime(2026, 11, 27, 2, tzinfo=UTC)


def make_nights(path, nights):
    """Folders with a nightly.json from (name, published, previous)."""
    root = NightRoot(path)
    for name, published, previous in nights:
        root.run(name).mkdir(parents=True)
        night = {"published": published, "previous": previous}
        (root.run(name) / "nightly.json").write_text(json.dumps(night))
    return root


def name_of(day):
    return f"202611{day:02}T020000Z"


def test_only_nights_are_listed(tmp_path):
    """Other folders, files and links in runs/ are nobody's night, and never pruned."""
    root = make_nights(tmp_path, [(name_of(1), True, None)])
    (root.runs / "notes").mkdir()
    (root.runs / "20261101T030000Z").write_text("a file")
    (root.runs / "20269999T030000Z").mkdir()
    (root.runs / "20261101T040000Z").symlink_to(name_of(1))
    assert run_names(root) == [name_of(1)]


def test_retention_spares_the_newest_the_published_and_the_one_before(tmp_path):
    """Beyond keep_runs a night goes, unless it is published, before that, or younger than asked."""
    nights = [(name_of(day), day < 5, name_of(day - 1) if day > 1 else None) for day in range(1, 9)]
    root = make_nights(tmp_path, nights)
    switch(root, name_of(4))
    assert published_name(root) == name_of(4)
    assert expired_names(root, 2, 0, NOW) == [name_of(day) for day in (1, 2, 5, 6)]
    now = NOW.replace(day=9)
    assert expired_names(root, 2, 7, now) == [name_of(day) for day in (1, 2)]
    assert expired_names(root, 2, 8, now) == [name_of(1)]
    assert expired_names(root, 2, 8, now - timedelta(days=400)) == []
    assert expired_names(root, 20, 0, now) == []
    delete_runs(root, expired_names(root, 2, 0, NOW))
    assert run_names(root) == [name_of(day) for day in (3, 4, 7, 8)]
    assert not root.trash.exists()


@pytest.mark.parametrize("keep_days", [0, 1, 999_999, 10**9])
def test_any_retention_can_be_counted(tmp_path, keep_days):
    """Days of more than all of time keep everything, and are no error."""
    root = make_nights(tmp_path, [(name_of(day), True, None) for day in range(1, 6)])
    switch(root, name_of(5))
    expired = expired_names(root, 10**9, keep_days, NOW)
    assert expired == []
    expired = expired_names(root, 2, keep_days, NOW)
    assert expired == ([] if keep_days > 100 else [name_of(day) for day in (1, 2, 3)])


def test_nights_are_in_the_order_they_were_made(tmp_path):
    """By their numbers, whatever a wrong clock named them; those of older versions come first."""
    nights = [("20261101T020000Z", True, None), ("20990101T000000Z", True, "20261101T020000Z")]
    root = make_nights(tmp_path, nights)
    numbered = {"20200101T000000Z": 2, "20261102T020000Z": 1, "20261103T020000Z": 3}
    for name, number in numbered.items():
        root.run(name).mkdir()
        night = {"published": True, "previous": "gone", "number": number}
        (root.run(name) / "nightly.json").write_text(json.dumps(night))
    names = run_names(root)
    assert names == [*(n for n, _, _ in nights), *sorted(numbered, key=numbered.__getitem__)]
    assert earlier_name(root, "20261103T020000Z") == "20200101T000000Z"
    assert earlier_name(root, "20200101T000000Z") == "20261102T020000Z"
    switch(root, names[-1])
    assert expired_names(root, 2, 0, NOW) == names[:3]


@pytest.mark.parametrize("number", [-1, True, 1.5, "2", None, [], 10**30])
def test_a_number_that_is_none_counts_as_none(tmp_path, number):
    """Order and retention do not fail on a nightly.json that somebody wrote by hand."""
    root = make_nights(tmp_path, [(name_of(1), True, None), (name_of(2), True, None)])
    strange = {"published": "yes", "previous": ["x"], "number": number}
    (root.run(name_of(1)) / "nightly.json").write_text(json.dumps(strange))
    assert run_names(root) == [name_of(1), name_of(2)]
    assert earlier_name(root, name_of(2)) == ""
    assert earlier_name(root, name_of(1)) == ""


def test_one_night_that_cannot_go_does_not_keep_the_others(tmp_path, caplog, monkeypatch):
    """Each night is deleted on its own; which could not be is said."""
    root = make_nights(tmp_path, [(name_of(day), True, None) for day in range(1, 4)])
    rename = Path.rename

    def busy(path, target):
        if path.name == name_of(1):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", busy)
    delete_runs(root, [name_of(1), name_of(2)])
    assert run_names(root) == [name_of(1), name_of(3)]
    assert name_of(1) in caplog.text
    assert not root.trash.exists()


def test_the_night_before_is_the_one_that_was_replaced(tmp_path):
    """Not the one of the day before, which may have been refused or rolled back from."""
    root = make_nights(
        tmp_path,
        [
            (name_of(1), True, None),
            (name_of(2), True, name_of(1)),
            (name_of(3), False, name_of(2)),
            (name_of(4), True, name_of(1)),
            (name_of(6), True, name_of(5)),
        ],
    )
    assert earlier_name(root, name_of(4)) == name_of(1)
    assert earlier_name(root, name_of(1)) == ""
    assert earlier_name(root, name_of(6)) == name_of(4)  # its own was pruned
    assert earlier_name(root, name_of(3)) == name_of(2)


def test_a_lost_link_is_not_a_first_night(tmp_path):
    """Published nights without `latest` are an error; refused ones alone are none."""
    refused = make_nights(tmp_path / "a", [(name_of(1), False, None)])
    assert published_name(refused) == ""
    published = make_nights(tmp_path / "b", [(name_of(1), True, None)])
    with pytest.raises(InputError, match="rollback"):
        published_name(published)
    published.latest.mkdir()
    with pytest.raises(InputError, match="not a link"):
        published_name(published)


@pytest.mark.parametrize(
    "name", ["itself", "itself/x", "x" * 300, "a\0b", "~nobody-here/x", "a/" * 1500, "file"]
)
def test_a_root_that_can_be_no_folder_is_named(tmp_path, monkeypatch, name):
    """A link to itself, a NUL, a name too long, nobody's home, folders without end: exit 2."""
    monkeypatch.chdir(tmp_path)
    Path("itself").symlink_to("itself")
    Path("file").write_text("")
    with pytest.raises(InputError, match=r"nightly\.root"):
        open_root(name)
