"""Tiny models and executors, made once."""

import pytest

from rapids_rap.scale.dask_executor import open_dask
from rapids_rap.scale.executor import ProcessExecutor, SerialExecutor
from tests.embedding.conftest import backend, make_model, one_thread, qwen2

__all__ = ["backend", "make_model", "one_thread", "qwen2"]


@pytest.fixture(scope="session")
def dask_executor():
    """Two processes of one thread each on this machine."""
    with open_dask("", 2, "cpu") as executor:
        yield executor


@pytest.fixture(scope="session")
def process_executor():
    """Two processes."""
    executor = ProcessExecutor(2)
    yield executor
    executor.close()


@pytest.fixture(params=["serial", "process", "dask"])
def executor(request):
    """Each kind."""
    if request.param == "serial":
        return SerialExecutor()
    return request.getfixturevalue(f"{request.param}_executor")
