"""The memory plan: sizes of models, peaks by stage, and what is done where they don't fit."""

import json

import pytest

from rapids_rap.backend.protocol import Sizes
from rapids_rap.data import data_path
from rapids_rap.embedding.folder import transformer_folder
from rapids_rap.machine.memory_plan import BASE, QWEN2_1_5B, model_size, plan_cpu, plan_gpu


def test_the_parameters_of_qwen2_are_those_of_its_card():
    """1.54 billion parameters, 1.31 of them not in the embedding table, 3.1 GB in bfloat16."""
    assert QWEN2_1_5B.parameters == pytest.approx(1.54e9, rel=0.005)
    assert QWEN2_1_5B.matrix_parameters == pytest.approx(1.31e9, rel=0.005)
    assert QWEN2_1_5B.weights == pytest.approx(3.09e9, rel=0.005)


def test_a_model_folder_says_its_size():
    """config.json gives the size of the bundled model, near what its file of weights takes."""
    folder = transformer_folder(data_path("demo_model"))
    config = json.loads((folder / "config.json").read_text())
    size = model_size("demo", config, 4)
    stored = sum(f.stat().st_size for f in folder.glob("*.safetensors"))
    assert size.hidden == config["hidden_size"]
    assert stored / 2.2 < size.parameters < stored  # two or four bytes a parameter


GIB = 2**30
MAIN = 256 * GIB


def test_the_cpu_plan_grows_with_lines_and_is_compared_with_what_is_free():
    """Ten times the lines plan at least five times the memory beyond the base, and may not fit."""
    small, large = (plan_cpu(n, 1536, 4 * GIB) for n in (60_000, 600_000))
    assert small.fits
    assert not large.fits
    assert large.peak - BASE > 5 * (small.peak - BASE)
    assert "of 4.0 GiB free on the CPU" in small.sentence


@pytest.mark.parametrize("card", [16, 24, 48, 80])
@pytest.mark.parametrize("texts", [60_000, 600_000, 6_000_000, 60_000_000])
def test_a_gpu_plan_fits_or_says_what_would(card, texts):
    """No plan passes off a stage as fitting; one that does not fit names what is missing."""
    plan = plan_gpu(texts, 1536, card * GIB, MAIN)
    for stage in plan.stages:
        assert stage.fits == (stage.peak <= plan.free) or stage.stage == "vectors"
        assert stage.fits or "does not fit" in stage.because
    assert plan.fits == (all(s.fits for s in plan.stages) and plan.host <= MAIN)


@pytest.mark.parametrize(
    ("texts", "card", "home"),
    [
        (60_000, 16, "device"),
        (600_000, 16, "device"),
        (600_000, 80, "device"),
        (6_000_000, 80, "device"),
        (6_000_000, 24, "host"),
    ],
)
def test_where_the_vectors_live(texts, card, home):
    """600,000 lines fit the smallest card with their vectors; 6 million need a large one or RAM."""
    plan = plan_gpu(texts, 1536, card * GIB, MAIN)
    assert plan.stages[0].stage == "vectors"
    assert plan.stages[0].algorithm == home


def test_vectors_in_main_memory_are_counted_there():
    """Pinned vectors count once in main memory, and the sentence names both memories."""
    plan = plan_gpu(6_000_000, 1536, 24 * GIB, MAIN)
    vectors = 6_000_000 * 1536 * 4
    assert vectors < plan.host
    assert "main memory about" in plan.sentence
    assert not plan_gpu(6_000_000, 1536, 24 * GIB, 8 * GIB).fits


@pytest.mark.parametrize("plan", [plan_cpu, lambda *a: plan_gpu(*a[:3], MAIN, a[3])])
def test_whitened_vectors_are_a_second_matrix(plan):
    """With centring or whitening both matrices stay to the end, and the plan counts both."""
    once, twice = (plan(600_000, 1536, 80 * GIB, Sizes(model=0, copies=c)) for c in (1, 2))
    vectors = 600_000 * 1536 * 4
    more = [b.peak - a.peak for a, b in zip(once.stages, twice.stages, strict=True)]
    assert max(more) == pytest.approx(vectors, rel=0.01)
    assert twice.peak > once.peak
