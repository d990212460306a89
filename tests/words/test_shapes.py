"""Tests of what can be seen of a text without understanding it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.words.shapes import NOTHING, SHAPES, line_shapes


def value_of(text, name):
    shape = line_shapes([text])[name]
    code = int(shape.codes[0])
    return None if code == NOTHING else shape.values[code]


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("今夜 没有 风", "length", "5"),
        ("今夜 没有  风", "blanks", "2"),
        ("", "blanks", "0"),
        ("走在路上", "rhyme", "ang"),
        ("绿", "rhyme", "v"),
        ("优", "rhyme", "ou"),
        ("go home", "rhyme", None),
        ("走在路上。", "rhyme", None),
        ("走在路上", "script", "Chinese"),
        ("走在 road 上", "script", "mixed"),
        ("on the road é", "script", "Latin"),
        ("дорога", "script", "other"),
        ("123", "script", None),
        ("Yeah 走", "first_character", "y"),
        ("山水风云", "repetition", "none"),
        ("走走停停", "repetition", "up to a half"),
        ("啦啦啦啦啦啦啦啦", "repetition", "more"),
    ],
)
def test_a_shape_is_what_a_reader_sees(text, name, value):
    """Blanks are no characters, a rhyme needs a Chinese last character, case is none."""
    assert value_of(text, name) == value


@given(st.lists(st.text(max_size=12), max_size=8))
def test_every_text_has_a_code_of_a_known_value_or_none(texts):
    """Whatever stands in a line, codes point at values, and each value is somebody's."""
    for name, shape in line_shapes(texts).items():
        assert name in SHAPES
        assert shape.codes.shape == (len(texts),)
        known = set(shape.codes[shape.codes != NOTHING].tolist())
        assert known == set(range(len(shape.values)))
