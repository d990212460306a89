"""The page of a comparison: one HTML file that needs no network and no script.

Everything quoted from lyrics or files is escaped, and a policy in the page forbids whatever is not
part of it. Nothing here measures anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rapids_rap.compare.memory import memory_sentences
from rapids_rap.maps.marks import signed
from rapids_rap.report.html import Column, Row, format_cell, render_page
from rapids_rap.report.images import page_images
from rapids_rap.tables.follows import followed
from rapids_rap.tables.stability import again

if TYPE_CHECKING:
    from rapids_rap.compare.compare import Comparison
    from rapids_rap.compare.shared import Side
    from rapids_rap.compare.verdict import Contrast

MOVES = 12  # the largest flows between clusters that are not a matched pair
_MOVED_LINES = 4
_PICTURES = {
    "maps.png": ("两次运行的地图", "Both maps in one frame, matched clusters in one colour"),
    "flow_themes.png": ("主题流向图", "Where the lines of A's themes go in B"),
    "flow.png": ("聚类流向图", "Where the lines of A's clusters go in B"),
}
_AHEAD = {
    "a": "A",
    "b": "B",
    "equal": "相当 equal (intervals overlap)",
    "unproven": "无区间 no interval",
    "unknown": "未计算 not computed",
    "apart": "文本不同 other texts, not compared",
}
_OTHER_SONGS = "歌曲不同 other songs, not compared"

FIGURE_COLUMNS = (
    Column("name", "指标", "figure"),
    Column("a", "A", "value [95% interval]"),
    Column("b", "B", "value [95% interval]"),
    Column("baseline", "基线", "baseline A / B"),
    Column("better", "更好", "better"),
    Column("decides", "可作依据", "may decide"),
    Column("meaning", "含义", "what it asks"),
)
SIZE_COLUMNS = (
    Column("name", "数量", "count"),
    Column("a", "A", ""),
    Column("b", "B", ""),
)
MATCH_COLUMNS = (
    Column("a", "A 聚类", "cluster", "int"),
    Column("terms_a", "代表词", "terms in A"),
    Column("lines_a", "行", "lines", "int"),
    Column("b", "B 聚类", "cluster", "int"),
    Column("terms_b", "代表词", "terms in B"),
    Column("lines_b", "行", "lines", "int"),
    Column("both", "共有", "shared lines", "int"),
    Column("kept", "占 A", "of A's", "share"),
    Column("from_a", "占 B", "of B's", "share"),
)
DIFFERENCE_COLUMNS = (
    Column("key", "设置", "setting"),
    Column("a", "A", ""),
    Column("b", "B", ""),
)


@dataclass(frozen=True)
class Move:
    """Lines that left a cluster of A for another of B: names of both, how many, some of them."""

    origin: str
    target: str
    lines: int
    texts: tuple[str, ...]


def render_comparison(found: Comparison, pictures: Mapping[str, bytes]) -> str:
    """The whole page as HTML; `pictures` are PNG bytes by the names of the files beside it."""
    terms = [_terms(side) for side in found.sides]
    numbers = [
        ("共有文本 shared texts", f"{found.shared.found:,}"),
        ("参与比较 compared", f"{len(found.shared.texts):,}"),
        ("ARI（含噪声 with noise）", f"{found.agreement.adjusted_rand:.3f}"),
        ("ARI（不含 without）", format_cell(found.agreement.adjusted_rand_without_noise, "num")),
        ("AMI（含噪声 with noise）", f"{found.agreement.adjusted_mutual_information:.3f}"),
        (
            "AMI（不含 without）",
            format_cell(found.agreement.adjusted_mutual_information_without_noise, "num"),
        ),
        ("对应聚类 matched", f"{int((found.matches >= 0).sum())}"),
        ("地图吻合度 map fit", format_cell(found.alignment.fit, "num")),
    ]
    return render_page(
        "compare.html.j2",
        title=f"比较 {_name(found, 0)} 与 {_name(found, 1)}",
        found=found,
        names=[_name(found, 0), _name(found, 1)],
        numbers=numbers,
        follows=[followed(figures) for figures in found.figures],
        again=[
            again(side.run.quality, side.run.clusters, side.run.manifest) for side in found.sides
        ],
        images=page_images(pictures, _PICTURES),
        memory=memory_sentences(found.memory, found.names, found.figures[0]),
        figures=[figure_row(row) for row in found.contrasts],
        figure_columns=FIGURE_COLUMNS,
        sizes=_sizes(found),
        size_columns=SIZE_COLUMNS,
        matches=_matches(found, terms),
        match_columns=MATCH_COLUMNS,
        differences=[{"key": k, "a": a, "b": b} for k, a, b in found.differences],
        difference_columns=DIFFERENCE_COLUMNS,
        moves=_moves(found, terms),
        born=_unmatched(found, terms),
    )


def figure_row(row: Contrast) -> Row:
    """A figure's row: names, both readings, both baselines, who is ahead and what that is worth."""
    baselines = [format_cell(side.baseline, "num") for side in (row.a, row.b)]
    better = _OTHER_SONGS if row.note and row.winner == "apart" else _AHEAD[row.winner]
    if row.winner == "unproven" and row.higher:
        better = f"{row.higher.upper()}？无区间 no interval, no proof"
    return {
        "name": f"{row.chinese} {row.key}",
        "a": _reading(row.a.text),
        "b": _reading(row.b.text),
        "baseline": " / ".join(dict.fromkeys(baselines)),
        "better": better,
        "decides": "是 yes" if row.decides else "否 no",
        "meaning": row.meaning
        + (" (lower is better)" if row.lower_is_better else "")
        + (f" ({row.note})" if row.note else ""),
    }


