"""What names a song outside its lyrics: tags `[ar:NAME]`, labels `歌手：NAME`, the file's name."""

from __future__ import annotations

import re
from pathlib import PurePath

from rapids_rap.corpus.markers import is_marker
from rapids_rap.corpus.markup import is_lrc_tag, unescape
from rapids_rap.corpus.names import name_key
from rapids_rap.corpus.normalize import unicode_form
from rapids_rap.corpus.source import name_of

Tag = tuple[str, str]  # short key (`ar`, `ti` ...), value

_ARTIST = "歌手|歌手名|歌手姓名|艺人|藝人|演唱|演唱者"
_TITLE = "歌名|歌曲|歌曲名|歌曲名称|歌曲名稱|曲名|标题|標題"
_KEYS = {
    **dict.fromkeys(("artist", "singer", *_ARTIST.split("|")), "ar"),
    **dict.fromkeys(("title", *_TITLE.split("|")), "ti"),
}
_TAG = re.compile(
    rf"[\[［【]\s{{0,9}}([A-Za-z#][\w #.-]{{0,30}}|{_ARTIST}|{_TITLE})\s{{0,9}}[:：](.*)[\]］】]"
)
_SEVERAL = re.compile(r"(?:\[[^\[\]:：]{1,32}[:：][^\[\]]*\]\s*){2,}")
_ONE = re.compile(r"\[[^\[\]]*\]")
_LABEL = re.compile(rf"({_ARTIST}|{_TITLE})\s{{0,9}}[:：]\s{{0,9}}(\S.{{0,60}})")
_DASH = re.compile(r"\s[-–—]\s")
_TRACK = re.compile(
    r"(?:\d{1,3}[.．、_)）]\s*(?=[^\d\s])|0\d{1,2}[\s-]\s*(?=[^\d\s-])|\d{1,2}\s[-–—]\s)"
)


def tags_of(line: str, *, any_name: bool) -> list[Tag]:
    """The identification tags that a line consists of; with `any_name` one of any name is one."""
    if not line.startswith(("[", "［", "【")):
        return []
    pieces = _ONE.findall(line) if _SEVERAL.fullmatch(line) else [line]
    tags = [_tag(piece, any_name=any_name) for piece in pieces]
    return [] if None in tags else [tag for tag in tags if tag]


def _tag(piece: str, *, any_name: bool) -> Tag | None:
    match = _TAG.fullmatch(piece)
    if match is None:
        return None
    known = is_lrc_tag(f"[{match[1]}:]")
    if not known and (not any_name or piece[0] != "[" or is_marker(unicode_form([piece])[0])):
        return None
    key = match[1].strip().lower()
    return _KEYS.get(key, key), name_of(unescape(match[2])) or ""


def name_label(line: str) -> Tag | None:
    """The name that a line gives behind a label, `歌名：TITLE` or `歌手：NAME`."""
    match = _LABEL.fullmatch(line)
    name = name_of(match[2]) if match else None
    return (_KEYS[match[1]], name) if match and name else None


def name_of_file(
    path: PurePath, known: dict[str, str] | None = None
) -> tuple[str | None, str | None]:
    """(artist, title) of a file called `ARTIST - TITLE.lrc`; else its name is the title.

    The number of a track in front is neither. known: names by short key; where they show that the
    file is called `TITLE - ARTIST`, it is read so.
    """
    stem, known = path.stem.strip(), known or {}
    halves = [half.strip() for half in _DASH.split(stem, maxsplit=1)]
    if known.get("ar") != halves[0]:
        stem = stem[match.end() :] if (match := _TRACK.match(stem)) else stem
        halves = [half.strip() for half in _DASH.split(stem, maxsplit=1)]
    if len(halves) == 1 or not all(halves):
        return None, name_of(stem)
    keys = [name_key(half) for half in halves]
    artist, title = (name_key(known.get(key, "")) for key in ("ar", "ti"))
    turned = artist == keys[1] != keys[0] or (not artist and title == keys[0] != keys[1])
    artist_at, title_at = (1, 0) if turned else (0, 1)
    return name_of(halves[artist_at]), name_of(halves[title_at])
