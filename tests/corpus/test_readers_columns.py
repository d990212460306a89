"""Parquet in every layout of text, and workbooks."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rapids_rap.errors import CapabilityError, InputError
from tests.corpus.helpers import check_accounts, gone, norms, read, write

LINES = ["桥洞里", "有人唱", "没有船"]


def parquet(folder, **columns):
    """A Parquet file with these columns."""
    path = folder / "a.parquet"
    pq.write_table(pa.table(columns), path)
    return path


LAYOUTS = {
    "string": pa.array(LINES),
    "large": pa.array(LINES, pa.large_string()),
    "view": pa.array(LINES).cast(pa.string_view()),
    "binary": pa.array([line.encode() for line in LINES]),
    "large binary": pa.array([line.encode() for line in LINES], pa.large_binary()),
    "binary view": pa.array([line.encode() for line in LINES], pa.binary_view()),
    "dictionary": pa.array(LINES).dictionary_encode(),
    "dictionary of bytes": pa.array([line.encode() for line in LINES]).dictionary_encode(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_text_in_every_layout(tmp_path, layout):
    """Whatever wrote the file, its text and its names are text."""
    column = LAYOUTS[layout]
    corpus = read(parquet(tmp_path, text=column, artist=column, song=column))
    assert norms(corpus) == LINES == corpus.lines["artist"].tolist()
    assert corpus.lines["song"].tolist() == LINES


def test_a_list_of_lines_is_a_song(tmp_path):
    """A cell may hold its lines as a list, nulls between them."""
    cells = pa.array([["桥洞里", None, "有人唱"], None, ["没有船"]])
    corpus = read(parquet(tmp_path, text=cells, song=pa.array(["桥", "空", "渡口"])))
    assert norms(corpus) == LINES
    assert corpus.lines["song"].tolist() == ["桥", "桥", "渡口"]


def test_numbers_as_names(tmp_path):
    """NaN and infinities are no titles, and 1989.0 is 1989."""
    titles = pa.array([1989.0, float("nan"), float("inf")])
    corpus = read(parquet(tmp_path, text=pa.array(LINES), song=titles))
    assert corpus.lines["song"].tolist()[0] == "1989"
    assert corpus.lines["song"].isna().tolist() == [False, True, True]


def test_bytes_that_are_no_text_are_a_bad_row(tmp_path):
    """One row of rubbish is dropped by its rule, with its number; a whole column is refused."""
    cells = pa.array([b"\xff\xfe\x80", *[line.encode() for line in LINES]])
    corpus = read(parquet(tmp_path, text=cells))
    assert norms(corpus) == LINES
    assert list(gone(corpus).values()) == ["row"]
    assert any("row 1 holds bytes" in warning for warning in corpus.warnings)
    check_accounts(corpus)
    with pytest.raises(InputError, match=r"a\.parquet: row 1 holds bytes that are not UTF-8"):
        read(parquet(tmp_path, text=pa.array([b"\xff", b"\xfe"])))


def workbook(folder, sheets):
    """A workbook with these sheets, a list of rows each."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return write(folder, "a.xlsx", out.getvalue())


def test_a_workbook(tmp_path):
    """Every sheet with the column is read, others are named; numbers read as they are seen."""
    header = ["artist", "song", "text"]
    path = workbook(
        tmp_path,
        {
            "一": [header, ["某甲", 1989, "桥洞里\n有人唱"], [None, None, None]],
            "二": [header[::-1], ["没有船", 7.0, "某乙"]],
            "说明": [["谁", "何时"], ["某人", 1]],
        },
    )
    corpus = read(path)
    assert norms(corpus) == LINES
    assert corpus.lines["artist"].tolist() == ["某甲", "某甲", "某乙"]
    assert corpus.lines["song"].tolist() == ["1989", "1989", "7"]
    assert corpus.lines["file_line"].tolist() == [2, 2, 2]
    assert any("说明" in warning for warning in corpus.warnings)
    check_accounts(corpus)


def test_no_workbook(tmp_path, monkeypatch):
    """No sheet with the column, a damaged file, and a missing library are explained."""
    with pytest.raises(InputError, match=r'a\.xlsx: no column named "text".*"歌词"'):
        read(workbook(tmp_path, {"一": [["歌词"], ["桥洞里"]]}))
    with pytest.raises(InputError, match=r"b\.xlsx: can't be read as an Excel workbook"):
        read(write(tmp_path, "b.xlsx", b"PK\x03\x04rubbish"))
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(CapabilityError, match=r"pip install 'rapids-rap\[xlsx\]'"):
        read(tmp_path / "a.xlsx")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"krc18\x00\x01\x02", "encrypted KRC"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel's format before 2007"),
        (b"<?xml version='1.0'?><tt><p begin='1s'>\xe6\xa1\xa5</p></tt>", "is XML"),
    ],
)
def test_formats_that_are_not_read_are_named(tmp_path, data, message):
    """What can't be read is refused by its name, never taken for lyrics."""
    with pytest.raises(InputError, match=message):
        read(write(tmp_path, "a.lyrics", data))


def test_qrc_in_its_xml(tmp_path):
    """QQ Music wraps the timed lyrics in an attribute."""
    text = (
        '<?xml version="1.0" encoding="utf-8"?><QrcInfos><LyricInfo><Lyric_1 LyricType="1" '
        'LyricContent="[ti:桥]&#10;[ar:某甲]\n[1000,9]桥(1000,2)洞里(1002,2)\n[2000,9]有人唱(2000,2)"/>'
        "</LyricInfo></QrcInfos>"
    )
    corpus = read(write(tmp_path, "a.qrc", text))
    assert norms(corpus) == LINES[:2]
    assert set(corpus.lines["artist"]) == {"某甲"}


def test_a_workbook_that_repeats_its_header(tmp_path):
    """Sheets pasted one below the other: a header names the columns anew, in any order and case."""
    rows = [
        ["artist", "song", "text"],
        ["某甲", "桥", "桥洞里"],
        ["Artist", "Song", "Text"],
        ["某甲", "桥", "有人唱"],
        ["text", "song", "artist"],
        ["没有船", "渡口", "某乙"],
        ["text", "渡口", "某乙"],
    ]
    corpus = read(workbook(tmp_path, {"一": rows}))
    assert norms(corpus) == [*LINES, "text"]
    assert corpus.lines["artist"].tolist() == ["某甲", "某甲", "某乙", "某乙"]
    assert gone(corpus) == {"Artist Song Text": "header", "text song artist": "header"}
    check_accounts(corpus)
