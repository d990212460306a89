"""Large files read in parts are read as the whole is, whatever their rows hold."""

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.config import InputConfig
from rapids_rap.corpus.all_lines import read_file
from rapids_rap.corpus.ranges import find_parts, join_parts, read_part

CONFIG = InputConfig()
cell = st.sampled_from([None, "某某", "别人", "a", "nan"])
text = st.sampled_from(
    [
        "山水",
        "灯火\n夜",
        "[00:01.00]hey\n[00:02.00]走\n[00:03.00]灯",
        "",
        "\\N",
        "走\\n开\\n了",
        "nan",
    ]
)
row = st.fixed_dictionaries(
    {"text": text},
    optional={
        "artist": cell,
        "song": cell,
        "song_id": st.sampled_from(["1", "2", "7"]),
        "line_no": st.sampled_from(["1", "2"]),
        "stanza": st.sampled_from(["0", "1"]),
        "year": st.sampled_from(["2001", "1999", "neulich", None]),
    },
)
broken = st.sampled_from(["{", "[1]", '"x"', '{"text": 3}', '{"artist": "a"}', "", "  "])


def in_parts(path, *sizes):
    """The file by its parts; None where it has to be read whole."""
    parts = find_parts(path, CONFIG, path, *sizes)
    if parts is None:
        return None
    tables = [read_part(path, CONFIG, path, parts, number) for number in range(len(parts.spans))]
    if any(table is None for table in tables):
        return None
    return join_parts(path, CONFIG, parts, tables)


def outcome(read, path):
    try:
        found = read(path)
    except Exception as error:
        return str(error)
    return found


@settings(max_examples=120, deadline=None)
@given(
    st.lists(row | row | row | broken, min_size=2, max_size=30),
    st.integers(1, 400),
    st.booleans(),
)
def test_json_lines_in_parts_are_the_whole(tmp_path_factory, rows, size, end):
    """Songs that come back, years, broken rows, notes and line numbers; wherever the cuts are."""
    rows[0] = {"text": "山水", **(rows[0] if isinstance(rows[0], dict) else {})}
    lines = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in rows]
    path = tmp_path_factory.mktemp("parts") / "a.jsonl"
    path.write_text("\n".join(lines) + "\n" * end)
    found = outcome(lambda path: in_parts(path, size), path)
    assert found is None or found == outcome(lambda path: read_file(path, CONFIG), path)


def test_parquet_in_parts_is_the_whole(tmp_path):
    """By row groups, to the same songs and row numbers."""
    frame = pd.DataFrame(
        {
            "artist": ["某某", None, "别人"] * 20,
            "song": ["路", "夜", None] * 20,
            "text": [f"山水{i}" if i % 7 else None for i in range(60)],
            "year": [2001 + i % 3 for i in range(60)],
        }
    )
    path = tmp_path / "a.parquet"
    frame.to_parquet(path, row_group_size=7)
    assert len(find_parts(path, CONFIG, path, 1, 14).spans) == 5
    assert in_parts(path, 1, 14) == read_file(path, CONFIG)


# What a line of a table may hold: rows, quote marks that open, close or mean nothing, whole songs
# in cells, rows that are too short or no CSV, headers again, rows between two lone quotes.
piece = st.sampled_from(
    [
        "某某,路,山水",
        "某某,路,灯火",
        "别人,夜,nan",
        "别人,1989.0,hey",
        '某某,路,"山水"',
        '某某,路,"他说""走"""',
        '某某,路,他说"走"',
        '某某,路,五" 灯',
        '某某,路,"别走',
        '走吧"',
        '别人,夜,走吧"',
        '某某,路,"山水',
        "灯火, 夜, 走",
        "灯火",
        '夜"',
        '"a"b,c,d',
        "a,b",
        "a,b,c,d",
        "",
        "  ",
        ",,",
        "artist,song,text",
        "Artist,Song,Text",
        "song,artist,text",
        '"artist","song","text"',
        '"',
        '""',
        '"""',
        "甲,一,[00:01.00]灯",
        "'=甲,一,二",
    ]
)
heads = [
    "artist,song,text",
    "artist;song;text",
    "artist|song|text",
    "\n,,\nartist,song,text",
    "\n,,,\nartist,song,text",
    "sep=;\nartist;song;text",
    "sep=,\nartist,song,text",
    '"artist","song","text"',
    "song,text",
    "text",
    "\ufeffartist,song,text",
    "a,b,c",
    '"artist\n",song,text',
    "line_id,text_norm,text",
]
delimiters = {";": ";", "|": "|"}


