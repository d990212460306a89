"""Whether a label names a role in the credits: its words, looked up in `data/credit_roles.toml`."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from typing import Literal

from rapids_rap.corpus.normalize import simplify
from rapids_rap.data import data_path

Rank = Literal["strong", "role", "header", "shared"]

_LABEL_TOKENS = re.compile(r"[a-z]+|[\u3400-\u9fff]+")
_LABEL = re.compile(r"[a-z\u3400-\u9fff\s/&+,.、·\-_()'\"]+")
_CJK_GAP = re.compile(r"(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])")


@lru_cache(maxsize=65_536)
def label_rank(label: str) -> Rank | None:
    """How sure a label such as `混音 / Mixed by` names a role; None if any word of it doesn't."""
    folded = simplify([label.casefold().replace("a&r", "ar")])[0]
    folded = _CJK_GAP.sub("", folded)  # 作 词
    if len(folded) > 60 or not _LABEL.fullmatch(folded):
        return None
    ranks = [_token_rank(token) for token in _LABEL_TOKENS.findall(folded)]
    if not ranks or None in ranks:
        return None
    ordered: tuple[Rank, ...] = ("strong", "role", "header", "shared")
    return next((rank for rank in ordered if rank in ranks), None)


@lru_cache(maxsize=1)
def role_words() -> dict[str, str]:
    """Every word of `data/credit_roles.toml` and its kind."""
    with data_path("credit_roles.toml").open("rb") as file:
        table = tomllib.load(file)
    kinds = ("part", "role", "strong", "header", "shared")
    return {word: kind for kind in kinds for word in table[kind]}


def _token_rank(token: str) -> str | None:
    """The best rank of a Latin word, or of a run of Chinese characters cut into known words."""
    words = role_words()
    if token in words or token.isascii():
        return words.get(token)
    order = ("part", "shared", "header", "role", "strong")
    best: list[int] = [-1] * (len(token) + 1)  # best[i]: rank of token[:i], -1 if it can't be cut
    best[0] = 0
    for end in range(1, len(token) + 1):
        for start in range(max(0, end - 5), end):
            kind = words.get(token[start:end])
            if kind is not None and best[start] >= 0:
                best[end] = max(best[end], best[start], order.index(kind))
    return order[best[-1]] if best[-1] >= 0 else None
