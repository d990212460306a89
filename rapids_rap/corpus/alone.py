"""The corpus by itself, as a file: what `ingest` does, and what it says of each input.

Not in `pipeline`, whose stages need torch and transformers: reading lyrics needs neither.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from rapids_rap.config import Config
from rapids_rap.corpus import FileCount
from rapids_rap.corpus.files import find_files
from rapids_rap.corpus.ingest import ingest
from rapids_rap.runs.folder import write_corpus
from rapids_rap.runs.outputs import check_corpus_file, named_files

log = logging.getLogger(__name__)


def ingest_only(config: Config, out: Path) -> tuple[pd.DataFrame, Path]:
    """Read and clean; write the corpus and `dropped.parquet`; return the counts and the latter.

    Raises `InputError` before anything is read where either would replace something else.
    """
    paths = [Path(path) for path in config.input.paths]
    files, _ = find_files(paths)
    check_corpus_file(out, [*files, *named_files(config)])
    corpus = ingest(paths, config.input, config.corpus)
    for warning in corpus.warnings:
        log.warning("%s", warning)
    return count_table(corpus.files), write_corpus(out, corpus.lines, corpus.dropped)


def count_table(files: Sequence[FileCount]) -> pd.DataFrame:
    """A row a file and a last row in all: read = kept + dropped, by rule."""
    rules = sorted({rule for file in files for rule in file.dropped})
    rows = [
        {"file": f.path, "read": f.read, "kept": f.kept} | {r: f.dropped.get(r, 0) for r in rules}
        for f in files
    ]
    table = pd.DataFrame(rows)
    total = table.drop(columns="file").sum().to_dict()
    return pd.concat([table, pd.DataFrame([{"file": "all files"} | total])], ignore_index=True)
