"""Planted songs as tables: CSV, TSV, workbooks, Parquet, and in folders that name them."""

import csv
import io
import json
import random
from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import quote
from zipfile import ZipFile, ZipInfo

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from rapids_rap.runs.cells import escape_cells
from tests.fuzz.case import Case
from tests.fuzz.planted import Song, names_of, plant, truth_of

Row = dict[str, str]


def rows_of(rng: random.Random, songs: Sequence[Song], *, whole: bool) -> list[Row]:
    """A row a line, or a row a song with its lines in one cell."""
    names = names_of(rng, songs)
    rows = []
    for song in songs:
        artist, title = names[song]
        texts = ("\n".join(song.lines),) if whole else song.lines
        rows += [{"artist": artist, "song": title, "text": text} for text in texts]
    return rows


def _columns(rng: random.Random) -> list[str]:
    columns = ["artist", "song", "text", *rng.sample(("plays", "链接", "stanza"), rng.randrange(3))]
    rng.shuffle(columns)
    return columns


def make_planted_csv(rng: random.Random, kind: str) -> Case:
    """Commas, semicolons, tabs or bars; headers that come back; ids that restart."""
    songs = plant(rng)
    rows = rows_of(rng, songs, whole=rng.random() < 0.4)
    columns = _columns(rng)
    delimiter = rng.choice(",,,;\t|")
    if rng.random() < 0.3:
        columns.append("song_id")
        _number(songs, rows, from_nought=rng.random() < 0.5)
    out = io.StringIO(newline="")
    first = f"sep={delimiter}\n" if rng.random() < 0.2 else ""
    writer = csv.DictWriter(
        out,
        columns,
        delimiter=delimiter,
        restval="7",
        lineterminator=rng.choice(("\n", "\r\n")),
        quoting=rng.choice((csv.QUOTE_ALL, csv.QUOTE_MINIMAL)),
    )
    writer.writeheader()
    for i, row in enumerate(rows):
        if i and rng.random() < 0.05:  # cat a.csv b.csv
            again = rng.choice((str, str.upper, str.title))
            writer.writerow({column: again(column) for column in columns})
        writer.writerow(row)
    coding = rng.choice(("utf-8", "utf-8-sig", "gb18030", "utf-16"))
    data = (first + out.getvalue()).encode(coding)
    return Case(kind, {"f.csv": data}, truth=truth_of(songs))


def _number(songs: Sequence[Song], rows: list[Row], *, from_nought: bool) -> None:
    """Give the rows a `song_id`, counted anew for each artist if it starts from nought."""
    number, artist, place = -1, "", {}
    for song in songs:
        number = 0 if from_nought and song.artist != artist else number + 1
        artist = song.artist
        place |= dict.fromkeys(song.lines, str(number))
    for row in rows:
        row["song_id"] = place[row["text"].partition("\n")[0]]


def make_own_csv(rng: random.Random, kind: str) -> Case:
    """What this program exports, with apostrophes before formulas; often two corpora in one."""
    songs = plant(rng)
    frames = []
    for part in (songs[::2], songs[1::2]):
        table = [
            {
                "line_id": str(line_id),
                "text": text,
                "text_norm": text,
                "artist": song.artist,
                "song": song.title,
                "song_id": str(song_id),
                "line_no": str(line_no),
                "stanza": "0",
            }
            for song_id, song in enumerate(part)
            for line_id, (line_no, text) in enumerate(enumerate(song.lines, start=1))
        ]
        frames.append(escape_cells(pa.Table.from_pylist(table).to_pandas()) if table else None)
    tables = [frame.to_csv(index=False) for frame in frames if frame is not None]
    if rng.random() < 0.5:
        files = {f"{i}.csv": table.encode() for i, table in enumerate(tables)}
    else:
        files = {"f.csv": "".join(tables).encode()}
    return Case(kind, files, truth=truth_of(songs))


def make_planted_tsv(rng: random.Random, kind: str) -> Case:
    """A TSV, in which a quote mark is a lyric's, or Excel's Unicode text, which quotes cells."""
    songs = plant(rng)
    rows = rows_of(rng, songs, whole=False)
    columns = _columns(rng)
    if rng.random() < 0.4:
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, columns, delimiter="\t", restval="7", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows_of(rng, songs, whole=True))
        name = rng.choice(("f.txt", "f.tsv"))
        return Case(kind, {name: out.getvalue().encode("utf-16")}, truth=truth_of(songs))
    lines = ["\t".join(columns)]
    lines += ["\t".join(row.get(column, "7") for column in columns) for row in rows]
    text = rng.choice(("\n", "\r\n")).join(lines)
    return Case(kind, {"f.tsv": text.encode()}, truth=truth_of(songs))