def table(head, lines, ends, last):
    """A table whose lines end as `ends` says in turn; the last one may not end."""
    sign = next((sign for sign in ";|" if f"artist{sign}" in head), ",")
    lines = [*head.split("\n"), *(line.replace(",", sign) for line in lines)]
    ended = [line + ends[i % len(ends)] for i, line in enumerate(lines)]
    return "".join(ended) if last else "".join(ended).rstrip("\r\n")


ends = st.sampled_from([["\n"], ["\r\n"], ["\n", "\r\n"], ["\n", "\r", "\n"]])


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(heads),
    st.lists(piece, max_size=40),
    ends,
    st.booleans(),
    st.integers(1, 300),
)
def test_csv_in_parts_is_the_whole(tmp_path_factory, head, lines, how, last, size):
    """Quoted breaks, lone quotes, broken rows, headers again; wherever the cuts are guessed."""
    path = tmp_path_factory.mktemp("parts") / "a.csv"
    path.write_bytes(table(head, lines, how, last).encode())
    found = outcome(lambda path: in_parts(path, size), path)
    assert found is None or found == outcome(lambda path: read_file(path, CONFIG), path)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([*heads, "artist\tsong\ttext", '"artist"\t"song"\t"text"', "\n\ntext\tsong"]),
    st.lists(piece, max_size=40),
    ends,
    st.booleans(),
    st.integers(1, 300),
)
def test_tsv_in_parts_is_the_whole(tmp_path_factory, head, lines, how, last, size):
    """Cells that a program quoted, those that it did not, rows of other widths."""
    text = table(head, lines, how, last).replace(",", "\t")
    path = tmp_path_factory.mktemp("parts") / "a.tsv"
    path.write_bytes(text.encode())
    found = outcome(lambda path: in_parts(path, size), path)
    assert found is None or found == outcome(lambda path: read_file(path, CONFIG), path)


SONG = '某某,路{n},"山水 {n}\n灯火, 夜\n\n他说""走""\n走吧"\n'
ROW = "某某,路,山水{n}\n"
LONE = '某某,路,五" 灯{n}\n'


