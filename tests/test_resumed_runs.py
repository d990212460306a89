"""A run that is resumed where kept stages were damaged, or made by somebody who meant no good."""

import json
import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from rapids_rap.runs.files import sha256_file
from rapids_rap.runs.stages import COMMIT
from rapids_rap.runs.verify import find_faults
from tests.conftest import rap
from tests.folder_cases import change
from tests.fuzzing import watched
from tests.tiny_nights import SETTINGS, write_songs

CASES, MANY = 24, 600
QUICK = ("--set", "layout.epochs=11")


class Shop:
    """A finished run, and copies of it without its manifest."""

    def __init__(self, root: Path) -> None:
        self.root, self.good = root, root / "good"
        write_songs(root / "lyrics", 0, 6)
        self.resume(self.good)
        stages = self.good / ".stages"
        found = sorted(p.relative_to(self.good) for p in stages.rglob("*") if p.is_file())
        self.files = [str(path) for path in found if path.name != "keys.json"]
        self.lines = sha256_file(self.good / "lines.parquet")

    def resume(self, run: Path) -> str:
        """What the command said on its way to exit code 0."""
        lyrics = self.root / "lyrics"
        outcome = rap("run", lyrics, "--backend", "cpu", *SETTINGS, *QUICK, "--out", run)
        assert outcome.code == 0, outcome.err
        assert "Traceback" not in outcome.err
        return outcome.err

    def copy(self) -> Path:
        """An unfinished copy of the run."""
        run = self.root / "run"
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(self.good, run)
        (run / "manifest.json").unlink()
        return run

    def vouch(self, path: Path, *, alone: bool) -> None:
        """Give the stage the changed file's checksum; alone: no later stage is kept."""
        commit = path.parent / COMMIT
        if path != commit and path.is_file():
            record = json.loads(commit.read_text())
            record["sha256"][path.name] = sha256_file(path)
            commit.write_text(json.dumps(record))
        for other in (path.parents[2] / "").glob(f"*/*/{COMMIT}") if alone else ():
            if other != commit:
                other.unlink()

    def try_case(self, seed: int, number: int) -> None:
        """A changed file of a kept stage, mostly vouched for."""
        rng, run = random.Random(f"{seed}/{number}"), self.copy()
        file = rng.choice(self.files)
        case = change(rng, "stage", file, (run / file).read_bytes())
        (run / file).unlink() if case.data is None else (run / file).write_bytes(case.data)
        vouched = rng.random() < 0.85
        if vouched:
            self.vouch(run / file, alone=rng.random() < 0.6)
        try:
            with watched():
                self.resume(run)
        except AssertionError as error:
            raise AssertionError(f"case {number} of seed {seed}: {file}: {error}") from error
        if not vouched:
            assert sha256_file(run / "lines.parquet") == self.lines


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return Shop(tmp_path_factory.mktemp("resumed"))


def pipe(path):
    os.mkfifo(path)


def endless(path):
    path.symlink_to("/dev/zero")


def folder(path):
    path.mkdir()


def gigantic(path):
    """A terabyte by its header, and by its length."""
    header = np.lib.format.header_data_from_array_1_0(np.zeros(0, np.int64)) | {"shape": (2**37,)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 2**40)


def long_header(path):
    path.write_bytes(b"\x93NUMPY\x02\x00" + (2**28).to_bytes(4, "little") + b" " * 2**20)


def pickled(path):
    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(path.parent / "pwned"),))

    np.save(path, np.array([Evil()], dtype=object), allow_pickle=True)


STRANGE = (pipe, endless, folder, gigantic, long_header, pickled)


@pytest.mark.parametrize("make", STRANGE, ids=lambda make: make.__name__)
def test_what_is_no_array_is_computed_again(make, shop):
    """Also where the stage's record vouches for it by not naming it at all."""
    for stage, name in (("layout", "xy.npy"), ("neighbors", "indices.npy")):
        run = shop.copy()
        path = next((run / ".stages" / stage).glob(f"*/{name}"))
        record = json.loads((path.parent / COMMIT).read_text())
        del record["sha256"][name]
        (path.parent / COMMIT).write_text(json.dumps(record))
        path.unlink()
        make(path)
        with watched():
            said = shop.resume(run)
        assert f"stage {stage}: its kept result is damaged" in " ".join(said.split())
        assert sha256_file(run / "lines.parquet") == shop.lines
        assert find_faults(run) == []
        assert not list(run.rglob("pwned"))


def test_whole_stages_are_kept(shop):
    """Checks that refused what is sound would cost every resumed run its stages."""
    said = shop.resume(shop.copy())
    assert "damaged" not in said
    manifest = json.loads((shop.root / "run" / "manifest.json").read_text())
    kept = {stage["name"] for stage in manifest["stages"] if stage["cached"]}
    assert kept >= {path.split("/")[1] for path in shop.files}


def test_indices_that_lead_nowhere_are_not_followed(shop):
    """Compiled code behind them would read and write other memory."""
    run = shop.copy()
    path = next((run / ".stages" / "neighbors").glob("*/indices.npy"))
    np.save(path, np.load(path) + 2**40)
    shop.vouch(path, alone=True)
    assert "outside 0 to" in " ".join(shop.resume(run).split())
    assert sha256_file(run / "lines.parquet") == shop.lines


def test_no_changed_stage_is_a_defect(shop):
    """24 cases: every resumed run ends with 0, its stages used or computed again."""
    for number in range(CASES):
        shop.try_case(13, number)


@pytest.mark.slow
def test_six_hundred_changed_stages(shop):
    """The same with 600 others."""
    for number in range(MANY):
        shop.try_case(14, number)
