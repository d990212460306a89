"""Cleaning: which lines are lyric, by which rule the others go, and the `text_norm` of the rest.

A line is judged once however often it occurs. In this order: `header` (what the file's format says,
and titles on top of a song), `markup`, `furniture`, `credit`, `marker`, `copyright`, `link`,
`symbols`. A rule that only takes a part of the line (a stamp, a tag, a marker in front, an address)
leaves the rest; a line of which nothing is left goes by the rule that emptied it.

Some rules look at neighbours: what resembles a credit, furniture or a title is one only beside a
line that surely is. `Cleaned.decided_by` says which line that was.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rapids_rap.arrays import Bools, Int8s
from rapids_rap.config import CorpusConfig
from rapids_rap.corpus.credits import (
    CREDIT,
    HEADER,
    NOT_CREDIT,
    Credit,
    credit_kind,
    is_name,
    judge_credits,
)
from rapids_rap.corpus.furniture import (
    beside_furniture,
    is_contact,
    is_left_label,
    may_be_furniture,
    strip_furniture,
)
from rapids_rap.corpus.markers import find_marker
from rapids_rap.corpus.markup import is_lrc_tag, is_notice, strip_links, strip_markup
from rapids_rap.corpus.normalize import normalize, unicode_form
from rapids_rap.corpus.page_headers import letters_of, page_headers
from rapids_rap.corpus.roles import label_rank
from rapids_rap.corpus.source import Group, Mark

RULES = (
    "header",
    "markup",
    "furniture",
    "credit",
    "marker",
    "copyright",
    "link",
    "symbols",
    "row",
    "translation",
    "limit",
)
KEPT = -1
_CODE = {rule: code for code, rule in enumerate(RULES)}
_SET_APART = {Mark.ROW: "row", Mark.TRANSLATION: "translation"}  # other marks: `header`

_LETTER = re.compile(r"[^\W\d_]")
_MAYBE_MARKUP = re.compile(r'[\[<&]|^\{"t":')
_LABELLED = re.compile(r"[^:∶{}]{1,40}[:∶]\s*\S.{0,100}")
_BETWEEN_NAMES = re.compile(r"[/&+,、;|]|\bfeat\b\.?|\bft\b\.?", re.IGNORECASE)
_SPEAKER = re.compile(
    r"[\[【〔]([^\[\]【】()〔〕:∶]{1,44})(?:[:∶]\s*)?[\]】〕]\s*[:∶]?|([^:∶]{1,40})[:∶]"
)
_NAMES = re.compile(r"[:∶/、,，&+;；]|\s{1,9}by\s{1,9}", re.IGNORECASE)
_LABELS = 20  # lines with labels between a section's name and a credit, at most
_NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Cleaned:
    """What cleaning made of the lines, in their order.

    norm: `text_norm`, "" where the line is dropped. rule: (n,) int8, KEPT or a position in RULES.
    section: (n,) bool, whether a section marker stands on the line, alone or before a lyric.
    decided_by: a dropped line -> the line without which it would have stayed; both are positions.
    """

    norm: Sequence[str]
    rule: Int8s
    section: Bools
    decided_by: dict[int, int]


@dataclass(frozen=True, slots=True)
class _LineState:
    """What is left of a line, the rule that emptied it, the label before a marker's colon."""

    rest: str
    rule: int = KEPT
    label: str = ""
    section: bool = False


def clean(
    texts: Sequence[str],
    marks: Sequence[int],
    groups: Sequence[int],
    blocks: Sequence[int],
    names: Sequence[Group],
    config: CorpusConfig,
    begun: Container[int] = (),
) -> Cleaned:
    """Judge every line of the corpus, or of a stretch of it that `cuts.cut_lines` cut.

    texts, marks (`source.Mark`), groups (positions in `names`) and blocks (a number for each
    stretch between blank lines) are parallel. begun: groups that begin before the stretch.
    """
    bodies = _bodies(texts, config)
    body = ["" if mark else bodies[text] for text, mark in zip(texts, marks, strict=True)]
    rule = np.full(len(texts), KEPT, dtype=np.int8)
    decided_by: dict[int, int] = {}
    if config.markup:
        rule[[i for i, one in enumerate(body) if not one]] = _CODE["markup"]
    if config.links:
        body = _drop_furniture(body, groups, rule, decided_by)
    judged = {one: _judge(one, config) for one in set(body)}
    rest = [judged[one].rest for one in body]
    for i, one in enumerate(body):
        if rule[i] == KEPT and judged[one].rule != KEPT:
            rule[i] = judged[one].rule
    if config.credits or config.headers:
        _drop_credits(body, blocks, judged, rule, decided_by, config)
    if config.credits:  # what NetEase writes as timed JSON is a credit, whatever its role
        rule[
            [
                i
                for i, (text, one) in enumerate(zip(texts, body, strict=True))
                if text.startswith('{"t":') and rule[i] == KEPT and _LABELLED.fullmatch(one)
            ]
        ] = _CODE["credit"]
    if config.markers:
        _drop_performers(body, groups, names, judged, rule)
    _drop_marked(texts, marks, rest, rule, decided_by, config)
    if config.headers:
        _drop_page_headers(body, groups, names, begun, rule, decided_by)
    section = np.fromiter((judged[one].section for one in body), dtype=np.bool_, count=len(body))
    return Cleaned(_normalized(rest, rule, config), rule, section, decided_by)


