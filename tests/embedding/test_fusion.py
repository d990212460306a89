"""Words beside the model's vectors: what each part weighs, and texts that lack one."""

import numpy as np
import pytest

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.backend.protocol import DEFAULT_SIZES
from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding.fusion import fuse, lexical_vectors
from rapids_rap.words.segment import segment
from tests.strict_backend import StrictBackend

TEXTS = ("地铁里的霓虹", "霓虹下的地铁", "拥抱和心跳", "心跳与拥抱", "!!", "hook 和 flow")


@pytest.fixture(params=[CpuBackend, StrictBackend], ids=["numpy", "strict"])
def backend(request):
    """Both array kinds: the same lines must run on a GPU."""
    return request.param()


def config(**changes):
    return EmbeddingConfig(lexical_dims=3, **changes)


def dense(n=6, d=4):
    return np.random.default_rng(0).normal(size=(n, d)).astype(np.float32)


@pytest.mark.parametrize("kind", ["words", "characters"])
def test_the_parts_weigh_the_same(backend, kind):
    """Half of the squared length is the model's, half the words', at length 1."""
    fused = backend.to_host(
        fuse(
            backend.from_host(dense()),
            TEXTS,
            segment(TEXTS),
            config(lexical=kind),
            backend,
            0,
            DEFAULT_SIZES,
        )
    )
    assert fused.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(fused, axis=1), 1, atol=1e-6)
    model = dense() / np.linalg.norm(dense(), axis=1, keepdims=True)
    np.testing.assert_allclose(fused[0, :4], model[0] / np.sqrt(2), atol=1e-6)
    if kind == "words":  # the fifth text has no word: its model's vector stands alone
        np.testing.assert_allclose(fused[4], [*model[4], 0, 0, 0], atol=1e-6)


@pytest.mark.parametrize("mode", ["none", "center", "remove", "whiten"])
def test_texts_of_the_same_words_are_alike(backend, mode):
    """Word order aside they say the same, before and after the part is post-processed."""
    made = lexical_vectors(
        TEXTS, segment(TEXTS), config(lexical="words", postprocess=mode), backend, 0
    )
    rows = backend.to_host(made)
    cosines = rows @ rows.T
    assert cosines[0, 1] > cosines[0, 2]
    assert np.isfinite(rows).all()


@pytest.mark.parametrize("texts", [(), ("",), ("!!", "?"), ("一",)])
def test_no_words_leave_the_model_alone(backend, texts):
    """No text, an empty one, punctuation, a single character: nothing to put beside."""
    given = dense(len(texts))
    fused = fuse(
        backend.from_host(given),
        texts,
        segment(texts),
        config(lexical="words"),
        backend,
        0,
        DEFAULT_SIZES,
    )
    rows = backend.to_host(fused)
    assert rows.shape == (len(texts), 5)
    if len(texts):
        model = given / np.linalg.norm(given, axis=1, keepdims=True)
        np.testing.assert_allclose(rows[:, :4], model, atol=1e-6)
