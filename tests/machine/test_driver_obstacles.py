"""What is said of a driver that offers no usable card: each fault by its own sentence."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.machine.driver import Card, DriverFacts, Holder
from rapids_rap.machine.driver_obstacles import MINIMUM_DRIVER, describe, driver_obstacle, numbers
from tests.gpu_facts import H100, NOTHING, USABLE

V100 = Card("Tesla V100-SXM2-16GB", uuid="1" * 8, memory=16 * 2**30, capability=(7, 0))
UNSEEN = replace(USABLE, init=100, cards=())

# name: the facts, and what the sentence must hold: what was found, what was expected, the remedy
FAULTS = {
    "no driver": (NOTHING, ["no NVIDIA driver", "libcuda.so.1", MINIMUM_DRIVER]),
    "not Linux": (replace(NOTHING, system="Darwin"), ["Darwin", "Linux", "--backend cpu"]),
    "container without --gpus": (
        replace(NOTHING, container=True, driver="580.95.05"),
        ["container", "580.95.05", "libcuda.so.1", "--gpus all"],
    ),
    "container on a host without a driver": (
        replace(NOTHING, container=True),
        ["container", "host", MINIMUM_DRIVER, "--gpus all"],
    ),
    "driver without its CUDA library": (
        replace(NOTHING, driver="580.95.05"),
        ["580.95.05", "libcuda.so.1", "libnvidia-compute"],
    ),
    "old driver": (
        replace(USABLE, driver="535.129.03", cuda=12_020),
        ["535.129.03", "12.2", MINIMUM_DRIVER, "update"],
    ),
    "old driver that does not say what it supports": (
        replace(USABLE, driver="580.65.05", cuda=0),
        ["580.65.05", MINIMUM_DRIVER, "update"],
    ),
    "old library of a driver of unknown version": (
        replace(USABLE, driver="", cuda=12_080),
        ["unknown version", "12.8", MINIMUM_DRIVER],
    ),
    "toolkit's stub": (replace(UNSEEN, init=34), ["error 34", "stub", "LD_LIBRARY_PATH"]),
    "fabric manager": (replace(UNSEEN, init=802), ["error 802", "nvidia-fabricmanager"]),
    "half an update": (
        replace(UNSEEN, init=803, smi_problem="Driver/library version mismatch"),
        ["580.95.05", "error 803", "Driver/library version mismatch", "restart"],
    ),
    "compatibility package": (replace(UNSEEN, init=804), ["error 804", "LD_LIBRARY_PATH"]),
    "missing module": (replace(UNSEEN, init=999), ["error 999", "nvidia-modprobe"]),
    "hidden by -1": (
        replace(UNSEEN, visible="-1"),
        ['CUDA_VISIBLE_DEVICES is "-1"', "H100", "unset"],
    ),
    "hidden by nothing": (replace(UNSEEN, visible=""), ['CUDA_VISIBLE_DEVICES is ""', "unset"]),
    "hidden, and nvidia-smi is missing": (
        replace(UNSEEN, visible="", listed=()),
        ['CUDA_VISIBLE_DEVICES is ""', "unset"],
    ),
    "hidden by a wrong index": (replace(UNSEEN, visible="7"), ['"7"', "H100", "set it to 0"]),
    "a driver without a card": (
        replace(UNSEEN, listed=()),
        ["580.95.05", "finds no GPU", "lspci", "--gpus all"],
    ),
    "no card, and an index": (replace(UNSEEN, listed=(), visible="0"), ["finds no GPU", '"0"']),
    "listed but not shown": (UNSEEN, ["H100", "/dev/nvidia", "--gpus all"]),
    "MIG without an instance": (
        replace(UNSEEN, listed=(replace(H100, mig=True),)),
        ["MIG", "H100", "nvidia-smi mig -cgi"],
    ),
    "all prohibited": (
        replace(UNSEEN, listed=(replace(H100, mode="Prohibited"),)),
        ["Prohibited", "nvidia-smi -c 0"],
    ),
    "old card": (replace(USABLE, cards=(V100,)), ["V100", "7.0", "7.5", "26.10", "newer card"]),
    "old card first": (
        replace(USABLE, cards=(V100, H100)),
        ["V100", "7.0", f"CUDA_VISIBLE_DEVICES=GPU-{H100.uuid}"],
    ),
    "prohibited": (
        replace(USABLE, cards=(replace(H100, mode="Prohibited"),)),
        ["H100", "Prohibited", "nvidia-smi -c 0"],
    ),
    "held by another": (
        replace(
            USABLE,
            cards=(replace(H100, mode="Exclusive_Process"),),
            holders=(Holder(H100.uuid, 4242, "python3"),),
        ),
        ["Exclusive_Process", "4242", "python3", "nvidia-smi -c 0"],
    ),
}


@pytest.mark.parametrize(("facts", "words"), FAULTS.values(), ids=FAULTS)
def test_each_fault_has_its_sentence(facts, words):
    """What is wrong is named with what was found, what was expected and how to mend it."""
    found = driver_obstacle(facts)
    assert [word for word in words if word not in found] == []
    assert not found.endswith(".")
    assert "\n" not in found


def test_no_two_faults_share_a_sentence():
    """Whoever reads a sentence knows which of the faults it is."""
    said = [driver_obstacle(facts) for facts, _ in FAULTS.values()]
    assert len(set(said)) == len(said) - 1  # a prohibited card, shown and not shown


@pytest.mark.parametrize(
    "facts",
    [
        USABLE,
        replace(USABLE, listed=(), driver=""),  # no nvidia-smi in the container
        replace(USABLE, driver="535.129.03"),  # a compatibility package supports CUDA 13
        replace(USABLE, visible="0"),
        replace(USABLE, cards=(replace(H100, capability=(7, 5)),)),
        replace(USABLE, cards=(replace(H100, mode="Exclusive_Process"),)),
        replace(USABLE, holders=(Holder(H100.uuid, 4242, "python3"),)),  # the card is shared
        replace(
            USABLE,
            cards=(replace(H100, mode="Exclusive_Process"),),
            holders=(Holder("another card", 4242, "python3"),),
        ),
        replace(USABLE, cuda=0, driver=MINIMUM_DRIVER),
    ],
)
def test_a_usable_card_is_no_obstacle(facts):
    """Nothing is refused that works."""
    assert driver_obstacle(facts) == ""


@given(
    st.builds(
        DriverFacts,
        system=st.sampled_from(["Linux", "Windows"]),
        container=st.booleans(),
        visible=st.sampled_from([None, "", "-1", "0", "GPU-1"]),
        driver=st.sampled_from(["", "470.82", "535.129.03", "580.65.06", "590.1"]),
        smi_problem=st.sampled_from(["", "no answer within 10 s"]),
        listed=st.sampled_from([(), (H100,), (V100, H100)]),
        loaded=st.booleans(),
        cuda=st.sampled_from([0, 12_080, 13_000, 14_000]),
        init=st.sampled_from([0, 34, 100, 803, 999]),
        cards=st.sampled_from([(), (H100,), (V100,), (V100, H100)]),
    )
)
def test_any_combination_is_answered(facts):
    """However the facts contradict one another, there is one line and never an exception."""
    found = driver_obstacle(facts)
    assert "\n" not in found
    if not found:
        assert facts.loaded
        assert facts.cards
        assert facts.init in (0, 100)
        assert facts.cards[0].capability >= (7, 5)


def test_the_card_is_described_with_all_that_is_known():
    """The sentence of the manifest: name, memory, capability, driver; less where less is known."""
    assert describe(USABLE) == (
        "NVIDIA H100 80GB HBM3, 79.6 GiB, compute capability 9.0, driver 580.95.05"
    )
    listed = replace(USABLE, cards=(), listed=(Card("NVIDIA GB10"),), driver="")
    assert describe(listed) == "NVIDIA GB10"
    assert describe(NOTHING) == ""


def test_versions_are_compared_as_numbers():
    """580.9 is older than 580.65, whatever the characters say."""
    assert numbers("580.9") < numbers("580.65.06") < numbers("580.105.08")
