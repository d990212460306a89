"""Nothing that a stranger's text goes through takes longer than in proportion to its length.

Bounds are on growth: eight times the text may take twenty-four times as long, where a quadratic
one takes sixty-four.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import rapids_rap
from rapids_rap.config import Config
from rapids_rap.corpus.ingest import ingest
from rapids_rap.errors import InputError
from rapids_rap.words.segment import segment
from tests.growth import GENERIC, adversaries, grows_too_fast, text_of

ROOMS = ("corpus", "words", "training", "runs", "cli")
MODULES = [
    module.name
    for room in ROOMS
    for module in pkgutil.iter_modules(
        importlib.import_module(f"rapids_rap.{room}").__path__, f"rapids_rap.{room}."
    )
]
ENGINES: dict[str, Callable[[re.Pattern[str]], Callable[[str], object]]] = {
    "search": lambda pattern: pattern.search,
    "sub": lambda pattern: lambda text: pattern.sub(text[:0], text),
    "match": lambda pattern: pattern.match,
    "fullmatch": lambda pattern: pattern.fullmatch,
}
# Expressions that only ever see the beginning or the end of a line, of so many characters, whose
# blanks are collapsed.
BOUNDED = {
    "corpus.credits._BY": 300,
    "corpus.credits._SEPARATED": 300,
    "corpus.markers._BARE": 80,
    "corpus.markers._COLON": 80,
    "corpus.markers._ROUND": 80,
    "corpus.markers._SQUARE": 80,
    "corpus.markers._TITLED": 80,
    "corpus.markup._CLOSING_BREAK": 200,
    "corpus.translations._AD_LIB": 60,
}
SAME = {"split": "sub", "finditer": "sub", "findall": "sub"}


def _source(module: str) -> Path:
    return Path(rapids_rap.__file__).parents[1] / (module.replace(".", "/") + ".py")


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    found = {}
    for module in MODULES:
        for name, value in vars(importlib.import_module(module)).items():
            if isinstance(value, re.Pattern):
                found[f"{module.removeprefix('rapids_rap.')}.{name}"] = value
            elif isinstance(value, tuple):  # such as translations._SCRIPTS
                inside = [part for one in value if isinstance(one, tuple) for part in one]
                patterns = [part for part in inside if isinstance(part, re.Pattern)]
                short = module.removeprefix("rapids_rap.")
                found |= {f"{short}.{name}[{i}]": part for i, part in enumerate(patterns)}
    return found


def _uses(key: str) -> Iterator[str]:
    """How a module uses its expression; every way, where that can't be seen."""
    module, _, name = key.rpartition(".")
    said = re.findall(rf"\b{name}\.(\w+)", _source(f"rapids_rap.{module}").read_text())
    uses = {SAME.get(method, method) for method in said} & ENGINES.keys()
    yield from sorted(uses or ENGINES)


def _by_pieces(function: Callable[[str], object], longest: int) -> Callable[[str], object]:
    """The function as it is called, on pieces of a bounded length where it only sees such."""
    if not longest:
        return function

    def by_pieces(text: str) -> None:
        text = " ".join(text.split())
        for start in range(0, len(text), longest):
            function(text[start : start + longest])

    return by_pieces


def _encoded(function: Callable[[Any], object], encoding: str | None) -> Callable[[str], object]:
    """The function of text, also where it is one of bytes."""
    if encoding is None:
        return function
    return lambda text: function(text.encode(encoding, "replace"))


@pytest.mark.parametrize("key", sorted(_patterns()))
def test_every_expression_is_linear_in_what_it_reads(key: str) -> None:
    """A line of a megabyte must not keep one expression busy for hours; a new one is tried too."""
    pattern, longest = _patterns()[key], BOUNDED.get(key, 0)
    encoding = "latin-1" if isinstance(pattern.pattern, bytes) else None
    slow = [
        (use, parts, ratio)
        for use in _uses(key)
        for parts in adversaries(pattern)
        if (
            ratio := grows_too_fast(
                _by_pieces(_encoded(ENGINES[use](pattern), encoding), longest),
                lambda n, p=parts: text_of(p, n),
                longest or 64,
            )
        )
    ]
    assert not slow, slow[:3]


