"""Small run folders by hand, for what reads runs: no model, no pipeline, a few milliseconds."""

import json

import numpy as np
import pandas as pd

from rapids_rap.compare.memory import Memory
from rapids_rap.config import Config
from rapids_rap.settings import load_config

NOTHING_SEEN = Memory(0, (), ())  # no model was trained on any song


def make_run(
    folder,
    texts,
    labels,
    *,
    songs=None,
    vectors=None,
    xy=None,
    quality=None,
    settings=(),
    unit="line",
    seed=0,
    repeats=None,
):
    """A finished run of these distinct texts (unsorted is fine), one cluster label each.

    songs: the song of each text, or None for none; a text stands `repeats` times.
    """
    rng = np.random.default_rng(seed)
    order = np.argsort(np.array(texts, dtype=object), kind="stable")
    texts = [texts[i] for i in order]
    labels = np.asarray(labels, dtype=np.int64)[order]
    n = len(texts)
    place = xy if xy is not None else rng.normal(size=(n, 2)) + 8.0 * labels[:, None]
    xy = np.asarray(place, dtype=np.float32)[order if xy is not None else slice(None)]
    if vectors is None:
        vectors = rng.normal(size=(n, 8)) + 3 * np.eye(8)[labels % 8]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    songs = [songs[i] for i in order] if songs is not None else [None] * n
    times = [repeats[i] for i in order] if repeats is not None else [1] * n
    rows = np.repeat(np.arange(n), times)
    song = pd.array([songs[i] for i in rows], dtype="Int64")
    line_no = (
        pd.Series(np.ones(len(rows), dtype=np.int64))
        .groupby(np.array([-1 if s is None else s for s in songs])[rows])
        .cumsum()
    )
    lines = pd.DataFrame(
        {
            "line_id": np.arange(len(rows)),
            "text": pd.array([texts[i] for i in rows], dtype="str"),
            "text_norm": pd.array([texts[i] for i in rows], dtype="str"),
            "artist": pd.array([None] * len(rows), dtype="str"),
            "song": pd.array([None] * len(rows), dtype="str"),
            "song_id": song,
            "line_no": line_no.to_numpy(),
            "stanza": np.zeros(len(rows), dtype=np.int64),
            "text_id": rows,
            "weight": np.asarray(times)[rows],
            "cluster": labels[rows],
            "theme": np.where(labels < 0, -1, labels % 2)[rows],
            "x": xy[rows, 0],
            "y": xy[rows, 1],
        }
    )
    folder.mkdir(parents=True)
    (folder / "vectors").mkdir()
    np.save(folder / "vectors" / "vectors.npy", np.asarray(vectors, dtype=np.float32))
    lines.to_parquet(folder / "lines.parquet", index=False)
    ids = sorted({int(k) for k in labels if k >= 0})
    clusters = [-1, *ids]
    pd.DataFrame(
        {
            "cluster": clusters,
            "lines": [int((labels[rows] == k).sum()) for k in clusters],
            "top_terms": ["", *(f"词{k}、语{k}" for k in ids)],
            "theme": [-1, *(k % 2 for k in ids)],
        }
    ).to_csv(folder / "clusters.csv", index=False)
    themes = sorted({k % 2 for k in ids})
    pd.DataFrame(
        {
            "theme": [-1, *themes],
            "label": ["噪声", *(f"主题{t}" for t in themes)],
        }
    ).to_csv(folder / "themes.csv", index=False)
    (folder / "quality.json").write_text(json.dumps(quality or {}))
    config = (
        load_config(None, [f'corpus.unit="{unit}"', *settings]) if unit or settings else Config()
    )
    manifest = {
        "schema_version": 1,
        "created": "2026-01-02T03:04:05+00:00",
        "seed": 42,
        "config": config.model_dump(mode="json"),
        "versions": {"rapids-rap": "0.1.0"},
        "counts": {"clusters": len(ids), "kept": len(rows), "distinct": n},
        "model": {"name": "demo", "fingerprint": "f00d", "trained_on": 0},
        "inputs": [{"path": "a.txt", "sha256": "ab" * 32}],
        "space": {
            "postprocess": config.embedding.postprocess,
            "mean_cosine": 0.1,
            "threshold": 0.7,
        },
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
