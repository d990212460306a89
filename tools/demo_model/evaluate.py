"""What the demo model is worth: next-line retrieval, alignment, uniformity, anisotropy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import Qwen2Model

from rapids_rap.arrays import Float32s
from rapids_rap.backend import load_backend
from rapids_rap.bench.corpora import Poem
from rapids_rap.quality.lines import chance_of, character_pairs, early, pair_ranks
from rapids_rap.quality.vectors import log_potential, mean_cosine, mean_distance
from tools.demo_model.data import Lines, Padded
from tools.demo_model.model import embed


@dataclass(frozen=True, slots=True)
class LinePairs:
    """Neighbouring lines: texts, their places in :class:`Lines`, an id for each target text."""

    queries: list[str]
    targets: list[str]
    first: NDArray[np.int64]
    text_ids: NDArray[np.int64]


def poem_pairs(poems: Sequence[Poem], lines: Lines, number: int, seed: int = 42) -> LinePairs:
    """A line and the next, drawn at random, from each of ``number`` poems."""
    random = np.random.default_rng([seed, 3])
    starts = random.permutation(lines.starts(2))
    _, place = np.unique(lines.stanza[starts], return_index=True)
    return _pairs(poems, lines, random.permutation(starts[place])[:number])


def lyric_pairs(stanzas: Sequence[Poem], lines: Lines) -> LinePairs:
    """Every two neighbouring lines of every stanza, each pair of texts once."""
    starts = lines.starts(2)
    texts = np.stack([lines.text[starts], lines.text[starts + 1]], axis=1)
    _, once = np.unique(texts, axis=0, return_index=True)
    return _pairs(stanzas, lines, starts[np.sort(once)])


def _pairs(poems: Sequence[Poem], lines: Lines, first: NDArray[np.int64]) -> LinePairs:
    texts = [line.lower() for poem in poems for line in poem.lines]
    queries = [texts[index] for index in first]
    return LinePairs(queries, [texts[index + 1] for index in first], first, lines.text[first + 1])


def line_vectors(
    model: Qwen2Model, lines: Lines, which: NDArray[np.int64], batch: int = 512
) -> Float32s:
    """Unit vectors (len(which), hidden) float32 of these lines, encoded in order of length."""
    order = np.argsort(lines.lengths[which], kind="stable")
    vectors = np.empty((len(which), model.config.hidden_size), np.float32)
    model.eval()
    with torch.inference_mode():
        for begin in range(0, len(which), batch):
            rows = order[begin : begin + batch]
            padded: Padded = lines.gather(which[rows], np.ones(len(rows), np.int64))
            vectors[rows] = embed(model, padded).numpy()
    return vectors


def model_figures(model: Qwen2Model, lines: Lines, pairs: LinePairs) -> dict[str, float]:
    """Retrieval of the next line, and the geometry of the vectors.

    ``alignment`` is the mean squared distance of a pair, ``uniformity`` the logarithm of the
    mean Gaussian kernel (Wang and Isola, ICML 2020, t = 2), ``random_cosine`` the mean cosine
    of two different targets: 0 is isotropic, 1 is one direction for all.
    """
    queries = line_vectors(model, lines, pairs.first)
    targets = line_vectors(model, lines, pairs.first + 1)
    ranks = pair_ranks(lambda part, some: queries[part] @ targets[some].T, pairs.text_ids)
    return _retrieval(*early(ranks), len(ranks)) | {
        "alignment": mean_distance(queries, targets),
        "uniformity": log_potential(targets),
        "random_cosine": mean_cosine(targets),
    }


def _retrieval(mrr: float, recall: float, n: int) -> dict[str, float]:
    return {"mrr": mrr, "recall_at_10": recall, "n": n}


def baseline_figures(pairs: LinePairs) -> dict[str, dict[str, float]]:
    """Character 2-5-gram TF-IDF on the same pairs, and chance."""
    n = len(pairs.queries)
    characters = character_pairs(pairs.queries, pairs.targets, load_backend("cpu"))
    ranks = pair_ranks(characters, pairs.text_ids)
    chance = chance_of(1, len(np.unique(pairs.text_ids)))
    return {"char_tfidf_2_5": _retrieval(*early(ranks), n), "chance": _retrieval(*chance, n)}
