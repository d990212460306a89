"""Scenarios run: sides in turn, in processes of their own, what they find kept and scored."""

import pytest

from rapids_rap.bench import runner
from rapids_rap.bench.runner import BenchError, run_scenario
from rapids_rap.bench.scenario import Scenario
from rapids_rap.errors import CapabilityError
from tests.conftest import LYRICS


def scenario(**changes):
    return Scenario(
        **{
            "name": "tiny",
            "question": "?",
            "corpus": {"source": "lyrics"},
            "rounds": 2,
            "warm": 1,
            "score": "words:score",
            "sides": {
                "ours": {"call": "words:ours"},
                "ours, presence": {"call": "words:ours_presence"},
                "poster": {"call": "words:poster"},
            },
            "requirements": [
                {"figure": "hits_equal", "side": "ours, presence", "at_least": 1.0},
                {"figure": "term_agreement", "at_least": 0.5},
            ],
        }
        | changes
    )


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    said = []
    found = run_scenario(
        scenario(), lyrics=LYRICS, rounds=None, work=tmp_path_factory.mktemp("w"), say=said.append
    )
    return found, said


def test_sides_take_turns(session):
    """A B C A B C: a drift of the machine hits all of them."""
    found, said = session
    assert [r.side for r in found.runs] == 2 * ["ours", "ours, presence", "poster"]
    assert [r.round for r in found.runs] == [0, 0, 0, 1, 1, 1]
    assert any("round 2 of 2, poster" in line for line in said)


def test_a_run_has_times_memory_and_counts(session):
    """Cold and warm calls, the process around them, stages, and a peak."""
    for run in session[0].runs:
        assert run.cold > 0
        assert len(run.warm) == 1
        assert run.seconds == run.warm[0]
        assert run.process_seconds > run.cold + run.warm[0]
        assert run.peak_bytes > 2**26
        assert run.lines > 1000
    assert set(session[0].runs[0].stages) == {"segment", "terms", "lexicon"}


def test_the_scorer_sees_what_every_side_found(session):
    """In the poster's mode our counts are the poster's; by default they aren't."""
    figures = session[0].figures
    assert figures["ours, presence"]["hits_equal"] == 1.0
    assert 0.5 < figures["ours"]["hits_equal"] < 1.0
    assert figures["poster"]["term_agreement"] == 1.0


def test_a_side_that_breaks_says_why(tmp_path, monkeypatch):
    """The end of what the child printed is in the error, and nothing is scored."""
    broken = scenario(sides={"ours": {"call": "words:nothing"}}, requirements=[], score=None)
    with pytest.raises(BenchError, match="AttributeError"):
        run_scenario(broken, lyrics=LYRICS, rounds=1, work=tmp_path, say=print)


def test_a_side_that_needs_a_gpu_ends_as_the_command_would(tmp_path):
    """Exit code 3 of a side is the benchmark's: this machine can't."""
    pytest.importorskip("torch")
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    gpu = scenario(sides={"ours": {"call": "pipelines:ours_gpu"}}, requirements=[], score=None)
    with pytest.raises(CapabilityError, match="GPU was asked for"):
        run_scenario(gpu, lyrics=LYRICS, rounds=1, work=tmp_path, say=print)


def test_missing_libraries_are_named_before_anything_runs(tmp_path, monkeypatch):
    """Not after the first side's hour."""
    monkeypatch.setattr(runner, "_child", None)
    with pytest.raises(CapabilityError, match=r"nowhere.*rapids-rap\[bench\]"):
        run_scenario(scenario(needs=["nowhere"]), lyrics=None, rounds=1, work=tmp_path, say=print)


def test_the_peak_of_a_process_is_the_largest_of_its_stages():
    """Whoever watches a stage's peak resets the kernel's mark: the process' own is too low."""
    record = {"peak_bytes": 5, "stages": [{"peak_bytes": 90}, {"stage": "quick"}]}
    whole = scenario(measure="process", warm=0)
    assert runner._peak(whole, 70, record) == 90
    assert runner._peak(whole, 70, record | {"stages": []}) == 70
    assert runner._peak(scenario(), 70, record) == 5
