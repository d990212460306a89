"""Nights under clocks, disks, links and settings that mean no good."""

import errno
import math
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from annotated_types import Ge, Gt, Le, Lt

from rapids_rap import pipeline
from rapids_rap.config import NightlyConfig
from rapids_rap.errors import InputError
from rapids_rap.night import nightly, preflight
from rapids_rap.night.root import NightRoot, published_name, run_names
from rapids_rap.runs.files import PARTIAL
from rapids_rap.runs.verify import find_faults
from tests.conftest import rap
from tests.tiny_nights import tiny_night, write_songs

LYRICS = Path("lyrics")


def published(root):
    """The name, after a check that it is whole."""
    assert find_faults(root / "latest") == []
    return published_name(NightRoot(root))


def at(moment):
    """The clock of nights, which shows `moment`."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return moment.astimezone(tz)

    return Clock


@pytest.mark.parametrize("year", [pytest.param(2020, marks=pytest.mark.slow), 2099])
def test_one_night_of_a_wrong_clock_spoils_nothing_later(nights, monkeypatch, year):
    """It is the newest whatever it is called; the next has the time again, and pruning goes on."""
    first, second = run_names(NightRoot(nights))
    keep = ("nightly.keep_runs=2", "nightly.keep_days=8", "nightly.min_ids_kept=0")
    monkeypatch.setattr(nightly, "datetime", at(datetime(year, 1, 1, tzinfo=UTC)))
    assert rap("nightly", "--force", *tiny_night(*keep)).code == 0
    wrong = f"{year}0101T000000Z"
    assert published(nights) == wrong
    assert run_names(NightRoot(nights)) == [first, second, wrong]
    made = []
    for days in (1, 2, 9, 10):
        monkeypatch.setattr(nightly, "datetime", at(datetime.now(UTC) + timedelta(days=days)))
        assert rap("nightly", "--force", *tiny_night(*keep)).code == 0
        made.append(published(nights))
        assert made[-1][:4] == str((datetime.now(UTC) + timedelta(days=days)).year)
    assert made == sorted(made)
    assert run_names(NightRoot(nights)) == made[-2:]


@pytest.fixture
def other_disk(tmp_path, monkeypatch):
    """A folder into which, and out of which, nothing can be renamed."""
    folder, rename = tmp_path / "other disk", Path.rename
    folder.mkdir()

    def rename_on_one_disk(path, target):
        if (folder in path.resolve().parents) != (folder in Path(target).resolve().parents):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", rename_on_one_disk)
    return folder


def test_runs_may_lie_on_another_disk(nights, other_disk):
    """With `runs` a link to it, nights are published whole, old ones pruned, nothing left over."""
    shutil.move(nights / "runs", other_disk / "runs")
    (nights / "runs").symlink_to(other_disk / "runs")
    loose = ("nightly.keep_runs=2", "nightly.min_ids_kept=0")
    for _ in range(2):
        before = published(nights)
        outcome = rap("nightly", "--force", *tiny_night(*loose))
        assert outcome.code == 0, outcome.err
        assert published(nights) > before
    assert len(run_names(NightRoot(nights))) == 2
    assert sorted(p.name for p in (other_disk / "runs").iterdir()) == run_names(NightRoot(nights))
    assert not (nights / ".building").exists()


def test_a_night_that_was_half_copied_is_copied_again(nights, other_disk, monkeypatch):
    """No room on the other disk after the work: exit 3, nothing half there, the next night ends."""
    before = published(nights)
    shutil.move(nights / "runs", other_disk / "runs")
    (nights / "runs").symlink_to(other_disk / "runs")
    write_songs(LYRICS, 0, 12)
    copy = shutil.copyfile

    def full(source, target):
        if Path(source).name == "lines.parquet":
            Path(target).write_bytes(Path(source).read_bytes()[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", full)
    outcome = rap("nightly", *tiny_night())
    assert outcome.code == 3, outcome.err
    assert published(nights) == before
    assert not list(other_disk.rglob(f".*{PARTIAL}"))
    monkeypatch.setattr(shutil, "copyfile", copy)
    (other_disk / "runs" / f".20261126T020000Z{PARTIAL}" / "maps").mkdir(parents=True)
    outcome = rap("nightly", *tiny_night())
    assert outcome.code == 0, outcome.err
    assert "had been decided" in outcome.err
    assert published(nights) > before
    assert not list(other_disk.rglob(f".*{PARTIAL}"))


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda root: (root / "runs").symlink_to("/no/such/disk"), "Mount that disk"),
        (lambda root: (root / "runs").write_text(""), "is not a folder"),
        (lambda root: (root / ".building").symlink_to("/tmp"), "is a link or a file"),
        (lambda root: (root / ".building").write_text(""), "is a link or a file"),
        (lambda root: (root / "store").write_text(""), "is not a folder"),
        (lambda root: os.mkfifo(root / "state.json"), "a pipe"),
        (lambda root: os.mkfifo(root / "labels.csv"), "a pipe"),
        (lambda root: (root / "state.json").mkdir(), "a folder"),
    ],
)
def test_a_root_that_cannot_take_a_night_is_named_before_the_work(tmp_path, break_it, said):
    """A link to a disk that isn't mounted, a file for a folder, a pipe for a file: exit 2."""
    root = NightRoot(tmp_path)
    break_it(tmp_path)
    with pytest.raises(InputError, match=said):
        preflight.check_folders(root)


