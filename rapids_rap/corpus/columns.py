"""Which columns of a table are read, by the names that the configuration gives them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import PurePath
from urllib.parse import unquote

from rapids_rap.config import InputConfig
from rapids_rap.corpus.source import name_of
from rapids_rap.errors import InputError, NoLyricsError

_SONG_ID, _STANZA, _LINE_NO = "song_id", "stanza", "line_no"
DATE = "date"  # is read where the year has its usual name
_NO_COLUMN = "\0"  # no column is called so

log = logging.getLogger(__name__)


def wanted_columns(config: InputConfig) -> tuple[str, ...]:
    """The columns of a `Row`'s text, artist, title, song_id, stanza, line_no, and year, or date."""
    taken = (config.text, config.artist, config.song)
    usual = config.year == InputConfig().year
    asked = (config.year or _NO_COLUMN, DATE if usual else _NO_COLUMN)
    years = [_NO_COLUMN if name in taken else name for name in asked]
    return (*taken, _SONG_ID, _STANZA, _LINE_NO, *years)


def require_text(names: Sequence[str], name: str, config: InputConfig) -> None:
    """Raises InputError where no column, or more than one, is called as the lyrics are."""
    if list(names).count(config.text) == 1:
        return
    problem = "two columns" if config.text in names else "no column"
    has = ", ".join(f'"{column[:40]}"' for column in list(names)[:12]) or "none"
    kind = InputError if config.text in names else NoLyricsError
    raise kind(
        f'{name}: {problem} named "{config.text}" for the lyrics; it has {has}. '
        f"Say which one it is: --set input.text=NAME"
    )


def look_for_names(
    names: Sequence[str], name: str, config: InputConfig, folders: Sequence[str] = ()
) -> None:
    """Refuse a column that was asked for and isn't there; say what is not read otherwise.

    folders: the names that folders called `NAME=VALUE` give.
    """
    usual, read = InputConfig(), set(wanted_columns(config))
    others = [f'"{column}"' for column in names if column not in read]
    for key in ("artist", "song", "year"):
        wanted = getattr(config, key)
        if wanted in names or wanted in folders or not wanted:
            continue
        if wanted != getattr(usual, key):
            raise InputError(
                f'{name}: has no column "{wanted}", which input.{key} names; it has '
                f"{', '.join(names)}."
            )
        if others and key != "year":  # most tables have none
            log.warning(
                '%s: no column "%s"; if one of %s is it, say so: --set input.%s=NAME',
                name,
                wanted,
                ", ".join(others[:12]),
                key,
            )


def folder_values(path: PurePath) -> dict[str, str | None]:
    """What folders called `NAME=VALUE` say of all rows below them, as Hive and Spark write them."""
    values: dict[str, str | None] = {}
    for part in path.parts[:-1]:
        key, sign, value = part.partition("=")
        if sign and key:
            missing = value == "__HIVE_DEFAULT_PARTITION__"
            values[key] = None if missing else name_of(unquote(value))
    return values
