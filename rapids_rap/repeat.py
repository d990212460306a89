"""The clusters of a finished run, made again: on other songs, with other seeds, by chance alone.

What is found goes into the run: into its tables, its figures and its report, all of them or none.
A command that is stopped goes on with the clusterings that it had finished.
"""

from __future__ import annotations

import io
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.arrays import Int64s
from rapids_rap.backend import load_backend
from rapids_rap.backend.protocol import Array, Backend, check_engine
from rapids_rap.clustering import consensus, layout, neighbors, votes
from rapids_rap.clustering.neighbors import backend_engine, neighbor_graph
from rapids_rap.config import Config, MapsConfig
from rapids_rap.embedding.space import used_space
from rapids_rap.errors import InputError
from rapids_rap.machine.device import DeviceResolution
from rapids_rap.machine.versions import shaping_versions
from rapids_rap.progress import StageProgress
from rapids_rap.quality import stability
from rapids_rap.quality.nulls import NULLS
from rapids_rap.quality.recurrence import HELD_OUT
from rapids_rap.quality.stability import Keep, Stability
from rapids_rap.reading.run_maps import redraw_maps
from rapids_rap.reading.run_space import run_config, stored_vectors
from rapids_rap.report.html import records
from rapids_rap.report.page import render_report
from rapids_rap.runs.changing import whole_run
from rapids_rap.runs.files import json_bytes
from rapids_rap.runs.folder import csv_bytes
from rapids_rap.runs.names import KEPT_CLUSTERINGS, TEXT_STABILITY
from rapids_rap.runs.replacing import replace_files
from rapids_rap.runs.run import Run, open_run
from rapids_rap.runs.stages import COMMIT, load_result, save_result, stage_key
from rapids_rap.tables.stability import again, happens, with_ids, with_stability
from rapids_rap.words.lexicon import load_lexicon
from rapids_rap.words.segment import load_words, segment

log = logging.getLogger(__name__)

MARKED = ("clusters", "themes", "density", "artists")  # maps that say which clusters are in doubt
PLAIN_MAPS = MapsConfig()


@dataclass(frozen=True)
class Repeated:
    """What is printed: a row a cluster, and sentences."""

    table: pd.DataFrame
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class _Clusters:
    """The clusters of a run's n distinct texts. labels: (n,) by number; ids: of each number."""

    labels: Int64s
    ids: Int64s
    texts: list[str]


def measure_stability(
    path: Path,
    subsamples: int,
    other: Path | None,
    resolution: DeviceResolution,
    progress: StageProgress,
    command: str = "",
    maps: MapsConfig = PLAIN_MAPS,
) -> Repeated:
    """How much of the run at `path` would be there again, written into it.

    other: a run of another model over the same lyrics. maps: the font, for one that only a run
    names is not parsed. Raises `InputError` where either is no whole
    run or they share no text, `LockHeldError` where the run is being written.
    """
    open_run(path)
    second = None if other is None else open_run(other)
    with whole_run(path) as run:
        backend = load_backend(resolution.backend)
        found, ids = _repeat(run, subsamples, second, backend, progress)
        progress.stage("report")
        record = {
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": command,
            "backend": backend.name,
            "versions": shaping_versions(),
        }
        font = {"font": maps.font}
        said = _write(run, found, ids, record, font, backend)
        shutil.rmtree(path / KEPT_CLUSTERINGS, ignore_errors=True)
    return said


