"""What is counted over shards is what one process counts: terms, hits, songs times terms."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from rapids_rap.backend import load_backend
from rapids_rap.config import CorpusConfig, InputConfig, TermsConfig
from rapids_rap.corpus.ingest import ingest
from rapids_rap.quality.keyness import song_terms, term_keyness
from rapids_rap.quality.profiles import song_profiles
from rapids_rap.scale import hits as hits_room
from rapids_rap.scale import song_terms as songs_room
from rapids_rap.scale import tokens as tokens_room
from rapids_rap.scale.executor import SerialExecutor
from rapids_rap.scale.hits import hits_by_shards
from rapids_rap.scale.song_terms import cut_units, song_terms_by_shards
from rapids_rap.scale.terms import terms_by_shards
from rapids_rap.scale.tokens import read_tokens, write_tokens
from rapids_rap.words.hits import find_hits
from rapids_rap.words.lexicon import load_lexicon
from rapids_rap.words.segment import Tokens, segment
from rapids_rap.words.terms import cluster_terms, content_terms, stop_words
from tests.conftest import LYRICS

BACKEND = load_backend("cpu")


@pytest.fixture(scope="module")
def sung():
    """The sample's corpus, its tokens, and clusters that mean nothing."""
    corpus = ingest([LYRICS], InputConfig(), CorpusConfig())
    tokens = segment(corpus.texts, load_lexicon().all_words)
    return corpus, tokens, np.arange(len(corpus.texts), dtype=np.int64) % 4 - 1


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    for room in (tokens_room, songs_room):
        monkeypatch.setattr(room, "SHARD", 500)


@pytest.mark.parametrize("pairs", [True, False])
def test_terms_of_shards_are_those_of_the_whole(executor, sung, tmp_path, pairs):
    """Scores and ranks to the last bit, stop words, keys; nothing is left behind."""
    corpus, tokens, labels = sung
    config = TermsConfig(bigrams=pairs, min_count=2)
    of = (tokens, labels, corpus.weights, stop_words(""), config, BACKEND)
    alone = cluster_terms(*of)
    shared = terms_by_shards(*of, executor=executor, beside=tmp_path)
    for name in ("table", "stop_words", "frequent"):
        pd.testing.assert_frame_equal(
            getattr(shared, name), getattr(alone, name), check_exact=True, obj=name
        )
    assert shared.keys.tolist() == alone.keys.tolist()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", ["occurrence", "presence"])
@pytest.mark.parametrize("negation", ["count", "leave out"])
def test_hits_of_shards_are_those_of_the_whole(executor, sung, tmp_path, mode, negation):
    """Counts and every span, in their order."""
    corpus, tokens, _ = sung
    of = (tokens, corpus.texts, load_lexicon(), mode, negation, BACKEND)
    alone = find_hits(*of)
    shared = hits_by_shards(*of, executor=executor, beside=tmp_path)
    assert len(alone.spans)
    pd.testing.assert_frame_equal(shared.spans, alone.spans)
    assert np.array_equal(shared.counts, alone.counts)


def test_songs_times_terms_of_shards_are_those_of_the_whole(executor, sung, tmp_path):
    """Sparse counts, the terms that count, and the evidence that is made of them."""
    corpus, tokens, labels = sung
    stop = stop_words("")
    profiles = song_profiles(corpus.lines, corpus.texts, BACKEND)
    terms = cluster_terms(tokens, labels, corpus.weights, stop, TermsConfig(min_count=2), BACKEND)
    of = (tokens, terms.keys, profiles, stop)
    alone = song_terms(*of)
    by = partial(song_terms_by_shards, executor=executor, beside=tmp_path)
    shared = by(*of)
    assert shared.names.tolist() == alone.names.tolist()
    assert shared.units.tolist() == alone.units.tolist()
    assert shared.counts.dtype == alone.counts.dtype
    assert abs(shared.counts - alone.counts).sum() == 0
    evidence = (terms, terms, tokens, labels, profiles, stop, 19, BACKEND, 1)
    pd.testing.assert_frame_equal(
        term_keyness(*evidence, count=by).table, term_keyness(*evidence).table, check_exact=True
    )


