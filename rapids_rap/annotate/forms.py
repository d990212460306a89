"""The forms: a page a coder, the same questions for two programs, and a key for whoever asks.

A page needs no network, keeps what was answered in the browser, and saves it to a file that `agree`
reads. Nothing in a page, or in the files for Label Studio and doccano, says which cluster an item
is of or what the run would answer: that is in the key alone, which coders are not given.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from pydantic import TypeAdapter

from rapids_rap.annotate import Item, Task
from rapids_rap.annotate.items import draw_items
from rapids_rap.errors import InputError
from rapids_rap.report.html import render_page
from rapids_rap.runs.bundle import check_bundle, write_bundle
from rapids_rap.runs.files import (
    digest,
    explain_os_errors,
    json_bytes,
    label_of,
    read_plain,
)
from rapids_rap.runs.run import Run

KIND = "forms"  # of the folder, as its list of files says
KEY = "key.json"
LABEL_STUDIO = "label_studio.json"
LABEL_STUDIO_VIEW = "label_studio.xml"
DOCCANO = "doccano.jsonl"
VERSION = 1
_CODER = re.compile(r"[\w.-]{1,40}")

QUESTIONS: Mapping[Task, tuple[str, str]] = {
    "fit": ("这一行与下面这组歌词合得来吗？", "Does this line belong with these lines?"),
    "intruder": ("哪一行不属于这一组？", "Which line does not belong?"),
    "names": ("哪个名称最适合这一组歌词？", "Which name suits these lines best?"),
    "emotion": ("这一行表达的主要是哪种情绪？", "Which emotion does this line express most?"),
}
SAID: Mapping[str, tuple[str, str]] = {
    "yes": ("属于", "yes"),
    "partly": ("部分属于", "partly"),
    "no": ("不属于", "no"),
    "none": ("没有其中任何一种", "none of these"),
}
_VIEW = """<View>
  <Header value="$question"/>
  <Text name="text" value="$text"/>
  <Choices name="answer" toName="text" value="$choices" required="true"/>
</View>
"""


def write_forms(
    run: Run, out: Path, coders: Sequence[str], tasks: Sequence[Task], count: int, seed: int
) -> tuple[str, ...]:
    """Write forms for `coders` into `out`; returns what to tell.

    The folder appears whole or not at all. One that holds forms of before, or anything else, is not
    written over: what people answered refers to them. Raises `InputError` for that, for fewer than
    two coders, and for a run without clusters.
    """
    check_coders(coders)
    _check_free(run, out)
    found = draw_items(run, tasks, count, seed)
    items = [item for own in found.values() for item in own]
    if not items:
        raise InputError(f"{run.path}: too small for any of {', '.join(tasks)}.")
    form = digest(json.dumps([fingerprint(run), [asdict(item) for item in items]]))[:16]
    pages = {}
    for number, coder in enumerate(coders):
        order = _ordered(found, np.random.default_rng([seed, number]))
        pages[page_name(coder)] = _page(form, coder, order).encode("utf-8", "replace")
    rows = [json.dumps(_task(form, item), ensure_ascii=False) for item in items]
    others = {
        LABEL_STUDIO: json_bytes([{"data": _task(form, item)} for item in items]),
        LABEL_STUDIO_VIEW: _VIEW.encode(),
        DOCCANO: "".join(row + "\n" for row in rows).encode("utf-8", "replace"),
        KEY: json_bytes(_key(run, form, coders, items, seed)),
    }
    write_bundle(out, KIND, pages | others)
    missing = [task for task in tasks if not found[task]]
    return (
        *(f"Wrote {out / page_name(coder)}, for {coder}." for coder in coders),
        f"Wrote {out / LABEL_STUDIO} with {LABEL_STUDIO_VIEW}, and {DOCCANO}: the same questions.",
        f"Wrote {out / KEY}: what the run would answer. Keep it from the coders.",
        *(f"{task}: {_drawn(own)}." for task, own in found.items() if own),
        *(f"{task}: none; the run has too few clusters or names for it." for task in missing),
        f"Each coder opens a page, answers, and saves a file; then `rapids-rap agree {run.path} "
        f"FILES` with {KEY} beside them, or --key.",
    )


def _drawn(own: Sequence[Item]) -> str:
    """How many questions, and from where: 40 questions (centre 14, edge 13, noise 13)."""
    strata = Counter(item.stratum for item in own if item.task in ("fit", "emotion"))
    parts = ", ".join(f"{name} {count}" for name, count in sorted(strata.items()))
    return f"{len(own)} questions" + (f" ({parts})" if parts else "")


def page_name(coder: str) -> str:
    """The file of a coder's page."""
    return f"form-{coder}.html"


