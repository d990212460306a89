"""Attention along the paths of a trie: each node over what lies above it, and itself."""

import itertools

import numpy as np
import pytest
import torch

from rapids_rap.backend.path_attention import attend_paths
from rapids_rap.embedding.trie import make_trie
from tests.embedding.doubles import plain_attention
from tests.embedding.test_trie import batch_of

TEXTS = [[1], [1, 2], [1, 2, 3, 4, 5], [1, 2, 3, 9], [7, 7], [7, 7, 7, 7, 7, 7, 7, 7, 7], [8]]


@pytest.mark.parametrize(
    ("heads", "key_heads", "dim"), [(4, 2, 16), (3, 3, 64), (2, 1, 8), (4, 4, 5)]
)
@pytest.mark.parametrize("scale", [None, 0.3])
def test_each_node_attends_to_its_path(heads, key_heads, dim, scale):
    """Against softmax(QK)V by its definition in float64, grouped heads and odd widths included."""
    trie = make_trie(batch_of(TEXTS), np.arange(len(TEXTS)))
    n = len(trie.nodes.ids)
    generator = torch.Generator().manual_seed(5)
    q = torch.randn(n, heads, dim, generator=generator)
    k, v = (torch.randn(n, key_heads, dim, generator=generator) for _ in range(2))
    given = dim**-0.5 if scale is None else scale
    out = attend_paths(
        *(t.numpy() for t in (q, k, v)),
        trie.nodes.borders,
        trie.keys.places,
        trie.keys.borders,
        given,
    )
    runs = zip(
        itertools.pairwise(trie.nodes.borders), itertools.pairwise(trie.keys.borders), strict=True
    )
    for (a, b), (c, d) in runs:
        path = torch.from_numpy(trie.keys.places[c:d])
        expected = plain_attention(
            q[a:b].transpose(0, 1), k[path].transpose(0, 1), v[path].transpose(0, 1), True, given
        )
        np.testing.assert_allclose(out[a:b], expected.numpy(), atol=2e-6)


def test_extreme_scores_stay_finite():
    """The largest score is taken off before the exponential, as everywhere."""
    trie = make_trie(batch_of([[1, 2, 3]]), np.arange(1))
    q = np.full((len(trie.nodes.ids), 1, 8), 1e4, dtype=np.float32)
    out = attend_paths(q, q, q, trie.nodes.borders, trie.keys.places, trie.keys.borders, 1.0)
    np.testing.assert_allclose(out, q)
