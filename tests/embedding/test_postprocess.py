"""Tests of centring and whitening, on NumPy and on arrays that refuse NumPy."""

import numpy as np
import pytest

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.embedding.postprocess import apply_transform, mean_cosine, postprocess
from tests.strict_backend import StrictBackend


def cone(n=400, d=12, seed=0):
    """Unit vectors in a narrow cone with very unequal axes, as language models give."""
    generator = np.random.default_rng(seed)
    points = generator.normal(size=(n, d)) * np.geomspace(1, 0.03, d) + np.full(d, 2.0)
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(params=[CpuBackend, StrictBackend], ids=["numpy", "strict"])
def backend(request):
    """Both array kinds: the same lines must run on a GPU."""
    return request.param()


def test_none_returns_the_vectors_themselves(backend):
    """The default changes nothing and its transform is the identity."""
    matrix = backend.from_host(cone())
    done = postprocess(matrix, "none", backend)
    assert done.matrix is matrix
    assert apply_transform(matrix, done.transform, backend) is matrix


def test_the_mean_cosine_is_of_all_pairs(backend):
    """The closed form equals the mean over every pair of different rows, a row with itself not."""
    host = cone()
    pairs = (host @ host.T)[~np.eye(len(host), dtype=bool)]
    assert mean_cosine(backend.from_host(host)) == pytest.approx(pairs.mean(), abs=1e-6)
    assert mean_cosine(backend.from_host(host[:1])) is None
    assert mean_cosine(backend.from_host(np.tile(host[:1], (9, 1)))) == pytest.approx(1)


def test_centering_removes_the_common_direction(backend):
    """Afterwards two random lines have nothing in common on average."""
    host = cone()
    done = postprocess(backend.from_host(host), "center", backend)
    centred = host - host.astype(np.float64).mean(0)
    expected = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    np.testing.assert_allclose(backend.to_host(done.matrix), expected, atol=1e-5)


def test_whitening_makes_every_axis_equally_wide(backend):
    """Before the rows are scaled, the covariance is the identity."""
    host = cone()
    done = postprocess(backend.from_host(host), "whiten", backend)
    mean, axes = (
        backend.to_host(x).astype(np.float64)
        for x in vars(done.transform).values()
        if not isinstance(x, str)
    )
    white = (host - mean) @ axes.T
    np.testing.assert_allclose(np.cov(white.T), np.eye(12), atol=0.02)
    matrix = backend.to_host(done.matrix)
    assert matrix.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(
        matrix, white / np.linalg.norm(white, axis=1, keepdims=True), atol=1e-4
    )


@pytest.mark.parametrize("dims", [0, 1, 3])
def test_removing_takes_the_top_components_away(backend, dims):
    """Nothing is left along the first axes, and everything along the others."""
    host = cone()
    done = postprocess(backend.from_host(host), "remove", backend, remove_dims=dims)
    centred = host - host.astype(np.float64).mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][: max(1, dims)]
    expected = centred - centred @ axes.T @ axes
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(backend.to_host(done.matrix), expected, atol=1e-3)


def test_something_is_always_left(backend):
    """More components than there are cannot be removed."""
    done = postprocess(backend.from_host(cone(5, 3)), "remove", backend, remove_dims=99)
    assert np.isfinite(backend.to_host(done.matrix)).all()
    assert np.abs(backend.to_host(done.matrix)).max() > 0.5


@pytest.mark.parametrize("mode", ["center", "remove", "whiten"])
def test_queries_are_transformed_as_the_corpus_was(backend, mode):
    """A search in the whitened space needs the fitted parameters, not new ones."""
    matrix = backend.from_host(cone())
    done = postprocess(matrix, mode, backend)
    queries = apply_transform(backend.from_host(cone()[:3]), done.transform, backend)
    np.testing.assert_allclose(
        backend.to_host(queries), backend.to_host(done.matrix)[:3], atol=1e-6
    )


def test_whiten_dims_keeps_the_widest_axes(backend):
    """Fewer dimensions on request, never more than n and d allow."""
    matrix = backend.from_host(cone())
    assert postprocess(matrix, "whiten", backend, whiten_dims=5).matrix.shape == (400, 5)
    assert postprocess(matrix, "whiten", backend, whiten_dims=99).matrix.shape == (400, 12)
    few = backend.from_host(cone(4))
    assert postprocess(few, "whiten", backend).matrix.shape == (4, 3)


def test_directions_without_spread_are_not_blown_up(backend):
    """An axis of rounding noise divided by its deviation would drown the real ones."""
    host = cone()
    host = np.hstack([host, host[:, :3] * np.float32(1 + 1e-7)])  # three axes say nothing new
    host /= np.linalg.norm(host, axis=1, keepdims=True)
    done = postprocess(backend.from_host(host), "whiten", backend)
    matrix = backend.to_host(done.matrix)
    assert np.isfinite(matrix).all()
    assert np.abs(matrix[:, 12:]).max() < 0.05


@pytest.mark.parametrize("mode", ["center", "remove", "whiten"])
def test_degenerate_corpora_have_defined_results(backend, mode, caplog):
    """One text has no spread; equal vectors sit at the mean; nothing is NaN."""
    one = backend.from_host(cone(1))
    done = postprocess(one, mode, backend)
    assert done.matrix is one
    assert done.transform.mode == "none"
    assert "at least two" in caplog.text
    equal = backend.from_host(np.repeat(cone(1), 5, axis=0))
    assert np.isfinite(backend.to_host(postprocess(equal, mode, backend).matrix)).all()


def test_blocks_do_not_show(backend, monkeypatch):
    """Rows are transformed block by block; a ragged last block must not differ."""
    matrix = backend.from_host(cone(50))
    whole = postprocess(matrix, "whiten", backend)
    monkeypatch.setattr("rapids_rap.backend.rows.BLOCK_BYTES", 16 * matrix.shape[1] * 7)
    again = apply_transform(matrix, whole.transform, backend)
    np.testing.assert_allclose(backend.to_host(again), backend.to_host(whole.matrix), atol=1e-6)
    centred = postprocess(matrix, "center", backend).matrix
    monkeypatch.undo()
    np.testing.assert_allclose(
        backend.to_host(centred),
        backend.to_host(postprocess(matrix, "center", backend).matrix),
        atol=1e-6,
    )
