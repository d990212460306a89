"""CSV and TSV as spreadsheets and programs write them, and what a program of ours wrote itself."""

import pandas as pd
import pytest

from rapids_rap.config import CorpusConfig, InputConfig
from rapids_rap.corpus.ingest import ingest
from rapids_rap.errors import InputError
from rapids_rap.runs.cells import escape_cells
from tests.corpus.helpers import check_accounts, gone, norms, read, write


def songs(corpus):
    """(artist, song, text) of every row, nulls as None."""
    columns = corpus.lines[["artist", "song", "text"]].astype(object)
    return list(columns.where(columns.notna(), None).itertuples(index=False, name=None))


BRIDGE = [("某甲", "桥", "桥洞里"), ("某甲", "桥", "有人唱"), ("某乙", "渡口", "没有船")]


def table(delimiter):
    """The three lines of `BRIDGE` with this delimiter."""
    return "\n".join(delimiter.join(row) for row in [("artist", "song", "text"), *BRIDGE]) + "\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("sep", [False, True])
def test_a_csv_with_any_delimiter(tmp_path, delimiter, sep):
    """Excel writes what the locale says, with or without a line that names it."""
    text = (f"sep={delimiter}\r\n" if sep else "") + table(delimiter)
    corpus = read(write(tmp_path, "a.csv", text))
    assert songs(corpus) == BRIDGE
    assert gone(corpus) == ({f"sep={delimiter}".strip(): "header"} if sep else {})
    check_accounts(corpus)


def test_a_delimiter_that_is_not_understood_is_named(tmp_path):
    """Columns that nobody named, in one cell: the message speaks of the delimiter."""
    with pytest.raises(InputError, match=r"a\.csv: its first line holds semicolons"):
        read(write(tmp_path, "a.csv", "歌手;歌名;歌词\n某甲;桥;桥洞里\n"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "gb18030"])
def test_a_table_in_a_text_file(tmp_path, encoding):
    """Excel's Unicode text is a table, whatever its suffix; so is a CSV that was renamed."""
    for delimiter in "\t,":
        path = write(tmp_path, "a.txt", table(delimiter).replace("\n", "\r\n").encode(encoding))
        assert songs(read(path)) == BRIDGE


@pytest.mark.parametrize("line", ["text 我 song", "text,我说", "song\t我说"])
def test_lines_that_only_look_like_a_header(tmp_path, line):
    """A line that names one column, or none as a cell, is lyric."""
    assert len(read(write(tmp_path, "a.txt", f"{line}\n桥洞里\n")).lines) == 2


def test_tabs_without_a_header_are_said(tmp_path):
    """A table whose columns are not named is said to look like one."""
    text = "某甲\t桥\t桥洞里\n某甲\t桥\t有人唱\n"
    assert any("lines hold tabs" in w for w in read(write(tmp_path, "a.txt", text)).warnings)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('"走吧 他说', ['"走吧 他说']),
        ('没有人"', ['没有人"']),
        ('"走吧"他说', ['"走吧"他说']),
        ('"走吧"', ['"走吧"']),
        ('"走吧" "留下"', ['"走吧" "留下"']),
        ('"他说""走吧"""', ['他说"走吧"']),
        ('"桥洞里\n有人唱"', ["桥洞里", "有人唱"]),
        ('"桥洞里\n他说""走""\n\n有人唱"', ["桥洞里", '他说"走"', "有人唱"]),
        ('"他说\t走吧"', ["他说\t走吧"]),
        ('"', []),
    ],
)
def test_quote_marks_in_a_tsv(tmp_path, cell, expected):
    """A mark is the lyric's but where a program must have put it; no row swallows the next."""
    text = f"artist\ttext\tsong\n某甲\t{cell}\t桥\n某乙\t没有船\t渡口\n"
    for content in (text, f"artist\tsong\ttext\n某甲\t桥\t{cell}\n某乙\t渡口\t没有船\n"):
        corpus = read(write(tmp_path, "a.tsv", content))
        assert [row[2] for row in songs(corpus)] == [*expected, "没有船"]
        assert songs(corpus)[-1][:2] == ("某乙", "渡口")
        check_accounts(corpus)


@pytest.mark.parametrize("columns", ["{text}\t{song}", "{song}\t{text}"])
def test_a_cell_of_several_lines_in_a_tsv(tmp_path, columns):
    """Excel quotes it, its quote marks doubled, in the first column as in the last."""
    cells = ['"""桥洞里\n有人""唱"', '"没有船\n""雪停了\n""灯还亮着"']
    rows = [columns.format(song=song, text=text) for song, text in zip("桥船", cells, strict=True)]
    text = "\r\n".join([columns.format(song="song", text="text"), *rows])
    corpus = read(write(tmp_path, "a.tsv", text))
    assert [row[1:] for row in songs(corpus)] == [
        ("桥", '"桥洞里'),
        ("桥", '有人"唱'),
        ("船", "没有船"),
        ("船", '"雪停了'),
        ("船", '"灯还亮着'),
    ]
    check_accounts(corpus)


