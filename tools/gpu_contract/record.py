"""Introspection: the real libraries as plain, sorted text."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import inspect
import json
import re
import tomllib
from pathlib import Path
from typing import Any

from tools.gpu_contract.names import NAMES, WHEELS, every_name

HERE = Path(__file__).parent
RECORD, LEGAL = HERE / "record.json", HERE / "legal.toml"
FAISS_NOTE = (
    "FAISS' compiled classes take (*args): what they accept stands in `legal`, written by hand "
    "from the wrappers and docstrings cited there; only its Python functions are introspected."
)
# A docstring's first line in the form `Class.name(a, b=1) -> type`, as Cython writes it.
_DOCSTRING = re.compile(r"^[\w.]+\((?P<inside>.*)\)(?: *->.*)?$")
_ON_INSTANCES = property(doc="an attribute that only instances have")
_DECLARED = re.compile(r"^(?:[\w\[\]]+(?: [\w\[\]]+)* )(?P<name>\w+(?:=.*)?)$")  # `int device=-1`


def record() -> dict[str, Any]:
    """Everything that is recorded: wheels, signatures and legal values.

    Raises ImportError or AttributeError for a name that the installed libraries lack, and
    ValueError for a cited line that is not there any more.
    """
    # FAISS takes torch tensors once this is imported, and then its signatures are others.
    importlib.import_module("faiss.contrib.torch_utils")
    return {
        "faiss": FAISS_NOTE,
        "wheels": {name: importlib.metadata.version(name) for name in WHEELS},
        "modules": sorted(owner for owner in NAMES if inspect.ismodule(_find(owner))),
        "names": {name: describe(_find(name)) for name in every_name()},
        "legal": {entry["name"]: _cited(entry) for entry in legal_entries()},
    }


def legal_entries() -> list[dict[str, Any]]:
    """The entries of `legal.toml`."""
    return list(tomllib.loads(LEGAL.read_text(encoding="utf-8"))["legal"])


def describe(thing: Any) -> str:
    """One line: what a name is and, where it can be called, with what.

    `ufunc (x, /, out=None)`, `function (a, axis=None)`, `class (*, n=5)`, `attribute`, `value 1`.
    Defaults that are no literals are quoted.
    """
    if isinstance(thing, (bool, int, float, str)) or thing is None:
        return f"value {thing!r}"
    if isinstance(thing, property) or inspect.isdatadescriptor(thing) or not callable(thing):
        return "attribute"
    kind = "class" if inspect.isclass(thing) else "function"
    if type(thing).__name__ == "ufunc":
        kind = "ufunc"
    return f"{kind} {_parameters(thing)}"


def _parameters(thing: Any) -> str:
    """The parameter list in parentheses; `(*args, **kwargs)` where nothing tells."""
    try:
        signature = inspect.signature(thing)
    except (ValueError, TypeError):
        return _from_docstring(thing.__doc__ or "")
    cleaned = [
        parameter.replace(annotation=inspect.Parameter.empty, default=_literal(parameter.default))
        for parameter in signature.parameters.values()
    ]
    return str(inspect.Signature(cleaned))


def _literal(default: Any) -> Any:
    """The default itself where it can be written down, else its representation as text."""
    if default is inspect.Parameter.empty:
        return default
    try:
        ast.literal_eval(repr(default))
    except (ValueError, SyntaxError):
        return re.sub(r" at 0x[0-9a-f]+", "", repr(default))
    return default


def _from_docstring(text: str) -> str:
    lines = text.strip().splitlines() or [""]
    first = lines[0].replace("\\*", "*")
    found = _DOCSTRING.match(first)
    if not found:
        return "(*args, **kwargs)"
    parts = [part.strip() for part in _split(found["inside"])]
    names = [declared["name"] if (declared := _DECLARED.match(p)) else p for p in parts if p]
    return f"({', '.join(names)})"


def _split(inside: str) -> list[str]:
    """At the commas that are in no bracket."""
    parts, depth = [""], 0
    for character in inside:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _find(dotted: str) -> Any:
    """The object of a dotted name: the longest importable part, then attributes.

    What only instances have is looked for in the source of their class.
    """
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            if not inspect.isclass(thing):
                thing = getattr(thing, name)
            elif _on_instances_only(thing, name):
                return _ON_INSTANCES
            else:
                thing = inspect.getattr_static(thing, name)
        return thing.__func__ if isinstance(thing, (staticmethod, classmethod)) else thing
    raise ImportError(f"no part of {dotted} can be imported")


def _on_instances_only(kind: type, name: str) -> bool:
    """Whether a class written in Python sets `self.name` and has no attribute of that name."""
    if hasattr(kind, name):
        return False
    sources = (inspect.getsource(c) for c in kind.__mro__ if c.__module__.startswith("cupyx"))
    return any(re.search(rf"\bself\.{name}\b.* = |\bself\.{name} = ", text) for text in sources)


def _cited(entry: dict[str, Any]) -> dict[str, Any]:
    """A legal value with the lines that say so, each checked against the shipped file."""
    for cite in entry["cite"]:
        found = find_line(cite["file"], cite["text"], cite["line"])
        if found is None:
            raise ValueError(
                f"{entry['name']}: {cite['file']} no longer has the line {cite['text']!r}"
            )
        cite["line"] = found
    return {key: value for key, value in entry.items() if key != "name"}


def find_line(file: str, text: str, near: int) -> int | None:
    """The number of the line of an installed file that holds `text`, nearest to `near`."""
    root = Path(importlib.import_module(file.partition("/")[0]).__path__[0]).parent
    lines = (root / file).read_text(encoding="utf-8").splitlines()
    numbers = [i for i, line in enumerate(lines, 1) if text in line]
    return min(numbers, key=lambda i: abs(i - near), default=None)


def dumps(found: dict[str, Any]) -> str:
    """JSON, sorted, a name a line."""
    return json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def differences(old: Any, new: Any, at: str = "") -> list[str]:
    """What differs, a line each."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [f"{at}: recorded {old!r}, found {new!r}"]
    lines: list[str] = []
    for key in sorted(old.keys() | new.keys()):
        here = f"{at}/{key}" if at else key
        if key not in new:
            lines.append(f"{here}: recorded, not found")
        elif key not in old:
            lines.append(f"{here}: found, not recorded")
        else:
            lines += differences(old[key], new[key], here)
    return lines
