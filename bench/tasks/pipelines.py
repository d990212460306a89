"""Whole pipelines, lyrics to results, each as its user starts it: ours, the poster's, a strong one.

The stages that a side counts itself are in its findings; the runner times the process from outside.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.arrays import Int64s
from rapids_rap.bench.measure import Call, Inputs, SideFindings

MODEL = "demo"
# Neither votes nor permutations of songs, as in the baselines.
PLAIN = ("clusters.layouts=1", "quality.permutations=0")


def ours(inputs: Inputs) -> Call:
    """`rapids-rap run CORPUS --model demo`, doing what the others do, where `auto` finds itself."""
    return run_ours(inputs, "auto", MODEL, *PLAIN)


def ours_votes(inputs: Inputs) -> Call:
    """The same as a user starts it: clusters of several layouts vote, songs are permuted."""
    return run_ours(inputs, "auto", MODEL)


def ours_cpu(inputs: Inputs) -> Call:
    """One layout, on the CPU."""
    return run_ours(inputs, "cpu", MODEL, *PLAIN)


def ours_cpu_votes(inputs: Inputs) -> Call:
    """With votes, on the CPU."""
    return run_ours(inputs, "cpu", MODEL)


def ours_gpu(inputs: Inputs) -> Call:
    """One layout, on the GPU; without a usable one it ends with exit code 3."""
    return run_ours(inputs, "gpu", MODEL, *PLAIN)


def run_ours(inputs: Inputs, backend: str, model: str, *settings: str) -> Call:
    """A run of this model; `settings` as `--set` takes them."""
    from rapids_rap.startup import large_imports

    with large_imports():  # as the command does
        from rich.console import Console

        from rapids_rap import pipeline
        from rapids_rap.machine import device
        from rapids_rap.progress import StageProgress
        from rapids_rap.settings import load_config

    def call() -> SideFindings:
        paths = f"input.paths={json.dumps([str(inputs.corpus)])}"
        config = load_config(None, [paths, f"embedding.model={model}", *settings])
        folder = inputs.own / "run"
        shutil.rmtree(folder, ignore_errors=True)  # else a second round resumes the first
        with StageProgress(Console(quiet=True)) as progress:
            pipeline.run(config, folder, device.resolve(backend), progress, overwrite=True)  # type: ignore[arg-type]
        return read_run(folder)

    return call


def read_run(folder: Path) -> SideFindings:
    """What a run folder holds, a row a line; its manifest's stages and counts."""
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    lines = pd.read_parquet(folder / "lines.parquet", columns=["cluster", "x", "y", "text_id"])
    reduced = next((folder / ".stages").glob("layout*/**/reduced.npy"), None)
    points = np.load(reduced) if reduced else None
    arrays = {
        "labels": lines["cluster"].to_numpy(np.int64),
        "map": lines[["x", "y"]].to_numpy(np.float32),
    }
    if points is not None:
        arrays["clustered_space"] = points[lines["text_id"].to_numpy()]
    return SideFindings(
        counts={
            "lines": manifest["counts"]["kept"],
            "texts": manifest["counts"]["distinct"],
            "tokens": manifest["model"]["tokens"],
        },
        stages=[
            {
                "stage": s["name"],
                "seconds": s["seconds"],
                "peak_bytes": s["peak_memory"],
                "device_bytes": s["device_peak"],
            }
            for s in manifest["stages"]
        ],
        arrays=arrays,
    )


def poster(inputs: Inputs) -> Call:
    """The researchers' pipeline."""
    return run_poster(inputs, MODEL)


def run_poster(inputs: Inputs, model: str) -> Call:
    """The same with this model."""
    from rapids_rap.bench.baseline import poster as baseline

    return _baseline(baseline.main, inputs, model)


def strong(inputs: Inputs) -> Call:
    """What a good engineer would use on a CPU today."""
    from rapids_rap.bench.baseline import strong as baseline

    return _baseline(baseline.main, inputs, MODEL)


def _baseline(main: Callable[[Sequence[str]], None], inputs: Inputs, model: str) -> Call:
    def call() -> SideFindings:
        folder = inputs.own / "run"
        main([str(inputs.corpus), "--out", str(folder), "--model", model])
        record = json.loads((folder / "stages.json").read_text(encoding="utf-8"))
        names = ("labels", "map", "clustered_space")
        arrays = {n: np.load(folder / f"{n}.npy") for n in names if (folder / f"{n}.npy").exists()}
        return SideFindings({"lines": record["lines"]}, record["stages"], arrays)

    return call


def score(inputs: Inputs, found: Mapping[str, Path]) -> dict[str, dict[str, float | None]]:
    """Every side's clusters and map, on the distinct texts and vectors of our run."""
    from rapids_rap.backend import load_backend
    from rapids_rap.bench import scoring

    backend = load_backend("cpu")
    run = found["ours"] / "run"
    lines = pd.read_parquet(run / "lines.parquet", columns=["text_norm", "text_id"])
    _, first = np.unique(lines["text_id"].to_numpy(), return_index=True)
    vectors = np.asarray(np.load(next((run / "vectors").glob("*.npy")), mmap_mode="r"), np.float32)
    of = scoring.judged(lines["text_norm"].iloc[first].tolist(), vectors)
    figures: dict[str, dict[str, float | None]] = {}
    labels: dict[str, Int64s] = {}
    for side, folder in found.items():
        arrays = {p.stem: np.load(p) for p in folder.glob("*.npy")}
        if len(arrays["labels"]) != len(lines):
            raise ValueError(f"{side} kept {len(arrays['labels'])} lines and ours {len(lines)}")
        labels[side] = arrays["labels"][first]
        figures[side] = {
            **scoring.score_labels(of, labels[side], backend),
            **scoring.score_map(of, arrays["map"][first], labels[side], backend),
            **scoring.score_density(
                arrays.get("clustered_space", arrays["map"])[first], labels[side], backend
            ),
        }
    for side, own in labels.items():
        figures[side]["ari_to_ours"] = scoring.agreement(own, labels["ours"])
    return figures
