"""The plan for many machines in words: stage by stage, what breaks first, what to change."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rapids_rap.config import ScaleConfig
from rapids_rap.errors import readable_bytes
from rapids_rap.machine.roofline import GPUS, Gpu
from rapids_rap.machine.scale_plan import (
    TOKENS_EACH,
    Job,
    Machines,
    Need,
    breaks_first,
    encoder_tokens,
    measured_range,
    plan_scale,
    slowest,
    sources,
)

DAY = 86_400
FREE_SHARE = 0.93  # of a card that isn't here: the driver and the context take the rest
GIB = 2**30


def planned_machines(workers: int, gpu_memory: float, main_memory: float, host: int) -> Machines:
    """The machines that the command line names.

    gpu_memory, main_memory: GiB of a worker's card and of each machine; 0: no card, and four times
    the card's, else `host` bytes, what is free here.
    """
    main = int(main_memory * GIB) or int(4 * gpu_memory * GIB) or host
    if not gpu_memory:
        return Machines(workers, None, main, main)
    return Machines(workers, card_like(gpu_memory), int(FREE_SHARE * gpu_memory * GIB), main)


@dataclass(frozen=True)
class ScaleText:
    """The plan in words: a title, a row a stage, and named sentences about the whole."""

    title: str
    stages: list[dict[str, str]]
    whole: list[tuple[str, str]]


def describe_plan(job: Job, machines: Machines, by_shards: Collection[str]) -> ScaleText:
    """Each stage with its time, memory and storage; then the whole, and what to do about it.

    by_shards: which stages go to workers, as `scale.stages` names them.
    """
    needs = plan_scale(job, machines, by_shards)
    total = f"{span(sum(need.seconds for need in needs))}, "
    total += f"{readable_bytes(sum(need.disk for need in needs))} on shared storage, lyrics apart"
    kind = "with a GPU each" if machines.gpu else "of one core each"
    model = f"{job.model.name} ({job.model.hidden} dimensions)"
    return ScaleText(
        f"Plan for {job.lines:,} distinct lines, {model}, {machines.workers} workers {kind}",
        [_row(need) for need in needs],
        [
            ("in all", total),
            *([("*", "too much")] if not all(need.fits for need in needs) else []),
            ("breaks first", _breaks(needs, job.lines)),
            ("takes longest", _longest(needs)),
            *_shared(needs, machines),
            *_reckoned(machines),
        ],
    )


def _row(need: Need) -> dict[str, str]:
    return {
        "stage": need.stage.name,
        "workers": f"{need.workers:,}",
        "time": span(need.seconds),
        "known": need.basis,
        "GiB": f"{_gib(need.memory)} {need.where}" + ("" if need.fits else "*"),
        "GiB a worker": _gib(need.each) if need.each else "",
        "GiB on disk": _gib(need.disk) if need.disk else "",
        "lines that fit": _millions(need.most) if need.free else "unknown",
    }


def _breaks(needs: Sequence[Need], lines: int) -> str:
    first = breaks_first(needs)
    if first is None:
        return "unknown on this system: say --main-memory"
    free = readable_bytes(first.free)
    said = f"{first.stage.name}: up to {first.most:,} lines fit into {free} of {first.where} memory"
    if first.most >= lines:
        return f"{said}, so that these do"
    return f"{said}; to change: {_change(first)}"


def _change(need: Need) -> str:
    """What to do about a stage; with the number that fits, where there is a setting for it."""
    if need.stage.name == "layout" and "fit_lines" in ScaleConfig.model_fields:
        return f"{need.stage.change} (scale.fit_lines={need.most})"
    return need.stage.change


def _longest(needs: Sequence[Need]) -> str:
    longest = slowest(needs)
    share = longest.seconds / sum(need.seconds for need in needs)
    said = f"{longest.stage.name}, {share:.0%} of the time"
    if longest.seconds < DAY:
        return said
    more = "more workers" if longest.workers > 1 else _change(longest)
    return f"{said}; to change: {more}"


def _shared(needs: Sequence[Need], machines: Machines) -> list[tuple[str, str]]:
    """What the memory of workers is that of; nothing where none of them does anything."""
    shared = [need for need in needs if need.each]
    if not shared:
        return []
    most = max(shared, key=lambda need: need.together)
    said = f"all on one machine take {readable_bytes(most.together)} of it, for {most.stage.name}"
    if machines.host:
        said += ", which fits" if most.together <= machines.host else ", which is too much"
    rows = [
        (
            "main memory",
            "--main-memory is that of each machine, and each worker and the run's process count as "
            f"alone on one; {said}",
        )
    ]
    if any(need.stage.name == "reading" for need in shared):
        rows.append(
            (
                "reading",
                "a worker's memory is for all lines in one file, whose rows one worker puts into "
                "songs; of files cut by hand it is that for the lines of the largest",
            )
        )
    return rows


def _reckoned(machines: Machines) -> list[tuple[str, str]]:
    few, many = measured_range()
    tokens = f"the embedding as e5-small took for lines of {encoder_tokens():.1f} tokens; "
    rows = [
        (
            "measured",
            f"seconds of CPUs at {few:,} and {many:,} lines; of a stage in one process on all "
            "cores of the machine that they were measured on",
        ),
        (
            "computed",
            "not measured: those seconds at the growth between the two sizes, at least linear; "
            f"divided by the workers; {'' if machines.gpu else tokens}memory by the memory plan, "
            "that of a worker that reads by its measured growth; storage by counting",
        ),
        *((f"bench/results/{name}", said) for name, said in sources().items()),
    ]
    if machines.gpu:
        card = machines.gpu.name
        said = f"what the data sheet of {card} allows, for lines of {TOKENS_EACH:g} tokens"
        rows.append(("least", f"computed, never measured: {said}"))
    return rows


def card_like(gigabytes: float) -> Gpu:
    """The slowest card of the data sheets with so much memory; else the one with the most."""
    large = [gpu for gpu in GPUS if gpu.size / 1e9 >= gigabytes]
    if not large:
        return max(GPUS, key=lambda gpu: gpu.size)
    return min(large, key=lambda gpu: (gpu.size, gpu.matrix))


def span(seconds: float) -> str:
    """Seconds for reading."""
    for length, name in ((365 * DAY, "years"), (DAY, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            amount = seconds / length
            return f"{amount:,.0f} {name}" if amount >= 10 else f"{amount:.1f} {name}"
    return f"{seconds:.0f} s" if seconds >= 1 else "< 1 s"


def _gib(amount: int) -> str:
    size = amount / GIB
    return f"{size:,.0f}" if size >= 100 else f"{size:.1f}"


def _millions(lines: int) -> str:
    return f"{lines / 1e6:,.0f} M" if lines >= 1e8 else f"{lines / 1e6:.1f} M"
