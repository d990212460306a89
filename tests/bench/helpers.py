"""Sessions made by hand, with times and figures that are known."""

from rapids_rap.bench.runner import Session, SideRun
from rapids_rap.bench.scenario import Scenario


def run(side, number, seconds, peak=2**30, stages=None):
    return SideRun(
        side=side,
        round=number,
        seconds=seconds,
        process_seconds=seconds + 1,
        cold=seconds,
        warm=(),
        cpu_seconds=seconds / 2 if side == "ours" else seconds,
        peak_bytes=peak,
        lines=1000,
        counts={"lines": 1000, "tokens": 7000},
        stages=stages or {},
        stage_peaks={},
        device_peaks={"sorting": 2**31} if side == "ours" else {},
    )


def session(requirements, ours=(1.0, 2.0, 1.0), other=(10.0, 10.0, 10.0), figures=None):
    scenario = Scenario(
        name="race",
        question="which?",
        sides={"ours": {"call": "a:b"}, "other": {"call": "a:c"}},
        requirements=requirements,
    )
    runs = [run("ours", i, s, stages={"sorting": s / 2}) for i, s in enumerate(ours)]
    runs += [run("other", i, s, peak=2**31) for i, s in enumerate(other)]
    return Session(scenario, "made up", tuple(runs), figures or {})


ENVIRONMENT = {
    "date": "2026-01-01 00:00 UTC",
    "commit": "abc",
    "cores": 2,
    "cpu": "a processor",
    "gpu": "none",
    "memory_gib": 8.0,
    "python": "3.11.7",
}
