"""Credits: who wrote, mixed and published the song, told from what is sung.

`credit_kind` judges a line by itself; `judge_credits` judges it among its neighbours, because
`作词 某某` without a colon is a credit below `作曲：某某` and may be lyric elsewhere, and because a
name may stand on the line below its role; it says which neighbour decided. A label is a credit when
every word of it is known to `data/credit_roles.toml`: `我说：别走` has a colon but no role,
`OP我是OP` a role but no colon.

All functions take lines in `normalize.unicode_form`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from rapids_rap.corpus.markers import find_marker, is_marker
from rapids_rap.corpus.roles import label_rank, role_words


class Credit(IntEnum):
    """What a line is by itself."""

    NONE = 0
    LABELLED = 1  # `某某：某某` with a label that isn't known: a credit inside a block of credits
    SOFT = 2  # a credit next to one that is certain: `Beat by 某某`, `某某有限公司`
    PAIR = 3  # the same, or next to another such line: `作词 某某`, `作词/某某`, `某某 | 吉他`
    BARE = 4  # a role alone, its name perhaps on the next line
    CERTAIN = 5
    OPEN = 6  # certain, and the name is on the next line: `作词：`
    HEADER = 7  # names the artist, the title or the release


NOT_CREDIT, CREDIT, HEADER = 0, 1, 2

_FARTHEST = 100  # lines up and down in which the credits around a label are looked for
_LONGEST = 300
_BARS = "|丨│┃¦"
_BAR = re.compile(f"[{_BARS}]")
_HINT = re.compile(
    rf"[:∶{_BARS}\[【(〔「《@/=>→⇒~–—-]|\bby\b|^(?:prod|rec|mix|mas|isrc|upc|ean|a&r|samp|inter|contain)"
    r"|^[作填词谱编混缩母制监录出原曲配總总采採取本]",
    re.I,
)
# How a company's line ends: its last character, or its last word.
_ENDS = frozenset("司室片牌媒社台臺品行作供划制製发")
_LAST_WORDS = frozenset(
    ("records", "entertainment", "studio", "studios", "publishing", "group", "ltd", "inc", "llc")
)
_WRAPPED = re.compile(r"[\[【(〔「《{<](.*)[\]】)〕」》}>]")
_HEADING = re.compile(
    r"(?:lyrics|歌词|歌詞)\s*[:∶]"
    r"|[\[【][^\[\]【】「」《》]{0,60}[「《\"“'][^「」《》“”\[\]]{1,80}[」》\"”']\s?(?:的)?(?:歌词|歌詞|lyrics)[\]】]"
    r"|[\[【](?:letra de|paroles de|songtext zu|testo di) [^\[\]]{1,100}[\]】]",
    re.I,
)
_COLON = re.compile(r"([^:∶]{1,60})[:∶](.*)")
_LABELLED = re.compile(r"[^:∶]{1,24}[:∶]\s*[^:∶\s].{0,60}")
_BRACKETED = re.compile(r"([\[【(〔「])([^\[\]【】()〔〕「」]{1,40})[\]】)〕」]\s*[:∶]?\s*(.*)")
_BY = re.compile(r"([^:∶]{2,60}?)\s*(?:\bby\b|@)\s*[.:∶]?\s*(.*)", re.I)
_AT = re.compile(
    r"(?:record|mix|master)(?:ed|ing)?(?: (?:and|&) (?:mix|master)(?:ed|ing)?)? at\b", re.I
)
_PROD = re.compile(r"prod\.\s*\S.{0,40}", re.I)
_DASH = re.compile(r"([^-–—·•]{1,40}?)(\s*)[-–—·•]+\s*(\S.*)")
_SEPARATED = re.compile(r"([^/=→⇒>~]{1,40}?)\s*(?:[-=]?>|[/=→⇒~]| [-–—] )\s*(\S.{0,60})")
_CODE = re.compile(
    r"isrc\s?[a-z]{2}-?[a-z0-9]{3}-?\d{2}-?\d{5}|(?:upc|ean)(?:/ean)?\s?\d{8,14}", re.I
)
# `Contains a sample of X`, `采样自《X》` are certain; without the book marks they need company.
_CONTAINS = re.compile(
    r"contains? (?:an? )?(?:(?:portions?|elements?|excerpts?|samples?|interpolations?)(?: and "
    r"(?:portions?|elements?|excerpts?|samples?|interpolations?))?) (?:of|from) .{1,200}"
    r"|(?:本[曲歌])?(?:采样|採樣|取样|取樣)(?:了|自|于|於|来自|來自|来源于?|來源於?)?\s?《[^《》]{1,60}》.{0,40}",
    re.I,
)
_SAMPLED = re.compile(
    r"(?:sampl(?:es?|ed|ing)|interpolat(?:es?|ed|ing|ions?)) (?:from|of) \S.{0,80}"
    r"|(?:本[曲歌])?(?:采样|採樣|取样|取樣)(?:自|于|於|来自|來自|来源于?|來源於?)\s?\S.{0,60}",
    re.I,
)
_COMPANY = re.compile(
    r"(?!(?:i|i'm|we|you|my|your|the)\b)[^我你他她它咱俺们們的了吗嗎吧呢]{2,40}"
    r"(?:公司|工作室|唱片|厂牌|廠牌|传媒|傳媒|出版社|电视台|電視台"
    r"|\b(?:records|entertainment|studios?|publishing|music group|ltd|inc|llc)\.?)"
    r"(?:\s?(?:荣誉|榮譽|联合|聯合|独家|獨家)?(?:出品|发行|發行|制作|製作|录制|錄製|提供|策划|宣发))?"
    r"|[^我你他她它咱俺们們的了吗嗎吧呢]{2,30}\s(?:荣誉|榮譽|联合|聯合|独家|獨家)?(?:出品|发行|發行)",
    re.I,
)
# A line of which these are the words is more likely sung: whoever is credited has a name.
_SENTENCE_WORDS = re.compile(r"[我你您他她它咱了吗嗎吧呢]|\b(?:i|you|my|your|we|they)\b", re.I)
_SUNG_LABELS = frozenset(("感谢", "感謝", "beat", "beats"))
_NO_NAME = re.compile(
    r"[我你您他她它咱谁誰自]|(?:me|my|myself|us|our|you|your|him|his|her|them|their|it)\b", re.I
)
_VERSION = re.compile(r"(?:此|本)版本(?:为|為|是|非)[^我你他她它]{1,12}")
_NOT_ROLES = (None, "header", "shared")
_UNFINISHED = "/、,&"
_CJK = re.compile(r"[\u3400-\u9fff]")
_SENTENCE = re.compile(r"[。!?…:;]")
_SHORT_NAMES = re.compile(
    r"(?:[\u3400-\u9fff·]{1,5}|[a-z0-9.'_$·-]{1,16})"
    r"(?:[\s/、,&+]+(?:[\u3400-\u9fff·]{1,5}|[a-z0-9.'_$·-]{1,16})){0,3}",
    re.I,
)


@dataclass(frozen=True)
class Judged:
    """mask: CREDIT, HEADER or NOT_CREDIT a line. decided_by: a line -> the neighbour it needed."""

    mask: list[int]
    decided_by: dict[int, int]


def credit_mask(forms: Sequence[str], blocks: Sequence[int]) -> list[int]:
    """CREDIT, HEADER or NOT_CREDIT for every line; see `judge_credits`."""
    return judge_credits(forms, blocks).mask


def judge_credits(forms: Sequence[str], blocks: Sequence[int]) -> Judged:
    """Which lines are credits, and which of them only because of another line.

    `blocks` (same length) numbers the stretches between blank lines; a line has neighbours only
    in its own block. An empty line is never a credit.
    """
    kind_of: dict[str, Credit] = {form: credit_kind(form) for form in set(forms)}
    kinds = [kind_of[form] for form in forms]
    hot = [i for i, kind in enumerate(kinds) if kind]
    mask = [NOT_CREDIT] * len(forms)
    decided_by: dict[int, int] = {}
    for i in hot:
        if kinds[i] >= Credit.CERTAIN:
            mask[i] = HEADER if kinds[i] is Credit.HEADER else CREDIT

    def settle(i: int, neighbour: int | None) -> None:
        if not mask[i] and neighbour is not None:
            mask[i] = CREDIT
            decided_by[i] = neighbour

    for i in hot:
        settle(i, _confirmed(i, kinds, mask, blocks))
        waits = mask[i] and kinds[i] in (Credit.OPEN, Credit.BARE)
        if waits and _name_below(i, forms, kinds, blocks):
            settle(i + 1, i)
    for i in reversed(hot):
        settle(i, _confirmed(i, kinds, mask, blocks))
    for i in hot:
        if kinds[i] is Credit.LABELLED:
            settle(i, _enclosed(i, kinds, mask, blocks))
    return Judged(mask, decided_by)


def credit_kind(form: str) -> Credit:
    """What the line is by itself; a line of more than 300 characters is no credit."""
    if len(form) > _LONGEST or not _may_be_credit(form):
        return Credit.NONE
    if _HEADING.fullmatch(form):
        return Credit.HEADER
    wrapped = _WRAPPED.fullmatch(form)
    body = wrapped[1].strip() if wrapped else form
    return (
        _by_colon(body)
        or _by_bar(body)
        or _by_bracket(form)
        or _by_preposition(body)
        or _by_wording(body)
        or (Credit.NONE if wrapped else _by_space(body) or _by_separator(body))
        or (Credit.LABELLED if _LABELLED.fullmatch(body) and not find_marker(body) else Credit.NONE)
    )


def _may_be_credit(form: str) -> bool:
    """Whether it is worth a closer look; for most lyric lines a glance tells that it isn't."""
    return bool(
        _HINT.search(form)
        or form[-1:] in _ENDS
        or form.partition(" ")[0].lower() in role_words()
        or form.rpartition(" ")[2].lower().rstrip(".") in _LAST_WORDS
    )


