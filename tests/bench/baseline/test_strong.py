"""The strong pipeline: the same work as ours by the best parts there are on a CPU."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import silhouette_score

from rapids_rap.bench.baseline import poster, poster_words, strong
from rapids_rap.bench.baseline.settings import our_settings

STAGES = [
    "corpus",
    "embedding",
    "neighbors",
    "layout",
    "clusters",
    "silhouette",
    "terms",
    "lexicon",
    "artists",
    "maps",
]


@pytest.fixture(scope="module")
def encoder(demo_folder):
    return strong.load_encoder(demo_folder, 256)


def test_tokens_are_ours(lyrics, odd_folder, our_tokens):
    """Also for a folder that splits in its own way, which the library alone would not read so."""
    texts = lyrics["text"].tolist()[:40]
    features = strong.load_encoder(odd_folder, 256).preprocess(texts)
    mask = features["attention_mask"].bool()
    found = [ids[real].tolist() for ids, real in zip(features["input_ids"], mask, strict=True)]
    assert found == our_tokens(texts, odd_folder)


@pytest.mark.parametrize("batch_size", [16, 300])
def test_vectors_are_ours(lyrics, encoder, our_vectors, batch_size):
    """Whatever the batch size: transformer, mean over real tokens, unit length."""
    vectors = strong.embed(lyrics["text"].tolist(), encoder, batch_size)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, our_vectors, atol=1e-4)


def test_long_texts_are_cut(encoder):
    """At as many tokens as our own limit."""
    assert encoder.preprocess(["月" * 400])["input_ids"].shape == (1, 256)


def test_the_best_batch_size_is_the_fastest(monkeypatch):
    """By its own time, the warm-up round not counted."""
    best = strong.BATCH_SIZES.index(64)
    seconds = iter([0.5, *(1.0 + abs(i - best) for i in range(len(strong.BATCH_SIZES)))])
    now = [0.0]
    monkeypatch.setattr(strong.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(strong, "embed", lambda *_: now.__setitem__(0, now[0] + next(seconds)))
    assert strong.best_batch_size(["月"], encoder=None) == 64


def exact_neighbors(vectors: np.ndarray, k: int) -> strong.Neighbors:
    """What `find_neighbors` approximates, without half a minute of compiling."""
    distances = np.maximum(1 - vectors @ vectors.T, 0)
    np.fill_diagonal(distances, 0)
    indices = np.argsort(distances, axis=1, kind="stable")[:, :k].astype(np.int32)
    return strong.Neighbors(indices, np.take_along_axis(distances, indices, axis=1))


@pytest.mark.slow
def test_neighbors_are_the_nearest(our_vectors):
    """Nearly all of the exact cosine neighbours, near to far. Compiling takes half a minute."""
    graph = strong.find_neighbors(our_vectors, our_settings(300))
    exact = exact_neighbors(our_vectors, 15)
    assert graph.indices.shape == (300, 15)
    assert (np.diff(graph.distances) >= -1e-6).all()
    assert (graph.distances <= exact.distances[:, -1:] + 1e-4).mean() > 0.95


def test_the_layout_follows_the_given_neighbours():
    """The graph has three groups, the vectors have none: the layout has three."""
    random = np.random.default_rng(0)
    group = np.repeat(np.arange(3), 50)
    grouped = np.eye(8)[group] + random.normal(0, 0.1, (150, 8))
    grouped /= np.linalg.norm(grouped, axis=1, keepdims=True)
    vectors = random.normal(size=(150, 8)).astype(np.float32)
    points = strong.lay_out(vectors, exact_neighbors(grouped.astype(np.float32), 15), 5, 0.0)
    assert points.shape == (150, 5)
    assert silhouette_score(points, group) > 0.5


def test_clusters_are_those_of_hdbscan():
    """fast_hdbscan finds the groups that hdbscan finds, by the same settings."""
    random = np.random.default_rng(0)
    points = np.vstack([random.normal(center, 0.1, (60, 2)) for center in (0, 5, 9)])
    points = points.astype(np.float32)
    ours, theirs = (side.cluster(points, our_settings(180)) for side in (strong, poster))
    both = (ours >= 0) & (theirs >= 0)
    assert both.mean() > 0.8
    assert len(set(zip(ours[both], theirs[both], strict=True))) == len(set(ours[both])) >= 3


def test_silhouette_is_sampled(monkeypatch, our_vectors):
    """All clustered points while they are few, else a seeded sample of the size that is said."""
    labels = np.random.default_rng(1).integers(-1, 4, 300)
    assert strong.silhouette(our_vectors, labels, 42) == pytest.approx(
        poster.silhouette(our_vectors, labels)
    )
    monkeypatch.setattr(strong, "SILHOUETTE_SAMPLE", 100)
    sampled = [strong.silhouette(our_vectors, labels, seed) for seed in (42, 42, 43)]
    assert sampled[0] == sampled[1] != sampled[2]
    assert strong.silhouette(our_vectors, np.minimum(labels, 0), 42) is None


def test_terms_are_those_of_the_other_baseline(lyrics):
    """Sparse counts of distinct texts, weighted, give the figures of joined documents."""
    rows, distinct = pd.factorize(lyrics["text"])
    assert len(distinct) < len(rows)
    labels = np.random.default_rng(3).integers(-1, 4, len(distinct))
    words = [poster_words.words_of(text.lower()) for text in distinct]
    found = strong.cluster_terms(words, labels, np.bincount(rows), 10)
    expected = poster_words.cluster_terms(lyrics["text"].tolist(), labels[rows], 10)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_words_are_jiebas():
    """The Rust port cuts as jieba does; blanks and punctuation are no words."""
    texts = ["今晚的月亮照着城市，YEAH!", "我爱北京天安门", "", "123 …"]
    assert strong.cut_words(texts) == [poster_words.words_of(text.lower()) for text in texts]
    assert strong.cut_words(texts)[2:] == [[], []]


def test_presence_is_that_of_the_other_baseline(lyrics):
    """A scan a word finds what a test a text finds, also in the lexicon's own words."""
    lexicon = poster_words.load_lexicon()
    texts = [
        *lyrics["text"],
        "操场 上",
        "YEAH Yeah",
        "",
        *(w for ws in lexicon.values() for w in ws),
    ]
    np.testing.assert_array_equal(
        strong.count_presence(texts, lexicon), poster_words.count_presence(texts, lexicon)
    )


def test_a_run_gives_equal_lines_one_cluster(
    lyrics, lyrics_file, vectors_file, tmp_path, monkeypatch
):
    """Distinct lines once: a line that is sung again has its place and its cluster."""
    monkeypatch.setattr(
        strong, "find_neighbors", lambda vectors, settings: exact_neighbors(vectors, 15)
    )
    out = tmp_path / "out"
    strong.main([str(lyrics_file), "--out", str(out), "--vectors", str(vectors_file)])
    labels, points = np.load(out / "labels.npy"), np.load(out / "map.npy")
    places = lyrics.assign(label=labels, x=points[:, 0]).groupby("text")[["label", "x"]].nunique()
    assert len(places) < len(lyrics)
    assert (places == 1).all(axis=None)
    assert set(pd.read_csv(out / "emotions.csv")["cluster"]) == set(labels)
    assert pd.read_csv(out / "emotions.csv")["chunks"].sum() == 300
    assert (out / "map.png").stat().st_size > 1000
    record = json.loads((out / "stages.json").read_text(encoding="utf-8"))
    assert [stage["stage"] for stage in record["stages"]] == [s for s in STAGES if s != "embedding"]
    assert (record["side"], record["lines"]) == ("strong", 300)
