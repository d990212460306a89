"""What a run says about itself, on data whose answer is known."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import silhouette_score

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.clustering.clusters import Clusters
from rapids_rap.clustering.layout import Layout
from rapids_rap.config import QualityConfig, TermsConfig
from rapids_rap.quality.assess import NOT_COMPUTED, Evidence, assess
from rapids_rap.quality.follows import Follows
from rapids_rap.quality.retrieval import retrieve
from rapids_rap.words.segment import segment
from rapids_rap.words.terms import cluster_terms, stop_words
from tests.strict_backend import StrictBackend

NO_FOLLOWS = Follows({}, pd.DataFrame())  # tested by themselves
NOTHING = np.zeros(0, np.uint64)  # that a model was trained on
BACKEND = CpuBackend()


def evidence(labels, *, seed=0, raw=None):
    """Texts and vectors in planted groups, clustered as `labels` say."""
    labels = np.asarray(labels, dtype=np.int64)
    n, groups = len(labels), np.arange(len(labels)) % 3
    rng = np.random.default_rng(seed)
    vectors = np.eye(8)[groups] + rng.normal(scale=0.05, size=(n, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    words = (("地铁", "霓虹"), ("拥抱", "心跳"), ("舞池", "低音"))
    tokens = segment([f"{words[g][0]}和{words[g][1]}在第{i}夜" for i, g in enumerate(groups)])
    weights = np.ones(n, dtype=np.int64)
    count = int(labels.max(initial=-1)) + 1
    clusters = Clusters(
        labels=labels,
        labels_raw=labels,
        probabilities=np.ones(n, np.float32),
        agreement=np.ones(n, np.float32),
        persistence=np.ones(count, np.float32),
        centers=np.zeros((count, 8), np.float32),
    )
    terms = cluster_terms(tokens, labels, weights, stop_words(""), TermsConfig(), BACKEND)
    layout = Layout(vectors[:, :2], vectors[:, :5])
    return Evidence(
        vectors,
        vectors if raw is None else raw,
        layout,
        clusters,
        weights,
        tokens,
        terms,
        themes=min(count, 1),
    )


def judged(found, config, backend, seed):
    """Every figure of texts of which no song is known."""
    retrieval = retrieve(
        found.vectors,
        found.raw_vectors,
        None,
        (),
        found.tokens,
        NOTHING,
        config.retrieval,
        backend,
        seed,
    )
    return assess(found, retrieval, NO_FOLLOWS, config, backend, seed).figures


def test_planted_clusters_are_good_and_shuffled_ones_are_not():
    """Right clusters beat the shuffled baseline in every cluster figure, and equal scikit-learn."""
    found = evidence(np.arange(90) % 3)
    figures = judged(found, QualityConfig(), BACKEND, 42)
    for name in ("silhouette_cosine", "dbcv"):
        assert figures[name]["value"] > 0.5 > 0.1 > figures[name]["baseline"], name
    expected = silhouette_score(found.vectors, found.clusters.labels, metric="cosine")
    assert figures["silhouette_cosine"]["value"] == pytest.approx(expected, abs=1e-4)
    assert figures["clusters"]["count"] == 3
    assert figures["npmi_coherence"]["value"] > figures["npmi_coherence"]["baseline"]


def test_noise_is_left_out_and_counted():
    """Noise lowers coverage, not the silhouette of the rest."""
    labels = np.arange(90) % 3
    labels[:30] = -1
    figures = judged(evidence(labels), QualityConfig(), BACKEND, 42)
    assert figures["silhouette_cosine"]["coverage"] == pytest.approx(2 / 3)
    assert figures["clusters"]["noise_share_texts"] == pytest.approx(1 / 3)
    assert figures["silhouette_cosine"]["value"] > 0.5


@pytest.mark.parametrize("labels", [[-1] * 12, [0] * 12, [0], [-1, -1]])
def test_what_is_undefined_is_null(labels):
    """No cluster, one cluster, one text: no figure is invented, and nothing fails."""
    figures = judged(evidence(labels), QualityConfig(), BACKEND, None)
    assert figures["silhouette_cosine"]["value"] is None
    assert figures["dbcv"]["value"] is None


def test_large_input_is_sampled_and_says_so():
    """Above the exact limit the layout's silhouette is a sample, with its size beside it."""
    config = QualityConfig(silhouette_exact=100, silhouette_sample=100, trustworthiness_sample=100)
    figures = judged(evidence(np.arange(300) % 3), config, BACKEND, 42)
    assert figures["silhouette_layout"]["rows"] == 100
    assert figures["silhouette_layout"]["sampled"]
    assert figures["trustworthiness"]["sampled"]


def test_a_sample_larger_than_the_input_is_the_input():
    """A low exact limit with the usual sample size is no error."""
    config = QualityConfig(silhouette_exact=100)
    figures = judged(evidence(np.arange(150) % 3), config, BACKEND, 42)
    assert figures["silhouette_layout"]["rows"] == 150


def test_what_is_not_built_is_null():
    """Figures of parts not built yet are present, null, and say so."""
    figures = judged(evidence(np.arange(30) % 3), QualityConfig(), BACKEND, 42)
    for name in NOT_COMPUTED:
        assert figures[name]["value"] is None
        assert figures[name]["note"].startswith("not computed")


def test_postprocessing_shows_before_and_after():
    """Where vectors were post-processed, the silhouette of the raw ones stands beside."""
    rng = np.random.default_rng(1)
    raw = rng.normal(size=(90, 8)).astype(np.float32) + 3
    figures = judged(evidence(np.arange(90) % 3, raw=raw), QualityConfig(), BACKEND, 42)
    cosine = figures["silhouette_cosine"]
    assert cosine["before_postprocessing"] < cosine["value"]


def on_device(found, backend):
    """The evidence with every array in the backend's memory; tokens and tables as they are."""
    move = backend.from_host
    vectors = move(found.vectors)
    raw = vectors if found.raw_vectors is found.vectors else move(found.raw_vectors)
    return Evidence(
        vectors,
        raw,
        Layout(*map(move, vars(found.layout).values())),
        Clusters(*map(move, vars(found.clusters).values())),
        move(found.weights),
        found.tokens,
        found.terms,
        found.themes,
    )


@pytest.mark.parametrize(
    ("labels", "config"),
    [
        (np.arange(120) % 4 - 1, QualityConfig()),
        (
            np.arange(150) % 3,
            QualityConfig(silhouette_exact=100, silhouette_sample=100, dbcv_sample=100),
        ),
        ([-1] * 5, QualityConfig()),
        ([0], QualityConfig()),
    ],
)
def test_strict_arrays_pass_through(labels, config):
    """Every figure is the same on arrays that refuse NumPy, sampled and undefined ones included."""
    raw = np.random.default_rng(1).normal(size=(len(labels), 8)).astype(np.float32)
    found, strict = evidence(labels, raw=raw), StrictBackend()
    plain = judged(found, config, BACKEND, 3)
    figures = judged(on_device(found, strict), config, strict, 3)
    assert figures.keys() == plain.keys()
    for name, figure in plain.items():
        assert figures[name].keys() == figure.keys()
        for part, value in figure.items():
            assert figures[name][part] == pytest.approx(value, abs=1e-6), (name, part)


def test_figures_are_repeatable():
    """The same evidence and seed give the same figures."""
    found = evidence(np.arange(90) % 3)
    first, second = (judged(found, QualityConfig(), BACKEND, 7) for _ in range(2))
    pd.testing.assert_series_equal(pd.Series(first), pd.Series(second))
