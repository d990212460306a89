"""Lines as a file for other programs; `webapp/src/exports.ts` writes the same without a server."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rapids_rap.runs.run import Run
from rapids_rap.view.texts import END

_KEPT = ["line_id", "text", "artist", "song", "year", "region", "cluster", "theme"]


def line_table(run: Run) -> pd.DataFrame:
    """A row a line of lines.parquet: what is known of it, its emotion and its share of votes.

    A column that nothing is known for is not there. `rapids-rap run` reads it as lyrics.
    """
    emotions = run.emotions
    hits = [f"hits_{name}" for name in emotions]
    table = run.line_columns([*_KEPT, "agreement", *hits])
    if "line_id" not in table:  # as runs of the first version are
        table.insert(0, "line_id", np.arange(len(table)))
    unknown = [
        n for n in ("artist", "song", "year", "region") if n in table and table[n].isna().all()
    ]
    out = table[[n for n in _KEPT if n in table and n not in unknown]].copy()
    out["text"] = out["text"].fillna("").str.replace(END, "\ufffd", regex=False)
    if emotions:
        found = table[hits].to_numpy(np.int64)
        names = np.array([*emotions, None], dtype=object)
        best = np.where(found.max(axis=1) > 0, found.argmax(axis=1), len(emotions))
        out["emotion"] = pd.array(names[best], dtype="str")
    if "agreement" in table and table["agreement"].notna().any():
        out["agreement"] = (table["agreement"].astype(np.float64) * 100).round() / 100
    return out
