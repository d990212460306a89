"""The page that explains a run: one HTML file that needs no network and almost no script.

Everything quoted from lyrics or files is escaped, and a policy in the page forbids whatever is not
part of it. What a run lacks is shown as not computed; nothing here computes evidence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from rapids_rap.config import ReportConfig
from rapids_rap.maps.marks import SIGNS, signed
from rapids_rap.report.called import called
from rapids_rap.report.device import collect_device
from rapids_rap.report.doubts import (
    STABILITY_COLUMNS,
    class_said,
    stability_rows,
    theme_rows,
    with_marks,
)
from rapids_rap.report.evidence import evidence_parts, term_rows
from rapids_rap.report.figures import (
    collect_figures,
    collect_spaces,
    fact_row,
    failing,
    split_facts,
)
from rapids_rap.report.html import Column, Row, records, render_page
from rapids_rap.report.images import page_images
from rapids_rap.report.layers import SIZE_COLUMNS, said_paths, size_said
from rapids_rap.report.years import YEAR_COLUMNS, year_rows
from rapids_rap.runs.run import Run, memory_note
from rapids_rap.tables.artists import (
    NO_SONGS,
    TOO_FEW_ARTISTS,
    TOO_FEW_SONGS,
    TOO_WIDE,
    lift_interval,
)
from rapids_rap.tables.doubts import Doubts, find_doubts
from rapids_rap.tables.follows import clear_traits, followed, told_by_form
from rapids_rap.tables.sampled import sampled, searched
from rapids_rap.tables.space import common_direction
from rapids_rap.tables.stability import again, doubt_of

NOISE = -1
CARDS = 30  # clusters with a card of their own, the largest first
ARTISTS_SHOWN = 60
_CARD_ARTISTS = 8
_PLACES = ("first", "second", "third")
_MAPS = {
    "clusters.png": ("聚类", "Clusters"),
    "themes.png": ("主题", "Themes"),
    "categories.png": ("情绪", "Categories of the lexicon"),
    "density.png": ("密度", "Density"),
    "artists.png": ("歌手", "Artists"),
    "artist_themes.png": ("歌手与主题", "Artists by themes"),
    "tree.png": ("聚类之树", "Tree of the clusters"),
    "sizes.png": ("最小聚类的大小", "Smallest cluster size"),
    "years.png": ("主题随年份", "Themes over the years"),
}
_NO_INTERVAL = {
    NO_SONGS: "不知歌曲",
    TOO_FEW_SONGS: "歌曲太少",
    TOO_FEW_ARTISTS: "歌手太少",
    TOO_WIDE: "区间太宽",
}

THEME_COLUMNS = (
    Column("theme", "主题", "theme", "int"),
    Column("label", "名称", "label"),
    Column("clusters", "聚类", "clusters", "int"),
    Column("lines", "行", "lines", "int"),
    Column("share", "占比", "share", "share"),
    Column("top_terms", "代表词", "top terms"),
    Column("in_doubt", "存疑聚类", "clusters in doubt", "int"),
)
CLUSTER_COLUMNS = (
    Column("cluster", "聚类", "cluster", "int"),
    Column("share", "占比", "share", "share"),
    Column("lines", "行", "lines", "int"),
    Column("distinct_lines", "不同文本", "distinct", "int"),
    Column("songs", "歌曲", "songs", "int"),
    Column("artists", "歌手", "artists", "int"),
    Column("top_terms", "代表词", "top terms"),
    Column("suggested_label", "情绪", "emotion"),
    Column("theme", "主题", "theme", "int"),
    Column("persistence", "持久度", "persistence", "num"),
    Column("agreement", "一致度", "agreement", "num"),
    Column("stability", "稳定性", "stability", "num"),
    Column("stability_said", "再现等级", "there again"),
)
REGION_COLUMNS = (
    Column("cluster", "聚类", "cluster", "int"),
    Column("region", "地区", "region"),
    Column("percentage", "占聚类", "% of cluster", "percent"),
    Column("lines", "行", "lines", "int"),
    Column("lift", "提升度", "lift", "lift"),
    Column("interval", "95% 区间", "interval"),
)
ARTIST_COLUMNS = (
    Column("artist", "歌手", "artist"),
    Column("lines", "行", "lines", "int"),
    Column("first", "最多", "most"),
    Column("second", "其次", "second"),
    Column("third", "再次", "third"),
    Column("-1", "噪声", "noise", "share"),
)
PARITY_COLUMNS = (
    Column("part", "部分", "part"),
    Column("name", "指标", "figure"),
    Column("value", "数值", "value"),
    Column("needed", "要求", "needed"),
    Column("state", "结果", "result"),
    Column("note", "说明", "note"),
)
FACT_COLUMNS = (
    Column("name", "由聚类得知", "clusters tell"),
    Column("value", "调整互信息", "adjusted MI", "num"),
    Column("interval", "95% 区间", "interval"),
    Column("baseline", "同长度内打乱", "shuffled within lengths", "num"),
    Column("shuffled", "打乱，最大", "shuffled, at most", "num"),
    Column("rows", "观察", "observations", "int"),
    Column("note", "说明", "note"),
)
SPACE_COLUMNS = (
    Column("space", "空间", "space"),
    Column("value", "MRR", "macro", "num"),
    Column("interval", "95% 区间", "interval"),
    Column("difference", "与基线之差", "less characters", "num"),
    Column("difference_interval", "95% 区间", "paired interval"),
    Column("other", "未见歌手", "held-out artists", "num"),
    Column("other_interval", "95% 区间", "interval"),
)
STAGE_COLUMNS = (
    Column("name", "阶段", "stage"),
    Column("seconds", "秒", "seconds", "tenths"),
    Column("cached", "沿用", "reused"),
    Column("memory", "内存峰值", "peak memory"),
)
DEVICE_COLUMN = Column("device", "显存峰值", "GPU memory so far")


def render_report(run: Run, config: ReportConfig) -> str:
    """The whole page as HTML. Missing files and keys of the run are shown as not computed."""
    figures, facts = split_facts(collect_figures(run.quality))
    clusters, labels = records(run.clusters), run.names_of("cluster")
    names = called(run)
    doubts = find_doubts(run.clusters, run.manifest)
    paths = said_paths(clusters, records(run.themes), run.tree)
    for row in clusters:
        row["label"] = labels.get(row["cluster"])
        row["named_by"] = (
            names["named_by"].get(row["cluster"], "").partition(" [")[0] if row["label"] else None
        )
        row["stability_said"] = class_said(row, doubts)
        row["path_said"] = paths.get(row["cluster"])
    return render_page(
        "report.html.j2",
        script="report.js",
        title=_title(run.manifest, config),
        manifest=run.manifest,
        counts=_counts(run),
        images=page_images(run.maps, _MAPS),
        figures=figures,
        failing=failing(figures),
        follows=followed(run.quality),
        sampled=sampled(run.manifest),
        searched=searched(run.manifest),
        common=common_direction(run.manifest),
        facts=[fact_row(row) for row in facts],
        fact_columns=FACT_COLUMNS,
        told_by_form=told_by_form(run.cluster_traits, run.clusters),
        memory=memory_note(run.quality),
        again=again(run.quality, run.clusters, run.manifest),
        stability=with_marks(stability_rows(run.cluster_stability, doubts), doubts),
        stability_columns=STABILITY_COLUMNS,
        spaces=collect_spaces(run.quality),
        space_columns=SPACE_COLUMNS,
        themes=theme_rows(run, doubts),
        theme_columns=THEME_COLUMNS if doubts.by else THEME_COLUMNS[:-1],
        clusters=with_marks(clusters, doubts),
        doubts=doubts,
        cluster_columns=cluster_columns(named=bool(labels), decided="by_hand" in run.clusters),
        labels=labels,
        **names,
        cards=_cards(run, config, clusters, doubts),
        size_said=size_said(run.manifest),
        size_rows=records(run.cluster_sizes),
        years=year_rows(run),
        year_columns=YEAR_COLUMNS,
        size_columns=SIZE_COLUMNS,
        shown=CARDS,
        emotions=with_marks(_emotions(run.cluster_emotions), doubts),
        emotion_columns=emotion_columns(run),
        artists=_artists(run.artist_clusters, clusters, doubts),
        artist_columns=ARTIST_COLUMNS,
        regions=with_marks(with_intervals(run.cluster_regions), doubts),
        region_columns=REGION_COLUMNS,
        **evidence_parts(run, ARTISTS_SHOWN),
        **_origin(run),
        stage_columns=STAGE_COLUMNS,
        device_column=DEVICE_COLUMN,
        **collect_device(run.manifest),
        parity_columns=PARITY_COLUMNS,
    )


def cluster_columns(*, named: bool, decided: bool = False) -> tuple[Column, ...]:
    """The columns of the clusters, with their names where people or a model gave any."""
    names = (Column("label", "名称", "name"), Column("named_by", "命名者", "named by"))
    label = names if named else ()
    by_hand = (Column("by_hand", "人工", "by hand"),) if decided else ()
    return (*CLUSTER_COLUMNS[:1], *label, *by_hand, *CLUSTER_COLUMNS[1:])


def with_intervals(table: pd.DataFrame | None) -> list[Row]:
    """The rows of a table with lifts, with `interval`: as it is read, or why there is none."""
    rows = records(table)
    for row in rows:
        text = lift_interval(row.get("lift_low"), row.get("lift_high"), row.get("note"))
        row["interval"] = f"{_NO_INTERVAL[text]} {text}" if text in _NO_INTERVAL else text or None
    return rows


def emotion_columns(run: Run) -> list[Column]:
    """The poster's table: chunks, hits, then a column a category, and the label."""
    table = run.cluster_emotions
    return [
        Column("cluster", "聚类", "cluster", "int"),
        Column("chunks", "单元", "chunks", "int"),
        Column("hits", "命中", "hits", "int"),
        *(Column(f"ratio_{name}", name, "ratio (hits)", "share") for name in _categories(table)),
        Column("suggested_label", "建议标签", "suggested label"),
    ]


