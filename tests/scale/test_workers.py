"""What a worker lacks is named before any work."""

import pytest

from rapids_rap.config import EmbeddingConfig, MapsConfig
from rapids_rap.embedding.model import resolve_model
from rapids_rap.errors import CapabilityError
from rapids_rap.scale import workers
from rapids_rap.scale.executor import SerialExecutor
from rapids_rap.scale.workers import check_here, check_workers, own_facts


def ask(executor, folder, embedding, fingerprint, maps=None):
    check_workers(executor, folder, embedding, maps or MapsConfig(), "cpu", fingerprint)


def test_workers_like_this_process_pass(executor, qwen2, tmp_path):
    """On one machine all have the same."""
    config = EmbeddingConfig(model=str(qwen2))
    ask(executor, tmp_path, config, resolve_model(config, "float32").fingerprint)


def test_a_worker_without_the_model_is_named(executor, tmp_path):
    """Before hours of reading, and with exit code 3."""
    with pytest.raises(CapabilityError, match="Nothing was begun"):
        ask(executor, tmp_path, EmbeddingConfig(model=str(tmp_path / "no-model")), "x")


def test_a_worker_without_the_font_is_named(executor, qwen2, tmp_path):
    """A font that only this machine has."""
    config = EmbeddingConfig(model=str(qwen2))
    fingerprint = resolve_model(config, "float32").fingerprint
    with pytest.raises(CapabilityError, match="nowhere"):
        ask(executor, tmp_path, config, fingerprint, MapsConfig(font="/nowhere/font.otf"))


def test_another_model_under_the_same_name_is_named(qwen2, tmp_path):
    """The fingerprint decides, not the folder."""
    with pytest.raises(CapabilityError, match="has model"):
        ask(SerialExecutor(), tmp_path, EmbeddingConfig(model=str(qwen2)), "0" * 64)


def test_versions_that_differ_are_refused(qwen2, tmp_path, monkeypatch):
    """At the start, and by a worker that joins later."""
    here = own_facts()
    monkeypatch.setattr(workers, "describe_worker", lambda task: here | {"numpy": "1.0"})
    with pytest.raises(CapabilityError, match=r"has numpy 1\.0, this process 2"):
        ask(SerialExecutor(), tmp_path, EmbeddingConfig(model=str(qwen2)), "x")
    with pytest.raises(CapabilityError, match="A worker joined"):
        check_here(here | {"torch": "0"})
    check_here(here)
