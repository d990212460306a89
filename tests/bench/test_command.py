"""`rapids-rap bench` as its user meets it: names, exit codes, what is left in the folder."""

import json

from rapids_rap.bench.scenario import scenario_names
from tests.conftest import LYRICS, rap

RACE = """
question: which counts faster?
corpus: {source: lyrics}
rounds: 1
warm: 0
measure: cold
score: words:score
sides: {ours: {call: "words:ours"}, poster: {call: "words:poster"}}
requirements:
  - {figure: speed, against: poster, at_least: FLOOR}
  - {figure: term_agreement, at_least: 0.5}
"""


def test_without_a_name_the_scenarios_are_listed():
    """Each with its question."""
    outcome = rap("bench")
    assert outcome.code == 0
    for name in scenario_names():
        assert f"{name}: " in outcome.out


def test_an_unknown_scenario_is_the_users_error():
    """Exit code 2, and the names that exist."""
    outcome = rap("bench", "wordz")
    assert outcome.code == 2
    assert "words_600k" in outcome.err


def test_a_race_leaves_its_results_and_its_exit_code(tmp_path):
    """0 where the requirements hold; 1 where one is missed, with all results kept all the same."""
    for floor, code in (("0.001", 0), ("1.0e+9", 1)):
        scenario = tmp_path / "race.yaml"
        scenario.write_text(RACE.replace("FLOOR", floor), encoding="utf-8")
        out = tmp_path / "results"
        outcome = rap("bench", scenario, "--out", out, "--lyrics", LYRICS)
        assert outcome.code == code, outcome.err
        assert ("missed" in outcome.out) == bool(code)
        record = json.loads((out / "race.json").read_text(encoding="utf-8"))
        assert record["environment"]["packages"]["jieba"]
        for name in ("race.csv", "README.md", "ratios.png"):
            assert (out / name).stat().st_size
    assert rap("bench", "--table", "--out", out).code == 0


def test_lyrics_that_are_not_there_are_named(tmp_path):
    """Before anything is measured."""
    outcome = rap("bench", "embedding", "--lyrics", tmp_path / "nothing.txt")
    assert outcome.code == 2
    assert "nothing.txt" in outcome.err