def _title(manifest: Mapping[str, Any], config: ReportConfig) -> str:
    if config.title:
        return config.title
    names = [Path(str(file.get("path", ""))).stem for file in manifest.get("inputs", [])]
    source = names[0] if len(names) == 1 else f"{len(names)} 个文件 files"
    return f"歌词聚类报告 · {source}" if names else "歌词聚类报告"


def _counts(run: Run) -> Row:
    """The counts of the summary; None where the manifest does not say."""
    counts = run.manifest.get("counts", {})
    names = ("read", "kept", "distinct", "clusters", "noise_lines", "artists", "songs")
    row: Row = {name: counts.get(name) for name in names}
    row["themes"] = int((run.themes["theme"] != NOISE).sum()) if len(run.themes) else None
    noise, lines = row["noise_lines"], row["kept"]
    row["noise_share"] = noise / lines if noise is not None and lines else None
    return row


def _cards(run: Run, config: ReportConfig, clusters: Sequence[Row], doubts: Doubts) -> list[Row]:
    """The largest clusters, then noise, each with all that is known of it."""
    by_size = sorted(clusters, key=lambda row: (-(row["lines"] or 0), row["cluster"]))
    chosen = [row for row in by_size if row["cluster"] != NOISE][:CARDS]
    chosen += [row for row in by_size if row["cluster"] == NOISE]
    terms = run.cluster_terms
    method = terms["method"].iloc[0] if len(terms) and "method" in terms else None
    parts = {
        "terms": _by_cluster(
            records(terms if method is None else terms[terms["method"] == method])
        ),
        "examples": _by_cluster(records(run.cluster_examples)),
        "artists": _by_cluster(with_intervals(run.cluster_artists)),
        "emotions": _by_cluster(records(run.cluster_emotions)),
    }
    limits = {"terms": config.terms, "examples": config.examples, "artists": _CARD_ARTISTS}
    categories = _categories(run.cluster_emotions)
    traits = clear_traits(run.cluster_traits)
    evidence = term_rows(run, config.terms)
    cards = []
    for row in chosen:
        own = {name: part.get(row["cluster"], []) for name, part in parts.items()}
        card = {name: own[name][:limit] for name, limit in limits.items()}
        emotion = own["emotions"][0] if own["emotions"] else {}
        card["emotions"] = [
            {
                "name": name,
                "ratio": emotion.get(f"ratio_{name}") or 0.0,
                "hits": emotion.get(f"hit_{name}") or 0,
            }
            for name in categories
        ]
        weak = doubts.mark(int(row["cluster"]))
        said = doubt_of(row, weak) if row["cluster"] != NOISE else ""
        own_traits = traits.get(row["cluster"], [])
        cards.append(
            {
                "row": row,
                **card,
                "traits": own_traits,
                "keyness": evidence.get(row["cluster"], []),
                "stability": said,
                "weak": weak,
                "sign": SIGNS[weak],
            }
        )
    return cards


