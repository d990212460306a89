"""Inputs and configurations that nobody would write end in a result or in a sentence."""

import time

import pandas as pd
import pytest

from rapids_rap.corpus import alone
from rapids_rap.errors import ConfigError
from rapids_rap.settings import load_config
from tests.conftest import ROOT
from tests.fuzz.held import hold_to
from tests.fuzz.planted import Song, truth_of
from tests.fuzz_cases import KINDS, PLANTED, make_case
from tests.fuzzing import run_cases, table

SEED = 20_261
CASES, MANY = 500, 10_000
real_ingest = alone.ingest_only
RESULTS = ROOT / "tests" / "results" / "fuzz.md"


def test_a_case_is_given_back_by_its_number():
    """What failed last night can be run again, byte for byte, and kinds take turns."""
    cases = [make_case(7, number) for number in range(2 * len(KINDS))]
    assert cases == [make_case(7, number) for number in range(2 * len(KINDS))]
    assert [case.kind for case in cases[: len(KINDS)]] == list(KINDS)
    assert len({str(case) for case in cases}) == len(cases)


def leave_a_file(config, out):
    (out.parents[4] / "x").write_text("outside")
    return real_ingest(config, out)


def lose_a_line(config, out):
    counts, dropped = real_ingest(config, out)
    return counts.assign(kept=counts["kept"] - 1), dropped


def change_an_input(config, out):
    (out.parents[1] / "in" / "f.txt").write_text("other")
    return real_ingest(config, out)


def work_forever(config, out):
    while True:
        pass


def wait_forever(config, out):
    time.sleep(100)


def fail(config, out):
    raise KeyError("x")


@pytest.mark.parametrize(
    "ingest", [leave_a_file, lose_a_line, change_an_input, work_forever, wait_forever, fail]
)
def test_what_is_wrong_is_noticed_and_kept(tmp_path, monkeypatch, ingest):
    """Each of the promises, broken on purpose, fails the case, which can then be run again."""
    monkeypatch.setattr("rapids_rap.corpus.alone.ingest_only", ingest)
    monkeypatch.setattr("tests.fuzzing.FAILURES", tmp_path / "failures")
    monkeypatch.setattr("tests.fuzzing.CPU_SECONDS", 0.2)
    monkeypatch.setattr("tests.fuzzing.WALL_SECONDS", 2)
    number = 2 * len(KINDS)  # plain text that is read, not through the command line
    with pytest.raises(AssertionError, match=f"`python -m tests.fuzzing 5 {number}`"):
        run_cases(5, range(number, number + 1), tmp_path / "box")
    kept = tmp_path / "failures" / f"5-{number}"
    assert (kept / "f.txt").read_bytes() == make_case(5, number).files["f.txt"]


def test_no_traceback_no_hang_nothing_outside(tmp_path):
    """500 cases: one sentence or a result that counts every line, within seconds, in its folder."""
    tally = run_cases(SEED, range(CASES), tmp_path)
    assert set(tally) == set(KINDS)
    assert sum(t.read + t.refused for t in tally.values()) == CASES
    for kind, counts in tally.items():  # a fuzzer that is refused at the door proves nothing
        assert counts.refused or kind in (*PLANTED, "mixture", "damaged"), kind
        assert counts.read or kind in ("noise", "set"), kind


@pytest.mark.slow
def test_ten_thousand_cases(tmp_path):
    """The same with 10,000 other cases; the figures are committed."""
    tally = run_cases(SEED + 1, range(MANY), tmp_path)
    assert sum(t.read + t.refused for t in tally.values()) == MANY
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(
        f"# {MANY:,} generated and mutated inputs, seed {SEED + 1}\n\n"
        "Written by `make test-slow` (`tests/test_fuzz.py`). Each ended in a result, with every\n"
        "line kept or dropped by a rule, or in an error of one sentence; none took 5 s of CPU,\n"
        "none wrote outside its output folder. Of the kinds with songs, and of mixtures, every\n"
        "line came out under its own artist and title, nothing else did, and the corpus read back\n"
        f"as Parquet, CSV and JSON Lines was the same.\n\n{table(tally)}"
    )


def lines_of(artist, *texts):
    return pd.DataFrame({"text_norm": texts, "artist": artist, "song": "桥"})


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (lines_of("某乙", "桥洞里", "有人唱"), "artist of '桥洞里'"),
        (lines_of(None, "桥洞里", "有人唱"), "artist of '桥洞里'"),
        (lines_of("某甲", "桥洞里"), "didn't come out.*'有人唱': .'header'"),
        (lines_of("某甲", "桥洞里", "有人唱", "[00:01.00]"), "nobody planted it"),
        (lines_of("某甲", "桥洞里", "有人唱。"), "didn't come out"),
    ],
)
def test_what_is_held_against_a_reading(tmp_path, lines, says):
    """A line that is lost, changed, added or another's is noticed where the truth is known."""
    truth = truth_of([Song("某甲", "桥", ("桥洞里", "有人唱"))])
    kept, gone = tmp_path / "kept.parquet", tmp_path / "gone.parquet"
    pd.DataFrame({"text": ["有人唱"], "rule": ["header"]}).to_parquet(gone)
    lines_of("某　甲".replace("　", "\u200b"), "桥洞里", "有人唱").to_parquet(kept)
    hold_to(truth, kept, gone)
    lines.to_parquet(kept)
    with pytest.raises(AssertionError, match=says):
        hold_to(truth, kept, gone)


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("a = " + "[" * 5000, "nested too deeply"),
        ("seed = " + "9" * 5000, "Exceeds the limit"),
        ("x = [", "not valid TOML"),
    ],
)
def test_toml_that_its_own_parser_trips_over(tmp_path, case, says):
    """Nesting and numbers without end are errors of the file, on the command line plain text."""
    path = tmp_path / "rap.toml"
    path.write_text(case)
    with pytest.raises(ConfigError, match=says):
        load_config(path)
    with pytest.raises(ConfigError):
        load_config(None, [f"seed={case.partition(' = ')[2]}"])
    assert load_config(None, ["maps.title=[[[["]).maps.title == "[[[["
