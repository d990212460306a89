"""Artist lines of the researchers' layout, as people write them.

`歌手姓名：NAME` is one wherever it stands, in any bracket, behind any number, with any sign for
a colon. What has no colon (`歌手姓名 NAME`), or a label that a song's credits have too
(`歌手：NAME`), is one where an artist's songs begin below it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rapids_rap.corpus.credits import NOT_CREDIT
from rapids_rap.corpus.markup import strip_markup
from rapids_rap.corpus.source import name_of

# What can't be seen, brackets, dashes and bullets may stand around the label, and any sign for a
# colon behind it; a letter before it makes it a sentence, but for a number.
_COLONS = ":：∶﹕︓꞉ː=＝—–→-"
_BEFORE = (
    r"\W{0,12}(?:第?(?:\d{1,4}|[一二三四五六七八九十百]{1,4}|[a-zA-Z])[位]?[\W_]{1,6})?\W{0,12}"
)
_WHO = "歌\\W?手|[艺藝]\\W?人|演唱者|音[乐樂]人|[说說]唱者|rapper"
_LABEL = rf"{_BEFORE}(?:[说說]唱)?(?:{_WHO})\W?姓\W?名"
_BESIDE = r"(?:\s{0,3}[(（【\[][^()（）【】\[\]]{1,12}[)）】\]]|\s{0,3}[/|、&和或]\s{0,3}\w{1,6})?"
_COLON = rf"(?:(?![{_COLONS}])\W){{0,6}}[{_COLONS}]+(?:\*\*)?"
_SURE = re.compile(rf"{_LABEL}{_BESIDE}{_COLON}(.*)", re.DOTALL | re.I)
_NO_COLON = re.compile(rf"{_LABEL}(?:\W{{1,6}}(\w.*))?\W{{0,6}}", re.DOTALL | re.I)
_CREDIT_LIKE = re.compile(
    rf"{_BEFORE}(?:歌手|歌手名[字称稱]?|[艺藝]人|[艺藝]人名[字称稱]?|演唱者?|音[乐樂]人|artist|singer)"
    r"\s{0,9}:\s{0,9}(\S.*)",
    re.I,
)
_LONGEST_NAME = 40
ARTIST_HINT = re.compile("姓|歌手|[艺藝]人|演唱|音[乐樂]人|artist|singer", re.I)


@dataclass(frozen=True, slots=True)
class ArtistLine:
    """A line that names an artist, or may.

    sure: it does, wherever it stands. labelled: it says 歌手姓名, if not sure, without a colon.
    """

    name: str | None
    sure: bool
    labelled: bool


def artist_line(text: str, form: str) -> ArtistLine | None:
    """The artist line that this is by itself; form: `normalize.unicode_form` of the text."""
    if ARTIST_HINT.search(form) is None:
        return None
    bare = strip_markup(form)
    raw = strip_markup(text) if "<" in text or "&" in text else text  # the name as written
    sure = "姓" in bare and (_SURE.match(raw) or _SURE.match(bare))
    if sure:
        return ArtistLine(_name(sure[1]), sure=True, labelled=True)
    loose = "姓" in bare and _NO_COLON.fullmatch(bare)
    if loose:
        return ArtistLine(_name(loose[1] or ""), sure=False, labelled=True)
    like = _CREDIT_LIKE.fullmatch(bare)
    return ArtistLine(_name(like[1]), sure=False, labelled=False) if like else None


def placed_artists(
    lines: Mapping[int, ArtistLine],
    titles: Mapping[int, int],
    mask: Sequence[int],
    blocks: Sequence[int],
) -> dict[int, str | None]:
    """Position -> name, of all lines that name an artist where they stand.

    titles: where songs start -> true if the line there is a title. mask: of credits, a line each.
    A line without a colon that the song's start takes for its title is an artist's, and so is one
    with nothing behind it, if a name and a title follow (`names_below`).
    """
    found = {}
    for i, line in lines.items():
        below = titles.get(i + 1, 0) > 0 or i + 1 in lines
        alone = (i == 0 or blocks[i - 1] != blocks[i]) and (
            i + 1 < len(mask) and blocks[i + 1] != blocks[i] and mask[i + 1] == NOT_CREDIT
        )
        above_name = line.labelled and not line.name and titles.get(i + 2, 0) > 0
        if line.sure or below or alone or above_name or (line.labelled and i in titles):
            found[i] = line.name
    return found


def names_below(
    artists: Mapping[int, str | None],
    texts: Sequence[str],
    titles: Mapping[int, int],
    mask: Sequence[int],
    blocks: Sequence[int],
) -> dict[int, str | None]:
    """Position -> name, of the names that stand below an artist line without one.

    Directly below, or behind a blank line directly above a title.
    """
    found = {}
    for i in [i + 1 for i, name in artists.items() if name is None]:
        if i >= len(mask) or i in artists or i in titles or mask[i] != NOT_CREDIT:
            continue
        if len(texts[i]) <= _LONGEST_NAME and (blocks[i] == blocks[i - 1] or titles.get(i + 1)):
            found[i] = _name(texts[i])
    return found


def _name(written: str) -> str | None:
    """The name behind the label, without a bracket opened before it: `【歌手姓名：NAME】`."""
    name = written.strip()
    for opening, closing in ("[]", "【】", "()", "（）"):
        if name.endswith(closing) and opening not in name:
            name = name.removesuffix(closing)
    return name_of(name)
