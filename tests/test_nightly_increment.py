"""Slow: what a night with 1 % new lines costs beside the first, at 60,000 lines."""

import csv
from pathlib import Path

import pytest

from rapids_rap.runs.run import open_run
from tests.conftest import rap
from tests.songbook import random_songs

RESULTS = Path(__file__).parent / "results" / "nightly_increment.csv"
LINES, MORE = 60_000, 600


def write_table(path, songs, name):
    """A CSV of artist, song, text, a line a row; returns how many rows."""
    rows = [
        (artist, f"{name}{i}", line) for i, (artist, lines) in enumerate(songs) for line in lines
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("artist", "song", "text"), *rows])
    return len(rows)


def songs_of(lines, seed):
    """Songs of random characters with so many lines in all, or one song more."""
    songs, total = [], 0
    for song in random_songs(lines // 2, 60, lines=30, seed=seed, alphabet=3000):
        if total >= lines:
            break
        songs.append(song)
        total += len(song[1])
    return songs


@pytest.mark.slow
def test_a_night_with_one_percent_new_lines_embeds_only_those(tmp_path, monkeypatch):
    """At 60,000 lines the second night embeds the new texts alone; times go into tests/results."""
    monkeypatch.chdir(tmp_path)
    Path("lyrics").mkdir()
    write_table(Path("lyrics/first.csv"), songs_of(LINES, 1), "a")
    arguments = (
        "nightly",
        "--backend",
        "cpu",
        "--set",
        "embedding.model=demo",
        "--set",
        'input.paths=["lyrics"]',
        "--set",
        "nightly.root=root",
        "--set",
        "nightly.min_ids_kept=0",
        "--set",
        "nightly.min_clusters=0",
        "--set",
        "nightly.max_noise=1",
        "--set",
        "nightly.min_clusters_ratio=0",
        "--set",
        "nightly.max_noise_rise=1",
    )
    rows = []
    for night, more in (("first", 0), ("1 % new lines", MORE)):
        if more:
            write_table(Path("lyrics/more.csv"), songs_of(more, 2), "b")
        outcome = rap(*arguments)
        assert outcome.code == 0, outcome.err
        run = open_run(Path("root/latest"))
        texts = run.night["texts"]
        assert texts["embedded"] == texts["new"]
        seconds = {stage["name"]: stage["seconds"] for stage in run.manifest["stages"]}
        rows.append(
            [
                night,
                run.night["lines"]["total"],
                texts["total"],
                texts["embedded"],
                seconds["embedding"],
                run.night["seconds"],
            ]
        )
    assert 0 < rows[1][3] <= 1.1 * MORE
    share = rows[1][4] / rows[0][4]
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(
            [
                "night",
                "lines",
                "texts",
                "embedded",
                "embedding_seconds",
                "night_seconds",
                "embedding_share_of_first",
            ]
        )
        table.writerows([[*rows[0], ""], [*rows[1], round(share, 4)]])
