"""Texts as Arrow holds them are the strings that they were made of."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.corpus import texts as texts_room
from rapids_rap.corpus.texts import Texts, chosen, column, end_to_end, numbered, of_column, repeated

STRINGS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), max_size=12)


@given(STRINGS, st.data())
def test_they_are_a_sequence_of_strings(strings, data):
    """One, some, all, in pieces and end to end."""
    own = Texts(pa.array(strings, pa.large_string()))
    assert list(own) == strings
    assert len(own) == len(strings)
    assert [own[i] for i in range(len(strings))] == strings
    at = data.draw(st.integers(0, len(strings)))
    assert own[:at] + own[at:] == strings
    parts = [Texts(own.array[:at]), Texts(own.array[at:])]
    joined = end_to_end(parts)
    assert isinstance(joined, Texts)
    assert list(joined) == strings
    places = np.arange(0, len(strings), 2)
    assert list(chosen(own, places)) == chosen(strings, places) == strings[::2]
    assert list(of_column(pd.DataFrame({"a": column(own)}), "a")) == strings


@given(STRINGS)
def test_distinct_texts_are_numbered_in_code_point_order(strings):
    """As Python sorts them, also beyond the Basic Multilingual Plane."""
    for own in (strings, Texts(pa.array(strings, pa.large_string()))):
        distinct, number = numbered(own)
        assert distinct == tuple(sorted(set(strings)))
        assert [distinct[i] for i in number] == strings


def test_a_few_are_strings_at_a_time(monkeypatch):
    """All of them at once would be what they are kept from being."""
    monkeypatch.setattr(texts_room, "_SOME", 3)
    own = Texts(pa.array([str(i) for i in range(10)], pa.large_string()))
    assert list(own) == [str(i) for i in range(10)]


@pytest.mark.parametrize("names", [["a", None, "b"], [None, None, None]])
def test_a_column_of_names_has_nulls_where_there_is_none(names):
    """As pandas makes it of a list."""
    places = np.array([2, 1, 1, 0])
    expected = pd.array([names[i] for i in places], dtype="str")
    found = column(repeated(names, places))
    pd.testing.assert_extension_array_equal(found, expected)
    assert found.dtype == expected.dtype


def test_a_column_is_not_copied():
    """The lines of ten million rows lie there once."""
    own = Texts(pa.array(["一行", "b"], pa.large_string()))
    again = of_column(pd.DataFrame({"a": column(own)}), "a")
    assert again.array.buffers()[2].address == own.array.buffers()[2].address
    assert chosen(own, np.arange(2)) is own