def _repeat(
    run: Run, subsamples: int, second: Run | None, backend: Backend, progress: StageProgress
) -> tuple[Stability, Int64s]:
    """What came again, and the ids of the clusters by their number."""
    config = run_config(run)
    near = config.neighbors
    if near.engine == "cells":  # which needs workers
        near = near.model_copy(update={"engine": "auto"})
    check_engine(backend.name, backend_engine(near))
    own = _clusters(run)
    if run.manifest.get("sample"):
        return stability.nothing(stability.NOT_OF_A_SAMPLE), own.ids
    model = None if second is None else _same_texts(own.texts, _clusters(second), second)
    progress.stage("neighbors")
    vectors = _used_vectors(run, own.texts, config, backend)
    seed = config.random_seed
    graph = neighbor_graph(vectors, near, backend, seed)
    subject = stability.prepare(
        vectors,
        graph,
        run.lines,
        own.texts,
        config.layout,
        config.clusters.voting,
        backend,
        seed,
    )
    why = stability.why_not(own.labels, subject)
    if why:
        return stability.nothing(why), own.ids
    progress.stage("stability")
    total = stability.number_of_clusterings(subsamples)
    keep = _keeper(run, config, backend, lambda done: progress.advance(done, total))
    others = stability.cluster_again(subject, subsamples, near, model, backend, keep)
    return stability.describe(own.labels, others, subject.units), own.ids


def _clusters(run: Run) -> _Clusters:
    """As the votes found them: before noise was reassigned."""
    lines = run.lines
    name = "cluster_raw" if "cluster_raw" in lines.columns else "cluster"
    first = lines.drop_duplicates("text_id").sort_values("text_id")
    raw = first[name].to_numpy(np.int64)
    ids = np.unique(raw[raw >= 0])
    labels = np.where(raw >= 0, np.searchsorted(ids, raw), -1).astype(np.int64)
    return _Clusters(labels, ids, first["text_norm"].tolist())


def _same_texts(texts: Sequence[str], other: _Clusters, run: Run) -> Int64s:
    """(n,) the other run's cluster of each text, -2 where it has no such text."""
    known = dict(zip(other.texts, other.labels.tolist(), strict=True))
    found = np.array([known.get(text, HELD_OUT) for text in texts], dtype=np.int64)
    if (found == HELD_OUT).all():
        raise InputError(f"{run.path}: has no text in common with the run.")
    return found


def _used_vectors(run: Run, texts: Sequence[str], config: Config, backend: Backend) -> Array:
    """(n, k) float32: the space of the run's neighbours, made from its vectors as the run did."""
    space, tokens = config.embedding.space, None
    if space.lexical != "none":
        lexicon = load_lexicon(config.lexicon.path or None, config.corpus.script)
        own = load_words(config.terms.user_words) if config.terms.user_words else ()
        tokens = segment(texts, (*lexicon.all_words, *own))
    stored = stored_vectors(run, backend)
    return used_space(stored, texts, tokens, space, backend, config.random_seed).matrix


def _keeper(run: Run, config: Config, backend: Backend, advance: Callable[[int], None]) -> Keep:
    """Keeps each clustering in the run until the command has ended."""
    content = [run.manifest["files"][name] for name in ("lines.parquet", "vectors/vectors.npy")]
    modules = (stability, votes, consensus, layout, neighbors)
    made_by = [getattr(module, "VERSION", 0) for module in modules]
    settings = config.model_dump(mode="json", exclude={"input", "report", "maps"})
    done = 0

    def keep(name: str, make: Callable[[], Int64s]) -> Int64s:
        nonlocal done
        key = stage_key(name, stability.VERSION, made_by, shaping_versions(), settings, content)
        folder = run.path / KEPT_CLUSTERINGS / f"{name}-{backend.name}-{key}"
        labels = _kept(folder, len(run.vectors), backend)
        if labels is None:
            labels = make()
            shutil.rmtree(folder, ignore_errors=True)
            save_result(labels, folder, backend)
        done += 1
        advance(done)
        return labels

    return keep


def _kept(folder: Path, n: int, backend: Backend) -> Int64s | None:
    if not (folder / COMMIT).exists():
        return None
    try:
        labels = load_result(np.ndarray, folder, backend)
        if labels.shape == (n,) and labels.dtype == np.int64 and labels.min() >= HELD_OUT:
            return labels if labels.max() < n else None
    except Exception as error:  # each library's reader raises errors of its own
        log.warning("%s: is damaged (%s); made again", folder, error)
    return None


