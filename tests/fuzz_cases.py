"""The kinds of fuzz cases, and the one that a seed and a number stand for, byte for byte."""

import random
from pathlib import Path

from tests.fuzz.case import Case, reading
from tests.fuzz.configs import make_set, make_toml
from tests.fuzz.tables import make_delimited, make_json, make_jsonl, make_parquet, make_xlsx
from tests.fuzz.texts import make_subtitles, make_text
from tests.fuzz.words import FOLDERS


def make_case(seed: int, number: int) -> Case:
    """Case `number` of `seed`."""
    rng = random.Random(f"{seed}/{number}")
    kind = KINDS[number % len(KINDS)]
    return MAKERS[kind](rng, kind)


def _folder(rng: random.Random, kind: str) -> Case:
    """Several files of all formats under names that a shell or a terminal would trip over."""
    files: dict[str, bytes] = {}
    for _ in range(rng.randrange(1, 6)):
        other = MAKERS[rng.choice([k for k in KINDS if k in READERS and k != kind])](rng, kind)
        (name, data), *_ = other.files.items()
        stem = "/".join(rng.choices(FOLDERS, k=rng.randrange(1, 3)))
        files[stem + (Path(name).suffix or ".json")] = data
    return Case(kind, files, reading(rng))


READERS = {
    "plain": make_text,
    "songbook": make_text,
    "lrc": make_text,
    "encodings": make_text,
    "noise": make_text,
    "stretched": make_text,
    "csv": make_delimited,
    "tsv": make_delimited,
    "jsonl": make_jsonl,
    "json": make_json,
    "subtitles": make_subtitles,
    "xlsx": make_xlsx,
    "parquet": make_parquet,
    "folder": _folder,
}
MAKERS = READERS | {"toml": make_toml, "set": make_set}
KINDS = tuple(MAKERS)
