"""Which backend runs, and why."""

from dataclasses import replace

import pytest

from rapids_rap.backend.gpu_imports import ABSENT
from rapids_rap.errors import CapabilityError
from rapids_rap.machine import device, driver
from tests.conftest import rap
from tests.gpu_facts import NOTHING, USABLE, with_problem

WITHOUT_CUML = replace(USABLE, libraries=with_problem("cuml", ABSENT))


@pytest.fixture
def machine(monkeypatch):
    """`machine(facts)`: what is known of the GPU here."""
    return lambda facts: monkeypatch.setattr(device, "probe", lambda: facts)


@pytest.mark.parametrize("wanted", ["auto", "gpu"])
def test_a_usable_gpu_is_taken_and_named(machine, wanted):
    """`auto` takes it, and says name, memory, capability and driver."""
    machine(USABLE)
    found = device.resolve(wanted)
    assert found.backend == "gpu"
    for word in ("NVIDIA H100 80GB HBM3", "79.6 GiB", "9.0", "580.95.05"):
        assert word in found.reason
        assert word in found.gpu
    assert device.resolve(wanted, require_gpu=True) == found


@pytest.mark.parametrize(
    ("facts", "words"), [(NOTHING, "no NVIDIA driver"), (WITHOUT_CUML, "cuml is not installed")]
)
def test_auto_says_why_it_runs_on_the_cpu(machine, facts, words):
    """`auto` without a usable GPU is the CPU, with a reason an administrator can act on."""
    machine(facts)
    found = device.resolve("auto")
    assert found.backend == "cpu"
    assert words in found.reason
    assert ("H100" in found.gpu) == bool(facts.cards)


@pytest.mark.parametrize(("wanted", "require"), [("gpu", False), ("auto", True), ("gpu", True)])
@pytest.mark.parametrize("facts", [NOTHING, WITHOUT_CUML])
def test_a_gpu_that_was_demanded_is_never_replaced(machine, facts, wanted, require):
    """Asking for a GPU that can't be used is exit code 3, with the reason that auto would give."""
    machine(facts)
    with pytest.raises(CapabilityError) as caught:
        device.resolve(wanted, require_gpu=require)
    assert caught.value.exit_code == 3
    assert device.resolve("auto").reason in str(caught.value)


@pytest.mark.parametrize("facts", [NOTHING, USABLE])
def test_a_demand_for_both_is_refused(machine, facts):
    """`--backend cpu --require-gpu` never runs on the CPU, whatever the machine has."""
    machine(facts)
    with pytest.raises(CapabilityError, match="leave one of the two out"):
        device.resolve("cpu", require_gpu=True)


def test_the_cpu_is_taken_without_a_look_at_the_gpu(monkeypatch):
    """`--backend cpu` works beside a driver that hangs."""
    monkeypatch.setattr(device, "probe", lambda: pytest.fail("the driver was asked"))
    assert device.resolve("cpu").backend == "cpu"


@pytest.fixture
def steps(monkeypatch):
    """The real probe, unused so far; driver and libraries only note that they were asked."""
    asked = []
    monkeypatch.setattr(device, "read_driver", lambda: asked.append("driver") or steps_facts[0])
    monkeypatch.setattr(device, "read_libraries", lambda f: asked.append("libraries") or USABLE)
    steps_facts = [NOTHING]
    device.probe.cache_clear()
    yield asked, steps_facts
    device.probe.cache_clear()


def test_gpu_libraries_are_left_alone_without_a_usable_card(steps):
    """Importing them takes seconds, and one of them ends the process on a broken driver."""
    asked, _ = steps
    assert device.probe() == NOTHING
    assert asked == ["driver"]


def test_the_machine_is_examined_once(steps):
    """The doctor and the decision ask for the same facts."""
    asked, facts = steps
    facts[0] = driver.DriverFacts(loaded=True, cuda=13_000, cards=USABLE.cards)
    assert device.probe() is device.probe()
    assert asked == ["driver", "libraries"]


def test_doctor_is_a_health_check(machine):
    """The container's health check: exit 3 without a GPU, 0 with one; plain doctor is always 0."""
    machine(NOTHING)
    failed = rap("doctor", "--model", "demo", "--require-gpu")
    assert failed.code == 3
    assert "A GPU was asked for, but no NVIDIA driver" in failed.err
    assert rap("doctor", "--model", "demo").code == 0
    machine(USABLE)
    passed = rap("doctor", "--model", "demo", "--require-gpu")
    assert passed.code == 0, passed.err
    assert "Backend: gpu (found NVIDIA H100" in passed.out
