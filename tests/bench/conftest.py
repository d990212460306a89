"""300 sample lines, our vectors of them, and a model folder with a splitting rule of its own."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from rapids_rap.backend import load_backend
from rapids_rap.config import CorpusConfig, EmbeddingConfig, InputConfig
from rapids_rap.corpus.ingest import ingest
from rapids_rap.data import data_path
from rapids_rap.embedding.embed import load_encoder
from tests.conftest import LYRICS


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """The padded loops on one thread: two on a busy machine mostly wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def demo_folder() -> Path:
    return Path(data_path("demo_model"))


@pytest.fixture(scope="session")
def lyrics() -> pd.DataFrame:
    """artist, song, text: 300 lines, some of them twice."""
    lines = ingest([LYRICS], InputConfig(limit=300), CorpusConfig()).lines
    return lines[["artist", "song", "text_norm"]].rename(columns={"text_norm": "text"})


@pytest.fixture(scope="session")
def lyrics_file(lyrics, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("lyrics") / "lyrics.parquet"
    lyrics.to_parquet(path)
    return path


@pytest.fixture(scope="session")
def our_vectors(lyrics) -> np.ndarray:
    """What our own embedding stage makes of the 300 lines."""
    encoder = load_encoder(EmbeddingConfig(model="demo"), load_backend("cpu"))
    return encoder.encode(lyrics["text"].tolist())


@pytest.fixture(scope="session")
def vectors_file(our_vectors, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("vectors") / "vectors.npy"
    np.save(path, our_vectors)
    return path


@pytest.fixture(scope="session")
def odd_folder(demo_folder, tmp_path_factory) -> Path:
    """The demo model, its tokenizer changed to cut between any two characters."""
    folder = tmp_path_factory.mktemp("odd") / "model"
    shutil.copytree(demo_folder, folder)
    file = folder / "tokenizer.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {"Regex": "."}
    file.write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def our_tokens():
    """The token ids of texts, as our own embedding stage reads them."""

    def tokens(texts: list[str], folder: Path) -> list[list[int]]:
        encoder = load_encoder(EmbeddingConfig(model=str(folder)), load_backend("cpu"))
        found = encoder.tokenize(texts)
        return [part.tolist() for part in np.split(found.ids, found.starts[1:-1])]

    return tokens
