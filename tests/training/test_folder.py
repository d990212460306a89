"""The model folder: prompts, end tokens and causality survive into any reader."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding.model import load_weights, resolve_model
from rapids_rap.embedding.projection import find_projection
from rapids_rap.errors import InputError
from rapids_rap.training.folder import save_encoder, save_head
from tests.embedding.conftest import texts_of

TEXTS = texts_of([3, 9, 5, 7, 4, 12])


@pytest.fixture
def saved(tmp_path, backend):
    """A factory of saved folders with what a preset or a setting had declared."""
    from rapids_rap.backend.lanes import open_lane

    def save(folder, head=None, **declared):
        spec = replace(resolve_model(EmbeddingConfig(model=str(folder)), "float32"), **declared)
        out = tmp_path / "saved"
        out.mkdir()
        if head is None:
            save_encoder(load_weights(spec, open_lane("cpu")), spec, out)
        else:
            save_head(head, spec, out)
        return out

    return save


@pytest.mark.parametrize(
    ("settings", "declared"),
    [
        ({"pooling": "last"}, {"pooling": "last"}),
        ({"pooling": "mean", "causal": "no"}, {"pooling": "mean", "causal": False}),
        ({"prompt": "一二三"}, {"prompt": "一二三"}),
    ],
)
def test_what_was_declared_is_in_the_folder(qwen2, saved, encoder_of, settings, declared):
    """A folder has no preset and no configuration: it must say itself how it is read."""
    out = saved(qwen2, **declared)
    expected = encoder_of(qwen2, **settings).encode(TEXTS)
    np.testing.assert_allclose(encoder_of(out).encode(TEXTS), expected, atol=1e-5)
    theirs = SentenceTransformer(str(out), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(theirs, expected, atol=2e-5)


def test_an_end_token_becomes_part_of_the_tokenizer(qwen2, make_model, saved, encoder_of):
    """gte-Qwen2's vectors are read off an end token that only its preset adds."""
    ends = make_model("qwen2", pooling="mean", ends=True)
    out = saved(qwen2, end_token="<|endoftext|>", pooling="last")
    expected = encoder_of(ends, pooling="last").encode(TEXTS)
    np.testing.assert_allclose(encoder_of(out).encode(TEXTS), expected, atol=1e-5)
    theirs = SentenceTransformer(str(out), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(theirs, expected, atol=2e-5)


def test_another_projection_is_another_model(qwen2, saved, encoder_of):
    """The store must not mix vectors of two projections: the fingerprint covers the matrix."""
    turned = torch.eye(32).roll(1, 0)
    out = saved(qwen2, head=turned)
    np.testing.assert_allclose(
        encoder_of(out).encode(TEXTS), np.roll(encoder_of(qwen2).encode(TEXTS), 1, 1), atol=1e-6
    )
    prints = set()
    for name in (out, qwen2):
        prints.add(resolve_model(EmbeddingConfig(model=str(name)), "float32").fingerprint)
    (out / "2_Dense" / "model.safetensors").write_bytes(b"no")
    prints.add(resolve_model(EmbeddingConfig(model=str(out)), "float32").fingerprint)
    assert len(prints) == 3
    with pytest.raises(InputError, match="no projection can be read"):
        encoder_of(out)


@pytest.mark.parametrize("change", [{"bias": True}, {"out_features": 16}])
def test_other_dense_steps_are_refused(qwen2, saved, change):
    """A step that isn't a plain square projection would be computed wrongly, so it isn't."""
    import json

    out = saved(qwen2, head=torch.eye(32))
    path = out / "2_Dense" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change))
    with pytest.raises(InputError, match="Dense step"):
        find_projection(out, 32)
