"""The memory plan against what is really taken, and errors of a card that is full."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rapids_rap.backend import load_backend
from rapids_rap.errors import CapabilityError
from tests.conftest import ROOT
from tests.parity.checks import at_most
from tests.parity.peaks import FIGURES

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize(("n", "d"), [(60_000, 1536), (300_000, 768)])
def test_the_plan_is_an_upper_bound(compare, n, d):
    """Neighbours, layouts and clusters take no more than was planned."""
    compare("memory", lambda: _peaks(n, d))


def test_too_many_rows_are_refused_in_words(compare):
    """More than the card and the machine hold ends in one sentence, not in a crash."""
    compare("memory", _refusal)


def _refusal():
    with pytest.raises(CapabilityError, match="GiB"):
        load_backend("gpu").allocate_rows(10**10, 1536)
    yield at_most("memory", "matrices of 10,000,000,000 rows not refused", 0.0, 0)


def _peaks(n, d):
    command = [sys.executable, "-m", "tests.parity.peaks", str(n), str(d)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return FIGURES.validate_json(ended.stdout.splitlines()[-1])
