"""Inputs that nobody would write, made and mutated from a seed: lyrics in every format, configs.

A case is files for the readers, or a configuration. Its number and the seed give it back, byte for
byte.
"""

import csv
import io
import json
import random
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import openpyxl
import pandas as pd

from rapids_rap.settings import load_config, render_defaults

WORDS = (
    "今晚",
    "城市",
    "我",
    "你",
    "爱",
    "兄弟",
    "操场",
    "yeah",
    "skrr",
    "don't",
    "T恤",
    "１２３",
    "😀",
    "é",
    "後來",
    "乾",
    "\u200b",
    "\u202e",
    "\x1b[31m",
    "\x07",
    "－",
    "...",
    "〇",
    "𠮷",
    "ﷺ",
    "한",
    "ア",
    "e\u0301",
)
LINES = (
    "歌手姓名：某人",
    "歌手姓名:",
    "作词：某某",
    "作词",
    "作曲：某某 编曲：某某",
    "Mixed by: X",
    "[Verse 1]",
    "Hook：",
    "(副歌)",
    "[00:12.30]词",
    "[ti:歌]",
    "[ar:人]",
    "[offset:99999999999]",
    "[creator:某站]",
    "[00:12.30-1]词",
    "[-01:02:03,4]词",
    "［00：01.00］词",
    "[00:12.30-00:13.00]<00:12.40>词",
    "[1000,900]<0,9,0>词<9,9,0>句",
    "[2000,900]词(2000,9)句(2009,9)",
    "[3000,900](3000,9,0)词",
    "&#91;00&#58;01&#46;00&#93;词&#10;句&#13;&#10;",
    "词\\n句\\r\\n",
    "词_x000D_",
    "词\u2028句\x0b句\x85句\x0c句\u2029",
    "\u200e【歌手姓名】∶某",
    "00:00:01,000 --> 00:00:02,000",
    "WEBVTT",
    "[Events]",
    "Dialogue: 0,0:00:01.00,0:00:02.00,D,,0,0,0,,{\\k1}词\\N句",
    '"词',
    '词"',
    "artist,song,text",
    "artist\tsong\ttext",
    "sep=;",
    "<b>粗</b>",
    "&amp;lt;",
    "https://x.y/z",
    "@某人",
    "未经许可不得翻唱",
    "12345",
    "...",
    "",
    " ",
    "\u3000",
    "=HYPERLINK(1)",
    "../../x",
    "<script>alert(1)</script>",
    '{"t":0,"c":[{"tx":"作词: "}]}',
    "OP/SP：某",
    "歌名：《夜》",
    "Prod. by",
    "微博@某",
    "a@b.c",
    "|",
    "丨 词 丨",
    "（）",
    "Copyright 2020",
    "人 - 歌",
    "词：",
    "12 Contributors夜 Lyrics[Verse 1]",
    "夜 Lyrics",
    "TranslationsEnglish中文",
    "See 人 LiveGet tickets as low as $9You might also like[Hook]",
    "词7Embed",
    "[Beat Switch]",
    "作曲／某",
    "混音=某",
    "母带  某",
    "采样自《夜》",
    "某某有限公司 出品",
    "录音 By 某",
    "合作邮箱：a@b.c",
    "QQ群：1234567",
    "锟斤拷\ufffd",
    "望著妳 甚麼 著名",
    "再⻅⻋站",
    "བོད་ཀྱི",
    "tsi̍t hō͘",
    "歌手姓名：某人\u200b",
    "歌手姓名：ＭＣ某",
    "歌手姓名：mc某",
    "歌手姓名：\u202e",
)
PIECES = (
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xfe\xff",
    b"\x84\x31\x95\x33",
    b"\r",
    b"\r\n",
    b"\n",
    b"\n\n",
    b'"',
    b'""',
    b"'",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"[" * 5000,
    b'{"a":' * 3000,
    b"<br>",
    b"</p>",
    b",",
    b"\t",
    b"\xff",
    b"\xc3",
    b"\xe4\xbd",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\\u0000",
    b"1e999",
    b"null",
    b"NaN",
    "作词：".encode(),
    "歌手姓名：".encode(),
    "夜".encode("gb18030"),
    b"\x1a",
    b"\x85",
    "\u2028".encode(),
    b"9" * 5000,
    b"=",
    b"PAR1",
    b"\x80" * 20,
    b"-1",
    b"\x7f",
    b"#",
    b"true",
    b"[[",
    b"Infinity",
    b"_x000D_",
    b"&#10;",
    "\u200e".encode(),
    b"artist,song,text\n",
    b"sep=\t\n",
    b"PK\x03\x04",
    b"'''",
    b'"""',
)
FOLDERS = ("歌手", "a b", "x.y", "-f", "'q", '"', "$(touch x)", ";", "\x1b[31m", "é", "长" * 60)
STRETCHED = (
    "作词 ",
    "[",
    "]",
    "(",
    "<",
    "<b ",
    "&",
    "&amp;",
    "@",
    "a@",
    "a.",
    "www.",
    "http://",
    "：",
    "|",
    "- ",
    "作",
    "[00:00]",
    "未经",
    " ",
    "\u3000",
    "/",
    "[00:00.00-1]",
    "[1,1]",
    "(1,1)",
    "&#91;",
    "&#10;",
    "_x000D_",
    "\\n",
    "\u2028",
    '"',
    "\t",
    '"\t',
    "歌手姓名 ",
    "词/曲",
    "by ",
    "Prod. ",
    "〔",
    "我",
    "a",
    "\u0301",
    "\u202e",
    '{"t":',
    "歌手姓名：",
    "\\",
    "版权",
    "1",
    ".",
    "·",
    "feat. ",
    "\x00",
    "\x0b",
    "，",
    "A，",
)