@pytest.mark.parametrize(
    "rows",
    [
        [ROW] * 60,
        [SONG] * 60,
        [ROW, SONG] * 30,
        [LONE, *[ROW] * 20] * 3,
        ['某某,路,"别走{n}\n', *[ROW] * 4, '别人,夜,走吧{n}"\n', *[ROW] * 14] * 3,
        ['"a"b,c,{n}\n', *[ROW] * 20] * 3,
        ["artist,song,text\n", *[ROW] * 20] * 3,
    ],
    ids=["rows", "songs", "both", "lone marks", "rows in quotes", "broken", "headers"],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_usual_tables_are_cut(tmp_path, rows, mark):
    """A row a line, songs in cells, quote marks that mean nothing: none needs to be read whole."""
    path = tmp_path / "a.csv"
    text = "".join(row.replace("{n}", str(n)) for n, row in enumerate(rows))
    path.write_text(f"{mark}artist,song,text\n{text}")
    assert len(find_parts(path, CONFIG, path, 300).spans) > 3
    found = in_parts(path, 300)
    assert found is not None
    assert found == read_file(path, CONFIG)


@pytest.mark.parametrize(
    "text",
    [
        'artist,song,text\n"a\n,b,c\n' + "a,b,c\n" * 30,
        'text,song\n"a, b\nc, d",e\n' + "a,b\n" * 30,
        "artist,song,text\n" + "a,b,c\n" * 20 + "text,song,artist\n" + "a,b,c\n" * 20,
    ],
    ids=["a cell is open", "others decide", "another header"],
)
def test_what_other_rows_decide_is_read_whole(tmp_path, text):
    """A part that can't tell says so, and is not taken for one that can."""
    path = tmp_path / "a.csv"
    path.write_text(text)
    found = in_parts(path, 40)
    assert found is None or found == read_file(path, CONFIG)


# What a songbook may hold, a line each: artists in many forms, credits that stand alone or are
# cut by blank lines, titles, lines that hold tabs, breaks spelled out, other breaks.
word = st.sampled_from(
    [
        "歌手姓名：某某",
        "歌手姓名:",
        "【歌手姓名：别人】",
        "歌手姓名 某某",
        "歌手姓名",
        "歌手：某某",
        "艺人 某某",
        "作词：某人",
        "作曲：某人",
        "词：某人",
        "编曲：某 混音：某",
        "路",
        "歌名：夜",
        "《夜》",
        "(feat. 某某)",
        "某某",
        "山水",
        "灯火 hey",
        "姓名是一首歌",
        "制作人",
        "a\tb",
        "走\\n开\\n了",
        "走<br>开",
        "走\r开",
        "\u3000",
        "\u200b",
        "[00:01.00]灯",
        "",
        "",
        "",
    ]
)
SONGS = "\n\n歌手姓名：某某\n\n路\n作词：某人\n作曲：某人\n山水\n灯火\n走吧\n\n"
opening = st.sampled_from(
    ["歌手姓名：首位\n路\n作词：某\n" + "山水 {n}\n" * 100, "前言\n" * 101 + SONGS, SONGS * 12]
)
after = st.lists(st.one_of(word, word, word, st.just(SONGS)), max_size=60)


@settings(max_examples=300, deadline=None)
@given(opening, after, ends, st.booleans(), st.integers(1, 400))
def test_a_songbook_in_parts_is_the_whole(tmp_path_factory, head, lines, how, mark, size):
    """Artists, songs, credits, notes and line numbers; wherever the cuts are looked for."""
    text = head + "\n".join(lines)
    ended = [line + how[i % len(how)] for i, line in enumerate(text.split("\n"))]
    path = tmp_path_factory.mktemp("parts") / "a.txt"
    path.write_bytes(("\ufeff" * mark + "".join(ended)).encode())
    found = outcome(lambda path: in_parts(path, 2_000 + size), path)
    assert found is None or found == outcome(lambda path: read_file(path, CONFIG), path)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_usual_songbook_is_cut(tmp_path, mark):
    """Above artists, none of which needs the lines above; doubts about names are told once."""
    path = tmp_path / "a.txt"
    nobody = "\n歌手姓名：\n\n路\n作词：某人\n山水\n灯火\n"
    path.write_text(mark + (SONGS * 40 + nobody) * 3)
    assert len(find_parts(path, CONFIG, path, 2_000).spans) > 3
    found = in_parts(path, 2_000)
    assert found is not None
    assert found == read_file(path, CONFIG)
    assert len(found.source.notes) == 1


@pytest.mark.parametrize(
    "text",
    [
        "山水\n" * 2_000,
        "\n\n".join(["歌手姓名：某某", "路", "作词：某人", *["山水"] * 20] * 100),
        SONGS.replace("\n\n歌手", "\n歌手") * 300,
        "text\tartist\n" + "歌手姓名：某某\tb\n" * 900,
    ],
    ids=["plain", "lines that end twice", "no blank line", "a table"],
)
def test_what_is_no_usual_songbook_is_read_whole(tmp_path, text):
    """Other layouts, and those in which no place to cut is sure."""
    path = tmp_path / "a.txt"
    path.write_text(text)
    found = in_parts(path, 2_000)
    assert found is None or found == read_file(path, CONFIG)


def test_bytes_that_are_no_text_stay_apart(tmp_path):
    """What one row can't give is said of that row, in parts as in the whole."""
    table = pa.table({"text": pa.array([b"hey", b"\xff\xfe", "山水".encode()] * 4, pa.binary())})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, row_group_size=3)
    assert in_parts(path, 1, 3) == read_file(path, CONFIG)


@pytest.mark.parametrize(
    "data",
    [
        b'\xef\xbb\xbf{"text": "a"}\n{"text": "b"}\n',
        '{"text": "灯"}\n{"text": "火"}\n'.encode("gb18030"),
        b'{"text": "a"}\n\0{"text": "b"}\n',
        b'[{"text": "a"}]\n{"text": "b"}\n',
        b'{"lyrics": "a"}\n{"text": "b"}\n',
        b'{"text": "a"}',
        b"",
    ],
    ids=["mark", "gb18030", "nul", "array", "no column", "one line", "empty"],
)
def test_what_is_unusual_is_read_whole(tmp_path, data):
    """So that it is decoded, or refused, with the sentence of the whole."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(data)
    assert find_parts(path, CONFIG, path, 4) is None


def test_a_file_that_changes_is_read_whole(tmp_path):
    """Parts of two versions are no file."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n{"text": "b"}\n')
    parts = find_parts(path, CONFIG, path, 4)
    path.write_text('{"text": "c"}\n{"text": "d"}\n{"text": "e"}\n')
    assert read_part(path, CONFIG, path, parts, 0) is None
