"""From vectors to topics and their terms: our stages and BERTopic, on the same vectors and texts.

`prepare` embeds once. Ours is what a run does between its vectors and its term table: neighbours,
both layouts, clusters, words and terms; BERTopic makes no map.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rapids_rap.backend import load_backend
from rapids_rap.bench import scoring
from rapids_rap.bench.measure import Call, Inputs, SideFindings, Stages
from rapids_rap.bench.tasks.embedding import MODEL, read_texts
from rapids_rap.config import ClustersConfig, Config, EmbeddingConfig
from rapids_rap.embedding.embed import load_encoder


def prepare(inputs: Inputs) -> None:
    """The vectors of the distinct texts, in the order of their first lines."""
    encoder = load_encoder(EmbeddingConfig(model=MODEL), load_backend("cpu"))
    np.save(inputs.shared / "vectors.npy", encoder.encode(distinct(inputs)))


def distinct(inputs: Inputs) -> list[str]:
    """Each text once, in the order of the corpus."""
    return list(dict.fromkeys(read_texts(inputs)))


def ours(inputs: Inputs) -> Call:
    """The stages of a run with one layout, as BERTopic has."""
    return _ours(inputs, ClustersConfig(layouts=1))


def ours_votes(inputs: Inputs) -> Call:
    """The stages of a run with its defaults, where several layouts vote."""
    return _ours(inputs, ClustersConfig())


def _ours(inputs: Inputs, clusters: ClustersConfig) -> Call:
    from rapids_rap.clustering.clusters import find_clusters
    from rapids_rap.clustering.layout import lay_out
    from rapids_rap.clustering.neighbors import neighbor_graph
    from rapids_rap.clustering.votes import cast_votes
    from rapids_rap.words.segment import segment
    from rapids_rap.words.terms import cluster_terms, stop_words

    texts, vectors = distinct(inputs), np.load(inputs.shared / "vectors.npy")
    config, backend = Config(clusters=clusters), load_backend("cpu")
    seed = 42 if config.seed == "none" else config.seed

    def call() -> SideFindings:
        ones, clock = np.ones(len(texts), dtype=np.int64), Stages()
        with clock("neighbors"):
            graph = neighbor_graph(vectors, config.neighbors, backend, seed)
        with clock("layout"):
            layout = lay_out(vectors, graph, config.layout, backend, seed)
        with clock("votes"):
            how = (config.layout, config.clusters.voting, backend, seed)
            votes = cast_votes(layout, vectors, graph, *how)
        with clock("clusters"):
            found = find_clusters(votes, vectors, ones, graph, config.clusters, backend)
        with clock("terms"):
            tokens = segment(texts)
            terms = cluster_terms(
                tokens,
                found.labels,
                ones,
                stop_words(config.terms.stop_words),
                config.terms,
                backend,
            )
        return SideFindings(
            {"texts": len(texts), "recall_1000": round(1000 * graph.recall)},
            clock.stages,
            {"labels": found.labels},
            {"terms": terms.table},
        )

    return call


def bertopic(inputs: Inputs) -> Call:
    """BERTopic, its UMAP seeded as ours."""
    return _bertopic(inputs, seeded=True)


def bertopic_unseeded(inputs: Inputs) -> Call:
    """BERTopic, its UMAP on all cores and so different from run to run."""
    return _bertopic(inputs, seeded=False)


def _bertopic(inputs: Inputs, *, seeded: bool) -> Call:
    from rapids_rap.bench.baseline import with_bertopic as baseline
    from rapids_rap.bench.baseline.settings import our_settings

    texts, vectors = distinct(inputs), np.load(inputs.shared / "vectors.npy")
    settings = our_settings(len(texts))

    def call() -> SideFindings:
        labels, terms = baseline.find_topics(
            texts, vectors, settings, settings.seed if seeded else None
        )
        return SideFindings({"texts": len(texts)}, (), {"labels": labels}, {"terms": terms})

    return call


def score(inputs: Inputs, found: Mapping[str, Path]) -> dict[str, dict[str, float | None]]:
    """Every side's clusters, on the same texts and vectors."""
    backend = load_backend("cpu")
    of = scoring.judged(distinct(inputs), np.load(inputs.shared / "vectors.npy"))
    labels = {side: np.load(folder / "labels.npy") for side, folder in found.items()}
    return {
        side: scoring.score_labels(of, own, backend)
        | {"ari_to_ours": scoring.agreement(own, labels["ours"])}
        for side, own in labels.items()
    }
