"""What a run says of its neighbours, and of texts that were placed beside a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def sampled(manifest: Mapping[str, Any]) -> tuple[str, str]:
    """The sentence on the sample that was fitted, in Chinese and English.

    ("", "") of a run that laid out all of its texts, and of one from before there were samples.
    """
    entry = manifest.get("sample")
    said = entry if isinstance(entry, Mapping) else {}
    fitted, placed = said.get("fitted"), said.get("placed")
    if not isinstance(fitted, int) or not isinstance(placed, int) or fitted + placed < 1:
        return "", ""
    total = fitted + placed
    share = f"{fitted / total:.0%}"
    return (
        f"每个布局只拟合 {total:,} 个文本中的 {fitted:,} 个（{share}，按密度分层抽取，每次不同），"
        f"其余的从其近邻旁起步，再与全部文本一起落定；地图上有 {placed:,} 个文本如此定位"
        "（lines.parquet 中 placed 为真）。",
        f"Each layout begins with {fitted:,} of {total:,} distinct texts ({share}), drawn by "
        "density and others each time; the rest begin beside their nearest, and all settle part by "
        f"part. On the map {placed:,} were placed so (`placed` in lines.parquet).",
    )


def searched(manifest: Mapping[str, Any]) -> str:
    """By what the neighbours were found, and how many of the true ones; "" where it is not said."""
    entry = manifest.get("neighbors")
    said = entry if isinstance(entry, Mapping) else {}
    engine, recall = said.get("engine"), said.get("recall")
    if not isinstance(engine, str) or not isinstance(recall, float):
        return ""
    return f"{engine[:40]}, recall {recall:.3f}"
