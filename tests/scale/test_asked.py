"""What `[scale]` asks for is done so or refused, never done otherwise in silence."""

import pytest

from tests.conftest import LYRICS, rap


@pytest.mark.parametrize(
    ("command", "options", "code", "says"),
    [
        ("ingest", ["--set", "scale.executor=process"], 3, "only `run` and `nightly` are"),
        ("train", ["--set", "scale.executor=dask"], 3, "not built to work by shards yet"),
        ("ablate", ["--set", "scale.executor=dask"], 3, "not built to work by shards yet"),
        ("run", ["--workers", "2"], 2, "needs workers"),
        ("run", ["--scale", "serial", "--workers", "2"], 2, "needs workers"),
        ("run", ["--scale", "process", "--scheduler", "tcp://x:1"], 2, "names a Dask scheduler"),
        ("run", ["--scheduler", "tcp://127.0.0.1:9", "--workers", "2"], 2, "one of the two"),
        ("run", ["--set", "scale.executor=ray"], 2, "scale.executor"),
        ("run", ["--set", "scale.adress=x"], 2, "scale.address"),
    ],
)
def test_what_cannot_be_done_so_is_refused(command, options, code, says, tmp_path):
    """Before anything is written, with the exit code that a scheduler goes by."""
    out = ["--out", tmp_path / "out"]
    outcome = rap(command, LYRICS, *out, *options)
    assert outcome.code == code, outcome.err
    assert says in " ".join(outcome.err.split())
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "out").exists()
