"""The script that imports the GPU libraries: what it says of sound, absent and broken ones."""

import subprocess
import sys
import warnings
from types import ModuleType, SimpleNamespace

import pytest

from rapids_rap.backend import gpu_imports as script


def test_an_absent_library_is_told_from_a_broken_one(tmp_path, monkeypatch):
    """The remedies differ: install it, or find out what is wrong with it."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_on_purpose.py").write_text("raise RuntimeError('no such\\n  symbol')")
    assert script.look_at("surely_absent")["problem"] == script.ABSENT
    assert script.look_at("broken_on_purpose")["problem"] == "RuntimeError: no such symbol"


def test_a_sound_library_has_a_version_and_no_problem():
    """NumPy stands for all."""
    import numpy as np

    assert script.look_at("numpy") == {"name": "numpy", "version": np.__version__, "problem": ""}


def torch_that(available, warning=""):
    def is_available():
        if warning:
            warnings.warn(warning, stacklevel=1)
        return available

    cuda = SimpleNamespace(is_available=is_available, get_arch_list=lambda: ["sm_90"])
    return SimpleNamespace(cuda=cuda, version=SimpleNamespace(cuda="13.0"))


def test_torch_is_asked_why_it_finds_no_device():
    """It says no with a warning, which is the reason."""
    said = script.ask_torch(torch_that(False, "CUDA initialization: Unexpected\nerror"))
    assert said == {
        "cuda": "13.0",
        "available": False,
        "reason": "CUDA initialization: Unexpected error",
        "architectures": ["sm_90"],
    }
    assert script.ask_torch(torch_that(True))["reason"] == ""


def test_the_installed_torch_answers():
    """The attributes that are read exist in the torch of this environment."""
    import torch

    said = script.ask_torch(torch)
    assert said["cuda"] == (torch.version.cuda or "")
    assert said["available"] == torch.cuda.is_available()


def test_a_faiss_without_its_gpu_half_is_noticed():
    """faiss-cpu has get_num_gpus too, which answers 0; only the GPU build has its resources."""
    cpu = ModuleType("faiss")
    cpu.get_num_gpus = lambda: 0
    assert script.ask_faiss(cpu) == {"gpus": None}
    cpu.StandardGpuResources = object
    assert script.ask_faiss(cpu) == {"gpus": 0}


def test_the_installed_faiss_is_told_apart():
    """What tells the two builds apart does so for the one that is installed here."""
    faiss = pytest.importorskip("faiss")
    is_gpu_build = script.ask_faiss(faiss)["gpus"] is not None
    assert is_gpu_build == ("GpuIndexFlat" in vars(faiss))


def test_what_libraries_print_does_not_disturb_the_answers(tmp_path):
    """A banner on standard output goes to standard error, by Python or by the C library."""
    program = (
        "import os, sys; from rapids_rap.backend import gpu_imports as s; s.MODULES = ('loud',); "
        f"sys.path.insert(0, {str(tmp_path)!r}); s.main()"
    )
    (tmp_path / "loud.py").write_text("import os; os.write(1, b'banner\\n'); print('banner')")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == '{"name": "loud", "version": "", "problem": ""}\n'
    assert done.stderr.count("banner") == 2
