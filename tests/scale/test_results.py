"""What a worker leaves is whole, whoever else is at the shard."""

import threading
from dataclasses import dataclass

import numpy as np
import pytest

from rapids_rap.arrays import Int64s
from rapids_rap.backend import load_backend
from rapids_rap.errors import RapError
from rapids_rap.runs.stages import load_result
from rapids_rap.scale.results import leave_result


@dataclass(frozen=True)
class Numbers:
    """A result."""

    values: Int64s


def test_many_who_leave_the_same_leave_one(tmp_path):
    """A hanging worker that wakes up while another does its shard harms nothing."""
    result, failed = Numbers(np.arange(1000)), []

    def leave():
        try:
            leave_result(result, tmp_path / "shard")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=leave) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert [path.name for path in tmp_path.iterdir()] == ["shard"]
    found = load_result(Numbers, tmp_path / "shard", load_backend("cpu"))
    assert found.values.tolist() == list(range(1000))


def test_nothing_is_begun_anew_where_the_run_has_ended(tmp_path):
    """A late worker must not bring a folder back that the run took away."""
    with pytest.raises(RapError):
        leave_result(Numbers(np.arange(3)), tmp_path / "gone" / "shard")
    assert not list(tmp_path.iterdir())
