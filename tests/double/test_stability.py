"""Stability on the double: the subsamples, graphs and null vectors are the CPU's."""

import numpy as np
import pytest

from rapids_rap.backend import load_backend
from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.clustering.neighbors import neighbor_graph
from rapids_rap.config import ClustersConfig, LayoutConfig, NeighborsConfig
from rapids_rap.quality.nulls import null_vectors
from rapids_rap.quality.resampling import cluster_subsample, draw_texts, held_graph
from rapids_rap.quality.stability import prepare, resample_songs
from tests.double.install import installed
from tests.quality.test_resampling import lines_of, points

pytestmark = pytest.mark.double
CPU = CpuBackend()
LAYOUTS = LayoutConfig(n_neighbors=8, dimensions=2, epochs=20)
CLUSTERS = ClustersConfig(min_cluster_size=8, layouts=2).voting


def test_other_songs_are_drawn_filtered_and_clustered_there_too():
    """The same texts are held, the same neighbours left, the same nulls drawn; clusters come."""
    vectors, n = points(), 120
    lines, texts = lines_of(np.arange(n) // 6), [f"{i:05d}" * 3 for i in range(n)]
    with installed():
        gpu = load_backend("gpu")
        found = []
        for backend in (CPU, gpu):
            own = backend.from_host(vectors)
            graph = neighbor_graph(own, NeighborsConfig(k=12), backend, 1)
            subject = prepare(own, graph, lines, texts, LAYOUTS, CLUSTERS, backend, 5)
            held = draw_texts(subject, 1)
            left, _ = held_graph(subject, np.flatnonzero(held), backend)
            nulls = [null_vectors(kind, own, backend, 5) for kind in ("shuffled", "gaussian")]
            found.append([held, *map(backend.to_host, (left.indices, left.distances, *nulls))])
        for ours, theirs in zip(*found, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-3)
        again = cluster_subsample(subject, 1, gpu)
        np.testing.assert_array_equal(again == -2, ~held)
        labels = gpu.from_host(np.repeat([0, 1, -1], 40))
        how = (own, graph, lines, texts, LAYOUTS, CLUSTERS, 2, gpu, 5)
        figure = resample_songs(labels, *how).figure
    assert 0 <= figure["value"] <= 1
    assert figure["clusters"] == 2
