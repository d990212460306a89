"""What many lines would take on many machines, stage by stage, on paper, before anything starts.

Time on CPUs follows from unit costs that were measured (`data/unit_costs.csv`: each row of a
committed benchmark), extrapolated by the growth between two sizes; time on GPUs is the roofline's,
which nothing can beat. Memory is the memory plan's. All of it beyond the measured sizes is computed
and says so.
"""

from __future__ import annotations

import csv
import functools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rapids_rap.backend.gpu_plan import RESERVE, graph_bytes, list_count
from rapids_rap.backend.protocol import DEFAULT_SIZES, Memory, Sizes
from rapids_rap.clustering.votes import vote_count
from rapids_rap.data import data_path
from rapids_rap.machine.memory_plan import BASE, TEXT_ROW, ModelSize, model_size, plan_memory
from rapids_rap.machine.roofline import Floor, Gpu, floors, typical_job

UNIT_COSTS = "unit_costs.csv"  # of `rapids_rap/data`, written by `bench/unit_costs.py`
TOKENS_EACH = 8.0  # of a lyric line on a GPU, as `typical_job` has them
E5_SMALL = {  # the shape of the model whose rate was measured
    "hidden_size": 384,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "vocab_size": 250_037,
    "hidden_act": "gelu",
}
GRAPH_ROWS = 20 * 32 * 64  # pairs a row that NN-descent compares: iterations, new, old and new
# Bytes a line of the file whose rows a worker puts into songs: between one and ten million lines
# its peak grew by 280 (bench/results/shards_growth.csv).
ROW_OF_FILE = 281
ROW_OF_STORE = 21  # bytes beside a vector: the text's hash, its tokens, whether it was cut
ROW_OF_RUN = 1_000  # bytes of a text in a finished run beside its vector (docs/nightly.md)
ROW_KEPT = 500  # and more of them while the run works
MOST_LINES = 10**12
BATCH = 32_768  # tokens of a GPU's batch

REST = "files, report"  # what a run takes beside its stages, imports included
MEASURED_DIM = 256  # of the vectors in the unit costs

Device = Literal["cpu", "gpu"]


@dataclass(frozen=True)
class Machines:
    """What a plan is for.

    workers: processes of one core each, or of one GPU each. gpu: what is known of the card, None
    for CPUs. device, host: bytes free on the card (on CPUs as `host`), and of main memory, of each
    machine.
    """

    workers: int
    gpu: Gpu | None
    device: int
    host: int

    @property
    def kind(self) -> Device:
        """Where arrays live."""
        return "gpu" if self.gpu else "cpu"


@dataclass(frozen=True)
class Job:
    """lines: distinct texts. width: bytes of a stored number."""

    lines: int
    model: ModelSize
    width: int = 4
    sizes: Sizes = DEFAULT_SIZES


@dataclass(frozen=True)
class Stage:
    """A stage of the plan, and where its figures come from.

    measured: its rows of the unit costs. shards: what of `scale.stages.BY_SHARDS` it needs to go to
    workers. floors: its rows of the roofline. planned: its stage of the memory plan, empty for one
    that holds lines in main memory. change: what to do where it is too much.
    """

    name: str
    measured: tuple[str, ...]
    shards: tuple[str, ...] = ()
    floors: tuple[str, ...] = ()
    planned: str = ""
    change: str = ""