def _by_cluster(rows: Sequence[Row]) -> dict[int, list[Row]]:
    groups: dict[int, list[Row]] = {}
    for row in rows:
        groups.setdefault(int(row["cluster"]), []).append(row)
    return groups


def _categories(table: pd.DataFrame) -> list[str]:
    return [str(name).removeprefix("hit_") for name in table.columns if name.startswith("hit_")]


def _emotions(table: pd.DataFrame) -> list[Row]:
    rows = records(table)
    for row in rows:
        for name in _categories(table):
            ratio, hits = row.get(f"ratio_{name}") or 0.0, row.get(f"hit_{name}") or 0
            row[f"ratio_{name}"] = f"{100 * ratio:.1f}% ({hits:,})"
    return rows


def _artists(table: pd.DataFrame | None, clusters: Sequence[Row], doubts: Doubts) -> list[Row]:
    """The artists with most lines, each with the clusters that hold most of them."""
    if table is None:
        return []
    terms = {
        str(row["cluster"]): str(row.get("label") or row.get("top_terms") or "") for row in clusters
    }
    rows = []
    for row in records(table.nlargest(ARTISTS_SHOWN, "lines")):
        kept = {key: row.get(key) for key in ("artist", "lines", str(NOISE))}
        shares = [(float(row[key] or 0), key) for key in row if key in terms and key != str(NOISE)]
        best = sorted(shares, key=lambda item: -item[0])[: len(_PLACES)]
        for place, (share, key) in zip(_PLACES, best, strict=False):
            name = "·".join(terms[key].split("、")[:2])
            text = signed(f"{100 * share:.0f}% {key} {name}", doubts.mark(int(key)))
            kept[place] = text if share else None
        rows.append(kept)
    return rows


