"""The plan for many machines: figures that were measured, growth, and what breaks first."""

import csv
from dataclasses import replace

import pytest

from rapids_rap.bench.unit_costs import RESULTS
from rapids_rap.machine.memory_plan import BASE, QWEN2_1_5B, ModelSize, model_size
from rapids_rap.machine.roofline import GPUS, typical_job
from rapids_rap.machine.roofline import floors as roofline
from rapids_rap.machine.scale_plan import (
    E5_SMALL,
    STAGES,
    Job,
    Machines,
    breaks_first,
    encoder_seconds,
    plan_scale,
    slowest,
    stage_seconds,
    unit_costs,
)
from rapids_rap.machine.scale_text import card_like, describe_plan, planned_machines, span
from rapids_rap.scale.stages import BY_SHARDS

GIB = 2**30
DEMO = ModelSize("demo", 4, 256, 640, 128, 10_796, 4)
CPUS = Machines(4, None, 23 * GIB, 23 * GIB)
CARDS = planned_machines(8, 80.0, 1000.0, 0)
EVERYTHING = {name for stage in STAGES for name in stage.shards}


def by_name(needs):
    return {need.stage.name: need for need in needs}


def test_every_measured_stage_is_planned_for():
    """A stage that the benchmark names and the plan forgets would be free of charge."""
    named = {cost.stage for cost in unit_costs() if cost.scenario == "growth"}
    planned = {name for stage in STAGES for name in stage.measured}
    assert named - planned <= {"all", "embedding", "by_hand"}


@pytest.mark.parametrize("lines", [60_000, 599_999])
def test_at_measured_sizes_the_plan_says_what_was_measured(lines):
    """All stages together are the run that was measured, but for the embedding, by its own rate."""
    (whole,) = (
        c.seconds
        for c in unit_costs()
        if (c.scenario, c.stage, c.lines) == ("growth", "all", lines)
    )
    (embedding,) = (
        c.seconds
        for c in unit_costs()
        if (c.scenario, c.stage, c.lines) == ("growth", "embedding", lines)
    )
    names = [name for stage in STAGES for name in stage.measured]
    assert stage_seconds(names, lines) + embedding == pytest.approx(whole, rel=0.01)


def test_the_encoders_rate_predicts_another_models_time():
    """Measured with e5-small, it gives the demo model's embedding of 600,000 lines on two cores."""
    (measured,) = (c for c in unit_costs() if (c.stage, c.lines) == ("embedding", 599_999))
    expected = encoder_seconds(DEMO, measured.lines, tokens_each=5.83) / 2
    assert expected == pytest.approx(measured.seconds, rel=0.4)


def test_the_plan_of_what_was_measured_is_what_was_measured():
    """Of e5-small, by one worker, on as many lines: the row that the plan names."""
    (row,) = (c for c in unit_costs() if c.scenario == "real_model_e5")
    job = Job(row.lines, model_size("e5-small", E5_SMALL, 4))
    for workers in (1, 2):
        need = by_name(plan_scale(job, replace(CPUS, workers=workers), BY_SHARDS))["embedding"]
        assert need.seconds * workers == pytest.approx(row.seconds)
    said = dict(describe_plan(job, CPUS, BY_SHARDS).whole)["computed"]
    assert f"for lines of {row.tokens / row.lines:.1f} tokens" in said


def test_a_worker_that_reads_holds_what_was_measured():
    """It puts all rows of a file into songs: the committed peaks of one and ten million lines."""
    with (RESULTS / "shards_growth.csv").open(encoding="utf-8", newline="") as file:
        peaks = {
            int(row["lines"]): float(row["peak_gib"]) * GIB
            for row in csv.DictReader(file)
            if row["stage"] == "reading and cleaning, a worker so far"
        }
    assert len(peaks) == 2
    for lines, peak in peaks.items():
        each = by_name(plan_scale(Job(lines, DEMO), CPUS, BY_SHARDS))["reading"].each
        assert peak <= each <= peak + BASE / 2
    read = by_name(plan_scale(Job(10**9, DEMO), CPUS, BY_SHARDS))
    assert read["reading"].each > 100 * read["words"].each


def test_workers_on_one_machine_take_its_memory_together():
    """A machine for each is what the marks mean; of all on one the words below tell the sum."""
    job, machines = Job(10**7, QWEN2_1_5B), replace(CPUS, workers=8)
    needs = by_name(plan_scale(job, machines, BY_SHARDS))
    embedding, reading = needs["embedding"], needs["reading"]
    assert embedding.together == embedding.memory + 8 * embedding.each
    assert reading.together == reading.memory + reading.each + 7 * BASE
    for host, verdict in ((10**12, "which fits"), (CPUS.host, "which is too much")):
        told = dict(describe_plan(job, replace(machines, host=host), BY_SHARDS).whole)
        assert "--main-memory is that of each machine" in told["main memory"]
        assert told["main memory"].endswith(verdict)
        assert "one file" in told["reading"]
    assert "main memory" not in dict(describe_plan(job, machines, ()).whole)


