"""Tiny models with random weights, made on the fly: every family the encoder must be exact for."""

import json
from pathlib import Path

import pytest
import torch
import transformers
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

from rapids_rap.backend import load_backend
from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding.embed import load_encoder

CHARACTERS = (
    "一二三四五六七八九十山水风云夜路灯火城江人心梦歌声天地月日光海雨雪花草木石" + "abcdefghij"
)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "<|endoftext|>")
VOCABULARY = {token: i for i, token in enumerate((*SPECIAL, *dict.fromkeys(CHARACTERS)))}
SIZES = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 130,
    "initializer_range": 0.5,
}


def texts_of(lengths: list[int]) -> list[str]:
    """Distinct texts of these lengths in characters (short ones may repeat a character)."""
    return [
        "".join(CHARACTERS[(7 * i + 3 * j + i * j) % len(CHARACTERS)] for j in range(length))
        for i, length in enumerate(lengths)
    ]


def build_tokenizer(wraps: bool, ends: bool = False):
    """A tokenizer of one token a character; `wraps` adds [CLS] ... [SEP], `ends` an end token."""
    core = Tokenizer(models.WordLevel(VOCABULARY, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    if wraps or ends:
        single = "[CLS] $A [SEP]" if wraps else "$A <|endoftext|>"
        core.post_processor = processors.TemplateProcessing(
            single=single, special_tokens=[(t, VOCABULARY[t]) for t in SPECIAL]
        )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]", eos_token="<|endoftext|>"
    )


def _config(family: str, **settings):
    # A last position that is masked must not be read as padding: pad differs from all it meets.
    sizes = SIZES | {"pad_token_id": 0} | settings
    if family == "qwen2":
        sizes = {"num_key_value_heads": 2} | sizes  # grouped-query attention
        return transformers.Qwen2Config(**sizes)
    if family == "xlm-roberta":
        return transformers.XLMRobertaConfig(**(sizes | {"pad_token_id": 1}))
    if family == "bloom":  # ALiBi: no transformers attention interface
        return transformers.BloomConfig(
            vocab_size=SIZES["vocab_size"], hidden_size=32, n_layer=2, n_head=4, pad_token_id=0
        )
    if family == "mamba":  # recurrent: no attention at all, always looks back
        return transformers.MambaConfig(
            vocab_size=SIZES["vocab_size"], hidden_size=32, state_size=4, num_hidden_layers=2
        )
    return transformers.BertConfig(**sizes)


@pytest.fixture(scope="session")
def make_model(tmp_path_factory):
    """A factory of model folders, by family and what is changed from the smallest model."""

    def make(family="qwen2", *, pooling=None, seed=0, ends=False, dtype=None, **settings) -> Path:
        folder = tmp_path_factory.mktemp(family)
        torch.manual_seed(seed)
        model = transformers.AutoModel.from_config(_config(family, **settings))
        with torch.no_grad():  # biases too, so that no state of the padding row is zero
            for parameter in model.parameters():
                if parameter.ndim == 1:
                    parameter.add_(torch.randn_like(parameter) * 0.1)
        model.to(dtype or torch.float32).save_pretrained(folder)
        build_tokenizer(family in ("bert", "xlm-roberta"), ends).save_pretrained(folder)
        if pooling:
            declare_pooling(folder, pooling)
        return folder

    return make


def declare_pooling(folder: Path, mode: str) -> None:
    """The files that sentence-transformers writes beside a transformer."""
    kinds = ["Transformer", "Pooling", "Normalize"]
    paths = ["", "1_Pooling", "2_Normalize"]
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, path) in enumerate(zip(kinds, paths, strict=True))
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    keys = {"mean": "mean_tokens", "last": "lasttoken", "cls": "cls_token", "max": "max_tokens"}
    modes = {f"pooling_mode_{key}": mode == name for name, key in keys.items()}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(modes))


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Models this small only wait for each other's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def qwen2(make_model) -> Path:
    """A causal decoder with grouped-query attention."""
    return make_model("qwen2")


@pytest.fixture(scope="session")
def bert(make_model) -> Path:
    """A bidirectional encoder with absolute positions."""
    return make_model("bert")


@pytest.fixture(scope="session")
def backend():
    """The CPU backend."""
    return load_backend("cpu")


@pytest.fixture
def encoder_of(backend):
    """A factory of encoders from a folder and settings of the embedding section."""
    return lambda folder, **settings: load_encoder(
        EmbeddingConfig(model=str(folder), **settings), backend
    )
