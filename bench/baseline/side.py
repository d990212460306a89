"""What the three command lines share: arguments, a clock for stages, and the files they leave."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from rapids_rap.arrays import Float32s, HostArray
from rapids_rap.embedding.folder import locate_model
from rapids_rap.runs.peak_memory import PeakMemory


class Clock:
    """Seconds, processor seconds (of all threads) and peak memory of each stage, in order."""

    def __init__(self) -> None:
        self.stages: list[dict[str, Any]] = []

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time what is inside the `with`."""
        peak, cpu, start = PeakMemory(), time.process_time(), time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        self.stages.append(
            {
                "stage": stage,
                "seconds": seconds,
                "cpu_seconds": time.process_time() - cpu,
                "peak_bytes": peak.bytes(),
            }
        )


def parser(description: str) -> argparse.ArgumentParser:
    """INPUT, --out, --model, --vectors, --threads."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("input", type=Path, metavar="INPUT", help="lyrics: Parquet or text")
    arguments.add_argument("--out", type=Path, required=True, help="folder for what is found")
    arguments.add_argument("--model", default="demo", help="model folder, or `demo`")
    arguments.add_argument(
        "--vectors", type=Path, help="NPY of a vector for each line that is kept; else embed them"
    )
    arguments.add_argument("--threads", type=int, help="of torch; else as many as it takes")
    return arguments


def start(arguments: argparse.Namespace) -> Clock:
    """Make the output folder and set torch's threads, after the imports: some change them."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    return Clock()


def model_folder(name: str) -> Path:
    """The folder of `demo` or of a path."""
    return locate_model(name, download=False)


def load_vectors(path: Path, lines: int) -> Float32s:
    """(lines, d) float32. Raises SystemExit where the file is not that long."""
    vectors: Float32s = np.load(path)
    if vectors.ndim != 2 or len(vectors) != lines or vectors.dtype != np.float32:
        raise SystemExit(
            f"{path}: expected a float32 vector for each of {lines} lines, "
            f"found {vectors.dtype} {vectors.shape}"
        )
    return vectors


def write_findings(
    out: Path,
    clock: Clock,
    arrays: Mapping[str, HostArray],
    tables: Mapping[str, pd.DataFrame],
    facts: Mapping[str, Any],
) -> None:
    """`NAME.npy` of each array, `NAME.csv` of each table, and `stages.json`: facts and stages."""
    for name, array in arrays.items():
        np.save(out / f"{name}.npy", array)
    for name, table in tables.items():
        table.to_csv(out / f"{name}.csv", index=False)
    record = {**facts, "stages": clock.stages}
    text = json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)
    (out / "stages.json").write_text(text + "\n", encoding="utf-8")
