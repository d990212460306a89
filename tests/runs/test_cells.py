"""CSV cells: no lyric becomes a formula, and what is read back is what was written."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.reading.summary import export_lines
from rapids_rap.runs.cells import escape_cells, unescape_cells
from rapids_rap.runs.folder import write_csv
from rapids_rap.runs.run import open_run
from tests.run_factory import make_run

FORMULAS = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    "'=1",
    "''-",
)
texts = st.text(st.one_of(st.sampled_from("'=+-@\t\r\n\"，, ＝x"), st.characters(codec="utf-8")))


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_becomes_text(text):
    """Whatever a spreadsheet would compute begins with an apostrophe in the file."""
    assert escape_cells(pd.DataFrame({"text": [text]})).iloc[0, 0] == "'" + text


def test_numbers_nulls_and_plain_text_stay():
    """Negative numbers are numbers, a missing artist is missing, a lyric's own apostrophe stays."""
    table = pd.DataFrame(
        {
            "lift": [-1.5, 2.0],
            "lines": [-3, 4],
            "artist": [None, "'Bout"],
            "text": ["a=b", "'"],
        }
    )
    assert escape_cells(table).equals(table)
    mixed = pd.DataFrame({"value": pd.Series([-1, "=x", None], dtype=object)})
    assert escape_cells(mixed)["value"].tolist() == [-1, "'=x", None]


@settings(max_examples=40)
@given(st.lists(st.one_of(texts, st.none()), max_size=20))
def test_reading_undoes_writing(drawn):
    """Escaped and read back, every text is the text it was."""
    table = pd.DataFrame({"text": pd.array(drawn, dtype="str"), "-n": range(len(drawn))})
    escaped = escape_cells(table)
    assert unescape_cells(escaped).equals(table)
    for cell in escaped["text"].dropna():
        assert not cell.startswith(tuple("=+-@\t\r\n＝＋－＠"))


def test_names_of_columns_are_cells_too():
    """A column may be named by a user's list of words."""
    table = pd.DataFrame({"=x": [1], "ok": ["-y"]})
    assert list(escape_cells(table).columns) == ["'=x", "ok"]
    assert unescape_cells(escape_cells(table)).equals(table)


def test_tables_of_a_run_come_back(tmp_path):
    """A run's own reader takes the apostrophes off again: terms, labels, artists, lyrics."""
    folder = make_run(tmp_path / "run", ["一", "二", "三"], [0, 0, 0])
    table = pd.DataFrame(
        {
            "cluster": [0, 0],
            "rank": [1, 2],
            "similarity": [0.5, -0.25],
            "artist": ["@某人", None],
            "song": ["-", "'=歌"],
            "text": ["=HYPERLINK(1)", "+1 了"],
        }
    )
    write_csv(folder / "cluster_examples.csv", table)
    assert "'=HYPERLINK(1)" in (folder / "cluster_examples.csv").read_text()
    found = open_run(folder).cluster_examples
    for name in ("artist", "song", "text"):
        assert (
            found[name].astype(object).where(found[name].notna(), None).tolist()
            == table[name].astype(object).where(table[name].notna(), None).tolist()
        )
    assert found["similarity"].tolist() == [0.5, -0.25]


def test_an_export_is_safe_as_csv_and_exact_otherwise(tmp_path):
    """The CSV for a spreadsheet is escaped, the JSON lines for a program are not."""
    run = open_run(make_run(tmp_path / "run", ["=1+1", "二", "三"], [0, 0, 0]))
    assert b"\n0,'=1+1,'=1+1," in export_lines(run, None, "csv")
    assert b'"text":"=1+1"' in export_lines(run, None, "jsonl")
