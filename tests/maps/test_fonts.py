"""The bundled font holds what it promises, and no text is ever drawn as an empty box."""

import logging

import pytest
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.config import MapsConfig
from rapids_rap.data import data_path
from rapids_rap.errors import CapabilityError
from rapids_rap.maps import fonts
from rapids_rap.maps.fonts import SUBSTITUTE, characters_of, font_path, load_typeface, visible
from tools.make_font_subset import LEVELS, SYMBOLS, read_characters

BUNDLED = data_path("fonts/NotoSansSC-subset.otf")


def test_the_list_is_the_whole_table():
    """The list holds the 8,105 characters of 通用规范汉字表, level by level, once each."""
    levels = [read_characters(name) for name in LEVELS]
    assert [len(level) for level in levels] == [3500, 3000, 1605]
    assert len(set().union(*levels)) == 8105
    assert {"一", "的"} <= levels[0]
    assert any(ord(character) > 0xFFFF for character in levels[2])


def test_the_font_holds_the_whole_table_and_more():
    """The table, Latin, punctuation, full-width forms and symbols have glyphs."""
    font = TTFont(BUNDLED)
    held = {chr(code) for code in font.getBestCmap()}
    wanted = set().union(*(read_characters(name) for name in LEVELS))
    assert wanted - held == set()
    assert set("azAZ09éü，。！？：《》「」—…·％０Ａ〓→•♪✓−×≤≥%頑童麥") | set(SYMBOLS) <= held
    glyphs = font.getGlyphSet()
    names = {font.getBestCmap()[ord(character)] for character in "爱恨饕"}
    assert ".notdef" not in names
    assert all(glyphs[name].width > 0 for name in names)


def test_the_font_is_named_as_a_subset_and_comes_with_its_licence():
    """A cut font must not pass for the whole Noto, and the OFL travels with it."""
    names = TTFont(BUNDLED)["name"]
    assert names.getDebugName(1) == "Noto Sans SC Subset"
    assert "Open Font License" in names.getDebugName(13)
    licence = data_path("fonts/OFL.txt").read_text(encoding="utf-8")
    assert "Copyright (c) 2014-2021 Adobe" in licence
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    assert BUNDLED.stat().st_size < 5_000_000


def test_a_missing_font_names_the_file(tmp_path):
    """The setting of a font that is not there ends with exit code 3 and the file's name."""
    with pytest.raises(CapabilityError, match=r"nowhere\.otf") as error:
        font_path(MapsConfig(font=str(tmp_path / "nowhere.otf")))
    assert error.value.exit_code == 3


def test_a_damaged_bundled_font_names_the_file(tmp_path, monkeypatch):
    """A truncated font of the installation is an error that names it, not a traceback."""
    broken = tmp_path / "fonts" / "NotoSansSC-subset.otf"
    broken.parent.mkdir()
    broken.write_bytes(BUNDLED.read_bytes()[:1000])
    monkeypatch.setattr(fonts, "data_path", lambda name: tmp_path / name)
    with pytest.raises(CapabilityError, match=r"NotoSansSC-subset\.otf.*reinstall"):
        load_typeface(MapsConfig(), ["歌词"])


def test_a_text_file_is_no_font(tmp_path):
    """Something else under the name of a font is refused."""
    other = tmp_path / "font.ttf"
    other.write_text("not a font")
    with pytest.raises(CapabilityError, match=r"font\.ttf"):
        font_path(MapsConfig(font=str(other)))


def test_the_subset_has_common_characters_and_no_others():
    """Common characters are there; an emoji and a Korean syllable are not."""
    bundled = characters_of(font_path(MapsConfig()))
    assert set(visible("兄弟 flow，《山城》→ 頑童")) <= bundled
    assert set(visible("火🔥한")) - bundled == {"🔥", "한"}


def test_without_other_fonts_a_missing_character_is_a_visible_mark(monkeypatch, caplog):
    """A character that no font has becomes 〓, never a box, and is logged once for all texts."""
    monkeypatch.setattr(fonts, "_installed_fonts_with", lambda lacking: iter(()))
    with caplog.at_level(logging.WARNING):
        face = load_typeface(MapsConfig(), ["火🔥", "🔥🔥 한"])
    assert face.drawable("火🔥 flow") == f"火{SUBSTITUTE} flow"
    assert len(caplog.records) == 1
    assert "U+1F525" in caplog.text


def test_an_installed_font_helps_out():
    """A character outside the subset is drawn from a font that has it (matplotlib brings one)."""
    face = load_typeface(MapsConfig(), ["兄弟 😀"])
    assert face.drawable("😀") == "😀"
    assert len(face.families) > 1


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\u200bb\u0007", "ab"),  # zero width space, bell
        ("❤\ufe0f", "❤"),  # variation selector
        ("👨\u200d👩\u200d👧", "👨"),  # a family is one picture
        ("👍🏽", "👍"),  # skin tone
        ("e\u0301", "é"),
        ("一\n二\t三\u3000", "一 二 三"),
        ("", ""),
    ],
)
def test_invisible_characters_are_left_out(text, seen):
    """Joiners, controls and selectors would be boxes; line breaks would leave the line."""
    assert visible(text) == seen


@given(st.text(max_size=30))
@settings(max_examples=100, deadline=None)
def test_whatever_is_drawn_has_a_glyph(text):
    """Any string at all, lone surrogates included, comes out as characters the fonts have."""
    face = load_typeface(MapsConfig(), [])
    assert set(face.drawable(text)) <= face.characters
