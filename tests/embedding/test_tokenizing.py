"""Tests of tokenizing: prompts, end tokens, cuts, and texts that become nothing."""

import itertools

import pytest

from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding import tokenizing
from rapids_rap.embedding.model import load_tokenizer, resolve_model
from rapids_rap.embedding.presets import PRESETS, Preset
from rapids_rap.embedding.tokenizing import TextTokenizer
from rapids_rap.errors import InputError
from tests.embedding.conftest import VOCABULARY

END = VOCABULARY["<|endoftext|>"]


def tokenizer_of(folder, **settings):
    spec = resolve_model(EmbeddingConfig(model=str(folder), **settings), "float32")
    return TextTokenizer(load_tokenizer(spec), spec)


def rows(tokens):
    return [tokens.ids[a:b].tolist() for a, b in itertools.pairwise(tokens.starts)]


def test_texts_come_back_in_order_whatever_their_length(qwen2, monkeypatch):
    """The flat array and its borders must give each text's own ids, across internal chunks."""
    monkeypatch.setattr(tokenizing, "TEXTS_AT_ONCE", 2)
    tokens = tokenizer_of(qwen2)(["山水", "a", "风云夜", "一", "二三"])
    expected = [[VOCABULARY[c] for c in t] for t in ("山水", "a", "风云夜", "一", "二三")]
    assert rows(tokens) == expected
    assert not tokens.truncated.any()


def test_no_texts_give_no_tokens(qwen2):
    """An empty list is a valid input."""
    tokens = tokenizer_of(qwen2)([])
    assert len(tokens.ids) == 0
    assert tokens.starts.tolist() == [0]


def test_an_empty_text_stands_as_the_end_token(qwen2, bert):
    """A text of no tokens has no state to pool; its meaning is defined instead."""
    assert rows(tokenizer_of(qwen2)(["", "一"]))[0] == [END]
    assert rows(tokenizer_of(bert)([""]))[0] == [VOCABULARY["[CLS]"], VOCABULARY["[SEP]"]]


def test_long_texts_are_cut_and_counted_but_exact_ones_are_not(qwen2, bert):
    """A text of exactly max_tokens loses nothing; the closing token of BERT survives a cut."""
    tokens = tokenizer_of(qwen2, max_tokens=8)(["一" * 7, "一" * 8, "一" * 9, "一" * 500])
    assert tokens.lengths.tolist() == [7, 8, 8, 8]
    assert tokens.truncated.tolist() == [False, False, True, True]
    cut = rows(tokenizer_of(bert, max_tokens=8)(["一" * 30]))[0]
    assert len(cut) == 8
    assert cut[-1] == VOCABULARY["[SEP]"]


def test_the_prompt_stands_before_every_text(qwen2):
    """A prompt of the configuration reaches the model."""
    tokens = tokenizer_of(qwen2, prompt="ab")(["山", ""])
    a, b = VOCABULARY["a"], VOCABULARY["b"]
    assert rows(tokens) == [[a, b, VOCABULARY["山"]], [a, b]]


@pytest.mark.parametrize("ends", [False, True])
def test_the_end_token_is_there_once_whoever_appends_it(make_model, monkeypatch, ends):
    """Last-token models read it: twice or never gives other vectors; a cut must keep it."""
    folder = make_model("qwen2", ends=ends)
    preset = Preset("last", causal=True, end_token="<|endoftext|>")
    monkeypatch.setitem(PRESETS, str(folder), preset)
    got = rows(tokenizer_of(folder, max_tokens=8)(["山", "一" * 30, ""]))
    assert got[0] == [VOCABULARY["山"], END]
    assert len(got[1]) == 8
    assert got[1].count(END) == 1
    assert got[1][-1] == END
    assert got[2] == [END]


def test_an_end_token_the_tokenizer_lacks_is_an_error(qwen2, monkeypatch):
    """Appending [UNK] instead would be a silent stand-in."""
    monkeypatch.setitem(PRESETS, str(qwen2), Preset("last", causal=True, end_token="<|stop|>"))
    with pytest.raises(InputError, match=r"<\|stop\|>"):
        tokenizer_of(qwen2)


@pytest.mark.parametrize("ends", [False, True])
def test_an_echo_is_the_text_twice_and_reads_the_second(make_model, ends):
    """Prompt and line break belong to the first copy; a text of no tokens still has a state."""
    tokens = tokenizer_of(make_model("qwen2", ends=ends), pooling="echo", prompt="ab")(["山水", ""])
    end = [END] * ends
    first = [VOCABULARY[c] for c in ("a", "b", "山", "水", "[UNK]")]
    assert rows(tokens)[0] == [*first, *end, VOCABULARY["山"], VOCABULARY["水"], *end]
    assert tokens.read.tolist() == [2 + ends, 1]
    assert rows(tokens)[1][-1] == END
    assert tokenizer_of(make_model("qwen2"))(["山"]).read is None


def test_both_copies_of_an_echo_share_the_limit(qwen2):
    """A long text is cut in each copy, counted once, and the whole stays within max_tokens."""
    tokens = tokenizer_of(qwen2, pooling="echo", max_tokens=9)(["一" * 30, "一" * 3])
    assert tokens.lengths.tolist() == [8, 7]
    assert tokens.read.tolist() == [4, 3]
    assert tokens.truncated.tolist() == [True, False]
