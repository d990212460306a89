"""Tables: any layout that names its text column, and a clear word about every other."""

import base64
import json

import pandas as pd
import pytest

from rapids_rap.config import CorpusConfig, InputConfig
from rapids_rap.corpus.ingest import ingest
from rapids_rap.errors import InputError
from tests.corpus.helpers import norms, read, write

KEEP_ALL = {"symbols": False, "credits": False, "markers": False, "headers": False}


def songs(corpus):
    """(artist, song, song_id, text) of every row, nulls as None."""
    columns = corpus.lines[["artist", "song", "song_id", "text_norm"]].astype(object)
    return list(columns.where(columns.notna(), None).itertuples(index=False, name=None))


def test_a_song_in_a_cell_and_a_line_a_row(tmp_path):
    """Both layouts give the same songs, stanzas and lines."""
    cells = write(
        tmp_path, "a.csv", 'artist,song,text\n某甲,歌,"走吧\n停下\n\n走吧"\n某甲,曲,"来吧\n去吧"\n'
    )
    rows = write(
        tmp_path,
        "b.tsv",
        "song\ttext\tartist\n歌\t走吧\t某甲\n歌\t停下\t某甲\n歌\t\t某甲\n歌\t走吧\t某甲\n曲\t来吧\t某甲\n曲\t去吧\t某甲\n",
    )
    a, b = read(cells), read(rows)
    columns = ["text", "artist", "song", "song_id", "line_no", "stanza", "text_id"]
    pd.testing.assert_frame_equal(a.lines[columns], b.lines[columns])
    assert a.lines["file_line"].tolist() == [2, 2, 2, 6, 6]
    assert b.lines["file_line"].tolist() == [2, 3, 5, 6, 7]


def test_the_columns_may_be_called_anything(tmp_path):
    """Names are configured; artist and song may be missing, which makes them null."""
    path = write(tmp_path, "a.csv", "歌手,词\n某甲,走吧\n")
    corpus = ingest([path], InputConfig(artist="歌手", text="词"), CorpusConfig())
    assert songs(corpus) == [("某甲", None, None, "走吧")]
    path = write(tmp_path, "b.jsonl", '{"text": "走吧"}\n{"text": "走吧\\n停下"}\n')
    assert [row[2] for row in songs(read(path))] == [None, 0, 0]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_no_text_column(tmp_path, name):
    """The message names the file, the columns that it has, and the setting that chooses one."""
    path = tmp_path / name
    frame = pd.DataFrame({"artist": ["某甲"], "lyrics": ["走"]})
    if name.endswith("csv"):
        frame.to_csv(path, index=False)
    elif name.endswith("jsonl"):
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path)
    with pytest.raises(InputError, match=rf'{name}.*no column.*"text".*"lyrics".*input\.text=NAME'):
        read(path)


def test_numbers_and_null_words_are_text(tmp_path):
    """`1234`, `NA`, `null` and `True` in a text column are lyrics."""
    path = write(tmp_path, "a.csv", "song,text\n1989,1234\n1989,NA\n1989,null\n1989,True\n")
    corpus = read(path, **KEEP_ALL)
    assert norms(corpus) == ["1234", "NA", "null", "True"]
    assert set(corpus.lines["song"]) == {"1989"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("song,text\n歌,走\n歌,走,了\n", r"row on line 3 has 3 fields, the header has 2"),
        ("song,text\n歌\n", r"row on line 2 has 1 fields"),
        ('song,text\n歌,走\n歌,"走\n停\n', r"row that begins on line 3 is not valid CSV"),
        ('song,text\n歌,"走"了\n', r"line 2 is not valid CSV"),
        ("text,text\n走,停\n", r"two columns named"),
        ("走,停\n", r'no column named "text".*"走", "停"'),
    ],
)
def test_bad_csv(tmp_path, content, message):
    """A row that can't be meant is an error with its line, never half a lyric."""
    with pytest.raises(InputError, match=message):
        read(write(tmp_path, "a.csv", content))


def test_csv_oddities(tmp_path):
    """BOM, spaces in the header, blank rows, Windows line ends, doubled quotes, huge cells."""
    huge = "\n".join(f"第{'很' * (n % 7)}多行" for n in range(40_000))
    path = write(
        tmp_path, "a.csv", f'\ufeff song , text \r\n\r\n歌,"他说""走"""\r\n,\r\n大,"{huge}"\r\n'
    )
    corpus = read(path)
    assert norms(corpus)[0] == '他说"走"'
    assert len(corpus.lines) == 40_001


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2 is not JSON.*expected one object a line"),
        ("[" * 100_000, "line 2 is not JSON"),
        ('["走"]', "line 2: expected a JSON object, found a list"),
        ('{"text": 5}', 'line 2: "text" must be text, found a number'),
        ('{"text": ["走", 5]}', 'line 2: "text" must be text, found a list'),
        ('{"text": "走", "artist": {}}', 'line 2: "artist" must be text or a number'),
        ('{"text": "\\ud83d"}', "line 2: holds half of a surrogate pair"),
        ('{"lyrics": "走"}', 'line 2: no column named "text"'),
    ],
)
def test_bad_jsonl(tmp_path, line, message):
    """A broken row is named by file and line, with what was expected."""
    with pytest.raises(InputError, match=message):
        read(write(tmp_path, "a.jsonl", '{"text": "好"}\n' + line + "\n"))


