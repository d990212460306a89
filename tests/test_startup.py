"""Imports without the collector: it is back afterwards, also after an error, and it skips them."""

import gc

import pytest

from rapids_rap.startup import large_imports


@pytest.fixture(autouse=True)
def thawed():
    """Leave the collector as it was: other tests make garbage too."""
    yield
    gc.unfreeze()
    gc.enable()


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_rests_and_is_then_as_it_was(enabled):
    """Else a run would hold all its garbage, or a caller's own choice would be undone."""
    if not enabled:
        gc.disable()
    with large_imports():
        assert not gc.isenabled()
    assert gc.isenabled() == enabled


def test_it_is_back_after_a_failed_import():
    """A missing library is an error message, not a process without a collector."""
    with pytest.raises(ImportError), large_imports():
        raise ImportError("no torch")
    assert gc.isenabled()


def test_what_was_imported_is_not_looked_at_again():
    """That is what saves the time of every later full collection, the last one included."""
    before = gc.get_freeze_count()
    with large_imports():
        kept = [[] for _ in range(1_000)]
    assert gc.get_freeze_count() >= before + len(kept)
