"""A year is read from what people and programs write, and never guessed."""

import datetime
import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.config import CorpusConfig, InputConfig
from rapids_rap.corpus.ingest import ingest
from rapids_rap.corpus.years import FIRST, this_year, year_of
from rapids_rap.errors import InputError
from tests.corpus.helpers import read, write

LAST = 2026
DATES = st.dates(datetime.date(FIRST, 1, 1), datetime.date(LAST, 12, 31))


def years(corpus):
    """The year of every row, null as None."""
    return [None if pd.isna(year) else int(year) for year in corpus.lines["year"]]


@pytest.mark.parametrize(
    "cell",
    [
        *("2018", "2018.0", " 2018 ", "2018年", "２０１８", "2018-05", "2018-05-01", "2018/5/1"),
        *("2018.5.1", "2018年5月", "2018年5月1日", "20180501", "2018-05-01T08:00:00Z"),
        *(
            "2018-05-01 8:00 PM",
            "2018/5/1 08:00:00 +0800",
            "2018年5月1日 下午3:00",
            "2018-05-01T08:00",
        ),
        *("2018-05-01 08:00:00.000+08:00", "01.05.2018", "5/13/2018", "2018-00-00"),
    ],
)
def test_a_year_as_people_and_programs_write_it(cell):
    """Whatever the spelling, 2018 is 2018."""
    assert year_of(cell, LAST) == 2018


@pytest.mark.parametrize(
    "cell", [None, "", " ", "NaN", "null", "NaT", "未知", "0", "0000-00-00", "?"]
)
def test_what_stands_for_nothing_is_no_year(cell):
    """An empty cell, and what databases and pandas write for one."""
    assert year_of(cell, LAST) is None


@pytest.mark.parametrize(
    "cell",
    [
        "18",
        "1750",
        "2718",
        "2027",
        "2027-01-01",
        "3 days ago",
        "2018/2019",
        "2018-05 - 2019-06",
        "2018-05-01 to 2019-05-01",
        "2018-05 (2019)",
        "2012-13",
        "2018-13-01",
        "2018-02-30",
        "20181399",
        "1e3",
        "90s",
        "01/05/18",
        "2018-05-01" * 50,
        "²⁰¹⁸ approx",
        "2018-5-1-3",
    ],
)
def test_what_is_no_year_is_not_guessed(cell):
    """Two digits, a span, a day that no month has: an error and not a number."""
    with pytest.raises(ValueError, match=r"no such date|too early|in the future|month|day"):
        year_of(cell, LAST)


@given(DATES)
def test_a_date_has_its_year_in_every_order(day):
    """ISO, packed, Chinese and both orders of Europe and America give the year of the date."""
    forms = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y年%m月%d日", "%d.%m.%Y", "%m/%d/%Y")
    assert {year_of(day.strftime(form), LAST) for form in forms} == {day.year}


@given(st.text(max_size=30))
def test_any_cell_is_a_year_or_nothing_or_an_error(cell):
    """No text makes anything else happen."""
    try:
        year = year_of(cell, LAST)
    except ValueError:
        return
    assert year is None or FIRST <= year <= LAST


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "json", "parquet"])
@pytest.mark.parametrize("column", ["year", "date"])
def test_each_kind_of_table_gives_years(tmp_path, form, column):
    """A column `year`, or else `date`; an empty cell is null."""
    cell = "2018" if column == "year" else "2018-05-01"
    frame = pd.DataFrame(
        {"artist": ["某甲", "某乙"], "song": ["歌", "曲"], "text": ["走吧", "来吧"]}
        | {column: [cell, None]}
    )
    path = tmp_path / f"a.{form}"
    if form == "csv":
        frame.to_csv(path, index=False)
    elif form == "tsv":
        frame.to_csv(path, index=False, sep="\t")
    elif form == "parquet":
        frame.to_parquet(path)
    else:
        rows = frame.to_dict("records")
        text = json.dumps(rows) if form == "json" else "\n".join(map(json.dumps, rows))
        path.write_text(text.replace("NaN", "null"), encoding="utf-8")
    assert years(read(path)) == [2018, None]


@pytest.mark.parametrize(
    "days",
    [
        pd.Series([datetime.date(2018, 5, 1), None]),
        pd.Series(pd.to_datetime(["2018-05-01", None])),
        pd.Series([2018.0, None]),
        pd.Series([2018, None], dtype="Int64"),
    ],
)
def test_parquet_keeps_dates_as_dates(tmp_path, days):
    """A column of days, times or numbers is as good as text."""
    path = tmp_path / "a.parquet"
    pd.DataFrame({"text": ["走吧", "来吧"], "year": days}).to_parquet(path)
    assert years(read(path)) == [2018, None]


