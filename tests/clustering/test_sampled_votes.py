"""Votes of layouts that each begin with a sample of the texts."""

import numpy as np

from rapids_rap.backend import load_backend
from rapids_rap.clustering.layout import lay_out
from rapids_rap.clustering.neighbors import neighbor_graph
from rapids_rap.clustering.sample import (
    choose_sample,
    fitted_rows,
    nearest_fitted,
    sample_layouts,
    text_draws,
)
from rapids_rap.clustering.sampled_votes import cast_sampled_votes, check_kept
from rapids_rap.clustering.settle import settle_layout
from rapids_rap.clustering.votes import EarlierVotes, Votes
from rapids_rap.config import Config

CPU = load_backend("cpu")


def test_every_layout_fits_another_sample_and_the_night_before_goes_on_voting():
    """All texts have a label of each layout; the same arguments, the same votes."""
    random = np.random.default_rng(0)
    rows = random.standard_normal((4, 8))[random.integers(4, size=300)]
    vectors = (rows + 0.2 * random.standard_normal((300, 8))).astype(np.float32)
    config = Config()
    near_config = config.neighbors
    graph = neighbor_graph(vectors, near_config, CPU, 1)
    draws = text_draws([str(i) for i in range(300)], 1)
    sample = choose_sample(graph, draws, 120, CPU)
    fitted = fitted_rows(vectors, sample)
    own = neighbor_graph(fitted, near_config, CPU, 1)
    near = nearest_fitted(vectors, sample, near_config, CPU, 1)
    begun = lay_out(fitted, own, sample_layouts(config.layout), CPU, 1)
    layout = settle_layout(begun, sample, near, vectors, graph, config.layout, CPU, 1)
    voting = Config(clusters={"layouts": 4}).clusters.voting

    def cast(earlier=None):
        return cast_sampled_votes(
            layout,
            sample,
            vectors,
            graph,
            draws,
            near_config,
            config.layout,
            voting,
            CPU,
            1,
            earlier,
        )

    votes = cast()
    assert votes.labels.shape == (4, 300)
    check_kept(votes, layout, sample, vectors)
    again = cast()
    np.testing.assert_array_equal(votes.labels, again.labels)
    assert len(votes.trees) == 4
    assert all(tree.sizes[0] == 300 for tree in votes.trees)  # HDBSCAN read the places of all
    assert not np.array_equal(votes.labels[1], votes.labels[2])
    tonight = cast(EarlierVotes(votes, "key", unchanged=False))
    np.testing.assert_array_equal(tonight.labels[0], votes.labels[0])
    np.testing.assert_array_equal(tonight.labels[1:], votes.labels[:3])
    assert cast(EarlierVotes(votes, "key", unchanged=True)) is votes
    assert isinstance(votes, Votes)
