"""What of terms, artists and emotions whole songs bear out, as the page says it."""

from __future__ import annotations

from collections.abc import Sequence

from rapids_rap.report.html import Column, Row, records
from rapids_rap.runs.run import Run

_NOTES = {
    "too few songs": "歌曲太少 too few songs",
    "fewer than five songs": "不足五首歌 fewer than five songs",
    "interval too wide": "区间太宽 interval too wide",
    "no songs known": "不知歌曲 no songs known",
}
KEYNESS_COLUMNS = (
    Column("term", "词", "term"),
    Column("songs", "歌曲", "songs", "int"),
    Column("artists", "歌手", "artists", "int"),
    Column("dispersion", "分散度", "dispersion", "num"),
    Column("log_ratio", "对数比", "log2 ratio", "num"),
    Column("log_ratio_low", "可靠下限", "at least", "num"),
    Column("keeps", "去一仍在", "without any one"),
    Column("q", "q", "q", "q"),
    Column("said", "说明", "note"),
)
EMOTION_COLUMNS = (
    Column("cluster", "聚类", "cluster", "int"),
    Column("more", "多于全体", "more than in all lyrics"),
    Column("less", "少于全体", "less"),
)
DIVERGENCE_COLUMNS = (
    Column("artist", "歌手", "artist"),
    Column("lines", "行", "lines", "int"),
    Column("songs", "歌曲", "songs", "int"),
    Column("divergence", "散度", "divergence, bits", "num"),
    Column("interval", "95% 区间", "interval"),
    Column("by_chance", "随机", "by chance", "num"),
    Column("q", "q", "q", "q"),
    Column("said", "说明", "note"),
)
OVERLAP_COLUMNS = (
    Column("category", "类", "category"),
    Column("other", "另一类", "other"),
    Column("words", "共有词", "words of both", "int"),
    Column("hits", "其命中", "their hits", "int"),
    Column("lines", "兼有之行", "lines with both", "int"),
)
LESS, MORE, NOT_DISTINCTIVE = "less", "more", "不突出 not distinctive"


def term_rows(run: Run, most: int) -> dict[int, list[Row]]:
    """The evidence for the terms of each cluster, those of enough songs first."""
    groups: dict[int, list[Row]] = {}
    for row in records(run.cluster_keyness):
        row["said"] = _NOTES.get(row.get("note") or "", row.get("note"))
        keeps = row.get("keeps_sign")
        row["keeps"] = None if keeps is None else "是 yes" if str(keeps) == "True" else "否 no"
        groups.setdefault(int(row["cluster"]), []).append(row)
    return {own: sorted(rows, key=_by_songs)[:most] for own, rows in groups.items()}


def _by_songs(row: Row) -> tuple[bool, float]:
    low = row.get("log_ratio_low")
    return (row.get("songs") or 0) < 5, -(low if low is not None else float("-inf"))


def emotion_rows(run: Run) -> list[Row]:
    """What each cluster has surely more and less of, or that nothing is distinctive."""
    rows: dict[int, Row] = {}
    for row in records(run.cluster_emotion_rates):
        own = rows.setdefault(int(row["cluster"]), {"cluster": int(row["cluster"])})
        if row.get("label"):
            own.setdefault("more", NOT_DISTINCTIVE)
        own["why"] = _NOTES.get(row.get("note") or "", own.get("why"))
        if row.get("label") in (MORE, LESS):
            own.setdefault(f"{row['label']}_of", []).append(_rate(row))
    for own in rows.values():
        for side in (MORE, LESS):
            if f"{side}_of" in own:
                own[side] = "；".join(own[f"{side}_of"])
        if own.get("less") and own["more"] == NOT_DISTINCTIVE:
            own["more"] = None
        elif "more" not in own:
            own["more"] = own["why"]
    return list(rows.values())


def _rate(row: Row) -> str:
    text = f"{row['category']} ×{row['lift']:.2f}"
    low, high = row.get("lift_low"), row.get("lift_high")
    return text if low is None or high is None else f"{text} [{low:.2f}–{high:.2f}]"


def divergence_rows(run: Run, most: int) -> list[Row]:
    """The artists with most lines, with their divergence."""
    rows = records(run.artist_divergence)[:most]
    for row in rows:
        low, high = row.get("divergence_low"), row.get("divergence_high")
        row["interval"] = None if low is None or high is None else f"{low:.3f}–{high:.3f}"
        row["said"] = _NOTES.get(row.get("note") or "", row.get("note"))
    return rows


def evidence_parts(run: Run, artists: int) -> Row:
    """Everything of this that the page shows beside its cards."""
    return {
        "emotion_rows": emotion_rows(run),
        "emotion_rate_columns": EMOTION_COLUMNS,
        "divergence": divergence_rows(run, artists),
        "divergence_columns": DIVERGENCE_COLUMNS,
        "overlap": records(run.lexicon_overlap),
        "overlap_columns": OVERLAP_COLUMNS,
        "keyness_columns": KEYNESS_COLUMNS,
        "negated": negated_said(run),
    }


def negated_said(run: Run) -> Sequence[str]:
    """How many hits are negated and whether they count: Chinese and English; none of old runs."""
    hits = run.lexicon_hits
    if hits is None or not len(hits):
        return ()
    many, of = int(hits["negated"].sum()), len(hits)
    config = run.manifest.get("config", {}).get("lexicon", {})
    counted = config.get("negation") != "leave out"
    return (
        f"{of:,} 次命中中 {many:,} 次被否定（不、没、别、无），{'计入' if counted else '不计入'}。",
        f"{many:,} of {of:,} hits are negated; they are {'' if counted else 'not '}counted. Every "
        "hit: lexicon_hits.parquet.",
    )
