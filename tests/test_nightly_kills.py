"""A series of nights that is killed again and again ends as one that was left alone."""

import csv
import random
from collections import Counter
from pathlib import Path

import pytest

from rapids_rap.night.root import NightRoot, read_state, run_names
from rapids_rap.runs.run import open_run
from rapids_rap.runs.verify import find_faults
from tests.night_server import Server
from tests.test_end_to_end import checksum
from tests.tiny_nights import tiny_night, write_songs

RESULTS = Path(__file__).parent / "results" / "nightly_kills.csv"
SAME = (
    "lines.parquet",
    "clusters.csv",
    "themes.csv",
    "cluster_terms.csv",
    "quality.json",
    "vectors/vectors.npy",
    "maps/clusters.png",
)
# Songs of each night: the first, new songs, most of them gone (refused), back with one more.
NIGHTS = ((0, 10), (0, 12), (0, 2), (0, 13))
CODES = (0, 0, 5, 0)
PUBLISHING = 25  # operations after a night's run is whole, about


def night(server, lyrics, root, number, **how):
    write_songs(lyrics, *NIGHTS[number])
    return server.run("nightly", *tiny_night(root=root, lyrics=lyrics), watch=root, **how)


def shards(root):
    return {path.name: checksum(path) for path in root.rglob("store/*/shard-*.json")}


def check_all_whole(root, published):
    """No run is corrupt, `latest` leads to a whole one, and nothing half-made lies beside them."""
    nights = NightRoot(root)
    for name in run_names(nights):
        assert find_faults(nights.run(name)) == []
    if published or nights.latest.is_symlink():
        assert find_faults(nights.latest) == []
        assert open_run(nights.latest).night is not None


def history(root):
    """What the nights of a root say, without their times."""
    nights = NightRoot(root)
    names = run_names(nights)
    state = read_state(nights)
    runs = [open_run(nights.run(name)) for name in names]
    return {
        "runs": [
            (
                run.night["published"],
                run.night["clusters"],
                run.night["themes"],
                run.night["lines"],
                [gate["passed"] for gate in run.night["gates"]],
                {name: checksum(run.path / name) for name in SAME},
            )
            for run in runs
        ],
        "previous": [
            names.index(r.night["previous"]) if r.night["previous"] else None for r in runs
        ],
        "latest": names.index(nights.latest.readlink().name),
        "ids": (state.next_cluster, state.next_theme, state.pending),
        "store": shards(root),
    }


def part_of(last):
    """Where in the night an operation lies, for the figures."""
    path = last.partition(" ")[2]
    if path.startswith("/store"):
        return "embedding"
    if "/.stages/" in path:
        return "stages"
    if path.startswith("/.building"):
        return "writing the run"
    return "publishing"


def kill_nights(tmp_path, kills, draws, by_time=0.0):
    """Kill until there were `kills`; returns how many there were in each part of a night.

    by_time: share of kills that come after a random time rather than before a random operation.
    """
    lyrics, still = tmp_path / "lyrics", tmp_path / "still"
    write_songs(lyrics, *NIGHTS[0])
    server = Server(tmp_path / "log", ("nightly", *tiny_night(root=still, lyrics=lyrics)))
    try:
        roots = (tmp_path / "count", still, still, still)
        sizes = [night(server, lyrics, root, i) for i, root in enumerate(roots)]
        assert tuple(size.code for size in sizes) == CODES, (tmp_path / "log").read_text()
        undisturbed, parts, series = history(still), Counter(), 0
        while parts.total() < kills:
            root, series = tmp_path / f"killed{series}", series + 1
            each = -(-(kills - parts.total()) // len(NIGHTS))
            for number in range(len(NIGHTS)):
                end = _kill_one_night(
                    server, lyrics, root, number, sizes, each, draws, by_time, parts
                )
                assert end.code == CODES[number], (tmp_path / "log").read_text()[-3000:]
                check_all_whole(root, True)
            assert history(root) == undisturbed
            assert not list(root.rglob("*.partial"))
            assert not (root / ".building").exists()
        return parts
    finally:
        server.close()


def _kill_one_night(server, lyrics, root, number, sizes, most, draws, by_time, parts):
    """Kill a night up to `most` times, checking the disk each time; then let it end."""
    before, whole = shards(root), sizes[number].operations
    for attempt in range(min(most, 6)):
        at = draws.randint(1, whole)
        if not attempt and draws.random() < 0.5:  # few of the steps are those that publish
            at = draws.randint(whole - PUBLISHING, whole)
        how = {"die_at": at}
        if draws.random() < by_time:
            how = {"die_after": sizes[number].seconds * at / whole}
        end = night(server, lyrics, root, number, **how)
        if not end.killed:
            return end
        parts[part_of(end.last)] += 1
        check_all_whole(root, number > 0)
        now = shards(root)
        assert before.items() <= now.items(), "a shard that was reported done is gone"
        before = now
    return night(server, lyrics, root, number)


def test_twenty_kills_lose_nothing(tmp_path):
    """Killed before random changes of the disk, every night's run stays whole and ids stay equal.

    Four nights, one of which a gate refuses: no id is lost, none used twice, `latest` never breaks.
    """
    parts = kill_nights(tmp_path, 20, random.Random(6))
    assert parts.total() >= 20


@pytest.mark.slow
def test_two_hundred_kills_lose_nothing(tmp_path):
    """The same, half of the kills at random times; what was hit goes into tests/results."""
    parts = kill_nights(tmp_path, 200, random.Random(2026), by_time=0.5)
    assert parts.total() >= 200
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(
            [
                "killed_while",
                "kills",
                "corrupt_runs",
                "lost_shards",
                "broken_latest",
                "series_that_ended_otherwise",
            ]
        )
        for part, number in sorted(parts.items()):
            table.writerow([part, number, 0, 0, 0, 0])  # any other number fails above
        table.writerow(["all", parts.total(), 0, 0, 0, 0])
