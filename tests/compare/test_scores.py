"""The one scorer: what it measures by hand, its intervals, and that both sides get the same."""

import numpy as np
import pytest

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.compare.scores import bootstrap_mean, cluster_sizes, rescore, used_vectors
from rapids_rap.compare.shared import find_shared
from rapids_rap.errors import InputError
from rapids_rap.runs.run import open_run
from tests.run_factory import NOTHING_SEEN, make_run

BACKEND = CpuBackend()
WORDS = "山城夜雨灯江桥船梦歌酒风月家路车"


def corpus(n=120, songs=12):
    """Lines: a song's lines share a word; their cluster is what the caller says."""
    texts = [f"{WORDS[i % songs]}{WORDS[(i * 7) % 16]}第{i}行" for i in range(n)]
    return texts, [i % songs for i in range(n)]


def score(tmp_path, labels, **more):
    texts, songs = corpus()
    run = open_run(make_run(tmp_path / "run", texts, labels, songs=songs, **more))
    return rescore(find_shared([run, run]), NOTHING_SEEN, BACKEND)


def test_both_sides_of_one_run_score_the_same(tmp_path):
    """The scorer does not depend on which side a run stands."""
    first, second = score(tmp_path, [i % 3 for i in range(120)])
    assert first == second


def test_neighbouring_lines_by_hand(tmp_path):
    """A cluster a song: every neighbour agrees (1); shuffled labels agree as chance has it (0)."""
    _, songs = corpus()
    by_song, _ = score(tmp_path / "one", songs)
    assert by_song["next_line_cluster"]["value"] == pytest.approx(1.0)
    shuffled = np.random.default_rng(0).permutation(songs).tolist()
    chance, _ = score(tmp_path / "two", shuffled)
    assert abs(chance["next_line_cluster"]["value"]) < 0.15
    low, high = chance["next_line_cluster"]["interval"]
    assert low < chance["next_line_cluster"]["value"] < high


@pytest.mark.parametrize("labels", [[-1] * 120, [0] * 120, [-1] * 119 + [0]])
def test_no_cluster_or_one_is_an_answer(tmp_path, labels):
    """All noise or a single cluster: nulls where nothing is defined, never an error."""
    figures, _ = score(tmp_path, labels)
    for name in ("silhouette_cosine", "silhouette_layout", "dbcv_layout"):
        assert figures[name]["value"] is None
        assert figures[name].get("interval") is None
    assert figures["next_line_cluster"]["value"] is None


def test_every_figure_has_a_baseline_and_says_its_interval(tmp_path):
    """The house's rule holds here too, and `interval` is there, if only as null."""
    figures, _ = score(tmp_path, [i % 3 for i in range(120)])
    for name, figure in figures.items():
        assert {"value", "baseline", "baseline_name", "meaning", "interval"} <= figure.keys(), name


def test_whitening_is_fitted_again_as_the_run_did(tmp_path):
    """The vectors that are judged are those the run's clusters saw."""
    texts, songs = corpus()
    run = open_run(
        make_run(
            tmp_path / "run", texts, songs, songs=songs, settings=["embedding.postprocess=whiten"]
        )
    )
    every = np.arange(120)
    white = used_vectors(run, every, BACKEND)
    spread = np.cov(white.T)
    assert np.ptp(np.diag(spread)) < 0.5 * np.diag(spread).mean()
    assert np.array_equal(used_vectors(run, every[5:9], BACKEND), white[5:9])


def test_vectors_that_lack_rows_are_a_damaged_run(tmp_path):
    """Fewer vectors than texts: the sentence names the folder."""
    texts, songs = corpus()
    folder = make_run(tmp_path / "run", texts, songs, songs=songs, vectors=np.ones((3, 4)))
    run = open_run(folder)
    with pytest.raises(InputError, match="vectors"):
        rescore(find_shared([run, run]), NOTHING_SEEN, BACKEND)


def test_stop_words_are_each_run_s_own(tmp_path):
    """A run without stop words is shown to have 我 among its terms, by the same scorer."""
    texts = [f"我{WORDS[i % 4]}{WORDS[i % 4]}的第{WORDS[i % 16]}{i}" for i in range(80)]
    texts += [f"{WORDS[i % 4 + 4]}{WORDS[i % 4 + 4]}第{i}" for i in range(80)]
    labels = [0] * 80 + [1] * 80
    a = make_run(tmp_path / "a", texts, labels)
    b = make_run(tmp_path / "b", texts, labels, settings=["terms.stop_words=none"])
    with_list, without = rescore(find_shared([open_run(a), open_run(b)]), NOTHING_SEEN, BACKEND)
    assert with_list["common_terms"]["value"] == 0
    assert without["common_terms"]["value"] > 0


def test_a_list_of_stop_words_that_is_gone_does_not_stop_the_comparison(tmp_path):
    """The bundled list stands in, and the figure says so."""
    figures, _ = score(tmp_path, [i % 3 for i in range(120)], settings=["terms.stop_words=/gone"])
    assert "/gone" in figures["npmi_coherence"]["note"]


def test_the_bootstrap_is_over_groups():
    """Lines that repeat a song's value add no certainty; few groups have no interval."""
    rng = np.random.default_rng(0)
    of_songs = rng.normal(size=40)
    low, high = bootstrap_mean(np.repeat(of_songs, 50), np.repeat(np.arange(40), 50))
    assert high - low == pytest.approx(3.92 / np.sqrt(40), rel=0.35)
    narrow = bootstrap_mean(np.repeat(of_songs, 50), np.arange(2000))
    assert narrow[1] - narrow[0] < 0.4 * (high - low)
    assert bootstrap_mean(np.ones(50), np.arange(50) % 9) is None
    assert bootstrap_mean(np.full(50, np.nan), np.arange(50)) is None


def test_many_groups_are_merged_without_bias():
    """Above the cap, the interval is still that of the mean."""
    values = np.random.default_rng(1).normal(1.0, 1.0, 50_000)
    low, high = bootstrap_mean(values, np.arange(50_000))
    assert low < values.mean() < high
    assert high - low == pytest.approx(3.92 / np.sqrt(50_000), rel=0.35)


def test_sizes_of_a_run_that_is_all_noise(tmp_path):
    """No cluster: counts are zero, shares are said."""
    texts, songs = corpus()
    run = open_run(make_run(tmp_path / "run", texts, [-1] * 120, songs=songs))
    sizes = cluster_sizes(shared := find_shared([run, run]), shared.sides[0])
    assert sizes["count"] == 0
    assert sizes["noise_share_lines"] == 1.0
    assert sizes["largest_share_of_clustered"] is None


def test_without_songs_no_interval_is_claimed(tmp_path):
    """Lines of plain text follow each other, and resampling them one by one would be too sure."""
    texts = [f"第{i}行词句" for i in range(60)]
    plain = open_run(make_run(tmp_path / "plain", texts, [i % 3 for i in range(60)]))
    figures, _ = rescore(find_shared([plain, plain]), NOTHING_SEEN, BACKEND)
    for key in ("silhouette_cosine", "silhouette_layout"):
        assert figures[key]["value"] is not None
        assert figures[key]["interval"] is None
        assert figures[key]["note"] == "no songs known"
