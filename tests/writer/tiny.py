"""A randomly initialised causal model of single characters, and a tokenizer of many."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

# Common characters of every rhyme, several readings and particles among them.
HAN = """
妈花家话大下画马沙茶啊吗 波我多说活火错落破国 歌车热可和色这特喝个的了着 街夜写月雪叶界谢切爷
知是时诗事字词死此紫日吃 而耳二儿 一你里力几西起记气李题地 飞美泪水回会对谁黑雷 来爱海快在开还外
路不苦出书住哭土舞都 雨去女绿曲鱼与 走口有手就秋头后楼 好到高老早少跳小笑桥
天山看远钱年店边卷万弯 人心真分云深问春林门 光上长想强床爽王阳
风声灯城梦生明星听命 中空红动东龙胸用 行得长重乐觉还没们吧呢
"""


def characters() -> str:
    return "".join(dict.fromkeys("".join(HAN.split())))


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    """One token a character: Chinese, Latin small letters, a blank, a line end."""
    usual = [*characters(), *"abcdefghijklmnopqrstuvwxyz '\n【】｜：,0123456789AB"]
    vocabulary = {"<end>": 0, "<unk>": 1, "你好": 2, "。": 3}
    for one in usual:
        vocabulary.setdefault(one, len(vocabulary))
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    core.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<end>", pad_token="<end>", unk_token="<unk>"
    )


@cache
def bpe_tokenizer() -> PreTrainedTokenizerFast:
    """Bytes and tokens of many characters, as Qwen's vocabulary has them."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=3000,
        special_tokens=["<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    han = characters()
    lines = [han[i : i + 3] for i in range(len(han) - 2)] * 3 + list(han) * 40
    words = ["oh baby yeah money love my city flow", "i don't know why"] * 40
    core.train_from_iterator([*lines, *words], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<end>", pad_token="<end>")


@cache
def model(size: int, positions: int = 512) -> Any:
    """A Qwen2 of two layers that has read nothing."""
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=size,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=positions,
        initializer_range=0.3,
        tie_word_embeddings=True,
    )
    return Qwen2ForCausalLM(config).eval()
