"""BERTopic: our vectors and settings go in, topics and Chinese terms come out."""

import json

import numpy as np
import pandas as pd
import pytest

from rapids_rap.bench.baseline import with_bertopic
from rapids_rap.bench.baseline.settings import our_settings

GROUPS = (
    ["月亮照着河水", "河水里的月亮"],
    ["火车经过山路", "山路上的火车"],
    ["城市的灯火", "灯火和城市"],
)


@pytest.fixture(scope="module")
def planted():
    """Texts, unit vectors and groups of 180 lines in three tight groups."""
    random = np.random.default_rng(0)
    group = np.repeat(np.arange(3), 60)
    vectors = np.eye(16)[group * 5] + random.normal(0, 0.05, (180, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return [GROUPS[g][i % 2] + "啊" * (i % 7) for i, g in enumerate(group)], vectors, group


def test_parts_are_set_as_ours():
    """Neighbours, dimensions, cluster sizes and seed are our defaults, not the library's."""
    settings = our_settings(60_000)
    model = with_bertopic.build_model(settings, settings.seed)
    assert model.umap_model.n_neighbors == settings.n_neighbors
    assert model.umap_model.n_components == settings.dimensions
    assert model.umap_model.metric == "cosine"
    assert model.umap_model.random_state == 42
    assert model.hdbscan_model.min_cluster_size == settings.min_cluster_size == 150
    assert model.hdbscan_model.min_samples == settings.min_samples
    assert model.hdbscan_model.cluster_selection_method == settings.selection
    assert with_bertopic.build_model(settings, None).umap_model.random_state is None


@pytest.mark.parametrize("seed", [42, None])
def test_planted_topics_are_found(planted, seed):
    """A topic lies within a group, and its best terms are the group's Chinese words."""
    texts, vectors, group = planted
    topics, terms = with_bertopic.find_topics(texts, vectors, our_settings(180), seed)
    assert topics.shape == (180,)
    clustered = topics >= 0
    assert clustered.mean() > 0.5
    assert len(set(topics[clustered])) >= 3
    pairs = set(zip(topics[clustered].tolist(), group[clustered].tolist(), strict=True))
    assert len(pairs) == len(set(topics[clustered]))
    own = dict(pairs)
    first = terms[(terms["rank"] <= 2) & (terms["cluster"] >= 0)]
    for topic, words in first.groupby("cluster")["term"]:
        assert all(word in "".join(GROUPS[own[topic]]) for word in words)
    assert (terms.groupby("cluster")["score"].diff().dropna() <= 1e-9).all()


def test_a_run_leaves_topics_and_terms(lyrics, lyrics_file, vectors_file, tmp_path):
    """Seeded twice the same; equal lines share a topic; one stage from vectors to terms."""
    labels = []
    for name in ("one", "two"):
        out = tmp_path / name
        with_bertopic.main([str(lyrics_file), "--out", str(out), "--vectors", str(vectors_file)])
        labels.append(np.load(out / "labels.npy"))
    np.testing.assert_array_equal(*labels)
    assert labels[0].shape == (300,)
    assert (lyrics.assign(label=labels[0]).groupby("text")["label"].nunique() == 1).all()
    assert set(pd.read_csv(out / "terms.csv")["cluster"]) == set(labels[0])
    record = json.loads((out / "stages.json").read_text(encoding="utf-8"))
    assert [stage["stage"] for stage in record["stages"]] == ["corpus", "topics and terms"]
    assert record["seed"] == 42
