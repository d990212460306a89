"""Every beginning once: a batch's trie holds each beginning once, and changes no vector."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding.embed import embed
from rapids_rap.embedding.packing import TokenBatchIds
from rapids_rap.embedding.trie import (
    FULL_ROWS,
    PATHS_A_NODE,
    make_trie,
    plan_tries,
    shared_tokens,
    sort_texts,
)
from tests.embedding.conftest import CHARACTERS, texts_of

# Few tokens, so that beginnings are shared; texts may be equal, nested, or of one token.
TOKENS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=9), min_size=1, max_size=12)


def batch_of(texts):
    """Texts as lists of token ids."""
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    return TokenBatchIds(
        ids=np.array([token for text in texts for token in text], dtype=np.int32),
        starts=np.concatenate(([0], np.cumsum(lengths))),
        truncated=np.zeros(len(texts), dtype=bool),
    )


def paths(places, borders):
    """The nodes of each path."""
    return [list(places[a:b]) for a, b in itertools.pairwise(borders)]


@given(TOKENS)
def test_every_text_is_read_along_its_path(texts):
    """What is pooled for a text is its own tokens at their own places, whatever stands beside."""
    tokens = batch_of(texts)
    trie = make_trie(tokens, np.arange(len(texts)))
    for text, path in zip(texts, paths(trie.texts.places, trie.texts.borders), strict=True):
        assert trie.nodes.ids[path].tolist() == text
        assert trie.nodes.positions[path].tolist() == list(range(len(text)))


@given(TOKENS)
def test_a_node_attends_to_its_own_beginning(texts):
    """The path of a run ends in its nodes, and above each node lies what the text has before it."""
    tokens = batch_of(texts)
    trie = make_trie(tokens, sort_texts(tokens, np.arange(len(texts))))
    runs = paths(np.arange(len(trie.nodes.ids)), trie.nodes.borders)
    keys = paths(trie.keys.places, trie.keys.borders)
    beginnings = {tuple(text[:i]) for text in texts for i in range(1, len(text) + 1)}
    found = []
    for run, path in zip(runs, keys, strict=True):
        assert path[len(path) - len(run) :] == run
        for depth in range(len(path) - len(run), len(path)):
            found.append(tuple(trie.nodes.ids[path[: depth + 1]].tolist()))
            assert trie.nodes.positions[path[depth]] == depth
    fill = -len(beginnings) % FULL_ROWS
    assert found[: len(found) - fill] == sorted(beginnings)  # of sorted texts: each once
    assert trie.keys.longest == max(len(text) for text in texts)


@given(TOKENS)
def test_texts_are_sorted_by_their_tokens(texts):
    """Then each shares most with the one before it, and what begins another stands before it."""
    tokens = batch_of(texts)
    order = sort_texts(tokens, np.arange(len(texts)))
    assert [texts[i] for i in order] == sorted(texts)
    shared = shared_tokens(tokens, order)
    for (a, b), count in zip(
        itertools.pairwise([texts[i] for i in order]), shared[1:], strict=True
    ):
        assert a[:count] == b[:count]
        assert a[: count + 1] != b[: count + 1] or count == min(len(a), len(b))


@given(TOKENS, st.integers(1, 40))
def test_batches_hold_what_they_may(texts, budget):
    """Memory: nodes within the budget, paths within a multiple of it, and every text once."""
    tokens = batch_of(texts)
    order = sort_texts(tokens, np.arange(len(texts)))
    plan = plan_tries(tokens.lengths[order], shared_tokens(tokens, order), budget)
    assert [i for part in plan for i in order[part].tolist()] == order.tolist()
    for part in plan:
        chosen = [texts[i] for i in order[part]]
        nodes = {tuple(text[:i]) for text in chosen for i in range(1, len(text) + 1)}
        assert len(chosen) == 1 or len(nodes) <= budget
        assert len(chosen) == 1 or sum(map(len, chosen)) <= PATHS_A_NODE * budget


RAGGED = [
    "山",
    "山水",
    "山水风",
    "山水风云",
    "山水风云夜路灯火城江人心梦歌",
    "山水风火",
    "山火",
    "水",
    "水" * 40,
    "水" * 47,
    "水" * 48,
    "水" * 49,  # too long for a walk
    "水" * 60,
    *texts_of([1, 2, 3, 5, 9, 30]),
]


@pytest.fixture(scope="module")
def encoders(make_model):
    """A tiny Qwen2 with grouped heads, that computes beginnings once and one that pads."""
    from rapids_rap.backend import load_backend
    from rapids_rap.embedding.embed import load_encoder

    folder, made = make_model(), {}

    def encoder(attention, pooling):
        if (attention, pooling) not in made:
            config = EmbeddingConfig(
                model=str(folder), causal="yes", attention=attention, pooling=pooling
            )
            made[attention, pooling] = load_encoder(config, load_backend("cpu"))
        return made[attention, pooling]

    return encoder


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.one_of(st.sampled_from(RAGGED), st.text(CHARACTERS[:3], min_size=1, max_size=12)),
        min_size=1,
        max_size=14,
    ),
    st.sampled_from(["mean", "last", "cls", "echo"]),
    st.integers(1, 90),
)
def test_vectors_are_those_of_the_plain_way(encoders, texts, pooling, budget):
    """Exact to 1e-5 for ragged, equal and nested texts, in batches of any size."""
    encoder = encoders("auto", pooling)
    assert encoder.plan.layout == "trie"
    encoder.token_budget = budget
    plain = encoders("padded", pooling).encode(texts)
    np.testing.assert_allclose(encoder.encode(texts), plain, atol=1e-5)


def test_a_text_has_the_same_bits_in_any_company(encoders):
    """Nights embed new lines in other batches and workers in other shards: five companies each."""
    crowd = ["".join(CHARACTERS[(i * j) % 11] for j in range(1 + i % 23)) for i in range(90)]
    for pooling in ("mean", "echo"):
        encoder = encoders("auto", pooling)
        encoder.token_budget = 1024
        together = encoder.encode(RAGGED)
        random = np.random.default_rng(3)
        for i, text in enumerate(RAGGED):
            others = [random.choice(crowd, 40).tolist(), crowd, [t + text for t in crowd[:9]]]
            nested = [text[:k] for k in range(1, len(text))] + [text + "山", text + "云"]
            companies = [[text], RAGGED[::-1], [*others[0], text], [text, *others[1]]]
            companies += [[*nested, text], [*others[2], text]]
            for number, company in enumerate(companies):
                encoder.token_budget = (7, 64, 1024)[number % 3]
                found = encoder.encode(company)[company.index(text)]
                assert found.tobytes() == together[i].tobytes(), (text, number, pooling)


def test_a_beginning_is_computed_once(encoders):
    """The saving itself: nodes, not tokens, and the report counts both."""
    encoder = encoders("auto", "mean")
    encoder.token_budget = 1024
    texts = ["山水风云" + c for c in CHARACTERS[:10]]
    import torch

    out = torch.zeros(len(texts), encoder.spec.dim)
    norms = encoder.encode_into(encoder.tokenize(texts), np.arange(len(texts)), out)
    assert norms.computed == 4 + 10


def test_a_model_that_looks_ahead_shares_nothing(make_model, encoder_of):
    """Its states depend on a text's end: beginnings are not shared, whatever the lane could do."""
    for family, causal in (("bert", "no"), ("qwen2", "no")):
        assert encoder_of(make_model(family), causal=causal).plan.layout == "dense"


def test_vectors_of_earlier_versions_keep_their_space(make_model, tmp_path):
    """A store is of one way of computing: another has a space of its own."""
    from rapids_rap.backend import load_backend

    folder, backend = make_model(), load_backend("cpu")
    texts = texts_of([3, 4, 5, 5])
    for attention, spaces in (("padded", 1), ("auto", 2), ("auto", 2), ("padded", 2)):
        config = EmbeddingConfig(model=str(folder), causal="yes", attention=attention)
        embed(texts, config, backend, tmp_path)
        assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == spaces
