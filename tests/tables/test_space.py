"""An encoder with a common direction is named, with what was done or what to set."""

import pytest

from rapids_rap.tables.space import common_direction


def manifest(**changed):
    """A run's section `space`, of an encoder in a narrow cone."""
    return {"space": {"postprocess": "none", "mean_cosine": 0.87, "threshold": 0.7} | changed}


def test_a_common_direction_is_named_with_its_cure():
    """Vectors that were left as they are: the sentence says what to set."""
    chinese, english = common_direction(manifest())
    assert "0.87" in english
    assert "embedding.postprocess=center" in english
    assert "0.87" in chinese
    assert "embedding.postprocess=center" in chinese


def test_what_was_done_is_said_instead():
    """Where it was taken away there is nothing to set."""
    chinese, english = common_direction(manifest(postprocess="center"))
    assert english.endswith("before neighbours were sought (center).")
    assert "center" in chinese
    assert "embedding." not in chinese + english


@pytest.mark.parametrize(
    "silent",
    [
        {},
        {"space": None},
        manifest(mean_cosine=None),
        manifest(mean_cosine="0.9"),
        manifest(mean_cosine=float("nan")),
        manifest(mean_cosine=0.7),
        manifest(threshold=None),
    ],
)
def test_nothing_is_said_without_one(silent):
    """Runs of earlier versions, a single text, damaged values, and the threshold itself."""
    assert common_direction(silent) == ("", "")
