"""Segmentation over shards: the tokens of one process, however the texts are cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.scale import words
from rapids_rap.scale.executor import SerialExecutor
from rapids_rap.scale.words import merge_tokens, segment_shards
from rapids_rap.words.segment import segment

LINES = st.text("我爱你山水yeahR&B don't-，。 \n", max_size=12).map(
    lambda text: text.replace("\n", "")
)
TEXTS = [f"夜{i}路上灯火yeah {'山水' * (i % 5)} don't stop" for i in range(50)] + [""]


def same(one, other):
    assert one.vocabulary == other.vocabulary
    for name in ("ids", "offsets", "starts", "ends", "gaps"):
        a, b = getattr(one, name), getattr(other, name)
        assert a.dtype == b.dtype, name
        np.testing.assert_array_equal(a, b, err_msg=name)


def test_workers_give_the_tokens_of_one_process(executor, tmp_path, monkeypatch):
    """The vocabulary is numbered over all texts, whatever each shard knew."""
    monkeypatch.setattr(words, "SHARD", 7)
    same(segment_shards(TEXTS, ["灯火yeah"], executor, tmp_path), segment(TEXTS, ["灯火yeah"]))
    assert list(tmp_path.iterdir()) == []


@given(st.lists(LINES, min_size=1, max_size=9), st.integers(0, 9), st.integers(0, 9))
def test_the_merge_is_associative(texts, one, other):
    """Shards may be merged near each other first, in a tree, or at once."""
    first, second = sorted((min(one, len(texts)), min(other, len(texts))))
    parts = [segment(part) for part in (texts[:first], texts[first:second], texts[second:])]
    left = merge_tokens([merge_tokens(parts[:2]), parts[2]])
    right = merge_tokens([parts[0], merge_tokens(parts[1:])])
    same(left, right)
    same(left, merge_tokens(parts))
    same(left, segment(texts))


@pytest.mark.parametrize("texts", [[], [""], ["，。"]])
def test_texts_without_a_word(texts, tmp_path):
    """Empty shards are shards."""
    same(segment_shards(texts, [], SerialExecutor(), tmp_path), segment(texts))