def _origin(run: Run) -> Row:
    """What came in, what was dropped, and how the run was made."""
    manifest = run.manifest
    files = manifest.get("inputs", [])
    rules = sorted({rule for file in files for rule in file.get("dropped", {})})
    inputs = [
        {"path": f.get("path"), "read": f.get("read"), "kept": f.get("kept")}
        | {rule: f.get("dropped", {}).get(rule, 0) for rule in rules}
        for f in files
    ]
    sum_of = ("read", "kept", *rules)
    if len(inputs) > 1:
        total = {key: sum(row[key] or 0 for row in inputs) for key in sum_of}
        inputs.append({"path": "全部 all files", **total})
    stages = [
        stage
        | {
            "memory": f"{(stage.get('peak_memory') or 0) / 2**20:,.0f} MiB",
            "device": f"{(stage.get('device_peak') or 0) / 2**20:,.0f} MiB",
        }
        for stage in manifest.get("stages", [])
    ]
    columns = [
        Column("path", "文件", "file"),
        Column("read", "读入", "read", "int"),
        Column("kept", "保留", "kept", "int"),
        *(Column(rule, "丢弃", rule, "int") for rule in rules),
    ]
    return {
        "inputs": inputs,
        "input_columns": columns,
        "stages": stages,
        "settings": settings_text(manifest.get("config", {})),
        "stop_words": manifest.get("terms", {}).get("stop_words", []),
        "sources": _pairs(manifest.get("model", {})),
        "versions": _pairs(manifest.get("versions", {})),
    }


def settings_text(config: Mapping[str, Any]) -> str:
    """The resolved configuration as TOML text (JSON's plain values are TOML's)."""
    lines = [f"{k} = {_plain(v)}" for k, v in config.items() if not isinstance(v, Mapping)]
    for name, section in config.items():
        if isinstance(section, Mapping):
            lines += ["", f"[{name}]", *(f"{k} = {_plain(v)}" for k, v in section.items())]
    return "\n".join(lines)


def _pairs(values: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    return [
        (key, value if isinstance(value, str) else _plain(value)) for key, value in values.items()
    ]


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