def test_the_column_has_any_name_or_is_not_read(tmp_path):
    """`input.year` names it; the empty name reads none, whatever the cells hold."""
    path = write(tmp_path, "a.csv", "text,song,发行,date\n走吧,歌,2018,昨天\n")
    named = ingest([path], InputConfig(year="发行"), CorpusConfig())
    assert years(named) == [2018]
    assert years(ingest([path], InputConfig(year=""), CorpusConfig())) == [None]
    with pytest.raises(InputError, match=r'no column "released", which input\.year names'):
        ingest([path], InputConfig(year="released"), CorpusConfig())


def test_what_is_no_year_names_file_line_and_column(tmp_path):
    """In a column that was named, a wrong cell ends in a sentence: where it is, how to mend it."""
    path = write(tmp_path, "a.csv", "text,song,发行\n走吧,歌,2018\n来吧,曲,很久以前\n")
    with pytest.raises(InputError, match=r'a\.csv: line 3, column "发行": "很久以前".*input\.year'):
        ingest([path], InputConfig(year="发行"), CorpusConfig())


@pytest.mark.parametrize(("column", "cell"), [("year", "很久以前"), ("date", "20181399")])
def test_a_column_that_happens_to_be_called_so_stops_nothing(tmp_path, column, cell):
    """Tables of before years go on being read: no year is known, and that is said."""
    rows = f"走吧,歌,2018\n来吧,曲,{cell}\n去吧,词,{cell}\n"
    path = write(tmp_path, "a.csv", f"text,song,{column}\n{rows}")
    corpus = read(path)
    assert years(corpus) == [2018, None, None]
    said = [warning for warning in corpus.warnings if "no year" in warning]
    assert len(said) == 1
    assert f'column "{column}"' in said[0]
    assert f': 2 ("{cell}" in line 3)' in said[0]


def test_a_year_to_come_is_none_and_is_said(tmp_path):
    """In a column that was named, file, line and column; in another, a count and the first."""
    coming = this_year() + 1
    path = write(
        tmp_path, "a.csv", f"text,song,year,发行\n走吧,歌,{coming},2018\n来吧,曲,2018,2018\n"
    )
    corpus = read(path)
    assert years(corpus) == [None, 2018]
    assert f'to {coming - 1}, so that none is known: 1 ("{coming}" in line 2)' in "".join(
        corpus.warnings
    )
    path = write(tmp_path, "b.csv", f"text,song,发行\n走吧,歌,{coming}-02-01\n")
    said = rf'b\.csv: line 2, column "发行": "{coming}-02-01" .*{coming} is in the future'
    with pytest.raises(InputError, match=said):
        ingest([path], InputConfig(year="发行"), CorpusConfig())


def test_a_song_has_one_year(tmp_path):
    """Of several the earliest, which is said; a cell left empty takes its song's."""
    path = write(tmp_path, "a.csv", "text,song,year\n走吧,歌,2019\n来吧,歌,\n去吧,歌,2018\n")
    corpus = read(path)
    assert years(corpus) == [2018, 2018, 2018]
    assert any("several years" in said for said in corpus.warnings)


def test_lines_of_no_song_keep_their_own_years(tmp_path):
    """A line a row without a title: each has the year of its row."""
    path = write(tmp_path, "a.csv", "text,artist,year\n走吧,某甲,2019\n来吧,某甲,2018\n")
    corpus = read(path)
    assert years(corpus) == [2019, 2018]
    assert corpus.lines["song_id"].isna().all()


def test_a_corpus_of_our_own_keeps_its_years(tmp_path):
    """What `ingest` wrote reads back the same."""
    first = read(write(tmp_path, "a.csv", "text,song,date\n走吧,歌,2018-05-01\n来吧,曲,\n"))
    first.lines.to_parquet(tmp_path / "corpus.parquet")
    assert years(read(tmp_path / "corpus.parquet")) == years(first) == [2018, None]


def test_plain_text_and_lyrics_in_files_have_no_year(tmp_path):
    """Nothing says when."""
    assert years(read(write(tmp_path, "a.txt", "走吧\n来吧\n"))) == [None, None]
    assert years(read(write(tmp_path, "b.lrc", "[ti:歌]\n[00:01.00]走吧\n"))) == [None]


def test_folders_name_years(tmp_path):
    """`year=2018/`, as Hive and Spark write them."""
    (tmp_path / "year=2018").mkdir()
    path = write(tmp_path / "year=2018", "a.csv", "text,song\n走吧,歌\n")
    assert years(read(path)) == [2018]