_PARTS = "cut the corpus (by years, by regions) and compare the runs"
_SAMPLE = "lay out a sample that fits, place the other lines beside it and let all settle"
STAGES = (
    Stage("reading", ("corpus",), ("reading", "cleaning"), change=f"more main memory, or {_PARTS}"),
    Stage("words", ("segment",), ("words",), change=f"more main memory, or {_PARTS}"),
    Stage(
        "embedding",
        (),
        ("vectors",),
        ("encoder", "beginnings", "pooling"),
        "embedding",
        "a smaller model, or one of fewer dimensions",
    ),
    Stage(
        "neighbors",
        ("postprocess", "neighbors"),
        ("neighbours",),
        ("neighbors, exact",),
        "neighbors",
        "a model of fewer dimensions, or embedding.postprocess=whiten with fewer whiten_dims",
    ),
    Stage("layout", ("layout",), (), ("layout, map", "layout, reduced"), "layout", _SAMPLE),
    Stage("clusters", ("votes", "clusters", "hierarchy"), (), ("clusters",), "clusters", _PARTS),
    Stage(
        "terms, lexicon",
        ("terms", "theme_terms", "lexicon"),
        ("terms", "lexicon"),
        ("terms and lexicon",),
        "evidence",
        _PARTS,
    ),
    Stage(
        "figures",
        ("keyness", "artists", "emotions", "follows", "retrieval", "quality"),
        planned="evidence",
        change=_PARTS,
    ),
    Stage("maps", ("maps", "identity"), (), ("maps",), "maps", _PARTS),
    Stage(REST, (REST,), planned=REST, change=f"more main memory, or {_PARTS}"),
)


@dataclass(frozen=True)
class Need:
    """What a stage takes. Seconds; bytes.

    workers: that share it, 1 for the process of the run. memory: the most it holds where `free` is
    what is there, of a GPU or main memory (`where`); each: of the largest worker, 0 without; all:
    of main memory, by all workers. disk: left on shared storage. most: the most lines for which it
    fits. basis: of its time, "measured", "computed" from that, or "least": what no version can
    beat.
    """

    stage: Stage
    workers: int
    seconds: float
    memory: int
    free: int
    where: str
    each: int
    all: int
    disk: int
    most: int
    basis: str

    @property
    def fits(self) -> bool:
        """Whether it does, as far as is known, with a machine for every worker."""
        return not self.free or max(self.memory, self.each) <= self.free

    @property
    def together(self) -> int:
        """Bytes of main memory where one machine has all workers and the process of the run."""
        return self.all + (self.memory if self.where == "main" else 0)


@dataclass(frozen=True)
class UnitCost:
    """A row of the committed table: so many seconds of that stage on so many lines."""

    scenario: str
    date: str
    commit: str
    machine: str
    side: str
    stage: str
    lines: int
    tokens: int
    seconds: float


@functools.cache
def unit_costs() -> tuple[UnitCost, ...]:
    """The table, as it is committed."""
    with data_path(UNIT_COSTS).open(encoding="utf-8", newline="") as file:
        return tuple(
            UnitCost(
                **{k: row[k] for k in ("scenario", "date", "commit", "machine", "side", "stage")},
                lines=int(row["lines"]),
                tokens=int(row["tokens"] or 0),
                seconds=float(row["seconds"]),
            )
            for row in csv.DictReader(file)
        )


def measured_range() -> tuple[int, int]:
    """The two sizes between which times are interpolated."""
    sizes = sorted({cost.lines for cost in unit_costs() if cost.scenario == "growth"})
    return sizes[0], sizes[-1]


def stage_seconds(names: Collection[str], lines: int) -> float:
    """Of these rows together, on the machine that they were measured on.

    Between and below the measured sizes by the power of their growth; above them at least linear,
    for a stage that grew by less did so because of what it costs at the start.
    """
    return sum(_row_seconds(name, lines) for name in names)


def _row_seconds(name: str, lines: int) -> float:
    (few, least), (many, most) = sorted(_measured()[name].items())
    if least <= 0 or most <= 0:
        return most * lines / many
    grown = math.log(most / least) / math.log(many / few)
    return most * (lines / many) ** (max(1.0, grown) if lines > many else grown)


@functools.cache
def _measured() -> Mapping[str, Mapping[int, float]]:
    """Seconds by stage and lines, and `REST`: what no stage accounts for."""
    found: dict[str, dict[int, float]] = {}
    for cost in unit_costs():
        if cost.scenario == "growth":
            found.setdefault(cost.stage, {})[cost.lines] = cost.seconds
    everything = found.pop("all")
    found[REST] = {
        lines: seconds - sum(of[lines] for of in found.values())
        for lines, seconds in everything.items()
    }
    return found


