"""The record as it is used: signatures to bind arguments to, legal values to judge them by."""

from __future__ import annotations

import ast
import functools
import inspect
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.double import work

RECORD = Path(__file__).parents[2] / "tools" / "gpu_contract" / "record.json"
_ERRORS: dict[str, type[Exception]] = {
    "ValueError": ValueError,
    "KeyError": KeyError,
    "AttributeError": AttributeError,
    "RuntimeError": RuntimeError,
}

calls: Counter[str] = Counter()
"""How often each recorded name was called, since the double was installed."""

faults: dict[str, int] = {}
"""Call names at whose n-th call the device is out of memory."""

raise_out_of_memory: dict[str, Callable[[], Exception]] = {}
"""By library: the error that it raises then."""


@functools.cache
def record() -> dict[str, Any]:
    """The committed record."""
    return dict(json.loads(RECORD.read_text(encoding="utf-8")))


def names_of(owner: str) -> list[str]:
    """The recorded names of a module or a class, without those of what it holds."""
    start = owner + "."
    found = (name.removeprefix(start) for name in record()["names"] if name.startswith(start))
    return [name for name in found if "." not in name]


def kind(name: str) -> str:
    """`function`, `class`, `ufunc`, `attribute` or `value`. KeyError if not recorded."""
    return str(record()["names"][name].partition(" ")[0])


@functools.cache
def signature(name: str) -> inspect.Signature:
    """The real signature of a recorded callable, from a hand-written entry where there is one."""
    legal = record()["legal"].get(name, {})
    text = legal.get("parameters") or record()["names"][name].partition(" ")[2]
    return parse(text)


def parse(text: str) -> inspect.Signature:
    """`(a, /, b=1, *, c)` as a signature."""
    scope: dict[str, Any] = {}
    tree = ast.parse(f"def f{text}: ...")
    exec(compile(tree, "<record>", "exec"), scope)
    return inspect.signature(scope["f"])


def bind(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
    """The arguments as the real signature takes them; TypeError if it would not. Counts the call.

    Raises the library's own out-of-memory error where a fault is set for this call.
    """
    try:
        bound = signature(name).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{name}{signature(name)}: {error}") from None
    enter(name)
    return bound


def enter(name: str) -> None:
    """Count a call, and fail where a fault is set for it."""
    calls[name] += 1
    work.called(name)
    if faults.get(name) == calls[name]:
        raise raise_out_of_memory[name.partition(".")[0]]()


def judge(name: str, value: Any) -> None:
    """Refuse a value that is not legal, with the error that the real library raises."""
    rule = record()["legal"][name]
    wrong = "values" in rule and value not in rule["values"]
    wrong = wrong or ("least" in rule and value < rule["least"])
    wrong = wrong or ("most" in rule and value > rule["most"])
    if wrong:
        wanted = rule.get("values") or [rule.get("least"), rule.get("most")]
        raise _ERRORS[rule["raises"]](f"{name}: {value!r} is not legal; expected {wanted}")
