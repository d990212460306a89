"""The sentence on texts that were placed and not laid out."""

import pytest

from rapids_rap.tables.sampled import sampled, searched


def test_both_numbers_are_told():
    """In both languages."""
    for sentence in sampled({"sample": {"fitted": 20_000, "placed": 40_000}}):
        assert "20,000" in sentence
        assert "40,000" in sentence
        assert "33%" in sentence


@pytest.mark.parametrize(
    "entry",
    [None, 3, [], {}, {"fitted": 1}, {"fitted": "a", "placed": 2}, {"fitted": 0, "placed": 0}],
)
def test_a_manifest_that_says_nothing_of_it(entry):
    """Of a whole run, an older one, and one that somebody wrote."""
    assert sampled({"sample": entry}) == ("", "")
    assert sampled({}) == ("", "")


def test_the_search_is_named_with_its_recall():
    """And nothing where a manifest has something else."""
    assert searched({"neighbors": {"engine": "ivf", "recall": 0.95}}) == "ivf, recall 0.950"
    for entry in (None, 3, {}, {"engine": 1, "recall": 0.9}, {"engine": "ivf", "recall": "x"}):
        assert searched({"neighbors": entry}) == ""
