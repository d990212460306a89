"""The doctor's commands: plans on paper, and the store, which is only touched when asked to."""

import pytest
from typer.testing import CliRunner

from rapids_rap.cli import app
from rapids_rap.errors import ConfigError
from rapids_rap.runs.names import IDENTITY
from tests.conftest import kept_signals
from tests.machine.test_store_use import an_hour_back, claim, fill, nights

__all__ = ["nights"]


def doctor(*words, **options):
    with kept_signals():
        return CliRunner().invoke(app, ["doctor", *map(str, words)], **options)


def shards_of(root):
    return sorted((root / "store").rglob("shard-*"))


def test_a_plan_for_workers_is_a_table_and_sentences(capsys):
    """Each stage in a row, and what breaks first below."""
    done = doctor("--lines", 60_000_000, "--workers", 8, "--gpu-memory", 80)
    assert done.exit_code == 0, done.output
    assert "breaks first: " in done.output
    assert "least: computed, never measured" in done.output
    assert "Packages" not in done.output


def test_the_store_is_only_shown_unless_asked_otherwise(nights):
    """`--store` alone, `--dry-run`, a no and no answer at all remove nothing."""
    before = shards_of(nights)
    for words, answer in (
        ((), ""),
        (("--prune", "--dry-run"), "y\n"),
        (("--prune", "--yes", "--dry-run"), ""),
        (("--prune",), "n\n"),
        (("--prune",), ""),
    ):
        done = doctor("--store", nights, *words, input=answer)
        assert "new model" in done.output
        assert shards_of(nights) == before, words
    assert "--prune removes them" in doctor("--store", nights).output


def test_a_yes_prunes_and_the_next_look_says_so(nights):
    """Asked or told beforehand; afterwards nothing is left to remove."""
    done = doctor("--store", nights, "--prune", input="y\n")
    assert (done.exit_code, "in shards: 6." in done.output) == (0, True)
    assert "All of it is used" in doctor("--store", nights, "--prune", "--yes").output
    fill(nights / "store", {"fingerprint": "c" * 64}, [["雪"]])
    assert "in shards: 1." in doctor("--store", nights, "--prune", "--yes").output


def test_what_an_unfinished_run_stored_is_not_called_used(nights):
    """It stays, and the words say why."""
    claim(nights / ".building")
    an_hour_back(nights / ".building" / IDENTITY)
    said = doctor("--store", nights, "--prune", "--yes").output
    assert "All of it is used" not in said
    assert "(shards: 6) are used by no kept run" in " ".join(said.split())


def test_options_of_the_store_need_it():
    """A forgotten --store must not look as if it had been obeyed."""
    for words in (("--prune",), ("--yes",), ("--dry-run",), ("folder",), ("--runs", "x")):
        done = doctor(*words)
        assert isinstance(done.exception, ConfigError)


@pytest.mark.parametrize("lines", [0, -1, 10**13])
def test_absurd_sizes_are_refused(lines):
    """With a sentence of the command line's own."""
    assert doctor("--lines", lines, "--workers", 2).exit_code == 2
