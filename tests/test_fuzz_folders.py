"""Model folders, runs, stores, nights, grids and configurations that nobody would write."""

import pytest

from tests.conftest import ROOT
from tests.folder_cases import FolderCase
from tests.folder_fuzzing import Workshop, run_cases, table

SEED = 20_261
CASES, MANY = 52, 2_000
RESULTS = ROOT / "tests" / "results" / "fuzz_folders.md"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return Workshop(tmp_path_factory.mktemp("workshop"))


def test_a_case_is_given_back_by_its_number(shop):
    """What failed last night can be run again, byte for byte, and kinds take turns."""
    numbers = range(2 * len(shop.kinds))
    cases = [shop.case(7, number) for number in numbers]
    assert cases == [shop.case(7, number) for number in numbers]
    assert [case.kind for case in cases[: len(shop.kinds)]] == list(shop.kinds)


def test_whole_folders_are_read(shop):
    """What is changed is good before it is changed: a fuzzer that is refused proves nothing."""
    for kind, folder in shop.folders.items():
        file = folder.files[0]
        case = FolderCase(kind, file, (folder.path / file).read_bytes())
        for number in range(3):
            outcome = shop.try_case(case, number)
            assert outcome.code == 0, (kind, outcome.err)


def test_what_is_wrong_is_noticed_and_kept(shop, tmp_path, monkeypatch):
    """A reader that fails as a defect fails its case, whose file can then be looked at."""

    def fail(*args, **options):
        raise KeyError("x")

    monkeypatch.setattr("rapids_rap.runs.verify.find_faults", fail)
    monkeypatch.setattr("tests.folder_fuzzing.FAILURES", tmp_path)
    number = shop.kinds.index("run verify")
    case = shop.case(5, number)
    with pytest.raises(AssertionError, match=f"`python -m tests.folder_fuzzing 5 {number}`"):
        run_cases(shop, 5, range(number, number + 1))
    assert (tmp_path / f"folder-5-{number}" / case.file).read_bytes() == (case.data or b"")


def test_no_defect_by_any_file(shop):
    """52 cases: a result, or a sentence with its exit code, and never a traceback."""
    tally = run_cases(shop, SEED, range(CASES))
    assert set(tally) == set(shop.kinds)
    for kind, counts in tally.items():
        assert sum(counts.codes.values()) == CASES // len(shop.kinds), kind


@pytest.mark.slow
def test_two_thousand_cases(shop):
    """The same with 2,000 other cases; the figures are committed."""
    tally = run_cases(shop, SEED + 1, range(MANY))
    assert sum(sum(counts.codes.values()) for counts in tally.values()) == MANY
    for kind, counts in tally.items():
        assert set(counts.codes) <= {0, 2, 3, 5}, kind
        assert counts.codes.get(0), kind
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(
        f"# {MANY:,} changed model folders, runs, stores, nights, grids and configurations\n\n"
        f"Seed {SEED + 1}; written by `make test-slow` (`tests/test_fuzz_folders.py`). Of a good\n"
        "folder one file is changed (a value, a key, a column, a cell, bytes; or it is gone) and\n"
        "what reads it is called. Each ended in a result or in a sentence with its exit code;\n"
        f"none was a defect (exit 1), a traceback, or took 5 s of CPU.\n\n{table(tally)}"
    )
