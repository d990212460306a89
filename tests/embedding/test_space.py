"""The space in which neighbours are sought is post-processing, then words put beside it."""

import numpy as np
import pytest

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.backend.protocol import DEFAULT_SIZES
from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding.fusion import fuse
from rapids_rap.embedding.postprocess import postprocess
from rapids_rap.embedding.space import used_space
from rapids_rap.words.segment import segment

CPU = CpuBackend()
TEXTS = ("云上有光", "光在云后", "路灯不说话", "没有人说话", "云", "路")
VECTORS = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)


@pytest.mark.parametrize("mode", ["none", "center", "remove", "whiten"])
@pytest.mark.parametrize("lexical", ["none", "words", "characters"])
def test_the_space_is_its_two_steps(mode, lexical):
    """The same bytes as the two functions one after the other, in every combination."""
    space = EmbeddingConfig(postprocess=mode, lexical=lexical, lexical_dims=3).space
    tokens = segment(TEXTS) if lexical != "none" else None
    found = used_space(VECTORS, TEXTS, tokens, space, CPU, 7)
    steps = postprocess(VECTORS, mode, CPU, seed=7)
    expected = steps.matrix
    if tokens is not None:
        expected = fuse(expected, TEXTS, tokens, space, CPU, 7, DEFAULT_SIZES)
    np.testing.assert_array_equal(found.matrix, expected)
    assert found.transform.mode == mode


def test_without_anything_vectors_stay_the_same_object():
    """Nothing to do is no copy, by which stages know that the space is the model's own."""
    assert used_space(VECTORS, TEXTS, None, EmbeddingConfig().space, CPU, 7).matrix is VECTORS