def test_expressions_have_names() -> None:
    """One that is made where it is used is not found by the test above."""
    made = [
        f"{module}:{node.lineno}"
        for module in MODULES
        for node in ast.walk(ast.parse(_source(module).read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr != "escape"
        and (node.func.attr != "compile" or node.col_offset > 40)
    ]
    assert made == []


@pytest.mark.parametrize("pattern", [r"\s*,\s*", r"(a+)+b", r"\d+x", r"(?:a|aa)+$"])
def test_the_search_for_slow_expressions_finds_some(pattern: str) -> None:
    """The two tests above can fail: these are slow in the ways that ours were."""
    compiled = re.compile(pattern)
    if pattern in (r"(a+)+b", r"(?:a|aa)+$"):  # would not end: what they repeat is found
        assert any("a" in body for _, body, _ in adversaries(compiled))
        return
    assert any(
        grows_too_fast(compiled.search, lambda n, p=parts: text_of(p, 8 * n))
        for parts in adversaries(compiled)
    )


def _songs(n: int) -> str:
    return "".join(f"a{i},t,x\n" for i in range(n // 10))


FILES: dict[str, Callable[[int], str]] = {
    "tabs.csv": lambda n: "artist,song,text\na" + "\t" * n + "b,t,x\n",
    "names.csv": lambda n: "artist,song,text\n" + _songs(n),
    "quotes.csv": lambda n: "artist,song,text\n" + 'a,"b\n' * (n // 5),
    "opened.tsv": lambda n: "artist\ttext\n" + '"\n' * (n // 8) + "a\tb\n" * (n // 4),
    "spanned.tsv": lambda n: 'artist\ttext\na\t"x\n' + "y\n" * (n // 2) + 'z"\na\tb\n',
    "restarts.lrc": lambda n: "".join(f"[00:{i % 3 * 20:02d}.00]a{i}\n" for i in range(n // 16)),
    "passages.lrc": lambda n: "".join(
        f"[{i // 3 % 97:02d}:{i % 3:02d}.{i % 91:02d}]a{i}\n" for i in range(n // 16)
    ),
    "tags.lrc": lambda n: (
        "[ti:a]\n"
        + "".join(f"[a{i}:x]\n" for i in range(n // 20))
        + "[00:01.00]x\n"
        + "[ti:a]\n[00:01.00]x\n" * (n // 40)
    ),
    "stamps.lrc": lambda n: (
        "".join(f"[{i // 60:03d}:{i % 60:02d}.00]" for i in range(n // 20)) + "a" * (n // 2) + "\n"
    ),
    "artist.lrc": lambda n: f"[ar:{'a' * (n // 2)}]\n" + "[00:01.00]x\n" * (n // 24),
    "columns.json": lambda n: (
        '{"text":{'
        + ",".join(f'"{i}":"a"' for i in range(n // 20))
        + "},"
        + ",".join(f'"c{i}":{{}}' for i in range(n // 20))
        + "}"
    ),
    "songs.json": lambda n: "[" + ",".join(['{"text":"a","song":"b"}'] * (n // 24)) + "]",
    "cues.srt": lambda n: "1\n00:00:01,000 --> 00:00:02,000\n" + "a\n1\n" * (n // 4),
    "events.ass": lambda n: "[Events]\nFormat: " + "a," * n + "Start,Text\nDialogue: 0\n",
    "credits.txt": lambda n: "作词：\n" * (n // 8) + "a：b\n" * (n // 8) + "爱\n",
    "songbook.txt": lambda n: "歌手姓名：A\nT\n" + "作曲：a\n" * (n // 10) + "作词：b\n爱\n",
    "furniture.txt": lambda n: (
        "Read More\n" * (n // 20) + "3Embed\n" + "About\n" * (n // 20) + "爱"
    ),
    "breaks.txt": lambda n: ("\\n " * 100 + "x\n") * (n // 300),
}


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_reader_is_linear_in_the_file(name: str, tmp_path: Path) -> None:
    """Loops over lines, rows, stamps, tags and quotes, and the memory that they fill."""
    config = Config()

    def read(text: str) -> None:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        with contextlib.suppress(InputError):  # said in time is good enough
            ingest([path], config.input, config.corpus)

    assert grows_too_fast(read, lambda n: FILES[name](3 * n), 2_048) is None


@pytest.mark.parametrize("body", [*GENERIC, "爱我", "e\u0301\u0323", "[00:01]", "a,"])
def test_cleaning_and_segmentation_are_linear_in_the_line(body: str, tmp_path: Path) -> None:
    """One line of any one thing: signs, blanks, digits, marks, brackets."""
    config, path = Config(), tmp_path / "a.txt"

    def whole(text: str) -> None:
        path.write_text(f"爱\n{text}爱\n", encoding="utf-8")
        segment(ingest([path], config.input, config.corpus).texts)

    assert grows_too_fast(whole, lambda n: text_of(("", body, ""), 5 * n), 2_048) is None


@pytest.mark.parametrize("text", ["[&#{}; x]", "[ti:&#{};]\n[00:01.00]a", "[00:01.00]&#x{};爱"])
def test_a_number_of_thousands_of_digits_is_no_character(text: str, tmp_path: Path) -> None:
    """Python refuses to read it: it must not end as a defect."""
    path = tmp_path / "a.lrc"
    path.write_text(text.format("9" * 5_000) + "\n爱\n", encoding="utf-8")
    assert len(ingest([path], Config().input, Config().corpus).lines)