def encoder_seconds(model: ModelSize, lines: int, tokens_each: float = 0.0) -> float:
    """Of one core: what e5-small took for a line, by the arithmetic of a token.

    It was measured on two cores, with its loading, which takes about as long as the second core
    saves; of 600,000 lines of another model that comes within 40 % (tests/machine).
    tokens_each: of these lines, where it is known that they differ from `encoder_tokens`.
    """
    cost = _encoder_cost()
    known = model_size("e5-small", E5_SMALL, 4)
    longer = tokens_each / encoder_tokens() if tokens_each else 1.0
    times = model.matrix_parameters / known.matrix_parameters
    return cost.seconds * lines / cost.lines * longer * times


def encoder_tokens() -> float:
    """A line, of those on which the rate of an encoder was measured."""
    cost = _encoder_cost()
    return cost.tokens / cost.lines


def _encoder_cost() -> UnitCost:
    (cost,) = (c for c in unit_costs() if c.stage == "embedding" and c.tokens)
    return cost


def plan_scale(job: Job, machines: Machines, by_shards: Collection[str]) -> tuple[Need, ...]:
    """Every stage of a run of so many lines. by_shards: `scale.stages.BY_SHARDS`."""
    layouts = vote_count(job.lines, 0, machines.kind)
    job = replace(job, sizes=replace(job.sizes, layouts=layouts))
    return tuple(_need(stage, job, machines, by_shards) for stage in STAGES)


def _need(stage: Stage, job: Job, machines: Machines, by_shards: Collection[str]) -> Need:
    shared = bool(stage.shards) and set(stage.shards) <= set(by_shards)
    if shared and stage.planned == "evidence":  # the tables of tokens are then the workers' own
        stage = replace(stage, planned="")
    memory, where, how = _memory(stage, job, machines)
    free = machines.device if where == "GPU" else machines.host

    def fits(lines: int) -> bool:
        other = replace(job, lines=lines)
        each = _each(stage, other, machines) if shared else 0
        return max(_memory(stage, other, machines)[0], each) <= free

    seconds, basis = _seconds(stage, job, machines, how)
    workers = machines.workers if shared else 1
    if workers > 1 and basis == "measured":
        basis = "computed"
    return Need(
        stage=stage,
        workers=workers,
        seconds=seconds / workers,
        memory=memory,
        free=free,
        where=where,
        each=_each(stage, job, machines) if shared else 0,
        all=_all(stage, job, machines) if shared else 0,
        disk=_disk(stage, job),
        most=_largest(fits) if free else 0,
        basis=basis,
    )


def _memory(stage: Stage, job: Job, machines: Machines) -> tuple[int, str, str]:
    """Bytes at the peak, of which memory, and the algorithm that the memory plan chose."""
    if not stage.planned:
        return BASE + TEXT_ROW * job.lines, "main", ""
    host = Memory(machines.host, machines.host, 0)
    own = Memory(machines.device, machines.device, 0)
    sizes = replace(job.sizes, model=_model_bytes(job.model, machines))
    plan = plan_memory(machines.kind, job.lines, job.model.hidden, own, host, sizes)
    if stage.planned == REST:
        return plan.host, "main", ""
    stages = {choice.stage: choice for choice in plan.stages}
    # On CPUs maps have no plan of their own.
    choice = stages.get(stage.planned) or stages["quality"]
    if machines.gpu:
        return choice.peak, "GPU", choice.algorithm
    return choice.peak, "main", ""


def _each(stage: Stage, job: Job, machines: Machines) -> int:
    """Of the largest worker: the libraries; for vectors the model, on a GPU on the card.

    Of reading all lines, as if they were in one file: one worker puts a file's rows into songs.
    """
    if stage.name == "reading":
        return BASE + ROW_OF_FILE * job.lines
    if stage.planned != "embedding":
        return BASE
    model = _model_bytes(job.model, machines)
    return model + (RESERVE if machines.gpu else BASE)


