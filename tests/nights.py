"""Nights of the sample lyrics for tests: the pipeline with a heritage, small pictures, CPU."""

import numpy as np
import pandas as pd
from rich.console import Console

from rapids_rap import pipeline
from rapids_rap.device import resolve
from rapids_rap.heritage import Heritage
from rapids_rap.progress import StageProgress
from rapids_rap.runs import Run, open_run
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
            f"input.paths=[{quoted}]", "embedding.model=demo", f"embedding.store={store}",
            "maps.width=480", "maps.height=360", *settings,
        ],
    )  # fmt: skip
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
    one of tonight's and makes up more than half of that one. Counted by hand, not by `matching`.
    """
    both = before.texts.merge(tonight.texts, on="text_norm", suffixes=("", "_now"))
    both = both[(both["cluster"] >= 0) & (both["cluster_now"] >= 0)]
    both = both.assign(w=np.minimum(both["weight"], both["weight_now"]))
    table = both.pivot_table(index="cluster", columns="cluster_now", values="w", aggfunc="sum")
    table = table.fillna(0)
    of_old, of_new = table.div(table.sum(axis=1), axis=0), table.div(table.sum(axis=0), axis=1)
    pairs = (of_old > 0.5) & (of_new > 0.5)
    return [(int(old), int(new)) for old, new in pairs.stack()[lambda x: x].index]


def planted_topic(n=60) -> pd.DataFrame:
    """Lines about nothing that the sample sings of, alike enough to be a cluster."""
    dishes = ["毛肚", "鸭肠", "黄喉", "豆皮", "藕片", "肥牛"]
    counts = "一二三四五六七八九十"
    texts = [f"火锅{dishes[i % 6]}{counts[i // 6]}盘下锅涮涮涮" for i in range(n)]
    return pd.DataFrame({"artist": "火锅乐队", "song": "涮", "text": texts})
