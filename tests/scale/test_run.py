"""A whole run over shards has the bytes of one without."""

import subprocess
import sys

from tests.conftest import LYRICS, ROOT
from tests.scale.cluster import sums

# Shards as small as the sample asks for. In a process of its own: a run that dies says so.
RUN = """
from rapids_rap.cli import main
from rapids_rap.scale import cleaning, reading, song_terms, tokens, words

words.SHARD = tokens.SHARD = song_terms.SHARD = cleaning.STRETCH = 700
reading.SHARD_FILES = 2
main()
"""


def test_a_run_over_shards_is_the_run_without(sample_run, tmp_path):
    """Tables, vectors, clusters, figures and maps, with every stage cut into many shards."""
    words = (
        *("run", LYRICS, "--model", "demo", "--backend", "cpu", "--out", tmp_path / "run"),
        *("--set", f"input.regions={ROOT / 'examples' / 'regions.csv'}"),
        *("--set", "maps.width=1200", "--set", "maps.height=900"),
        *("--set", "scale.executor=serial"),
    )
    command = [sys.executable, "-X", "faulthandler", "-c", RUN, *map(str, words)]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    assert sums(tmp_path / "run") == sums(sample_run)
    assert not list((tmp_path / "run").rglob("*.partial"))