def test_open_quotes_in_every_row_of_a_tsv(tmp_path):
    """Two rows that open and close one quote between them stay two rows."""
    text = 'artist\ttext\n某甲\t"走吧\n某乙\t没有人"\n某丙\t"\n'
    assert [row[::2] for row in songs(read(write(tmp_path, "a.tsv", text)))] == [
        ("某甲", '"走吧'),
        ("某乙", '没有人"'),
    ]


def test_a_tsv_quoted_throughout(tmp_path):
    """What a program wrote with every cell in quotes is read without them, tabs and breaks too."""
    text = (
        '"artist"\t"text"\t"song"\n"某甲"\t"桥洞\t里"\t"桥"\n"某乙"\t"他说""走""\n没有船"\t"渡口"\n'
    )
    corpus = read(write(tmp_path, "a.tsv", text))
    assert songs(corpus) == [
        ("某甲", "桥", "桥洞\t里"),
        ("某乙", "渡口", '他说"走"'),
        ("某乙", "渡口", "没有船"),
    ]
    check_accounts(corpus)


def test_many_broken_rows(tmp_path):
    """Hundreds of rows with broken quotes are set apart one by one, and end no reading."""
    rows = [f'某甲,桥,"走"到{i}' if i % 5 == 0 else f"某甲,桥,桥洞里{i}" for i in range(2000)]
    corpus = read(write(tmp_path, "a.csv", "\n".join(["artist,song,text", *rows])))
    assert len(songs(corpus)) == 1600
    assert [count.dropped for count in corpus.files] == [{"row": 400}]
    check_accounts(corpus)


def test_headers_between_the_rows(tmp_path):
    """Files joined end to end: a header names the columns below it, in its own order."""
    text = (
        "artist,song,text\n某甲,桥,桥洞里\n\ufeffartist,song,text\n某甲,桥,有人唱\n"
        "text,artist,year,song\n没有船,某乙,1999,渡口\n"
    )
    corpus = read(write(tmp_path, "a.csv", text))
    assert songs(corpus) == BRIDGE
    assert [count.dropped for count in corpus.files] == [{"header": 2}]
    check_accounts(corpus)


def test_column_names_that_are_lyric(tmp_path):
    """A song called song and a line that says text are no header."""
    text = "artist,song,text\n某甲,song,text\nartist,桥,song\n"
    assert songs(read(write(tmp_path, "a.csv", text))) == [
        ("某甲", "song", "text"),
        ("artist", "桥", "song"),
    ]


@pytest.mark.parametrize(
    "bad", ['某甲,桥,"桥洞里', '某甲,桥,"桥"洞里', "某甲,桥", "某甲,桥,桥,洞里"]
)
def test_one_bad_row_ends_nothing(tmp_path, bad):
    """A broken row costs itself: the rows around it keep their artist, and it is said."""
    rows = [f"某{n},歌{n},第{n}盏灯" for n in "甲乙丙丁戊己"]
    text = "\n".join(["artist,song,text", *rows[:3], bad, *rows[3:]])
    corpus = read(write(tmp_path, "a.csv", text + "\n"))
    assert songs(corpus) == [(f"某{n}", f"歌{n}", f"第{n}盏灯") for n in "甲乙丙丁戊己"]
    assert list(gone(corpus).values()) == ["row"]
    assert any("line 5" in warning for warning in corpus.warnings)
    check_accounts(corpus)


def test_broken_quotes_everywhere_are_refused(tmp_path):
    """Where no row can be trusted, the file is refused, in linear time."""
    text = "text,song\n" + '"a"b,c\n' * 3_000
    with pytest.raises(InputError, match=r"line 2 is not valid CSV"):
        read(write(tmp_path, "a.csv", text))


def test_numbers_that_restart_for_every_artist(tmp_path):
    """song_id 1 of one artist is not song_id 1 of another; that both have one is said."""
    text = (
        "artist,song_id,song,text\n某甲,1,桥,桥洞里\n某乙,1,渡口,没有船\n"
        "某甲,1,桥,有人唱\n某乙,1,渡口,没有人\n"
    )
    corpus = read(write(tmp_path, "a.csv", text))
    assert corpus.lines["song_id"].tolist() == [0, 1, 0, 1]
    assert songs(corpus)[1] == ("某乙", "渡口", "没有船")
    assert any("song_id" in w and "kept apart" in w for w in corpus.warnings)


def test_a_number_that_comes_back_without_a_name_is_said(tmp_path):
    """Shuffled rows, or ids that start again: without names nobody can tell, so it is said."""
    path = write(tmp_path, "a.csv", "song_id,text\n1,桥洞里\n1,有人唱\n2,没有船\n")
    assert not read(path).warnings
    path = write(tmp_path, "a.csv", "song_id,text\n1,桥洞里\n2,没有船\n1,有人唱\n")
    assert any("song_id comes back" in warning for warning in read(path).warnings)


