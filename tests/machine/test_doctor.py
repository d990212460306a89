"""What the doctor shows of the GPU."""

from dataclasses import replace

from rapids_rap.backend.lanes import CudaLane
from rapids_rap.machine.doctor import BATCH, gpu_rows, plan_for, plan_rows
from tests.gpu_facts import H100, LIBRARIES, NOTHING, USABLE


def test_a_usable_gpu_is_shown_with_all_its_parts():
    """Driver, card, what torch was built for, and each part of the backend."""
    rows = dict(gpu_rows(USABLE))
    assert rows["driver"] == "580.95.05, supports CUDA up to 13.0 (needed: 580.65.06 or newer)"
    assert rows["GPU 0"] == (
        "NVIDIA H100 80GB HBM3, 79.6 GiB, 78.6 GiB free, compute capability 9.0"
    )
    assert rows["torch built for"].startswith("CUDA 13.0 sm_75 ")
    assert rows["UMAP and HDBSCAN by cuML"] == "cupy + rmm + cuml ready"
    assert "note" not in rows


def test_a_machine_without_a_gpu_is_two_rows():
    """Nobody who runs on a laptop is told of eight missing libraries."""
    assert gpu_rows(NOTHING) == [
        ("driver", "none found (needed: 580.65.06 or newer)"),
        ("libraries", "not tried, because the driver offers no usable GPU"),
    ]


def test_hidden_cards_and_complaints_are_shown():
    """What nvidia-smi lists but CUDA does not show stands there as such."""
    facts = replace(USABLE, cards=(), libraries=(), listed=(replace(H100, mig=True),))
    rows = dict(gpu_rows(replace(facts, smi_problem="no answer within 10 s")))
    assert rows["GPU 0"].endswith("MIG mode, not shown to this process")
    assert rows["nvidia-smi"] == "no answer within 10 s"


def test_every_card_and_note_has_its_row():
    """Two cards, one of them in a mode of its own, and what is odd about the installation."""
    cards = (replace(H100, mode="Exclusive_Process"), H100)
    facts = replace(USABLE, cards=cards, faiss_packages=("faiss-cpu", "faiss-gpu"))
    rows = gpu_rows(facts)
    assert [name for name, _ in rows if name.startswith("GPU ")] == ["GPU 0", "GPU 1"]
    assert dict(rows)["GPU 0"].endswith("compute mode Exclusive_Process")
    assert len([value for name, value in rows if name == "note"]) == 2


def test_a_driver_without_a_known_version_is_not_called_absent():
    """In a container without nvidia-smi only the library speaks."""
    facts = replace(USABLE, driver="", libraries=LIBRARIES)
    assert dict(gpu_rows(facts))["driver"].startswith("version unknown, supports CUDA up to 13.0")


def test_the_plan_is_for_the_card_that_is_here():
    """A usable GPU is planned for with what is free of it; without one the CPU is."""
    plan = plan_for(600_000, "Qwen/Qwen2-1.5B", USABLE, 0.0)
    assert (plan.device, plan.dim) == ("gpu", 1536)
    assert plan.free == H100.memory - H100.used
    assert plan_for(600_000, "demo", NOTHING, 0.0).device == "cpu"


def test_a_card_that_is_not_here_can_be_planned_for():
    """`--gpu-memory` names algorithms, both memories, and the stages that are too much."""
    rows = dict(plan_rows(plan_for(600_000, "Qwen/Qwen2-1.5B", NOTHING, 16.0)))
    assert rows["verdict"] == "fits"
    assert "faiss exact" in rows["neighbors"]
    assert rows["free GPU memory"] == "14.9 GiB"  # the driver takes its share
    assert rows["main memory"].endswith("of 64.0 GiB")
    rows = dict(plan_rows(plan_for(60_000_000, "Qwen/Qwen2-1.5B", NOTHING, 80.0, 1024.0)))
    assert rows["main memory"].endswith("of 1024.0 GiB")
    assert rows["layout"].endswith("[too much]")
    assert rows["verdict"].startswith("does not fit")


def test_the_plan_makes_room_for_the_batch_that_a_gpu_takes():
    """The doctor doesn't load torch to ask, so the number stands twice and must be one."""
    assert CudaLane.token_budget == BATCH