def make_planted_xlsx(rng: random.Random, kind: str) -> Case:
    """Sheets of rows: titles that are numbers, headers that come back, artists in merged cells."""
    songs = plant(rng)
    book = openpyxl.Workbook()
    half = rng.randrange(len(songs) + 1) if rng.random() < 0.3 else len(songs)
    merged = rng.random() < 0.3
    whole = rng.random() < 0.3
    for number, part in enumerate((songs[:half], songs[half:])):
        if not part:
            continue
        sheet = book.active if number == 0 else book.create_sheet()
        columns = ["artist", "song", "text"]
        rng.shuffle(columns)
        sheet.append(columns)
        for row in rows_of(rng, part, whole=whole):
            if rng.random() < 0.05:
                sheet.append(columns)
            sheet.append([_number_or_text(row[column]) for column in columns])
            for cell in sheet[sheet.max_row]:
                cell.data_type = "s" if isinstance(cell.value, str) else cell.data_type
        if merged:
            _merge(sheet, columns.index("artist") + 1)
            _merge(sheet, columns.index("song") + 1)
    return Case(kind, {"f.xlsx": saved(book)}, truth=truth_of(songs))


def _number_or_text(cell: str) -> str | int:
    return int(cell) if cell.isascii() and cell.isdigit() else cell


def _merge(sheet, column: int) -> None:
    """Merge the cells of a column that hold the same, one below the other."""
    start = 2
    for row in range(2, sheet.max_row + 2):
        same = (
            row <= sheet.max_row
            and sheet.cell(row, column).value == sheet.cell(start, column).value
        )
        if not same:
            if row - 1 > start:
                sheet.merge_cells(
                    start_row=start, end_row=row - 1, start_column=column, end_column=column
                )
            start = row


def saved(book: openpyxl.Workbook) -> bytes:
    """The workbook's bytes, the same whenever they are made."""
    book.properties.created = book.properties.modified = datetime(2020, 1, 1)
    packed, out = io.BytesIO(), io.BytesIO()
    book.save(packed)
    with ZipFile(packed) as before, ZipFile(out, "w") as after:
        for part in before.infolist():
            data = before.read(part)
            if part.filename == "docProps/core.xml":  # which has the time of the saving
                data = data[: data.find(b"<dcterms:modified")] + data[data.find(b"</cp:core") :]
            after.writestr(ZipInfo(part.filename), data)
    return out.getvalue()


def make_planted_parquet(rng: random.Random, kind: str) -> Case:
    """Text in any of Arrow's types: views, dictionaries, bytes, lists."""
    songs = plant(rng)
    whole = rng.random() < 0.3
    rows = rows_of(rng, songs, whole=whole)
    types = (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary())
    arrays = {}
    for column in ("artist", "song", "text"):
        values = pa.array([row[column] for row in rows], pa.string()).cast(rng.choice(types))
        if rng.random() < 0.3:
            values = pa.array([row[column] for row in rows]).dictionary_encode()
        arrays[column] = values
    if whole and rng.random() < 0.5:
        arrays["text"] = pa.array([row["text"].split("\n") for row in rows])
    return Case(kind, {"f.parquet": _parquet(pa.table(arrays))}, truth=truth_of(songs))


def _parquet(table: pa.Table) -> bytes:
    out = pa.BufferOutputStream()
    pq.write_table(table, out)
    return out.getvalue().to_pybytes()


def make_hive(rng: random.Random, kind: str) -> Case:
    """Folders `artist=NAME/song=TITLE/`, as Spark and Hive write partitions, of any format."""
    writers: dict[str, Callable[[list[str]], bytes]] = {
        "csv": lambda lines: _one_column(lines).encode(),
        "parquet": lambda lines: _parquet(pa.table({"text": lines})),
        "txt": lambda lines: "\n".join(lines).encode(),
        "jsonl": lambda lines: _objects(lines),
    }
    suffix = rng.choice(sorted(writers))
    files, songs, truth = {}, plant(rng), truth_of([])
    for song in songs:
        folder = f"artist={quote(song.artist)}/song={quote(song.title)}"
        files[f"{folder}/part-0.{suffix}"] = writers[suffix](list(song.lines))
        truth |= truth_of([song])
    return Case(kind, files, truth=truth)


def _one_column(lines: list[str]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerows([["text"], *([line] for line in lines)])
    return out.getvalue()


def _objects(lines: list[str]) -> bytes:
    return "\n".join(json.dumps({"text": line}) for line in lines).encode()
