"""What people answered: files of our pages, exports of Label Studio and of doccano.

An export gives back what it was given, so each item is known by `item` and `form`. Label Studio's
JSON and JSON-MIN hold all coders, by `completed_by` or `annotator`; doccano's JSONL is a file a
coder, or holds them under `annotations`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rapids_rap.annotate import Answers, Item
from rapids_rap.errors import InputError
from rapids_rap.runs.files import label_of, read_plain

Row = Mapping[str, Any]
_KINDS = (
    "a file that a page of `rapids-rap annotate` saved, or an export of Label Studio or doccano"
)


def read_answers(paths: Sequence[Path], form: str, items: Mapping[str, Item]) -> list[Answers]:
    """Every coder's answers, by coder. Raises `InputError` naming the file and what is wrong.

    form, items: of the key. Items that a coder left out are left out.
    """
    found: dict[str, Answers] = {}
    for path in paths:
        for answers in _read(path):
            before = found.get(answers.coder)
            if before is not None:
                raise InputError(
                    f"{label_of(path)}: is by {answers.coder!r}, as {before.source} is; give each "
                    "coder's answers once."
                )
            if answers.form != form:
                raise InputError(
                    f"{label_of(path)}: answers another form ({answers.form or 'none named'}) than "
                    f"the key's ({form}); give the key that was written with it, with --key."
                )
            _check(answers, items)
            found[answers.coder] = answers
    return [found[coder] for coder in sorted(found)]


def _check(answers: Answers, items: Mapping[str, Item]) -> None:
    for name, value in answers.given.items():
        if name not in items:
            raise InputError(f"{answers.source}: answers {name!r}, which the form does not have.")
        if value not in items[name].options:
            options = ", ".join(items[name].options)
            raise InputError(
                f"{answers.source}: {name}: {value!r} is no answer to it; it has {options}."
            )


def _read(path: Path) -> Iterator[Answers]:
    source = label_of(path)
    try:
        text = read_plain(path).decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{source}: can't be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise InputError(f"{source}: is not UTF-8; give {_KINDS}.") from None
    try:
        document = _parsed(text)
        if isinstance(document, Mapping) and document.get("rapids_rap_form") == 1:
            yield _of_page(document, source)
        elif isinstance(document, Mapping) and not document.keys() & {
            "label",
            "labels",
            "annotations",
        }:
            raise ValueError("it names no form")
        elif isinstance(document, Mapping):  # the only row of doccano
            yield from _of_export([document], path.stem, source)
        else:
            yield from _of_export(document, path.stem, source)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(f"{source}: is not {_KINDS} ({error}).") from None


def _parsed(text: str) -> Any:
    """A JSON document, or the rows of JSON Lines."""
    try:
        return json.loads(text)
    except ValueError:
        return [
            json.loads(line) for line in text.split("\n") if line.strip()
        ]  # lyrics may hold U+2028


def _of_page(document: Row, source: str) -> Answers:
    given = document["answers"]
    if not isinstance(given, Mapping):
        raise TypeError("its answers are no table")
    return Answers(
        coder=str(document["coder"]),
        form=str(document["form"]),
        given={str(name): str(value) for name, value in given.items()},
        source=source,
    )


def _of_export(rows: Any, stem: str, source: str) -> Iterator[Answers]:
    """One `Answers` a coder. stem: whose answers they are where nothing says so."""
    if not isinstance(rows, list) or not rows:
        raise ValueError("it has no rows")
    given: dict[str, dict[str, str]] = {}
    forms: set[str] = set()
    for row in rows:
        data = row.get("data") if isinstance(row.get("data"), Mapping) else row
        meta = row.get("meta") if isinstance(row.get("meta"), Mapping) else {}
        item, form = (data.get(name, meta.get(name)) for name in ("item", "form"))
        if item is None:
            raise ValueError("a row has no field `item`; export with the fields that were imported")
        forms.add(str(form or ""))
        for coder, value in _judgements(row, stem):
            own = given.setdefault(coder, {})
            if own.setdefault(str(item), value) != value:
                raise InputError(f"{source}: {coder} answers {item} twice, and not alike.")
    if len(forms) > 1:
        raise ValueError(f"its rows are of {len(forms)} forms")
    for coder, answers in given.items():
        yield Answers(coder, next(iter(forms)), answers, source)


def _judgements(row: Row, stem: str) -> Iterator[tuple[str, str]]:
    """Coder and answer of each annotation of a row; none where nobody answered."""
    if "annotations" in row:
        for one in row["annotations"]:
            if one.get("was_cancelled"):
                continue
            value = _choice(one)
            if value is not None:
                yield _coder(one, stem), value
        return
    value = _choice(row)
    if value is not None:
        yield _coder(row, stem), value


def _choice(annotation: Row) -> str | None:
    """Label Studio's `result` or `answer`, doccano's `label`: one choice, or none."""
    if "result" in annotation:
        found = [
            str(choice)
            for part in annotation["result"]
            for choice in part.get("value", {}).get("choices", [])
        ]
    else:
        value = annotation.get("answer", annotation.get("label", annotation.get("labels")))
        found = [str(one) for one in (value if isinstance(value, list) else [value]) if one]
    if len(found) > 1:
        raise ValueError(f"a row has {len(found)} answers where one is asked for")
    return found[0] if found else None


def _coder(annotation: Row, stem: str) -> str:
    who = next(
        (annotation[name] for name in ("completed_by", "annotator", "user") if name in annotation),
        stem,
    )
    if isinstance(who, Mapping):
        who = who.get("email") or who.get("username") or who.get("id")
    return str(who)
