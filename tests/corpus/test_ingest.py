"""The whole stage: everything is counted, nothing vanishes, nothing crashes."""

import csv
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rapids_rap.corpus import DROPPED_COLUMNS, LINE_COLUMNS
from rapids_rap.errors import InputError, RapError
from tests.corpus.helpers import check_accounts, gone, norms, read, write

PIECES = st.sampled_from(
    [
        "走吧",
        "我們走",
        "天亮了",
        "Hook：",
        "[Verse",
        "1]",
        "(副歌)",
        "作词：某甲",
        "作词：",
        "某甲",
        "混音：某乙",
        "歌手姓名：某乙",
        "[00:01.00]走",
        "[00:02.00]",
        "[ti:歌]",
        "12345",
        "...",
        "<br>",
        "<p>",
        "&nbsp;",
        "@some_one",
        "www.example.org",
        "未经许可不得翻唱",
        "Rap：某甲",
        "某甲|编曲",
        "\u200b",
        "\u3000",
        "\ufeff",
        "歌",
        "",
    ]
)
FREE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
LINES = st.lists(st.one_of(PIECES, FREE), min_size=1, max_size=14)
SETTINGS = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def as_csv(lines):
    """The lines as a CSV: one song in a cell, then a line a row."""
    cells = ["\n".join(lines), *lines]
    frame = pd.DataFrame({"artist": "某甲", "song": "歌", "text": cells})
    return frame.to_csv(index=False, quoting=csv.QUOTE_ALL)


def as_jsonl(lines):
    """The lines as JSON Lines, a line a row, the last row a whole song."""
    cells = [*lines, "\n".join(lines)]
    return "\n".join(json.dumps({"song": "歌", "text": cell}) for cell in cells)


@SETTINGS
@given(lines=LINES, unit=st.sampled_from(["line", "stanza"]), limit=st.integers(0, 4))
def test_read_is_kept_plus_dropped(tmp_path, lines, unit, limit):
    """In every format, unit and limit, each line that was read is kept or dropped by one rule."""
    text = "\n".join(lines)
    paths = [
        write(tmp_path, "a.txt", "走吧\n" + text),
        write(tmp_path, "b.lrc", "\n".join(f"[00:{i:02d}.00]{x}" for i, x in enumerate(lines))),
        write(tmp_path, "c.csv", as_csv(lines)),
        write(tmp_path, "d.jsonl", as_jsonl(lines)),
        write(tmp_path, "e.txt", "歌手姓名：某甲\n" + text),
    ]
    corpus = read(*paths, unit=unit, limit=limit)
    check_accounts(corpus, unit=unit)
    assert sum(count.read for count in corpus.files) >= len(corpus.lines)
    if limit:
        assert sum(count.kept for count in corpus.files) <= limit
    assert corpus.texts == tuple(sorted(set(norms(corpus))))
    assert [corpus.texts[i] for i in corpus.lines["text_id"]] == norms(corpus)


@SETTINGS
@given(
    data=st.binary(max_size=200),
    suffix=st.sampled_from(["txt", "lrc", "csv", "tsv", "jsonl", "parquet", "x"]),
)
def test_arbitrary_bytes_are_read_or_explained(tmp_path, data, suffix):
    """Whatever is in a file, the answer is a corpus or an error of this program."""
    path = write(tmp_path, f"a.{suffix}", data)
    try:
        corpus = read(path)
    except RapError:
        return
    check_accounts(corpus)


@SETTINGS
@given(lines=LINES)
def test_arbitrary_text_is_read_or_explained(tmp_path, lines):
    """Valid text that is no valid table is an error of this program, too."""
    for suffix in ("csv", "tsv", "jsonl"):
        try:
            read(write(tmp_path, f"a.{suffix}", "text\n" + "\n".join(lines)))
        except InputError as error:
            message = str(error)
        else:
            message = f"a.{suffix} was read"
        assert f"a.{suffix}" in message


def test_the_tables_and_their_types(tmp_path):
    """Columns as declared, text as strings, ids as integers: what Parquet and cuDF can hold."""
    plain = write(tmp_path, "a.txt", "走吧\n12345\n")
    song = write(tmp_path, "b.csv", 'artist,song,text\n某甲,歌,"走吧\n停下"\n')
    corpus = read(plain, song)
    assert tuple(corpus.lines.columns) == LINE_COLUMNS
    assert tuple(corpus.dropped.columns) == DROPPED_COLUMNS
    table = pa.Table.from_pandas(corpus.lines, preserve_index=False)
    kinds = {name: str(table.schema.field(name).type) for name in LINE_COLUMNS}
    texts = ("text", "text_norm", "artist", "song", "file")
    assert kinds == {c: "large_string" if c in texts else "int64" for c in LINE_COLUMNS}
    pq.write_table(table, tmp_path / "lines.parquet")
    back = pd.read_parquet(tmp_path / "lines.parquet")
    assert back["song_id"].isna().tolist() == [True, False, False]
    assert back["artist"].isna().tolist() == [True, False, False]
    assert all(str(dtype) in ("str", "int64") for dtype in corpus.dropped.dtypes)
    empty = read(song).dropped
    assert [str(d) for d in empty.dtypes] == ["str", "int64", "str", "str", "str"]


