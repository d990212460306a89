"""What every page shares: its cells and columns, its parts, its policy, its environment."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of a table: its key in the rows, its names, and how its cells are written.

    kind: text, int, num (three decimals), q (the same, and never nought), tenths, lift, share (of
    1, as a percentage) or percent.
    """

    key: str
    chinese: str
    english: str
    kind: str = "text"


def format_cell(value: Any, kind: str) -> str:
    """A value for the reader; a missing one is a dash."""
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return "—"
    if isinstance(value, bool | np.bool_):
        return "是 yes" if value else "否 no"
    if not isinstance(value, int | float | np.integer | np.floating) or kind == "text":
        return str(value)
    number = float(value)
    if kind == "share":
        return f"{100 * number:.1f}%"
    if kind == "lift":
        return f"{number:.2f}" if abs(number) < 100 else f"{number:,.0f}"
    if kind == "q":
        return f"{number:.3f}" if number >= 0.0005 else "<0.001"
    form = {"percent": "{:.1f}%", "num": "{:,.3f}", "tenths": "{:,.1f}"}.get(kind, "{:,.0f}")
    return form.format(number)


def records(table: pd.DataFrame | None) -> list[Row]:
    """The rows of a table as dictionaries, with None where a value is missing."""
    if table is None:
        return []
    rows = table.to_dict("records")
    return [{str(k): None if pd.isna(v) else v for k, v in row.items()} for row in rows]


def render_page(template: str, *, script: str = "", **values: Any) -> str:
    """A template of this package as a page in the one style, under a policy that allows no more.

    script: the file of the page's script among the templates, none without. Text that is no valid
    Unicode becomes question marks.
    """
    style, code = _part("report.css"), _part(script) if script else ""
    page = (
        _environment()
        .get_template(template)
        .render(policy=_policy(style, code), style=Markup(style), script=Markup(code), **values)
    )
    return page.encode("utf-8", "replace").decode()


@cache
def _environment() -> jinja2.Environment:
    """One a process: it keeps the templates that it has compiled."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rapids_rap.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["cell"] = format_cell
    return environment


def _part(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """A content security policy that allows this style, this script, and pictures in the page."""
    parts = ["default-src 'none'", "img-src data:", f"style-src '{_content_hash(style)}'"]
    if script:
        parts.append(f"script-src '{_content_hash(script)}'")
    return "; ".join([*parts, "base-uri 'none'", "form-action 'none'"])


def _content_hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