def _write(
    run: Run,
    found: Stability,
    ids: Int64s,
    record: dict[str, Any],
    font: dict[str, str],
    backend: Backend,
) -> Repeated:
    """Tables, figures, maps and report into the run; what is printed."""
    config = run_config(run)
    table = _as_written(with_ids(found.clusters, ids))
    clusters = with_stability(_whole_numbers(run.clusters), table if len(table) else None)
    quality = {**run.quality, "stability": found.figure}
    files = {"clusters.csv": csv_bytes(clusters), "quality.json": json_bytes(quality)}
    if len(table):
        files["cluster_stability.csv"] = csv_bytes(table)
        names = np.append(ids, -1)
        texts = found.texts.assign(cluster=names[found.texts["cluster"].to_numpy()])
        files[TEXT_STABILITY] = _parquet(texts)
    revised = run.revised(
        clusters=clusters, quality=quality, cluster_stability=table if len(table) else None
    )
    drawn = redraw_maps(revised, config, config.maps.model_copy(update=font), backend, MARKED)
    files |= {f"maps/{name}": png for name, png in drawn.pages.items()}
    revised = revised.revised(maps={**run.maps, **drawn.pages})
    page = render_report(revised, config.report)
    files["report.html"] = page.encode(errors="replace")
    replace_files(run.path, files, {"stability": record})
    return Repeated(_printed(table, clusters), _sentences(found, quality, clusters, run))


def _as_written(table: pd.DataFrame) -> pd.DataFrame:
    """The table as a reader of its CSV file finds it, so that the page has just those numbers."""
    return pd.read_csv(
        io.BytesIO(csv_bytes(table)),
        keep_default_na=False,
        na_values=[""],
        dtype={"stability_class": "str"},
    )


def _whole_numbers(clusters: pd.DataFrame) -> pd.DataFrame:
    """clusters.csv as it was read, with counts beside empty cells whole again."""
    counts = {name: "Int64" for name in ("songs", "artists") if name in clusters}
    return clusters.astype(counts)


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _printed(table: pd.DataFrame, clusters: pd.DataFrame) -> pd.DataFrame:
    """The table of the terminal: a row a cluster, the largest first."""
    known = clusters.set_index("cluster")
    terms = table["cluster"].map(known["top_terms"]).fillna("").str.split("、").str[:2]
    shown = pd.DataFrame({"cluster": table["cluster"], "terms": terms.str.join("、")})
    limits = zip(table["stability_low"], table["stability_high"], strict=True)
    shown["recurs"] = table["stability"].map("{:.2f}".format)
    shown["95 %"] = ["" if np.isnan(low) else f"{low:.2f}-{high:.2f}" for low, high in limits]
    shown["class"] = table["stability_class"]
    heads = {"seeds": "seeds", "setting_down": "fewer", "setting_up": "more", "model": "model"}
    for name, head in heads.items():
        if table[name].notna().any():
            shown[head] = table[name].map("{:.2f}".format)
    shown["on other songs"] = [happens(row) for row in records(table)]
    return shown


def _sentences(
    found: Stability, quality: dict[str, Any], clusters: pd.DataFrame, run: Run
) -> tuple[str, ...]:
    figure = found.figure
    if figure["value"] is None:
        return (f"Stability was {figure['note']}.", f"Wrote {run.path / 'quality.json'}.")
    classes = ", ".join(f"{count} {name}" for name, count in reversed(figure["classes"].items()))
    return (
        again(quality, clusters, run.manifest)[1],
        f"Classes: {classes}. Drawn: {figure['interval_over']}, {figure['layouts_each']} layout "
        f"each; {figure['texts_that_change']:.0%} of the texts change their cluster, or to or from "
        "none.",
        "All songs again: seeds: with other seeds; fewer, more: with a third less and half as many "
        "more neighbours in the layouts.",
        *(
            f"Null ({NULLS[kind]}): {one['clusters']} clusters, mean recurrence "
            f"{one['recurrence']:.2f}, {one['recurring_clusters']} recur."
            for kind, one in (figure["nulls"] or {}).items()
        ),
        f"Wrote {run.path / 'cluster_stability.csv'}, and stability into clusters.csv, "
        "quality.json, the maps and report.html.",
    )
