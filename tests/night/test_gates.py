"""Gates: each refuses what is worse than its limit, and only that."""

from dataclasses import replace

import pytest

from rapids_rap.config import NightlyConfig
from rapids_rap.night.gates import Change, Facts, as_json, failed, judge, refusal

GOOD = Facts(
    clusters=40,
    noise=0.3,
    retrieval=0.5,
    dbcv=0.2,
    meaning=(0.2, 0.3),
    stability=(0.5, 0.6),
    agreement=0.75,
)
SAME = Change(GOOD, lines_lost=0.0, ids_kept=1.0)
LIMITS = NightlyConfig()


def test_a_night_like_the_last_passes_every_gate():
    """Nothing changed: all gates apply, and all pass."""
    assert [gate.passed for gate in judge(GOOD, SAME, LIMITS)] == [True] * 11


@pytest.mark.parametrize(
    ("gate", "now", "change"),
    [
        ("max_noise", replace(GOOD, noise=0.95), replace(SAME, before=replace(GOOD, noise=0.9))),
        ("max_noise_rise", replace(GOOD, noise=0.46), SAME),
        (
            "min_clusters",
            replace(GOOD, clusters=1),
            replace(SAME, before=replace(GOOD, clusters=2)),
        ),
        ("min_clusters_ratio", replace(GOOD, clusters=19), SAME),
        ("max_lines_lost", GOOD, replace(SAME, lines_lost=0.051)),
        ("min_ids_kept", GOOD, replace(SAME, ids_kept=0.49)),
        ("max_retrieval_fall", replace(GOOD, retrieval=0.34), SAME),
        ("max_dbcv_fall", replace(GOOD, dbcv=-0.11), SAME),
        ("max_meaning_fall", replace(GOOD, meaning=(0.05, 0.13)), SAME),
        ("max_stability_fall", replace(GOOD, stability=(0.2, 0.34)), SAME),
        ("max_agreement_fall", replace(GOOD, agreement=0.55), SAME),
    ],
)
def test_each_gate_refuses_its_own_fault(gate, now, change):
    """One thing worse than its limit fails that gate alone; a looser limit lets it through."""
    verdicts = judge(now, change, LIMITS)
    assert [g.gate for g in failed(verdicts)] == [gate]
    value = failed(verdicts)[0].value
    loose = LIMITS.model_copy(update={gate: value})
    assert not failed(judge(now, change, loose))


def test_the_first_night_meets_only_absolute_gates():
    """What compares does not apply without a night before; collapse and noise still refuse."""
    verdicts = judge(replace(GOOD, clusters=1, noise=0.99), None, LIMITS)
    assert [g.gate for g in failed(verdicts)] == ["max_noise", "min_clusters"]
    assert {g.gate for g in verdicts if g.passed is None} == {
        "max_noise_rise",
        "min_clusters_ratio",
        "max_lines_lost",
        "min_ids_kept",
        "max_retrieval_fall",
        "max_dbcv_fall",
        "max_meaning_fall",
        "max_stability_fall",
        "max_agreement_fall",
    }


def test_retrieval_on_other_songs_does_not_refuse():
    """A figure of memory before and an honest one now are no fall; the gate says why."""
    memory = Change(replace(GOOD, retrieval=0.98), 0.0, 1.0, other_songs=True)
    verdicts = judge(replace(GOOD, retrieval=0.02), memory, LIMITS)
    assert not failed(verdicts)
    (gate,) = [one for one in verdicts if one.gate == "max_retrieval_fall"]
    assert gate.passed is None
    assert "other songs" in gate.why


def test_what_was_not_computed_does_not_refuse():
    """A figure that is missing in either night, or a night without clusters, is not a fall."""
    blank = Facts(clusters=0, noise=1.0, retrieval=None, dbcv=None)
    for now, before in ((blank, GOOD), (GOOD, blank)):
        verdicts = {g.gate: g.passed for g in judge(now, Change(before, 0.0, None), LIMITS)}
        assert verdicts["max_retrieval_fall"] is None
        assert verdicts["max_dbcv_fall"] is None
        assert verdicts["max_meaning_fall"] is None
        assert verdicts["max_stability_fall"] is None
        assert verdicts["max_agreement_fall"] is None
        assert verdicts["min_ids_kept"] is None
    zero = replace(GOOD, retrieval=0.0)
    assert not failed(judge(zero, replace(SAME, before=zero), LIMITS))


def test_the_refusal_says_what_to_do():
    """The sentence names gate, value, limit, where the run is and how to publish it anyway."""
    gates = as_json(judge(GOOD, replace(SAME, lines_lost=0.4), LIMITS))
    said = refusal(gates, "20261127T020000Z", "/srv/rap")
    for part in (
        "max_lines_lost is 0.4",
        "at most 0.05",
        "/srv/rap/runs/20261127T020000Z",
        "rapids-rap rollback /srv/rap 20261127T020000Z",
    ):
        assert part in said
    assert "max_noise " not in said


def test_meaning_that_may_not_have_fallen_refuses_nothing():
    """A figure may halve within its intervals; clusters that told nothing can't tell less."""
    for now in ((0.0, 0.2), (-0.1, 0.15), (0.25, 0.4)):
        verdicts = {g.gate: g for g in judge(replace(GOOD, meaning=now), SAME, LIMITS)}
        assert verdicts["max_meaning_fall"].passed
    empty = replace(GOOD, meaning=(-0.1, 0.1))
    assert not failed(judge(empty, replace(SAME, before=empty), LIMITS))
