"""The demo model's body and where it starts: characters that keep company lie close.

The token vectors start from the singular vectors of positive pointwise mutual information
between the tokens of neighbouring lines (Levy and Goldberg, NeurIPS 2014), and every block's
last projection starts at zero, so that the network begins as the mean of those vectors and each
phase only has to improve on it. On two CPU cores that is worth an hour of training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags
from sklearn.utils.extmath import randomized_svd
from torch import Tensor
from torch.nn import functional
from transformers import Qwen2Config, Qwen2Model

from tools.demo_model.data import Lines, Padded

EMBEDDING_STD = 0.04


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the body; the vocabulary comes from the tokenizer."""

    hidden: int = 256
    intermediate: int = 640
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2


def build_model(shape: Shape, vocabulary: int, dropout: float = 0.0) -> Qwen2Model:
    """A fresh ``Qwen2Model`` with these sizes; ``dropout`` is that of attention."""
    config = Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        attention_dropout=dropout,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        use_cache=False,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
    )
    return Qwen2Model(config)


def neighbour_counts(lines: Lines, vocabulary: int, reach: int = 1) -> csr_matrix:
    """How often two tokens stand in lines at most ``reach`` apart in one stanza, symmetric.

    Shape (vocabulary, vocabulary), float32. Separators are left out.
    """
    number = len(lines.offsets) - 1
    row = np.repeat(np.arange(number), np.diff(lines.offsets))
    keep = np.ones(len(lines.tokens), bool)
    keep[lines.offsets[1:] - 1] = False
    values = np.ones(int(keep.sum()), np.float32)
    where = (row[keep], lines.tokens[keep])
    inside = coo_matrix((values, where), shape=(number, vocabulary)).tocsr()
    counts = inside.T @ inside
    counts.setdiag(0)
    for step in range(1, reach + 1):
        same = (lines.stanza[:-step] == lines.stanza[step:]).astype(np.float32)
        across = inside[:-step].T @ (diags(same) @ inside[step:])
        counts = counts + across + across.T
    return counts.tocsr()


def company_vectors(counts: csr_matrix, size: int, seed: int) -> NDArray[np.float32]:
    """PPMI of ``counts`` (context counts to the power 0.75) reduced to ``size`` columns.

    Returns (vocabulary, size) float32 with standard deviation ``EMBEDDING_STD``; tokens that
    were never counted get small random vectors.
    """
    pairs = counts.tocoo()
    total = np.asarray(counts.sum(1)).ravel()
    context = total**0.75
    context /= context.sum()
    information = np.log(pairs.data / (np.maximum(total[pairs.row], 1) * context[pairs.col]))
    positive = information > 0
    where = (pairs.row[positive], pairs.col[positive])
    ppmi = csr_matrix((information[positive].astype(np.float32), where), shape=counts.shape)
    left, singular, _ = randomized_svd(ppmi, size, n_iter=4, random_state=seed)
    vectors = left * np.sqrt(singular)
    noise = np.random.default_rng(seed).standard_normal(vectors.shape)
    unseen = total == 0
    spread = vectors[~unseen].std()
    vectors[unseen] = 0.1 * spread * noise[unseen]
    return (vectors * (EMBEDDING_STD / spread)).astype(np.float32)


def start_from(model: Qwen2Model, vectors: NDArray[np.float32]) -> None:
    """Give ``model`` these token vectors and blocks that at first add nothing, in place."""
    with torch.no_grad():
        model.embed_tokens.weight.copy_(torch.from_numpy(vectors))
        for name, weight in model.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                weight.zero_()


def hidden_states(model: Qwen2Model, rows: Padded) -> Tensor:
    """Last hidden states (rows, longest, hidden).

    No attention mask: padding stands on the right, and a causal token sees none of it.
    """
    ids = torch.from_numpy(rows.ids)
    states: Tensor = model(input_ids=ids, use_cache=False).last_hidden_state
    return states


def embed(model: Qwen2Model, rows: Padded) -> Tensor:
    """Unit vectors (rows, hidden) float32: the mean over each row's own tokens, normalised."""
    states = hidden_states(model, rows).float()
    inside = torch.arange(states.shape[1]) < torch.from_numpy(rows.lengths)[:, None]
    return functional.normalize((states * inside[:, :, None]).sum(1), dim=-1)
