"""Tables of a paper compile, whatever names and terms hold, and quote no lyrics."""

import re

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.report.paper_tables import SHORT, PaperTable, latex, short, table_files

HOSTILE = st.text(max_size=12) | st.sampled_from(
    [r"\input{/etc/passwd}", "a & b", "50%", "$x$", "_x^y~", "{", "}", "\\", "\\\\[9pt]", "行\n行"]
)


def rows(text):
    """The rows of a longtable's body, as LaTeX would cut them."""
    body = text.split("\\endlastfoot\n")[1].split("\\end{longtable}")[0]
    return [line for line in body.split("\n") if line]


@given(st.lists(st.tuples(HOSTILE, st.integers(-9, 9)), min_size=1, max_size=5), HOSTILE)
def test_no_cell_is_a_command(cells, heading):
    """Each row has its cells and its end; no sign but our own escapes means anything to LaTeX."""
    frame = pd.DataFrame(cells, columns=[heading or "a", "number of it"])
    text = latex("x", PaperTable(frame, "Caption."))
    assert len(rows(text)) == len(cells)
    for row in rows(text):
        assert row.endswith(r" \\")
        plain = re.sub(r"\\[&%$#_{}]", "", row.removesuffix(r" \\"))
        plain = re.sub(
            r"\\text(backslash|ascii(tilde|circum)|quotedbl|less|greater|bar)\{\}", "", plain
        )
        plain = plain.replace("{[}", "").replace("{]}", "").replace("$-", "").replace("$", "", 1)
        assert plain.count("&") == 1
        assert not set(plain) & set("\\%#_{}^~")


def test_numbers_read_as_numbers():
    """Whole ones without a point, others with three digits, a minus as LaTeX sets it."""
    frame = pd.DataFrame({"n": [1, -1], "share": [0.25, None], "songs": [3.0, None]})
    assert rows(latex("x", PaperTable(frame, ""))) == [r"1 & 0.250 & 3 \\", r"$-1$ & -- & -- \\"]


def test_a_small_p_is_not_nought():
    """Three decimals say that it is below what they show; nought alone is nought."""
    frame = pd.DataFrame({"p": [0.00001, 0.0, 0.0012], "low": [-0.00001, 1.0, 2.5]})
    assert rows(latex("x", PaperTable(frame, ""))) == [
        r"$<0.001$ & $-0.000$ \\",
        r"0.000 & 1.000 \\",
        r"0.001 & 2.500 \\",
    ]


def test_a_long_name_is_cut():
    """What is longer than a few words could be a passage of a song."""
    assert short("词" * SHORT) == "词" * SHORT
    assert short("词" * 100) == "词" * (SHORT - 1) + "…"


def test_each_table_is_csv_and_latex_and_all_are_inputs():
    """Both forms of each table, and a document that puts all of them in."""
    files = table_files({"one": PaperTable(pd.DataFrame({"a": ["=1"]}), "One.")})
    assert set(files) == {"tables/one.csv", "tables/one.tex", "tables/all.tex"}
    assert rb"\input{one}" in files["tables/all.tex"]
    assert files["tables/one.csv"].decode() == "a\n'=1\n"  # no formula for a spreadsheet
