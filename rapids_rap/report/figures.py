"""The quality figures as a reader meets them: with a meaning, a baseline, and a plain verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_NAMES = {
    "clusters": ("聚类的数量与大小", "有多少聚类，多大，多少行是噪声。"),
    "silhouette_cosine": ("轮廓系数（余弦，向量）", "各行与本聚类是否比与最近的其他聚类更相像？"),
    "silhouette_layout": ("轮廓系数（欧氏，地图）", "在读者所见的地图上，聚类是否彼此分开？"),
    "dbcv": ("基于密度的有效性 DBCV", "聚类内部是否稠密、之间是否空疏，不论形状（−1 至 1）。"),
    "trustworthiness": (
        "地图的可信度",
        "地图上的邻居在向量空间中也是邻居吗？（0.5 约为随机，1 为全部）",
    ),
    "topic_diversity": ("代表词多样性", "各聚类代表词中互不相同者的比例；高本身不是优点。"),
    "npmi_coherence": ("代表词一致性 NPMI", "同一聚类的代表词是否出现在同一行（−1 至 1）？"),
    "stability": ("稳定性", "对歌曲重抽样后，聚类是否再现？"),
    "next_line_retrieval": ("下一行检索", "能否由一行找到它的下一行？"),
    "same_song_retrieval": ("同曲检索", "能否由一行找到同一首歌的其他行？"),
    "artist_retrieval": ("歌手检索", "能否由一首歌找到它的歌手？"),
    "alignment": ("对齐度", "相关文本的向量有多近（越低越好）。"),
    "uniformity": ("均匀度", "向量在球面上分布得多均匀（越低越好）。"),
    "anisotropy": ("各向异性", "随机两行的平均相似度（越低越好）。"),
}
_LOWER_IS_BETTER = ("alignment", "uniformity", "anisotropy")
_IDEALS = ("uniformity", "anisotropy")  # their baseline is the best there is: nothing beats it
_SPACES = {
    "dense_raw": "稠密向量（原始）",
    "dense_used": "稠密向量（本次所用）",
    "dense_whitened": "稠密向量（白化）",
    "characters": "字符 2–5 元 TF-IDF（基线）",
    "words": "词 TF-IDF",
    "words_svd_whitened": "词 SVD（白化）",
    "characters+dense_whitened": "字符 + 白化稠密",
    "words+dense_whitened": "词 + 白化稠密",
    "words_svd_whitened+dense_whitened": "白化词 SVD + 白化稠密",
    "artist_frequency": "歌手频率（先验）",
}
_SILHOUETTE = (
    "轮廓系数下降不一定是退步：它偏爱少数彼此远离的圆团；把一个含混的大类拆成几个真实而相邻的小类，"
    "或把原先的噪声行纳入聚类，都会使它下降。应与覆盖率、DBCV 和聚类数一起看。"
    "A fall can be an improvement: silhouette favours few round groups far apart, so splitting one "
    "vague group into real neighbours, or clustering what was noise, lowers it."
)
_SHOWN = (
    "value",
    "baseline",
    "baseline_name",
    "meaning",
    "note",
    "interval",
    "spaces",
    "held_out_artists",
)


@dataclass(frozen=True)
class Figure:
    """One figure. value, baseline: None where not computed. facts: what else the run says of it.

    chinese, explained: its name and its meaning in Chinese; meaning: the run's own sentence.
    verdict: "better", "worse" (than its baseline, or equal), or "" where there is nothing to
    compare. interval: its 95% interval as text, "" without one.
    """

    key: str
    chinese: str
    explained: str
    value: float | None
    baseline: float | None
    baseline_name: str
    meaning: str
    note: str
    facts: tuple[tuple[str, str], ...]
    verdict: str
    interval: str

    @property
    def plain(self) -> bool:
        """Whether it is a list of facts without one value of its own."""
        return self.value is None and bool(self.facts)


def collect_figures(quality: Mapping[str, Any]) -> list[Figure]:
    """Every figure of quality.json in its order; sections of sections are `section.figure`."""
    figures: list[Figure] = []
    for key, entry in quality.items():
        if isinstance(entry, Mapping) and _is_section(entry):
            figures += collect_figures({f"{key}.{name}": part for name, part in entry.items()})
        else:
            figures.append(_figure(key, entry if isinstance(entry, Mapping) else {"value": entry}))
    return figures


def failing(figures: Sequence[Figure]) -> list[Figure]:
    """Figures that do not beat their baseline."""
    return [figure for figure in figures if figure.verdict == "worse"]


def _is_section(entry: Mapping[str, Any]) -> bool:
    return "value" not in entry and any(isinstance(part, Mapping) for part in entry.values())


def _figure(key: str, entry: Mapping[str, Any]) -> Figure:
    value, baseline = _number(entry.get("value")), _number(entry.get("baseline"))
    note = str(entry.get("note") or "")
    last = key.rpartition(".")[2]
    if last.startswith("silhouette"):
        note = _SILHOUETTE
    verdict = ""
    if value is not None and baseline is not None and last not in _IDEALS:
        lower = any(last.startswith(name) for name in _LOWER_IS_BETTER)
        verdict = "better" if (value < baseline if lower else value > baseline) else "worse"
    facts = tuple(
        (name.replace("_", " "), _interval(part) if name.endswith("interval") else _fact(part))
        for name, part in entry.items()
        if name not in _SHOWN and part is not None
    )
    chinese, explained = _NAMES.get(last, (last.replace("_", " "), ""))
    return Figure(
        key,
        chinese,
        explained,
        value,
        baseline,
        str(entry.get("baseline_name") or ""),
        str(entry.get("meaning") or ""),
        note,
        facts,
        verdict,
        _interval(entry.get("interval")),
    )


def collect_spaces(quality: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of the table of artist retrieval, the best space first; empty where there is none.

    Numbers are the macro mean reciprocal rank; `other` is that of the held-out artists.
    """
    figure = quality.get("artist_retrieval")
    if not isinstance(figure, Mapping):
        return []
    held_out = figure.get("held_out_artists") or {}
    others = {row["name"]: row for row in held_out.get("spaces", ())}
    rows = []
    for row in figure.get("spaces") or ():
        name, other = row["name"], others.get(row["name"], {})
        rows.append(
            {
                "space": f"{_SPACES.get(name, name)} {name}",
                "value": row["value"],
                "interval": _interval(row.get("interval")),
                "difference": row.get("difference"),
                "difference_interval": _interval(row.get("difference_interval")),
                "other": other.get("value"),
                "other_interval": _interval(other.get("interval")),
            }
        )
    return sorted(rows, key=lambda row: -(row["value"] or 0.0))


def _interval(value: Any) -> str:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return ""
    low, high = map(_number, value)
    return "" if low is None or high is None else f"[{low:.3f}, {high:.3f}]"


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def _fact(value: Any) -> str:
    if isinstance(value, bool):
        return "是 yes" if value else "否 no"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) > 1 else f"{value:.3f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return " · ".join(_fact(part) for part in value)
    return str(value)
