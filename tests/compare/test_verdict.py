"""When one run may be called better, and when not."""

import math

import pytest

from rapids_rap.compare.verdict import contrast, judge
from rapids_rap.quality.figures import all_figures


def figure(value, interval=None, **more):
    return {"value": value, "baseline": 0.1, "meaning": "m", "interval": interval, **more}


def verdict(a, b, **how):
    return judge(contrast(a, b, "shared", **how))


def test_intervals_that_do_not_overlap_decide():
    """B's retrieval lies above A's interval: B is better, and the sentence quotes both."""
    found = verdict(
        {"next_line_retrieval": figure(0.3, [0.28, 0.33])},
        {"next_line_retrieval": figure(0.4, [0.38, 0.44])},
    )
    assert found.better == "b"
    assert "0.400 [0.380, 0.440] against 0.300 [0.280, 0.330]" in found.english
    assert "下一行检索" in found.chinese


@pytest.mark.parametrize("other", [[0.33, 0.44], [0.2, 0.9]])
def test_intervals_that_overlap_count_as_equal(other):
    """A higher value within the other's interval, or touching it, is no finding."""
    found = verdict(
        {"next_line_retrieval": figure(0.3, [0.28, 0.33])},
        {"next_line_retrieval": figure(0.4, other)},
    )
    assert found.better is None
    assert "overlap" in found.english


def test_without_an_interval_nothing_is_proven():
    """A figure without an interval is quoted and said to prove nothing."""
    found = verdict({"next_line_cluster": figure(0.1)}, {"next_line_cluster": figure(0.9)})
    assert found.better is None
    assert "Without an interval" in found.english
    assert "next_line_cluster (better in B)" in found.english


@pytest.mark.parametrize(
    "key",
    [
        "npmi_coherence",
        "dbcv",
        "dbcv_layout",
        "trustworthiness",
        "meaning.lexicon",
        "recurring.meaning.lexicon",
        "topic_diversity",
        "common_terms",
        "coverage",
        "of_a_later_version",
    ],
)
def test_what_is_neither_retrieval_nor_recurrence_nor_people_decides_nothing(key):
    """Coherence, density, a lexicon: told where intervals are apart, and no run wins by them."""
    a, b = {key: figure(0.1, [0.09, 0.11])}, {key: figure(0.5, [0.49, 0.51])}
    if key.startswith("meaning"):
        section, name = key.split(".")
        a, b = {section: {name: a[key]}}, {section: {name: b[key]}}
    found = verdict(a, b)
    assert found.better is None
    assert not found.mixed
    known = key != "of_a_later_version"
    assert (f"{key} is better in" in found.english and "decides nothing" in found.english) == known


def test_coherence_can_not_outweigh_retrieval():
    """A run that loses by NPMI, clear as it is, still wins by what it finds on unseen songs."""
    found = verdict(
        {
            "npmi_coherence": figure(0.9, [0.88, 0.92]),
            "next_line_retrieval": figure(0.3, [0.28, 0.33]),
        },
        {
            "npmi_coherence": figure(-0.4, [-0.5, -0.3]),
            "next_line_retrieval": figure(0.4, [0.38, 0.44]),
        },
    )
    assert found.better == "b"


@pytest.mark.parametrize(
    "key", ["next_line_retrieval", "same_song_retrieval", "artist_retrieval", "stability"]
)
def test_retrieval_and_recurrence_decide(key):
    """Each by itself, where intervals are apart."""
    found = verdict({key: figure(0.1, [0.09, 0.11])}, {key: figure(0.5, [0.49, 0.51])})
    assert found.better == "b"


def test_people_decide_where_both_runs_were_judged():
    """Coders who agree better on B's clusters make B better; of A alone they decide nothing."""
    a = {"people": {"fit": figure(0.2, [0.1, 0.3]), "names": figure(0.9, [0.8, 1.0])}}
    b = {"people": {"fit": figure(0.7, [0.6, 0.8]), "names": figure(0.1, [0.0, 0.2])}}
    assert verdict(a, b).better == "b"
    assert "people.fit (0.700 [0.600, 0.800] against 0.200 [0.100, 0.300])" in verdict(a, b).english
    assert verdict(a, {}).better is None


def test_silhouette_alone_never_decides():
    """However clear its intervals, silhouette is told and does not make a run better."""
    found = verdict(
        {"silhouette_cosine": figure(0.1, [0.09, 0.11])},
        {"silhouette_cosine": figure(0.5, [0.49, 0.51])},
    )
    assert found.better is None
    assert "silhouette alone decides nothing" in found.english
    against = verdict(
        {"silhouette_cosine": figure(0.1, [0.09, 0.11]), "stability": figure(0.9, [0.8, 0.95])},
        {"silhouette_cosine": figure(0.5, [0.49, 0.51]), "stability": figure(0.2, [0.1, 0.3])},
    )
    assert against.better == "a"


def test_figures_that_disagree_name_no_winner():
    """Better here and worse there is said as that."""
    found = verdict(
        {"next_line_retrieval": figure(0.1, [0.0, 0.2]), "stability": figure(0.9, [0.8, 0.95])},
        {"next_line_retrieval": figure(0.5, [0.4, 0.6]), "stability": figure(0.2, [0.1, 0.3])},
    )
    assert found.better is None
    assert found.mixed
    assert "Neither" in found.english


def test_lower_is_better_where_it_is():
    """Fewer common words among the terms is the better value."""
    rows = contrast(
        {"common_terms": figure(0.9, [0.8, 1.0])},
        {"common_terms": figure(0.1, [0.0, 0.2])},
        "shared",
    )
    assert rows[0].winner == "b"


def test_figures_on_different_texts_are_not_compared():
    """Quoted figures of runs over other texts have no winner, and the sentence says why."""
    found = verdict(
        {"next_line_retrieval": figure(0.3, [0.28, 0.33])},
        {"next_line_retrieval": figure(0.4, [0.38, 0.44])},
        same_texts=False,
    )
    assert found.better is None
    assert "different texts" in found.english


def test_any_figure_is_read_whatever_its_depth():
    """Sections, spaces within a figure, nulls and damaged intervals are no error."""
    quality = {
        "artist_retrieval": figure(
            0.5, [0.4, 0.6], spaces={"dense": figure(0.3, None), "words": figure(None)}
        ),
        "section": {"one": figure(1, [0.9])},
        "odd": figure(math.nan, ["x", 2]),
        "plain": 3,
        "none": None,
        "turned": figure(0.5, [0.6, 0.4]),
    }
    found = all_figures(quality)
    assert found["artist_retrieval"].interval == (0.4, 0.6)
    assert found["artist_retrieval.spaces.dense"].value == 0.3
    assert found["section.one"].interval is None
    assert found["odd"].value is None
    assert found["turned"].interval == (0.4, 0.6)
    assert "plain" not in found
    rows = {row.key: row for row in contrast(quality, quality, "own")}
    assert rows["artist_retrieval"].decides
    assert not rows["artist_retrieval.spaces.dense"].decides
    assert not rows["section.one"].decides  # of what it says, this version knows nothing


def test_a_figure_that_only_one_run_has_is_shown():
    """An older run lacks a figure: it stands there as not computed, and decides nothing."""
    rows = contrast({}, {"stability": figure(0.5, [0.4, 0.6])}, "own")
    assert rows[0].winner == "unknown"
    assert judge(rows).better is None
