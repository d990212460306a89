"""What a run's songs can be asked for: by most lines, by enough songs, and without the unstable."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.backend import load_backend
from rapids_rap.data import data_path
from rapids_rap.embedding.trained_on import read_trained_on
from rapids_rap.errors import InputError
from rapids_rap.runs.run import Run, open_run
from rapids_rap.tables.doubts import find_doubts
from rapids_rap.writer.songs import (
    Song,
    held_out_groups,
    read_songs,
    song_emotion,
    song_theme,
    split_songs,
)

NOTHING_READ = np.zeros(0, np.uint64)


@pytest.fixture(scope="module")
def run(sample_run) -> Run:
    return open_run(sample_run)


@pytest.fixture(scope="module")
def songs(run):
    return read_songs(run, load_backend("cpu"), NOTHING_READ)


def test_a_song_has_the_theme_of_most_lines_that_will_stay():
    assert song_theme([2, 1, 1, -1, -1, -1], [0, 4, 4, -1, -1, -1], set()) == 1
    assert song_theme([2, 1, 2, 1], [0, 4, 0, 4], set()) == 2, "the first of two"
    assert song_theme([2, 1, 1], [0, 4, 4], {4}) == 2, "lines of an unstable cluster have no say"
    assert song_theme([-1, 1], [-1, 4], {4}) is None


def test_a_songs_emotion_is_the_lexicons():
    part = pd.DataFrame({"hits_积极": [1, 0], "hits_消极": [0, 1], "hits_爱情": [0, 0]})
    assert song_emotion(part, ["积极", "消极", "爱情"]) == "积极"
    assert song_emotion(part * 0, ["积极", "消极", "爱情"]) is None


def test_hits_that_are_no_numbers_are_named(sample_run, tmp_path):
    """A run comes from elsewhere, too."""
    folder = tmp_path / "run"
    shutil.copytree(sample_run, folder, ignore=shutil.ignore_patterns("maps", ".store"))
    lines = pd.read_parquet(folder / "lines.parquet").assign(hits_积极="x")
    lines.to_parquet(folder / "lines.parquet", index=False)
    with pytest.raises(InputError, match="hits_积极"):
        read_songs(open_run(folder), load_backend("cpu"), NOTHING_READ)


def test_every_line_of_a_song_is_in_it_once(run, songs):
    lines = run.lines[run.lines["song_id"].notna()]
    assert sum(len(song.lines) for song in songs) == len(lines)
    assert {song.region for song in songs} >= {"华东", "西南"}


def test_leakage_groups_stay_whole(run, songs):
    split = split_songs(run, songs, 0.3)
    assert not {s.group for s in split.train} & {s.group for s in split.held_out}
    assert len(split.train) + len(split.held_out) == len(songs)
    assert abs(len(split.held_out) - 0.3 * len(songs)) <= 2


def test_the_split_does_not_move_with_the_order_of_songs(run, songs):
    once, again = split_songs(run, songs, 0.2), split_songs(run, songs[::-1], 0.2)
    assert {s.song_id for s in once.held_out} == {s.song_id for s in again.held_out}


def test_songs_that_the_base_has_not_read_are_held_out_first(run):
    read = read_songs(run, load_backend("cpu"), read_trained_on(data_path("demo_model")))
    split = split_songs(run, read, 0.1)
    assert any(song.read for song in read)
    assert not any(song.read for song in split.held_out)
    unknown = read_songs(run, load_backend("cpu"), None)
    assert all(song.read for song in unknown), "what can't be known counts as read"


def song(number: int, group: int, title: str = "歌", *, read: bool = False) -> Song:
    return Song(number, "甲", title, ("走在夜里",), (0,), None, None, None, group, read)


def of_sizes(sizes, names=0) -> list[Song]:
    """Songs of groups of these sizes; names: others give the groups another order."""
    groups = [group for group, size in enumerate(sizes) for _ in range(size)]
    return [song(i, group, f"歌{names}-{group}") for i, group in enumerate(groups)]


@given(st.lists(st.integers(1, 30), max_size=12), st.integers(0, 9**9), st.floats(0, 0.99))
def test_a_large_group_does_not_swallow_what_is_trained_on(sizes, names, share):
    """Whatever the sizes and whichever comes first."""
    songs = of_sizes(sizes, names)
    held = held_out_groups(songs, share)
    wanted, count = round(share * len(songs)), sum(sizes[own] for own in held)
    assert count <= wanted + min(sizes, default=0)
    assert bool(held) == (wanted > 0 and len(sizes) > 1)
    assert len(held) < max(1, len(sizes))


@given(st.integers(0, 9**9))
def test_a_group_of_nearly_all_songs_is_trained_on(names):
    assert held_out_groups(of_sizes([19, 1], names), 0.1) == {1}


def test_a_split_that_leaves_too_few_to_train_on_is_refused(run):
    pairs = [song(i, i // 2, f"歌{i // 2}") for i in range(4)]
    with pytest.raises(InputError, match="2 of 4 songs are left to train on"):
        split_songs(run, pairs, 0.25)
    assert len(split_songs(run, [song(i, i, f"歌{i}") for i in range(4)], 0.25).train) == 3


def test_what_few_songs_have_is_no_condition_and_is_said(run, songs):
    split = split_songs(run, songs, 0.1)
    counts = pd.Series([s.emotion for s in split.train]).value_counts()
    assert set(split.emotions) == {name for name in counts.index if counts[name] >= 3}
    assert all("the least" in one.why or "again" in one.why for one in split.left_out)


def test_what_no_song_teaches_is_said_too(run, songs):
    """A theme that prevails in no song, and what only held-out songs have: neither is a choice."""
    other = songs[0].region
    bare = [replace(one, theme=None, emotion=None, region=None) for one in songs]
    held = held_out_groups(bare, 0.2)
    split = split_songs(
        run, [replace(one, region=other if one.group in held else None) for one in bare], 0.2
    )
    assert split.by == find_doubts(run.clusters, run.manifest).by
    assert not split.themes
    assert not split.regions
    assert not split.emotions
    said = {(one.kind, one.name): one.why for one in split.left_out}
    count = len(split.held_out)
    assert said["region", other] == f"0 songs to learn from ({count} held out), and 3 are the least"
    assert {name for kind, name in said if kind == "emotion"} == set(run.emotions)
    real = run.themes[run.themes["theme"] >= 0]
    assert sum(one.kind == "theme" for one in split.left_out) == len(real)
    assert "it prevails in no song" in said["emotion", run.emotions[0]]


def test_unstable_themes_are_no_conditions(run, songs):
    """Where all clusters but those of one theme are unstable, that theme alone is left."""
    kept = int(run.clusters.loc[run.clusters["cluster"] >= 0, "theme"].mode()[0])
    classes = np.where(run.clusters["theme"] == kept, "stable", "unstable")
    changed = run.revised(clusters=run.clusters.assign(stability_class=classes))
    split = split_songs(changed, read_songs(changed, load_backend("cpu"), NOTHING_READ), 0.1)
    assert split.by == "stability"
    assert set(split.themes) <= {kept}
    assert any("may not be there again" in one.why for one in split.left_out)
    assert {song.theme for song in (*split.train, *split.held_out)} <= {kept, None}


def test_lyrics_without_songs_are_refused(run):
    plain = run.revised(lines=run.lines.assign(song_id=pd.NA))
    with pytest.raises(InputError, match="have no songs"):
        read_songs(plain, load_backend("cpu"), NOTHING_READ)
