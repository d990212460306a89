"""The page: one template, its script and style inline, and a policy that allows nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from importlib.resources import files

from rapids_rap.view.font import font_rule
from rapids_rap.view.payload import Payload

_PLACE = re.compile(r"\{\{ ([a-z]+) \}\}")


def single_page(payload: Payload, title: str, names: str) -> bytes:
    """Everything in one file: the map's parts before the script, the lines behind it.

    names: the characters that the map's labels hold. A browser draws while it still reads lines.
    """
    early = [name for name in payload.parts if not name.startswith(("text-", "song", "chinese"))]
    early += [name for name in payload.parts if name == "song"]
    late = [name for name in payload.parts if name not in early]
    return _page(
        title,
        names,
        base="",
        connect="'none'",
        parts="\n".join(_inlined(name, payload.parts[name]) for name in early),
        texts="\n".join(_inlined(name, payload.parts[name]) for name in late),
    )


def served_page(base: str, title: str, names: str) -> bytes:
    """The page that asks a server for its parts; base: the path with the token, ends with `/`."""
    return _page(title, names, base=base, connect="'self'", parts="", texts="")


def _page(title: str, names: str, *, base: str, connect: str, parts: str, texts: str) -> bytes:
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
