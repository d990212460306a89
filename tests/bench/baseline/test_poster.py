"""The researchers' pipeline: it does what its description says, with our model and settings."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.metrics import silhouette_score
from transformers import AutoTokenizer

from rapids_rap.backend import load_backend
from rapids_rap.bench.baseline import poster, poster_words
from rapids_rap.bench.baseline.settings import our_settings
from rapids_rap.quality.geometry import cosine_silhouette
from rapids_rap.words.lexicon import cluster_emotions, load_lexicon

STAGES = [
    "corpus",
    "embedding",
    "pca",
    "layout",
    "clusters",
    "silhouette",
    "terms",
    "lexicon",
    "artists",
    "maps",
]


@pytest.fixture(scope="module")
def finished(lyrics_file, tmp_path_factory):
    """The folder of a whole run over the 300 lines."""
    out = tmp_path_factory.mktemp("poster") / "out"
    poster.main([str(lyrics_file), "--out", str(out)])
    return out


def test_the_poster_layout_is_read(tmp_path):
    """An artist line starts an artist, a 作词 line a song; titles and blank lines are no lyrics."""
    path = tmp_path / "lyrics.txt"
    path.write_text(
        "\ufeff歌手姓名：甲\n\n歌一\n作词：甲\n第一句\n\n第二句\n"
        "歌二\n作词: 乙\n第三句\n歌手姓名:乙\n第四句\n",
        encoding="utf-8",
    )
    lines = poster.read(path)
    assert lines["artist"].tolist() == ["甲", "甲", "甲", "乙"]
    assert lines["song"].fillna("").tolist() == ["歌一", "歌一", "歌二", ""]
    assert lines["text"].tolist() == ["第一句", "第二句", "第三句", "第四句"]


def test_lines_without_artists_are_read(tmp_path):
    """Plain text is a lyric line a row."""
    path = tmp_path / "lyrics.txt"
    path.write_text("第一句\n\n第二句\n", encoding="utf-8")
    lines = poster.read(path)
    assert lines["text"].tolist() == ["第一句", "第二句"]
    assert lines["artist"].isna().all()


def test_cleaning_drops_what_is_no_lyric():
    """Credits, markers, stamps and lines without a letter go; white space is collapsed."""
    texts = [
        "[00:12.5]今晚 \t 月亮",
        "作曲：甲",
        "Mixed by: B",
        "[Verse 1]",
        "(副歌) 唱",
        "123!!",
        " ",
    ]
    lines = poster.clean(pd.DataFrame({"artist": "甲", "song": None, "text": texts}))
    assert lines["text"].tolist() == ["今晚 月亮", "唱"]
    assert lines.index.tolist() == [0, 1]


def test_verse_is_kept_whole(lyrics):
    """What our own cleaning kept is not cleaned again: both sides embed the same lines."""
    assert poster.clean(lyrics)["text"].tolist() == lyrics["text"].tolist()


def test_tokens_are_ours(lyrics, demo_folder, odd_folder, our_tokens):
    """Also for a folder that splits in its own way, which AutoTokenizer would not read so."""
    texts = [*lyrics["text"], "YEAH，Flow~ 2024 don't", "𠮷野家😀"]
    for folder in (demo_folder, odd_folder):
        found = poster.load_tokenizer(folder)(texts)["input_ids"]
        assert found == our_tokens(texts, folder)
    assert found != AutoTokenizer.from_pretrained(odd_folder)(texts)["input_ids"]


def test_batches_are_padded_in_order(lyrics, demo_folder):
    """16 lines at a time as they come, each batch as wide as its longest, the rest masked out."""
    texts = lyrics["text"].tolist()
    tokenizer = poster.load_tokenizer(demo_folder)
    alone = tokenizer(texts)["input_ids"]
    batches = list(poster.padded_batches(texts, tokenizer, 256))
    assert [len(batch["input_ids"]) for batch in batches] == [16] * 18 + [12]
    padded, start = 0, 0
    for batch in batches:
        ids, mask = batch["input_ids"], batch["attention_mask"].bool()
        lengths = [len(row) for row in alone[start : start + len(ids)]]
        assert ids.shape[1] == max(lengths)
        assert [row[real].tolist() for row, real in zip(ids, mask, strict=True)] == (
            alone[start : start + len(ids)]
        )
        padded += int((~mask).sum())
        start += len(ids)
    assert padded > 0.1 * sum(map(len, alone))


def test_long_texts_are_cut(demo_folder):
    """At as many tokens as our own limit."""
    (batch,) = poster.padded_batches(["月" * 400], poster.load_tokenizer(demo_folder), 256)
    assert batch["input_ids"].shape == (1, 256)


def test_padding_does_not_enter_the_mean():
    """States behind the mask may be anything."""
    states = torch.tensor([[[3.0, 4.0], [3.0, 4.0], [9e9, -9e9]]])
    pooled = poster.mean_pool(states, torch.tensor([[1, 1, 0]]))
    torch.testing.assert_close(pooled, torch.tensor([[0.6, 0.8]]))


def test_vectors_are_ours(lyrics, demo_folder, our_vectors):
    """The padded loop gives the vectors that we give: a ratio of speed compares equal work."""
    vectors = poster.embed(lyrics["text"].tolist(), demo_folder, 256)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, our_vectors, atol=1e-4)


def test_principal_components_are_the_first_fifty(our_vectors):
    """Centred, falling in variance, and as many as there can be of fewer rows."""
    components = poster.principal_components(our_vectors, 42)
    assert components.shape == (300, 50)
    np.testing.assert_allclose(components.mean(0), 0, atol=1e-5)
    variances = components.var(0)
    assert (np.diff(variances) <= 1e-6).all()
    values = np.linalg.svd(our_vectors - our_vectors.mean(0), compute_uv=False)
    np.testing.assert_allclose(variances * 300, values[:50] ** 2, rtol=1e-3)
    assert poster.principal_components(our_vectors[:20], 42).shape == (20, 20)


def test_clusters_are_hdbscan_with_our_settings():
    """Two dense groups are two clusters, the scatter between them is noise."""
    random = np.random.default_rng(0)
    groups = [random.normal(center, 0.1, (60, 2)) for center in (0, 5)]
    scatter = random.uniform(-20, 25, (20, 2))
    labels = poster.cluster(np.vstack([*groups, scatter]).astype(np.float32), our_settings(140))
    assert labels.dtype == np.int64
    assert set(labels[:120]) >= {0, 1}
    assert np.mean(labels[:60] == labels[0]) > 0.9
    assert np.mean(labels[60:120] == labels[60]) > 0.9
    assert (labels[120:] == -1).mean() > 0.8


def test_silhouette_leaves_noise_out(our_vectors):
    """Noise is no cluster; by cosine it is the figure that we compute in closed form."""
    labels = np.random.default_rng(1).integers(-1, 4, 300)
    inside = labels >= 0
    score = poster.silhouette(our_vectors, labels)
    assert score == pytest.approx(silhouette_score(our_vectors[inside], labels[inside]))
    assert score != pytest.approx(silhouette_score(our_vectors, labels))
    ours = np.nanmean(cosine_silhouette(our_vectors[inside], labels[inside]))
    assert poster.silhouette(our_vectors, labels, "cosine") == pytest.approx(ours, abs=1e-5)
    assert poster.silhouette(our_vectors, np.minimum(labels, 0)) is None


def test_the_emotion_table_is_the_one_we_publish(lyrics):
    """Chunks, hits, ratios and labels of each cluster, 未判定 without a hit."""
    lexicon = load_lexicon()
    hits = poster_words.count_presence(lyrics["text"].tolist(), poster_words.load_lexicon())
    labels = np.random.default_rng(2).integers(-1, 3, 300)
    hits[labels == 1] = 0
    table = poster.emotion_table(hits, labels, lexicon.categories)
    ones = np.ones(300, dtype=np.int64)
    ours = cluster_emotions(hits, labels, ones, lexicon, load_backend("cpu"))
    assert table.loc[2, "suggested_label"] == "未判定"
    pd.testing.assert_frame_equal(table[ours.columns], ours, check_dtype=False)


def test_artists_are_counted_in_their_clusters():
    """The most frequent first, in percent of the cluster's lines; unknown ones are not listed."""
    artists = pd.Series(["甲", "乙", "乙", None, "甲"])
    table = poster.top_artists(artists, np.array([0, 0, 0, 0, 1]), top=1)
    assert [tuple(row) for row in table.itertuples(index=False)] == [
        (0, "乙", 2, 50.0),
        (1, "甲", 1, 100.0),
    ]
    assert not len(poster.top_artists(pd.Series([None, None]), np.array([0, 1]), top=1))


