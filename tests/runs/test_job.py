"""A stage's key is made from the arguments it is called with, and from nothing else."""

import logging
import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.backend.protocol import Sizes
from rapids_rap.config import LayoutConfig
from rapids_rap.runs import job as module
from rapids_rap.runs.job import Job, version_of
from rapids_rap.runs.stages import StageCache
from tests.runs.test_stages import HostBackend

VERSION = 1
READS: tuple[str, ...] = ()


class Backend(HostBackend):
    """What a job asks of a backend; it notes what was done beside what."""

    name = "host"

    def __init__(self):
        self.along = 0

    def together(self, calls):
        self.along += 1
        return [call() for call in calls]

    def beside(self, call):
        return call


@dataclass(frozen=True)
class Counted:
    array: Any
    plain: tuple[str, ...]


CALLS: list[str] = []


def count(*parts: object, more: object = None) -> Counted:
    """A stage: notes that it ran."""
    CALLS.append("count")
    return Counted(np.arange(3), ("a",))


def add_one(array: Any) -> Any:
    """A stage that returns a bare array."""
    CALLS.append("add_one")
    return array + 1


@pytest.fixture
def jobs(tmp_path):
    """Jobs on one folder of kept stages, which earlier results stay in."""
    CALLS.clear()

    def make(versions=None):
        backend = Backend()
        cache = StageCache(tmp_path, backend, keep_older=True)
        return Job(cache, backend, versions or {"numpy": "2"})

    return make


ARGUMENTS = {
    "text": ("a", "b"),
    "number": (1, 2),
    "fraction": (0.5, 0.25),
    "none": (None, 0),
    "flag": (True, False),
    "texts": (("a", "b"), ("ab",)),
    "nested": ({"x": [1, 2]}, {"x": [1, 3]}),
    "section": (LayoutConfig(), LayoutConfig(epochs=7)),
}


@pytest.mark.parametrize("kind", ARGUMENTS)
@pytest.mark.parametrize("named", [False, True])
def test_each_argument_decides_the_key(jobs, kind, named):
    """The same argument finds what was kept, in another process too; another runs the stage."""
    one, other = ARGUMENTS[kind]
    for value in (one, one, other):
        if named:
            jobs().stage("s", count, more=value)
        else:
            jobs().stage("s", count, 1, value)
    assert len(CALLS) == 2


@given(st.lists(st.text(max_size=3), max_size=4), st.lists(st.text(max_size=3), max_size=4))
def test_lists_of_texts_are_told_apart(left, right):
    """No two lists of texts share a key, however their texts run into each other."""
    keys = [_job().key_of(texts) for texts in (left, right)]
    assert (keys[0] == keys[1]) == (left == right)


def _job():
    made = Job.__new__(Job)
    made._known, made.backend = {}, None
    return made


def test_a_result_is_known_by_what_it_was_made_from(jobs):
    """A stage that reads another's result, or a part, runs again where that was made otherwise."""
    for seed in (1, 1, 2):
        job = jobs()
        whole = job.stage("first", count, seed)
        job.stage("second", add_one, whole.array)
        job.stage("third", count, whole)
    assert CALLS == ["count", "add_one", "count"] * 2


def test_a_derived_result_is_known_by_its_arguments(jobs):
    """What is derived anew each time is still the same to a later stage."""
    for seed in (1, 1, 2):
        job = jobs()
        job.stage("later", add_one, job.derive(count, seed).array)
    assert CALLS.count("add_one") == 2


def test_what_a_stage_hands_on_keeps_its_key(jobs):
    """A matrix that a later step returns as it is stays known by what made it."""
    job = jobs()
    made = job.stage("s", count, 1)
    key = job.key_of(made.array)
    job.know(replace(made, plain=("b",)), "handed on")
    assert job.key_of(made.array) == key


def test_a_bare_array_is_kept(jobs):
    """A stage may return one array; it reads back as it was."""
    for _ in range(2):
        job = jobs()
        array = job.know(np.arange(3), "three")
        np.testing.assert_array_equal(job.stage("one", add_one, array), [1, 2, 3])
    assert CALLS == ["add_one"]


@pytest.mark.parametrize("value", [np.arange(3), object(), {1, 2}, "path"])
def test_what_can_not_be_known_again_is_refused(jobs, tmp_path, value):
    """An array of unknown origin, a path, a set: none is passed over, and the stage is named."""
    value = tmp_path if isinstance(value, str) else value
    with pytest.raises(TypeError, match=f"stage s: {type(value).__name__}"):
        jobs().stage("s", count, value)


def test_sizes_decide_nothing(jobs):
    """What the memory plan chose does not make a stage run again."""
    for sizes in (Sizes(), Sizes(k=99)):
        jobs().stage("s", count, sizes)
    assert CALLS == ["count"]


@pytest.mark.parametrize("change", ["version", "data", "libraries"])
def test_version_data_and_libraries_decide_the_key(jobs, monkeypatch, change):
    """A raised version, another bundled file or another release of a library runs a stage again."""
    jobs().stage("s", count, 1)
    this = sys.modules[__name__]
    if change == "version":
        monkeypatch.setattr(this, "VERSION", 2)
    if change == "data":
        monkeypatch.setattr(this, "READS", ("slang.txt",))
    jobs({"numpy": "3"} if change == "libraries" else None).stage("s", count, 1)
    assert CALLS == ["count"] * 2


def test_a_stage_without_a_version_is_refused(jobs, monkeypatch):
    """A function whose module declares no version can't be a stage."""
    monkeypatch.delattr(sys.modules[__name__], "VERSION")
    with pytest.raises(TypeError, match=r"declares no VERSION beside count"):
        jobs().stage("s", count, 1)
    with pytest.raises(TypeError):
        version_of(count)


def test_a_fresh_stage_is_never_found_again(jobs):
    """Without a seed nothing kept will do, for the stage and for those that read it."""
    for _ in range(2):
        job = jobs()
        job.stage("later", add_one, job.stage("s", count, 1, fresh=True).array)
    assert CALLS == ["count", "add_one"] * 2


def test_what_goes_along_is_done_only_where_the_stage_is_computed(jobs):
    """A kept stage has no idle cores to fill."""
    done = []
    for _ in range(2):
        job = jobs()
        job.stage("s", count, 1, along=lambda: done.append(1))
    assert (done, job.backend.along) == ([1], 0)


def test_begun_stages_end_when_asked(jobs):
    """A stage that was begun gives the same result, kept under the same key."""
    waiting = jobs().begin("s", count, 1)
    assert waiting().plain == ("a",)
    jobs().stage("s", count, 1)
    assert CALLS == ["count"]


def test_stages_of_an_earlier_version_are_told_of(tmp_path, caplog):
    """Kept stages under keys of another making are computed again, and a sentence says why."""
    kept = tmp_path / "layout" / "abc"
    kept.mkdir(parents=True)
    (kept / "commit.json").write_text("{}")
    with caplog.at_level(logging.WARNING, logger=module.__name__):
        for _ in range(2):
            Job(StageCache(tmp_path, Backend()), Backend(), {})
    assert [record.getMessage().count("computed again") for record in caplog.records] == [1]