@pytest.mark.parametrize("names", [True, False])
def test_two_corpora_of_ours_in_one_table(tmp_path, names):
    """Both count their songs from nought; no song gets lines of the other, named or not."""
    frames = []
    for artist, title, line in (("某甲", "桥", "桥洞里"), ("某乙", "渡口", "没有船")):
        tags = f"[ar:{artist}]\n[ti:{title}]\n" if names else ""
        cell = f"{tags}[00:01]{line}\n[00:02]{line}啊"
        path = write(tmp_path, "a.jsonl", f'{{"text": {cell!r}}}'.replace("'", '"'))
        frames.append(read(path).lines)
    path = tmp_path / "both.parquet"
    pd.concat(frames).sample(frac=1, random_state=4).sort_values("line_no").to_parquet(path)
    lines = read(path).lines
    assert lines["song_id"].nunique() == 2
    if names:
        assert lines.groupby("song_id")["artist"].nunique().tolist() == [1, 1]
        assert dict(zip(lines["text"], lines["artist"], strict=True))["没有船"] == "某乙"


def test_what_we_exported_comes_back(tmp_path):
    """Our own table takes its apostrophes off; another program's lyric keeps its own."""
    lines = ["-桥洞里", "=有人唱", "'+没有船", "@某人 在吗", "'90年代", "没有人"]
    rows = pd.DataFrame({"artist": "-某甲", "song": "+桥", "text": lines})
    first = read(write(tmp_path, "a.csv", rows.to_csv(index=False)))
    ours = escape_cells(first.lines.assign(cluster=-1, **{"-1": 0.5}))
    again = read(write(tmp_path, "b.csv", ours.to_csv(index=False)))
    assert songs(again) == songs(first) == [("-某甲", "+桥", line) for line in lines]
    assert first.texts == again.texts
    examples = "cluster,rank,similarity,artist,song,text\n-1,1,0.5,'-某甲,桥,'-没有船\n"
    assert songs(read(write(tmp_path, "d.csv", examples))) == [("-某甲", "桥", "-没有船")]
    other = read(write(tmp_path, "c.csv", "artist,text\n某甲,'-没有船\n"))
    assert songs(other) == [("某甲", None, "'-没有船")]


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.jsonl"])
def test_folders_that_name_a_column(tmp_path, name):
    """`artist=NAME` and `song=TITLE` are what Hive and Spark call folders."""
    frame = pd.DataFrame({"text": ["没有船", "没有人"], "likes": [1, 2]})
    rows = {
        "a.parquet": lambda p: frame.to_parquet(p),
        "a.csv": lambda p: frame.to_csv(p, index=False),
        "a.jsonl": lambda p: frame.to_json(p, orient="records", lines=True, force_ascii=False),
    }
    for folder in ("artist=某乙/song=渡%2F口", "artist=__HIVE_DEFAULT_PARTITION__/song=桥"):
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True)
        rows[name](path)
    found = ingest([tmp_path], InputConfig(), CorpusConfig())
    assert {row[:2] for row in songs(found)} == {("某乙", "渡/口"), (None, "桥")}
    assert norms(found) == ["没有船", "没有人"] * 2


@pytest.mark.parametrize(
    ("titles", "expected"),
    [
        (["1989.0", "2012.0", ""], ["1989", "2012", None]),
        (["1.0", "2.0"], ["1.0", "2.0"]),
        (["1989.0", "桥"], ["1989.0", "桥"]),
    ],
)
def test_titles_that_a_gap_made_fractions(tmp_path, titles, expected):
    """A whole column of years with `.0` lost it to nobody's wish; a version 1.0 is a title."""
    text = "song,text\n" + "".join(f"{title},第{n}盏灯\n" for n, title in enumerate(titles))
    assert [row[1] for row in songs(read(write(tmp_path, "a.csv", text)))] == expected


@pytest.mark.parametrize("sign", ["\u200b", "\u200e", "\u202a", "\u2060", "\xad", "\ufeff"])
def test_signs_that_nobody_sees_make_no_second_artist(tmp_path, sign):
    """A name with and without an invisible sign is one name."""
    text = f"artist,song,text\n某甲,桥,桥洞里\n{sign}某{sign}甲,桥{sign},有人唱\n"
    assert songs(read(write(tmp_path, "a.csv", text))) == BRIDGE[:2]


@pytest.mark.parametrize("header", ["Artist,Song,Text", "TEXT,SONG,ARTIST", "song,artist,text"])
def test_a_header_repeated_in_another_case(tmp_path, header):
    """Files of several programs, put one after the other, spell the columns as they like."""
    order = [header.lower().split(",").index(name) for name in ("artist", "song", "text")]
    cells = ["某乙", "渡口", "没有船"]
    row = ",".join(cells[order.index(place)] for place in range(3))
    corpus = read(write(tmp_path, "a.csv", f"{table(',')}{header}\n{row}\n"))
    assert songs(corpus) == [*BRIDGE, BRIDGE[2]]
    assert list(gone(corpus).values()) == ["header"]
