"""Benchmarks: public corpora, the CPU pipelines ours is measured against, scenarios, a roofline.

`bench` is what `rapids-rap bench` calls: it runs scenarios, keeps what each gave before the next
begins, and draws the table and the picture of all that is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rapids_rap.errors import InputError


def bench(
    names: Sequence[str],
    out: Path,
    *,
    lyrics: Path | None = None,
    rounds: int | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> list[str]:
    """Run scenarios by name (or YAML path) into `out`; return the requirements that were missed.

    Raises `ConfigError` for a scenario that can't be read, before any is run, `InputError` for
    lyrics that are not there, `CapabilityError` for what a side needs and does not find.
    """
    from rapids_rap.bench.environment import describe_environment
    from rapids_rap.bench.results import check_folder, describe, save_session
    from rapids_rap.bench.runner import run_scenario
    from rapids_rap.bench.scenario import load_scenario

    if lyrics is not None and not lyrics.exists():
        raise InputError(f"{lyrics}: no such file; --lyrics names a file or folder of lyrics.")
    scenarios = [load_scenario(name) for name in names]
    check_folder(out, [scenario.name for scenario in scenarios])
    environment = describe_environment()
    missed = []
    for scenario in scenarios:
        session = run_scenario(scenario, lyrics=lyrics, rounds=rounds, work=None, say=say)
        for checked in save_session(session, environment, out):
            say(describe(scenario.name, checked))
            if checked.verdict in ("missed", "not measured"):
                missed.append(describe(scenario.name, checked))
        write_summary(out)  # now: a later scenario may break off
    return missed


def write_summary(out: Path) -> list[Path]:
    """`README.md` and `ratios.png` of every record in a folder.

    Raises `InputError` where there is none.
    """
    from rapids_rap.bench.pictures import draw_ratios
    from rapids_rap.bench.results import check_folder, load_results, render_table
    from rapids_rap.runs.files import write_bytes

    check_folder(out, ())
    records = load_results(out)
    if not records:
        raise InputError(f"{out}: no results; `rapids-rap bench SCENARIO --out {out}` makes them.")
    written = [out / "README.md"]
    write_bytes(written[0], render_table(records).encode())
    picture = draw_ratios(records)
    if picture:
        written.append(out / "ratios.png")
        write_bytes(written[1], picture)
    return written
