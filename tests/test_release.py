"""What others install: the wheel and the source distribution, and what is in them."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import rapids_rap
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LYRICS = ROOT / "examples" / "lyrics"
VERSION = re.compile(r"^## (\d+\.\d+\.\d+)", re.MULTILINE)
BUILD = (
    "import sys; from setuptools import build_meta as build; out = sys.argv[1];"
    "build.build_sdist(out); build.build_wheel(out)"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(sdist, wheel), built from a copy of the files that git tracks or would."""
    pytest.importorskip("setuptools")
    tree = tmp_path_factory.mktemp("tree")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("this is no checkout of git")
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tree / name)
    out = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-c", BUILD, out], cwd=tree, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return sdist, wheel


def files_of(archive):
    """Its files and their bytes, without the folder that a source distribution puts around them."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist()}
    with tarfile.open(archive) as sdist:
        return {
            member.name.partition("/")[2]: sdist.extractfile(member).read()
            for member in sdist
            if member.isfile()
        }


def test_the_version_is_written_once():
    """Everything else asks the installed package, and the changelog's newest heading is it."""
    version = PROJECT["version"]
    assert VERSION.findall((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))[0] == version
    for path in (ROOT / "rapids_rap").rglob("*.py"):
        assert f'"{version}"' not in path.read_text(encoding="utf-8"), path
    assert rapids_rap.__version__ in (importlib.metadata.version("rapids-rap"), "0.0.0")


def test_no_lyrics_leave_the_repository(built):
    """Neither the sample's nor anybody else's: no line of them stands in any file."""
    lines = {
        line.strip()
        for path in LYRICS.rglob("*.txt")
        for line in path.read_text(encoding="utf-8").splitlines()
        if len(line.strip()) >= 8
    }
    assert len(lines) > 500
    for archive in built:
        for name, content in files_of(archive).items():
            assert not name.startswith(("examples", "tests", "shared")), name
            text = content.decode("utf-8", errors="ignore")
            assert not lines & {line.strip() for line in text.splitlines()}, name


def test_both_hold_the_same_program(built):
    """Each package's files, its data and its licences, and nothing that was left in the tree."""
    sdist, wheel = map(files_of, built)
    places = {"rapids_rap/bench/": "bench/", "rapids_rap/kernels/": "kernels/"}
    for name, content in wheel.items():
        if ".dist-info/" in name:
            continue
        for installed, source in places.items():
            name = name.replace(installed, source)
        assert sdist[name] == content
    tops = {name.partition("/")[0] for name in sdist}
    assert tops <= {
        *("rapids_rap", "bench", "kernels", "docs", "deploy", "rapids_rap.egg-info"),
        *("pyproject.toml", "setup.cfg", "MANIFEST.in", "PKG-INFO"),
        *("README.md", "LICENSE", "NOTICE", "CHANGELOG.md"),
        *("constraints-cpu.txt", "constraints-gpu.txt"),
    }
    for name in ("data/lexicon.csv", "data/unit_costs.csv", "view/static/page.html", "py.typed"):
        assert f"rapids_rap/{name}" in wheel
    assert any(name.endswith("licenses/NOTICE") for name in wheel)
    assert not [name for name in (*sdist, *wheel) if name.endswith((".pyc", ".partial"))]


def test_the_wheel_says_what_it_is(built):
    """Version, licence, the command, and every extra."""
    files = files_of(built[1])
    (metadata,) = (c.decode() for n, c in files.items() if n.endswith(".dist-info/METADATA"))
    (commands,) = (c.decode() for n, c in files.items() if n.endswith("entry_points.txt"))
    assert f"\nVersion: {PROJECT['version']}\n" in metadata
    assert "License-Expression: Apache-2.0" in metadata
    assert "rapids-rap = rapids_rap.__main__:main" in commands
    for extra in PROJECT["optional-dependencies"]:
        assert f"Provides-Extra: {extra}\n" in metadata


@pytest.mark.slow
def test_the_wheel_runs_in_an_environment_of_its_own(built, tmp_path):
    """Installed by pip; the libraries, which are gigabytes, are this environment's."""
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", built[1]]
    subprocess.run(pip, check=True)
    import numpy

    libraries = Path(numpy.__file__).parents[1]
    (packages,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    (packages / "libraries.pth").write_text(f"{libraries}\n", encoding="utf-8")
    shutil.copytree(LYRICS, tmp_path / "lyrics")
    (tmp_path / "home").mkdir()
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    env = clean | {"HOME": str(tmp_path / "home")}

    def rap(*words):
        command = [tmp_path / "env" / "bin" / "rapids-rap", *words]
        done = subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = "import rapids_rap; print(rapids_rap.__file__, rapids_rap.__version__)"
    told = subprocess.run(
        [python, "-c", where], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == [
        str(packages / "rapids_rap" / "__init__.py"),
        PROJECT["version"],
    ]
    assert "nightly" in rap("--help")
    rap("run", "lyrics", "--model", "demo", "--backend", "cpu", "--limit", "300", "--out", "first")
    assert "whole" in rap("verify", "first")
    assert "silhouette_50k" in rap("bench")
