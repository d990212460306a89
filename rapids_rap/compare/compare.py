"""Two runs side by side on the texts they share: which is better, by which figures, and what moved.

`compare_runs` reads two run folders and measures; `compare_files.write_comparison` writes what it
found. Runs are matched by `text_norm` (see `shared`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rapids_rap.arrays import Int64s
from rapids_rap.backend.extras import require
from rapids_rap.backend.protocol import Backend
from rapids_rap.clustering.procrustes import Similarity, procrustes
from rapids_rap.compare.memory import Memory, discount_memory, find_memory, memory_sentences
from rapids_rap.compare.recurring import decide_by_recurring, recurring_clusters
from rapids_rap.compare.scores import Figures, cluster_sizes, rescore
from rapids_rap.compare.shared import Shared, Side, find_shared
from rapids_rap.compare.trained import record_of, training_sentence
from rapids_rap.compare.verdict import Contrast, Verdict, contrast, judge
from rapids_rap.lineage.overlap import match_flow
from rapids_rap.maps.flow import flow_table
from rapids_rap.runs.run import Run
from rapids_rap.tables.follows import followed
from rapids_rap.tables.stability import again


@dataclass(frozen=True)
class Agreement:
    """How alike two clusterings of the same distinct texts are: 1 the same, 0 as chance has it.

    adjusted_rand: Hubert & Arabie (1985); adjusted_mutual_information: Vinh, Epps & Bailey (2010),
    arithmetic mean. With noise, noise is one more cluster; without it only the `clustered` texts
    count, which both runs put in a cluster, and None stands for fewer than two of them.
    """

    adjusted_rand: float
    adjusted_mutual_information: float
    adjusted_rand_without_noise: float | None
    adjusted_mutual_information_without_noise: float | None
    clustered: int


@dataclass(frozen=True)
class Comparison:
    """Everything that was found; arrays are of the shared texts (see `shared.Shared`).

    figures: of each side by the one scorer. sizes: counts of clusters and noise of each side.
    memory: songs that either model was trained on.
    flow: (K_a + 1, K_b + 1) lines, position 0 is noise. matches: (K_b,) cluster of A, or -1.
    alignment: B's map onto A's. names: what the runs are called.
    """

    shared: Shared
    memory: Memory
    names: tuple[str, str]
    figures: tuple[Figures, Figures]
    sizes: tuple[Mapping[str, Any], Mapping[str, Any]]
    contrasts: tuple[Contrast, ...]
    verdict: Verdict
    agreement: Agreement
    flow: Int64s
    matches: Int64s
    alignment: Similarity
    differences: tuple[tuple[str, str, str], ...]
    same_texts: bool

    @property
    def sides(self) -> tuple[Side, Side]:
        """A and B."""
        return self.shared.sides[0], self.shared.sides[1]


def compare_runs(a: Run, b: Run, backend: Backend, *, sample: int = 0, seed: int = 0) -> Comparison:
    """Measure both runs on the texts they share, or on `sample` of them drawn with `seed`.

    In exact arithmetic where a run samples. Raises `InputError` where the runs share no text, have
    different units or are damaged.
    """
    shared = find_shared([a, b], sample, seed)
    left, right = shared.sides
    memory = find_memory([a, b], backend)
    figures_a, figures_b = rescore(shared, memory, backend, seed)
    rows = contrast_runs(shared, memory, (0, 1), (figures_a, figures_b))
    flow = flow_table(left.labels, right.labels, shared.lines, left.count, right.count)
    return Comparison(
        shared=shared,
        memory=memory,
        names=("A", "B"),
        figures=(figures_a, figures_b),
        sizes=(cluster_sizes(shared, left), cluster_sizes(shared, right)),
        contrasts=tuple(rows),
        verdict=judge(rows, unasked=unasked(shared, (0, 1), ("A", "B"))),
        agreement=measure_agreement(left.labels, right.labels),
        flow=flow,
        matches=match_flow(flow),
        alignment=procrustes(right.xy, left.xy),
        differences=_differences(a.manifest, b.manifest),
        same_texts=_same_texts(shared, left, right),
    )


def contrast_runs(
    shared: Shared, memory: Memory, numbers: tuple[int, int], figures: tuple[Figures, Figures]
) -> list[Contrast]:
    """The figures of two sides: those measured on the shared texts, then those of quality.json.

    numbers: of the sides. The latter figures are of each run's own texts, and compared only where
    these are the same, and so are the songs that were left out.
    """
    a, b = (shared.sides[number] for number in numbers)
    quoted = contrast(a.run.quality, b.run.quality, "own", same_texts=_same_texts(shared, a, b))
    rows = contrast(*figures, "shared") + [
        row
        for row in quoted
        if not figures[0].keys() & {row.key, row.key.split(".")[0]}
        and not (row.a.value is None and row.b.value is None)
    ]
    known = (recurring_clusters(a) is not None, recurring_clusters(b) is not None)
    rows = decide_by_recurring(rows, known)
    return discount_memory(rows, memory, (a.run, b.run), numbers)


def unasked(shared: Shared, numbers: tuple[int, int], names: tuple[str, str]) -> list[str]:
    """Of two sides, the names of those whose stability was not computed."""
    sides = [shared.sides[number] for number in numbers]
    return [
        name for name, side in zip(names, sides, strict=True) if recurring_clusters(side) is None
    ]


def _same_texts(shared: Shared, a: Side, b: Side) -> bool:
    return a.distinct == b.distinct == shared.found


def measure_agreement(a: Int64s, b: Int64s) -> Agreement:
    """Adjusted Rand index and adjusted mutual information of labels (n,), -1 is noise."""
    metrics = require("sklearn.metrics", "Comparing two clusterings")
    both = (a >= 0) & (b >= 0)
    clustered = int(both.sum())

    def score(name: str, first: Int64s, second: Int64s) -> float:
        return float(getattr(metrics, name)(first, second))

    rand, information = "adjusted_rand_score", "adjusted_mutual_info_score"
    enough = clustered >= 2
    return Agreement(
        score(rand, a, b),
        score(information, a, b),
        score(rand, a[both], b[both]) if enough else None,
        score(information, a[both], b[both]) if enough else None,
        clustered,
    )


def figure_table(found: Comparison) -> pd.DataFrame:
    """The figures for an 80-column terminal: both values with intervals, and which is better.

    A star marks the figures that may decide which run is better.
    """
    verdicts = {
        "a": "A",
        "b": "B",
        "equal": "equal",
        "unproven": "no interval",
        "unknown": "–",
        "apart": "other texts",
    }
    counts = (
        ("clusters", "count"),
        ("noise, texts", "noise_share_texts"),
        ("noise, lines", "noise_share_lines"),
        ("largest share", "largest_share_of_clustered"),
    )
    rows = [(name, *(_plain(side[key]) for side in found.sizes), "") for name, key in counts]
    rows += [
        (
            row.key + ("*" if row.decides else ""),
            *(side.text.replace(", ", ",") for side in (row.a, row.b)),
            "other songs" if row.note and row.winner == "apart" else verdicts[row.winner],
        )
        for row in found.contrasts
        if ".spaces." not in row.key  # those are in compare.json and on the page
    ]
    return pd.DataFrame(rows, columns=["figure", "A", "B", "better"])


def sentences(found: Comparison) -> list[str]:
    """What to say under the table: what was compared, how alike the runs are, and the verdict."""
    a, b = found.sides
    shared, n = found.shared, len(found.shared.texts)
    sampled = f", of which {n:,} were drawn" if n < shared.found else ""
    agreement = found.agreement
    without = agreement.adjusted_rand_without_noise
    alike = (
        f"Adjusted Rand index {agreement.adjusted_rand:.3f} with noise, "
        + (f"{without:.3f} without it" if without is not None else "not computed without it")
        + f"; adjusted mutual information {agreement.adjusted_mutual_information:.3f}. "
        f"{int((found.matches >= 0).sum())} of B's {b.count} clusters match one of A's {a.count}."
    )
    return [
        f"A is {a.run.path}, B is {b.run.path}. They share {shared.found:,} distinct texts "
        f"(A has {a.distinct:,}, B {b.distinct:,}){sampled}.",
        alike,
        found.verdict.english,
        *memory_sentences(found.memory, found.names, found.figures[0]),
        *(
            f"{name}: {sentence}"
            for name, figures in zip(found.names, found.figures, strict=True)
            if (sentence := followed(figures)[1])
        ),
        *(
            f"{name}: {sentence}"
            for name, side in zip(found.names, found.sides, strict=True)
            if (sentence := again(side.run.quality, side.run.clusters, side.run.manifest)[1])
        ),
        *(
            training_sentence(name, record)
            for name, side in zip(found.names, found.sides, strict=True)
            if (record := record_of(side.run))
        ),
        "(* may decide which run is better; in brackets 95 % intervals, "
        + (
            "over songs.)"
            if shared.known_songs
            else "over clusters alone, for no songs are known.)"
        ),
    ]


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """Settings that differ, and the model and version where they do; inputs by their content."""
    left, right = _flat(a), _flat(b)
    return tuple(
        (key, left.get(key, "—"), right.get(key, "—"))
        for key in dict.fromkeys([*left, *right])
        if left.get(key) != right.get(key)
    )


def _flat(manifest: Mapping[str, Any]) -> dict[str, str]:
    values: dict[str, Any] = {}
    for name, section in manifest["config"].items():
        parts = section.items() if isinstance(section, Mapping) else [(None, section)]
        values |= {f"{name}.{key}" if key else name: value for key, value in parts}
    values.pop("embedding.store", None)  # where vectors lie changes nothing
    values.pop("input.paths", None)  # the same files may lie elsewhere; their content counts
    values["model fingerprint"] = manifest["model"].get("fingerprint")
    values["inputs (sha256)"] = sorted(
        str(file.get("sha256"))[:12] for file in manifest.get("inputs", [])
    )
    values["rapids-rap"] = manifest.get("versions", {}).get("rapids-rap")
    return {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}


def _plain(value: Any) -> str:
    if value is None:
        return "not computed"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
