"""Texts that nobody would write: lyrics in every layout and encoding, subtitles, long lines."""

import random

from tests.fuzz.case import Case, mutated, reading, text_of
from tests.fuzz.words import LINES, STRETCHED, WORDS


def make_text(rng: random.Random, kind: str) -> Case:
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
    return Case(kind, {"f" + suffix.get(kind, ".txt"): mutated(rng, data)}, reading(rng))


def make_subtitles(rng: random.Random, kind: str) -> Case:
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
    return Case(kind, {f"f.{suffix}": mutated(rng, body.encode())}, reading(rng))
