"""Which words of a line are negated: 不快乐, 没有爱, 别再想你, 无爱.

A rule and not a parser: before the word, without a blank or a sign between, stands a word of 不,
没, 别 or 无, or a chain of these and of adverbs and auxiliaries (不太快乐, 没有那么快乐); two
of them cancel (不得不爱 is no 不爱). See docs/run-folder.md for what it misses.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rapids_rap.arrays import Bools, Int64s
from rapids_rap.words.segment import GLUED, Tokens

_NEGATORS = """
不 没 别 无 没有 没了 没啥 没什么 不是 不会 不能 不再 不想 不要 不用 不必 不可 不敢 不够
不太 不曾 不愿 不该 不配 不许 不准 不懂 不需 不需要 不可能 不可以 从不 从没 从没有 并不
并没 并没有 绝不 决不 毫不 毫无 再不 再没 再没有 再无 别再 别太 别去 千万别 无法 无须 无需
还没 还没有 还不 也不 也没 也没有 都不 都没 都没有 就不 就没 可不 永不
"""
_BETWEEN = """
太 很 再 那么 这么 多么 更 最 真 真的 想 要 会 能 够 曾 必 敢 是 去 有 什么 怎么 可能 可以
应该 该 愿意 愿 需要 懂 得 让 使 给 一点 一丝 半点 任何 所谓 过 被 不得不 不能不 不会不
不可不 没有不 不是不 不要不
"""
NEGATORS, BETWEEN = frozenset(_NEGATORS.split()), frozenset(_BETWEEN.split())
REACH = 3  # words before the hit that are looked at


def negated(tokens: Tokens, first: Int64s) -> Bools:
    """(m,) whether the words that begin at the tokens `first` (m,) are negated."""
    turns, passes = _kinds(tokens.vocabulary)
    at, odd = first.copy(), np.zeros(len(first), dtype=bool)
    going = np.ones(len(first), dtype=bool)
    for _ in range(REACH):
        going &= (at > 0) & (tokens.gaps[at] == GLUED)
        at = np.where(going, at - 1, at)
        word = tokens.ids[at]
        odd ^= going & turns[word]
        going &= turns[word] | passes[word]
    return odd


def _kinds(vocabulary: Sequence[str]) -> tuple[Bools, Bools]:
    """(V,) bool each: whether a word negates, and whether it may stand between."""
    turns = [word in NEGATORS for word in vocabulary]
    passes = [word in BETWEEN for word in vocabulary]
    return np.array(turns, dtype=bool), np.array(passes, dtype=bool)
