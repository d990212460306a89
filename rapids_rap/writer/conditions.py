"""What a song may be asked to be, and the header that tells a model so.

Training and writing share this file: a model reads in training the very header that it is given
when it writes. Every condition is optional, in training too, where they are dropped at random.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from math import lcm
from typing import Any, Literal, get_args

from rapids_rap.errors import ConfigError, InputError

Rhyme = Literal["AABB", "ABAB", "AAAA", "free"]
Language = Literal["chinese", "mixed", "latin"]
RHYMES: tuple[Rhyme, ...] = get_args(Rhyme)
LANGUAGES: tuple[Language, ...] = get_args(Language)
MOST_SYLLABLES = 40  # of a line
MOST_LINES = 400  # of a song that is written
STANZA = 4  # lines; what a rhyme scheme is repeated over
VERSE = 8  # lines of a verse that a hook follows

_OPEN, _CLOSE, _BETWEEN, _IS, _ESCAPE = "【】｜：\\"
_RHYME_NAMES: dict[Rhyme, str] = {"AABB": "AABB", "ABAB": "ABAB", "AAAA": "AAAA", "free": "自由"}
_LANGUAGE_NAMES: dict[Language, str] = {"chinese": "中文", "mixed": "中英", "latin": "外文"}
_HOOK_NAMES = {True: "有", False: "无"}
_KEYS = {
    "theme": "主题",
    "region": "地区",
    "emotion": "情绪",
    "rhyme": "押韵",
    "syllables": "字数",
    "language": "语言",
    "hook": "副歌",
}
_THEME = re.compile(r"(-?[0-9]{1,18}) (.*)", re.DOTALL)
_COUNTS = re.compile(r"[0-9]{1,3}(?:,[0-9]{1,3})*")
_SHOWN = 30  # choices that a message names


@dataclass(frozen=True)
class Theme:
    """A theme of the run: its stable id and its name then."""

    id: int
    name: str

    def __str__(self) -> str:
        return f"{self.id} {self.name}"


@dataclass(frozen=True)
class Conditions:
    """What is asked of a song; None asks nothing.

    syllables: of the first lines; the pattern begins again after its last. hook: whether some lines
    come back. Raises ValueError for values that no header can hold.
    """

    theme: Theme | None = None
    region: str | None = None
    emotion: str | None = None
    rhyme: Rhyme | None = None
    syllables: tuple[int, ...] | None = None
    language: Language | None = None
    hook: bool | None = None

    def __post_init__(self) -> None:
        if self.rhyme is not None and self.rhyme not in RHYMES:
            raise ValueError(f"no rhyme scheme: {self.rhyme!r}")
        if self.language is not None and self.language not in LANGUAGES:
            raise ValueError(f"no language mix: {self.language!r}")
        if self.syllables is not None and not (
            self.syllables and all(1 <= count <= MOST_SYLLABLES for count in self.syllables)
        ):
            raise ValueError(f"no syllables of lines: {self.syllables!r}")


@dataclass(frozen=True)
class Choices:
    """The conditions that a writer knows: what `writer.json` has under `conditions`."""

    themes: tuple[Theme, ...] = ()
    regions: tuple[str, ...] = ()
    emotions: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As `writer.json` has it."""
        return {
            "themes": [{"id": theme.id, "name": theme.name} for theme in self.themes],
            "regions": list(self.regions),
            "emotions": list(self.emotions),
        }


def read_choices(found: Any, where: str) -> Choices:
    """What `to_json` gave. Raises `InputError`, which names `where`, for anything else."""
    try:
        themes = tuple(Theme(int(one["id"]), str(one["name"])) for one in found["themes"])
        return Choices(
            themes, tuple(map(str, found["regions"])), tuple(map(str, found["emotions"]))
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{where}: `conditions` should have `themes` (each with `id` and `name`), `regions` "
            "and `emotions`; train the writer again."
        ) from error


def header(conditions: Conditions) -> str:
    """One line that says the conditions, with its line end: 【主题：3 街头｜押韵：AABB】."""
    values = {
        "theme": None if conditions.theme is None else str(conditions.theme),
        "region": conditions.region,
        "emotion": conditions.emotion,
        "rhyme": None if conditions.rhyme is None else _RHYME_NAMES[conditions.rhyme],
        "syllables": None if conditions.syllables is None else _joined(conditions.syllables),
        "language": None if conditions.language is None else _LANGUAGE_NAMES[conditions.language],
        "hook": None if conditions.hook is None else _HOOK_NAMES[conditions.hook],
    }
    told = [f"{_KEYS[k]}{_IS}{_escaped(v)}" for k, v in values.items() if v is not None]
    return f"{_OPEN}{_BETWEEN.join(told)}{_CLOSE}\n"


def read_header(text: str) -> Conditions:
    """The conditions of a header. Raises ValueError for what `header` never wrote."""
    found: dict[str, Any] = {}
    names = {name: key for key, name in _KEYS.items()}
    if not (text.startswith(_OPEN) and text.endswith(f"{_CLOSE}\n")):
        raise ValueError("no header")
    for part in _parts(text[1:-2]):
        name, is_, value = part.partition(_IS)
        if not is_ or name not in names or names[name] in found:
            raise ValueError(f"no condition: {part!r}")
        found[names[name]] = _read_value(names[name], value)
    read = Conditions(**found)
    if header(read) != text:
        raise ValueError("not as a header is written")
    return read


