"""The researchers' CPU pipeline, from its description: 60,000 lines were what it could do.

pandas and re; transformers in padded batches of 16; PCA; UMAP with `random_state=42`; HDBSCAN;
`silhouette_score`; jieba and CountVectorizer for class-based TF-IDF; an emotion lexicon that counts
the presence of substrings; artists by cluster; a scatter plot.

Where the description is silent, the cheaper reading is taken, so that no ratio is owed to it: 50
principal components (UMAP then searches neighbours among them), clusters on the 2-d map itself, one
layout, and a silhouette of the clustered lines on the map. Every line is embedded, as often as it
is sung.

    python -m rapids_rap.bench.baseline.poster LYRICS --out DIR [--model FOLDER] [--vectors V.npy]
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import hdbscan
import numpy as np
import pandas as pd
import torch
import umap
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score
from transformers import AutoModel, PreTrainedTokenizerFast

from rapids_rap.arrays import Float32s, Int64s
from rapids_rap.bench.baseline import side
from rapids_rap.bench.baseline.poster_words import (
    LETTER,
    cluster_terms,
    count_presence,
    load_lexicon,
)
from rapids_rap.bench.baseline.settings import Settings, our_settings

BATCH = 16
COMPONENTS = 50

ARTIST = re.compile(r"歌手姓名\s*[:：]\s*(.*)")
WRITER = re.compile(r"作词\s*[:：]")
STAMP = re.compile(r"\[\d+:\d+(?:[.:]\d+)?\]")
MARKER = re.compile(
    r"[\[【(（](?:verse|hook|chorus|bridge|intro|outro|主歌|副歌|前奏|间奏)[^\])）】]*[\]】)）]",
    re.I,
)
CREDIT = re.compile(
    r"(?:作词|作曲|编曲|制作人?|混音|母带|录音|监制|出品|OP|SP|Producer|Mixed by|Mastered by)"
    r"[^:：|]{0,12}[:：|]",
    re.I,
)


def read(path: Path) -> pd.DataFrame:
    """artist, song, text: a row a line, from Parquet, or from text with `歌手姓名：` lines.

    A song begins at its 作词 line, and the line before that is its title.
    """
    if path.suffix == ".parquet":
        return pd.read_parquet(path, columns=["artist", "song", "text"])
    rows: list[tuple[str | None, str | None, str]] = []
    artist = song = None
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        if not line.strip():
            continue
        if named := ARTIST.match(line.strip()):
            artist, song = named[1], None
        elif artist is not None and rows and WRITER.match(line.strip()):
            song = rows.pop()[2].strip()
        else:
            rows.append((artist, song, line))
    return pd.DataFrame(rows, columns=["artist", "song", "text"])


def clean(lines: pd.DataFrame) -> pd.DataFrame:
    """The lines without stamps, section markers, credits, and lines that have no letter."""
    text = lines["text"].map(clean_line)
    keep = text.map(lambda line: bool(LETTER.search(line)) and not CREDIT.match(line))
    return lines.assign(text=text)[keep].reset_index(drop=True)


def clean_line(line: str) -> str:
    """A line without stamps and markers, white space collapsed."""
    return " ".join(MARKER.sub("", STAMP.sub("", line)).split())


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer as its file has it: AutoTokenizer makes every Qwen2 folder plain Qwen2."""
    return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)


def padded_batches(
    texts: Sequence[str], tokenizer: PreTrainedTokenizerFast, max_tokens: int
) -> Iterator[Mapping[str, torch.Tensor]]:
    """16 texts at a time, in their order, padded to the longest of the 16."""
    for start in range(0, len(texts), BATCH):
        batch = list(texts[start : start + BATCH])
        yield tokenizer(
            batch,
            padding=True,
            truncation=True,
            max_length=max_tokens,
            return_tensors="pt",
            return_token_type_ids=False,
        )


