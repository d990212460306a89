"""Names, order and age of nights, by clocks that may be wrong.

A clock that jumped is a thing that happens: a battery that died, a machine restored, a typing
error. So a night is named by the clock, but nothing rests on the name alone: nights are in the
order of their `number`, which is counted, and a night is at most a week older than the next one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

_TIME = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
# A clock that is so far from the newest night's was set, or that night's was; and what a jump of
# the clock can at most add to the age of a night.
LEAP = timedelta(days=7)
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


def time_of(name: str) -> datetime | None:
    """The UTC time that is a night's name; None for what is no such name."""
    if not _NAME.fullmatch(name):
        return None
    try:
        return datetime.strptime(name, _TIME).replace(tzinfo=UTC)
    except ValueError:  # the 32nd of a month
        return None


def new_name(last: str, now: datetime, taken: Collection[str] = ()) -> str:
    """The UTC time; where the clock is up to a week behind `last`, a second after that.

    Names go back where the clock is further behind, for then `last` was named by a wrong one, or
    this one is; `taken` are the names that can't be given again.
    """
    moment, newest = now.astimezone(UTC).replace(microsecond=0), time_of(last)
    if newest and moment <= newest <= moment + LEAP:
        moment = newest + _SECOND
    while (name := moment.strftime(_TIME)) in taken or name == last:
        moment += _SECOND
    return name


def ages_in_days(names: Sequence[str], now: datetime) -> list[float]:
    """How many days ago each night was made, `names` in the order of the making.

    Summed from night to night: time between two counts as nothing where the clock went back, and
    as a week at most. So one wrong clock shifts ages by a week, and not by decades.
    """
    ages, age, later = [], timedelta(), now
    for name in reversed(names):
        moment = time_of(name) or later
        age += min(max(later - moment, timedelta()), LEAP)
        ages.append(age / _DAY)
        later = moment
    return ages[::-1]