def _reading(text: str) -> str:
    return "未计算 not computed" if text == "not computed" else text


def _name(found: Comparison, number: int) -> str:
    return f"{found.names[number]} · {found.sides[number].run.path.resolve().name}"


def _terms(side: Side) -> list[str]:
    return ["、".join(name.split("、")[:6]) or "—" for name in side.names]


def _sizes(found: Comparison) -> list[Row]:
    names = (
        ("count", "聚类 clusters", "int"),
        ("noise_share_lines", "噪声（行）noise, of lines", "share"),
        ("noise_share_texts", "噪声（文本）noise, of distinct texts", "share"),
        ("largest_share_of_clustered", "最大聚类 largest, of what is clustered", "share"),
    )
    rows: list[Row] = [
        {"name": name, **{s: format_cell(found.sizes[i][key], kind) for i, s in enumerate("ab")}}
        for key, name, kind in names
    ]
    spread = [
        " / ".join(f"{value:.0f}" for value in size["sizes_min_q1_median_q3_max"]) or "—"
        for size in found.sizes
    ]
    rows.append(
        {
            "name": "大小（最小/四分位/最大）texts in a cluster: min, quartiles, max",
            "a": spread[0],
            "b": spread[1],
        }
    )
    return rows


def _matches(found: Comparison, terms: Sequence[Sequence[str]]) -> list[Row]:
    flow = found.flow[1:, 1:]
    ids, marks = ([getattr(side, part) for side in found.sides] for part in ("ids", "marks"))
    totals_a, totals_b = found.flow.sum(axis=1)[1:], found.flow.sum(axis=0)[1:]
    rows: list[Row] = []
    for b, a in enumerate(found.matches.tolist()):
        if a >= 0:
            both = int(flow[a, b])
            rows.append(
                {
                    "a": int(ids[0][a]),
                    "terms_a": signed(terms[0][a], marks[0][a]),
                    "lines_a": int(totals_a[a]),
                    "b": int(ids[1][b]),
                    "terms_b": signed(terms[1][b], marks[1][b]),
                    "lines_b": int(totals_b[b]),
                    "both": both,
                    "kept": both / max(int(totals_a[a]), 1),
                    "from_a": both / max(int(totals_b[b]), 1),
                }
            )
    return sorted(rows, key=lambda row: (-row["both"], row["a"]))


def _unmatched(found: Comparison, terms: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """Clusters of either run without a counterpart, by name."""
    kept = set(found.matches[found.matches >= 0].tolist())
    gone = [a for a in range(found.sides[0].count) if a not in kept]
    new = [b for b, a in enumerate(found.matches.tolist()) if a < 0]
    return {
        "gone": [_cluster_name(found.sides[0], terms[0], a, 6) for a in gone],
        "new": [_cluster_name(found.sides[1], terms[1], b, 6) for b in new],
    }


def _moves(found: Comparison, terms: Sequence[Sequence[str]]) -> list[Move]:
    """The largest flows that are not between matched clusters, with the heaviest lines of each."""
    flow = found.flow.copy()
    flow[0, 0] = 0
    for b, a in enumerate(found.matches.tolist()):
        if a >= 0:
            flow[a + 1, b + 1] = 0
    first, second = found.sides
    moves = []
    for place in np.argsort(-flow, axis=None, kind="stable")[:MOVES]:
        i, j = (int(part) for part in np.unravel_index(place, flow.shape))
        if not flow[i, j]:
            break
        members = np.flatnonzero((first.labels == i - 1) & (second.labels == j - 1))
        heaviest = members[np.argsort(-found.shared.lines[members], kind="stable")]
        moves.append(
            Move(
                _cluster_name(first, terms[0], i - 1),
                _cluster_name(second, terms[1], j - 1),
                int(flow[i, j]),
                tuple(found.shared.texts[k] for k in heaviest[:_MOVED_LINES]),
            )
        )
    return moves


def _cluster_name(side: Side, terms: Sequence[str], cluster: int, most: int = 3) -> str:
    if cluster < 0:
        return "噪声 noise"
    parted = "·" if most == 3 else "、"
    text = f"{side.ids[cluster]} {parted.join(terms[cluster].split('、')[:most])}"
    return signed(text, side.marks[cluster])
