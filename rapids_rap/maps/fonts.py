"""The font of the maps: never a tofu box, and a missing font is an error that names the file.

The bundled subset of Noto Sans CJK SC holds 通用规范汉字表 (8,105 characters), their traditional
forms, kana, Latin and punctuation. A character outside it is drawn from an installed font that has
it; one that no font has is drawn as 〓, the printers' mark for a missing sort, and logged.
"""

from __future__ import annotations

import functools
import logging
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

from rapids_rap.config import MapsConfig
from rapids_rap.data import data_path
from rapids_rap.errors import CapabilityError

log = logging.getLogger(__name__)

BUNDLED = "fonts/NotoSansSC-subset.otf"
SUBSTITUTE = "〓"
# Fonts that claim every character and draw a box, or draw colour bitmaps that come out blank.
_PLACEHOLDER_FONTS = ("lastresort", "last resort", "blank", "color", "unifont upper")
_INVISIBLE = ("Cc", "Cf", "Zl", "Zp")  # controls, joiners, direction marks, line separators
_JOINER = "\u200d"


@dataclass(frozen=True)
class Typeface:
    """Fonts in the order they are asked for a character, and the characters they have.

    families: names under which matplotlib finds exactly these files. characters: code points that
    at least one of them draws.
    """

    families: tuple[str, ...]
    characters: frozenset[str]

    def sized(self, points: float) -> font_manager.FontProperties:
        """The typeface at a size in points (pixels, on a figure of 72 dots per inch)."""
        return font_manager.FontProperties(family=list(self.families), size=points)

    def drawable(self, text: str) -> str:
        """The text on one line, with 〓 for what no font has and without invisible characters."""
        return "".join(
            character if character in self.characters else SUBSTITUTE for character in visible(text)
        )


def font_path(config: MapsConfig) -> Path:
    """The font file of the maps: `maps.font`, or the bundled subset.

    Raises `CapabilityError` where the file is missing or is not a font.
    """
    path = Path(config.font) if config.font else data_path(BUNDLED)
    characters_of(path)
    return path


def load_typeface(config: MapsConfig, texts: Iterable[str]) -> Typeface:
    """A typeface that draws these texts: the font, the bundled subset, then installed fonts.

    Characters that no font has are logged once. Raises `CapabilityError` as `font_path` does.
    """
    paths = [font_path(config)]
    if config.font:
        paths.append(data_path(BUNDLED))
    characters = frozenset[str]().union(*(characters_of(path) for path in paths))
    wanted = {character for text in texts for character in visible(text)}
    for path, found in _installed_fonts_with(wanted - characters):
        paths.append(path)
        characters |= found
    lacking = sorted(wanted - characters)
    if lacking:
        shown = " ".join(f"U+{ord(character):04X}" for character in lacking[:20])
        log.warning(
            "maps: no font has %d of the characters to be drawn (%s%s); drawn as %s. "
            "Set maps.font, or install a font that has them.",
            len(lacking),
            shown,
            " ..." if len(lacking) > 20 else "",
            SUBSTITUTE,
        )
    return Typeface(tuple(_register(path) for path in paths), characters)


def visible(text: str) -> str:
    """The text as it would be seen: composed (NFC), on one line, without invisible characters.

    What follows a joiner belongs to the picture before it (an emoji family) and is not seen alone.
    """
    out: list[str] = []
    joined = False
    for character in unicodedata.normalize("NFC", text):
        if character == _JOINER:
            joined = True
        elif character.isspace():
            out.append(" ")
            joined = False
        elif unicodedata.category(character) not in _INVISIBLE and not _is_selector(character):
            out += [] if joined else [character]
            joined = False
    return "".join(out).strip()


def _is_selector(character: str) -> bool:
    """Variation selectors and emoji skin tones: they change the character before them."""
    code = ord(character)
    return 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF or 0x1F3FB <= code <= 0x1F3FF


@functools.lru_cache(maxsize=64)
def characters_of(path: Path) -> frozenset[str]:
    """The characters a font file has glyphs for. Raises `CapabilityError` where it is no font."""
    if not path.is_file():
        raise CapabilityError(f"{path}: the font of the maps is missing. {_advice(path)}")
    try:
        return frozenset(chr(code) for code in FT2Font(str(path)).get_charmap()) | {" "}
    except (RuntimeError, OSError, ValueError) as error:
        message = f"{path}: can't be read as a font ({error}). {_advice(path)}"
        raise CapabilityError(message) from None


def _advice(path: Path) -> str:
    if path == data_path(BUNDLED):
        return "It belongs to the installation: reinstall rapids-rap, or set maps.font."
    return "Set maps.font to a .ttf, .otf or .ttc file, or leave it empty for the bundled font."


def _installed_fonts_with(lacking: set[str]) -> Iterator[tuple[Path, frozenset[str]]]:
    """Installed fonts, each with the lacking characters that it has, until none is lacking."""
    if not lacking:
        return
    for path in sorted({entry.fname for entry in font_manager.fontManager.ttflist}, key=_rank):
        if any(word in Path(path).stem.lower() for word in _PLACEHOLDER_FONTS):
            continue
        try:
            found = lacking & characters_of(Path(path))
        except CapabilityError:
            continue  # a font that was uninstalled since matplotlib last looked
        if found:
            lacking = lacking - found
            yield Path(path), frozenset(found)
        if not lacking:
            return


def _rank(path: str) -> tuple[bool, bool, str]:
    """Sans-serif and upright faces first: they sit best beside the bundled one."""
    stem = Path(path).stem.lower()
    plain = not any(word in stem for word in ("bold", "italic", "oblique", "light", "mono"))
    return ("sans" not in stem, not plain, path)


def _register(path: Path) -> str:
    """A family name under which matplotlib finds this very file and no relative of it."""
    name = f"rapids-rap {path}"
    manager = font_manager.fontManager
    if all(entry.name != name for entry in manager.ttflist):
        manager.ttflist.append(font_manager.FontEntry(fname=str(path), name=name, weight=400))
    return name
