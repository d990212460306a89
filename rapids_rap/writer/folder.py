"""A writer folder, loaded: the model with its adapters merged, its tokenizer, what it says."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapids_rap.embedding.folder import check_folder
from rapids_rap.errors import InputError
from rapids_rap.runs.files import label_of
from rapids_rap.writer.base import load_causal, load_tokenizer
from rapids_rap.writer.copying import CopyIndex
from rapids_rap.writer.record import INDEX, MEND, RECORD, known_songs, read_record

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Writer:
    """model: a transformers causal model in evaluation mode; record: writer.json."""

    folder: Path
    model: Any
    tokenizer: Any
    record: Mapping[str, Any]

    def index(self) -> CopyIndex:
        """As of `read_index`; warns where it does not follow Latin words."""
        found = read_index(self.folder, self.record)
        if not found.has_words:
            log.warning(
                "%s: was trained before Latin words were followed, so that copies of them are not "
                "found (those of Chinese characters are); %s to add them.",
                label_of(self.folder),
                MEND,
            )
        return found


def read_index(folder: Path, record: Mapping[str, Any]) -> CopyIndex:
    """The index of a writer folder.

    Raises `InputError` where it is not whole, or of other songs than the writer read: its songs
    could be copied then, and nobody would be told. Older folders lack the songs that were held out
    and that the base had read.
    """
    found = CopyIndex(folder / INDEX)
    seen = [int(one["song_id"]) for one in record["seen_songs"]]
    if sorted(found.songs) not in (sorted(seen), sorted(known_songs(record))):
        raise InputError(
            f"{label_of(folder / INDEX)}: is of other songs than {RECORD} says; {MEND}."
        )
    if record["base"].get("is_writer") and not found.has_base:
        raise InputError(
            f"{label_of(folder / INDEX)}: lacks the songs that its base read, though {RECORD} says "
            f"that it was a writer; {MEND}."
        )
    return found


def load(folder: Path, device: str = "cpu") -> Writer:
    """Load a writer onto `device`, `cpu` or `cuda`; in float32 on the CPU, else in bfloat16.

    Raises `InputError` for a folder that is no writer or is not whole.
    """
    record = read_record(folder)
    check_folder(folder, str(folder))
    tokenizer = load_tokenizer(folder)
    model = load_causal(folder, device, half=device != "cpu")
    return Writer(folder, model.eval(), tokenizer, record)