@dataclass(frozen=True)
class Case:
    """files: by name, below the input folder. toml: a configuration file, or None."""

    kind: str
    files: dict[str, bytes]
    settings: tuple[str, ...] = ()
    toml: bytes | None = None


def make_case(seed: int, number: int) -> Case:
    """Case `number` of `seed`."""
    rng = random.Random(f"{seed}/{number}")
    kind = KINDS[number % len(KINDS)]
    return MAKERS[kind](rng, kind)


def text_of(rng: random.Random, lines: int = 30) -> str:
    """Lines of lyrics, credits, tags and rubbish."""
    out = []
    for _ in range(rng.randrange(lines)):
        if rng.random() < 0.5:
            out.append(rng.choice(LINES))
        else:
            out.append("".join(rng.choices(WORDS, k=rng.randrange(1, 9))))
    return rng.choice(("\n", "\r\n", "\r", "\n\n")).join(out)


def mutated(rng: random.Random, data: bytes) -> bytes:
    """The bytes with a few flips, cuts, repeats and insertions; often as they are."""
    for _ in range(rng.choice((0, 0, 0, 0, 1, 1, 2, 12))):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((1, 1, 2, 8, 64)))
        match rng.randrange(6):
            case 0:
                data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
            case 1:
                data = data[:at] + data[end:]
            case 2:
                data = data[:at] + data[at:end] * rng.choice((2, 3, 50)) + data[end:]
            case 3 | 4:
                data = data[:at] + rng.choice(PIECES) + data[at:]
            case 5:
                data = data[:at]
    return data


def _reading(rng: random.Random) -> tuple[str, ...]:
    """Settings of input and corpus, sometimes."""
    every = (
        "input.encoding=gb18030",
        "input.encoding=utf-8",
        "input.limit=3",
        "input.text=歌词",
        "input.artist=nobody",
        "corpus.unit=stanza",
        "corpus.unit=song",
        "corpus.credits=false",
        "corpus.headers=false",
        "corpus.markup=false",
        "corpus.markers=false",
        "corpus.links=false",
        "corpus.symbols=false",
        "corpus.script=keep",
        "corpus.translations=true",
    )
    return tuple(rng.sample(every, rng.choice((0, 0, 0, 0, 0, 1, 3))))


def _text(rng: random.Random, kind: str) -> Case:
    suffix = {"lrc": ".lrc", "noise": rng.choice((".txt", ".csv", ".jsonl", ".parquet", ".lrc"))}
    body = text_of(rng)
    if kind == "songbook":
        body = f"歌手姓名：{rng.choice(WORDS)}\n\n{rng.choice(LINES)}\n作词：某\n" + body
    data = body.encode(errors="surrogatepass")
    if kind == "encodings":
        coding = rng.choice(("gb18030", "gbk", "utf-16", "utf-16-le", "utf-32", "big5", "latin-1"))
        data = body.encode(coding, errors="replace")
    if kind == "noise":
        data = rng.randbytes(rng.choice((0, 1, 3, 100, 4000)))
    if kind == "stretched":
        longest = rng.choice((100, 5_000, 60_000))
        line = "".join(rng.choices(STRETCHED, k=2)) * longest
        data = (body + "\n" + line[: 2 * longest] + rng.choice(STRETCHED) + "\n" + body).encode()
    return Case(kind, {"f" + suffix.get(kind, ".txt"): mutated(rng, data)}, _reading(rng))


def _records(rng: random.Random) -> list[dict[str, object]]:
    names = ["artist", "song", "text", *rng.sample(("song_id", "stanza", "歌词", "=x"), 2)]
    rng.shuffle(names)
    odd = (None, "", 0, -1, 1.5, "../../x", "NA", "=1", "\x1b[2J", "行" * 300)

    def cell(name: str) -> object:
        if name == "text":
            return rng.choice((text_of(rng, 6), rng.choice(LINES), rng.choice(LINES)))
        return rng.choice((*odd, rng.choice(WORDS)))

    return [{name: cell(name) for name in names} for _ in range(rng.randrange(12))]


def _delimited(rng: random.Random, kind: str) -> Case:
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
    return Case(kind, {f"f.{kind}": mutated(rng, lines.encode())}, _reading(rng))


def _jsonl(rng: random.Random, kind: str) -> Case:
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
    return Case(kind, {rng.choice(("f.jsonl", "f.ndjson")): mutated(rng, data)}, _reading(rng))


