"""Tests of the stage in motion: what overlaps, what is bounded, and every way to be interrupted."""

import signal
import threading
import time

import numpy as np
import pytest
import torch

from rapids_rap.backend.lanes import CudaLane
from rapids_rap.embedding import embed as embed_module
from rapids_rap.embedding.embed import embed
from rapids_rap.embedding.encoder import Encoder
from rapids_rap.embedding.forward import Runner
from rapids_rap.embedding.store import VectorStore
from rapids_rap.embedding.tokenizing import TextTokenizer
from rapids_rap.errors import CapabilityError, Stopped
from tests.backend.fake_cuda import FakeCuda
from tests.embedding.doubles import FlashAttn
from tests.embedding.test_embed import TEXTS, config_of, shards


def test_shards_are_stored_while_the_next_ones_are_computed(qwen2, backend, tmp_path, monkeypatch):
    """The disk must not hold up the encoder, nor the encoder run far ahead of the disk."""
    append, threads, behind = VectorStore.append, set(), []
    encode = Encoder.encode_into
    computed, stored = [], []

    def slow_append(self, *args):
        time.sleep(0.02)
        threads.add(threading.get_ident())
        append(self, *args)
        stored.append(1)

    def noted(self, *args):
        behind.append(len(computed) - len(stored))
        computed.append(1)
        return encode(self, *args)

    monkeypatch.setattr(VectorStore, "append", slow_append)
    monkeypatch.setattr(Encoder, "encode_into", noted)
    embed(TEXTS, config_of(qwen2, shard_texts=2), backend, tmp_path)
    assert len(stored) == len(computed) == 10
    assert threading.get_ident() not in threads
    assert max(behind) == embed_module.UNSTORED


def test_tokens_of_few_shards_are_held_at_a_time(qwen2, backend, tmp_path, monkeypatch):
    """Memory must not grow with the corpus: texts are tokenized one shard ahead."""
    ahead, asked = [], []
    tokenize, encode = TextTokenizer.__call__, Encoder.encode_into

    def counted(self, texts):
        asked.append(len(texts))
        return tokenize(self, texts)

    def noted(self, *args):
        time.sleep(0.01)
        ahead.append(len(asked) - len(ahead))
        return encode(self, *args)

    monkeypatch.setattr(TextTokenizer, "__call__", counted)
    monkeypatch.setattr(Encoder, "encode_into", noted)
    embed(TEXTS, config_of(qwen2, shard_texts=2), backend, tmp_path)
    assert asked == [2] * 10
    assert max(ahead) == 2


def test_a_signal_ends_the_run_at_once_and_leaves_whole_shards(
    qwen2, backend, tmp_path, monkeypatch
):
    """`Stopped` in the main thread, anywhere: no thread goes on, the next run resumes."""
    encode, calls = Encoder.encode_into, []

    def stop(self, *args):
        calls.append(1)
        if len(calls) == 3:
            raise Stopped(signal.SIGTERM)
        return encode(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Encoder, "encode_into", stop)
        with pytest.raises(Stopped):
            embed(TEXTS, config_of(qwen2, shard_texts=2), backend, tmp_path / "cut")
    assert not [t for t in threading.enumerate() if t.name.startswith(("ahead", "behind"))]
    assert not list(tmp_path.glob("cut/*/.*partial"))
    resumed = embed(TEXTS, config_of(qwen2, shard_texts=2), backend, tmp_path / "cut")
    assert resumed.report.reused in (0, 2, 4)
    whole = embed(TEXTS, config_of(qwen2, shard_texts=2), backend, tmp_path / "whole")
    np.testing.assert_array_equal(resumed.matrix, whole.matrix)
    assert shards(tmp_path / "cut") == shards(tmp_path / "whole")


def test_a_full_disk_in_the_background_ends_the_run(qwen2, backend, tmp_path, monkeypatch):
    """An error of the writing thread is the run's error, and what was written stays."""
    append, calls = VectorStore.append, []

    def full(self, *args):
        calls.append(1)
        if len(calls) == 3:
            raise CapabilityError("no room to write")
        append(self, *args)

    monkeypatch.setattr(VectorStore, "append", full)
    with pytest.raises(CapabilityError, match="no room"):
        embed(TEXTS, config_of(qwen2, shard_texts=1), backend, tmp_path)
    assert len(calls) == 3
    assert len(list(tmp_path.glob("*/shard-*.json"))) == 2


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), "driver"),
        (RuntimeError("CUDA error: unspecified launch failure"), "driver"),
    ],
    ids=["accelerator", "runtime"],
)
def test_a_driver_error_is_explained_and_keeps_the_shards(
    qwen2, backend, tmp_path, monkeypatch, error, said
):
    """A GPU that falls off the bus at night: exit code 3, and the next run goes on from there."""
    run, calls = Runner._states, []

    def failing(self, *args):
        calls.append(1)
        if len(calls) > 12:
            raise error
        return run(self, *args)

    config = config_of(qwen2, shard_texts=2)
    with monkeypatch.context() as patch:
        patch.setattr(Runner, "_states", failing)
        with pytest.raises(CapabilityError, match=rf"{said} failed .*run the same command again"):
            embed(TEXTS, config, backend, tmp_path)
    resumed = embed(TEXTS, config, backend, tmp_path)
    assert resumed.report.reused > 0
    whole = embed(TEXTS, config, backend, tmp_path / "whole")
    np.testing.assert_array_equal(resumed.matrix, whole.matrix)


@pytest.mark.parametrize("store_dtype", ["float32", "float16"])
def test_the_stage_on_the_cuda_lane_stores_what_it_returns(
    qwen2, backend, tmp_path, monkeypatch, store_dtype
):
    """On the fake GPU: rounded on the device, copied aside, stored, and read back the same."""
    FakeCuda(monkeypatch)
    FlashAttn(monkeypatch)
    lane = CudaLane(torch.device("cpu"))
    monkeypatch.setattr(embed_module, "open_lane", lambda device: lane)
    config = config_of(qwen2, store_dtype=store_dtype)
    first = embed(TEXTS, config, backend, tmp_path)
    assert (first.report.dtype, first.report.attention) == ("bfloat16", "trie")
    assert "flash-attn 2.8.3 in bfloat16" in first.report.attention_reason
    second = embed(TEXTS, config, backend, tmp_path)
    assert second.report.reused == len(TEXTS)
    np.testing.assert_array_equal(second.matrix, first.matrix)
    np.testing.assert_allclose(np.linalg.norm(first.matrix, axis=1), 1.0, atol=1e-6)
    monkeypatch.undo()
    exact = embed(TEXTS, config_of(qwen2), backend, tmp_path / "cpu").matrix
    assert (first.matrix * exact).sum(1).min() > 0.98
