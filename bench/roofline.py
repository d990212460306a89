"""The table of the roofline, and a GPU run's stages against it.

What is counted, and the cards: `rapids_rap.machine.roofline`. Nothing of it is measured.

    python -m rapids_rap.bench.roofline --lines 600000
    python -m rapids_rap.bench.roofline --run RUN      # a GPU run's stages against their floors
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapids_rap.errors import CapabilityError, InputError, RapError
from rapids_rap.machine.memory_plan import QWEN2_1_5B, ModelSize
from rapids_rap.machine.roofline import GPUS, Gpu, Workload, find_gpu, floors, typical_job


def render(job: Workload, gpus: Sequence[Gpu] = GPUS) -> str:
    """A Markdown table: seconds by stage and GPU, marked as computed."""
    rows = floors(job)
    m = job.model
    lines = [
        f"Computed, not measured: the least seconds for {job.lines:,} distinct lines, "
        f"{job.tokens:,} tokens, {m.name} ({m.parameters / 1e9:.2f} billion parameters, "
        f"{m.hidden} dimensions).",
        "",
        "| stage | TFLOP | GB | " + " | ".join(g.name for g in gpus) + " | counted |",
        "|---|" + "---|" * (len(gpus) + 3),
    ]
    for row in rows:
        cells = [f"{row.seconds(g):.3g}" for g in gpus]
        lines.append(
            f"| {row.stage} | {row.flops / 1e12:.4g} | {row.bytes / 1e9:.4g} | "
            + " | ".join(cells)
            + f" | {row.because} |"
        )
    total = [f"**{sum(row.seconds(g) for row in rows):.3g}**" for g in gpus]
    lines.append("| **all** | | | " + " | ".join(total) + " | |")
    return "\n".join(lines) + "\n"


# The stages of a manifest, and the floors that each of them can't go below.
STAGES: Mapping[str, tuple[str, ...]] = {
    "embedding": ("encoder", "beginnings", "pooling"),
    "neighbors": ("neighbors, exact",),
    "layout": ("layout, map", "layout, reduced"),
    "clusters": ("clusters",),
    "quality": ("silhouette, cosine", "silhouette, map"),
    "terms and lexicon": ("terms and lexicon",),
    "maps": ("maps",),
}
WORDS = ("segment", "terms", "theme_terms", "lexicon")  # of a manifest, one stage here


@dataclass(frozen=True)
class Share:
    """A stage of a run: measured and least seconds."""

    stage: str
    seconds: float
    floor: float

    @property
    def reached(self) -> float:
        """Of what the card could do; 1 is perfect."""
        return self.floor / self.seconds if self.seconds else 0.0


def shares(manifest: Mapping[str, Any], model: ModelSize) -> list[Share]:
    """What each stage of a run on a GPU reached of its floor; cached stages are left out.

    Raises `InputError` for a run that was not on a GPU.
    """
    device = manifest["backend"]["used"]["device"]
    if manifest["backend"]["name"] != "gpu":
        raise InputError(
            f"The run was made on {device}: there is a roofline for GPUs only. Run with --backend "
            "gpu, and name that run's folder."
        )
    gpu, counts = find_gpu(device), manifest["counts"]
    lines, tokens = counts["distinct"], manifest["model"]["tokens"]
    clustered = round(lines * (1 - manifest.get("noise_share", 0.0)))
    embedded = manifest["model"].get("embedded_tokens") or 0  # older runs computed every token
    computed = manifest["model"].get("computed_tokens", embedded)
    # The squares of the lengths as if Poisson: a manifest has their sum only.
    job = Workload(
        lines,
        tokens,
        round(tokens**2 / lines + tokens),
        model,
        k=manifest["neighbors"]["k"],
        clusters=counts["clusters"],
        clustered=clustered,
        shared=1 - computed / embedded if embedded else 0.0,
    )
    least = {floor.stage: floor.seconds(gpu) for floor in floors(job)}
    measured: dict[str, float] = {}
    for stage in manifest["stages"]:
        if not stage["cached"]:
            name = "terms and lexicon" if stage["name"] in WORDS else stage["name"]
            measured[name] = measured.get(name, 0.0) + stage["seconds"]
    return [
        Share(stage, measured[stage], sum(least.get(name, 0.0) for name in names))
        for stage, names in STAGES.items()
        if stage in measured
    ]


def render_shares(found: Sequence[Share], device: str) -> str:
    """A Markdown table of a run's stages against their floors."""
    rows = [f"| {s.stage} | {s.seconds:.3g} | {s.floor:.3g} | {s.reached:.1%} |" for s in found]
    head = ["| stage | seconds | least | reached |", "|---|---|---|---|"]
    return "\n".join([f"Measured on {device}; the least is computed.", "", *head, *rows]) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, or what a run reached."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--lines", type=int, default=600_000, help="distinct lines")
    parser.add_argument("--tokens-each", type=float, default=8.0, help="tokens a line")
    parser.add_argument("--run", type=Path, help="a run folder, made on a GPU")
    options = parser.parse_args(arguments)
    if not options.run:
        print(render(typical_job(options.lines, tokens_each=options.tokens_each)))
        return
    try:
        manifest, model = _read_run(options.run)
        print(render_shares(shares(manifest, model), manifest["backend"]["used"]["device"]))
    except RapError as error:
        parser.exit(error.exit_code, f"{error}\n")


def _read_run(folder: Path) -> tuple[dict[str, Any], ModelSize]:
    """The manifest with its share of noise, and the model's size from its folder."""
    from rapids_rap.config import EmbeddingConfig
    from rapids_rap.machine.memory_plan import find_model_size

    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: no manifest of a run ({error}).") from None
    counts = manifest["counts"]
    manifest["noise_share"] = counts["noise_lines"] / max(1, counts["kept"])
    config = EmbeddingConfig(model=manifest["model"]["name"])
    try:
        return manifest, find_model_size(config, manifest["model"]["dtype"], download=False)
    except CapabilityError:
        return manifest, QWEN2_1_5B


if __name__ == "__main__":
    main()
