"""The stage cache: the same content is found again, anything else is computed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rapids_rap.backend.protocol import Usage
from rapids_rap.errors import CapabilityError
from rapids_rap.runs.stages import StageCache, load_result, save_result, stage_key


class HostBackend:
    """Only what the cache asks of a backend."""

    def to_host(self, data):
        return data

    from_host = to_host

    def usage(self):
        return Usage("card", peak=77)


@dataclass(frozen=True)
class Part:
    name: str
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Result:
    array: Any
    table: pd.DataFrame
    parts: tuple[Part, ...]
    words: tuple[str, ...]
    nothing: float | None


def example():
    table = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": ["NA", None]})
    return Result(np.arange(3), table, (Part("p", {"x": 1}),), ("爱", ""), None)


def test_result_reads_back_exactly(tmp_path):
    """Arrays, tables with nulls, nested dataclasses, strings and None survive the disk."""
    save_result(example(), tmp_path, HostBackend())
    back = load_result(Result, tmp_path, HostBackend())
    np.testing.assert_array_equal(back.array, np.arange(3))
    pd.testing.assert_frame_equal(back.table, example().table)
    assert (back.parts, back.words, back.nothing) == (example().parts, ("爱", ""), None)


def test_second_run_loads_and_third_recomputes(tmp_path):
    """The same key is loaded, another key computed, and the older result is gone."""
    calls = []

    def compute():
        calls.append(1)
        return example()

    cache = StageCache(tmp_path, HostBackend())
    for key in ("a", "a", "b"):
        cache.run(Result, "stage", key, compute)
    assert len(calls) == 2
    assert [r.cached for r in cache.records] == [False, True, False]
    assert [p.name for p in (tmp_path / "stage").iterdir()] == ["b"]


def test_what_is_held_is_known_by_its_key(tmp_path):
    """A stage that is kept is not begun beside another one, and one of another key is."""
    cache = StageCache(tmp_path, HostBackend())
    assert not cache.holds("stage", "a")
    cache.run(Result, "stage", "a", example)
    assert cache.holds("stage", "a")
    assert not cache.holds("stage", "b")
    assert not cache.holds("other", "a")


@pytest.mark.parametrize("content", [b"\x93NUMPY", b"", b"[]", b"null"])
@pytest.mark.parametrize("damage", ["array.npy", "plain.json", "commit.json", "table.parquet"])
def test_damaged_result_is_computed_again(tmp_path, damage, content):
    """A truncated file in the cache is noticed and replaced, never trusted and never fatal."""
    StageCache(tmp_path, HostBackend()).run(Result, "stage", "a", example)
    (tmp_path / "stage" / "a" / damage).write_bytes(content)
    cache = StageCache(tmp_path, HostBackend())
    result = cache.run(Result, "stage", "a", example)
    assert result.words == example().words
    assert [r.cached for r in cache.records] == [False]


def test_a_flipped_bit_is_noticed(tmp_path):
    """A kept array of the right size with another content is computed again."""
    StageCache(tmp_path, HostBackend()).run(Result, "stage", "a", example)
    path = tmp_path / "stage" / "a" / "array.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    cache = StageCache(tmp_path, HostBackend())
    result = cache.run(Result, "stage", "a", example)
    np.testing.assert_array_equal(result.array, np.arange(3))
    assert not cache.records[0].cached


def test_interrupted_write_does_not_count(tmp_path):
    """A folder whose commit file was never written is not a result."""
    StageCache(tmp_path, HostBackend()).run(Result, "stage", "a", example)
    (tmp_path / "stage" / "a" / "commit.json").unlink()
    cache = StageCache(tmp_path, HostBackend())
    cache.run(Result, "stage", "a", example)
    assert not cache.records[0].cached


def test_key_depends_on_every_part():
    """Name, version, config and upstream keys each change the key; order of dict keys does not."""
    base = stage_key("s", 1, {"a": 1, "b": 2}, "up")
    assert base == stage_key("s", 1, {"b": 2, "a": 1}, "up")
    others = [
        stage_key("t", 1, {"a": 1, "b": 2}, "up"),
        stage_key("s", 2, {"a": 1, "b": 2}, "up"),
        stage_key("s", 1, {"a": 1, "b": 3}, "up"),
        stage_key("s", 1, {"a": 1, "b": 2}, "down"),
    ]
    assert len({base, *others}) == 5


def test_failed_stage_leaves_no_record(tmp_path):
    """A stage that raised is neither recorded as done nor kept."""
    cache = StageCache(tmp_path, HostBackend())
    with pytest.raises(RuntimeError):
        cache.run(Result, "stage", "a", lambda: (_ for _ in ()).throw(RuntimeError("no")))
    assert cache.records == []
    assert not (tmp_path / "stage").exists()


def test_the_peak_of_the_device_stands_beside_that_of_main_memory(tmp_path):
    """Each stage's record says how much of the device the run had used by then."""
    cache = StageCache(tmp_path, HostBackend())
    cache.run(Result, "s", "k", example)
    with cache.measured("t"):
        pass
    assert [record.device_peak for record in cache.records] == [77, 77]


def test_running_out_of_memory_is_explained(tmp_path):
    """An allocation that fails in a stage's own code names the stage and what to do; exit 3."""
    cache = StageCache(tmp_path, HostBackend())

    def fail():
        raise MemoryError("Unable to allocate 7 TiB")

    with pytest.raises(CapabilityError, match=r"Stage layout.*7 TiB.*--limit"):
        cache.run(Result, "layout", "k", fail)
    assert cache.records == []


def test_a_failing_device_is_explained(tmp_path):
    """A CUDA error in a stage's own code is not a defect of this program; exit 3."""

    def fail():
        raise RuntimeError("cudaErrorIllegalAddress: an illegal memory access was encountered")

    with pytest.raises(CapabilityError, match=r"illegal memory access.*Stage terms.*dmesg"):
        StageCache(tmp_path, HostBackend()).run(Result, "terms", "k", fail)
