"""The configuration: one section a stage, every key optional, unknown keys refused.

A section's hash is part of the cache key of the stage that reads it, so changing `[lexicon]` never
re-embeds a line. `settings` merges and prints configurations.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field

Part = TypeVar("Part")


class Section(BaseModel):
    """A section of the configuration: immutable, and closed to keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _part_of(section: Section, kind: type[Part]) -> Part:
    return kind(*(getattr(section, field.name) for field in fields(cast(Any, kind))))


class InputConfig(Section):
    """Where the lyrics are and what their columns are called."""

    paths: tuple[str, ...] = Field((), description="files or folders to read, in this order")
    artist: str = Field("artist", description="column with the artist (tables and JSON)")
    song: str = Field("song", description="column with the song's title")
    text: str = Field("text", description="column with the lyrics: a line, or a whole song, a cell")
    year: str = Field(
        "year",
        description="column with the year or date of release, else a column `date`; empty: none",
    )
    encoding: Literal["auto", "utf-8", "gb18030"] = Field(
        "auto", description="auto: UTF-8 (a BOM is fine), else GB18030, which is said aloud"
    )
    regions: str = Field("", description="CSV with columns artist,region: adds cluster_regions.csv")
    decisions: str = Field(
        "", description="CSV of your own decisions: kind,id,decision,value,who,when (docs/names.md)"
    )
    limit: int = Field(0, ge=0, description="keep only the first N lines (0: all)")


class CorpusConfig(Section):
    """What becomes a unit, and what cleaning removes."""

    unit: Literal["line", "stanza", "song"] = Field("line", description="what is embedded")
    credits: bool = Field(True, description="drop credit lines and blocks (作词, Mixed by, OP ...)")
    markers: bool = Field(True, description="drop section markers ([Verse 1], Hook：, (副歌))")
    markup: bool = Field(True, description="strip LRC stamps, HTML tags and entities")
    links: bool = Field(True, description="drop URLs, handles, copyright lines and page furniture")
    symbols: bool = Field(True, description="drop lines of digits and punctuation only")
    headers: bool = Field(True, description="drop artist names, titles and page headers")
    translations: bool = Field(
        False, description="drop what stands in another script at a line's stamp (LRC, subtitles)"
    )
    script: Literal["simplified", "keep"] = Field(
        "simplified", description="text_norm in simplified characters (OpenCC), or as written"
    )


@dataclass(frozen=True)
class SpaceSettings:
    """What is done to vectors before neighbours are sought; the fields are `EmbeddingConfig`'s."""

    postprocess: Literal["none", "center", "remove", "whiten"]
    whiten_dims: int
    remove_dims: int
    lexical: Literal["none", "words", "characters"]
    lexical_dims: int


class EmbeddingConfig(Section):
    """Which model turns a text into a vector, and how."""

    model: str = Field(
        "Qwen/Qwen2-1.5B", description="a Hugging Face name, a local folder, or `demo` (offline)"
    )
    pooling: Literal["auto", "mean", "last", "cls", "echo"] = Field(
        "auto",
        description="auto: as preset or folder declares, else mean; echo: text twice, mean of 2nd",
    )
    causal: Literal["auto", "yes", "no"] = Field(
        "auto", description="attention looks back only; auto: as preset or folder declares"
    )
    prompt: str = Field("auto", description="text put before every line; auto: the preset's")
    max_tokens: int = Field(256, ge=8, description="longer texts are cut here, and counted")
    token_budget: int = Field(0, ge=0, description="tokens a batch holds; 0: chosen by device")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="weights and activations; auto: float32 on the CPU, bfloat16 on a GPU"
    )
    store_dtype: Literal["float32", "float16"] = Field(
        "float32", description="of the stored vectors"
    )
    attention: Literal["auto", "packed", "padded"] = Field(
        "auto", description="auto: end to end or of equal length, never padded"
    )
    postprocess: Literal["none", "center", "remove", "whiten"] = Field(
        "none", description="of distinct texts before neighbours; remove: the top components"
    )
    whiten_dims: int = Field(0, ge=0, description="dimensions kept by whitening (0: all)")
    remove_dims: int = Field(0, ge=0, description="components removed (0: a hundredth of all)")
    lexical: Literal["none", "words", "characters"] = Field(
        "none", description="TF-IDF vectors put beside the model's before neighbours, equal weight"
    )
    lexical_dims: int = Field(256, ge=1, le=4096, description="singular axes of the TF-IDF")
    shard_texts: int = Field(
        2048, ge=1, description="texts a shard, at least (a GPU takes more): a kill can cost three"
    )
    store: str = Field("", description="vector store shared by runs; empty: RUN/.store")
    trust_remote_code: bool = Field(False, description="run Python code that a model folder brings")

    @property
    def space(self) -> SpaceSettings:
        """The settings that come after the model."""
        return _part_of(self, SpaceSettings)


