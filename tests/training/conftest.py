"""Invented songs in the tiny models' own characters, and a training that takes seconds."""

import numpy as np
import pandas as pd
import pytest

from rapids_rap.corpus.ingest import ingest
from rapids_rap.machine.device import DeviceResolution
from rapids_rap.progress import StageProgress
from rapids_rap.settings import load_config
from rapids_rap.training.lines import make_lines
from rapids_rap.training.train import train
from tests.embedding.conftest import CHARACTERS, backend, encoder_of, make_model, one_thread

__all__ = ["backend", "encoder_of", "make_model", "one_thread"]

SETTINGS = (
    "train.steps=6",
    "train.batch=12",
    "train.evaluate_every=2",
    "train.checkpoint_every=2",
    "train.learning_rate=0.01",
    "train.heldout_share=0.3",
    "train.dropout=0.2",
)


def invented_songs(number=24, lines=8, seed=0) -> pd.DataFrame:
    """Songs of two stanzas, each with characters of its own kind, so that neighbours are alike."""
    random = np.random.default_rng(seed)
    rows = []
    for song in range(number):
        own = random.choice(list(CHARACTERS[:36]), 9, replace=False)
        for _ in range(lines):
            text = "".join(random.choice(own, int(random.integers(4, 9))))
            rows.append((f"歌手{song % 3}", f"歌{song}", text))
    return pd.DataFrame(rows, columns=["artist", "song", "text"])


@pytest.fixture(scope="session")
def songs(tmp_path_factory):
    """A CSV of invented songs."""
    path = tmp_path_factory.mktemp("songs") / "songs.csv"
    invented_songs().to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def qwen2(make_model):
    """A causal decoder that declares mean pooling, as the demo model does."""
    return make_model("qwen2", pooling="mean")


@pytest.fixture(scope="session")
def frame(songs):
    """The corpus table of the invented songs."""
    config = load_config(None)
    return ingest([songs], config.input, config.corpus).lines


@pytest.fixture(scope="session")
def lines(frame):
    """The same as lines to train on."""
    return make_lines(frame)


@pytest.fixture(scope="session")
def run_train():
    """A factory of trainings on the CPU, as the command would run them."""

    def run(path, model, out, *settings, overwrite=False):
        from rich.console import Console

        given = [f"input.paths=['{path}']", f"embedding.model='{model}'", *SETTINGS, *settings]
        resolution = DeviceResolution("cpu", "a test")
        with StageProgress(Console(quiet=True)) as progress:
            return train(load_config(None, given), out, resolution, progress, overwrite=overwrite)

    return run
