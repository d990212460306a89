"""Section markers: `[Verse 1]`, `Hook：`, `(副歌)`, alone on a line or in front of a lyric.

All functions take a line in `normalize.unicode_form`, so brackets and colons are half-width.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Names that no lyric line consists of: a marker even without brackets or a colon.
_STRONG_LATIN = (
    r"verse|hook|chorus|bridge|intro|outro|interlude|refrain|"
    r"(?:pre|post)[\s-]?(?:chorus|hook|verse)"
)
_STRONG_HAN = r"主歌|副歌|预副歌|預副歌|前奏|间奏|間奏|尾奏|导歌|導歌|过门|過門|桥段|橋段"
# Names that need brackets or a colon.
_WEAK_LATIN = (
    r"rap|skit|solo|part|drop|break|breakdown|build[\s-]?up|instrumental|vocal|freestyle|coda|"
    r"ending|end|sample|ad[\s-]?libs?|repeat|all|music|opening"
)
_WEAK_HAN = (
    r"[a-d]段|尾声|尾聲|间奏曲|过渡|過渡|说唱|說唱|念白|独白|獨白|旁白|对白|對白|开场白?|開場白?|引子|结尾|結尾|"
    r"合唱|和声|和聲|男声|男聲|女声|女聲|童声|童聲|重复|重複|第[一二三四五六七八九十\d]{1,2}[段节節遍]|"
    r"段落|采样|採樣|序|合|男|女|齐|齊"
)
# Names that need square brackets, as Genius writes them.
_INSTRUMENT = (
    r"guitar|piano|drums?|bass|sax(?:ophone)?|violin|cello|flute|trumpet|harmonica|synth|keyboards?|"
    r"organ|strings?|erhu|guzheng|pipa|suona|beatbox|turntable|dj|talkbox|vocal|beat"
)
_SQUARE_LATIN = (
    rf"(?:{_INSTRUMENT})\s(?:solo|break|interlude|intro|outro|riff|scratch(?:es)?)|"
    r"(?:beat|flow|tempo|key|style)[\s-]?(?:switch(?:[\s-]?up)?|change|drop)|"
    r"(?:non[\s-]?lyrical|no|wordless|background|spoken|sampled|distorted|chopped)\s(?:vocals?|lyrics)|"
    r"spoken(?:[\s-](?:word|intro|outro|interlude|bridge|verse))?|chants?|choir|adlibs|"
    r"verso|estribillo|coro|puente|refr[aã]o|couplet|strophe|strofa|ritornello|zwrotka|refren|"
    r"サビ|[ABC]メロ|ヴァース|フック|間奏|イントロ|アウトロ|벌스|훅|후렴|코러스|브릿지|브리지|인트로|아웃트로|"
    r"translations?|dialogue|monologue|narration|segue|transition|vamp|turnaround|"
    r"instrumental\s(?:break|bridge|interlude|intro|outro|solo)|scratch(?:es|ing)?|humming|scat|"
    r"vocali[sz]ations?|fade[\s-]?out|voice\s?mail|phone\scall|producer\stags?|unknown|unintelligible|"
    r"inaudible|lyrics\s(?:not\savailable|unavailable|missing)"
)
_SQUARE_HAN = (
    r"[^\[\]\s]{0,4}独奏|[^\[\]\s]{0,4}獨奏|口白|念词|念詞|对唱|對唱|独唱|獨唱|齐唱|齊唱|轮唱|輪唱|重唱|吟唱|哼唱|"
    r"变奏|變奏|转场|轉場|换[\s]?beat|beat\s?转换|采样片段|採樣片段|电话录音|電話錄音|纯音乐|純音樂|伴奏|音乐|音樂"
)
_STRONG = rf"(?:(?:{_STRONG_LATIN})(?![a-z])|(?:{_STRONG_HAN})(?:部分)?)"
_WEAK = rf"(?:(?:{_WEAK_LATIN})(?![a-z])|(?:{_WEAK_HAN}))"
_NUMBER = (
    r"(?:\s*[-_.#]?\s*(?:\d{1,2}|[一二三四五六七八九十]|(?:iii|ii|iv|i|v|one|two|three|[a-d])"
    r"(?![a-z])))?"
)
_COUNT = r"(?:[x×*]\s*\d{1,2}|\d{1,2}\s*[x×*])"
_TIMES = rf"(?:\s*\(?\s*(?:{_COUNT}|repeat|重复|重複|反复|反覆)\s*\)?)?"
_AGAIN = r"(?:(?:repeat\s|重复|重複|re[\s-])\s*)?"
_STRONG_UNIT = rf"{_AGAIN}{_STRONG}{_NUMBER}{_TIMES}"
_ANY_UNIT = rf"(?:{_AGAIN}(?:{_STRONG}|{_WEAK}){_NUMBER}|[a-d]\d?|v\d){_TIMES}"
_JOIN = r"\s*[/&+、,|-]?\s*"

_FLAGS = re.IGNORECASE
_DECORATION = " -–—*#~=·.:∶_♪/"
_BARE = re.compile(
    rf"{_STRONG_UNIT}(?:{_JOIN}{_STRONG_UNIT}){{0,2}}|[\[【(]?\s*{_COUNT}\s*[\]】)]?", _FLAGS
)
# Square brackets: what begins with a section's name is a marker, whoever performs it.
_SQUARE = re.compile(
    r"[\[【〔{]\s*(?:"
    rf"{_STRONG_UNIT}[^\[\]【】〔〕{{}}]{{0,40}}|{_ANY_UNIT}(?:{_JOIN}{_ANY_UNIT}){{0,2}}"
    r"(?:\s*[:∶][^\[\]【】〔〕{}]{0,40})?"
    rf"|(?:{_SQUARE_LATIN}|{_SQUARE_HAN}){_NUMBER}(?:\s*[:∶-][^\[\]【】〔〕{{}}]{{0,40}})?"
    rf")\s*[\]】〕}}]{_TIMES}\s*[:∶]?\s*(.*)",
    _FLAGS,
)
_ROUND = re.compile(
    rf"[(<「]\s*{_ANY_UNIT}(?:{_JOIN}{_ANY_UNIT}){{0,2}}\s*[:∶]?\s*[)>」]{_TIMES}\s*[:∶]?\s*(.*)",
    _FLAGS,
)
# Book marks and white brackets hold titles as well, but none is called so.
_TITLED = re.compile(rf"[《〈〖〘]\s*{_STRONG_UNIT}\s*[》〉〗〙]\s*[:∶]?\s*(.*)", _FLAGS)
# Who performs the section, behind a numbered one: `Verse 1 - NAME`, `verse2NAME:`.
_PERFORMED = re.compile(
    rf"{_STRONG}\s?\d{{1,2}}(?:\s[-–—]\s[^\s:∶,.!?]{{1,20}}|\s?[\u3400-\u9fff]{{1,6}}\s?[:∶])",
    _FLAGS,
)
_COLON = re.compile(
    rf"({_STRONG_UNIT}(?:{_JOIN}{_STRONG_UNIT}){{0,2}}|{_ANY_UNIT})"
    r"(?:\s*\([^()]{0,30}\))?\s*[:∶]\s*(.*)",
    _FLAGS,
)
_ONE_LETTER = re.compile(r"[a-d]", _FLAGS)
_LONGEST_MARKER = 80
_HINT = re.compile(rf"[\[【〔{{(<「《〈〖〘:∶]|.{{0,8}}{_STRONG}|[x×*\d\s]{{2,6}}$", _FLAGS)


@dataclass(frozen=True, slots=True)
class Marked:
    """A line with a section marker: `rest` is what follows it, `label` what a colon followed."""

    rest: str
    label: str = ""


def find_marker(form: str) -> Marked | None:
    """The marker at the start of a line, or None. A line that is only a marker leaves no rest."""
    head = form if len(form) <= _LONGEST_MARKER else form[:_LONGEST_MARKER]
    if not _HINT.match(head) and ":" not in head and "∶" not in head:
        return None
    bracketed = _SQUARE.fullmatch(head) or _ROUND.fullmatch(head) or _TITLED.fullmatch(head)
    if bracketed:
        return Marked(_rest(form, head, bracketed.start(1)))
    colon = _COLON.fullmatch(head)
    if colon and not (_ONE_LETTER.fullmatch(colon[1]) and colon[2]):
        return Marked(_rest(form, head, colon.start(2)), colon[1].strip())
    if _PERFORMED.fullmatch(head):
        return Marked("")
    bare = head.strip(_DECORATION)
    return Marked("") if len(form) <= _LONGEST_MARKER and _BARE.fullmatch(bare) else None


def is_marker(form: str) -> bool:
    """Whether the whole line is a section marker."""
    marked = find_marker(form)
    return marked is not None and not marked.rest


def _rest(form: str, head: str, start: int) -> str:
    return (form if len(form) > len(head) else head)[start:].strip()
