"""`text_norm`: the one form of a line that is compared, embedded and clustered.

Unicode NFKC (which makes full-width forms half-width), radicals made the characters they stand for,
invisible characters removed, white space collapsed, traditional characters made simplified, with
them those of Taiwan's spelling (著 as a mark of aspect, 妳, 甚麼). Case and punctuation stay: they
carry style. Everything runs on one joined string, several times faster than a call a line.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal

from opencc import OpenCC

from rapids_rap.corpus.radicals import characters

# Control and format characters that show nothing: C0/C1 except white space, soft hyphen, combining
# grapheme joiner, Hangul fillers, bidirectional marks, zero-width characters, variation selectors,
# interlinear annotation, tags.
_INVISIBLE = (
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000e0000-\U000e0fff"
)
_HIDDEN = re.compile(f"[{_INVISIBLE}]+")
_SPACES = re.compile(r"(?: [^\S\n]|[^\S\n ])[^\S\n]*")  # anything but one ordinary blank
_VISIBLE = re.compile(rf"[^\s{_INVISIBLE}]")
_MAX_ROUNDS = 4
# A run of combining marks is sorted in time quadratic in its length; no letter of any language
# bears as many as these (Unicode Annex 15, Stream-Safe Text Format).
_MOST_MARKS = 30
_MARKS = "".join(c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.combining(c))
_TOO_MANY_MARKS = re.compile(f"([{_MARKS}]{{{_MOST_MARKS}}})[{_MARKS}]+")
# Runs of what is neither Latin nor Chinese: told quickly, and no run of marks is outside them.
_NEITHER = "[^\x00-\u02ff\u3041-\u3098\u309b-\ua66e\uac00-\ufb1d\uff01-\uffff]"
_PERHAPS_MARKS = re.compile(f"{_NEITHER}{_NEITHER}{{{_MOST_MARKS},}}")
# What OpenCC's t2s leaves in Taiwan's and Hong Kong's spelling.
_SPELLINGS = {"甚么": "什么", "妳": "你", "牠": "它", "衹": "只", "衞": "卫"}
_SPELLING = re.compile("|".join(_SPELLINGS))
# 著 is 着 but for the words in which it is read zhù; those of them that a verb and its 著 can form
# by chance with the next word (看著 + 名字, 想著 + 作业) or the word before (讨论 + 著) are not.
_ZHU = re.compile(
    r"((?:[名原巨专拙]|(?<![彰突凸])显|[卓昭土遗]|(?<!翻)译|(?<![讨议谈争辩评])论)著(?![急火凉迷])"
    r"|著名(?![字单牌片额次义利号声贵校流堂模份册气望誉为叫著])"
    r"|著作(?![业战势伴梦恶弄怪祟案息罢用曲词画对诗文品])"
    r"|著(?:称(?![呼赞])|述|书立|者)"
    r"|(?<![看读捧抱拿背写翻带夹枕对望念抄拎提藏放摆堆压盯举握揣顶啃听教卖买搬收数烧撕扔丢指])"
    r"著书(?![桌架柜房包]))|著"
)


def is_blank(text: str) -> bool:
    """Whether nothing of the text can be seen."""
    return _VISIBLE.search(text) is None


def shown(text: str) -> str:
    """The text without its invisible characters."""
    return _HIDDEN.sub("", text)


def bearable(text: str) -> str:
    """The text with no more than `_MOST_MARKS` combining marks in a row: the others go."""
    if text.isascii():
        return text
    return _PERHAPS_MARKS.sub(lambda run: _TOO_MANY_MARKS.sub(r"\1", run[0]), text)


def unicode_form(texts: Sequence[str]) -> list[str]:
    """Each text in NFKC (Unicode Annex 15), without invisible characters, white space collapsed."""
    return _joined(texts, _unicode_form)


def simplify(texts: Sequence[str]) -> list[str]:
    """Each text in simplified characters: OpenCC `t2s`, then what it leaves of Taiwan's spelling.

    Repeated until nothing changes: one pass isn't always enough, as OpenCC keeps 於戲 and 畢昇 in a
    shape that it would change if it read them in simplified text. So a line has one form, whichever
    script it came in.
    """
    current = _joined(texts, _simplified)
    changed = [i for i, (old, new) in enumerate(zip(texts, current, strict=True)) if old != new]
    for _ in range(_MAX_ROUNDS):
        if not changed:
            break
        again = _joined([current[i] for i in changed], _simplified)
        moved = [(i, new) for i, new in zip(changed, again, strict=True) if current[i] != new]
        for i, new in moved:
            current[i] = new
        changed = [i for i, _ in moved]
    return current


def normalize(texts: Sequence[str], script: Literal["simplified", "keep"]) -> list[str]:
    """`text_norm` of each text, in order. Idempotent: normalising twice changes nothing."""
    formed = unicode_form(texts)
    return simplify(formed) if script == "simplified" else formed


@lru_cache(maxsize=1)
def _converter() -> OpenCC:
    return OpenCC("t2s")


def _simplified(joined: str) -> str:
    converted = _converter().convert(joined)
    spelled = _SPELLING.sub(lambda match: _SPELLINGS[match[0]], converted)
    return _ZHU.sub(lambda match: match[1] or "着", spelled) if "著" in spelled else spelled


def _unicode_form(joined: str) -> str:
    visible = bearable(_HIDDEN.sub("", joined))
    composed = visible if visible.isascii() else unicodedata.normalize("NFKC", characters(visible))
    hidden = _HIDDEN.sub("", composed)
    spaced = _SPACES.sub(" ", hidden)
    return spaced.replace("\n ", "\n").replace(" \n", "\n").strip(" ")


def _joined(texts: Sequence[str], function: Callable[[str], str]) -> list[str]:
    """The function applied to all texts at once; it must keep line breaks where they are."""
    if not texts:
        return []
    joined = "\n".join(texts)
    if joined.count("\n") != len(texts) - 1:
        joined = "\n".join([text.replace("\n", " ") for text in texts])
    done = function(joined).split("\n")
    if len(done) != len(texts):
        raise RuntimeError(f"normalisation made {len(done)} lines of {len(texts)}")
    return done
