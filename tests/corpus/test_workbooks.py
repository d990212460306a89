"""Workbooks as people make them: merged cells, formulas, titles that became dates."""

import io
from datetime import datetime

import pytest

from rapids_rap.corpus.workbooks import SheetFacts, filled_down
from tests.corpus.helpers import check_accounts, norms, read, write

openpyxl = pytest.importorskip("openpyxl")
HEADER = ["artist", "song", "text"]


def workbook(folder, rows, *merged):
    """A workbook of one sheet with these rows, cells merged."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cells in merged:
        book.active.merge_cells(cells)
    out = io.BytesIO()
    book.save(out)
    return write(folder, "a.xlsx", out.getvalue())


def test_an_artist_given_once_for_merged_rows(tmp_path):
    """Every row that a merged cell spans has its artist and title, and no row below it has."""
    rows = [["某甲", "桥", "桥洞里"], [None, None, "有人唱"], [None, "船", "没有船"]]
    path = workbook(tmp_path, [HEADER, *rows, [None, "雪", "雪停了"]], "A2:A4", "B2:B3")
    corpus = read(path)
    assert norms(corpus) == ["桥洞里", "有人唱", "没有船", "雪停了"]
    assert corpus.lines["artist"].fillna("").tolist() == ["某甲", "某甲", "某甲", ""]
    assert corpus.lines["song"].tolist() == ["桥", "桥", "船", "雪"]
    assert any("no artist for 1 lines, beside 3" in warning for warning in corpus.warnings)
    check_accounts(corpus)


def test_ranges_that_overlap_take_linear_work():
    """A workbook made to be slow, with a thousand ranges over all rows, is filled once."""
    rows = [("某甲",), *[(None,)] * 5_000]
    merged = ((0, 0, 10_000_000),) * 5_000
    assert filled_down(rows, SheetFacts(merged), [0]) == [("某甲",)] * 5_001
    assert filled_down(rows, SheetFacts(merged), [None, 1]) == rows


def test_merged_lyrics_are_one_cell(tmp_path):
    """Only names are given to the rows below: a lyric is sung once; empty cells stay empty."""
    rows = [["某甲", "桥", "桥洞里"], [None, "桥", None], [None, "桥", "没有船"]]
    corpus = read(workbook(tmp_path, [HEADER, *rows], "C2:C3"))
    assert norms(corpus) == ["桥洞里", "没有船"]
    assert corpus.lines["artist"].fillna("").tolist() == ["某甲", ""]


def test_a_formula_that_nobody_computed(tmp_path):
    """Such a row is counted and said; that it has no value is no empty lyric."""
    rows = [["某甲", "桥", "桥洞里"], ["某甲", "桥", '=CONCATENATE("有人","唱")']]
    corpus = read(workbook(tmp_path, [HEADER, *rows, ["某甲", "桥", "没有船"]]))
    assert norms(corpus) == ["桥洞里", "没有船"]
    assert corpus.dropped["rule"].tolist() == ["row"]
    assert any("row 3 has a formula" in warning for warning in corpus.warnings)
    check_accounts(corpus)


def test_titles_that_became_dates(tmp_path):
    """A date is a day without an hour that nobody wrote, and is said."""
    rows = [["某甲", datetime(2019, 5, 20), "桥洞里"], ["某甲", "5.20", "有人唱"]]
    corpus = read(workbook(tmp_path, [HEADER, *rows]))
    assert corpus.lines["song"].tolist() == ["2019-05-20", "5.20"]
    assert any("dates as names" in w and "2019-05-20" in w for w in corpus.warnings)
