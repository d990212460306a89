"""Nights of the sample lyrics for tests: the pipeline with a heritage, small pictures, CPU."""

import numpy as np
import pandas as pd
from rich.console import Console

from rapids_rap import pipeline
from rapids_rap.lineage.heritage import Heritage
from rapids_rap.machine.device import resolve
from rapids_rap.progress import StageProgress
from rapids_rap.runs.run import Run, open_run
from rapids_rap.settings import load_config


def spend_night(lines, folder, heritage=None, *, store, settings=(), **options) -> Run:
    """One night over `lines`: a table of artist, song and text, or files."""
    paths = lines
    if isinstance(lines, pd.DataFrame):
        inputs = folder.parent / f"{folder.name}-lyrics"
        inputs.mkdir()
        lines.to_parquet(inputs / "lyrics.parquet", index=False)
        paths = [inputs]
    quoted = ",".join(f'"{path}"' for path in paths)
    config = load_config(
        None,
        [
            f"input.paths=[{quoted}]",
            "embedding.model=demo",
            f"embedding.store={store}",
            "maps.width=480",
            "maps.height=360",
            *settings,
        ],
    )
    with StageProgress(Console(quiet=True)) as progress:
        pipeline.run(config, folder, resolve("cpu"), progress, heritage=heritage, **options)
    return open_run(folder)


def heir(run: Run, **labels) -> Heritage:
    """The heritage that a night leaves to the next."""
    identity = run.manifest["identity"]
    return Heritage(run, identity["next_cluster"], identity["next_theme"], **labels)


def lyrics_of(run: Run) -> pd.DataFrame:
    """The lines of a run as an input."""
    return run.lines[["artist", "song", "text"]]


def survivors(before: Run, tonight: Run) -> list[tuple[int, int]]:
    """(earlier id, tonight's id) of the clusters that anybody would call the same.

    More than half of the earlier one's shared weight, in texts that both nights cluster, lies in
    one of tonight's and makes up more than half of that one; and a tenth of either cluster is such
    texts, for one that all but dissolved into noise did not survive in the line or two that are
    left. Counted by hand, not by `matching`.
    """
    both = before.texts.merge(tonight.texts, on="text_norm", suffixes=("", "_now"))
    both = both[(both["cluster"] >= 0) & (both["cluster_now"] >= 0)]
    both = both.assign(w=np.minimum(both["weight"], both["weight_now"]))
    table = both.pivot_table(index="cluster", columns="cluster_now", values="w", aggfunc="sum")
    table = table.fillna(0)
    of_old, of_new = table.div(table.sum(axis=1), axis=0), table.div(table.sum(axis=0), axis=1)
    left = both.groupby("cluster")["weight"].sum() / _sizes(before)
    came = both.groupby("cluster_now")["weight_now"].sum() / _sizes(tonight)
    return [
        (int(old), int(new))
        for old in table.index
        for new in table.columns
        if of_old.loc[old, new] > 0.5
        and of_new.loc[old, new] > 0.5
        and left[old] >= 0.1
        and came[new] >= 0.1
    ]


def _sizes(run: Run) -> pd.Series:
    return run.texts.groupby("cluster")["weight"].sum()


def planted_topic(n=60) -> pd.DataFrame:
    """Lines about nothing that the sample sings of, each like all the others: a cluster."""
    digits = "零一二三四五六七八九"
    texts = [f"火锅毛肚{digits[i // 10]}{digits[i % 10]}盘下锅涮涮涮" for i in range(n)]
    return pd.DataFrame({"artist": "火锅乐队", "song": "涮", "text": texts})