def _json(rng: random.Random, kind: str) -> Case:
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
    return Case(kind, {name: mutated(rng, text.encode(errors="surrogatepass"))}, _reading(rng))


def _subtitles(rng: random.Random, kind: str) -> Case:
    suffix, head = rng.choice(
        (("srt", ""), ("vtt", "WEBVTT\n\n"), ("ass", "[Script Info]\n\n[Events]\n"))
    )
    body = head
    for number in range(rng.randrange(9)):
        line = rng.choice((rng.choice(LINES), "".join(rng.choices(WORDS, k=3))))
        if suffix == "ass":
            body += f"Dialogue: 0,0:00:{number:02d}.00,0:01:00.00,D,,0,0,0,,{{\\k1}}{line}\n"
        else:
            body += f"{number}\n00:00:{number:02d},000 --> 00:01:00.000\n{line}\n{line}\n\n"
    return Case(kind, {f"f.{suffix}": mutated(rng, body.encode())}, _reading(rng))


def _xlsx(rng: random.Random, kind: str) -> Case:
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
    book.properties.created = book.properties.modified = datetime(2020, 1, 1)
    out = io.BytesIO()
    book.save(out)
    return Case(kind, {"f.xlsx": mutated(rng, out.getvalue())}, _reading(rng))


def _parquet(rng: random.Random, kind: str) -> Case:
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
    return Case(kind, {"f.parquet": mutated(rng, out.getvalue())}, _reading(rng))


def _folder(rng: random.Random, kind: str) -> Case:
    """Several files of all formats under names that a shell or a terminal would trip over."""
    files: dict[str, bytes] = {}
    for _ in range(rng.randrange(1, 6)):
        other = MAKERS[rng.choice([k for k in KINDS if k in READERS and k != kind])](rng, kind)
        (name, data), *_ = other.files.items()
        stem = "/".join(rng.choices(FOLDERS, k=rng.randrange(1, 3)))
        files[stem + (Path(name).suffix or ".json")] = data
    return Case(kind, files, _reading(rng))


def _toml(rng: random.Random, kind: str) -> Case:
    lines = render_defaults().splitlines()
    odd = (
        "seed = " + "9" * 5000,
        "a = " + "[" * 3000,
        "[layout.epochs]",
        "[[input]]",
        "seed = 1979-05-27",
        "input = 3",
        "[input]\npaths = [1, [2], {a = 3}]",
        "x.y.z = 1",
        '"" = 1',
        "[nightly]\nroot = 5",
        "[scale]\nx = 1",
        "[embedding]\nmodel = []",
        "seed = inf",
        "seed = nan",
        "seed = -0",
        "a." * 2000 + "b = 1",
        "[input]\npaths = '../../x'",
        'seed = "none"',
        "[" + "a." * 3000 + "b]",
        "\x00",
        "[train]\nviews = ['rhyme']",
        "[maps]\nwidth = 1e300",
        "[clusters]\nmin_cluster_size = true",
    )
    for _ in range(rng.choice((0, 0, 1, 3))):
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(odd))
    for _ in range(rng.choice((0, 2, 60))):
        lines.pop(rng.randrange(len(lines)))
    return Case(kind, {"f.txt": "今晚\n".encode()}, (), mutated(rng, "\n".join(lines).encode()))


def _set(rng: random.Random, kind: str) -> Case:
    sections = load_config(None).model_dump()
    known = [
        f"{name}.{key}" for name, keys in sections.items() if isinstance(keys, dict) for key in keys
    ]
    values = (
        "1",
        "3",
        "0.5",
        "20",
        "-1",
        "1e999",
        "nan",
        "true",
        '"',
        "[[[[",
        "[" * 3000,
        "{a=1}",
        "../../x",
        "\x00",
        "\ud800",
        "9" * 5000,
        "",
        " ",
        "[1,2]",
        "'x'",
        "none",
        "auto",
        "1979-05-27",
        "\n[maps]\nwidth=400",
        "\x1b[31m",
        "=",
    )

    def key() -> str:
        right = rng.choice(known)
        return (
            right
            if rng.random() < 0.8
            else rng.choice(
                (
                    "seed",
                    "",
                    ".",
                    "é." + right,
                    right + ".x",
                    right[1:],
                    "scale.x",
                    "seed.x",
                    right * 50,
                )
            )
        )

    settings = tuple(
        f"{key()}{rng.choice(('=', '=', '=', '=', '=', '==', ' = ', '', ':'))}{rng.choice(values)}"
        for _ in range(rng.randrange(1, 3))
    )
    return Case(kind, {"f.txt": "今晚\n".encode()}, settings)


READERS = {
    "plain": _text,
    "songbook": _text,
    "lrc": _text,
    "encodings": _text,
    "noise": _text,
    "stretched": _text,
    "csv": _delimited,
    "tsv": _delimited,
    "jsonl": _jsonl,
    "json": _json,
    "subtitles": _subtitles,
    "xlsx": _xlsx,
    "parquet": _parquet,
    "folder": _folder,
}
MAKERS = READERS | {"toml": _toml, "set": _set}
KINDS = tuple(MAKERS)
