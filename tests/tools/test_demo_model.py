"""Every phase of the demo model, tiny: two steps each on invented lines."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from rapids_rap.bench.corpora import Poem, corpus_table, held_out_split, sample, split_lines
from rapids_rap.training.loss import info_nce
from rapids_rap.training.masks import false_negatives
from tools.demo_model.contrastive import ContrastiveConfig, train_contrastive
from tools.demo_model.data import Lines, Padded, PairSampler, Recipe, repeat_tokens, tokenize
from tools.demo_model.lyrics import read_lyrics
from tools.demo_model.model import Shape, build_model, embed
from tools.demo_model.phases import Config, Texts, run_phases
from tools.demo_model.tokenizer import build_vocabulary, common_characters
from tools.demo_model.warmup import WarmupConfig

THINGS = ["城市", "月亮", "河水", "老街", "雨伞", "灯火", "山路", "火车", "歌声", "清晨"]
CONFIG = Config(
    shape=Shape(hidden=32, intermediate=48, layers=2, heads=2, kv_heads=1),
    warmup=WarmupConfig(steps=2, batch=4, window=8),
    contrastive=ContrastiveConfig(steps=2),
    recipe=Recipe(pairs=8),
    evaluated_pairs=6,
)


def invented(prefix: str, number: int) -> list[Poem]:
    """Songs of five lines; every second one has lines of five characters."""
    songs = []
    for index in range(number):
        thing, other = THINGS[index % 10], THINGS[(index + 3) % 10]
        long = f"今晚的{thing}" if index % 2 else f"{thing}照"
        lines = tuple(f"{long}{other}{'' if index % 2 == 0 else tail}" for tail in "啊呀嘛呢吧")
        songs.append(Poem(f"{prefix}歌手", f"{prefix}{index}", f"{prefix}{index}", lines))
    return songs


@pytest.fixture(scope="module")
def texts() -> Texts:
    return Texts(invented("诗", 10), invented("歌", 4), invented("旧", 7), invented("留", 3))


@pytest.fixture(scope="module")
def vocabulary(texts):
    return build_vocabulary(line for poem in texts.poems for line in poem.lines)


@pytest.fixture(scope="module")
def lines(texts, vocabulary) -> Lines:
    return tokenize(texts.poems, vocabulary)


@pytest.fixture(scope="module")
def folder(texts, tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("whole")
    run_phases(texts, CONFIG, base / "work", base / "model")
    return base / "model"


def test_tokenizer_survives_the_folder(folder, vocabulary):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text in [
        "YEAH，我在城市里 Flow~ 2024 don't",
        "𠮷野家😀 schadenfreude\n下一行",
        "ＡＢＣ １２",
    ]:
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert all(len(tokenizer(letter)["input_ids"]) == 1 for letter in common_characters())
    assert tokenizer.pad_token == tokenizer.eos_token == "<|endoftext|>"
    ids = tokenizer("Money MONEY money")["input_ids"]
    assert [vocabulary.alias.get(token, token) for token in ids[::2]] == [ids[-1]] * 3


def test_a_run_in_two_halves_writes_the_same_bytes(texts, folder, tmp_path):
    work = tmp_path / "work"
    record = run_phases(texts, CONFIG, work, tmp_path / "before", stop_after="warmup")
    assert set(record["seconds"]) == {"warmup"}
    run_phases(texts, CONFIG, work, tmp_path / "model")
    for name in ("model.safetensors", "tokenizer.json", "config.json", "modules.json"):
        assert (tmp_path / "model" / name).read_bytes() == (folder / name).read_bytes()
    weights = [(tmp_path / run / "model.safetensors").read_bytes() for run in ("before", "model")]
    assert weights[0] != weights[1]


def test_resuming_inside_a_phase_changes_nothing(lines, vocabulary, tmp_path):
    sampler = PairSampler(lines, lines, CONFIG.recipe, 42)
    states = []
    for stops in ([4], [3, 4]):
        path = tmp_path / f"{len(stops)}.pt"
        for stop in stops:
            torch.manual_seed(0)
            model = build_model(CONFIG.shape, vocabulary.trained, dropout=0.1)
            config = replace(CONFIG.contrastive, steps=4)
            train_contrastive(model, sampler, config, path, every=1, until=stop)
        states.append(model.state_dict())
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name


def test_sentence_transformers_pools_as_we_do(folder, texts):
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModel

    sentences = [line for poem in texts.lyrics for line in poem.lines] + ["YEAH flow"]
    vectors = SentenceTransformer(str(folder), device="cpu").encode(sentences)
    tokenizer, body = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    assert body.dtype == torch.float32
    for sentence, vector in zip(sentences, vectors, strict=True):
        with torch.inference_mode():
            states = body.eval()(**tokenizer(sentence, return_tensors="pt")).last_hidden_state
        mean = states[0].mean(0).numpy()
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_padding_on_the_right_needs_no_mask(lines, vocabulary):
    model = build_model(CONFIG.shape, vocabulary.trained).eval()
    first = np.array([0, 7])
    together = lines.gather(first, np.array([1, 3]))
    alone = lines.gather(first[:1], np.array([1]))
    assert together.ids.shape[1] > alone.ids.shape[1]
    with torch.inference_mode():
        torch.testing.assert_close(embed(model, together)[:1], embed(model, alone))


def test_pairs_stay_in_their_stanza_and_repeat_themselves(lines):
    sampler = PairSampler(lines, lines, CONFIG.recipe, 42)
    for step in range(20):
        pairs, again = sampler(step), sampler(step)
        np.testing.assert_array_equal(pairs.right.ids, again.right.ids)
        mask = false_negatives(pairs.songs, pairs.left_texts, pairs.right_texts)
        assert not mask.diagonal().any()
        assert mask[pairs.songs[:, None] == pairs.songs].sum() == (
            (pairs.songs[:, None] == pairs.songs).sum() - len(mask)
        )


def test_repetition_adds_only_what_was_there():
    rows = Padded(np.array([[5, 6, 7], [8, 0, 0]]), np.array([3, 1]))
    twice = repeat_tokens(rows, np.random.default_rng(0), rate=1.0)
    for ids, length, line in zip(twice.ids, twice.lengths, ([5, 6, 7], [8]), strict=True):
        assert list(dict.fromkeys(ids[:length])) == line


def test_masked_pairs_do_not_count():
    left = torch.eye(3)
    right = torch.tensor([[1.0, 0, 0], [1.0, 0, 0], [0, 0, 1.0]])
    mask = torch.tensor([[0, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=torch.bool)
    assert info_nce(left, right, mask, 0.05) < info_nce(left, right, torch.zeros_like(mask), 0.05)


def test_lyrics_lose_credits_and_marks(tmp_path):
    (tmp_path / "a.txt").write_text(
        "歌手姓名：甲\n\n第一首\n作词：甲\n录音室：地下\n\n[Verse 1]\n早上好 (好)\n他說：你好\n\n"
        "第二首\n作词：甲\n\n不见了\n",
        "utf-8",
    )
    (tmp_path / "held").write_text("甲\t第二首\n", "utf-8")
    training, held_out = read_lyrics(tmp_path, tmp_path / "held")
    assert [poem.lines for poem in training] == [("早上好 (好)", "他说:你好")]
    assert [poem.lines for poem in held_out] == [("不见了",)]
    (tmp_path / "held").write_text("甲\t第三首\n", "utf-8")
    with pytest.raises(ValueError, match="第三首"):
        read_lyrics(tmp_path, tmp_path / "held")


def test_corpus_samples_are_nested_and_the_split_is_clean():
    poems = invented("诗", 200)
    small, large = sample(poems, 33), sample(poems, 60)
    assert corpus_table(small).num_rows == 33
    assert corpus_table(large).slice(0, 33).equals(corpus_table(small))
    copy = [Poem("别人", f"又{poem.song}", f"c{poem.song_id}", poem.lines) for poem in poems]
    training, held_out = held_out_split([*poems, *copy], share=0.2)
    assert held_out
    assert not {poem.lines for poem in training} & {poem.lines for poem in held_out}
    assert split_lines(["春眠不觉晓，处处闻啼鸟。（一作：晴）", "「夜来」风雨声！"]) == (
        "春眠不觉晓",
        "处处闻啼鸟",
        "夜来风雨声",
    )