def is_name(text: str) -> bool:
    """Whether the text may be a name, or a few: short, and no sentence."""
    return bool(_SHORT_NAMES.fullmatch(text)) and _SENTENCE_WORDS.search(text) is None


def _by_colon(body: str) -> Credit:
    match = _COLON.fullmatch(body)
    rank = label_rank(match[1].strip()) if match else None
    if match is None or rank in (None, "shared"):
        return Credit.NONE
    if rank == "header":
        return Credit.HEADER
    name = match[2].strip()
    if not name or name[-1] in _UNFINISHED:
        return Credit.OPEN
    if rank == "strong":
        return Credit.CERTAIN
    if name[-1] in "?!":
        return Credit.NONE  # 导演：开始！ is somebody speaking
    return Credit.PAIR if _may_be_sung(match[1].strip(), name) else Credit.CERTAIN


def _by_bar(body: str) -> Credit:
    parts = [part.strip() for part in _BAR.split(body)]
    if len(parts) < 2 or not all((parts[0], parts[-1])):
        return Credit.NONE
    ranks = {label_rank(parts[0]), label_rank(parts[-1])}
    if "strong" in ranks:
        return Credit.CERTAIN
    return Credit.PAIR if "role" in ranks else Credit.NONE


def _by_bracket(form: str) -> Credit:
    match = _BRACKETED.fullmatch(form)
    rank = label_rank(match[2].strip()) if match else None
    if match is None or rank in _NOT_ROLES:
        return Credit.NONE
    if not match[3]:
        return Credit.OPEN if rank == "strong" and match[1] in "[【〔" else Credit.NONE
    return Credit.CERTAIN if rank == "strong" else Credit.SOFT


