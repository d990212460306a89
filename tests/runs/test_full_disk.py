"""A disk that fills, at any byte of any writer, is a sentence and exit code 3, and leaves nothing.

The disk fills where a file may not grow any more (RLIMIT_FSIZE), which the system itself says, in
another process, whose every writer is tried at many sizes.
"""

import errno
import json
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from rapids_rap.errors import CapabilityError, InputError
from rapids_rap.runs.files import explain_os_errors, write_array, write_whole

WRITERS = """
import json, random, sys
from pathlib import Path
import resource
import numpy as np, pandas as pd, torch
from rapids_rap.errors import CapabilityError
from rapids_rap.runs.files import write_array, write_bytes, write_json, write_parquet
from rapids_rap.runs.folder import add_document, write_corpus, write_csv, write_export
from rapids_rap.runs.stages import save_result
from rapids_rap.backend import load_backend
from rapids_rap.embedding.store import VectorStore, ROW
from rapids_rap.training.checkpoint import Checkpoints, TrainingState

chance, root = random.Random(7), Path(sys.argv[1])
noise = np.random.default_rng(7)
table = pd.DataFrame({"text": [str(x) for x in noise.normal(size=4000)], "n": range(4000)})
array = noise.normal(size=(4000, 8)).astype("float32")
backend = load_backend("cpu")
module = torch.nn.Linear(90, 90)
optimizer = torch.optim.AdamW(module.parameters())
module(torch.ones(1, 90)).sum().backward()
optimizer.step()
rows = np.zeros(4000, dtype=ROW)
rows["id"] = [str(i).encode() for i in range(4000)]

WRITE = {
    "array": lambda f: write_array(f / "a.npy", array),
    "png and page": lambda f: write_bytes(f / "a.png", array.tobytes()),
    "json": lambda f: write_json(f / "a.json", array.tolist()),
    "parquet": lambda f: write_parquet(f / "a.parquet", table),
    "csv": lambda f: write_csv(f / "a.csv", table),
    "corpus": lambda f: write_corpus(f / "a.parquet", table, table),
    "export": lambda f: write_export(f / "a.jsonl", array.tobytes()),
    "stage": lambda f: save_result(array, f / "stage", backend),
    "store": lambda f: VectorStore(f, {"dim": 8}).append(rows, array),
    "checkpoint": lambda f: Checkpoints(f, "x").save(TrainingState("x"), module, optimizer),
    "best": lambda f: Checkpoints(f, "x").save_best(1, module),
}
for name, write in WRITE.items():
    for attempt in range(6):
        folder = root / f"{name}-{attempt}"
        folder.mkdir()
        # The first bytes, and any others of the smallest file here.
        most = attempt if attempt < 2 else chance.randrange(100, 30_000)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        try:
            write(folder)
            ended = "written"
        except CapabilityError as error:
            ended = "sentence" if "no room" in str(error) else str(error)
        except BaseException as error:
            ended = repr(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        left = [str(p) for p in folder.rglob("*.partial")]
        print(json.dumps([name, most, ended, left]), flush=True)
"""


def test_every_writer_ends_in_a_sentence_wherever_the_disk_fills(tmp_path):
    """NumPy, pyarrow, pandas, safetensors and torch each say it in a way of their own."""
    done = subprocess.run(
        [sys.executable, "-c", WRITERS, tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
    )
    tried = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(tried) == 66, done.stderr[-2000:]
    assert [one for one in tried if one[2] != "sentence" or one[3]] == []


def test_what_the_system_said_survives_the_library(tmp_path):
    """NumPy's own error has no number; the file's has."""

    def fill(file):
        file.error = OSError(errno.ENOSPC, "No space left on device")
        raise OSError("10 requested and 3 written")

    with pytest.raises(CapabilityError, match="no room to write"):
        write_whole(tmp_path / "a", fill)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, CapabilityError),
        (errno.EDQUOT, CapabilityError),
        (errno.EIO, CapabilityError),
        (errno.ESTALE, CapabilityError),
        (errno.EMFILE, CapabilityError),
        (errno.EROFS, InputError),
        (errno.EACCES, InputError),
        (errno.ENAMETOOLONG, InputError),
    ],
)
def test_what_a_disk_says_has_its_code(number, kind, tmp_path):
    """A failing disk is the machine's fault, a place that may not be written the user's."""
    with pytest.raises(kind) as said, explain_os_errors(tmp_path):
        raise OSError(number, "why")
    assert "why" in str(said.value)
    assert "--out" not in str(said.value)  # nightly and others have none


def test_arrays_and_tables_are_written_as_before(tmp_path):
    """Byte for byte what NumPy writes into a file of its own."""
    array = np.arange(60_000, dtype=np.float32).reshape(-1, 3)
    write_array(tmp_path / "a.npy", array)
    np.save(tmp_path / "b.npy", array)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    frame = pd.DataFrame({"a": [1, 2]})
    frame.to_parquet(tmp_path / "a.parquet", index=False)
