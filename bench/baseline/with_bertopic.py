"""BERTopic on given vectors: from vectors to topics and their terms, nothing more.

UMAP to our dimensions and hdbscan with our settings, jieba for its vectorizer. With our seed UMAP
works on one thread, as ours does; `--seed none` is the library's own, faster default. Distinct
lines are its documents, as they are ours: repeated ones end up in several topics or noise.

    python -m rapids_rap.bench.baseline.with_bertopic LYRICS --vectors V.npy --out DIR [--seed none]
"""

from __future__ import annotations

from collections.abc import Sequence

import hdbscan
import numpy as np
import pandas as pd
import umap
from bertopic import BERTopic
from sklearn.feature_extraction.text import CountVectorizer

from rapids_rap.arrays import Float32s, Int64s
from rapids_rap.bench.baseline import side, strong
from rapids_rap.bench.baseline.poster import clean, read
from rapids_rap.bench.baseline.poster_words import words_of
from rapids_rap.bench.baseline.settings import Settings, our_settings


def build_model(settings: Settings, seed: int | None) -> BERTopic:
    """BERTopic with its parts as ours are set; seed None leaves UMAP its threads."""
    return BERTopic(
        language="chinese (simplified)",  # "english", the default, would erase Chinese characters
        top_n_words=settings.top,
        umap_model=umap.UMAP(
            n_neighbors=settings.n_neighbors,
            n_components=settings.dimensions,
            min_dist=0.0,
            metric="cosine",
            random_state=seed,
        ),
        hdbscan_model=hdbscan.HDBSCAN(
            min_cluster_size=settings.min_cluster_size,
            min_samples=settings.min_samples,
            cluster_selection_method=settings.selection,
        ),
        vectorizer_model=CountVectorizer(tokenizer=words_of, token_pattern=None),
    )


def find_topics(
    texts: Sequence[str], vectors: Float32s, settings: Settings, seed: int | None
) -> tuple[Int64s, pd.DataFrame]:
    """(n,) topics, outliers -1, and the terms: cluster, rank, term, score."""
    model = build_model(settings, seed)
    topics, _ = model.fit_transform(list(texts), embeddings=vectors)
    rows = [
        (topic, rank, term, score)
        for topic, terms in model.get_topics().items()
        for rank, (term, score) in enumerate(terms, 1)
        if term
    ]
    table = pd.DataFrame(rows, columns=["cluster", "rank", "term", "score"])
    return np.asarray(topics, dtype=np.int64), table


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it; leave labels, terms and `stages.json` in `--out`."""
    parser = side.parser("BERTopic, from vectors to topics and terms.")
    parser.add_argument("--seed", default="ours", choices=("ours", "none"), help="UMAP's seed")
    options = parser.parse_args(arguments)
    clock = side.start(options)
    with clock("corpus"):
        lines = clean(read(options.input))
        rows, distinct = pd.factorize(lines["text"])
        texts = distinct.tolist()
    settings = our_settings(len(texts))
    if options.vectors:
        first = np.unique(rows, return_index=True)[1]
        vectors = side.load_vectors(options.vectors, len(lines))[first]
    else:
        with clock("embedding"):
            encoder = strong.load_encoder(side.model_folder(options.model), settings.max_tokens)
            vectors = strong.embed(texts, encoder, batch_size=32)
    seed = settings.seed if options.seed == "ours" else None
    with clock("topics and terms"):
        labels, terms = find_topics(texts, vectors, settings, seed)
    side.write_findings(
        options.out,
        clock,
        {"labels": labels[rows]},
        {"terms": terms},
        {"side": "bertopic", "lines": len(lines), "seed": seed},
    )


if __name__ == "__main__":
    main()
