"""What is gathered about the GPU: nvidia-smi, libcuda and the libraries, broken ones included."""

import ctypes
import json
import os
import shutil
from dataclasses import replace

import pytest

from rapids_rap.backend import gpu_imports
from rapids_rap.machine import driver
from rapids_rap.machine.driver import Card, Holder
from tests.gpu_facts import H100, LIBRARIES, TORCH, USABLE, VERSIONS

ROW = "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f, NVIDIA H100 80GB HBM3, 81559, 1024, Default"


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """`nvidia_smi(script)`: the only nvidia-smi on the path is this shell script."""

    def install(script):
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return install


def test_nvidia_smi_tells_driver_and_cards(nvidia_smi):
    """Each row is a card; sizes are MiB, and what a card does not report is 0."""
    nvidia_smi(
        f"echo '{ROW}, Disabled, 580.95.05'\n"
        "echo 'GPU-2, NVIDIA GB10, [N/A], [N/A], Exclusive_Process, Enabled, 580.95.05'"
    )
    problem, version, cards = driver.ask_nvidia_smi()
    assert (problem, version) == ("", "580.95.05")
    assert cards == (
        replace(H100, capability=(0, 0)),
        Card("NVIDIA GB10", "2", mode="Exclusive_Process", mig=True),
    )


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("echo 'Driver/library version mismatch'; echo 'more'; exit 18", "Driver/library"),
        ("echo 'could not communicate' >&2; exit 9", "could not communicate"),
        ("exit 9", "it ended with 9"),
        ("echo 'a line of something else'", ""),
        ("", ""),
    ],
)
def test_a_broken_nvidia_smi_is_a_complaint_and_no_cards(nvidia_smi, script, problem):
    """The driver's tool may fail in any way without failing the program."""
    nvidia_smi(script)
    said, version, cards = driver.ask_nvidia_smi()
    assert said.startswith(problem)
    assert bool(said) == bool(problem)
    assert (version, cards) == ("", ())


def test_an_nvidia_smi_that_hangs_is_given_up(nvidia_smi, monkeypatch):
    """A wedged driver holds the health check up for seconds, not for ever."""
    monkeypatch.setattr(driver, "SMI_SECONDS", 0.2)
    nvidia_smi("exec sleep 60")
    assert driver.ask_nvidia_smi() == ("no answer within 0.2 s", "", ())


def test_an_nvidia_smi_that_cannot_be_started_is_a_complaint(nvidia_smi, tmp_path):
    """Such as one for another architecture."""
    nvidia_smi("")
    (tmp_path / "nvidia-smi").write_bytes(b"\x7fELF, but not really")
    problem, _, cards = driver.ask_nvidia_smi()
    assert "Exec format error" in problem
    assert cards == ()


def test_without_nvidia_smi_there_is_no_complaint(monkeypatch, tmp_path):
    """A container may hold the driver's library alone."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert driver.ask_nvidia_smi() == ("", "", ())


def test_holders_are_other_processes(nvidia_smi):
    """One does not stand in one's own way; a row without a process number is passed over."""
    nvidia_smi(
        f"echo 'GPU-1, 4242, python3'; echo 'GPU-1, {os.getpid()}, python3'; echo 'GPU-1, [N/A], x'"
    )
    assert driver.ask_holders() == (Holder("1", 4242, "python3"),)


class Libcuda:
    """libcuda.so.1 with two cards, as far as it is asked."""

    def __init__(self, init=0, version=13_010):
        self.init, self.version = init, version
        self.called = []

    def __getattr__(self, name):
        self.called.append(name)
        raise AttributeError(f"{name} may not be called before cuInit succeeded")

    def cuDriverGetVersion(self, version):
        version._obj.value = self.version

    def cuInit(self, flags):
        return self.init


class WorkingLibcuda(Libcuda):
    def cuDeviceGetCount(self, count):
        count._obj.value = 2

    def cuDeviceGet(self, device, ordinal):
        device._obj.value = ordinal + 10

    def cuDeviceGetName(self, name, size, device):
        name.value = f"card {device.value}".encode()[:size]

    def cuDeviceTotalMem_v2(self, size, device):
        size._obj.value = 80 * 2**30

    def cuDeviceGetAttribute(self, value, attribute, device):
        value._obj.value = {75: 12, 76: 1}[attribute]

    def cuDeviceGetUuid_v2(self, identity, device):
        ctypes.memset(identity, device.value, 16)


def test_libcuda_tells_the_cards_of_this_process():
    """Name, memory and capability of each, by the identity that nvidia-smi uses."""
    newest, init, cards = driver.ask_libcuda(WorkingLibcuda())
    assert (newest, init) == (13_010, 0)
    assert cards[0] == Card(
        "card 10",
        uuid="0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a",
        memory=80 * 2**30,
        capability=(12, 1),
    )
    assert cards[1].name == "card 11"


