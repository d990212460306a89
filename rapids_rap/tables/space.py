"""What a run says of the space of its neighbours: an encoder with a common direction, named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def common_direction(manifest: Mapping[str, Any]) -> tuple[str, str]:
    """The sentence on a common direction of the encoder, in Chinese and English.

    ("", "") where there is none, and of a run whose manifest has no section `space`.
    """
    entry = manifest.get("space")
    said = entry if isinstance(entry, Mapping) else {}
    cosine, threshold = said.get("mean_cosine"), said.get("threshold")
    if not isinstance(cosine, float) or not isinstance(threshold, float) or not cosine > threshold:
        return "", ""
    applied = str(said.get("postprocess"))[:20]  # a received manifest may hold anything
    chinese = (
        f"该编码器的向量有共同方向：任取两个文本，平均余弦为 {cosine:.2f}（高于 {threshold:.2f}）"
    )
    english = (
        "The encoder has a common direction: the mean cosine of two texts is "
        f"{cosine:.2f} (above {threshold:.2f})"
    )
    if applied == "none":
        return (
            f"{chinese}，检索、轮廓系数等处的余弦因此偏高，近邻也受其影响。"
            "embedding.postprocess=center 可去除；聚类会随之改变，两者应加以比较。",
            f"{english}, so cosines (of search, silhouette, alignment) read too high and "
            "neighbours are drawn by it. embedding.postprocess=center takes it away; the clusters "
            "change with it, so compare both.",
        )
    return (
        f"{chinese}；求近邻之前已去除（{applied}）。",
        f"{english}; it was taken away before neighbours were sought ({applied}).",
    )
