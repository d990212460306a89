"""The tree and the sweep as the page tells them: paths, and the smallest cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from rapids_rap.report.html import Column, Row
from rapids_rap.tables.tree import members, path_said

SIZE_COLUMNS = (
    Column("min_cluster_size", "最小聚类", "smallest cluster", "int"),
    Column("clusters_mean", "聚类数", "clusters", "tenths"),
    Column("clusters_sd", "标准差", "sd", "tenths"),
    Column("coverage_mean", "归入聚类的比例", "coverage", "share"),
    Column("coverage_sd", "标准差", "sd", "share"),
    Column("persistence_mean", "持续", "persistence", "num"),
    Column("persistence_sd", "标准差", "sd", "num"),
)


def said_paths(
    clusters: Sequence[Row], themes: Sequence[Row], tree: pd.DataFrame | None
) -> dict[int, str]:
    """The path of each cluster that has one, by id, in Chinese."""
    labels = {row["theme"]: row.get("label") or "" for row in themes}
    below = members(tree)
    told = {row["cluster"]: path_said(row.get("path"), below, labels)[0] for row in clusters}
    return {cluster: path for cluster, path in told.items() if path}


def size_said(manifest: Mapping[str, Any]) -> tuple[str, str]:
    """Which smallest cluster was used and why, in Chinese and English; "" where nothing says it."""
    said = manifest.get("clusters")
    said = said if isinstance(said, Mapping) else {}
    why, used, plateau = (said.get(name) for name in ("why", "min_cluster_size", "plateau"))
    if not isinstance(why, str) or not isinstance(used, int):
        return "", ""
    chinese = f"每个聚类至少 {used:,} 个文本。"
    if isinstance(plateau, int) and plateau != used:
        chinese += f"在 {plateau:,} 处有一个平台：那里的聚类在更多大小下保持不变。"
    return chinese, why