def test_a_run_leaves_what_is_compared(finished, lyrics):
    """Labels and a map of every line, tables, a picture of our size, and a time for each stage."""
    labels, points = np.load(finished / "labels.npy"), np.load(finished / "map.npy")
    assert labels.shape == (300,)
    assert labels.min() >= -1
    assert points.shape == (300, 2)
    with Image.open(finished / "map.png") as picture:
        assert picture.size == (2400, 1800)
    for name in ("terms", "emotions", "artists"):
        table = pd.read_csv(finished / f"{name}.csv")
        assert set(table["cluster"]) == set(labels)
    record = json.loads((finished / "stages.json").read_text(encoding="utf-8"))
    assert record["side"] == "poster"
    assert record["lines"] == 300
    assert [stage["stage"] for stage in record["stages"]] == STAGES
    assert all(stage["seconds"] > 0 for stage in record["stages"])


def test_given_vectors_replace_the_embedding(lyrics_file, vectors_file, tmp_path):
    """With `--vectors` everything but the embedding runs, and is timed."""
    poster.main([str(lyrics_file), "--out", str(tmp_path), "--vectors", str(vectors_file)])
    record = json.loads((tmp_path / "stages.json").read_text(encoding="utf-8"))
    assert [stage["stage"] for stage in record["stages"]] == [s for s in STAGES if s != "embedding"]


def test_the_seed_repeats_the_map(our_vectors):
    """random_state=42: the same map twice, another with another seed."""
    settings = our_settings(300)
    points = poster.principal_components(our_vectors, 42)
    first = poster.lay_out(points, settings)
    np.testing.assert_array_equal(first, poster.lay_out(points, settings))
    assert not np.array_equal(first, poster.lay_out(points, replace(settings, seed=43)))


def test_nothing_but_noise_is_drawn(tmp_path):
    """A run that finds no cluster still leaves a picture."""
    points = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    poster.draw_map(points, np.full(5, -1), our_settings(5), tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 1000