class NeighborsConfig(Section):
    """The nearest-neighbour graph, computed once and used by every later stage."""

    k: int = Field(30, ge=2, le=512, description="neighbours of each text, itself not counted")
    engine: Literal["auto", "exact", "ivf", "cuvs", "cells"] = Field(
        "auto",
        description="auto: FAISS, exact while the machine can, then IVF; cuvs: cuVS (GPU only); "
        "cells: by [scale]'s workers, as exact is where there are any",
    )
    min_recall: float = Field(
        0.95, ge=0.5, le=1.0, description="IVF and cells search more until a sample reaches this"
    )


class LayoutConfig(Section):
    """UMAP: a 2-d map to look at and a low-dimensional space to cluster in."""

    n_neighbors: int = Field(15, ge=2, le=512, description="neighbours UMAP uses (at most k)")
    dimensions: int = Field(5, ge=2, le=50, description="of the space that is clustered")
    min_dist: float = Field(0.1, ge=0.0, le=1.0, description="least distance of points on the map")
    epochs: int = Field(
        0, ge=0, description="optimisation epochs; 0: 500 to 10,000 texts, then 200"
    )
    init: Literal["pca", "spectral", "random"] = Field(
        "pca", description="start of the optimisation; pca is informative, exact and repeatable"
    )


MOST_LAYOUTS = 200  # that vote


@dataclass(frozen=True)
class VotingSettings:
    """How a layout is clustered, and how many vote; the fields are `ClustersConfig`'s."""

    min_cluster_size: int
    layouts: int
    min_samples: int
    selection: Literal["eom", "leaf"]
    epsilon: float


class ClustersConfig(Section):
    """HDBSCAN over distinct texts, and the themes above the clusters."""

    min_cluster_size: int = Field(
        0,
        ge=0,
        description="distinct texts; 0: a 400th, 15 to 1000; a run says what others would give",
    )
    layouts: int = Field(
        0,
        ge=0,
        le=MOST_LAYOUTS,
        description="layouts whose clusters vote; 0: chosen by size, 1: one layout, whose clusters "
        "another seed changes",
    )
    min_samples: int = Field(
        5, ge=1, le=1023, description="neighbours that make a point dense, itself not counted"
    )
    selection: Literal["eom", "leaf"] = Field(
        "leaf", description="many fine clusters, or (eom) few stable ones: often one giant"
    )
    epsilon: float = Field(0.0, ge=0.0, description="clusters closer than this are merged")
    noise: Literal["keep", "nearest"] = Field(
        "keep", description="nearest: noise joins the cluster of its neighbours (cluster_raw stays)"
    )
    themes: int = Field(7, ge=1, description="groups of clusters, the coarse level")

    @property
    def voting(self) -> VotingSettings:
        """The settings that decide the votes."""
        return _part_of(self, VotingSettings)


class TermsConfig(Section):
    """Words that tell clusters apart."""

    top: int = Field(20, ge=1, description="terms listed for each cluster")
    bigrams: bool = Field(True, description="count pairs of neighbouring words too")
    min_count: int = Field(3, ge=1, description="rarer terms are not listed")
    stop_words: str = Field(
        "", description="file, a word a line; empty: the bundled list; `none`: no stop words"
    )
    user_words: str = Field(
        "", description="file, a word a line, that segmentation must keep whole"
    )


class LexiconConfig(Section):
    """The emotion lexicon and how its words are counted."""

    path: str = Field("", description="CSV with columns category,word; empty: the bundled lexicon")
    mode: Literal["occurrence", "presence"] = Field(
        "occurrence",
        description="occurrence: token-bounded, every one; presence: the poster's substring test",
    )
    negation: Literal["count", "leave out"] = Field(
        "count",
        description="negated hits (after 不, 没, 别, 无) are flagged; `leave out`: and not counted",
    )


@dataclass(frozen=True)
class RetrievalSettings:
    """How much retrieval asks; the fields are `QualityConfig`'s."""

    retrieval_lines: int
    artist_songs: int
    bootstrap: int


