"""The double for one test at a time."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.double.install import installed


@pytest.fixture
def double() -> Iterator[None]:
    """Stand-ins installed for the test, and removed after it."""
    with installed():
        yield


@pytest.fixture
def cupy(double: None) -> ModuleType:
    """The stand-in for CuPy."""
    import cupy

    return cupy


@pytest.fixture
def cudf(double: None) -> ModuleType:
    """The stand-in for cuDF."""
    import cudf

    return cudf
