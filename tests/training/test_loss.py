"""The loss: masked pairs don't count, cached gradients are exact, equal views are refused."""

import numpy as np
import pytest
import torch

from rapids_rap.backend.lanes import open_lane
from rapids_rap.config import EmbeddingConfig, TrainConfig
from rapids_rap.embedding.model import resolve_model
from rapids_rap.errors import CapabilityError
from rapids_rap.training.learner import EncoderLearner, encode, refuse_random_evaluation
from rapids_rap.training.loss import cached_backward, info_nce, refuse_equal_views
from tests.embedding.conftest import texts_of

TEXTS = texts_of([3, 9, 5, 7, 4, 12, 6, 8, 3, 11])


@pytest.fixture
def learner_of(qwen2):
    """A factory of learners in training mode."""

    def make(folder=qwen2, **settings):
        config = TrainConfig(**({"mode": "full", "dropout": 0.3} | settings))
        spec = resolve_model(EmbeddingConfig(model=str(folder)), "float32")
        torch.manual_seed(0)
        learner = EncoderLearner(spec, open_lane("cpu"), config)
        learner.module.train()
        return learner

    return make


def gradients(learner, fits):
    """Loss and gradients of a batch of TEXTS against each other."""
    prepared = learner.prepare(TEXTS)
    assert len(prepared.rows) > 2
    mask = torch.zeros(5, 5, dtype=torch.bool)
    outcome = cached_backward(
        lambda chunk: learner.embed(prepared, chunk),
        prepared.rows,
        lambda whole: info_nce(whole[:5], whole[5:], mask, 0.05),
        (1, 2, 3),
        fits,
    )
    named = learner.module.named_parameters()
    return outcome, {name: w.grad for name, w in named if w.grad is not None}


@pytest.mark.parametrize(
    "settings",
    [
        {"mode": "full"},
        {"mode": "full", "gradient_checkpointing": "yes"},
        {"mode": "lora", "lora_dropout": 0.2},
        {"mode": "lora", "gradient_checkpointing": "yes", "lora_rank": 2},
    ],
)
def test_cached_gradients_are_exact_under_dropout(learner_of, settings):
    """A batch that does not fit must train the same weights as one that does."""
    whole, exact = gradients(learner_of(chunk_tokens=24, **settings), fits=True)
    parts, cached = gradients(learner_of(chunk_tokens=24, **settings), fits=False)
    assert whole.loss == pytest.approx(parts.loss, rel=1e-6)
    torch.testing.assert_close(whole.vectors, parts.vectors)
    assert exact.keys() == cached.keys()
    assert exact
    for name, gradient in exact.items():
        torch.testing.assert_close(cached[name], gradient, atol=1e-5, rtol=1e-4)


def test_gradients_depend_on_the_replayed_dropout(learner_of):
    """The test above means something: other dropout gives other gradients."""
    learner = learner_of(chunk_tokens=24)
    before, _ = gradients(learner, fits=True)
    learner.module.zero_grad()
    torch.manual_seed(99)
    again, _ = gradients(learner, fits=True)
    assert before.loss == again.loss  # whatever torch's state was
    prepared = learner.prepare(TEXTS)
    torch.manual_seed(1)
    one = learner.embed(prepared, 0)
    torch.manual_seed(2)
    assert not torch.equal(one, learner.embed(prepared, 0))


def test_vectors_stand_in_the_order_of_the_texts(learner_of):
    """Chunks are cut by length, but row i of the whole is text i."""
    learner = learner_of(chunk_tokens=24)
    vectors = encode(learner, TEXTS)
    for i, text in enumerate(TEXTS):
        np.testing.assert_allclose(encode(learner, [text])[0], vectors[i], atol=1e-5)


@pytest.mark.parametrize(
    ("family", "pooling"), [("qwen2", "last"), ("bert", "cls"), ("bert", "mean")]
)
def test_a_learner_reads_as_a_run_reads(make_model, learner_of, encoder_of, family, pooling):
    """In evaluation a text's vector is what the embedding stage stores."""
    folder = make_model(family, pooling=pooling)
    expected = encoder_of(folder).encode(TEXTS)
    for mode in ("full", "lora"):
        found = encode(learner_of(folder, mode=mode), TEXTS)
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_equal_views_are_refused_with_the_reason(learner_of):
    """Without dropout Qwen2 gives one text one vector, and training would learn nothing."""
    same = np.array([True] * 5)
    for settings in ({"dropout": 0.0}, {"dropout": 0.0, "mode": "lora", "lora_dropout": 0.5}):
        learner = learner_of(**settings)
        prepared = learner.prepare(TEXTS[:5] * 2)
        with torch.no_grad():
            vectors = learner.embed(prepared, 0)[torch.from_numpy(np.argsort(prepared.rows[0]))]
        with pytest.raises(CapabilityError, match=r"views .* equal .*train\.dropout above 0"):
            refuse_equal_views(vectors[:5], vectors[5:], same)
        refuse_equal_views(vectors[:5], vectors[5:], ~same)  # other texts need no dropout


def test_dropout_tells_two_views_apart(learner_of):
    """The rate reaches Qwen2's attention, which has none by default."""
    learner = learner_of(dropout=0.3)
    prepared = learner.prepare(TEXTS[:5] * 2)
    vectors = learner.embed(prepared, 0)[torch.from_numpy(np.argsort(prepared.rows[0]))]
    refuse_equal_views(vectors[:5], vectors[5:], np.array([True] * 5))
    refuse_random_evaluation(learner, TEXTS)
    assert learner.module.training


def test_random_evaluation_is_refused(learner_of):
    """A model that draws random numbers in evaluation has no figures worth comparing."""
    learner = learner_of()
    layer = learner.module.layers[0].mlp
    layer.register_forward_hook(lambda module, given, out: out + torch.rand_like(out))
    with pytest.raises(CapabilityError, match="two different vectors"):
        refuse_random_evaluation(learner, TEXTS)


def test_half_precision_products_leave_float32_vectors(learner_of):
    """What a GPU does by default, on the CPU: coarser products, the same vectors but for that."""
    full, half = (learner_of(dtype=dtype) for dtype in ("float32", "bfloat16"))
    np.testing.assert_allclose(encode(half, TEXTS), encode(full, TEXTS), atol=0.05)
    _, gradient = gradients(learner_of(dtype="bfloat16", chunk_tokens=24), fits=False)
    assert all(torch.isfinite(g).all() and g.dtype == torch.float32 for g in gradient.values())


def test_info_nce_is_the_textbook_formula():
    """Both directions, at the temperature, without what is masked."""
    generator = torch.Generator().manual_seed(0)
    left, right = (
        torch.nn.functional.normalize(torch.randn(4, 6, generator=generator), dim=1)
        for _ in range(2)
    )
    mask = torch.zeros(4, 4, dtype=torch.bool)
    mask[0, 2] = mask[2, 0] = True
    scores = (left @ right.T / 0.1).exp() * ~mask
    expected = -(scores.diag() / scores.sum(1)).log() - (scores.diag() / scores.sum(0)).log()
    torch.testing.assert_close(info_nce(left, right, mask, 0.1), expected.mean() / 2)
