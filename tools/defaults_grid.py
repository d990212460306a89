"""The grid that the defaults are owed to: clusters under each setting, judged by what made none.

    python -m tools.defaults_grid LINES.txt --store STORE --out grid.csv \
        --cell embedding.postprocess=none --cell embedding.postprocess=center \
        --also layout.n_neighbors=10 --also layout.n_neighbors=15

A cell is settings with commas between them; each `--cell` is made with each `--also`. It is
clustered twice, with two seeds. Vectors come from the store, so a cell costs neighbours, layouts
and clusters. One row a cell, written as soon as it is there; a cell that has its row is not made
again. Beside the table, `grid.csv.terms.txt` lists the terms of the ten largest clusters, to read.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from rapids_rap.arrays import Float32s, Int64s
from rapids_rap.backend import load_backend
from rapids_rap.backend.protocol import Backend, Knn
from rapids_rap.clustering.clusters import find_clusters
from rapids_rap.clustering.layout import Layout, space_spec
from rapids_rap.clustering.neighbors import neighbor_graph
from rapids_rap.clustering.votes import cast_votes
from rapids_rap.config import Config
from rapids_rap.corpus import Corpus
from rapids_rap.corpus.ingest import ingest
from rapids_rap.embedding.embed import Vectors, embed
from rapids_rap.embedding.space import used_space
from rapids_rap.quality.follows import shared_follows, song_blocks, what_clusters_follow
from rapids_rap.runs.lock import exclusive
from rapids_rap.settings import change_config
from rapids_rap.words.lexicon import count_hits, load_lexicon
from rapids_rap.words.segment import Tokens, segment
from rapids_rap.words.terms import cluster_terms, stop_words

SEEDS = (42, 43)
QUESTIONS = 3_000  # lines whose next line is sought
SHOWN = 10  # clusters whose terms are listed


@dataclass(frozen=True)
class Ground:
    """What all cells share: the corpus, its words and its vectors."""

    corpus: Corpus
    tokens: Tokens
    vectors: Vectors
    backend: Backend


def prepare(path: Path, config: Config, store: Path, backend: Backend) -> Ground:
    """Read, segment and embed, through the store."""
    corpus = ingest([path], config.input, config.corpus)
    tokens = segment(corpus.texts, load_lexicon(None, "simplified").all_words)
    with exclusive(store):
        vectors = embed(corpus.texts, config.embedding, backend, store)
    return Ground(corpus, tokens, vectors, backend)


def measure_cell(
    ground: Ground, config: Config
) -> tuple[dict[str, float], list[str], list[Int64s]]:
    """The row of one cell, the terms of its largest clusters (first seed), labels of each seed."""
    backend, corpus = ground.backend, ground.corpus
    weights = backend.from_host(corpus.weights)
    began = time.perf_counter()
    space = config.embedding.space
    words = ground.tokens if space.lexical != "none" else None
    used = used_space(ground.vectors.matrix, corpus.texts, words, space, backend, SEEDS[0])
    graph = neighbor_graph(used.matrix, config.neighbors, backend, SEEDS[0])
    found = []
    for seed in SEEDS:
        spec = space_spec(len(corpus.texts), graph, config.layout)
        if spec is None:
            raise SystemExit("The grid needs more lines than a layout has dimensions.")
        edges = Knn(graph.indices, graph.distances, graph.engine, graph.recall)
        (reduced,) = backend.umap(used.matrix, edges, [spec], seed)
        layout = Layout(xy=reduced[:, :2], reduced=reduced)
        votes = cast_votes(
            layout, used.matrix, graph, config.layout, config.clusters.voting, backend, seed
        )
        found.append(find_clusters(votes, used.matrix, weights, graph, config.clusters, backend))
    labels = [backend.to_host(clusters.labels) for clusters in found]
    own = labels[0]
    row = {
        "clusters": int(own.max()) + 1,
        "coverage": float((own >= 0).mean()),
        "largest": float(np.bincount(own[own >= 0]).max() / len(own)) if own.max() >= 0 else 0.0,
        "lift": float(np.mean([lift(one, corpus.lines) for one in labels])),
        "agreement": agreement(*labels),
        "next_line": next_line(backend.to_host(used.matrix), corpus.lines),
        **_told(ground, labels, config),
        "seconds": time.perf_counter() - began,
    }
    stop = stop_words(config.terms.stop_words)
    terms = cluster_terms(ground.tokens, found[0].labels, weights, stop, config.terms, backend)
    return row, _largest_terms(terms.table, own), labels


def _told(ground: Ground, labels: Sequence[Int64s], config: Config) -> dict[str, float]:
    """What clusters follow (docs/quality.md), the mean of the seeds."""
    corpus, backend = ground.corpus, ground.backend
    lexicon = load_lexicon(None, "simplified")
    hits = count_hits(ground.tokens, corpus.texts, lexicon, config.lexicon.mode, backend)
    rows = []
    for own in labels:
        follows = what_clusters_follow(
            backend.from_host(own),
            hits,
            lexicon.categories,
            corpus.lines,
            corpus.texts,
            ground.tokens,
            stop_words(config.terms.stop_words),
            ground.vectors.trained_on,
            backend,
            SEEDS[0],
        ).figures
        told = {"follows": follows["follows"]["value"]}
        for side in ("meaning", "form"):
            told |= {name: figure["value"] for name, figure in follows[side].items()}
        rows.append(told)
    return {str(name): float(value) for name, value in pd.DataFrame(rows).mean().items()}


def on_shared_texts(
    ground: Ground, config: Config, first: Sequence[Int64s], labels: Sequence[Int64s]
) -> dict[str, float]:
    """Lexicon and length of the first cell and of this one, of texts that both cluster.

    Fewer, clearer texts tell more, so figures at another coverage can't be compared. The mean of
    the seeds.
    """
    corpus, backend = ground.corpus, ground.backend
    lexicon = load_lexicon(None, "simplified")
    hits = count_hits(ground.tokens, corpus.texts, lexicon, config.lexicon.mode, backend)
    groups = song_blocks(corpus.lines.drop_duplicates("text_id").set_index("text_id").sort_index())
    rows = []
    for a, b in zip(first, labels, strict=True):
        both = (a >= 0) & (b >= 0)
        row: dict[str, float | None] = {"shared_texts": float(both.mean())}
        for name, own in (("first", a), ("this", b)):
            told = shared_follows(
                np.where(both, own, -1),
                backend.to_host(hits),
                lexicon.categories,
                corpus.texts,
                groups,
                "songs",
                SEEDS[0],
            )
            row |= {
                f"{fact}_{name}": told[key].value
                for key, fact in (("meaning.lexicon", "lexicon"), ("form.length", "length"))
            }
        rows.append(row)
    return {str(name): float(value) for name, value in pd.DataFrame(rows).mean().items()}


def lift(labels: Int64s, lines: pd.DataFrame) -> float:
    """How much more often neighbouring lines of a song share a cluster than two clustered lines.

    labels: (n,) cluster of each distinct text. Where no song is known, neighbours are of the file.
    """
    text = lines["text_id"].to_numpy(np.int64)
    cluster = labels[text]
    song = lines["song_id"].astype(object).where(lines["song_id"].notna(), -1).to_numpy()
    clustered = (cluster[:-1] >= 0) & (cluster[1:] >= 0)
    pairs = clustered & (text[:-1] != text[1:]) & (song[:-1] == song[1:])
    if not pairs.any():
        return float("nan")
    shares = np.bincount(cluster[cluster >= 0]) / (cluster >= 0).sum()
    return float((cluster[:-1] == cluster[1:])[pairs].mean() / (shares**2).sum())


def agreement(a: Int64s, b: Int64s) -> float:
    """Texts in matched clusters of both, over texts clustered in at least one; one-to-one match."""
    either = (a >= 0) | (b >= 0)
    both = (a >= 0) & (b >= 0)
    table = np.zeros((int(a.max()) + 1, int(b.max()) + 1), dtype=np.int64)
    np.add.at(table, (a[both], b[both]), 1)
    rows, columns = linear_sum_assignment(-table)
    return float(table[rows, columns].sum() / max(1, either.sum()))


def next_line(matrix: Float32s, lines: pd.DataFrame) -> float:
    """Mean reciprocal rank of the next line of the song among all texts, from `QUESTIONS` lines."""
    text = lines["text_id"].to_numpy(np.int64)
    song = lines["song_id"].astype(object).where(lines["song_id"].notna(), -1).to_numpy()
    pairs = np.flatnonzero((text[:-1] != text[1:]) & (song[:-1] == song[1:]))
    asked = np.random.default_rng(SEEDS[0]).permutation(pairs)[:QUESTIONS]
    found = []
    for rows in np.array_split(asked, max(1, len(asked) // 256)):
        scores = matrix[text[rows]] @ matrix.T
        each = np.arange(len(rows))
        scores[each, text[rows]] = -2
        target = scores[each, text[rows + 1]][:, None]
        above, level = (scores > target).sum(axis=1), (scores == target).sum(axis=1)
        found.append(1 / (above + (level + 1) / 2))
    return float(np.concatenate(found).mean())


def _largest_terms(table: pd.DataFrame, labels: Int64s) -> list[str]:
    """The first terms of the clusters with the most texts, a line each."""
    counts = np.bincount(labels[labels >= 0])
    method = table["method"].iloc[0] if len(table) else ""
    rows = table[table["method"] == method]
    said = []
    for cluster in np.argsort(-counts, kind="stable")[:SHOWN].tolist():
        terms = rows[rows["cluster"] == cluster].sort_values("rank")["term"].head(10)
        said.append(f"{cluster:4d} {counts[cluster]:6d}  " + "、".join(terms))
    return said


def main() -> None:
    """Make the cells that the table lacks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("input", type=Path)
    parser.add_argument("--model", default="e5-small")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cell", action="append", required=True)
    parser.add_argument("--also", action="append", default=[])
    parser.add_argument("--set", action="append", default=[], help="of every cell")
    given = parser.parse_args()
    base = change_config(Config(), [f"embedding.model={given.model}", *given.set])
    done = pd.read_csv(given.out) if given.out.exists() else pd.DataFrame({"cell": []})
    ground = prepare(given.input, base, given.store, load_backend("cpu"))
    rows, first = done.to_dict("records"), None
    for parts in product(given.cell, given.also or [""]):
        name = ",".join(filter(None, parts))
        if name in set(done["cell"]):
            continue
        config = change_config(base, name.split(","))
        row, terms, labels = measure_cell(ground, config)
        first = first or labels
        row |= on_shared_texts(ground, config, first, labels)
        rows.append({"cell": name, **row})
        pd.DataFrame(rows).to_csv(given.out, index=False)
        with Path(f"{given.out}.terms.txt").open("a", encoding="utf-8") as file:
            file.write("\n".join([name, *terms, "", ""]))
        print(name, {key: round(value, 3) for key, value in row.items()}, flush=True)


if __name__ == "__main__":
    main()
