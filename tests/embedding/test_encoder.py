"""Tests of the encoder: memory shortages, broken models, and the few texts of a search."""

import logging

import numpy as np
import pytest
import torch

from rapids_rap.embedding import encoder as encoder_module
from rapids_rap.embedding.encoder import CPU_BUDGET
from rapids_rap.errors import CapabilityError, InputError
from tests.embedding.conftest import texts_of

TEXTS = texts_of([9, 2, 2, 5, 2, 5, 9, 1, 9, 2])


def limit_memory(encoder, tokens, error):
    """Make every batch of more than `tokens` tokens run out of memory; return the batch sizes."""
    run, sizes = encoder._runner.run, []

    def limited(batch, layout):
        if len(batch.ids) > tokens:
            raise error
        sizes.append(len(batch.ids))
        return run(batch, layout)

    encoder._runner.run = limited
    return sizes


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
    ids=["cuda", "windows", "linux", "numpy"],
)
@pytest.mark.parametrize("attention", ["auto", "packed"])
def test_a_shortage_of_memory_halves_the_batch_and_goes_on(
    qwen2, encoder_of, caplog, error, attention
):
    """Nobody should lose a night's run to one batch that was too large."""
    expected = encoder_of(qwen2).encode(TEXTS)
    encoder = encoder_of(qwen2, attention=attention)
    sizes = limit_memory(encoder, 10, error)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)
    assert max(sizes) <= 10
    assert encoder.token_budget < CPU_BUDGET
    assert "out of memory: going on with" in caplog.text


@pytest.fixture
def two_cores():
    """As on a machine with two cores, whatever this one has."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_several_cores_give_the_same_bits_as_one(qwen2, encoder_of, two_cores):
    """Each core takes whole batches: a resumed run on another machine must not differ."""
    encoder = encoder_of(qwen2, token_budget=12)
    side_by_side = encoder.encode(TEXTS)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    np.testing.assert_array_equal(encoder.encode(TEXTS), side_by_side)


def test_failures_on_several_cores_are_handled_as_on_one(qwen2, encoder_of, two_cores):
    """A shortage in a worker halves the batches; an error in one surfaces and frees the cores."""
    expected = encoder_of(qwen2).encode(TEXTS)
    encoder = encoder_of(qwen2)
    limit_memory(encoder, 10, MemoryError())
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)
    encoder = encoder_of(qwen2)
    limit_memory(encoder, 4, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        encoder.encode(TEXTS)
    assert torch.get_num_threads() == 2


def test_one_text_that_does_not_fit_is_a_capability_error(qwen2, encoder_of):
    """Halving ends somewhere, in a sentence that names the remedy."""
    encoder = encoder_of(qwen2)
    limit_memory(encoder, 4, MemoryError())
    with pytest.raises(CapabilityError, match=r"single text of 5 tokens .*max_tokens"):
        encoder.encode(TEXTS)


def test_other_errors_are_not_taken_for_a_shortage(qwen2, encoder_of):
    """Halving until one text is left would hide a bug behind a wrong message."""
    encoder = encoder_of(qwen2)
    limit_memory(encoder, 4, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        encoder.encode(TEXTS)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 0.0])
def test_a_broken_model_says_how_many_vectors_are_unusable(qwen2, encoder_of, value):
    """NaN weights give NaN vectors, which no later stage would explain."""
    encoder = encoder_of(qwen2)
    with torch.no_grad():
        encoder._runner.model.norm.weight.fill_(value)
    with pytest.raises(InputError, match=r"10 of 10 texts, for example text_id \d"):
        encoder.encode(TEXTS)


def test_vectors_do_not_depend_on_the_other_texts_or_their_order(qwen2, encoder_of):
    """A query alone must get the vector it has in the corpus."""
    encoder = encoder_of(qwen2)
    together = encoder.encode(TEXTS)
    order = np.random.default_rng(0).permutation(len(TEXTS))
    np.testing.assert_allclose(
        encoder.encode([TEXTS[i] for i in order]), together[order], atol=1e-6
    )
    np.testing.assert_allclose(encoder.encode(TEXTS[3:4]), together[3:4], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-6)


def test_no_texts_and_empty_texts_have_defined_vectors(qwen2, bert, encoder_of):
    """An empty query answers with a vector, an empty list with none."""
    for folder in (qwen2, bert):
        encoder = encoder_of(folder)
        assert encoder.encode([]).shape == (0, 32)
        vectors = encoder.encode(["", "山"])
        assert np.isfinite(vectors).all()
        np.testing.assert_allclose(encoder.encode([""])[0], vectors[0], atol=1e-6)


def test_half_precision_stays_close(qwen2, encoder_of):
    """bfloat16 on request: the same direction within its precision, rows of length 1."""
    exact, half = (
        encoder_of(qwen2, dtype=dtype).encode(TEXTS) for dtype in ("float32", "bfloat16")
    )
    assert half.dtype == np.float32
    assert (exact * half).sum(1).min() > 0.98
    np.testing.assert_allclose(np.linalg.norm(half, axis=1), 1.0, atol=1e-5)


def test_release_empties_the_cache_of_a_gpu_only(monkeypatch):
    """The array libraries that come next need what torch keeps."""
    calls = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: calls.append(1))
    encoder_module.release(torch.device("cpu"))
    assert calls == []
    encoder_module.release(torch.device("cuda"))
    assert calls == [1]
