"""README.zh.md says what README.md says."""

import re
from collections import Counter

import pytest

from tests.conftest import ROOT

CODE = re.compile(r"^```\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"(?<!\S)#\s.*$")
LINK = re.compile(r"\]\(([^)\s]+)\)")
QUOTED = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
MILLION = re.compile(r"(\d+)\.(\d) million|(\d+) 万")  # 1.4 million is 140 万
MONTH = re.compile(r"11 月 ")  # of a date; in English it is a name


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def sections(name):
    """The text of each section but its code, the first without a heading."""
    return re.split(r"^## .*$", CODE.sub("", read(name)), flags=re.MULTILINE)


def commands(name):
    """Each code block's lines without their comments."""
    blocks = CODE.findall(read(name))
    return [[COMMENT.sub("", line).rstrip() for line in block.splitlines()] for block in blocks]


def links(text):
    return [link for link in LINK.findall(text) if link not in ("README.md", "README.zh.md")]


def quoted(text):
    return Counter(" ".join(words.split()) for words in QUOTED.findall(text))


def written_out(found):
    """1.4 million and 140 万 as the same number."""
    whole, tenth, ten_thousands = found.groups()
    return f"{ten_thousands}0000" if ten_thousands else f"{whole}{tenth}00000"


def numbers(text):
    plain = MILLION.sub(written_out, MONTH.sub("", QUOTED.sub("", LINK.sub("", text))))
    return Counter(number.rstrip(".,") for number in NUMBER.findall(plain))


PAIRS = list(zip(sections("README.md"), sections("README.zh.md"), strict=True))


def test_both_give_the_same_commands():
    """What is typed is the same to the letter; only comments are translated."""
    assert commands("README.md") == commands("README.zh.md")


@pytest.mark.parametrize("number", range(len(PAIRS)))
def test_both_say_the_same(number):
    """Links in order, figures, and what stands in code, section by section."""
    english, chinese = PAIRS[number]
    assert links(english) == links(chinese)
    assert quoted(english) == quoted(chinese)
    assert numbers(english) == numbers(chinese)


def test_the_tables_have_the_same_figures_row_by_row():
    """A figure is not moved into another row."""
    rows = [
        [numbers(line) for line in read(name).splitlines() if line.startswith("|")]
        for name in ("README.md", "README.zh.md")
    ]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_every_link_leads_somewhere(name):
    """No file that is named is missing, and each readme names the other."""
    found = LINK.findall(read(name))
    assert [link for link in found if not (ROOT / link).exists()] == []
    assert ("README.zh.md" if name == "README.md" else "README.md") in found
