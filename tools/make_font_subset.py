"""Cuts the bundled font out of Noto Sans CJK SC: `python -m tools.make_font_subset`.

The font holds the 8,105 characters of 通用规范汉字表 (State Council of China, 2013), their
traditional forms (artists write their own names), kana and bopomofo, Latin, punctuation,
full-width forms and a few symbols. The characters come from Unihan's kTGH and kTraditionalVariant
properties and are committed as `rapids_rap/data/fonts/characters.txt`; `--unihan FOLDER` writes
that list anew. The font is renamed, so that it is never mistaken for a complete Noto.
"""

from __future__ import annotations

import argparse
import bz2
from collections.abc import Iterator
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTCollection, TTFont

from rapids_rap.data import data_path

SOURCE = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
FACE = "Noto Sans CJK SC"
FAMILY = "Noto Sans SC Subset"
TARGET = data_path("fonts/NotoSansSC-subset.otf")
CHARACTERS = data_path("fonts/characters.txt")

LEVELS = {"level 1": 3500, "level 2": 3000, "level 3": 1605}  # of the table, in its order
BLOCKS = (
    (0x20, 0x7E),  # ASCII
    (0xA0, 0x17F),  # Latin-1 and Latin Extended-A: pinyin with most tones
    (0x1CD, 0x1DC),  # pinyin's third tones
    (0x391, 0x3C9),  # Greek
    (0x2010, 0x203B),  # general punctuation
    (0x3000, 0x30FF),  # CJK punctuation, kana
    (0x3105, 0x312F),  # bopomofo
    (0x2460, 0x2473),  # circled numbers
    (0xFF01, 0xFFE6),  # full-width and half-width forms
)
SYMBOLS = "←↑→↓↔−×÷±≤≥≠≈∞√·•●○■□▲△▼▽◆◇★☆♠♥♡♣♦♪♫♬♭♯✓°℃€™©®§…"


def main() -> None:
    """Write the font, and with `--unihan` the list of characters first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, default=SOURCE, help="NotoSansCJK-Regular.ttc")
    parser.add_argument("--unihan", type=Path, help="folder with Unihan_*.txt.bz2: renew the list")
    parser.add_argument("--out", type=Path, default=TARGET)
    arguments = parser.parse_args()
    if arguments.unihan:
        CHARACTERS.write_text(render_characters(arguments.unihan), encoding="utf-8")
    font = cut(open_face(arguments.source), wanted_characters())
    font.save(arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes")
    absent = sorted(read_characters() - covered(font))
    print(f"characters of the list that the source does not have: {''.join(absent) or 'none'}")


def read_characters(section: str = "") -> set[str]:
    """The characters of the committed list: of one section ("level 1", "traditional"), or all."""
    found: set[str] = set()
    name = ""
    for line in CHARACTERS.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            name = line.removeprefix("# ").partition(":")[0]
        elif name.startswith(section):
            found |= set(line)
    return found


def wanted_characters() -> set[str]:
    """Every character the font should hold."""
    blocks = {chr(code) for first, last in BLOCKS for code in range(first, last + 1)}
    return read_characters() | blocks | set(SYMBOLS)


def covered(font: TTFont) -> set[str]:
    """The characters a font has a glyph for."""
    return {chr(code) for code in font.getBestCmap()}


def open_face(source: Path) -> TTFont:
    """The simplified Chinese face of the collection, which keeps its time stamp when saved."""
    for font in TTCollection(source).fonts:
        if font["name"].getDebugName(4) == FACE:
            font.recalcTimestamp = False  # the same bytes on every day
            return font
    raise SystemExit(f"{source}: no face named {FACE}; get Debian's fonts-noto-cjk 20220127.")


def cut(font: TTFont, characters: set[str]) -> TTFont:
    """The font with these characters only, without hinting, kerning or vertical setting."""
    options = subset.Options()
    options.layout_features = []
    options.hinting = False
    options.name_IDs = ["*"]
    options.notdef_outline = True
    options.drop_tables += ["vhea", "vmtx", "VORG", "BASE", "GPOS", "GSUB", "GDEF"]
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=[ord(character) for character in characters])
    cutter.subset(font)
    for record in font["name"].names:
        name = str(record).replace(FACE, FAMILY)
        record.string = name.replace("NotoSansCJKsc", FAMILY.replace(" ", ""))
    return font


def render_characters(unihan: Path) -> str:
    """The list as text: the table's three levels in its own order, then traditional forms."""
    order = {
        int(value.split(":")[1]): chr(code)
        for code, values in _property(unihan / "Unihan_OtherMappings.txt.bz2", "kTGH")
        for value in values
    }
    table = [order[number] for number in range(1, sum(LEVELS.values()) + 1)]
    if len(order) != len(table) or len(set(table)) != len(table):
        raise SystemExit(f"{unihan}: kTGH holds {len(order)} characters, expected {len(table)}.")
    forms = {
        chr(int(value[2:], 16))
        for code, values in _property(unihan / "Unihan_Variants.txt.bz2", "kTraditionalVariant")
        if chr(code) in set(table)
        for value in values
    }
    lines = []
    start = 0
    for name, size in LEVELS.items():
        lines += [f"# {name}: {size} characters of 通用规范汉字表", *_rows(table[start:][:size])]
        start += size
    extra = sorted(forms - set(table))
    lines += [f"# traditional: {len(extra)} traditional forms of the above", *_rows(extra)]
    return "\n".join(lines) + "\n"


def _property(path: Path, name: str) -> Iterator[tuple[int, list[str]]]:
    with bz2.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if len(fields) == 3 and fields[1] == name:
                yield int(fields[0][2:], 16), fields[2].split()


def _rows(characters: list[str], width: int = 50) -> list[str]:
    return ["".join(characters[i : i + width]) for i in range(0, len(characters), width)]


if __name__ == "__main__":
    main()
