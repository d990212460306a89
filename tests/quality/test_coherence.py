"""Topic diversity and NPMI, each with what it is compared to."""

import math

import numpy as np
import pandas as pd
import pytest

from rapids_rap.backend import rows as grouped
from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.config import TermsConfig
from rapids_rap.quality.coherence import npmi, topic_diversity
from rapids_rap.words.segment import segment
from rapids_rap.words.terms import Terms, cluster_terms
from tests.strict_backend import StrictBackend

BACKEND = CpuBackend()


def listing(tokens, clusters):
    """`Terms` that list these words (or pairs of words) for each cluster."""
    index = {word: i for i, word in enumerate(tokens.vocabulary)}
    size, rows, keys = len(index), [], []
    for cluster, terms in clusters.items():
        for rank, term in enumerate(terms, start=1):
            ids = [index[word] for word in term.split()]
            rows.append((cluster, rank, term, 1.0, "log_odds"))
            keys.append(ids[0] if len(ids) == 1 else size + ids[0] * size + ids[1])
    table = pd.DataFrame(rows, columns=["cluster", "rank", "term", "score", "method"])
    none = pd.DataFrame({"term": pd.array([], dtype="str"), "count": []})
    return Terms(table, np.array(keys, dtype=np.int64), none, table)


def test_topic_diversity():
    """Distinct terms over terms, of the first few ranks, noise apart, one method at a time."""
    rows = [(0, 1, "a"), (0, 2, "b"), (1, 1, "a"), (1, 2, "c"), (-1, 1, "z"), (1, 3, "a")]
    table = pd.DataFrame(rows, columns=["cluster", "rank", "term"]).assign(method="log_odds")
    both = pd.concat([table, table.assign(method="ctfidf", term="x")])
    assert topic_diversity(table, 2) == topic_diversity(both, 2) == 0.75
    assert topic_diversity(table, 1) == 0.5
    assert topic_diversity(table.iloc[:0], 2) is None
    assert topic_diversity(table[table["cluster"] == -1], 2) is None


def test_npmi_by_hand():
    """Bouma's formula on texts, a text counted once however often it says a word."""
    tokens = segment(["aa bb aa", "aa bb", "aa cc", "dd", "cc"])
    found = npmi(tokens, listing(tokens, {0: ["aa", "bb"], 1: ["aa", "cc"]}), 5, BACKEND)
    together = math.log((2 / 5) / (3 / 5 * 2 / 5)) / -math.log(2 / 5)
    apart = math.log((1 / 5) / (3 / 5 * 2 / 5)) / -math.log(1 / 5)
    assert found.clusters["npmi"].tolist() == pytest.approx([together, apart])
    assert found.value == pytest.approx((together + apart) / 2)


def test_npmi_limits():
    """-1 for words that never meet, 1 for words that are in every text."""
    tokens = segment(["aa bb", "aa bb", "aa bb"])
    assert npmi(tokens, listing(tokens, {0: ["aa", "bb"]}), 5, BACKEND).value == 1.0
    tokens = segment(["aa", "bb"])
    assert npmi(tokens, listing(tokens, {0: ["aa", "bb"]}), 5, BACKEND).value == -1.0


def test_pairs_that_share_a_word_say_nothing():
    """A pair of words and its own word always meet, so they are not counted as coherence."""
    tokens = segment(["full moon sea", "full moon", "sea"])
    found = npmi(tokens, listing(tokens, {0: ["full moon", "moon", "sea"]}), 5, BACKEND)
    assert found.clusters["pairs"].tolist() == [2]


def test_noise_and_single_terms():
    """Noise is not a topic, a cluster of one term has no pair, and nothing at all is None."""
    tokens = segment(["aa bb", "bb"])
    found = npmi(tokens, listing(tokens, {-1: ["aa", "bb"], 0: ["aa"]}), 5, BACKEND)
    assert found.value is found.baseline is None
    assert npmi(tokens, listing(tokens, {}), 5, BACKEND).value is None


def test_baseline_is_beaten_by_topics_and_not_by_chance():
    """Lists from real topics are far above random words; lists from shuffled labels are not."""
    rng = np.random.default_rng(0)
    topics = [[f"t{k}w{i}" for i in range(12)] for k in range(6)]
    common = [f"c{i}" for i in range(60)]
    labels = rng.integers(0, 6, 1500)
    texts = [" ".join([*rng.choice(topics[k], 3), *rng.choice(common, 3)]) for k in labels.tolist()]
    tokens, ones = segment(texts), np.ones(1500, dtype=np.int64)
    config = TermsConfig(stop_words="none", bigrams=False)
    real = npmi(
        tokens,
        cluster_terms(tokens, labels, ones, (), config, BACKEND),
        8,
        BACKEND,
    )
    chance = rng.permutation(labels)
    fake = npmi(
        tokens,
        cluster_terms(tokens, chance, ones, (), config, BACKEND),
        8,
        BACKEND,
    )
    assert real.value > real.baseline + 0.3
    assert abs(fake.value - fake.baseline) < 0.25
    assert (
        npmi(
            tokens,
            cluster_terms(tokens, labels, ones, (), config, BACKEND),
            8,
            BACKEND,
        ).baseline
        == real.baseline
    )


@pytest.mark.parametrize("backend", [BACKEND, StrictBackend()], ids=["numpy", "strict"])
def test_counts_equal_sets_of_texts_in_blocks(backend, monkeypatch):
    """In how many texts terms and pairs of terms are, by intersecting sets; blocks don't show."""
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(list("abcdefgh"), rng.integers(0, 9))) for _ in range(70)]
    tokens = segment([text.replace(" ", " q ") for text in texts])
    words = [word for word in tokens.vocabulary if word != "q"]
    lists = {0: words[:5], 1: words[3:], 2: [words[0], words[-1]]}
    monkeypatch.setattr(grouped, "BLOCK_BYTES", 500)
    found = npmi(tokens, listing(tokens, lists), 9, backend)

    held = {word: {i for i, text in enumerate(texts) if word in text.split()} for word in words}
    for row in found.clusters.itertuples():
        terms, values = lists[row.cluster], []
        for place, one in enumerate(terms):
            for other in terms[place + 1 :]:
                p, x, y = (len(s) / 70 for s in (held[one] & held[other], held[one], held[other]))
                values.append(math.log(p / (x * y)) / -math.log(p) if p else -1.0)
        assert row.npmi == pytest.approx(np.mean(values))
        assert row.pairs == len(values)


def test_strict_arrays_pass_through():
    """On arrays that refuse NumPy the figures are the same, baseline and all."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(list("abcdefghijkl"), 6)) for _ in range(60)]
    labels, ones = rng.integers(-1, 3, 60), np.ones(60, dtype=np.int64)
    tokens, config = segment(texts), TermsConfig(stop_words="none", min_count=1)
    terms = cluster_terms(tokens, labels, ones, (), config, BACKEND)
    plain, strict = (npmi(tokens, terms, 8, backend, 5) for backend in (BACKEND, StrictBackend()))
    assert (plain.value, plain.baseline) == (strict.value, strict.baseline)
    pd.testing.assert_frame_equal(plain.clusters, strict.clusters)