def test_no_unit_of_songs_is_cut():
    """A term in five lines of one song is in one song."""
    units = np.repeat(np.arange(6), [3, 1, 9, 2, 1, 4])
    shards = cut_units(units, 4)
    assert shards == [(0, 4), (4, 13), (13, 20)]
    assert cut_units(units[:0], 4) == []


def test_tokens_of_some_texts_are_read_alone(sung, tmp_path):
    """In the order asked for, whatever lies between."""
    _, tokens, _ = sung
    write_tokens(tmp_path, tokens)
    wanted = np.array([7, 3, 3, len(tokens.offsets) - 2])
    read = read_tokens(tmp_path, wanted)
    some = read.tokens
    for number, text in enumerate(wanted.tolist()):
        own = slice(*some.offsets[number : number + 2])
        whole = slice(*tokens.offsets[text : text + 2])
        for name in ("starts", "ends", "gaps"):
            assert np.array_equal(getattr(some, name)[own], getattr(tokens, name)[whole]), name
        assert np.array_equal(read.words[some.ids[own]], tokens.ids[whole])
        assert [some.vocabulary[i] for i in some.ids[own]] == [
            tokens.vocabulary[i] for i in tokens.ids[whole]
        ]
    assert len(some.vocabulary) == len(set(some.ids.tolist())) < len(tokens.vocabulary)


def test_keys_of_some_texts_are_those_of_all(sung, tmp_path):
    """Words and pairs are numbered by a vocabulary, and a shard has only its own."""
    _, tokens, _ = sung
    write_tokens(tmp_path, tokens)
    first, last = 40, 90
    some = read_tokens(tmp_path, np.arange(first, last))
    text, keys = content_terms(tokens, ())
    among = (first <= text) & (text < last)
    own_text, own = content_terms(some.tokens, ())
    assert own.max() >= len(some.words)  # pairs, too
    assert np.array_equal(some.keys_among_all(own), keys[among])
    assert np.array_equal(own_text, text[among] - first)
    nothing = read_tokens(tmp_path, np.zeros(0, np.int64))
    assert not len(nothing.keys_among_all(np.zeros(0, np.int64)))


@pytest.mark.parametrize("stage", ["terms", "lexicon", "songs"])
def test_the_words_that_a_shard_looks_at_do_not_grow_with_the_corpus(stage, tmp_path, monkeypatch):
    """Vocabulary and shards both grow with it: all words for each shard would be its square."""
    looked: list[int] = []
    made = Tokens.__init__

    def note(self, *fields, **named):
        made(self, *fields, **named)
        looked.append(len(self.vocabulary))

    def most(shards):
        texts = [f"词 own{i} word{i}" for i in range(500 * shards)]
        tokens = segment(texts)
        ones = np.ones(len(texts), np.int64)
        looked.clear()
        where = {"executor": SerialExecutor(), "beside": tmp_path}
        with monkeypatch.context() as patch:
            patch.setattr(Tokens, "__init__", note)
            if stage == "terms":
                terms_by_shards(tokens, ones, ones, (), TermsConfig(), BACKEND, **where)
            elif stage == "lexicon":
                how = (load_lexicon(), "occurrence", "count", BACKEND)
                hits_by_shards(tokens, texts, *how, **where)
            else:
                profiles = SimpleNamespace(
                    units=np.arange(len(texts)) // 10, texts=np.arange(len(texts))
                )
                song_terms_by_shards(tokens, np.zeros(1, np.int64), profiles, (), **where)
        return max(looked)

    assert most(2) == most(8) == 1001


def test_nothing_to_count_is_no_harm(sung, tmp_path):
    """A corpus without texts, where there are no shards."""
    tokens = segment([])
    none = np.zeros(0, np.int64)
    of = (tokens, none, none, (), TermsConfig(), BACKEND)
    shared = terms_by_shards(*of, executor=SerialExecutor(), beside=tmp_path)
    assert not len(shared.table)
    of = (tokens, (), load_lexicon(), "occurrence", "count", BACKEND)
    assert not len(hits_room.hits_by_shards(*of, executor=SerialExecutor(), beside=tmp_path).spans)