def test_json_oddities(tmp_path):
    """Blank lines, null cells, numbers as titles, emoji as escapes."""
    rows = [{"text": None}, {"text": "走 \U0001f600", "song": 1989}]
    content = "\n\n".join(json.dumps(row) for row in rows)
    corpus = read(write(tmp_path, "a.ndjson", content))
    assert songs(corpus) == [(None, "1989", 0, "走 \U0001f600")]


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1" + b"x" * 100 + b"PAR1", b"artist,text\n"]
)
def test_not_parquet(tmp_path, content):
    """Bytes that aren't Parquet are an error that says so."""
    with pytest.raises(InputError, match=r"a\.parquet: can't be read as Parquet"):
        read(write(tmp_path, "a.parquet", content))


def test_parquet_types(tmp_path):
    """Text may be dictionary-encoded, titles may be numbers; a number is no lyric."""
    path = tmp_path / "a.parquet"
    pd.DataFrame({"text": pd.Categorical(["走", "走"]), "song": [1, 2]}).to_parquet(path)
    assert songs(read(path)) == [(None, "1", 0, "走"), (None, "2", 1, "走")]
    pd.DataFrame({"text": [1, 2]}).to_parquet(path)
    with pytest.raises(InputError, match=r'column "text" must hold text, found int64'):
        read(path)


@pytest.mark.parametrize("unit", ["line", "stanza"])
def test_a_corpus_read_back(tmp_path, unit):
    """What `ingest` wrote is an input like any other, and comes back as it was."""
    text = (
        "歌手姓名：某甲\n\n歌\n作词：某甲\n\n[Verse 1]\nＡ&amp;我們 走\n停下\n\nHook：歌\n走吧\n\n"
        "歌\n作词：某甲\n\n走吧\n"
    )
    first = read(write(tmp_path, "a.txt", text), write(tmp_path, "b.txt", "走吧\n\n停下\n"))
    if unit == "stanza":
        first = read(tmp_path / "a.txt", tmp_path / "b.txt", unit="stanza")
    path = tmp_path / "corpus.parquet"
    first.lines.to_parquet(path)
    again = read(path, unit=unit)
    same = [c for c in first.lines.columns if c not in ("file", "file_line", "line_no", "text")]
    pd.testing.assert_frame_equal(first.lines[same], again.lines[same])
    assert first.texts == again.texts
    songs_only = first.lines["song_id"].notna()
    assert (
        first.lines["line_no"][songs_only].tolist() == again.lines["line_no"][songs_only].tolist()
    )


def test_lrc_in_a_cell(tmp_path):
    """A cell that holds LRC is read as LRC."""
    cell = "[ti:歌]\n[00:02.00][00:04.00]走吧\n[00:03.00]停下\n[00:01.00]来吧"
    path = write(tmp_path, "a.jsonl", json.dumps({"song": "歌", "text": cell}))
    assert norms(read(path)) == ["来吧", "走吧", "停下", "走吧"]


def test_shuffled_rows_still_make_songs(tmp_path):
    """Rows of two songs in turn: each song has its own lines, numbered."""
    path = write(tmp_path, "a.csv", "song,text\n甲,走\n乙,来\n甲,停\n乙,去\n")
    lines = read(path).lines
    assert lines["song_id"].tolist() == [0, 1, 0, 1]
    assert lines["line_no"].tolist() == [1, 1, 2, 2]
    songs_of = read(path, unit="song").lines
    assert songs_of["text"].tolist() == ["走\n停", "来\n去"]


def test_a_named_column_that_is_missing_is_an_error(tmp_path, caplog):
    """A column the user named must be there; a default one that isn't is said, not passed over."""
    path = tmp_path / "a.csv"
    path.write_text("singer,text\n甲,只有一句\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"no column \"performer\".*input\.artist"):
        ingest([path], InputConfig(artist="performer"), CorpusConfig())
    with caplog.at_level("WARNING"):
        corpus = ingest([path], InputConfig(), CorpusConfig())
    assert corpus.lines["artist"].isna().all()
    assert "singer" in caplog.text
    assert "input.artist=NAME" in caplog.text
    found = ingest([path], InputConfig(artist="singer"), CorpusConfig())
    assert found.lines["artist"].tolist() == ["甲"]


def test_words_for_a_missing_cell(tmp_path):
    """What only a program writes is nothing; what may be a name or a line stays and is said."""
    content = "artist,song,text\n"
    content += "".join(f"{name},桥,桥洞里\n" for name in ("\\N", "#N/A", "<NA>", "nan", "None"))
    content += "某甲,桥,\\N\n某甲,桥,None\n某甲,桥,Nancy\n"
    corpus = read(write(tmp_path, "a.csv", content))
    assert [row[0] for row in songs(corpus)] == [None, None, None, "nan", "None", "某甲", "某甲"]
    assert norms(corpus)[-2:] == ["None", "Nancy"]
    assert dict(corpus.files[0].dropped) == {"header": 1}
    said = [warning for warning in corpus.warnings if "where nothing is known" in warning]
    assert len(said) == 2
    assert '"nan" 1 times, "None" 1 times' in said[0]
    assert "Nancy" not in "".join(said)


