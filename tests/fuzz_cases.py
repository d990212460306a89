"""The kinds of fuzz cases, and the one that a seed and a number stand for, byte for byte."""

import random
from pathlib import Path

from tests.fuzz.case import Case, mutated, reading
from tests.fuzz.configs import make_set, make_toml
from tests.fuzz.planted import truth_of
from tests.fuzz.planted_answers import make_answer, make_data_set, make_planted_jsonl
from tests.fuzz.planted_tables import (
    make_hive,
    make_own_csv,
    make_planted_csv,
    make_planted_parquet,
    make_planted_tsv,
    make_planted_xlsx,
)
from tests.fuzz.planted_texts import (
    make_restarts,
    make_songbook,
    make_songs_lrc,
    make_titled_subtitles,
    make_word_timed,
)
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


def _mixture(rng: random.Random, kind: str) -> Case:
    """A folder with planted files of several formats, in one reading."""
    files: dict[str, bytes] = {}
    truth = truth_of([])
    for i in range(rng.randrange(2, 5)):
        case = PLANTED[rng.choice(sorted(PLANTED))](rng, kind)
        assert case.truth is not None
        if truth.artists.keys().isdisjoint(case.truth.artists):
            files |= {f"{i}/{name}": data for name, data in case.files.items()}
            truth |= case.truth
    return Case(kind, files, truth=truth)


def _damaged(rng: random.Random, kind: str) -> Case:
    """Planted files with bytes changed, of which no more is known than that they end well."""
    case = PLANTED[rng.choice(sorted(PLANTED))](rng, kind)
    files = {name: mutated(rng, data) for name, data in case.files.items()}
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
# Songs whose artists are known, in files as people have them.
PLANTED = {
    "songs of a book": make_songbook,
    "songs of an LRC": make_songs_lrc,
    "restarting clocks": make_restarts,
    "word-timed": make_word_timed,
    "songs of subtitles": make_titled_subtitles,
    "songs of a CSV": make_planted_csv,
    "own exports": make_own_csv,
    "songs of a TSV": make_planted_tsv,
    "songs of an xlsx": make_planted_xlsx,
    "songs of a Parquet": make_planted_parquet,
    "Hive": make_hive,
    "songs of JSON Lines": make_planted_jsonl,
    "songs of a JSON": make_data_set,
    "answers": make_answer,
}
MAKERS = (
    READERS
    | PLANTED
    | {"mixture": _mixture, "damaged": _damaged}
    | {"toml": make_toml, "set": make_set}
)
KINDS = tuple(MAKERS)