def stand_alone(texts: Sequence[str], config: CorpusConfig) -> list[bool]:
    """Whether each line says nothing of its neighbours, and they nothing of it, as far as it shows.

    A line that might be a credit, furniture or a marker, or of which nothing is left, may.
    """
    bodies = _bodies(texts, config)
    alone = {
        one: bool(one)
        and not may_be_furniture(one)
        and credit_kind(one) is Credit.NONE
        and find_marker(one) is None
        for one in set(bodies.values())
    }
    return [alone[bodies[text]] for text in texts]


def _bodies(texts: Sequence[str], config: CorpusConfig) -> dict[str, str]:
    """Every distinct text -> its Unicode form without markup."""
    distinct = list(dict.fromkeys(texts))
    forms = unicode_form(distinct)
    if config.markup:
        hot = [i for i, form in enumerate(forms) if _MAYBE_MARKUP.search(form)]
        stripped = unicode_form([strip_markup(forms[i]) for i in hot])
        for i, form in zip(hot, stripped, strict=True):
            forms[i] = form
    return dict(zip(distinct, forms, strict=True))


def _drop_furniture(
    body: Sequence[str],
    groups: Sequence[int],
    rule: Int8s,
    decided_by: dict[int, int],
) -> list[str]:
    """The bodies without what a site printed; lines that were only that go."""
    left = {one: strip_furniture(one) for one in set(body)}
    gone = [i for i, one in enumerate(body) if one and not left[one]]
    beside = beside_furniture(body, groups, gone)
    rule[[*gone, *beside]] = _CODE["furniture"]
    decided_by.update(beside)
    stripped = [left[one] for one in body]
    for i in beside:
        stripped[i] = ""
    return stripped


def _judge(body: str, config: CorpusConfig) -> _LineState:
    """What the line is by itself, credits aside."""
    if config.headers and is_lrc_tag(body):
        return _LineState("", _CODE["header"])
    if config.links and body.startswith("(") and is_notice(body):
        return _LineState("", _CODE["copyright"])  # `(C) 2019 COMPANY` has no section C
    marked = find_marker(body) if config.markers else None
    if marked is not None and not marked.rest:
        return _LineState("", _CODE["marker"], marked.label, section=True)
    rest, label = (marked.rest, marked.label) if marked else (body, "")
    if config.links:
        if is_notice(rest):
            return _LineState("", _CODE["copyright"], label)
        bare = strip_links(rest)
        if is_contact(rest) or (bare != rest and is_left_label(bare, rest)):
            bare = ""
        rest = bare
        if not rest and body:
            return _LineState("", _CODE["link"], label)
    return _LineState(rest, KEPT, label, section=marked is not None)


def _drop_credits(
    body: Sequence[str],
    blocks: Sequence[int],
    judged: dict[str, _LineState],
    rule: Int8s,
    decided_by: dict[int, int],
    config: CorpusConfig,
) -> None:
    """Credits, and names of the artist, the title and the release."""
    found = judge_credits(body, blocks)
    mask = found.mask
    settled = (_CODE["marker"], _CODE["header"])
    for i, kind in enumerate(mask):
        if kind == NOT_CREDIT or rule[i] in settled:
            continue
        if kind == CREDIT and config.credits:
            rule[i] = _CODE["credit"]
            if i in found.decided_by:
                decided_by[i] = found.decided_by[i]
        elif kind == HEADER and config.headers:
            rule[i] = _CODE["header"]
    if config.credits:
        _drop_labels(body, blocks, judged, rule, decided_by, mask)


