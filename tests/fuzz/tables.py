"""Tables that nobody would write: CSV, TSV, JSON Lines and documents, workbooks, Parquet."""

import csv
import io
import json
import random

import openpyxl
import pandas as pd

from tests.fuzz.case import Case, mutated, reading, text_of
from tests.fuzz.planted_tables import saved
from tests.fuzz.words import LINES, WORDS


def _records(rng: random.Random) -> list[dict[str, object]]:
    names = ["artist", "song", "text", *rng.sample(("song_id", "stanza", "歌词", "=x"), 2)]
    rng.shuffle(names)
    odd = (None, "", 0, -1, 1.5, "../../x", "NA", "=1", "\x1b[2J", "行" * 300)

    def cell(name: str) -> object:
        if name == "text":
            return rng.choice((text_of(rng, 6), rng.choice(LINES), rng.choice(LINES)))
        return rng.choice((*odd, rng.choice(WORDS)))

    return [{name: cell(name) for name in names} for _ in range(rng.randrange(12))]


def make_delimited(rng: random.Random, kind: str) -> Case:
    rows, out = _records(rng), io.StringIO(newline="")
    quoting = rng.choice((csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC))
    if kind == "tsv" and rng.random() < 0.7:  # which has no quoting
        quoting = csv.QUOTE_NONE
    writer = csv.DictWriter(
        out,
        list(rows[0]) if rows else ["text"],
        delimiter="\t" if kind == "tsv" else ",",
        quoting=quoting,
        escapechar="\\",
        lineterminator=rng.choice(("\n", "\r\n", "\r")),
    )
    writer.writeheader()
    writer.writerows(rows)
    lines = out.getvalue()
    if rng.random() < 0.2:  # a ragged row, an unbalanced quote
        lines += rng.choice(("a\n", "a,b,c,d,e,f,g\n", '"open\n', 'x"y,"z"w\n', "\t\t\n", ",\n"))
    return Case(kind, {f"f.{kind}": mutated(rng, lines.encode())}, reading(rng))


def make_jsonl(rng: random.Random, kind: str) -> Case:
    odd = (
        "[" * 100_000,
        '{"text":' * 50_000,
        '{"text":"\\ud83d"}',
        '{"text":"\\ud83d\\ude00"}',
        '{"text":["a"]}',
        '{"text":1}',
        "[]",
        "1",
        '{"text":"a","artist":{"x":1}}',
        '{"text":null}',
        '{"text":"a","text":"b"}',
        '{"text":"a","song_id":1e400}',
        '{"text":"a","song_id":' + "9" * 6000 + "}",
        '{"text":"a\\u0000b"}',
        '{"text":"a","song":NaN}',
        '{"\\ud800":1,"text":"a"}',
    )
    lines = [json.dumps(row, ensure_ascii=rng.random() < 0.3) for row in _records(rng)]
    if rng.random() < 0.3:
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(odd))
    data = rng.choice(("\n", "\r\n")).join(lines).encode(errors="surrogatepass")
    return Case(kind, {rng.choice(("f.jsonl", "f.ndjson")): mutated(rng, data)}, reading(rng))


def make_json(rng: random.Random, kind: str) -> Case:
    """A document with songs in one of the shapes that platforms and crawlers give, or none."""
    rows = _records(rng)
    lyrics = text_of(rng, 6)
    song = rng.choice(
        (
            {"lrc": {"lyric": lyrics}, "tlyric": {"lyric": text_of(rng, 3)}},
            {"syncedLyrics": rng.choice((None, lyrics)), "plainLyrics": lyrics, "trackName": "夜"},
            {
                "name": "夜",
                "singer": rng.choice((["甲", 1], [{"name": "乙"}], {})),
                "lyric": [lyrics],
            },
            {"text": {"0": lyrics, "1": None}, "song": {"0": 1e300}},
            {"lyric": rng.choice((5, [5], [[]], True, None, float("nan"), {}))},
        )
    )
    envelope = rng.choice((lambda x: x, lambda x: [x, 1], lambda x: {"data": {"songs": [x]}}))
    document = rng.choice((envelope(song), rows, {"code": 200}, [[[[song]]]], ["词", "句"]))
    text = json.dumps(document, ensure_ascii=rng.random() < 0.3, indent=rng.choice((None, 2)))
    name = rng.choice(("f.json", "f.json", "f", "f.txt"))
    return Case(kind, {name: mutated(rng, text.encode(errors="surrogatepass"))}, reading(rng))


def make_xlsx(rng: random.Random, kind: str) -> Case:
    book = openpyxl.Workbook()
    rows = _records(rng) or [{"text": "a"}]
    hidden = dict.fromkeys((*range(9), 11, 12, *range(14, 32)))  # what no workbook can hold
    for number in range(rng.choice((1, 1, 2))):
        sheet = book.active if not number else book.create_sheet(f"s{number}")
        sheet.append(list(rows[0]))
        for row in rows:
            cells = [x.translate(hidden) if isinstance(x, str) else x for x in row.values()]
            sheet.append(cells)
            for cell in sheet[sheet.max_row]:
                cell.data_type = "s" if isinstance(cell.value, str) else cell.data_type
    return Case(kind, {"f.xlsx": mutated(rng, saved(book))}, reading(rng))


def make_parquet(rng: random.Random, kind: str) -> Case:
    rows = _records(rng) or [{"text": "a"}]
    text = lambda value: None if value is None else str(value)  # noqa: E731
    frame = pd.DataFrame([{name: text(value) for name, value in row.items()} for row in rows])
    if rng.random() < 0.2:
        frame["text"] = rng.choice(([1], [b"\xff"], [["a"]], [{"a": 1}], [pd.Timestamp(0)])) * len(
            rows
        )
    elif rng.random() < 0.2:
        frame["text"] = frame["text"].astype("category")
    out = io.BytesIO()
    coding = rng.choice(("zstd", "snappy", "gzip", None))
    frame.to_parquet(out, index=False, compression=coding)
    return Case(kind, {"f.parquet": mutated(rng, out.getvalue())}, reading(rng))
