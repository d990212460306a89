"""Tests of the encoder: memory shortages, broken models, and the few texts of a search."""

import itertools
import logging

import numpy as np
import pytest
import torch
import transformers

from rapids_rap.backend.lanes import CpuLane, CudaLane
from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding.encoder import Encoder
from rapids_rap.embedding.model import resolve_model
from rapids_rap.errors import CapabilityError, InputError
from tests.backend.fake_cuda import FakeCuda
from tests.embedding.conftest import texts_of
from tests.embedding.doubles import FlashAttn

TEXTS = texts_of([9, 2, 2, 5, 2, 5, 9, 1, 9, 2])
FEW = 16  # tokens that a batch of the longest text takes, filled up to full rows


def limit_memory(encoder, tokens, error):
    """Make every batch of more than `tokens` tokens run out of memory; return the batch sizes."""
    runner, sizes = encoder._runner, []
    run, run_trie = runner.run, runner.run_trie

    def check(size):
        if size > tokens:
            raise error
        sizes.append(size)

    def limited(batch, layout):
        check(len(batch.ids))
        return run(batch, layout)

    def limited_trie(trie):
        check(len(trie.nodes.ids))
        return run_trie(trie)

    runner.run, runner.run_trie = limited, limited_trie
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
    sizes = limit_memory(encoder, FEW, error)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)
    assert max(sizes) <= FEW
    assert encoder.token_budget < CpuLane.token_budget
    assert "out of memory: going on with" in caplog.text


@pytest.mark.parametrize("attention", ["auto", "packed", "padded"])
def test_many_batches_without_memory_are_all_planned_again(qwen2, encoder_of, attention):
    """Every length fails at first: what waits must be cut as carefully as it was at first."""
    texts = texts_of([5, 2, 3, 4] * 7)
    expected = encoder_of(qwen2).encode(texts)
    encoder = encoder_of(qwen2, attention=attention, token_budget=40)
    sizes = limit_memory(encoder, 10, MemoryError())
    np.testing.assert_allclose(encoder.encode(texts), expected, atol=1e-5)
    assert max(sizes) <= 10


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
    limit_memory(encoder, FEW, MemoryError())
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


@pytest.fixture
def cuda_encoder(qwen2, monkeypatch):
    """An encoder on the CUDA lane, with a fake `torch.cuda` and flash-attn's double below it."""
    cuda = FakeCuda(monkeypatch)
    FlashAttn(monkeypatch)
    lane = CudaLane(torch.device("cpu"))
    encoder = Encoder(resolve_model(EmbeddingConfig(model=str(qwen2)), lane.dtype), lane, "auto", 0)
    cuda.log.clear()
    return encoder, cuda


def test_the_cuda_lane_gives_the_same_vectors_in_bfloat16(cuda_encoder, qwen2, encoder_of):
    """Every array of a batch arrives before it is read, and the vectors after they are written."""
    encoder, cuda = cuda_encoder
    assert (encoder.plan.layout, encoder.spec.dtype) == ("trie", "bfloat16")
    encoder.token_budget = 12
    vectors = encoder.encode(TEXTS)
    assert (vectors * encoder_of(qwen2).encode(TEXTS)).sum(1).min() > 0.98
    assert cuda.log.count(("copy", "copies 1")) > 8


def test_a_batch_is_uploaded_and_computed_without_waiting_for_the_one_before(cuda_encoder):
    """The host may not wait for the GPU anywhere between the batches of a shard."""
    encoder, cuda = cuda_encoder
    encoder.token_budget = 12
    out = torch.zeros(len(TEXTS), encoder.spec.dim)
    norms = encoder.encode_into(encoder.tokenize(TEXTS), np.arange(len(TEXTS)), out)
    assert cuda.log
    assert not [entry for entry in cuda.log if entry[0] == "synchronize"]
    assert sorted(norms.rows.tolist()) == list(range(len(TEXTS)))
    assert bool((norms.values > 0).all())


def test_cuda_out_of_memory_halves_the_batch_and_goes_on(cuda_encoder, caplog):
    """On the lane of the GPU: the cache is given back, the rest of the texts is not lost."""
    encoder, cuda = cuda_encoder
    expected = encoder.encode(TEXTS)
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
    sizes = limit_memory(encoder, FEW, error)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=0.02)
    assert max(sizes) <= FEW
    assert cuda.emptied
    assert "out of memory: going on with" in caplog.text


def test_only_the_broken_texts_are_counted(qwen2, encoder_of):
    """One damaged embedding row breaks the texts that hold it; the message names one of them."""
    encoder = encoder_of(qwen2)
    batch_of = encoder.tokenize(TEXTS)
    only_in_one = batch_of.ids[batch_of.starts[6]]
    holding = [
        i
        for i in range(len(TEXTS))
        if only_in_one in batch_of.ids[batch_of.starts[i] : batch_of.starts[i + 1]]
    ]
    with torch.no_grad():
        encoder._runner.model.embed_tokens.weight[only_in_one] = torch.nan
    with pytest.raises(InputError, match=rf"{len(holding)} of 10 .* text_id {holding[0]};"):
        encoder.encode(TEXTS)
    assert 0 < len(holding) < len(TEXTS)


@pytest.mark.parametrize("attention", ["auto", "packed", "padded"])
def test_an_echo_is_the_mean_of_the_second_copy(qwen2, encoder_of, attention):
    """Whatever the batches, a text's vector is that of the model's own states, read by hand."""
    encoder = encoder_of(qwen2, pooling="echo", attention=attention)
    found = encoder.encode(TEXTS)
    tokens = encoder.tokenize(TEXTS)
    model = transformers.AutoModel.from_pretrained(qwen2).eval()
    for i, (begin, end) in enumerate(itertools.pairwise(tokens.starts)):
        ids = torch.from_numpy(tokens.ids[begin:end].astype(np.int64))[None]
        with torch.inference_mode():
            states = model(input_ids=ids).last_hidden_state[0, -int(tokens.read[i]) :]
        expected = torch.nn.functional.normalize(states.mean(0), dim=0).numpy()
        np.testing.assert_allclose(found[i], expected, atol=1e-5)
    assert np.abs(found - encoder_of(qwen2).encode(TEXTS)).max() > 0.01