def _by_preposition(body: str) -> Credit:
    if _PROD.fullmatch(body):
        return Credit.CERTAIN
    at = _AT.match(body) if len(body) <= 80 else None
    if at:
        return Credit.SOFT if _is_spoken_of(body[at.end() :].strip()) else Credit.CERTAIN
    match = _BY.fullmatch(body)
    rank = label_rank(match[1].strip()) if match else None
    if match is None or rank in _NOT_ROLES or len(match[2].split()) > 8:
        return Credit.NONE
    if rank == "role" or _is_spoken_of(match[2]):
        return Credit.SOFT
    return Credit.CERTAIN if match[2] else Credit.OPEN


def _may_be_sung(label: str, name: str) -> bool:
    """Whether `词：穷`, `感谢：妈妈` or `吉他：弹到我手疼` may be lyric: they need company."""
    return (
        label.casefold() in _SUNG_LABELS
        or _SENTENCE_WORDS.search(name) is not None
        or (len(label) == len(name) == 1 and _CJK.match(name) is not None)
        or (label.isascii() and _is_spoken_of(name))
    )


def _is_spoken_of(name: str) -> bool:
    """Whether what stands behind `by` or `at` is no name: `the devil himself`, `me`, `我的心`."""
    return name[:1].islower() or _NO_NAME.match(name) is not None


def _by_space(body: str) -> Credit:
    """`作词 - 某某` is certain, `作词 某某` needs company, `吉他 某某` and `OP 某某` more of it."""
    label, _, name = body.partition(" ")
    if not (_CJK.match(body) or label.isupper()):
        return _by_words(body)
    if _CJK.match(body):
        dash = _DASH.fullmatch(body)
        if dash and label_rank(dash[1]) == "strong":
            return Credit.PAIR if _SENTENCE_WORDS.search(dash[3]) else Credit.CERTAIN
        if label_rank(body) == "strong":
            return Credit.BARE
    rank = label_rank(label) if name and len(name) <= 24 else None
    if rank == "strong":
        return Credit.PAIR
    return Credit.LABELLED if rank == "role" and _SHORT_NAMES.fullmatch(name) else Credit.NONE


