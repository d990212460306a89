"""The demo writer's tool: single characters, and windows that hang on the seed alone."""

import json

import numpy as np
import pytest

from rapids_rap.bench.corpora import Poem
from rapids_rap.data import data_path
from tools.demo_model.tokenizer import Vocabulary
from tools.demo_writer.text import Windows, encode, shuffled, whole_songs
from tools.demo_writer.tokenizer import build_writer_tokenizer

POEMS = [Poem("甲", f"诗{i}", f"诗:{i}", ("白日依山尽", "黄河入海流")) for i in range(20)]


@pytest.fixture(scope="module")
def tokenizer():
    core = json.loads((data_path("demo_model") / "tokenizer.json").read_text("utf-8"))["model"]
    tokens = [token for token, _ in sorted(core["vocab"].items(), key=lambda item: item[1])]
    trained = tokens.index("IN")  # the first of the other spellings stands behind the trained ones
    return build_writer_tokenizer(data_path("demo_model"), Vocabulary(tokens, [], trained, {}))


def test_a_character_is_a_token_and_case_is_none(tokenizer):
    assert len(tokenizer("今晚的月亮")["input_ids"]) == 5
    assert tokenizer("Ｙｅａｈ")["input_ids"] == tokenizer("yeah")["input_ids"]
    assert tokenizer.decode(tokenizer("今晚\n出发")["input_ids"]) == "今晚\n出发"


def test_another_vocabulary_is_refused():
    with pytest.raises(ValueError, match="another vocabulary"):
        build_writer_tokenizer(data_path("demo_model"), Vocabulary(["x"], [], 1, {}))


def test_poems_end_with_the_end_token(tokenizer):
    tokens = encode(POEMS[:2], tokenizer)
    assert (tokens == tokenizer.eos_token_id).sum() == 2
    assert tokens[-1] == tokenizer.eos_token_id


def test_a_window_is_a_function_of_its_number():
    verse, songs = np.arange(100, dtype=np.uint16), np.arange(200, 300, dtype=np.uint16)
    windows = Windows(verse, songs, 0.5, 10, 40, 1)
    found = [windows[i]["input_ids"] for i in range(40)]
    assert all((a == windows[i]["input_ids"]).all() for i, a in enumerate(found))
    assert {bool(ids[0] >= 200) for ids in found} == {True, False}
    assert all(len(ids) == 10 for ids in found)


def test_songs_are_whole_and_samples_are_of_whole_poems():
    stanzas = [Poem("甲", "歌", "歌", ("一",)), Poem("甲", "歌", "歌", ("二",))]
    assert [song.lines for song in whole_songs(stanzas)] == [("一", "二")]
    assert sum(len(p.lines) for p in shuffled(POEMS, 7, 1)) == 8
    assert shuffled(POEMS, 7, 1) == shuffled(POEMS, 7, 1)