def test_a_song_under_names_that_look_alike_is_one(tmp_path):
    """Width, case and composition of an artist's name divide no song of a line a row."""
    names = ["MC \u00c2", "mc \u00e2", "MC A\u0302", "ＭＣ \u00c2"]
    content = "artist,song,text\n" + "".join(f"{name},Caf\u00e9,走{name}\n" for name in names)
    content += "MC \u00c2,Cafe\u0301,停\nMC A,Caf\u00e9,来\n"
    assert read(write(tmp_path, "a.csv", content)).lines["song_id"].tolist() == [0] * 5 + [1]


def test_titles_without_an_artist_that_come_back_are_said(tmp_path):
    """One title in two places may be two songs where nobody says whose they are."""
    path = write(tmp_path, "a.csv", "song,text\n桥,走\n渡口,来\n桥,停\n")
    assert any("come back" in warning and "桥" in warning for warning in read(path).warnings)
    path = write(tmp_path, "b.csv", "artist,song,text\n甲,桥,走\n甲,渡口,来\n甲,桥,停\n")
    assert not any("come back" in warning for warning in read(path).warnings)


def test_sheets_without_artists_share_no_song(tmp_path):
    """The same title on two sheets of a workbook is two songs."""
    path = tmp_path / "a.xlsx"
    with pd.ExcelWriter(path) as book:
        for sheet in ("甲", "乙"):
            frame = pd.DataFrame({"song": ["桥", "桥"], "text": [f"{sheet}在桥上", f"{sheet}走了"]})
            frame.to_excel(book, sheet_name=sheet, index=False)
    assert read(path).lines["song_id"].tolist() == [0, 0, 1, 1]


def test_lyrics_in_code(tmp_path):
    """Base64 of a platform is read and said; a cipher is no lyric; a long word stays."""
    coded = base64.b64encode("[ti:桥]\n[ar:某甲]\n[00:01.00]桥洞里\n[00:02.00]有人唱".encode())
    corpus = read(write(tmp_path, "a.json", json.dumps({"retcode": 0, "lyric": coded.decode()})))
    assert [row[::3] for row in songs(corpus)] == [("某甲", "桥洞里"), ("某甲", "有人唱")]
    assert any("Base64" in warning for warning in corpus.warnings)
    rows = [{"lyric": "9F1A0C" * 20}, {"lyric": "走吧"}, {"lyric": "la" * 40}, {"lyric": "走" * 60}]
    corpus = read(write(tmp_path, "b.json", json.dumps(rows)))
    assert norms(corpus) == ["走吧", "la" * 40, "走" * 60]
    assert dict(corpus.files[0].dropped) == {"row": 1}


def test_folders_name_what_a_text_does_not(tmp_path):
    """`artist=NAME` above a text, a timed song or subtitles says whose they are."""
    for name, text in (
        ("p.txt", "桥洞里\n"),
        ("q.lrc", "[00:01.00]桥洞里\n"),
        ("r.srt", "1\n00:00:01,000 --> 00:00:02,000\n桥洞里\n"),
        ("s.lrc", "[ar:某乙]\n[00:01.00]桥洞里\n"),
    ):
        write(tmp_path / "artist=某甲", name, text)
    assert read(tmp_path).lines["artist"].tolist() == ["某甲", "某甲", "某甲", "某乙"]


@pytest.mark.parametrize(
    ("cell", "lines"),
    [
        ("[00:01.00]桥洞里 [00:05.00]有人唱 [00:09.00]没有船", ["桥洞里", "有人唱", "没有船"]),
        ("[00:01.00]桥 [00:01.40]洞 [00:01.90]里", ["桥 洞 里"]),
        ("桥洞里 [Hook] 有人唱", ["桥洞里 [Hook] 有人唱"]),
    ],
)
def test_a_timed_song_whose_breaks_became_blanks(tmp_path, cell, lines):
    """A cell without line breaks is cut at the stamps of its lines, not at those of words."""
    corpus = read(write(tmp_path, "a.csv", f"artist,song,text\n某甲,桥,{cell}\n"))
    assert norms(corpus) == lines
    assert set(corpus.lines["song"]) == {"桥"}


def test_numbers_with_and_without_a_point(tmp_path):
    """1989.0 and 1989 are one title, 1.0 and 1 one id; a version 2.0 is not 2."""
    content = "artist,song,text\n甲,1989.0,走\n甲,1989,停\n甲,2.0,来\n甲,2,去\n甲,桥,好\n"
    assert read(write(tmp_path, "a.csv", content)).lines["song_id"].tolist() == [0, 0, 1, 2, 3]
    content = "song,text,song_id\n桥,走,1.0\n桥,停,1\n渡口,来,2\n"
    assert read(write(tmp_path, "b.csv", content)).lines["song_id"].tolist() == [0, 0, 1]
