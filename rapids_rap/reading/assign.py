"""New lyrics placed into the clusters of a finished run, without clustering again.

A new text is put where the run's texts are and asks its nearest among them. Each neighbour votes
for its own cluster, noise included, with what it is nearer than the first neighbour that has no
vote; so noise is an answer. A text that the run knows gets that text's cluster.

The confidence is measured on the run itself: its texts are left out one at a time and assigned by
the others, and a confidence of 0.8 says that of such texts with a vote as clear as this one's, 80 %
were assigned to the cluster that the run had put them in. It says how well the run's clustering is
repeated, not whether a cluster means anything.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from array_api_compat import array_namespace, device

from rapids_rap.arrays import Bools, Float64s, Int64s
from rapids_rap.backend.nearest import drop_self
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.backend.rows import row_blocks
from rapids_rap.clustering.neighbors import count_votes
from rapids_rap.config import Config
from rapids_rap.corpus import Corpus, FileCount
from rapids_rap.corpus.ingest import ingest
from rapids_rap.errors import ConfigError
from rapids_rap.reading.run_space import SAID, run_config, run_space
from rapids_rap.runs.run import Run
from rapids_rap.settings import change_config
from rapids_rap.tables.doubts import ASK, Doubts, find_doubts

NOISE = -1
VOTERS = 15  # neighbours with a vote: measured best of 5 to 50, see docs/assign.md
COMPARISONS = 6e8  # of texts left out with all texts; bounds the time, not the meaning
FEWEST_LEFT_OUT = 500
BINS = 20  # of equally many votes each, on which the confidence is measured
FAR = 0.001  # share of the run's texts that lie as far from their nearest as "too far" says
COLUMNS = (
    "file",
    "file_line",
    "text",
    "text_norm",
    "artist",
    "song",
    "song_id",
    "line_no",
    "stanza",
    "cluster",
    "confidence",
    "theme",
    "known",
    "nearest_text",
    "similarity",
    "agreement",
    "stability_class",
)


@dataclass(frozen=True)
class Assigned:
    """lines: a row a new line (or unit), `COLUMNS`; files: what was read of each; sentences: said.

    cluster: -1 is noise, also where the confidence is below the one asked for, and where no text of
    the run is near; the latter has confidence 0. known: the run has this very text. similarity:
    cosine to `nearest_text`, in the space of the run's neighbours. agreement, stability_class: of
    the cluster, as far as the run knows them; null for noise.
    """

    lines: pd.DataFrame
    files: tuple[FileCount, ...]
    clusters: pd.DataFrame
    sentences: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class NearestNeighbors:
    """What the neighbours of m texts say; arrays (m,) on the host.

    labels: the cluster with most votes. clear: its share of the votes, in (0, 1]. nearest: the
    nearest text's id, similarity: the cosine to it.
    """

    labels: Int64s
    clear: Float64s
    nearest: Int64s
    similarity: Float64s


def assign(run: Run, config: Config, backend: Backend, min_confidence: float = 0.0) -> Assigned:
    """Read `config.input`, embed what the run does not know, and place it into the run's clusters.

    config: the run's own, with the new inputs. The run is not changed. Raises `InputError` for
    inputs that can't be read, a damaged run, and a model that is not the run's.
    """
    corpus = ingest([Path(path) for path in config.input.paths], config.input, config.corpus)
    base = _base(run)
    place = pd.Index(base["text_norm"]).get_indexer(pd.Index(corpus.texts)).astype(np.int64)
    new = np.flatnonzero(place < 0)
    labels = base["cluster"].to_numpy(dtype=np.int64)
    found = _known(place, labels)
    if len(new):
        answers, confidence = _place(run, base, [corpus.texts[i] for i in new], config, backend)
        found.loc[new, "cluster"] = np.where(confidence < min_confidence, NOISE, answers.labels)
        found.loc[new, "confidence"] = confidence
        found.loc[new, "nearest"] = answers.nearest
        found.loc[new, "similarity"] = answers.similarity
    lines = _table(corpus, found, base, run.clusters)
    said = (
        *_sentences(lines, found),
        *_doubts_said(lines, find_doubts(run.clusters, run.manifest)),
    )
    return Assigned(lines, corpus.files, _by_cluster(lines, run), said, corpus.warnings)


def assign_config(run: Run, inputs: Sequence[Path], settings: Sequence[str]) -> Config:
    """The run's configuration with new inputs, all of them, and settings of the command line.

    Those are `input.key=value` and what may be said of the run's model (`run_space.SAID`). Raises
    `ConfigError` for others: the rest is as the run has it.
    """
    reading: list[str] = []
    said: list[str] = []
    for setting in settings:
        key = setting.partition("=")[0].strip()
        if not key.startswith("input.") and key not in SAID:
            raise ConfigError(
                f"--set {setting}: assign takes input.key=value and {' and '.join(SAID)} only; how "
                "lines are cleaned and embedded is the run's own."
            )
        (said if key in SAID else reading).append(setting)
    paths = json.dumps([str(path) for path in inputs], ensure_ascii=False)
    made = run_config(run, said)
    return change_config(made, [f"input.paths={paths}", "input.limit=0", *reading])


def ask_neighbours(
    base: Array, asked: Array, labels: Array, backend: Backend, own: Array | None = None
) -> NearestNeighbors:
    """The answers of the texts `base` (n, d), labelled `labels` (n,), to `asked` (m, d); n > 0.

    own: (m,) int64, the rows of `base` that `asked` are themselves, which then have no say.
    """
    columns = min(VOTERS + 1 + (own is not None), int(base.shape[0]))
    graph = backend.knn(base, columns, queries=asked, metric="cosine")
    near, distances = graph.indices, graph.distances
    if own is not None:
        distances, near = drop_self(distances, near, own)
    chosen, clear = _votes(labels, near, distances)
    to_host = backend.to_host
    return NearestNeighbors(
        to_host(chosen),
        to_host(clear).astype(np.float64),
        to_host(near[:, 0]),
        1.0 - to_host(distances[:, 0]).astype(np.float64),
    )


def measure_confidence(clear: Float64s, agreed: Bools) -> tuple[Float64s, Float64s]:
    """The share of votes `clear` (m,) that `agreed` (m,), as a rising curve: (b,) and (b,).

    In bins of as many votes each, a success and a failure added to each (Laplace's rule), made
    monotone by isotonic regression; a vote between two bins lies on the line between them. Without
    any vote: one half.
    """
    from scipy.optimize import isotonic_regression

    if not len(clear):
        return np.array([1.0]), np.array([0.5])
    inner = np.unique(np.quantile(clear, np.linspace(0, 1, BINS + 1)[1:-1]))
    used, bins = np.unique(np.searchsorted(inner, clear, side="right"), return_inverse=True)
    size = np.bincount(bins, minlength=len(used)).astype(np.float64)
    mean = np.bincount(bins, weights=clear) / size
    share = (np.bincount(bins, weights=agreed) + 1.0) / (size + 2.0)
    return mean, np.asarray(isotonic_regression(share, weights=size).x, dtype=np.float64)


def leave_out(
    space: Array, labels: Int64s, seed: int, backend: Backend
) -> tuple[NearestNeighbors, Int64s]:
    """What the others say of the run's own texts, and those texts' labels; a sample of a large run.

    The labels are empty for a run of one text.
    """
    n = len(labels)
    size = min(n, max(FEWEST_LEFT_OUT, int(COMPARISONS / max(1, n))))
    rows: Int64s = np.sort(np.random.default_rng(seed).choice(n, size, replace=False))
    if n < 2:
        rows = rows[:0]
        nothing = np.zeros(0)
        return NearestNeighbors(rows, nothing, rows, nothing), rows
    own = backend.from_host(rows)
    asked = backend.xp.take(space, own, axis=0)
    return ask_neighbours(space, asked, backend.from_host(labels), backend, own), labels[rows]


def _place(
    run: Run, base: pd.DataFrame, texts: Sequence[str], config: Config, backend: Backend
) -> tuple[NearestNeighbors, Float64s]:
    """The answers for texts that the run does not know, and the confidence of each."""
    space = run_space(run, tuple(base["text_norm"]), texts, config, backend)
    labels = base["cluster"].to_numpy(dtype=np.int64)
    answers = ask_neighbours(space.base, space.asked, backend.from_host(labels), backend)
    seed = 0 if config.seed == "none" else config.seed
    own, truth = leave_out(space.base, labels, seed, backend)
    return judge(answers, own, truth)


def judge(
    answers: NearestNeighbors, own: NearestNeighbors, truth: Int64s
) -> tuple[NearestNeighbors, Float64s]:
    """The answers with noise where no text is near, and their confidence as `own` texts measure it.

    own, truth: the answers for texts of the run that were left out, and those texts' labels.
    """
    floor = float(np.quantile(own.similarity, FAR)) if len(truth) else -1.0
    within = own.similarity >= floor
    confidence = np.zeros(len(answers.labels))
    # A vote for noise and one for a cluster are right to different degrees: measured apart.
    for noise in (False, True):
        like = within & ((own.labels == NOISE) == noise)
        curve = measure_confidence(own.clear[like], own.labels[like] == truth[like])
        these = (answers.labels == NOISE) == noise
        confidence[these] = np.interp(answers.clear[these], *curve)
    far = answers.similarity < floor
    confidence[far] = 0.0
    labels = np.where(far, NOISE, answers.labels)
    return NearestNeighbors(labels, answers.clear, answers.nearest, answers.similarity), confidence


def _votes(labels: Array, near: Array, distances: Array) -> tuple[Array, Array]:
    """(m,) the label with most votes of each row, equal votes to the nearer; (m,) its share."""
    xp, (m, columns) = array_namespace(near), near.shape
    voters = max(1, int(columns) - 1)
    chosen, clear = [], []
    for block in row_blocks(int(m), 12 * voters**2):
        who = near[block, :][:, :voters]
        names = xp.reshape(xp.take(labels, xp.reshape(who, (-1,))), (-1, voters))
        votes = distances[block, :][:, -1:] - distances[block, :][:, :voters] + 1e-6
        best, most = count_votes(names, votes)
        chosen.append(best)
        clear.append(most / xp.sum(votes, axis=1))
    if not chosen:
        where = device(near)
        none = xp.zeros((0,), dtype=labels.dtype, device=where)
        return none, xp.zeros((0,), dtype=distances.dtype, device=where)
    return xp.concat(chosen), xp.concat(clear)


def _base(run: Run) -> pd.DataFrame:
    """The run's distinct texts, row = text_id: text_norm, cluster, theme."""
    first = run.lines.drop_duplicates("text_id").sort_values("text_id")
    rows = range(len(run.vectors))  # raises InputError where they are not those of the texts
    return first[["text_id", "text_norm", "cluster", "theme"]].set_axis(rows)


def _known(place: Int64s, labels: Int64s) -> pd.DataFrame:
    """A row a distinct new text; what the run has is settled, the rest is still open."""
    known = place >= 0
    return pd.DataFrame(
        {
            "known": known,
            "cluster": np.where(known, labels[np.maximum(place, 0)], NOISE),
            "confidence": known.astype(np.float64),
            "nearest": place,
            "similarity": known.astype(np.float64),
        }
    )


def _table(
    corpus: Corpus, found: pd.DataFrame, base: pd.DataFrame, clusters: pd.DataFrame
) -> pd.DataFrame:
    each = found.loc[corpus.lines["text_id"]].reset_index(drop=True)
    themes = base.drop_duplicates("cluster").set_index("cluster")["theme"]
    lines = corpus.lines.assign(
        cluster=each["cluster"],
        confidence=each["confidence"].round(4),
        theme=each["cluster"].map(themes).fillna(NOISE).astype(np.int64),
        known=each["known"],
        nearest_text=base["text_norm"].iloc[each["nearest"]].array,
        similarity=each["similarity"].round(4),
    )
    known = clusters[clusters["cluster"] >= 0].set_index("cluster")
    known = known.reindex(columns=["agreement", "stability_class"])  # older runs lack them
    classes = known["stability_class"].replace("", None)
    lines["agreement"] = lines["cluster"].map(known["agreement"]).astype("float64")
    lines["stability_class"] = lines["cluster"].map(classes).astype("str")
    return lines[list(COLUMNS)]


def _by_cluster(lines: pd.DataFrame, run: Run) -> pd.DataFrame:
    """cluster, lines, share, confidence (mean), in_doubt where known, top_terms; noise first."""
    out = lines.groupby("cluster", sort=True).agg(
        lines=("cluster", "size"), confidence=("confidence", "mean")
    )
    out.insert(1, "share", out["lines"] / len(lines))
    terms = run.clusters.set_index("cluster")["top_terms"]
    doubts = find_doubts(run.clusters, run.manifest)
    if doubts.by:
        out["in_doubt"] = [doubts.mark(own) for own in out.index.tolist()]
    return out.assign(top_terms=terms.reindex(out.index).fillna("")).reset_index()


def _doubts_said(lines: pd.DataFrame, doubts: Doubts) -> list[str]:
    """How many of the lines in clusters are in clusters that may not be there again."""
    own = lines.loc[lines["cluster"] != NOISE, "cluster"]
    if not len(own):
        return []
    if not doubts.by:
        return [f"Whether the clusters would be there again is not known: {ASK} measures it."]
    weak = int(own.isin(list(doubts.marks)).sum())
    share = f"{weak:,} of the {len(own):,} lines in clusters ({weak / len(own):.0%}) are in"
    if doubts.by == "stability":
        return [f"{share} doubtful or unstable clusters."]
    return [
        f"{share} clusters with less than half of the votes; whether clusters recur on other songs "
        f"is not known: {ASK} measures it."
    ]


def _sentences(lines: pd.DataFrame, found: pd.DataFrame) -> tuple[str, ...]:
    noise = int((lines["cluster"] == NOISE).sum())
    clusters = lines.loc[lines["cluster"] != NOISE, "cluster"].nunique()
    known = int(lines["known"].sum())
    far = int((lines["confidence"] == 0).sum())
    plural = "s" * (clusters != 1)
    return (
        f"{len(lines):,} lines, {len(found):,} distinct texts: {known:,} lines known to the run, "
        f"{len(lines) - known:,} new.",
        f"{len(lines) - noise:,} lines in {clusters:,} cluster{plural}, {noise:,} noise"
        + (f" ({far:,} of them far from every text of the run)." if far else "."),
    )
