"""Reader of subtitle files: SubRip (SRT), WebVTT, and Advanced SubStation Alpha (ASS, SSA)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from rapids_rap.corpus.source import Group, Lines, Mark, Source
from rapids_rap.corpus.tags import name_of_file

_CLOCK = r"(?:\d{1,3}:)?\d{1,2}:\d{1,2}[.,]\d{1,3}"
_CUE = re.compile(rf"\s*{_CLOCK}\s*-->\s*{_CLOCK}")
_DIALOGUE = re.compile(r"Dialogue\s*:(.*)", re.I)
_KARAOKE = re.compile(r"Comment\s*:((?:[^,]*,){8}\s*karaoke\s*,.*)", re.I)
_EFFECT = re.compile(r"Dialogue\s*:(?:[^,]*,){8}\s*fx\s*,", re.I)
_FORMAT = re.compile(r"Format\s*:(.*)", re.I)
_ASS_HEAD = re.compile(r"\[(?:Script Info|V4\+? Styles|Events)\]", re.I)
_OVERRIDE = re.compile(r"\{[^{}]*\}")
_CODE = re.compile(r"\{\\[^{}]*\}")  # of ASS, which SubRip files borrow: `{\an8}`
_LINE_BREAK = re.compile(r"\\[Nn]")
_DRAWING = re.compile(r"\\p[1-9]")
_ASS_FIELDS = 10  # of a Dialogue line; the last, its text, may hold commas
_VOICE = re.compile(r"</?(?:v|c|lang|ruby|rt)(?:[ .][^<>]{0,200})?>", re.I)
_NOTE = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)")
_HEAD = 40  # lines in which the first cue is looked for


def is_subtitles(lines: Sequence[str]) -> bool:
    """Whether the text is a subtitle file, by its head or its first cue."""
    head = [line for line in lines[:_HEAD] if line]
    if not head:
        return False
    if head[0].startswith("WEBVTT") or _ASS_HEAD.fullmatch(head[0]):
        return True
    return _CUE.match(head[0]) is not None or (
        head[0].isdigit() and len(head) > 1 and _CUE.match(head[1]) is not None
    )


def read_subtitles(lines: Lines, path: PurePath) -> Source:
    """The words of a subtitle file, in the order of time, as one song named after the file.

    Numbers, times, styles, notes and comments are lines of the format. The second line of a cue
    stands at the stamp of the first, as in LRC.
    """
    ass = any(_DIALOGUE.match(line) for _, line in lines)
    head = next((line for _, line in lines if line), "")
    kind = "ass" if ass else "vtt" if head.startswith("WEBVTT") else "srt"
    source = Source(kind, [Group(*name_of_file(path), is_song=True)])
    for number, text, mark, second in _ass(lines) if ass else _cues(lines):
        if second:
            source.second.add(len(source.text))
        source.add(text, number, 0, 0, mark)
    return source


Pieces = Iterator[tuple[int, str, Mark, bool]]


def _cues(lines: Lines) -> Pieces:
    """Line number, text, mark, and whether it stands below another line of its cue.

    A blank line ends a cue only where another begins, with its number, or its name directly above
    its times: some programs put a blank line inside a cue or below every line.
    """
    inside, before, note = False, False, False
    below = _next_words(lines)
    blank = True
    for i, (number, line) in enumerate(lines):
        if _CUE.match(line):
            inside, before, note = True, False, False
            yield number, line, Mark.SYNTAX, False
        elif not line:
            note = False
        elif (
            not inside
            or note
            or (below[i] and (line.isdigit() or (blank and _CUE.match(lines[i + 1][1]))))
        ):
            yield number, line, Mark.SYNTAX, False
        elif blank and _NOTE.match(line):
            note = True
            yield number, line, Mark.SYNTAX, False
        else:
            text = _CODE.sub("", _VOICE.sub("", line)).strip()
            yield number, text or line, Mark.TEXT if text else Mark.SYNTAX, before
            before = True
        blank = not line


def _next_words(lines: Lines) -> list[bool]:
    """For each line whether the next one that isn't blank holds the times of a cue."""
    found, times = [], False
    for _, line in reversed(lines):
        found.append(times)
        times = _CUE.match(line) is not None if line else times
    return found[::-1]


def _ass(lines: Lines) -> Pieces:
    """As `_cues`; the dialogue comes last, by its start.

    Where a karaoke template was applied, the lines are comments, and its effects syllables of them.
    """
    spoken: list[tuple[float, int, list[str]]] = []
    shown: set[tuple[str, ...]] = set()
    karaoke = all(any(map(of.match, (line for _, line in lines))) for of in (_KARAOKE, _EFFECT))
    start_at, fields = 1, _ASS_FIELDS
    for number, line in lines:
        match, names = _DIALOGUE.match(line), _FORMAT.match(line)
        if karaoke:
            match = _KARAOKE.match(line) or (None if _EFFECT.match(line) else match)
        if names:
            columns = [column.strip().lower() for column in names[1].split(",")]
            if columns[-1] == "text" and "start" in columns:
                start_at, fields = columns.index("start"), len(columns)
        cells = match[1].split(",", fields - 1) if match else []
        if len(cells) < fields:
            if line:
                yield number, line, Mark.SYNTAX, False
            continue
        text = cells[-1]
        words = "" if _DRAWING.search(text) else _OVERRIDE.sub("", text)
        parts = [part.replace("\\h", " ").strip() for part in _LINE_BREAK.split(words)]
        said = [part for part in parts if part]
        layer = (*cells[start_at : start_at + 2], *said)
        if not said or layer in shown:  # an outline, a shadow: the same words at the same time
            yield number, line, Mark.SYNTAX, False
            continue
        shown.add(layer)
        spoken.append((_seconds(cells[start_at]), number, said))
    for _, number, said in sorted(spoken, key=lambda one: one[0]):
        for i, part in enumerate(said):
            yield number, part, Mark.TEXT, i > 0


def _seconds(clock: str) -> float:
    """`0:01:02.50` in seconds; 0 where it is no clock."""
    seconds = 0.0
    for part in clock.strip().split(":"):
        try:
            seconds = 60 * seconds + float(part)
        except ValueError:
            return 0.0
    return seconds
