"""The page: one template, its script and style inline, and a policy that allows nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping
from importlib.resources import files

from rapids_rap.view.font import font_rule

# Parts that the first picture does without.
_LATE = re.compile(r"(?:^|-)(?:text-[0-9]+|songs|chinese)$")
_PLACE = re.compile(r"\{\{ ([a-z]+) \}\}")


def single_page(parts: Mapping[str, bytes], title: str, names: str) -> bytes:
    """Everything in one file: the map's parts before the script, the lines behind it.

    parts: of one night, or of two, each with its prefix. names: the characters that the map's
    labels hold. A browser draws while it still reads lines.
    """
    late = [name for name in parts if _LATE.search(name)]
    early = [name for name in parts if name not in late]
    return _page(
        title,
        names,
        base="",
        asks="",
        connect="'none'",
        parts="\n".join(_inlined(name, parts[name]) for name in early),
        texts="\n".join(_inlined(name, parts[name]) for name in late),
    )


def served_page(base: str, title: str, names: str, *, asks: bool) -> bytes:
    """The page that asks a server for its parts; base: the path with the token, ends with `/`.

    asks: whether the server searches and exports too.
    """
    flag = "yes" if asks else ""
    return _page(title, names, base=base, asks=flag, connect="'self'", parts="", texts="")


def _page(
    title: str, names: str, *, base: str, asks: str, connect: str, parts: str, texts: str
) -> bytes:
    script, style = _static("view.js").rstrip("\n"), font_rule(names) + _static("view.css")
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hash(script)}",
            f"style-src {_hash(style)}",
            "img-src data: blob:",
            "font-src data:",
            f"connect-src {connect}",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    values = {
        "base": html.escape(base),
        "asks": asks,
        "policy": html.escape(policy),
        "title": html.escape(title),
        "style": style,
        "script": script,
        "parts": parts,
        "texts": texts,
    }
    template = _static("page.html")
    return _PLACE.sub(lambda place: values[place[1]], template).encode()


def _inlined(name: str, packed: bytes) -> str:
    letters = base64.b64encode(packed).decode("ascii")
    return f'<script type="application/octet-stream" id="part-{name}">{letters}</script>'


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def _static(name: str) -> str:
    return (files("rapids_rap.view") / "static" / name).read_text(encoding="utf-8")