def _by_words(body: str) -> Credit:
    """`Mixing Engineer NAME`, `Special Thanks to NAME`: two words of a role in capitals."""
    words = body.split(" ", 6)
    roles = 0
    while roles < len(words) - 1 and (words[roles][:1].isupper() or words[roles] in ("of", "to")):
        if label_rank(words[roles]) is None and words[roles].lower() not in role_words():
            break
        roles += 1
    named = roles > 1 and _SHORT_NAMES.fullmatch(" ".join(words[roles:]))
    rank = label_rank(" ".join(words[:roles])) if named else None
    return Credit.NONE if rank in _NOT_ROLES else Credit.LABELLED


def _by_separator(body: str) -> Credit:
    """`作曲/某某`, `混音=某某`, `Guitar - Some One`: credits in company."""
    match = _SEPARATED.fullmatch(body)
    if match is None or _SENTENCE.search(match[2]):
        return Credit.NONE
    rank = label_rank(match[1].strip())
    if rank == "strong":
        return Credit.PAIR
    return Credit.SOFT if rank == "role" and _SHORT_NAMES.fullmatch(match[2]) else Credit.NONE


def _by_wording(body: str) -> Credit:
    """Codes of a recording, what was sampled, and companies."""
    if _CODE.fullmatch(body) or _CONTAINS.fullmatch(body):
        return Credit.CERTAIN
    soft = _SAMPLED.fullmatch(body) or _COMPANY.fullmatch(body) or _VERSION.fullmatch(body)
    return Credit.SOFT if soft else Credit.NONE


def _confirmed(
    i: int, kinds: Sequence[Credit], mask: Sequence[int], blocks: Sequence[int]
) -> int | None:
    """The neighbour of an uncertain line that shows that it is a credit; None if none does."""

    def near(j: int) -> bool:
        return 0 <= j < len(kinds) and blocks[j] == blocks[i]

    if kinds[i] is Credit.LABELLED:
        return None
    beside = [j for j in (i - 1, i + 1) if near(j)]
    showing = [j for j in beside if mask[j]]
    if kinds[i] is Credit.PAIR:
        showing += [j for j in beside if kinds[j] is Credit.PAIR]
    if kinds[i] is Credit.BARE:
        showing += [j for j in (i - 2, i + 2) if near(j) and kinds[j] in (Credit.BARE, Credit.OPEN)]
    return showing[0] if showing else None


def _enclosed(
    i: int, kinds: Sequence[Credit], mask: Sequence[int], blocks: Sequence[int]
) -> int | None:
    """The credit above, where credits stand above and below with only labelled lines between.

    The end of the block will do for the lower one when two credits stand above.
    """
    above, below = i - 1, i + 1
    top, bottom = max(0, i - _FARTHEST), min(len(kinds), i + _FARTHEST)
    while above >= top and blocks[above] == blocks[i] and kinds[above] is Credit.LABELLED:
        above -= 1
    while below < bottom and blocks[below] == blocks[i] and kinds[below] is Credit.LABELLED:
        below += 1
    if above < 0 or blocks[above] != blocks[i] or not mask[above]:
        return None
    if below < len(kinds) and blocks[below] == blocks[i]:
        closed = mask[below] != NOT_CREDIT
    else:
        closed = above > 0 and blocks[above - 1] == blocks[i] and mask[above - 1] != NOT_CREDIT
    return above if closed else None


def _name_below(
    i: int, forms: Sequence[str], kinds: Sequence[Credit], blocks: Sequence[int]
) -> bool:
    """Whether the line below an open credit is the name it waits for.

    With another credit, a marker or a blank line after it, whatever is short will do; with an
    ordinary line after it, it must look like names.
    """
    j = i + 1
    if (
        j >= len(forms)
        or blocks[j] != blocks[i]
        or kinds[j] > Credit.LABELLED
        or is_marker(forms[j])
    ):
        return False
    if not forms[j] or len(forms[j]) > 40 or _SENTENCE.search(forms[j]):
        return False
    after = j + 1
    if after >= len(forms) or blocks[after] != blocks[i] or not forms[after]:
        return True
    return bool(
        kinds[after] > Credit.LABELLED
        or is_marker(forms[after])
        or _SHORT_NAMES.fullmatch(forms[j])
    )