def _drop_labels(
    body: Sequence[str],
    blocks: Sequence[int],
    judged: dict[str, _LineState],
    rule: Int8s,
    decided_by: dict[int, int],
    mask: Sequence[int],
) -> None:
    """Section names with a colon that are credits among credits: `Rap：某某`.

    Beside a credit those that roles share; `Hook：某某` between two, or with a name that a credit
    of its block gives.
    """
    for i, one in enumerate(body):
        if rule[i] != KEPT or not judged[one].label:
            continue
        if label_rank(judged[one].label) != "shared":
            credit = _credit_around(i, body, blocks, judged, mask)
            if credit is not None:
                rule[i] = _CODE["credit"]
                decided_by[i] = credit
            continue
        for j in (i - 1, i + 1):
            if 0 <= j < len(body) and blocks[j] == blocks[i] and mask[j] != NOT_CREDIT:
                rule[i] = _CODE["credit"]
                decided_by.setdefault(i, j)


def _credit_around(
    i: int,
    body: Sequence[str],
    blocks: Sequence[int],
    judged: dict[str, _LineState],
    mask: Sequence[int],
) -> int | None:
    """The credit that shows that a section's name with a name behind it is one, too."""
    name = judged[body[i]].rest
    if not is_name(name):
        return None
    ends = []
    for step in (-1, 1):
        j, far = i + step, 0
        while far < _LABELS and 0 <= j < len(body) and blocks[j] == blocks[i]:
            if mask[j] != NOT_CREDIT:
                ends.append(j)
                break
            if not judged[body[j]].label:
                break
            j, far = j + step, far + 1
    if len(ends) == 2:
        return ends[0]
    return next((j for j in ends if _names(body[j], name)), None)


def _names(credit: str, name: str) -> bool:
    """Whether a credit gives the name, alone or among others."""
    return name in (part.strip() for part in _NAMES.split(credit))


def _drop_performers(
    body: Sequence[str],
    groups: Sequence[int],
    names: Sequence[Group],
    judged: dict[str, _LineState],
    rule: Int8s,
) -> None:
    """Who performs: the song's artist alone in square brackets, before or after a colon."""
    speakers = {one: who for one in judged if (who := _speaker(one, judged[one]))}
    for i, one in enumerate(body):
        if rule[i] != KEPT or one not in speakers:
            continue
        if not speakers[one].isdisjoint(_performers(names[groups[i]].artist or "")):
            rule[i] = _CODE["marker"]


def _speaker(body: str, judgement: _LineState) -> frozenset[str]:
    """Who may be named before the line, or alone on it: the name, and those it is made of."""
    if len(body) > 60:
        return _NOBODY
    if judgement.label:
        return frozenset((letters_of(judgement.rest),)) - {""}  # `Verse 1：NAME`
    match = _SPEAKER.fullmatch(body)
    return _performers(match[1] or match[2]) if match else _NOBODY


def _drop_page_headers(
    body: Sequence[str],
    groups: Sequence[int],
    names: Sequence[Group],
    begun: Container[int],
    rule: Int8s,
    decided_by: dict[int, int],
) -> None:
    """A song's title on top of it, see `page_headers`."""
    kept = (rule == KEPT).tolist()
    named = np.isin(rule, (_CODE["credit"], _CODE["header"])).tolist()
    for i, below in page_headers(body, groups, names, kept, named, begun).items():
        rule[i] = _CODE["header"]
        if below is not None:
            decided_by[i] = below


@lru_cache(maxsize=4096)
def _performers(artist: str) -> frozenset[str]:
    parts = [artist, *_BETWEEN_NAMES.split(artist)]
    return frozenset(filter(None, (letters_of(part) for part in parts)))


def _drop_marked(
    texts: Sequence[str],
    marks: Sequence[int],
    rest: list[str],
    rule: Int8s,
    decided_by: dict[int, int],
    config: CorpusConfig,
) -> None:
    """Lines that the file's format sets apart; titles stay lyric where `headers` is off."""
    for i, mark in enumerate(marks):
        if mark == Mark.TEXT:
            continue
        if mark == Mark.TITLE and not config.headers:
            rest[i] = unicode_form([texts[i]])[0]
            rule[i] = KEPT
        else:
            rule[i] = _CODE[_SET_APART.get(Mark(mark), "header")]
            if mark == Mark.TITLE:  # the credit below it made it one
                decided_by[i] = i + 1


def _normalized(rest: list[str], rule: Int8s, config: CorpusConfig) -> list[str]:
    """`text_norm` of the lines kept so far; drops those without a letter."""
    kept = [i for i in range(len(rest)) if rule[i] == KEPT]
    distinct = list(dict.fromkeys(rest[i] for i in kept))
    norm_of = dict(zip(distinct, normalize(distinct, config.script), strict=True))
    norm = [""] * len(rest)
    for i in kept:
        form = norm_of[rest[i]]
        if form and (not config.symbols or _LETTER.search(form)):
            norm[i] = form
        else:
            rule[i] = _CODE["symbols"]
    return norm