def resolve_conditions(
    choices: Choices,
    *,
    theme: str | None = None,
    region: str | None = None,
    emotion: str | None = None,
    rhyme: str | None = None,
    syllables: str | None = None,
    language: str | None = None,
    hook: bool | None = None,
) -> Conditions:
    """What a person asked for by these words. Raises `ConfigError` that names the choices.

    theme: its id or its name; syllables: numbers with commas between them.
    """
    return Conditions(
        theme=None if theme is None else _theme(theme, choices.themes),
        region=_one_of("--region", region, choices.regions),
        emotion=_one_of("--emotion", emotion, choices.emotions),
        rhyme=next((one for one in RHYMES if one == _one_of("--rhyme", rhyme, RHYMES)), None),
        syllables=None if syllables is None else _syllables(syllables),
        language=next(
            (one for one in LANGUAGES if one == _one_of("--language", language, LANGUAGES)), None
        ),
        hook=hook,
    )


def check_lines(conditions: Conditions, lines: int) -> None:
    """Raises `ConfigError` where scheme or syllables do not come out even over so many lines.

    Also where a hook would not come back. Every number of lines that it names fits all three.
    """
    pattern = len(conditions.syllables or (0,))
    fitting = _fitting(conditions, lines)
    if conditions.hook and lines <= VERSE and fitting:
        raise ConfigError(
            f"--hook: its four lines come after every {VERSE}, and after {lines} they would not "
            f"come back; ask for {fitting[0]} lines or more, or leave --hook out."
        )
    offer = f"{' or '.join(map(str, fitting))} lines, or for " if fitting else ""
    if conditions.syllables is not None and lines % pattern:
        raise ConfigError(
            f"--syllables {_joined(conditions.syllables)}: a pattern of {pattern} lines does not "
            f"fit {lines} lines; ask for {offer}another pattern."
        )
    if lines % _rhymed(conditions):
        raise ConfigError(
            f"--lines {lines}: the scheme {conditions.rhyme} takes {STANZA} lines at a time; ask "
            f"for {offer}--rhyme free."
        )


def _rhymed(conditions: Conditions) -> int:
    """Lines that the scheme takes at a time."""
    return 1 if conditions.rhyme in (None, "free") else STANZA


def _fitting(conditions: Conditions, near: int) -> list[int]:
    """The next number of lines below and the next above that scheme, syllables and hook allow."""
    step = lcm(_rhymed(conditions), len(conditions.syllables or (0,)))
    least = VERSE + 1 if conditions.hook else 1  # a hook comes back after a second verse
    known = [number for number in range(step, MOST_LINES + 1, step) if number >= least]
    below, above = [n for n in known if n < near], [n for n in known if n > near]
    return below[-1:] + above[:1]


def _theme(asked: str, themes: Sequence[Theme]) -> Theme:
    bare = asked.strip()
    found = [t for t in themes if bare == str(t.id)]  # also where another's name is a number
    found = found or [t for t in themes if bare in (t.name, str(t))]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(f"--theme {asked}: several have this name; ask by id: {_listed(found)}.")
    raise ConfigError(f"--theme {asked}: {_known('theme', themes)}")


def _one_of(option: str, asked: str | None, known: Sequence[str]) -> str | None:
    if asked is None or asked in known:
        return asked
    raise ConfigError(f"{option} {asked}: {_known(option.removeprefix('--'), known)}")


def _known(kind: str, known: Sequence[Any]) -> str:
    if not known:
        return f"this writer knows no {kind}; leave the option out."
    return f"this writer does not know it; known: {_listed(known)}."


def _listed(known: Iterable[Any]) -> str:
    names = [str(one) for one in known]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _syllables(asked: str) -> tuple[int, ...]:
    bare = asked.replace(" ", "").replace("，", ",")
    counts = tuple(map(int, bare.split(","))) if _COUNTS.fullmatch(bare) else ()
    if counts and all(1 <= count <= MOST_SYLLABLES for count in counts):
        return counts
    raise ConfigError(
        f"--syllables {asked}: expected numbers from 1 to {MOST_SYLLABLES} with commas between "
        "them, such as 7,7,9,9."
    )


def _joined(counts: Iterable[int]) -> str:
    return ",".join(map(str, counts))


def _read_value(key: str, value: str) -> Any:
    if key == "theme":
        found = _THEME.fullmatch(value)
        return Theme(int(found[1]), found[2]) if found else _refuse(key, value)
    if key == "syllables":
        if not _COUNTS.fullmatch(value):
            _refuse(key, value)
        return tuple(map(int, value.split(",")))
    tables: dict[str, dict[Any, str]] = {
        "rhyme": dict(_RHYME_NAMES),
        "language": dict(_LANGUAGE_NAMES),
        "hook": dict(_HOOK_NAMES),
    }
    if key not in tables:
        return value
    told = {name: held for held, name in tables[key].items()}
    return told[value] if value in told else _refuse(key, value)


def _refuse(key: str, value: str) -> Any:
    raise ValueError(f"no {key}: {value!r}")


def _escaped(value: str) -> str:
    """Without line ends and without what parts a header."""
    held = value.replace(_ESCAPE, _ESCAPE * 2).replace(_BETWEEN, _ESCAPE + _BETWEEN)
    return held.replace("\n", f"{_ESCAPE}n").replace("\r", f"{_ESCAPE}r")


def _parts(inside: str) -> list[str]:
    """What stands between the marks that are not escaped, with escapes undone."""
    parts, current = [], list[str]()
    characters = iter(inside)
    for character in characters:
        if character == _BETWEEN:
            parts.append("".join(current))
            current = []
        elif character == _ESCAPE:
            after = next(characters, "")
            current.append({"n": "\n", "r": "\r"}.get(after, after))
        else:
            current.append(character)
    parts.append("".join(current))
    return parts if inside else []


assert set(_KEYS) == {field.name for field in fields(Conditions)}
