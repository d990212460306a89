"""The roofline: floors that follow from counts, and say what they counted."""

import dataclasses
import json

import pytest

from rapids_rap.bench import roofline
from rapids_rap.errors import InputError
from rapids_rap.machine.memory_plan import QWEN2_1_5B


def by_stage(job):
    return {floor.stage: floor for floor in roofline.floors(job)}


def test_the_encoder_costs_two_operations_a_weight_and_token():
    """1.31 billion weights, 4.8 million tokens: 12.6 PFLOP, and attention on lines is little."""
    floor = by_stage(roofline.typical_job(600_000, shared=0.0))["encoder"]
    linear = 2 * QWEN2_1_5B.matrix_parameters * 4_800_000
    assert linear < floor.flops < 1.01 * linear


def test_what_beginnings_share_is_not_computed_and_gathering_is_little():
    """A quarter shared is a quarter less of the encoder, at about a hundredth of it in copies."""
    plain = by_stage(roofline.typical_job(600_000, shared=0.0))
    shared = by_stage(roofline.typical_job(600_000, shared=0.25))
    assert "beginnings" not in plain
    assert shared["encoder"].flops == pytest.approx(0.75 * plain["encoder"].flops)
    h100 = roofline.find_gpu("NVIDIA H100 PCIe")
    assert 0 < shared["beginnings"].seconds(h100) < 0.015 * plain["encoder"].seconds(h100)


def test_brute_force_grows_with_the_square_and_the_encoder_does_not():
    """Ten times the lines: 100 times the pairs, 10 times the tokens."""
    small, large = (by_stage(roofline.typical_job(n)) for n in (60_000, 600_000))
    for stage in ("neighbors, exact", "clusters", "silhouette, map"):
        assert large[stage].flops / small[stage].flops == pytest.approx(100, rel=0.01)
    assert large["encoder"].flops / small["encoder"].flops == pytest.approx(10, rel=0.01)


@pytest.mark.parametrize("gpu", roofline.GPUS, ids=lambda gpu: gpu.name)
def test_a_floor_is_the_larger_of_arithmetic_and_traffic(gpu):
    """Doubling either rate never makes a floor longer, and `bound` names the one that decides."""
    for floor in roofline.floors(roofline.typical_job(60_000)):
        seconds = floor.seconds(gpu)
        assert seconds > 0
        faster = dataclasses.replace(gpu, memory=2 * gpu.memory)
        assert floor.seconds(faster) <= seconds
        if floor.bound(gpu) == "memory":
            assert floor.seconds(faster) < seconds
        else:
            assert floor.seconds(faster) == seconds


def test_the_table_says_that_nothing_was_measured():
    """Whoever copies the table copies its first words."""
    text = roofline.render(roofline.typical_job(600_000))
    assert text.startswith("Computed, not measured")
    assert all(gpu.name in text for gpu in roofline.GPUS)


def manifest(device="NVIDIA H100 80GB HBM3", backend="gpu", **model):
    stages = {"embedding": 40.0, "neighbors": 2.0, "segment": 3.0, "terms": 1.0, "layout": 4.0}
    return {
        "backend": {"name": backend, "used": {"device": device}},
        "counts": {"distinct": 600_000, "clusters": 400, "kept": 700_000, "noise_lines": 70_000},
        "model": {"tokens": 4_800_000, "name": "Qwen/Qwen2-1.5B", "dtype": "bfloat16"} | model,
        "neighbors": {"k": 30},
        "stages": [
            {"name": name, "seconds": seconds, "cached": name == "layout"}
            for name, seconds in stages.items()
        ],
    }


def test_a_run_is_held_against_its_floors():
    """Words are one stage, what was cached is left out, and nothing exceeds its floor here."""
    found = {s.stage: s for s in roofline.shares(manifest(), QWEN2_1_5B)}
    assert set(found) == {"embedding", "neighbors", "terms and lexicon"}
    assert found["terms and lexicon"].seconds == 4.0
    job = roofline.typical_job(600_000, shared=0.0)  # of an older run, that computed every token
    floor = {f.stage: f for f in roofline.floors(job)}
    h100 = roofline.find_gpu("NVIDIA H100 PCIe")
    least = floor["encoder"].seconds(h100) + floor["pooling"].seconds(h100)
    assert found["embedding"].floor == pytest.approx(least, rel=0.01)
    assert found["embedding"].reached == pytest.approx(least / 40.0, rel=0.01)
    counts = {"embedded_tokens": 1_000, "computed_tokens": 800}
    once = {s.stage: s for s in roofline.shares(manifest(**counts), QWEN2_1_5B)}
    assert once["embedding"].floor == pytest.approx(0.8 * least, rel=0.02)


@pytest.mark.parametrize(
    ("name", "card"),
    [
        ("NVIDIA A100-SXM4-80GB", "A100 80GB SXM"),
        ("NVIDIA H200", "H200 SXM"),
        ("NVIDIA L40S", "L40S"),
        ("Tesla T4", "T4"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
    ],
)
def test_a_card_is_found_by_the_drivers_name(name, card):
    """The names that drivers give contain the data sheet's."""
    assert roofline.find_gpu(name).name == card


def test_an_unknown_card_and_a_cpu_run_are_refused():
    """No share of a floor that isn't known."""
    with pytest.raises(InputError, match="Radeon"):
        roofline.find_gpu("Radeon")
    with pytest.raises(InputError, match="--backend gpu"):
        roofline.shares(manifest("cpu", "cpu"), QWEN2_1_5B)


def test_the_command_reads_a_run_folder(tmp_path, capsys):
    """A folder without a manifest ends with a sentence, one with it in a table."""
    with pytest.raises(SystemExit) as end:
        roofline.main(["--run", str(tmp_path)])
    assert end.value.code == 2
    (tmp_path / "manifest.json").write_text(json.dumps(manifest()), encoding="utf-8")
    capsys.readouterr()
    roofline.main(["--run", str(tmp_path)])
    assert "Measured on NVIDIA H100" in capsys.readouterr().out