class QualityConfig(Section):
    """What a run measures about itself."""

    silhouette_exact: int = Field(100_000, ge=100, description="texts to which layout is exact")
    silhouette_sample: int = Field(50_000, ge=100, description="sampled texts above that")
    dbcv_sample: int = Field(20_000, ge=100, description="texts DBCV is computed on, at most")
    trustworthiness_sample: int = Field(2_000, ge=100, description="sampled texts, at most")
    retrieval_lines: int = Field(
        4_000, ge=100, description="lines of sampled whole songs that retrieval asks, about"
    )
    artist_songs: int = Field(8_000, ge=10, description="songs artist retrieval asks, at most")
    bootstrap: int = Field(1_000, ge=100, description="draws of songs behind each interval")
    permutations: int = Field(
        999,
        ge=0,
        le=100_000,
        description="of whole songs, behind p and q of terms, artists and emotions; 0: none",
    )
    stability: int = Field(
        0,
        ge=0,
        le=1_000,
        description="subsamples of songs that are clustered again; 0: none, "
        "`rapids-rap stability RUN` does it afterwards",
    )

    @property
    def retrieval(self) -> RetrievalSettings:
        """The settings that need neither layout nor clusters."""
        return _part_of(self, RetrievalSettings)


class MapsConfig(Section):
    """The pictures."""

    width: int = Field(2400, ge=400, le=20_000, description="pixels")
    height: int = Field(1800, ge=300, le=20_000, description="pixels")
    labels: int = Field(40, ge=0, description="clusters labelled on the map, the largest first")
    artists: int = Field(20, ge=1, description="artists in the distribution chart, at most")
    title: str = Field("", description="title of the maps; empty: one that says what they show")
    font: str = Field("", description="a font file to use instead of the bundled subset")


class ReportConfig(Section):
    """The page that explains a run."""

    title: str = Field("", description="heading of report.html; empty: one from the inputs")
    examples: int = Field(8, ge=1, description="example lines for each cluster")
    terms: int = Field(12, ge=1, description="top terms shown for each cluster")
    certificate: str = Field("", description="a parity.json of `make test-gpu` to show")


class TrainConfig(Section):
    """Contrastive fine-tuning of the encoder (`rapids-rap train`)."""

    mode: Literal["lora", "full", "head"] = Field(
        "lora", description="what learns: adapters, the encoder, or a projection on its vectors"
    )
    objective: Literal["meaning", "rhyme"] = Field(
        "meaning", description="rhyme: pairs that sound alike instead of the views below"
    )
    views: tuple[
        Literal["dropout", "adjacent", "context", "repetition", "variants", "adlibs"], ...
    ] = Field(
        ("dropout", "adjacent", "repetition"),
        min_length=1,
        description="pairs that belong together, as many of each; also context, variants, adlibs",
    )
    steps: int = Field(1_000, ge=1, description="optimiser steps, unless stopped early")
    batch: int = Field(128, ge=2, description="pairs a step compares with each other")
    chunk_tokens: int = Field(
        0, ge=0, description="tokens held in memory at once (gradients stay exact); 0: chosen"
    )
    learning_rate: float = Field(3e-5, gt=0, le=1, description="its peak")
    temperature: float = Field(0.05, gt=0, le=1, description="of the contrastive loss")
    weight_decay: float = Field(0.01, ge=0, le=1, description="of matrices")
    dropout: float = Field(0.1, ge=0, lt=1, description="of attention, which Qwen2 does not have")
    lora_rank: int = Field(16, ge=1, description="of the adapters")
    lora_alpha: int = Field(32, ge=1, description="their scale times the rank")
    lora_dropout: float = Field(0.05, ge=0, lt=1, description="before the adapters")
    gradient_checkpointing: Literal["auto", "yes", "no"] = Field(
        "auto", description="compute activations twice to save memory; auto: on a GPU"
    )
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="of matrix products; auto: bfloat16 on a GPU, float32 on the CPU"
    )
    noise: float = Field(
        0.3, ge=0, le=2, description="head mode: of a view, relative to the vector's length"
    )
    near_duplicate: float = Field(
        0.7, gt=0, le=1, description="texts this alike (bigrams in common) are no negatives"
    )
    heldout: str = Field(
        "", description="file of artist<TAB>song never trained on; empty: the share below"
    )
    heldout_share: float = Field(0.1, ge=0, lt=1, description="of songs, chosen by a hash")
    dev_pairs: int = Field(3_000, ge=2, description="held-out pairs that are asked about, at most")
    evaluate_every: int = Field(50, ge=1, description="steps between development figures")
    patience: int = Field(5, ge=1, description="evaluations without improvement before it stops")
    checkpoint_every: int = Field(50, ge=1, description="steps that a kill can cost, at most")


