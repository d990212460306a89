"""A writer folder, loaded: the model with its adapters merged, its tokenizer, what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapids_rap.embedding.folder import check_folder
from rapids_rap.errors import InputError
from rapids_rap.runs.files import label_of
from rapids_rap.writer.base import load_causal, load_tokenizer
from rapids_rap.writer.copying import CopyIndex
from rapids_rap.writer.record import INDEX, MEND, RECORD, read_record


@dataclass(frozen=True)
class Writer:
    """model: a transformers causal model in evaluation mode; record: writer.json."""

    folder: Path
    model: Any
    tokenizer: Any
    record: Mapping[str, Any]

    def index(self) -> CopyIndex:
        """The index over the training text.

        Raises `InputError` where it is not whole, or of other songs than the writer read: its
        songs could be copied then, and nobody would be told.
        """
        found = CopyIndex(self.folder / INDEX)
        if sorted(found.songs) != sorted(int(one["song_id"]) for one in self.record["seen_songs"]):
            raise InputError(
                f"{label_of(self.folder / INDEX)}: is of other songs than {RECORD} says; {MEND}."
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
