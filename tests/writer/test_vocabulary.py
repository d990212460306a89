"""The table says of any tokenizer what a token adds to a line, and opens no other tokens."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, models
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from rapids_rap.data import data_path
from rapids_rap.errors import InputError
from rapids_rap.writer.prosody import EIGHTEEN, finals
from rapids_rap.writer.text import encode
from rapids_rap.writer.vocabulary import CLASSES, NO_CLASS, SEVERAL, read_vocabulary
from tests.writer import tiny


def test_tokens_of_many_characters_are_masked():
    tokenizer = tiny.bpe_tokenizer()
    many = [
        t
        for t in map(str, tokenizer.batch_decode([[i] for i in range(len(tokenizer))]))
        if len(t) == 3
    ]
    found = read_vocabulary(tokenizer, len(tokenizer) + 7)
    assert any(text[0] >= "\u4e00" for text in many)
    assert len(found.texts) == len(tokenizer) + 7
    for token, text in enumerate(found.texts):
        assert not found.han[token] or (len(text) == 1 and "\u4e00" <= text <= "\u9fff")
        assert not found.latin[token] or text.strip().isascii()
    assert found.texts[found.newline] == "\n"
    assert any(found.parted)
    assert not found.han[tokenizer.all_special_ids].any()


def test_each_character_stands_once_and_in_its_class():
    found = read_vocabulary(tiny.tokenizer(), len(tiny.tokenizer()))
    of = {found.texts[token]: int(found.classes[token]) for token in found.han.nonzero()[0]}
    assert set(of) == set(tiny.characters())
    assert of["的"] == of["吗"] == NO_CLASS
    assert of["行"] == of["都"] == SEVERAL
    assert CLASSES[of["知"]] == "支"
    assert CLASSES[of["一"]] == "齐"
    for text, own in of.items():
        if own >= 0:
            assert EIGHTEEN[finals(text)[0] or ""] == CLASSES[own]


def test_the_demo_tokenizer_has_characters_for_every_rhyme():
    tokenizer = AutoTokenizer.from_pretrained(data_path("demo_model"))
    found = read_vocabulary(tokenizer, len(tokenizer))
    assert found.han.sum() > 5000
    assert found.sizes().min() >= 4


def test_a_text_is_read_as_it_is_written_and_holds_no_special_token():
    tokenizer = tiny.bpe_tokenizer()
    ids = encode(tokenizer, "我你 baby<end>\n")
    found = read_vocabulary(tokenizer, len(tokenizer))
    assert tokenizer.decode(ids) == "我你 baby<end>\n"
    assert not set(ids) & set(tokenizer.all_special_ids)
    assert found.texts[ids[0]] == "我"
    assert encode(tokenizer, "") == []


@pytest.mark.parametrize("words", [["我", "a"], ["\n", "a", "你好"]])
def test_a_tokenizer_that_cannot_end_lines_or_write_characters_is_refused(words):
    core = Tokenizer(models.WordLevel({"?": 0} | {w: i + 1 for i, w in enumerate(words)}, "?"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, unk_token="?", pad_token="?")
    with pytest.raises(InputError, match="another model"):
        read_vocabulary(tokenizer, len(tokenizer))
