"""Which names of the GPU libraries a source file uses, read from its syntax tree.

The backend imports every library by `require("module", ...)` and hands modules on by name, so a
name that is bound to a module anywhere in a file stands for it in the whole file. What a call
returns can't be followed here; methods of models, arrays and tables are judged by the double, at
run time.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

IMPORTERS = ("require", "import_module")
LIBRARIES = ("cudf", "cuml", "cupy", "cupyx", "cuvs", "faiss", "rmm")
ARRAYS = "xp"  # array_api_compat.cupy, wherever it is passed
KNOWN = {"cupy": "cupy", "faiss": "faiss"}  # parameters and attributes that always mean the module


@dataclass(frozen=True)
class Use:
    """A dotted name that a file reads, or calls with so many arguments and these keywords."""

    name: str
    line: int
    called: bool = False
    positional: int = 0
    keywords: tuple[str, ...] = ()


def uses(source: str) -> list[Use]:
    """Every use of a GPU library in a module's source, the longest dotted names only."""
    tree = ast.parse(source)
    bound = dict(KNOWN)
    for _ in range(2):  # a second look resolves names that are bound to attributes of others
        for node in ast.walk(tree):
            for target, value in _assignments(node):
                module = _imported(value) or _dotted(value, bound)
                if module:
                    bound[target] = module
    return sorted(_uses(tree, bound), key=lambda use: (use.line, use.name))


def array_functions(source: str) -> set[str]:
    """The names read from the array namespace: `xp.take`, `rows.xp.linalg.eigh`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        chain = _chain(node)
        if ARRAYS in chain[:-1]:
            found.add(".".join(chain[chain.index(ARRAYS) + 1 :]))
    return {name for name in found if not any(o.startswith(f"{name}.") for o in found)}


def backend_sources(root: Path) -> list[Path]:
    """The files of the GPU backend, below the checkout's root."""
    folder = root / "rapids_rap" / "backend"
    return sorted([folder / "gpu.py", *folder.glob("_gpu_*.py")])


def _uses(tree: ast.AST, bound: dict[str, str]) -> Iterator[Use]:
    inner: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _dotted(node.func, bound)
            if name and name.partition(".")[0] in LIBRARIES:
                inner.add(id(node.func))
                keywords = tuple(k.arg for k in node.keywords if k.arg)
                yield Use(name, node.lineno, True, len(node.args), keywords)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner:
            inner.add(id(node.value))
            name = _dotted(node, bound)
            if name and name.partition(".")[0] in LIBRARIES:
                yield Use(name, node.lineno)


def _assignments(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Targets by name, also of `self.name = ...` and `a, b = x, y`."""
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        pairs = [(node.target, node.value)]
    elif isinstance(node, ast.Assign):
        pairs = [(target, node.value) for target in node.targets]
    else:
        return
    for target, value in pairs:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs += zip(target.elts, value.elts, strict=False)
        elif isinstance(target, ast.Name):
            yield target.id, value
        elif isinstance(target, ast.Attribute):
            yield target.attr, value


def _imported(value: ast.expr) -> str:
    """The module of `require("module", ...)`, or nothing."""
    if not (isinstance(value, ast.Call) and value.args):
        return ""
    function, first = value.func, value.args[0]
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in IMPORTERS and isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    return ""


def _dotted(node: ast.AST, bound: dict[str, str]) -> str:
    """The full name of an attribute chain that passes through a module, or nothing."""
    chain = _chain(node)
    for place in range(len(chain) - 1, -1, -1):
        if chain[place] in bound:
            return ".".join([bound[chain[place]], *chain[place + 1 :]])
    return ""


def _chain(node: ast.AST) -> list[str]:
    """`a.b.c` as its parts; empty for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return parts[::-1]
