"""Holds a reading to what is known of its lines: none lost, none changed, none under another name.

And what was read is read back: the corpus itself, and the same as a CSV, give the same lines.
"""

from collections import Counter
from pathlib import Path

import pandas as pd

from rapids_rap.config import CorpusConfig, InputConfig
from rapids_rap.corpus.ingest import ingest
from rapids_rap.corpus.names import name_key
from rapids_rap.corpus.normalize import normalize
from rapids_rap.runs.cells import escape_cells
from tests.fuzz.planted import Truth


def hold_to(truth: Truth, corpus: Path, dropped: Path) -> None:
    """Raises AssertionError where a planted line is gone, changed, or somebody else's."""
    lines, gone = pd.read_parquet(corpus), pd.read_parquet(dropped)
    forms = dict(zip(normalize(list(truth.artists), "simplified"), truth.artists, strict=True))
    assert len(forms) == len(truth.artists), "two planted lines look alike"
    kept = set(lines["text_norm"])
    lost = [line for form, line in forms.items() if form not in kept]
    rules = {line: sorted({*gone["rule"][gone["text"] == line]}) for line in lost}
    assert not lost, f"planted lines that didn't come out, and the rules that dropped them: {rules}"
    others = sorted(kept - forms.keys())
    assert not truth.only or not others, f"kept, though nobody planted it: {others[:5]}"
    rows = lines[lines["text_norm"].isin(forms)]
    for column, allowed in (("artist", truth.artists), ("song", truth.titles)):
        for form, name in zip(rows["text_norm"], rows[column], strict=True):
            names = {_key(one) for one in allowed[forms[form]]}
            assert _key(name) in names, f"{column} of {forms[form]!r}: {name!r}, not {names}"


def _key(name: object) -> str | None:
    return name_key(name) if isinstance(name, str) else None


def read_back(corpus: Path, folder: Path) -> None:
    """Raises AssertionError where the corpus, or a CSV of it, is not read as what it holds."""
    lines = pd.read_parquet(corpus)
    as_csv = folder / "again.csv"
    as_csv.write_bytes(escape_cells(lines).to_csv(index=False, lineterminator="\n").encode())
    as_json = folder / "again.jsonl"
    lines.to_json(as_json, orient="records", lines=True, force_ascii=False)
    for path in (corpus, as_csv, as_json):
        again = ingest([path], InputConfig(), CorpusConfig()).lines
        for column in ("text_norm", "artist", "song"):
            before, after = (
                Counter(
                    zip(table["text_norm"], table[column].astype("object").map(_key), strict=True)
                )
                for table in (lines, again)
            )
            assert before == after, (
                f"{path.suffix}, {column}: lost {list((before - after).items())[:4]}, "
                f"new {list((after - before).items())[:4]}"
            )
