"""What each stage will need of memory, said before it starts.

Formulas count the arrays that a stage holds at once. Those of the CPU were fitted to measured peaks
(docs/performance.md); those of the GPU are derived from what the libraries allocate
(`backend/gpu_plan.py`, which also makes the choices that the backend acts on).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rapids_rap.backend.gpu_plan import TOKEN_ROW, Choice, graph_bytes, plan_run, vector_bytes
from rapids_rap.backend.protocol import DEFAULT_SIZES, Memory, Sizes
from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding.declared import SIZES, read_declared
from rapids_rap.embedding.folder import locate_model, transformer_folder
from rapids_rap.errors import InputError, readable_bytes

BASE = 1000 * 2**20  # the interpreter with torch and the other libraries loaded
LISTS = 512 * 2**20  # a chunk of queries, the lists they search and what they found
BLOCKS = 700 * 2**20  # what quality and the maps work in, however many texts there are
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
TEXT_ROW = 1500  # a text, its tokens and its rows of the tables on the host, as measured on the CPU


@dataclass(frozen=True)
class ModelSize:
    """What of a transformer decides memory and arithmetic.

    hidden: width of a token's state, and of a vector; intermediate: width of the feed-forward part;
    keys: columns of keys (and of values); bytes_each: of a weight or an activation; gated: whether
    the feed-forward part has three matrices rather than two.
    """

    name: str
    layers: int
    hidden: int
    intermediate: int
    keys: int
    vocabulary: int
    bytes_each: int
    gated: bool = True

    @property
    def matrix_parameters(self) -> int:
        """Weights that every token is multiplied with (the embedding table is only looked up)."""
        attention = 2 * self.hidden * self.hidden + 2 * self.hidden * self.keys
        forward = (3 if self.gated else 2) * self.hidden * self.intermediate
        return self.layers * (attention + forward)

    @property
    def parameters(self) -> int:
        """All weights but for norms and biases."""
        return self.matrix_parameters + self.vocabulary * self.hidden

    @property
    def weights(self) -> int:
        """Bytes of the loaded model."""
        return self.parameters * self.bytes_each

    def activations(self, tokens: int) -> int:
        """Bytes that a batch of so many tokens holds at its widest, in the feed-forward part.

        The residual stream, its normalised copy, the attention's output and the result, and the
        gate, its partner and their product.
        """
        return tokens * (4 * self.hidden + 3 * self.intermediate) * self.bytes_each


QWEN2_1_5B = ModelSize("Qwen/Qwen2-1.5B", 28, 1536, 8960, 256, 151_936, 2)


def find_model_size(
    config: EmbeddingConfig, auto_dtype: str, *, download: bool = True
) -> ModelSize:
    """Of the configured model, from its folder.

    `auto_dtype` is what `dtype = "auto"` means on the device. Raises `CapabilityError` for a model
    that can't be had and `InputError` for a folder that holds none.
    """
    folder = transformer_folder(locate_model(config.model, download=download))
    dtype = auto_dtype if config.dtype == "auto" else config.dtype
    declared = read_declared(folder)
    if "hidden_size" not in declared:  # a family of other names, which transformers translates
        from rapids_rap.embedding.model import read_model_config

        built = read_model_config(folder, config.trust_remote_code).get_text_config()
        declared = {name: getattr(built, name) for name in SIZES if hasattr(built, name)}
    if "hidden_size" not in declared:
        raise InputError(
            f"{folder / 'config.json'}: hidden_size, the length of a vector, is missing."
        )
    return model_size(config.model, declared, BYTES[dtype])


def model_size(name: str, config: Mapping[str, Any], bytes_each: int) -> ModelSize:
    """From a model folder's config.json, by the names that most architectures use."""
    hidden = int(config["hidden_size"])
    heads = int(config.get("num_attention_heads", 1))
    shared = int(config.get("num_key_value_heads") or heads)
    width = int(config.get("head_dim") or hidden // heads)
    return ModelSize(
        name=name,
        layers=int(config.get("num_hidden_layers", 0)),
        hidden=hidden,
        intermediate=int(config.get("intermediate_size", 4 * hidden)),
        keys=shared * width,
        vocabulary=int(config.get("vocab_size", 0)),
        bytes_each=bytes_each,
        gated="silu" in str(config.get("hidden_act", "")),
    )


@dataclass(frozen=True)
class MemoryPlan:
    """Expected peaks by stage for so many texts of `dim` float32 dimensions, and what is free.

    device: "cpu" or "gpu"; free: bytes of the memory the arrays live in; host: expected peak of
    main memory and host_free what is free of it (for the CPU the same as `peak` and `free`).
    """

    device: str
    texts: int
    dim: int
    free: int
    stages: tuple[Choice, ...]
    host: int
    host_free: int

    @property
    def peak(self) -> int:
        """The largest expected peak, in bytes."""
        return max(stage.peak for stage in self.stages)

    @property
    def fits(self) -> bool:
        """Whether the largest stage fits into what is free, in both memories."""
        return all(stage.fits for stage in self.stages) and self.host <= self.host_free

    @property
    def sentence(self) -> str:
        """What is expected, in a sentence for the log."""
        largest = max(self.stages, key=lambda stage: stage.peak)
        text = (
            f"{largest.stage} needs the most memory, about "
            f"{readable_bytes(self.peak, self.free)} of {readable_bytes(self.free, self.peak)} "
            f"free on the {self.device.upper()}"
        )
        if self.device == "gpu":
            text += f", and main memory about {readable_bytes(self.host, self.host_free)}"
            text += f" of {readable_bytes(self.host_free, self.host)}"
        return text


def plan_cpu(texts: int, dim: int, free: int, sizes: Sizes = DEFAULT_SIZES) -> MemoryPlan:
    """The stages on the CPU, whose arrays live in main memory."""
    one, graph = vector_bytes(texts, dim), graph_bytes(texts, sizes.k)
    vectors = sizes.copies * one
    fuzzy = texts * sizes.k * 2 * 24  # symmetrised COO edges and their epoch counters, per layout
    votes = 12 * texts * sizes.layouts  # labels and strengths of membership
    needed = (
        ("embedding", 2 * one, "model, vectors and one shard"),
        ("neighbors", vectors + one + LISTS + 5 * graph, "vectors, their lists and graph"),
        ("layout", vectors + graph + 2 * fuzzy, "two layouts side by side"),
        ("clusters", vectors + graph + votes + texts * 1200, "spanning tree"),
        ("evidence", vectors + texts * sizes.tokens_each * TOKEN_ROW, "token tables"),
        ("quality", BLOCKS + vectors + graph, "blocks of distances"),
    )
    stages = tuple(
        Choice(stage, "cpu", BASE + size, because, fits=BASE + size <= free)
        for stage, size, because in needed
    )
    return MemoryPlan("cpu", texts, dim, free, stages, max(s.peak for s in stages), free)


def plan_gpu(
    texts: int, dim: int, free: int, host_free: int, sizes: Sizes = DEFAULT_SIZES
) -> MemoryPlan:
    """The stages on a GPU with `free` bytes of device memory, and what stays in main memory."""
    stages = plan_run(texts, dim, free, host_free, sizes)
    # The writers copy the vectors to main memory, unless they live there already.
    kept = sum(s.host for s in stages if s.stage == "vectors") or vector_bytes(texts, dim)
    working = max(s.host for s in stages if s.stage != "vectors")
    host = BASE + kept + working + texts * TEXT_ROW
    return MemoryPlan("gpu", texts, dim, free, stages, host, host_free)


def plan_memory(
    device: str, texts: int, dim: int, memory: Memory, host: Memory, sizes: Sizes = DEFAULT_SIZES
) -> MemoryPlan:
    """The plan for a backend's name; `memory` is the backend's, `host` the machine's."""
    if device == "gpu":
        return plan_gpu(texts, dim, memory.free, host.free, sizes)
    return plan_cpu(texts, dim, memory.free, sizes)


def gib(size: float) -> str:
    """Bytes for reading."""
    return f"{size / 2**30:.1f} GiB"
