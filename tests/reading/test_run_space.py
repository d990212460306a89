"""The space of a run: new texts are put where the run's own are, and the run's stay put."""

import json

import numpy as np
import pytest

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.backend.protocol import DEFAULT_SIZES
from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding.embed import load_encoder
from rapids_rap.embedding.fusion import fuse, lexical_vectors
from rapids_rap.embedding.postprocess import postprocess
from rapids_rap.errors import InputError
from rapids_rap.reading.run_space import run_config, run_space
from rapids_rap.runs.run import open_run
from rapids_rap.words.lexicon import load_lexicon
from rapids_rap.words.segment import segment
from tests.run_factory import make_run

TEXTS = sorted(
    {
        f"{a}{b}{c}"
        for a in "我你他"
        for b in ("爱", "恨", "想念", "走过")
        for c in ("城市", "故乡的夜", "妈妈", "兄弟", "霓虹")
    }
)
NEW = ("完全没有见过的话 wow", "我爱城市的霓虹")


@pytest.fixture(scope="module")
def encoder():
    return load_encoder(EmbeddingConfig(model="demo"), CpuBackend())


def demo_run(folder, encoder, *settings):
    make_run(
        folder,
        TEXTS,
        np.zeros(len(TEXTS), dtype=int),
        vectors=encoder.encode(TEXTS),
        settings=["embedding.model=demo", *settings],
    )
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["model"]["fingerprint"] = encoder.spec.fingerprint
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return open_run(folder)


@pytest.mark.parametrize("lexical", ["none", "words", "characters"])
@pytest.mark.parametrize("mode", ["none", "remove", "whiten"])
def test_the_run_fits_and_new_texts_follow(tmp_path, encoder, mode, lexical):
    """The run's texts lie where its neighbours saw them, and one that is asked lies on itself."""
    run = demo_run(
        tmp_path / "run",
        encoder,
        f"embedding.postprocess={mode}",
        f"embedding.lexical={lexical}",
        "embedding.lexical_dims=12",
        "embedding.whiten_dims=20",
    )
    config, backend = run_config(run), CpuBackend()
    how = config.embedding
    seen = postprocess(
        np.array(run.vectors),
        how.postprocess,
        backend,
        whiten_dims=how.whiten_dims,
        remove_dims=how.remove_dims,
        seed=42,
    ).matrix
    if lexical != "none":
        words = segment(TEXTS, load_lexicon(None, "simplified").all_words)
        seen = fuse(seen, TEXTS, words, how, backend, 42, DEFAULT_SIZES)
    space = run_space(run, TEXTS, (*NEW, TEXTS[7], TEXTS[31]), config, backend)
    np.testing.assert_allclose(space.base, seen, atol=2e-5)
    np.testing.assert_allclose(space.asked[2:], seen[[7, 31]], atol=2e-4)
    assert np.isfinite(space.asked).all()


@pytest.mark.parametrize("kind", ["words", "characters"])
def test_lexical_fit_ignores_what_is_asked(monkeypatch, kind):
    """Words of the new texts have no weight, also where rare terms are left out."""
    monkeypatch.setattr("rapids_rap.embedding.fusion.TERMS", 40)
    how = EmbeddingConfig(lexical=kind, lexical_dims=8)
    backend = CpuBackend()
    alone = lexical_vectors(TEXTS, segment(TEXTS), how, backend, 0)
    every = (*TEXTS, *NEW, "没见过", "没见过的")
    both = lexical_vectors(every, segment(every), how, backend, 0, fitted=len(TEXTS))
    np.testing.assert_allclose(both[: len(TEXTS)], alone, atol=1e-5)
    assert not np.allclose(both[-3], 0)


def test_configuration_of_another_version_is_said(tmp_path):
    """A run whose configuration has a key that is gone is an error of one sentence."""
    folder = make_run(tmp_path / "run", ["一", "二"], [0, 0])
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["config"]["layout"]["gone"] = 1
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"config\.layout\.gone"):
        run_config(open_run(folder))
