"""An artist's own theme is found, a song's is not, and divergence is SciPy's."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from rapids_rap.quality.profiles import song_profiles
from rapids_rap.quality.who_writes_what import who_writes_what
from tests.quality.planted import BACKEND, Corpus


def tables(corpus, permutations=199, regions=None, lines=None):
    lines = corpus.lines if lines is None else lines
    labels = corpus.labels.astype(np.int64)
    profiles = song_profiles(lines, corpus.texts, BACKEND)
    themes = np.where(labels < 0, -1, labels % 3)
    return who_writes_what(lines, labels, themes, regions, profiles, permutations, BACKEND, seed=5)


@pytest.fixture(scope="module")
def planted():
    """Artist a3 writes of cluster 2 in nearly every song; the others of anything."""
    corpus = Corpus(seed=2)
    own = (corpus.artist == 3) & (np.arange(len(corpus.labels)) % 4 > 0)
    corpus.labels[own] = 2
    return corpus, tables(corpus)


def test_a_planted_artist_is_found_in_his_cluster_and_theme(planted):
    """Of all artists he alone has a q below 0.05 and a lift above 1."""
    _, found = planted
    for table, column, group in (
        (found.cluster_artists, "cluster", 2),
        (found.artist_themes, "theme", 2),
    ):
        more = table[(table["q"] < 0.05) & (table["lift"] > 1)]
        assert set(zip(more["artist"], more[column], strict=True)) == {("a3", group)}
        assert (more["lift_low"] > 1).all()


def test_his_divergence_is_beyond_chance_and_nobody_else_s(planted):
    """It lies above what songs exchanged among artists give, with its interval."""
    _, found = planted
    table = found.artist_divergence.set_index("artist")
    assert set(table.index[table["q"] < 0.05]) == {"a3"}
    assert table.loc["a3", "divergence_low"] > table.loc["a3", "by_chance"]
    assert (table["divergence_low"] <= table["divergence"]).all()


def test_divergence_is_scipy_s_and_shares_are_the_run_s(planted):
    """The square of SciPy's Jensen-Shannon distance in base 2."""
    corpus, found = planted
    everyone = np.bincount(corpus.labels + 1)
    for row in found.artist_divergence.itertuples():
        own = np.bincount(corpus.labels[corpus.artist == int(row.artist[1:])] + 1, minlength=5)
        assert row.divergence == pytest.approx(jensenshannon(own, everyone, base=2) ** 2)


def test_one_song_makes_no_artist(planted):
    """A single song that fills a cluster gives its artist a lift, a note, and no p."""
    corpus = Corpus(seed=4)
    corpus.labels[corpus.labels == 3] = 0
    corpus.labels[corpus.song == 9] = 3
    found = tables(corpus).cluster_artists
    row = found[(found["artist"] == "a1") & (found["cluster"] == 3)].iloc[0]
    assert row["lift"] > 1
    assert row["note"] == "too few songs"
    assert np.isnan(row["p"])


def test_a_region_is_of_artists(planted):
    """One artist's theme is no region's; a theme of all its artists is."""
    corpus, _ = planted
    regions = {f"a{i}": "north" if i < 4 else "south" for i in range(8)}
    one = tables(corpus, regions=regions).cluster_regions
    assert not (one["q"] < 0.05).any()
    many = Corpus(seed=6, songs=240, artists=24)
    own = (many.artist < 12) & (np.arange(len(many.labels)) % 3 > 0)
    many.labels[own] = 1
    regions = {f"a{i}": "north" if i < 12 else "south" for i in range(24)}
    all_of_them = tables(many, regions=regions).cluster_regions
    sure = all_of_them[(all_of_them["q"] < 0.05) & (all_of_them["lift"] > 1)]
    assert ("north", 1) in set(zip(sure["region"], sure["cluster"], strict=True))


def test_what_is_not_known_is_not_computed():
    """Without artists there are no tables; without songs, no p and a note."""
    corpus = Corpus(songs=12)
    nobody = tables(corpus, lines=corpus.lines.assign(artist=None))
    assert not len(nobody.cluster_artists.columns)
    unsung = tables(corpus, lines=corpus.lines.assign(song_id=None))
    assert unsung.cluster_artists["p"].isna().all()
    assert set(unsung.artist_divergence["note"]) == {"no songs known"}
    assert tables(corpus, permutations=0).artist_divergence["p"].isna().all()
