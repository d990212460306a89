"""Names, order and ages of nights survive clocks that jump."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.night.calendar import LEAP, ages_in_days, new_name, time_of

NOW = datetime(2026, 11, 27, 2, tzinfo=UTC)
DAY = timedelta(days=1)
jumps = st.lists(st.integers(-(10**9), 2 * 10**9), min_size=1, max_size=30)


@given(jumps)
def test_names_are_given_once_whatever_the_clock_does(seconds):
    """No two nights have one name, and each is a name that is read back."""
    names = []
    for shift in seconds:
        names.append(new_name(names[-1] if names else "", NOW + timedelta(seconds=shift), names))
    assert len(set(names)) == len(names)
    assert all(map(time_of, names))


@given(st.lists(st.integers(-7 * 86_400, 10**6), max_size=30))
def test_names_rise_where_the_clock_is_set_by_days(steps):
    """A clock that is set back by up to a week does not bring names back."""
    last, now = new_name("", NOW), NOW
    for step in steps:
        moment = max(now, time_of(last)) + timedelta(seconds=step)
        name = new_name(last, moment, [last])
        assert name > last
        last, now = name, moment


def test_a_name_is_the_time_where_the_clock_is_right():
    """The UTC time to the second, in any zone; a second start in a second gets the next."""
    assert new_name("", NOW) == "20261127T020000Z"
    assert new_name("", NOW.astimezone(timezone(timedelta(hours=13)))) == "20261127T020000Z"
    assert new_name("20261126T020000Z", NOW) == "20261127T020000Z"
    assert new_name("20261127T020000Z", NOW) == "20261127T020001Z"
    assert new_name("20261130T235959Z", NOW) == "20261201T000000Z"
    assert new_name("", NOW, ["20261127T020000Z", "20261127T020001Z"]) == "20261127T020002Z"


@pytest.mark.parametrize("wrong", ["20990101T000000Z", "20200101T000000Z", "20261227T020000Z"])
def test_one_wrong_clock_does_not_name_later_nights(wrong):
    """After a night in 2099, 2020 or next month the next one has the time again."""
    assert new_name(wrong, NOW) == "20261127T020000Z"


def test_what_is_no_time_is_no_name():
    """Digits in the right places are not enough, nor other scripts' digits."""
    for name in (
        "20261399T020000Z",
        "2026",
        "",
        "notes",
        "２０261127T020000Z",
        "20261127T020000Z ",
    ):
        assert time_of(name) is None
    assert time_of("20240229T235959Z") == datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)


def _names(moments):
    return [moment.strftime("%Y%m%dT%H%M%SZ") for moment in moments]


@given(jumps, jumps)
def test_ages_fall_in_the_order_of_the_nights(seconds, now):
    """An earlier night is never younger, none is younger than nothing, no step is over a week."""
    ages = ages_in_days(
        _names(NOW + timedelta(seconds=s) for s in seconds), NOW + timedelta(seconds=now[0])
    )
    assert all(0 <= later <= earlier for earlier, later in pairwise(ages))
    steps = [earlier - later for earlier, later in pairwise([*ages, 0])]
    assert max(steps) <= LEAP / DAY + 1e-9


@given(st.integers(1, 20), st.integers(-(10**9), 2 * 10**9), st.integers(0, 19))
def test_one_wrong_clock_shifts_ages_by_a_week_at_most(nights, jump, which):
    """Of nights a day apart, one of which (perhaps tonight) had any other clock."""
    moments = [NOW + day * DAY for day in range(nights + 1)]
    right = ages_in_days(_names(moments[:-1]), moments[-1])
    which %= nights + 1
    moments[which] += timedelta(seconds=jump)
    wrong = ages_in_days(_names(moments[:-1]), moments[-1])
    assert all(abs(a - b) <= LEAP / DAY + 1 for a, b in zip(right, wrong, strict=True))


def test_ages_are_days_where_the_clock_is_right():
    """Nights of a week, a gap of two days among them; and none at all."""
    moments = [NOW, NOW + DAY, NOW + 3 * DAY]
    assert ages_in_days(_names(moments), NOW + 4 * DAY) == [4, 3, 1]
    assert ages_in_days([], NOW) == []
