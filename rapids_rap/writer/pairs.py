"""Blind pairs: two verses for one request, and people who are not told which is whose.

The pages are those of `rapids-rap annotate`, with the same saved files. Which verse is the
writer's stands in the key alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from pydantic import TypeAdapter

from rapids_rap.annotate import Item
from rapids_rap.annotate.answers import read_answers
from rapids_rap.annotate.forms import KEY, check_coders, page_name
from rapids_rap.errors import InputError
from rapids_rap.quality.bootstrap import mean_interval
from rapids_rap.report.html import render_page
from rapids_rap.runs.files import (
    digest,
    explain_os_errors,
    json_bytes,
    label_of,
    read_plain,
    write_bytes,
)
from rapids_rap.runs.outputs import check_output_folder
from rapids_rap.writer.baselines import Request, Verse

VERSION = 1
WRITER = "writer"
QUESTION = (
    "同一要求下的两段：哪一段是更好的说唱歌词？",
    "Two verses for one request: which is the better rap?",
)
OPTIONS = ("1", "2", "even")
NAMES = ("第一段 the first", "第二段 the second", "难分高下 no difference")
RESAMPLES = 1_000


def write_pairs(
    out: Path,
    requests: Sequence[Request],
    verses: Mapping[str, Sequence[Verse]],
    coders: Sequence[str],
    seed: int,
) -> tuple[str, ...]:
    """Pages for `coders` and a key into `out`: each request once, the opponents in turn.

    Raises `InputError` as `check_pairs` does.
    """
    check_pairs(out, coders)
    items = draw_pairs(requests, verses, seed)
    if not items:
        raise InputError("No pair can be asked about: no verse of the writer has an opponent.")
    form = digest(json.dumps([asdict(item) for item in items]))[:16]
    with explain_os_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    for number, coder in enumerate(coders):
        order = np.random.default_rng([seed, number]).permutation(len(items))
        page = _page(form, coder, [items[int(i)] for i in order])
        write_bytes(out / page_name(coder), page.encode("utf-8", "replace"))
    key = {"version": VERSION, "form": form, "items": [asdict(item) for item in items]}
    write_bytes(out / KEY, json_bytes(key))
    return (
        *(f"Wrote {out / page_name(coder)}, for {coder}." for coder in coders),
        f"Wrote {out / KEY}: which verse is whose. Keep it from the coders.",
    )


def check_pairs(out: Path, coders: Sequence[str]) -> None:
    """Raise `InputError` for coders that can't be told apart, and where forms of before lie."""
    check_coders(coders)
    names = [KEY, *map(page_name, coders)]
    check_output_folder(out, [], names)
    there = [name for name in names if (out / name).exists()]
    if there:
        raise InputError(
            f"{label_of(out / there[0])}: is there already, and people's answers refer to it; give "
            "another --forms."
        )


def draw_pairs(
    requests: Sequence[Request], verses: Mapping[str, Sequence[Verse]], seed: int
) -> list[Item]:
    """The writer's verse and another system's, in a drawn order; truth: which is the writer's."""
    random = np.random.default_rng([seed, 8])
    others = [name for name in verses if name != WRITER]
    found = []
    for number, request in enumerate(requests):
        if not others:
            break
        other = others[number % len(others)]
        own, its = verses[WRITER][number], verses[other][number]
        if not own or not its or own == its:
            continue
        first = bool(random.integers(2))
        pair = (own, its) if first else (its, own)
        group = ("—— 1 ——", *pair[0], "—— 2 ——", *pair[1])
        found.append(
            Item(
                id=f"pair-{number + 1:03d}",
                task="fit",  # of the reader of answers, which asks for a task; pages say "pair"
                group=group,
                line=_told(request),
                options=OPTIONS,
                names=NAMES,
                truth="1" if first else "2",
                stratum=other,
                unit=str(request.song),
            )
        )
    return found


def _told(request: Request) -> str:
    """The request, as a coder reads it."""
    asked = request.conditions
    parts = [
        asked.theme.name if asked.theme else "",
        asked.region or "",
        asked.emotion or "",
        asked.rhyme or "",
        "、".join(map(str, asked.syllables or ())),
    ]
    return " · ".join(part for part in parts if part)


def _page(form: str, coder: str, items: Sequence[Item]) -> str:
    data = {
        "version": VERSION,
        "form": form,
        "coder": coder,
        "questions": {"pair": QUESTION},
        "items": [
            {
                "id": item.id,
                "task": "pair",
                "group": item.group,
                "line": item.line,
                "options": list(zip(item.options, item.names, strict=True)),
            }
            for item in items
        ],
    }
    # Within a page's script no text may end it, nor begin a comment.
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c").replace("&", "\\u0026")
    return render_page(
        "annotate.html.j2",
        script="annotate.js",
        title=f"歌词比较 Pairs · {coder}",
        data=Markup(text),
    )


def count_preferences(forms: Sequence[Path], key: Path, seed: int) -> pd.DataFrame:
    """How often the writer's verse was preferred to each other system's, over all coders.

    An answer of no difference counts a half. Intervals resample songs. Raises `InputError` for
    files that are no answers to the key's form.
    """
    form, items = _read_key(key)
    answers = read_answers(forms, form, items)
    rows = [
        (items[name].stratum, items[name].unit, _preferred(value, items[name].truth))
        for one in answers
        for name, value in one.given.items()
    ]
    table = pd.DataFrame(rows, columns=["against", "song", "preferred"])
    found = []
    for other, part in table.groupby("against", sort=True):
        values = part["preferred"].to_numpy(np.float64)
        songs = np.array(part["song"].tolist(), dtype=np.int64)
        span = mean_interval(values, songs, RESAMPLES, seed)
        found.append(
            {
                "against": other,
                "preferred": float(values.mean()),
                "low": span[0] if span else None,
                "high": span[1] if span else None,
                "answers": len(part),
                "songs": int(part["song"].nunique()),
                "note": "" if span else "too few songs",
            }
        )
    return pd.DataFrame(found)


def _preferred(value: str, truth: str) -> float:
    return 0.5 if value == "even" else float(value == truth)


def _read_key(path: Path) -> tuple[str, dict[str, Item]]:
    try:
        document: dict[str, Any] = json.loads(read_plain(path))
        items = TypeAdapter(list[Item]).validate_python(document["items"])
        if document["version"] != VERSION or not all(i.id.startswith("pair-") for i in items):
            raise ValueError("another kind of form")
        return str(document["form"]), {item.id: item for item in items}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{label_of(path)}: is no key of `rapids-rap writer judge --forms` "
            f"({type(error).__name__}); name the {KEY} that it wrote with --key."
        ) from None