def test_nothing_grows_by_less_than_the_lines():
    """A stage that grew by less did so for what it costs at its start, which is no promise."""
    few, many = (by_name(plan_scale(Job(n, DEMO), CPUS, ())) for n in (6_000_000, 60_000_000))
    for name, need in many.items():
        assert need.seconds >= 9.9 * few[name].seconds
        assert need.memory >= few[name].memory
        assert need.disk >= few[name].disk


def test_workers_share_what_goes_by_shards_and_nothing_else():
    """Eight workers take an eighth of the time, and only of stages that the executor has."""
    one, eight = (
        by_name(plan_scale(Job(10**7, QWEN2_1_5B), replace(CPUS, workers=w), BY_SHARDS))
        for w in (1, 8)
    )
    shared = {name for name in one if eight[name].workers == 8}
    assert {"words", "embedding"} <= shared
    assert shared == {s.name for s in STAGES if s.shards and set(s.shards) <= set(BY_SHARDS)}
    for name in one:
        times = 8 if name in shared else 1
        assert one[name].seconds == pytest.approx(times * eight[name].seconds)
        assert (eight[name].each > 0) == (name in shared)
    alone = plan_scale(Job(10**7, QWEN2_1_5B), replace(CPUS, workers=8), ())
    assert {need.workers for need in alone} == {1}
    assert "neighbors" in {
        n.stage.name for n in plan_scale(Job(9, DEMO), CPUS, EVERYTHING) if n.each
    }


def test_of_a_gpu_nothing_is_called_measured():
    """Its times are the roofline's, which is a floor; what runs on the CPU keeps its mark."""
    needs = by_name(plan_scale(Job(600_000, QWEN2_1_5B), CARDS, BY_SHARDS))
    rows = {row.stage: row for row in roofline(typical_job(600_000))}
    encoder = sum(rows[n].seconds(CARDS.gpu) for n in ("encoder", "beginnings", "pooling"))
    assert needs["embedding"].seconds == pytest.approx(encoder / 8)
    for need in needs.values():
        assert need.basis in (("least",) if need.stage.floors else ("measured", "computed"))


@pytest.mark.parametrize("machines", [CPUS, CARDS], ids=["cpu", "gpu"])
def test_what_breaks_first_is_what_does_not_fit_first(machines):
    """At the number of lines it names all stages fit; a little above, that one does not."""
    first = breaks_first(plan_scale(Job(10**8, QWEN2_1_5B), machines, BY_SHARDS))
    at = plan_scale(Job(first.most, QWEN2_1_5B), machines, BY_SHARDS)
    assert all(need.fits for need in at)
    above = by_name(plan_scale(Job(int(1.01 * first.most) + 2, QWEN2_1_5B), machines, BY_SHARDS))
    assert not above[first.stage.name].fits
    assert slowest(at).seconds == max(need.seconds for need in at)


def test_the_words_of_a_plan_say_what_to_change_and_what_is_not_measured():
    """To a billion lines, on paper."""
    text = describe_plan(Job(10**9, QWEN2_1_5B), CARDS, BY_SHARDS)
    assert text.title.startswith("Plan for 1,000,000,000 distinct lines, Qwen/Qwen2-1.5B")
    assert [row["stage"] for row in text.stages] == [stage.name for stage in STAGES]
    assert {row["known"] for row in text.stages} == {"least", "computed"}
    whole = dict(text.whole)
    assert "; to change: " in whole["breaks first"]
    assert "; to change: " in whole["takes longest"]
    assert whole["least"].startswith("computed, never measured")
    assert f"commit {unit_costs()[0].commit}," in whole["bench/results/growth"]
    small = dict(describe_plan(Job(60_000, DEMO), CPUS, BY_SHARDS).whole)
    assert small["breaks first"].endswith("so that these do")
    assert "least" not in small
    unknown = describe_plan(Job(60_000, DEMO), Machines(1, None, 0, 0), BY_SHARDS)
    assert "--main-memory" in dict(unknown.whole)["breaks first"]
    assert {row["lines that fit"] for row in unknown.stages} == {"unknown"}


def test_a_card_is_the_slowest_with_so_much_memory():
    """A plan for 80 GiB must not promise the newer of two cards."""
    assert card_like(80.0).name == "A100 80GB SXM"
    assert card_like(24.0).name == "RTX 4090"
    assert card_like(1000.0).size == max(gpu.size for gpu in GPUS)


def test_spans_are_readable():
    """From nothing to years."""
    cases = {0.2: "< 1 s", 90: "90 s", 600: "10 min", 7200: "2.0 h", 200_000: "2.3 days"}
    assert {seconds: span(seconds) for seconds in cases} == cases
    assert span(1e9) == "32 years"


def test_every_stage_that_can_go_to_workers_is_named_as_the_executor_names_it():
    """`scale.stages` says what goes by shards; what the plan has no word for would go unnoticed."""
    assert set(BY_SHARDS) <= EVERYTHING | {"songs x terms"}