def fingerprint(run: Run) -> str:
    """What of a run its forms rest on: the SHA-256 of its lines with their clusters."""
    files = run.manifest.get("files")
    entry = files.get("lines.parquet") if isinstance(files, Mapping) else None
    return str(entry.get("sha256")) if isinstance(entry, Mapping) else ""


def read_key(path: Path) -> tuple[str, str, dict[str, Item]]:
    """A key: its form, the fingerprint of its run, and its items by id. Raises `InputError`."""
    try:
        document = json.loads(read_plain(path))
        items = TypeAdapter(list[Item]).validate_python(document["items"])
        if document["version"] != VERSION:
            raise ValueError("another version")
        return str(document["form"]), str(document["run"]), {item.id: item for item in items}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{label_of(path)}: is no key of `rapids-rap annotate` ({type(error).__name__}); name "
            f"the {KEY} that it wrote with --key."
        ) from None


def check_coders(coders: Sequence[str]) -> None:
    """Raise `InputError` for fewer than two, for a name twice or one that can't name a file."""
    if len(coders) < 2:
        raise InputError("One coder agrees with nobody: give two or more, --coder A --coder B.")
    for coder in coders:
        if not _CODER.fullmatch(coder):
            raise InputError(
                f"--coder {coder!r}: a name of a coder has 1 to 40 letters, digits, dots, dashes "
                "or underscores, for it names a file."
            )
    if len({coder.casefold() for coder in coders}) < len(coders):
        raise InputError(f"--coder: one name twice among {', '.join(coders)}.")


def _check_free(run: Run, out: Path) -> None:
    check_bundle(out, KIND, (run.path,))
    with explain_os_errors(out):
        if out.exists() and any(out.iterdir()):
            raise InputError(
                f"{label_of(out)}: holds forms already, and people's answers refer to them; give "
                "another --out."
            )


def _ordered(found: Mapping[Task, Sequence[Item]], random: np.random.Generator) -> list[Item]:
    """Task by task, each coder's items in an order of their own."""
    return [own[int(i)] for own in found.values() for i in random.permutation(len(own))]


def _seen(item: Item) -> dict[str, Any]:
    """What a coder sees of an item, and no more."""
    names = item.names or tuple(" ".join(SAID[o]) if o in SAID else o for o in item.options)
    return {
        "id": item.id,
        "task": item.task,
        "group": item.group,
        "line": item.line,
        "options": [[value, name] for value, name in zip(item.options, names, strict=True)],
    }


def _page(form: str, coder: str, items: Sequence[Item]) -> str:
    data = {
        "version": VERSION,
        "form": form,
        "coder": coder,
        "questions": QUESTIONS,
        "items": [_seen(item) for item in items],
    }
    # Within a page's script no text may end it, nor begin a comment.
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c").replace("&", "\\u0026")
    return render_page(
        "annotate.html.j2",
        script="annotate.js",
        title=f"歌词标注 Annotation · {coder}",
        data=Markup(text),
    )


def _task(form: str, item: Item) -> dict[str, Any]:
    """An item for Label Studio and doccano, whose export gives `item` and `form` back."""
    lines = [f"{number}. {text}" for number, text in enumerate(item.group, start=1)]
    if item.task != "intruder":
        lines = [f"· {text}" for text in item.group]
    if item.line:
        lines = [f"【{item.line}】", *lines]
    if item.names:
        lines += [f"{value}. {name}" for value, name in zip(item.options, item.names, strict=True)]
    return {
        "text": "\n".join(lines),
        "question": " ".join(QUESTIONS[item.task]),
        "choices": [{"value": option} for option in item.options],
        "item": item.id,
        "form": form,
    }


def _key(
    run: Run, form: str, coders: Sequence[str], items: Sequence[Item], seed: int
) -> dict[str, Any]:
    return {
        "version": VERSION,
        "form": form,
        "run": fingerprint(run),
        "coders": list(coders),
        "seed": seed,
        "items": [asdict(item) for item in items],
    }