def mean_pool(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(b, d) mean of the states (b, t, d) of real tokens, at length 1. mask: (b, t)."""
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    means = (hidden * weights).sum(1) / weights.sum(1)
    return torch.nn.functional.normalize(means, dim=1)


def embed(texts: Sequence[str], folder: Path, max_tokens: int) -> Float32s:
    """(n, d) float32 unit vectors of the model in `folder`."""
    model = AutoModel.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
    ).eval()
    return embed_with(texts, load_tokenizer(folder), model, max_tokens)


@torch.inference_mode()
def embed_with(
    texts: Sequence[str], tokenizer: PreTrainedTokenizerFast, model: Any, max_tokens: int
) -> Float32s:
    """(n, d) float32 unit vectors of a loaded model, batch after batch."""
    vectors = [
        mean_pool(model(**batch).last_hidden_state, batch["attention_mask"]).numpy()
        for batch in padded_batches(texts, tokenizer, max_tokens)
    ]
    return np.concatenate(vectors)


def principal_components(vectors: Float32s, seed: int) -> Float32s:
    """(n, 50) float32, or fewer where there are not as many."""
    components = min(COMPONENTS, *vectors.shape)
    return PCA(components, random_state=seed).fit_transform(vectors)


def lay_out(points: Float32s, settings: Settings) -> Float32s:
    """(n, 2) float32 map. With a seed umap-learn works on one thread."""
    return umap.UMAP(
        n_neighbors=settings.n_neighbors, min_dist=settings.min_dist, random_state=settings.seed
    ).fit_transform(points)


def cluster(points: Float32s, settings: Settings) -> Int64s:
    """(n,) labels, noise -1."""
    labels = hdbscan.HDBSCAN(
        min_cluster_size=settings.min_cluster_size,
        min_samples=settings.min_samples,
        cluster_selection_method=settings.selection,
    ).fit_predict(points)
    return labels.astype(np.int64)


def silhouette(points: Float32s, labels: Int64s, metric: str = "euclidean") -> float | None:
    """The mean over clustered points: noise is no cluster. None for fewer than two clusters."""
    inside = labels >= 0
    if len(np.unique(labels[inside])) < 2:
        return None
    return float(silhouette_score(points[inside], labels[inside], metric=metric))


def emotion_table(hits: Int64s, labels: Int64s, categories: Sequence[str]) -> pd.DataFrame:
    """cluster, chunks, hits, then hit_X and ratio_X of each category, suggested_label."""
    counts = pd.DataFrame(hits, columns=list(categories)).groupby(labels).sum()
    total = counts.sum(axis=1)
    columns: dict[str, Any] = {"cluster": counts.index, "hits": total.to_numpy()}
    columns["chunks"] = pd.Series(labels).value_counts().loc[counts.index].to_numpy()
    for name in categories:
        columns[f"hit_{name}"] = counts[name].to_numpy()
        columns[f"ratio_{name}"] = (counts[name] / total.clip(lower=1)).to_numpy()
    columns["suggested_label"] = np.where(total > 0, counts.idxmax(axis=1), "未判定")
    return pd.DataFrame(columns)


def top_artists(artists: pd.Series, labels: Int64s, top: int) -> pd.DataFrame:
    """cluster, artist, lines, percentage of the cluster's lines: the most frequent artists."""
    counts = artists.groupby(labels).value_counts().rename("lines").reset_index()
    counts = counts.set_axis(["cluster", "artist", "lines"], axis=1)
    size = pd.Series(labels).value_counts()
    counts["percentage"] = 100 * counts["lines"] / counts["cluster"].map(size)
    return counts.groupby("cluster").head(top).reset_index(drop=True)


def draw_map(points: Float32s, labels: Int64s, settings: Settings, path: Path) -> None:
    """A scatter plot, coloured by cluster, noise grey below."""
    plt.switch_backend("agg")  # no window
    figure = plt.figure(figsize=(settings.width / 100, settings.height / 100), dpi=100)
    noise = labels < 0
    x, y = points.T
    plt.scatter(x[noise], y[noise], s=1, c="lightgray")
    plt.scatter(x[~noise], y[~noise], s=1, c=labels[~noise], cmap="tab20")
    plt.title("UMAP + HDBSCAN")
    plt.savefig(path)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the pipeline; leave labels, map, tables, picture and `stages.json` in `--out`."""
    options = side.parser("The researchers' CPU pipeline.").parse_args(arguments)
    clock = side.start(options)
    with clock("corpus"):
        lines = clean(read(options.input))
        texts = lines["text"].tolist()
    settings = our_settings(len(set(texts)))
    if options.vectors:
        vectors = side.load_vectors(options.vectors, len(texts))
    else:
        with clock("embedding"):
            vectors = embed(texts, side.model_folder(options.model), settings.max_tokens)
    with clock("pca"):
        components = principal_components(vectors, settings.seed)
    with clock("layout"):
        points = lay_out(components, settings)
    with clock("clusters"):
        labels = cluster(points, settings)
    with clock("silhouette"):
        score = silhouette(points, labels)
    with clock("terms"):
        terms = cluster_terms(texts, labels, settings.top)
    with clock("lexicon"):
        lexicon = load_lexicon()
        emotions = emotion_table(count_presence(texts, lexicon), labels, list(lexicon))
    with clock("artists"):
        artists = top_artists(lines["artist"], labels, settings.top)
    with clock("maps"):
        draw_map(points, labels, settings, options.out / "map.png")
    side.write_findings(
        options.out,
        clock,
        {"labels": labels, "map": points},
        {"terms": terms, "emotions": emotions, "artists": artists},
        {"side": "poster", "lines": len(texts), "silhouette": score},
    )


if __name__ == "__main__":
    main()
