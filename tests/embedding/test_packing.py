"""Tests of batch plans: every text once, in order, within the budget."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.embedding.packing import TokenBatchIds, make_batch, plan_batches

LENGTHS = st.lists(st.integers(1, 60), max_size=60).map(sorted)


@pytest.mark.parametrize("layout", ["dense", "packed", "padded"])
@given(lengths=LENGTHS, budget=st.integers(1, 100))
def test_batches_cover_every_text_once_within_the_budget(layout, lengths, budget):
    """A text lost, repeated or over budget is the whole failure of a packer."""
    lengths = np.array(lengths, dtype=np.int64)
    batches = plan_batches(lengths, budget, layout)
    covered = [i for part in batches for i in range(part.start, part.stop)]
    assert covered == list(range(len(lengths)))
    for part in batches:
        inside = lengths[part]
        computed = inside.sum() if layout == "packed" else len(inside) * inside.max()
        assert computed <= budget or len(inside) == 1
        assert layout != "dense" or len(set(inside.tolist())) == 1


@given(lengths=LENGTHS, budget=st.integers(1, 100))
def test_packed_batches_are_as_full_as_they_can_be(lengths, budget):
    """The next text would not have fitted; a plan of single texts would pass the other test."""
    lengths = np.array(lengths, dtype=np.int64)
    batches = plan_batches(lengths, budget, "packed")
    for part in batches[:-1]:
        assert lengths[part.start : part.stop + 1].sum() > budget


@given(st.lists(st.lists(st.integers(0, 999), min_size=1, max_size=9), min_size=1, max_size=9))
def test_a_batch_holds_the_selected_texts_end_to_end(texts):
    """Ids, positions and borders must describe the same texts."""
    starts = np.cumsum([0, *map(len, texts)])
    ids = np.array([i for text in texts for i in text], dtype=np.int32)
    tokens = TokenBatchIds(ids, starts, np.zeros(len(texts), dtype=bool))
    order = np.arange(len(texts))[::-1]
    batch = make_batch(tokens, order)
    assert batch.texts == len(texts)
    assert batch.longest == max(map(len, texts))
    for i, text in enumerate(reversed(texts)):
        part = slice(batch.borders[i], batch.borders[i + 1])
        assert batch.ids[part].tolist() == text
        assert batch.positions[part].tolist() == list(range(len(text)))
