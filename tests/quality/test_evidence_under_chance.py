"""How often the tables of evidence find something where whole songs were shuffled."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rapids_rap.config import TermsConfig
from rapids_rap.quality.emotion_rates import emotion_rates
from rapids_rap.quality.keyness import shown_terms, term_keyness
from rapids_rap.quality.profiles import exchanged_pairs, song_profiles
from rapids_rap.quality.who_writes_what import who_writes_what
from rapids_rap.words.terms import cluster_terms, first_terms
from tests.quality.planted import BACKEND, Corpus, word

SHUFFLES, PERMUTATIONS, MOST = 200, 199, 16
RESULTS = Path(__file__).parents[1] / "results" / "evidence_under_chance.csv"
TABLES = ("terms", "artists", "regions", "themes", "divergence", "emotions")


@pytest.mark.slow
def test_chance_is_found_in_no_more_tables_than_it_may_be():
    """Of 200 shuffles of songs at most 16 give any q below 0.05, in each table.

    Songs have words and clusters of their own, so that lines are as dependent as lyrics are. 16 is
    what a rate of 5 % stays below in 97 of 100 such counts.
    """
    corpus = Corpus(songs=120, clusters=8, artists=10)
    lines, tokens, n = corpus.lines, corpus.tokens, len(corpus.words)
    profiles = song_profiles(lines, corpus.texts, BACKEND)
    found = dict.fromkeys(TABLES, 0)
    for number, pairs in enumerate(exchanged_pairs(profiles, SHUFFLES, seed=12345)):
        labels = np.empty(n, dtype=np.int64)
        labels[profiles.texts] = corpus.labels[profiles.texts][pairs]
        for name, table in _tables(corpus, lines, tokens, labels, profiles, number).items():
            found[name] += bool((table["q"] < 0.05).any())
    rows = pd.DataFrame(found.items(), columns=["table", "with_any_q_below_0.05"])
    RESULTS.write_text(rows.assign(shuffles=SHUFFLES).to_csv(index=False), encoding="utf-8")
    assert max(found.values()) <= MOST, found


def _tables(corpus, lines, tokens, labels, profiles, seed):
    config, ones = TermsConfig(top=200), np.ones_like(labels)
    long = cluster_terms(tokens, labels, ones, (), config, BACKEND)
    shown = shown_terms(long, tokens, labels, profiles, BACKEND)
    how = PERMUTATIONS, BACKEND, seed
    terms = term_keyness(first_terms(long, 20), shown, tokens, labels, profiles, (), *how)
    regions = {f"a{i}": f"r{i % 5}" for i in range(10)}
    themes = np.where(labels < 0, -1, labels % 4)
    who = who_writes_what(lines, labels, themes, regions, profiles, *how)
    hits = np.array([[w.count(word(i)) for i in range(4)] for w in corpus.words], dtype=np.int64)
    emotions = emotion_rates(hits, labels, tuple("abcd"), profiles, *how)
    return {
        "terms": terms.table,
        "artists": who.cluster_artists,
        "regions": who.cluster_regions,
        "themes": who.artist_themes,
        "divergence": who.artist_divergence,
        "emotions": emotions.table,
    }
