"""The folder of the nights: names only rise, retention spares what a rollback needs."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.errors import InputError
from rapids_rap.night.root import (
    NightRoot,
    delete_runs,
    earlier_name,
    expired_names,
    new_name,
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


@given(st.lists(st.integers(-(10**8), 10**8), min_size=2, max_size=20))
def test_names_rise_whatever_the_clock_does(seconds):
    """Each night's name is above the one before, also when the clock jumps back by years."""
    last = ""
    for shift in seconds:
        name = new_name(last, NOW + timedelta(seconds=shift))
        assert name > last
        last = name


def test_a_name_is_the_time_where_the_clock_is_right():
    """The UTC time to the second; a second start in the same second gets the next."""
    assert new_name("", NOW) == "20261127T020000Z"
    assert new_name("20261126T020000Z", NOW) == "20261127T020000Z"
    assert new_name("20261127T020000Z", NOW) == "20261127T020001Z"
    assert new_name("20261231T235959Z", NOW) == "20270101T000000Z"


def test_only_nights_are_listed(tmp_path):
    """Other folders, files and links in runs/ are nobody's night, and never pruned."""
    root = make_nights(tmp_path, [(name_of(1), True, None)])
    (root.runs / "notes").mkdir()
    (root.runs / "20261101T030000Z").write_text("a file")
    (root.runs / "20261101T040000Z").symlink_to(name_of(1))
    assert run_names(root) == [name_of(1)]


def test_retention_spares_the_newest_the_published_and_the_one_before(tmp_path):
    """Beyond keep_runs a night goes, unless it is published, before that, or younger than asked."""
    nights = [(name_of(day), day < 5, name_of(day - 1) if day > 1 else None) for day in range(1, 9)]
    root = make_nights(tmp_path, nights)
    switch(root, name_of(4))
    assert published_name(root) == name_of(4)
    assert expired_names(root, 2, 0, NOW) == [name_of(day) for day in (1, 2, 5, 6)]
    assert expired_names(root, 2, 22, NOW) == [name_of(day) for day in (1, 2)]
    assert expired_names(root, 2, 22, NOW - timedelta(days=400)) == []
    assert expired_names(root, 20, 0, NOW) == []
    delete_runs(root, expired_names(root, 2, 0, NOW))
    assert run_names(root) == [name_of(day) for day in (3, 4, 7, 8)]
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
