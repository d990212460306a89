"""Every test of this folder runs the kernels in Triton's interpreter; none needs a GPU."""

from collections.abc import Iterator

import pytest

from tests.kernels.interpreter import interpreted


@pytest.fixture(scope="module", autouse=True)
def kernels_run_in_the_interpreter() -> Iterator[None]:
    with interpreted():
        yield
