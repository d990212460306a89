"""What a comparison leaves on disk: compare.json, compare.html and the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from rapids_rap.arrays import Int64s
from rapids_rap.backend.protocol import Backend
from rapids_rap.compare.compare import Comparison
from rapids_rap.compare.maps import MapSide, draw_flows, draw_pair, matched_colours
from rapids_rap.compare.page import render_comparison
from rapids_rap.compare.shared import Side
from rapids_rap.compare.verdict import Contrast
from rapids_rap.config import MapsConfig
from rapids_rap.errors import InputError
from rapids_rap.lineage.overlap import match_flow
from rapids_rap.maps.flow import ClusterNames, FlowChart, flow_chart
from rapids_rap.maps.marks import Mark, footnote
from rapids_rap.maps.palette import Colour, theme_colours
from rapids_rap.runs.files import explain_os_errors, sweep_partials, write_bytes, write_json
from rapids_rap.runs.outputs import check_output_folder

SCHEMA_VERSION = 1
MARKER = "compare.json"
BEGUN = ".compare"  # what lies beside it is of a comparison that is at work, or was killed
OWN_FILES = (MARKER, "compare.html", "maps.png", "flow_themes.png", "flow.png")
PLAIN_MAPS = MapsConfig()
TERMS = 3  # that name a cluster in the pictures


def write_comparison(
    found: Comparison, out: Path, backend: Backend, maps: MapsConfig = PLAIN_MAPS
) -> list[Path]:
    """Write compare.json, the pictures and compare.html into `out`; returns their paths.

    maps: the font. A font that only a run names is not parsed: who compares may give one.

    Each appears whole or not at all; compare.json, which vouches for the others, comes last.
    Raises `InputError` where `out` holds something else.
    """
    pictures = draw_pictures(found, backend, maps)
    page = render_comparison(found, pictures)
    _prepare(out)
    for name, png in pictures.items():
        write_bytes(out / name, png)
    write_bytes(out / "compare.html", page.encode("utf-8", "replace"))
    write_json(out / MARKER, as_json(found))
    (out / BEGUN).unlink(missing_ok=True)
    return [out / name for name in (MARKER, "compare.html", *pictures)]


def draw_pictures(
    found: Comparison, backend: Backend, config: MapsConfig = PLAIN_MAPS
) -> dict[str, bytes]:
    """PNG bytes of `maps.png`, `flow_themes.png` and `flow.png`."""
    a, b = found.sides
    terms = (_terms(a), _terms(b))
    one = _map_side(found, 0, a.xy, terms[0])
    other = _map_side(found, 1, found.alignment.apply(b.xy), terms[1])
    colours = matched_colours(one, other, a.themes[1], found.matches, found.flow[1:, 1:])
    facts = (
        f"{int(found.shared.lines.sum()):,} 行 lines · "
        f"{len(found.shared.texts):,} 个共有文本 shared texts · "
        f"ARI {found.agreement.adjusted_rand:.3f} · "
        f"AMI {found.agreement.adjusted_mutual_information:.3f}"
    )
    fit = found.alignment.fit
    fitting = "" if fit is None else f" · 地图吻合度 map fit {fit:.2f}"
    chart = flow_chart(
        found.flow,
        _names(a.ids, terms[0], colours[0], a.marks),
        _names(b.ids, terms[1], colours[1], b.marks),
    )
    columns = (one.title, other.title)
    return {
        "maps.png": draw_pair(
            (one, other),
            colours,
            ("两次运行的地图", "Two runs in one frame"),
            facts + fitting,
            config,
            backend,
        ),
        "flow_themes.png": draw_flows(
            _theme_chart(found),
            ("主题流向图", "Where the lines of A's themes go in B"),
            facts,
            "条带宽度为行数，颜色随 A 的主题 · Width is lines, colour is A's theme",
            columns,
            config,
        ),
        "flow.png": draw_flows(
            chart,
            ("聚类流向图", "Where the lines of A's clusters go in B"),
            facts,
            "条带宽度为行数，颜色随 A 的聚类 · Width is lines, colour is A's cluster"
            + footnote([*a.marks, *b.marks]),
            columns,
            config,
        ),
    }


def _theme_chart(found: Comparison) -> FlowChart:
    """The flow between themes, the coarse level that a reader can take in; colours are matched."""
    ids = [side.themes[0] for side in found.sides]
    names = [_theme_names(side) for side in found.sides]
    # Position 0 stays noise; position k + 1 becomes that of cluster k's theme.
    rows, columns = (np.concatenate([[0], side.themes[1] + 1]) for side in found.sides)
    table = np.zeros((len(names[0]) + 1, len(names[1]) + 1), dtype=np.int64)
    np.add.at(table, (rows[:, None], columns[None, :]), found.flow)
    matches = match_flow(table)
    own = np.cumsum(matches < 0) - 1 + len(names[0])  # colours that no theme of A has
    colours = theme_colours(len(names[0]) + len(names[1]))
    right = colours[np.where(matches >= 0, matches, own)] if len(matches) else colours[:0]
    return flow_chart(
        table, _names(ids[0], names[0], colours[: len(names[0])]), _names(ids[1], names[1], right)
    )


def as_json(found: Comparison) -> dict[str, Any]:
    """compare.json: every figure of both runs, agreement, flow and verdict."""
    shared, agreement = found.shared, found.agreement
    rows, columns = np.nonzero(found.flow)
    # Position 0 of the flow is noise, whose id is -1.
    a, b = (np.concatenate([[-1], side.ids]) for side in found.sides)
    return {
        "schema_version": SCHEMA_VERSION,
        "a": _side_json(found, 0),
        "b": _side_json(found, 1),
        "shared": {
            "matched_by": "text_norm",
            "distinct_texts": shared.found,
            "compared": len(shared.texts),
            "sampled": len(shared.texts) < shared.found,
            "lines": int(shared.lines.sum()),
            "same_texts": found.same_texts,
            "songs": found.memory.songs or None,
            "songs_left_out": len(found.memory.left_out),
        },
        "adjusted_rand": agreement.adjusted_rand,
        "adjusted_mutual_information": agreement.adjusted_mutual_information,
        "without_noise": {
            "adjusted_rand": agreement.adjusted_rand_without_noise,
            "adjusted_mutual_information": agreement.adjusted_mutual_information_without_noise,
            "texts": agreement.clustered,
        },
        "figures": [_contrast_json(row) for row in found.contrasts],
        "verdict": {
            "better": found.verdict.better,
            "mixed": found.verdict.mixed,
            "sentence": found.verdict.english,
            "sentence_zh": found.verdict.chinese,
        },
        "matches": [
            {"b": int(b[k + 1]), "a": int(a[m + 1])} for k, m in enumerate(found.matches) if m >= 0
        ],
        "flow": [
            {"a": int(a[i]), "b": int(b[j]), "lines": int(found.flow[i, j])}
            for i, j in zip(rows, columns, strict=True)
        ],
        "map_alignment": {
            "scale": found.alignment.scale,
            "rotation": found.alignment.rotation.tolist(),
            "shift": found.alignment.shift.tolist(),
            "fit": found.alignment.fit,
        },
        "differences": [{"key": k, "a": a, "b": b} for k, a, b in found.differences],
    }


def _side_json(found: Comparison, number: int) -> dict[str, Any]:
    side = found.sides[number]
    manifest, seen = side.run.manifest, found.memory.seen[number]
    return {
        "run": side.run.path.resolve().name,
        "created": manifest.get("created"),
        "distinct_texts": side.distinct,
        "songs_trained_on": None if seen is None else len(seen),
        "trained_on_unknown": found.memory.unknown[number] or None,
        "model": manifest["model"],
        "config": manifest["config"],
        "clusters": dict(found.sizes[number]),
        "figures": found.figures[number],
        "quality": dict(side.run.quality),
    }


def _contrast_json(row: Contrast) -> dict[str, Any]:
    sides = {
        name: {"value": one.value, "baseline": one.baseline, "interval": one.interval}
        for name, one in (("a", row.a), ("b", row.b))
    }
    return {**asdict(row), **sides, "ahead": row.higher}


def check_folder(out: Path, runs: Sequence[Path] = ()) -> None:
    """Raise `InputError` where `out` is not a folder that a comparison may be written into.

    runs: the folders that are compared.
    """
    check_output_folder(out, runs)
    with explain_os_errors(out):
        if out.exists() and not out.is_dir():
            raise InputError(f"{out}: is a file; --out names a folder.")
        names = [path.name for path in out.iterdir()] if out.is_dir() else []
    ours = {BEGUN, MARKER} & set(names)  # else even a maps.png is somebody's
    known = OWN_FILES if ours else ()
    foreign = [name for name in names if name not in known and not name.startswith(".")]
    if foreign:
        raise InputError(
            f"{out}: holds files that are no comparison (such as {min(foreign)}). Choose an empty "
            "or new folder with --out."
        )


def _prepare(out: Path) -> None:
    check_folder(out)
    with explain_os_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        (out / BEGUN).touch()
        (out / MARKER).unlink(missing_ok=True)
        sweep_partials(out)


def _terms(side: Side) -> tuple[str, ...]:
    """A short label for each cluster, empty where no term stands out."""
    return tuple("·".join(name.split("、")[:TERMS]) for name in side.names)


def _theme_names(side: Side) -> tuple[str, ...]:
    table = side.run.themes
    known = dict(zip(table["theme"], table["label"], strict=True))
    labels = [known.get(own) for own in side.themes[0].tolist()]
    return tuple(label if isinstance(label, str) else "" for label in labels)


def _subtitle(sizes: Mapping[str, Any], side: Side) -> str:
    model = side.run.manifest["model"].get("name", "?")
    unknown = "" if side.doubts.by == "stability" else " · 是否再现未知 recurrence unknown"
    return (
        f"{sizes['count']} 个聚类 clusters · 噪声 noise {sizes['noise_share_lines']:.1%} · "
        f"模型 model {model}{unknown}"
    )


def _colour(rgb: Any) -> Colour:
    red, green, blue = (int(part) for part in rgb)
    return red, green, blue


def _map_side(found: Comparison, number: int, xy: Any, terms: tuple[str, ...]) -> MapSide:
    side, sizes = found.sides[number], found.sizes[number]
    return MapSide(
        xy,
        side.labels,
        side.ids,
        found.shared.lines,
        terms,
        side.marks,
        f"{found.names[number]} · {side.run.path.resolve().name}",
        _subtitle(sizes, side),
    )


def _names(
    ids: Int64s, terms: tuple[str, ...], colours: Any, marks: tuple[Mark, ...] = ()
) -> ClusterNames:
    return ClusterNames(
        tuple(f"{own} {name}".strip() for own, name in zip(ids.tolist(), terms, strict=True)),
        tuple(_colour(own) for own in colours),
        marks,
    )
