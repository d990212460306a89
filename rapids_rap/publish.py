"""What was found becomes the run folder: tables, maps, manifest, report, and a last sentence.

This is the writers' side of the house. The explicit copies from device memory to the host happen
here and in `maps`, once for each array.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.arrays import Bools
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.clustering.clusters import Clusters
from rapids_rap.clustering.hierarchy import Hierarchy
from rapids_rap.clustering.layout import Layout
from rapids_rap.clustering.neighbors import NeighborGraph
from rapids_rap.clustering.sample import Sample
from rapids_rap.clustering.sweep import Sweep
from rapids_rap.clustering.votes import Votes
from rapids_rap.config import Config
from rapids_rap.corpus import Corpus
from rapids_rap.corpus.alone import count_table
from rapids_rap.corpus.decisions import Decisions
from rapids_rap.embedding import EmbeddingReport, Vectors
from rapids_rap.embedding.postprocess import COMMON_DIRECTION, Postprocessed
from rapids_rap.lineage.by_hand import ByHand
from rapids_rap.lineage.identity import Names
from rapids_rap.machine.device import DeviceResolution
from rapids_rap.machine.versions import used_versions
from rapids_rap.maps.draw import MapData, Maps, draw_maps
from rapids_rap.maps.heat import draw_artist_themes
from rapids_rap.maps.sizes import draw_sizes
from rapids_rap.maps.tree import draw_tree
from rapids_rap.maps.years import Panels, draw_years
from rapids_rap.quality.assess import Quality
from rapids_rap.quality.emotion_rates import EmotionRates, category_overlap
from rapids_rap.quality.follows import Follows
from rapids_rap.quality.keyness import Keyness
from rapids_rap.quality.stability import Stability
from rapids_rap.quality.who_writes_what import WhoWritesWhat
from rapids_rap.report.page import render_report
from rapids_rap.runs.certificate import Certificate
from rapids_rap.runs.files import digest
from rapids_rap.runs.folder import RunFolder
from rapids_rap.runs.names import SCHEMA_VERSION
from rapids_rap.runs.run import RunVotes, memory_note
from rapids_rap.runs.stages import StageCache
from rapids_rap.tables import run_tables as tables
from rapids_rap.tables.artists import line_regions
from rapids_rap.tables.by_hand import decided, on_maps, with_decisions
from rapids_rap.tables.doubts import find_doubts
from rapids_rap.tables.examples import cluster_examples
from rapids_rap.tables.follows import followed
from rapids_rap.tables.names import Kind, first_names
from rapids_rap.tables.sampled import sampled
from rapids_rap.tables.space import common_direction
from rapids_rap.tables.stability import again, with_ids
from rapids_rap.tables.tree import tree_table, with_paths
from rapids_rap.tables.years import theme_years
from rapids_rap.words.hits import Hits
from rapids_rap.words.lexicon import Lexicon, cluster_emotions
from rapids_rap.words.terms import Terms


@dataclass(frozen=True)
class Findings:
    """Everything the stages found; arrays are the backend's, of n distinct texts.

    used: the vectors after post-processing, which neighbours and clusters saw.
    """

    corpus: Corpus
    weights: Array
    vectors: Vectors
    used: Postprocessed
    graph: NeighborGraph
    sample: Sample | None  # None where all texts were laid out
    layout: Layout
    votes: Votes
    clusters: Clusters
    hierarchy: Hierarchy
    sweep: Sweep
    terms: Terms
    shown: Terms
    theme_shown: Terms
    lexicon: Lexicon
    hits: Hits
    keyness: Keyness
    artists: WhoWritesWhat
    emotions: EmotionRates
    quality: Quality
    follows: Follows
    names: Names
    decisions: Decisions
    by_hand: ByHand
    regions: Mapping[str, str] | None  # by artist; None where the user gave none
    stability: Stability | None = None  # None where it was not asked for


@dataclass(frozen=True)
class Origin:
    """How the run came about."""

    config: Config
    resolution: DeviceResolution
    command: str
    created: datetime
    certificate: Certificate | None


@dataclass(frozen=True)
class Summary:
    """What the command line prints: counts by file and rule, and where to look."""

    counts: pd.DataFrame
    sentences: tuple[str, ...]


def publish(
    folder: RunFolder, found: Findings, origin: Origin, backend: Backend, cache: StageCache
) -> Summary:
    """Write the run folder, its report and its manifest; the manifest comes last.

    Up to here clusters and themes go by their numbers within the run; every file has their ids.
    """
    config = origin.config
    clusters = _on_host(found, backend)
    hits = backend.to_host(found.hits.counts)
    lines = tables.line_table(
        found.corpus.lines,
        clusters,
        backend.to_host(found.layout.xy),
        hits,
        found.lexicon.categories,
        _placed(found, backend),
    )
    if found.regions is not None and lines["artist"].notna().any():
        lines["region"] = line_regions(lines["artist"], found.regions)
    written = _tables(found, lines, clusters, config, backend)
    tree = tree_table(found.hierarchy, found.names.clusters, found.names.themes)
    cache.announce("maps")
    with cache.measured("maps"):
        view = _map_data(found, written, config, backend)
        maps = draw_maps(view, config.maps, backend)
        drawn = {
            "tree.png": draw_tree(found.hierarchy, view, maps.theme_colours, config.maps),
            "sizes.png": draw_sizes(found.sweep, config.maps),
            "years.png": _drawn_years(found, written, maps, config),
            "artist_themes.png": _heat(found, view, config),
        }
    cache.announce("report")
    with cache.measured("report"):
        folder.publish(
            lines=_as_decided(found, lines),
            dropped=found.corpus.dropped,
            tables=_public_tables(written, found, tree),
            vectors=_stored(backend.to_host(found.vectors.matrix), config),
            vectors_info=_vectors_info(found, config),
            reduced=backend.to_host(found.layout.reduced).astype(np.float32, copy=False),
            votes=_votes_on_host(found.votes, backend),
            quality=found.quality.figures,
            maps=maps.pages | {name: png for name, png in drawn.items() if png is not None},
            manifest=_manifest(found, lines, origin, maps, cache, backend),
            tree=tree,
            text_stability=_text_stability(found),
            lexicon_hits=_hit_table(found, lines),
        )
        report = render_report(folder.preview(), config.report)
    folder.finish(report)
    return _summary(folder, found, lines, written, config)


def _on_host(found: Findings, backend: Backend) -> tables.HostClusters:
    clusters = found.clusters
    return tables.HostClusters(
        labels=backend.to_host(clusters.labels),
        labels_raw=backend.to_host(clusters.labels_raw),
        probabilities=backend.to_host(clusters.probabilities),
        agreement=backend.to_host(clusters.agreement),
        persistence=backend.to_host(clusters.persistence),
        themes=backend.to_host(found.hierarchy.themes),
    )


def _placed(found: Findings, backend: Backend) -> Bools:
    """(n,) whether each text began beside its neighbours, and was not in the sample."""
    placed = np.zeros(len(found.corpus.texts), dtype=np.bool_)
    if found.sample is not None:
        placed[backend.to_host(found.sample.others)] = True
    return placed


def _sample(found: Findings) -> dict[str, Any] | None:
    """`sample` of the manifest; None where all texts were laid out."""
    if found.sample is None:
        return None
    fitted, placed = (int(part.shape[0]) for part in (found.sample.rows, found.sample.others))
    return {"fitted": fitted, "placed": placed}


def _votes_on_host(votes: Votes, backend: Backend) -> RunVotes:
    """What the layouts said, as the next night reads it."""
    return RunVotes(
        backend.to_host(votes.labels).T.astype(np.int32),
        backend.to_host(votes.probabilities).T.astype(np.float32),
        backend.to_host(votes.persistence).astype(np.float32, copy=False),
        np.stack([votes.tree_parents, votes.tree_sizes], axis=1),
    )


def _tables(
    found: Findings,
    lines: pd.DataFrame,
    clusters: tables.HostClusters,
    config: Config,
    backend: Backend,
) -> dict[str, pd.DataFrame]:
    """Every CSV file by name; what was not computed is left out."""
    emotions = cluster_emotions(
        found.hits.counts, found.clusters.labels, found.weights, found.lexicon, backend
    )
    recurrence = _recurrence(found)
    cluster_table = tables.cluster_table(
        lines, clusters.persistence, found.shown.table, emotions, clusters.themes, recurrence
    )
    theme_terms = found.theme_shown.table.rename(columns={"cluster": "theme"})
    examples = cluster_examples(
        found.used.matrix,
        found.clusters.labels,
        found.clusters.probabilities,
        found.clusters.centers,
        found.weights,
        config.report.examples,
        backend,
    )
    every = {
        "clusters.csv": cluster_table,
        "cluster_emotions.csv": emotions,
        "cluster_terms.csv": found.terms.table,
        "cluster_keyness.csv": found.keyness.table,
        "cluster_artists.csv": found.artists.cluster_artists,
        "artist_clusters.csv": found.artists.artist_clusters,
        "cluster_regions.csv": found.artists.cluster_regions,
        "artist_themes.csv": found.artists.artist_themes,
        "artist_divergence.csv": found.artists.artist_divergence,
        "cluster_emotion_rates.csv": found.emotions.table,
        "lexicon_overlap.csv": category_overlap(
            found.hits.spans, backend.to_host(found.weights), found.lexicon.categories
        ),
        "cluster_examples.csv": tables.example_table(examples, found.corpus.lines),
        "cluster_traits.csv": found.follows.clusters,
        "cluster_stability.csv": recurrence,
        "cluster_sizes.csv": found.sweep.table if len(found.sweep.table) else None,
        "theme_years.csv": theme_years(lines),
        "themes.csv": tables.theme_table(
            cluster_table, theme_terms, found.names.themes, found.names.theme_labels
        ),
    }
    asked = {name: table for name, table in every.items() if table is not None}
    return {name: table for name, table in asked.items() if len(table.columns)}


def _hit_table(found: Findings, lines: pd.DataFrame) -> pd.DataFrame:
    """lexicon_hits.parquet: a row a hit of a line; places are those in text_norm."""
    every = lines[["line_id", "text_id"]].merge(found.hits.spans, on="text_id")
    return every.drop(columns="text_id").sort_values("line_id", kind="stable", ignore_index=True)


def _public_tables(
    written: dict[str, pd.DataFrame], found: Findings, tree: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """The same tables with ids for numbers, and what people named and decided."""
    names = found.names
    public = {name: names.public(table) for name, table in written.items()}
    public["clusters.csv"] = with_paths(public["clusters.csv"], tree)
    if "artist_clusters.csv" in public:
        public["artist_clusters.csv"] = names.public_columns(written["artist_clusters.csv"])
    if "cluster_stability.csv" in public:
        public["cluster_stability.csv"] = with_ids(written["cluster_stability.csv"], names.clusters)
    people: dict[Kind, Mapping[int, str]] = {
        "cluster": names.cluster_labels,
        "theme": names.theme_labels,
    }
    public["names.csv"] = first_names(
        public["clusters.csv"], public["themes.csv"], people, names.named_by, names.earlier_names
    )
    labels = names.labels_table()
    public |= {"labels.csv": labels} if len(labels) else {}
    if found.decisions.rows:
        public["decisions.csv"] = found.by_hand.table(found.decisions, names.themes)
    return with_decisions(public, _by_hand(found))


def _by_hand(found: Findings) -> dict[str, Any] | None:
    """`by_hand` of the manifest; None where nobody decided anything."""
    if not found.decisions.rows:
        return None
    return found.by_hand.record(found.decisions, found.names.themes)


def _as_decided(found: Findings, lines: pd.DataFrame) -> pd.DataFrame:
    """lines.parquet with ids; what people cut or joined has beside it what was found."""
    public, by_hand = found.names.public(lines), found.by_hand
    if by_hand.found is None or by_hand.parts is None:
        return public
    rows = public["text_id"].to_numpy()
    return public.assign(cluster_found=by_hand.found[rows], cluster_parts=by_hand.parts[rows])


def _recurrence(found: Findings) -> pd.DataFrame | None:
    """A row a cluster, by number; None where nothing was computed."""
    asked = found.stability
    return asked.clusters if asked is not None and len(asked.clusters) else None


def _text_stability(found: Findings) -> pd.DataFrame | None:
    asked = found.stability
    return found.names.public(asked.texts) if asked is not None and len(asked.texts) else None


def _drawn_years(
    found: Findings, written: dict[str, pd.DataFrame], maps: Maps, config: Config
) -> bytes | None:
    """The themes over the years; None where nothing says when."""
    table = written.get("theme_years.csv")
    if table is None:
        return None
    themes = written["themes.csv"]
    ids = np.append(found.names.themes, tables.NOISE)[themes["theme"]].tolist()
    labels = dict(zip(ids, themes["label"], strict=True))
    return draw_years(Panels(found.names.public(table), labels, maps.theme_colours), config.maps)


def _map_data(
    found: Findings, written: dict[str, pd.DataFrame], config: Config, backend: Backend
) -> MapData:
    xp, hits = backend.xp, found.hits.counts
    none = xp.full((hits.shape[0],), -1, dtype=xp.int64)
    category = xp.where(xp.max(hits, axis=1) > 0, xp.argmax(hits, axis=1), none)
    short = tables.top_terms(found.shown.table, "cluster", tables.MAP_TERMS)
    themes, names = written["themes.csv"], found.names
    told, of_themes = (decided(_by_hand(found), kind) for kind in ("cluster", "theme"))
    doubts = find_doubts(written["clusters.csv"], {"config": config.model_dump()})
    return MapData(
        xy=found.layout.xy,
        labels=found.clusters.labels,
        themes=found.hierarchy.themes,
        weights=found.weights,
        category=category,
        category_names=found.lexicon.categories,
        cluster_terms=tuple(
            on_maps(names.cluster_labels.get(own, short.get(c, "").replace("、", "·")), own, told)
            for c, own in enumerate(names.clusters.tolist())
        ),
        theme_labels=tuple(
            on_maps(label, own, of_themes)
            for own, label in zip(
                names.themes.tolist(), themes[themes["theme"] >= 0]["label"], strict=True
            )
        ),
        artist_clusters=_or_none(found.artists.artist_clusters),
        model=config.embedding.model,
        seed=config.seed,
        unit=config.corpus.unit,
        cluster_ids=tuple(names.clusters.tolist()),
        theme_ids=tuple(names.themes.tolist()),
        cluster_colours=names.cluster_colours,
        theme_colours=names.theme_colours,
        marks=tuple(doubts.mark(cluster) for cluster in range(len(names.clusters))),
    )


def _heat(found: Findings, view: MapData, config: Config) -> bytes | None:
    table, order = found.artists.artist_themes, found.artists.artist_clusters
    if not len(table.columns):
        return None
    return draw_artist_themes(table, order["artist"].tolist(), view.theme_labels, config.maps)


def _or_none(table: pd.DataFrame) -> pd.DataFrame | None:
    return table if len(table.columns) else None


def _manifest(
    found: Findings,
    lines: pd.DataFrame,
    origin: Origin,
    maps: Maps,
    cache: StageCache,
    backend: Backend,
) -> dict[str, Any]:
    config, report, parity = origin.config, found.vectors.report, origin.certificate
    trained = found.vectors.trained_on
    identity = {} if found.names.record is None else {"identity": dict(found.names.record)}
    by_hand = _by_hand(found)
    identity |= {} if by_hand is None else {"by_hand": by_hand}
    return {
        "schema_version": SCHEMA_VERSION,
        "created": origin.created.isoformat(timespec="seconds"),
        "command": origin.command,
        "backend": {
            "name": origin.resolution.backend,
            "reason": origin.resolution.reason,
            "gpu": origin.resolution.gpu,
            "used": asdict(backend.usage()),
        },
        "parity": parity and {"verdict": parity.verdict, **parity.model_dump(mode="json")},
        "versions": used_versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "inputs": [asdict(file) for file in found.corpus.files],
        "counts": _counts(found, lines),
        "config": config.model_dump(mode="json"),
        "seed": config.seed,
        "model": {
            "name": report.model,
            "dim": found.vectors.dim,
            **asdict(report),
            "trained_on": None if trained is None else len(trained),
        },
        "space": _space(found.used),
        "neighbors": {
            "k": found.graph.k,
            "engine": found.graph.engine,
            "recall": found.graph.recall,
        },
        "sample": _sample(found),
        "clusters": {
            "min_cluster_size": found.sweep.used,
            "plateau": found.sweep.plateau,
            "layers": list(found.sweep.layers),
            "why": found.sweep.why,
        },
        "terms": {"stop_words": found.terms.stop_words.to_dict("records")},
        "stages": [asdict(record) for record in cache.records],
        "warnings": [*found.corpus.warnings, *_cut(found.vectors.report, config)],
        "colours": {"clusters": maps.cluster_colours, "themes": maps.theme_colours},
        **identity,
    }


def _space(used: Postprocessed) -> dict[str, Any]:
    """What was done to the vectors, and what that rests on."""
    return {
        "postprocess": used.transform.mode,
        "mean_cosine": used.mean_cosine,
        "threshold": COMMON_DIRECTION,
    }


def _counts(found: Findings, lines: pd.DataFrame) -> dict[str, Any]:
    files = found.corpus.files
    dropped: Counter[str] = Counter()
    for file in files:
        dropped.update(file.dropped)
    return {
        "read": sum(f.read for f in files),
        "kept": sum(f.kept for f in files),
        "dropped": dict(dropped),
        "units": len(lines),
        "distinct": len(found.corpus.texts),
        "clusters": int(found.clusters.persistence.shape[0]),
        "themes": len(found.names.themes),
        "noise_lines": _noise_lines(lines),
        "artists": int(lines["artist"].nunique()) or None,
        "songs": int(lines["song_id"].nunique()) or None,
    }


def _cut(report: EmbeddingReport, config: Config) -> tuple[str, ...]:
    """What to say where texts were longer than the model was to read."""
    if not report.truncated:
        return ()
    return (
        f"{report.truncated:,} of {report.texts:,} distinct {config.corpus.unit}s are longer than "
        f"{report.max_tokens} tokens and were cut: only their beginning is in their vectors. Raise "
        "embedding.max_tokens where the model reads more, or choose a smaller corpus.unit.",
    )


def _noise_lines(lines: pd.DataFrame) -> int:
    noise = lines[lines["cluster"] == tables.NOISE]
    return int(noise["lines"].sum()) if "lines" in noise.columns else len(noise)


def _stored(matrix: np.ndarray, config: Config) -> np.ndarray:
    return matrix.astype(config.embedding.store_dtype, copy=False)


def _vectors_info(found: Findings, config: Config) -> dict[str, Any]:
    return {
        "fingerprint": found.vectors.fingerprint,
        "space": found.vectors.report.space,
        "texts": digest("\n".join(found.corpus.texts)),
        "rows": len(found.corpus.texts),
        "dim": found.vectors.dim,
        "dtype": config.embedding.store_dtype,
        "row": "text_id of lines.parquet; vectors have length 1, before any post-processing",
    }


def _summary(
    folder: RunFolder,
    found: Findings,
    lines: pd.DataFrame,
    written: dict[str, pd.DataFrame],
    config: Config,
) -> Summary:
    counts, names = _counts(found, lines), found.names
    memory = memory_note(found.quality.figures)
    noise = counts["noise_lines"] / counts["kept"]
    unit = config.corpus.unit
    table = written["clusters.csv"]
    largest = table.query("cluster >= 0").head(3)
    doubts = find_doubts(table, {"config": config.model_dump()})
    return Summary(
        count_table(found.corpus.files),
        (
            f"{counts['kept']:,} lines, {counts['distinct']:,} distinct {unit}s: "
            f"{counts['clusters']} clusters in {counts['themes']} themes, {noise:.0%} noise.",
            *(
                f"  cluster {names.clusters[cluster]}: {terms or 'no term stands out'}"
                + (f" ({doubts.mark(cluster)})" if doubts.mark(cluster) else "")
                for cluster, terms in zip(largest["cluster"], largest["top_terms"], strict=True)
            ),
            *filter(None, followed(found.quality.figures)[1:]),
            *filter(None, again(found.quality.figures, table, {"config": config.model_dump()})[1:]),
            found.sweep.why,
            *filter(None, sampled({"sample": _sample(found)})[1:]),
            *filter(None, common_direction({"space": _space(found.used)})[1:]),
            *_cut(found.vectors.report, config),
            *([memory] if memory else []),
            f"Map:    {folder.path / 'maps' / 'clusters.png'}",
            f"Report: {folder.path / 'report.html'}",
        ),
    )