def test_songs_are_told_apart(tmp_path):
    """The same artist and title in two files are two songs; a line-for-line repeat is said."""
    cell = 'artist,song,text\n某甲,歌,"走吧\n停下"\n'
    paths = [write(tmp_path, name, cell) for name in ("a.csv", "b.csv")]
    paths.append(write(tmp_path, "c.csv", cell.replace("停下", "来吧")))
    corpus = read(*paths)
    assert corpus.lines["song_id"].tolist() == [0, 0, 1, 1, 2, 2]
    assert corpus.warnings == ("songs that repeat an earlier one line for line: 歌",)


def test_the_order_of_files_changes_no_text(tmp_path):
    """Texts and their ids are the same in any order of input; reading twice gives the same."""
    a = write(tmp_path, "a.txt", "走吧\n停下\n走吧\n")
    b = write(tmp_path, "b.txt", "来吧\n停下\n")
    one, other = read(a, b), read(b, a)
    assert one.texts == other.texts
    by_text = one.lines.set_index("text_norm")["weight"].to_dict()
    assert by_text == other.lines.set_index("text_norm")["weight"].to_dict()
    pd.testing.assert_frame_equal(one.lines, read(a, b).lines)


def test_limit_counts_lines_that_are_kept(tmp_path):
    """Lines past the limit go by the rule `limit`; lines that go anyway keep their own rule."""
    corpus = read(write(tmp_path, "a.txt", "一天\n123\n两天\n三天\n456\n"), limit=2)
    assert norms(corpus) == ["一天", "两天"]
    assert gone(corpus) == {"123": "symbols", "三天": "limit", "456": "symbols"}
    check_accounts(corpus)


def test_stanzas(tmp_path):
    """Blank lines and section markers separate stanzas, in plain text as in songs."""
    text = "走吧\n停下\n\n\n来吧\n[Hook]\n去吧\nHook：再来\n"
    corpus = read(write(tmp_path, "a.txt", text), unit="stanza")
    assert corpus.lines["text"].tolist() == ["走吧\n停下", "来吧", "去吧", "Hook：再来"]
    assert corpus.lines["text_norm"].tolist() == ["走吧 停下", "来吧", "去吧", "再来"]
    assert corpus.lines["stanza"].tolist() == [0, 1, 2, 3]
    assert corpus.files[0].kept == 5


def test_plain_text_has_no_songs(tmp_path):
    """`unit = song` names the files that have none, and what to do."""
    plain = write(tmp_path, "a.txt", "走吧\n")
    song = write(tmp_path, "b.csv", 'song,text\n歌,"走吧\n停下"\n')
    with pytest.raises(InputError, match=r"a\.txt.*Plain text has no songs.*corpus\.unit=stanza"):
        read(plain, song, unit="song")
    assert len(read(song, unit="song").lines) == 1


def test_nothing_left(tmp_path):
    """An input without a lyric is an error with the account of what went."""
    path = write(tmp_path, "a.txt", "作词：某甲\n123\n456\n")
    with pytest.raises(InputError, match=r"3 read from .*a\.txt.*credit 1, symbols 2"):
        read(path)
    with pytest.raises(InputError, match=r"0 read .*dropped by rule: none"):
        read(write(tmp_path, "b.txt", ""))


def test_what_is_said_aloud(tmp_path):
    """Empty files, other encodings, overlong lines, unknown suffixes: returned as warnings."""
    paths = [
        write(tmp_path, "a.txt", ""),
        write(tmp_path, "b.txt", "我在这里等你\n".encode("gb18030")),
        write(tmp_path, "c.lyrics", "走" * 2001),
    ]
    corpus = read(*paths)
    assert len(corpus.warnings) == 4
    for words in ("no line in", "read as GB18030", "c.lyrics line 1", "unknown suffix"):
        assert any(words in warning for warning in corpus.warnings)
    assert corpus.files[1].encoding == "gb18030"
    assert corpus.files[0].read == 0


def test_every_line_identical(tmp_path):
    """One text, however often: every occurrence keeps its row."""
    corpus = read(write(tmp_path, "a.txt", "走吧\n" * 1000))
    assert corpus.texts == ("走吧",)
    assert set(corpus.lines["weight"]) == {1000}


@pytest.mark.parametrize(
    "piece",
    [
        *("a", "<a ", "[00:", "作词：", "@a", "&amp;", "(", "- ", "Hook ", "《"),
        *(
            "[1,1]",
            "(1,1)",
            "[00:00.00-",
            "[a:",
            "歌手姓名",
            "歌 ",
            "{\\k",
            '"\t',
            "&#91;",
            "_x000",
        ),
    ],
)
def test_a_huge_line_is_one_line(tmp_path, piece):
    """Half a megabyte without a line break is read in linear time, and accounted for."""
    corpus = read(write(tmp_path, "a.txt", piece * (500_000 // len(piece)) + "\n天亮了\n"))
    assert corpus.files[0].read == 2
    check_accounts(corpus)


def test_the_file_is_named_as_it_was_given(tmp_path, monkeypatch):
    """Rows and counts carry the path as the user wrote it, with forward slashes."""
    write(tmp_path, "lyrics/sub/a.txt", "走吧\n")
    monkeypatch.chdir(tmp_path)
    corpus = read(Path("lyrics"))
    assert corpus.files[0].path == "lyrics/sub/a.txt"
    assert corpus.lines["file"].tolist() == ["lyrics/sub/a.txt"]
    assert len(corpus.files[0].sha256) == 64
