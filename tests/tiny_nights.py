"""Nights of a second or two: a few bundled songs, small maps, small samples."""

import itertools
from pathlib import Path

LYRICS = Path(__file__).parents[1] / "examples" / "lyrics"

SETTINGS = tuple(
    word
    for setting in (
        "embedding.model=demo",
        "embedding.shard_texts=60",
        "maps.width=400",
        "maps.height=300",
        "quality.bootstrap=100",
        "quality.dbcv_sample=200",
        "quality.retrieval_lines=200",
        "layout.epochs=100",
        "clusters.min_cluster_size=8",
    )
    for word in ("--set", setting)
)


def tiny_night(*settings, root="root", lyrics="lyrics"):
    """The arguments of `nightly`, with more settings if need be."""
    own = (f'input.paths=["{lyrics}"]', f"nightly.root={root}", *settings)
    return ("--backend", "cpu", *SETTINGS, *(word for s in own for word in ("--set", s)))


def read_songs():
    """The songs of the first bundled page, each as its lines with artist, title and credits."""
    page = (LYRICS / "01_城与爱.txt").read_text(encoding="utf-8").splitlines()
    starts = [i - 1 for i, line in enumerate(page) if line.startswith("作词")]
    starts = [next(k for k in range(i, -1, -1) if page[k].strip()) for i in starts]
    return ["\n".join(page[a:b]) for a, b in itertools.pairwise([*starts, len(page)])]


def write_songs(folder, start, stop, *, mark=""):
    """Make `folder` hold these songs, a file each; `mark` is added to every line of text."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {
        f"{number:02}.txt": song
        for number, song in enumerate(read_songs())
        if start <= number < stop
    }
    for path in folder.glob("*.txt"):
        if path.name not in wanted:
            path.unlink()
    for name, song in wanted.items():
        text = f"歌手姓名：甲\n\n{song}{mark}\n"
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text:
            (folder / name).write_text(text, encoding="utf-8")