class NightlyConfig(Section):
    """Nightly re-clustering: where its runs are, what is the same cluster, what is published."""

    root: str = Field("", description="folder of the nights: runs/, latest, store/")
    match_overlap: float = Field(
        0.2, gt=0, le=1, description="weighted Jaccard from which a cluster is the same as before"
    )
    match_cosine: float = Field(
        0.9, gt=0, le=1, description="of centers, where two clusters share too few lines to say"
    )
    split_share: float = Field(
        0.25, gt=0, le=0.5, description="of a cluster's lines that make another cluster its part"
    )
    merge_share: float = Field(
        0.5, gt=0, le=1, description="of a cluster's lines in another that make it swallowed"
    )
    max_noise: float = Field(
        0.9, ge=0, le=1, description="gate: share of lines in no cluster, at most"
    )
    max_noise_rise: float = Field(
        0.15, ge=0, le=1, description="gate: its rise since the published run, at most"
    )
    min_clusters: int = Field(2, ge=0, le=10**9, description="gate: clusters, at least")
    min_clusters_ratio: float = Field(
        0.5, ge=0, le=1, description="gate: clusters for each of the published run's, at least"
    )
    max_lines_lost: float = Field(
        0.05, ge=0, le=1, description="gate: share of the published run's lines gone, at most"
    )
    min_ids_kept: float = Field(
        0.5,
        ge=0,
        le=1,
        description="gate: share of its clusters that are still there, each counted by its "
        "stability, else its agreement, at least",
    )
    max_retrieval_fall: float = Field(
        0.3, ge=0, le=1, description="gate: relative fall of next-line retrieval's MRR, at most"
    )
    max_dbcv_fall: float = Field(0.3, ge=0, le=2, description="gate: fall of DBCV, at most")
    max_meaning_fall: float = Field(
        0.3,
        ge=0,
        le=1,
        description="gate: relative fall, beyond both intervals, of what clusters tell of the "
        "lexicon's categories, at most",
    )
    max_stability_fall: float = Field(
        0.3,
        ge=0,
        le=1,
        description="gate: relative fall, beyond both intervals, of how clusters recur on other "
        "songs, at most; where quality.stability measures it each night",
    )
    max_agreement_fall: float = Field(
        0.2,
        ge=0,
        le=1,
        description="gate: relative fall of the share of layouts that agree on a line's cluster",
    )
    false_discovery: float = Field(
        0.05, gt=0, lt=1, description="of clusters said to have grown or shrunk beyond chance"
    )
    keep_runs: int = Field(14, ge=2, le=10**9, description="the newest runs that are never pruned")
    keep_days: int = Field(0, ge=0, le=10**9, description="days that older runs stay beyond those")
    metrics: str = Field("", description="file for Prometheus' textfile collector; empty: none")
    notify_command: str = Field(
        "", description="run when a night ends, without a shell; summary as JSON on its input"
    )


class ScaleConfig(Section):
    """Beyond one process: where shards are worked on (docs/scale.md)."""

    executor: Literal["none", "serial", "process", "dask"] = Field(
        "none", description="none: all in this process; serial: in it, but by shards, to try that"
    )
    address: str = Field(
        "", description="a Dask scheduler, as tcp://HOST:PORT; empty: workers on this machine"
    )
    workers: int = Field(
        0, ge=0, le=4096, description="processes on this machine; 0: one a core, or one a GPU"
    )
    fit_lines: int = Field(
        0,
        ge=0,
        description="texts that are laid out at once, beside which the others are placed before "
        "all settle, so many at a time; 0: all",
    )


# What names code, a command, or a file that is written or parsed by other than our own readers. A
# run, a grid or any other file that comes from elsewhere never decides it: only the configuration
# and the command line of whoever runs the program, now. docs/security.md lists every such setting.
OWN_WORD = (
    "embedding.trust_remote_code",
    "embedding.store",
    "input.paths",
    "maps.font",
    "report.certificate",
    "nightly.root",
    "nightly.metrics",
    "nightly.notify_command",
    "scale.executor",
    "scale.address",
)


class Config(Section):
    """The whole configuration of a run."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] | Literal["none"] = Field(
        42, description='of everything random; "none": faster layouts that differ run to run'
    )
    input: InputConfig = InputConfig()
    corpus: CorpusConfig = CorpusConfig()
    embedding: EmbeddingConfig = EmbeddingConfig()
    neighbors: NeighborsConfig = NeighborsConfig()
    layout: LayoutConfig = LayoutConfig()
    clusters: ClustersConfig = ClustersConfig()
    terms: TermsConfig = TermsConfig()
    lexicon: LexiconConfig = LexiconConfig()
    quality: QualityConfig = QualityConfig()
    maps: MapsConfig = MapsConfig()
    report: ReportConfig = ReportConfig()
    train: TrainConfig = TrainConfig()
    nightly: NightlyConfig = NightlyConfig()
    scale: ScaleConfig = ScaleConfig()

    @property
    def random_seed(self) -> int | None:
        """The seed as the stages take it."""
        return None if self.seed == "none" else self.seed