def test_a_root_that_is_read_only_is_named_before_the_work(nights, monkeypatch):
    """Exit 2 naming the folder, at once, and not after hours at the first rename."""
    write_songs(LYRICS, 0, 12)
    monkeypatch.setattr(pipeline, "run", lambda *_, **__: pytest.fail("the work began"))
    allowed = os.access
    closed = (nights / "runs").resolve()
    monkeypatch.setattr(
        preflight.os, "access", lambda p, mode: Path(p).resolve() != closed and allowed(p, mode)
    )
    outcome = rap("nightly", *tiny_night())
    assert outcome.code == 2
    assert "root/runs: can't be written" in outcome.err


def _extreme(name, *, low):
    """The lowest or highest value that a number of [nightly] may have."""
    field = NightlyConfig.model_fields[name]
    whole, ends = field.annotation is int, []
    for limit in field.metadata:
        match limit:
            case Ge(ge=value) if low:
                ends.append(value)
            case Le(le=value) if not low:
                ends.append(value)
            case Gt(gt=value) if low:
                ends.append(value + 1 if whole else math.nextafter(value, math.inf))
            case Lt(lt=value) if not low:
                ends.append(value - 1 if whole else math.nextafter(value, -math.inf))
    assert len(ends) == 1, f"{name} has no {'least' if low else 'greatest'} value"
    return ends[0]


NUMBERS = [
    name for name, field in NightlyConfig.model_fields.items() if field.annotation in (int, float)
]


@pytest.mark.parametrize("low", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_every_number_of_a_night_may_be_at_its_extreme(nights, low):
    """All at the least, all at the greatest: a night ends with 0 or 5, and the next one too."""
    settings = [f"nightly.{name}={_extreme(name, low=low)}" for name in NUMBERS]
    for _ in range(2):
        outcome = rap("nightly", "--force", *tiny_night("nightly.metrics=prom", *settings))
        assert outcome.code in (0, 5), outcome.err
        assert "can't" not in outcome.err
    assert rap("nightly", "--force", *tiny_night("nightly.min_ids_kept=0")).code == 0
    assert published(nights)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_beyond_its_extreme_is_named(name):
    """Also one of hundreds of digits, one that is no number, and infinity: exit 2 names the key."""
    for low, beyond in ((True, -1), (False, 1)):
        end = _extreme(name, low=low)
        over = end + beyond if isinstance(end, int) else math.nextafter(end, beyond * math.inf)
        for value in (over, f"{'-' if low else ''}{'9' * 300}", "inf", "nan", "[]"):
            outcome = rap("nightly", "--dry-run", *tiny_night(f"nightly.{name}={value}"))
            assert outcome.code == 2, (name, value)
            assert f"nightly.{name}" in outcome.err, (name, value)