def test_a_libcuda_that_refuses_is_asked_no_more():
    """After a failed cuInit every other call would fail or crash."""
    library = Libcuda(init=803)
    assert driver.ask_libcuda(library) == (13_010, 803, ())
    assert library.called == []


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC\n"
            "GCC version:  gcc version 12.2.0",
            "535.129.03",
        ),
        (
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build",
            "580.95.05",
        ),
        ("NVRM version: something new", ""),
    ],
)
def test_the_kernel_module_tells_its_version(monkeypatch, tmp_path, text, version):
    """Also in a container, where nothing else of the driver may be."""
    path = tmp_path / "version"
    path.write_text(text)
    monkeypatch.setattr(driver, "KERNEL_MODULE", path)
    assert driver.kernel_module_version() == version
    path.unlink()
    assert driver.kernel_module_version() == ""


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine that shows nothing of a GPU, whatever this one has."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(driver, "KERNEL_MODULE", tmp_path / "none")
    monkeypatch.setattr(driver, "CONTAINER_MARKS", (tmp_path / "mark",))
    for name in (*driver.CONTAINER_VARIABLES, "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(ctypes, "CDLL", _no_library)
    return tmp_path


def _no_library(name):
    raise OSError(f"{name}: cannot open shared object file")


def test_a_machine_without_anything_is_read_without_a_failure(bare):
    """No tool, no library, no container: nothing is known, and that is all."""
    facts = driver.read_driver()
    assert (facts.driver, facts.loaded, facts.cards, facts.container) == ("", False, (), False)
    assert facts.visible is None
    assert facts.libraries == ()


def test_a_container_and_its_variables_are_noticed(bare, monkeypatch):
    """What tells a container from a machine, and a hidden card from an absent one."""
    (bare / "mark").touch()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    facts = driver.read_driver()
    assert facts.container
    assert facts.visible == ""


def test_the_driver_is_read_through_both_its_doors(bare, monkeypatch, nvidia_smi):
    """A card of CUDA's gets what only nvidia-smi knows, matched by identity; others stay bare."""
    row = "GPU-0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a, card, 81559, 1024, Exclusive_Process"
    nvidia_smi(
        f"case $1 in *apps*) echo 'GPU-0a, 4242, python3';; *) echo '{row}, Disabled, 580.95.05';;"
        " esac"
    )
    monkeypatch.setattr(ctypes, "CDLL", lambda name: WorkingLibcuda())
    facts = driver.read_driver()
    assert (facts.loaded, facts.cuda, facts.driver) == (True, 13_010, "580.95.05")
    assert [card.mode for card in facts.cards] == ["Exclusive_Process", ""]
    assert facts.cards[0].used == 1024 * 2**20
    assert facts.holders == (Holder("0a", 4242, "python3"),)


# --- the libraries


def answers(**changes):
    """What the script of `gpu_imports` writes on a machine where all is well."""
    rows = {name: {"name": name, "version": v, "problem": ""} for name, v in VERSIONS.items()}
    rows["torch"] |= {
        "cuda": "13.0",
        "available": True,
        "reason": "",
        "architectures": list(TORCH.architectures),
    }
    rows["faiss"] |= {"gpus": 1}
    return rows | changes


@pytest.fixture
def imports(monkeypatch, tmp_path):
    """`imports(python)`: this program takes the place of the script that imports the libraries."""

    def install(program):
        script = tmp_path / "imports.py"
        script.write_text(program)
        monkeypatch.setattr(gpu_imports, "__file__", str(script))

    return install


def written(rows):
    return "".join(f"print({json.dumps(row)!r}, flush=True)\n" for row in rows)


def test_what_the_libraries_say_becomes_facts(imports):
    """Versions, torch's build and FAISS's count arrive as the script wrote them."""
    imports(written(answers().values()))
    facts = driver.read_libraries(replace(USABLE, libraries=(), torch=None, faiss_gpus=None))
    assert facts == USABLE


def test_a_library_that_kills_its_process_is_named(imports):
    """FAISS aborts on a driver it can't work with; the program goes on and says which it was."""
    rows = list(answers().values())
    imports("import os\n" + written(rows[:4]) + "os.abort()\n")
    facts = driver.read_libraries(USABLE)
    assert facts.libraries[:4] == LIBRARIES[:4]
    assert facts.libraries[4].name == "cudf"
    assert "-6" in facts.libraries[4].problem
    assert facts.libraries[5].problem == "not tried after cudf"
    assert facts.faiss_gpus is None


def test_a_library_that_hangs_is_given_up(imports, monkeypatch):
    """An import that never ends is a sentence too, and what came before it is kept."""
    monkeypatch.setattr(driver, "IMPORT_SECONDS", 1)
    rows = list(answers().values())
    imports(
        "import time\n" + written(rows[:1]) + "print('{cut', end='', flush=True)\ntime.sleep(60)"
    )
    facts = driver.read_libraries(USABLE)
    assert facts.torch == TORCH
    assert facts.libraries[1].name == "cupy"
    assert "1 s" in facts.libraries[1].problem


def test_the_script_runs_by_its_path(tmp_path, monkeypatch):
    """It needs no package around it, and imports nothing that lies beside it or where it starts."""
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    for folder in (here, elsewhere):
        folder.mkdir()
        (folder / "torch.py").write_text("import os; os._exit(1)")
    shutil.copy(gpu_imports.__file__, elsewhere / "script.py")
    monkeypatch.setattr(gpu_imports, "__file__", str(elsewhere / "script.py"))
    monkeypatch.chdir(here)
    facts = driver.read_libraries(USABLE)
    assert [library.name for library in facts.libraries] == list(gpu_imports.MODULES)
    assert not any("not tried" in library.problem for library in facts.libraries)
    assert facts.torch is not None
