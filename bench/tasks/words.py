"""Terms of clusters and lexicon counts: our word stages, and jieba with CountVectorizer.

The clusters are given, so that only words are measured: a line belongs to one of `CLUSTERS` groups
of artists, which differ in their words as clusters do.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from rapids_rap.arrays import Int64s
from rapids_rap.backend import load_backend
from rapids_rap.bench.measure import Call, Inputs, SideFindings, Stages
from rapids_rap.config import TermsConfig

CLUSTERS = 100
TOP = 10


def read(inputs: Inputs) -> tuple[list[str], Int64s]:
    """The lines, and each one's group."""
    lines = pd.read_parquet(inputs.corpus, columns=["artist", "text"])
    artist = pd.factorize(lines["artist"], sort=True)[0]
    return lines["text"].tolist(), artist.astype(np.int64) % CLUSTERS


def ours(inputs: Inputs) -> Call:
    """Distinct texts with weights: segmented once, then terms and the lexicon read the tokens."""
    return _ours(inputs, "occurrence")


def ours_presence(inputs: Inputs) -> Call:
    """The same with the poster's way of counting, `lexicon.mode = "presence"`."""
    return _ours(inputs, "presence")


def _ours(inputs: Inputs, mode: Literal["occurrence", "presence"]) -> Call:
    from rapids_rap.words.lexicon import count_hits, load_lexicon
    from rapids_rap.words.segment import segment
    from rapids_rap.words.terms import cluster_terms, stop_words

    texts, labels = read(inputs)
    backend, lexicon = load_backend("cpu"), load_lexicon()

    def call() -> SideFindings:
        clock = Stages()
        ones = np.ones(len(texts), dtype=np.int64)
        with clock("segment"):
            tokens = segment(texts, lexicon.all_words)
        with clock("terms"):
            terms = cluster_terms(tokens, labels, ones, stop_words(""), TermsConfig(), backend)
        with clock("lexicon"):
            hits = count_hits(tokens, texts, lexicon, mode, backend)
        return SideFindings(
            {"lines": len(texts), "tokens": len(tokens.ids)},
            clock.stages,
            {"hits": hits},
            {"terms": terms.table, "frequent": terms.frequent},
        )

    return call


def poster(inputs: Inputs) -> Call:
    """jieba, CountVectorizer, class-based TF-IDF, and substring tests for the lexicon."""
    from rapids_rap.bench.baseline import poster_words as baseline

    texts, labels = read(inputs)
    lexicon = baseline.load_lexicon()

    def call() -> SideFindings:
        clock = Stages()
        with clock("terms"):
            terms = baseline.cluster_terms(texts, labels, TOP)
        with clock("lexicon"):
            hits = baseline.count_presence(texts, lexicon)
        return SideFindings({"lines": len(texts)}, clock.stages, {"hits": hits}, {"terms": terms})

    return call


def score(inputs: Inputs, found: Mapping[str, Path]) -> dict[str, dict[str, float]]:
    """Whether the same things were counted.

    term_agreement: of the poster's first ten terms of a cluster, the share that our plain counting
    (stop words included) has among its first thirty. hits_equal: share of lines whose lexicon
    counts are the poster's; below one where words are counted on word boundaries.
    """
    del inputs
    poster_terms = pd.read_csv(found["poster"] / "terms.csv")
    poster_hits = np.load(found["poster"] / "hits.npy")
    figures = {}
    for side, folder in found.items():
        hits = np.load(folder / "hits.npy")
        figures[side] = {
            "hits_equal": float(np.mean(np.all(hits == poster_hits, axis=1))),
            "term_agreement": _agreement(folder, poster_terms),
        }
    return figures


def _agreement(folder: Path, expected: pd.DataFrame) -> float:
    name = "frequent.csv" if (folder / "frequent.csv").exists() else "terms.csv"
    terms = pd.read_csv(folder / name)
    ours = set(zip(terms["cluster"], terms["term"], strict=True))
    wanted = expected[expected["rank"] <= TOP]
    both = zip(wanted["cluster"], wanted["term"], strict=True)
    return float(np.mean([pair in ours for pair in both]))
