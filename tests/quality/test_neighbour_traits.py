"""Tests of what nearest lines share: planted spaces of length and of meaning, and none."""

import numpy as np
import pytest

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.quality.neighbour_traits import shared_traits, trait_codes
from tests.quality.test_follows import CORPUS

BACKEND = CpuBackend()
ROWS, TEXTS, TRUTH = CORPUS
SONGS = ROWS["song_id"].to_numpy(np.int64)


def space_of(truth, seed=0):
    """(n, d) unit vectors that lie together where `truth` is equal."""
    rng = np.random.default_rng(seed)
    vectors = np.eye(8)[truth] + 0.1 * rng.normal(size=(len(truth), 8))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_a_space_of_lengths_shares_length_and_nothing_else():
    """Cohen's kappa is high of what the space knows and about zero of the rest."""
    codes = trait_codes(TEXTS, BACKEND)
    found = shared_traits(space_of(TRUTH[1]), codes, SONGS)
    assert found["length"].kappa > 0.95
    assert abs(found["rhyme"].kappa) < 0.1
    by_rhyme = shared_traits(space_of(TRUTH[2]), codes, SONGS)
    assert by_rhyme["rhyme"].kappa > 0.8  # 光 and 上 rhyme with another final
    assert abs(by_rhyme["length"].kappa) < 0.1


def test_neighbours_of_the_same_song_do_not_count():
    """In a space of songs the nearest line elsewhere is anybody's."""
    codes = {"song": SONGS}
    found = shared_traits(space_of(SONGS % 8), codes, SONGS)
    assert found["song"].kappa == pytest.approx(0, abs=0.02)
    assert found["song"].values.mean() == pytest.approx(found["song"].kappa)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_where_nothing_is_elsewhere_there_is_no_figure(n):
    """No line, one line, and two lines of one song."""
    vectors = np.ones((n, 1), np.float32)
    found = shared_traits(vectors, {"length": np.zeros(n, np.int64)}, np.zeros(n, np.int64))
    assert found["length"].kappa is None
    assert not len(found["length"].rows)


def test_a_trait_that_all_share_is_not_defined():
    """Where every line is alike, chance is certain."""
    vectors = space_of(np.zeros(6, np.int64))
    found = shared_traits(vectors, {"script": np.zeros(6, np.int64)}, np.arange(6))
    assert found["script"].kappa is None


def test_the_codes_are_those_of_the_clusters_facts():
    """The shapes, and the bundled lexicon's categories."""
    codes = trait_codes(["我爱你", "走在路上"], BACKEND)
    assert {"length", "rhyme", "lexicon"} <= codes.keys()
    assert codes["lexicon"][0] >= 0