def _all(stage: Stage, job: Job, machines: Machines) -> int:
    """Of main memory, by all workers: one of them alone has a file's lines."""
    largest = BASE if machines.gpu and stage.planned == "embedding" else _each(stage, job, machines)
    others = BASE if stage.name == "reading" else largest
    return largest + (machines.workers - 1) * others


def _model_bytes(model: ModelSize, machines: Machines) -> int:
    return model.weights + model.activations(BATCH if machines.gpu else BATCH // 8)


def _seconds(stage: Stage, job: Job, machines: Machines, how: str) -> tuple[float, str]:
    """By one worker, or by the process of the run; and how that is known."""
    if machines.gpu and stage.floors:
        return _least_seconds(stage, job, machines.gpu, how), "least"
    if stage.planned == "embedding":
        return encoder_seconds(job.model, job.lines), "computed"
    seconds = stage_seconds(stage.measured, job.lines)
    # Measured with one layout that votes, and vectors of so many dimensions.
    if stage.name == "neighbors":
        seconds *= job.model.hidden / MEASURED_DIM
    if stage.name == "layout":
        seconds *= (1 + job.sizes.layouts) / 2
    if stage.name == "clusters":
        seconds *= job.sizes.layouts
    few, many = measured_range()
    scaled = stage.name in ("neighbors", "layout", "clusters")
    inside = few <= job.lines <= 1.01 * many
    return seconds, "measured" if inside and not scaled else "computed"


def _least_seconds(stage: Stage, job: Job, gpu: Gpu, how: str) -> float:
    """On one card, by the roofline; as often as layouts vote."""
    rows = {row.stage: row for row in floors(typical_job(job.lines, job.model, TOKENS_EACH))}
    found = [rows[name] for name in stage.floors if name in rows]
    if "nn_descent" in how or "ivf" in how:
        dim = job.model.hidden if stage.name == "neighbors" else job.sizes.dimensions
        found = [_approximate(job.lines, dim, how)]
    votes = ("layout, reduced", "clusters", "approximate")
    times = job.sizes.layouts if stage.name in ("layout", "clusters") else 1
    return sum(row.seconds(gpu) * (times if row.stage in votes else 1) for row in found)


def _approximate(lines: int, dim: int, how: str) -> Floor:
    """The pairs that are compared: NN-descent's by cuVS' defaults, or every centre and one list."""
    lists = list_count(lines)
    each = GRAPH_ROWS if "nn_descent" in how else lists + lines / lists
    pairs = lines * each
    return Floor("approximate", 2.0 * pairs * dim, 4.0 * lines * dim, "vector", how)


def _disk(stage: Stage, job: Job) -> int:
    """Left on shared storage, by the stage that makes it; the lyrics themselves not counted."""
    vectors = job.width * job.lines * job.model.hidden
    if stage.planned == "embedding":
        return 2 * vectors + ROW_OF_STORE * job.lines  # the store's, and the run's own
    if stage.planned == "neighbors":
        return graph_bytes(job.lines, job.sizes.k)
    if stage.name == "reading":
        return ROW_KEPT * job.lines
    if stage.planned == REST:
        return ROW_OF_RUN * job.lines
    return 0


def _largest(fits: Callable[[int], bool]) -> int:
    """The most lines for which it does; 0 where none do."""
    low, high = 0, MOST_LINES
    if fits(high):
        return high
    while high - low > max(1, low // 1000):
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def breaks_first(needs: Sequence[Need]) -> Need | None:
    """The stage that holds the fewest lines; None where memory is not known."""
    known = [need for need in needs if need.free]
    return min(known, key=lambda need: need.most, default=None)


def slowest(needs: Sequence[Need]) -> Need:
    """The stage that takes the longest."""
    return max(needs, key=lambda need: need.seconds)


def sources() -> Mapping[str, str]:
    """Each benchmark of the unit costs: when, on what and at which commit it was measured."""
    return {
        cost.scenario: f"{cost.date}, commit {cost.commit}, {cost.machine}" for cost in unit_costs()
    }
