"""What a run's songs can be asked for: by most lines, by enough songs, and without the unstable."""

import shutil

import numpy as np
import pandas as pd
import pytest

from rapids_rap.backend import load_backend
from rapids_rap.data import data_path
from rapids_rap.embedding.trained_on import read_trained_on
from rapids_rap.errors import InputError
from rapids_rap.runs.run import Run, open_run
from rapids_rap.writer.songs import read_songs, song_emotion, song_theme, split_songs

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


def test_what_few_songs_have_is_no_condition_and_is_said(run, songs):
    split = split_songs(run, songs, 0.1)
    counts = pd.Series([s.emotion for s in split.train]).value_counts()
    assert set(split.emotions) == {name for name in counts.index if counts[name] >= 3}
    assert all("the least" in one.why or "again" in one.why for one in split.left_out)


def test_unstable_themes_are_no_conditions(run, songs):
    """Where all clusters but those of one theme are unstable, that theme alone is left."""
    kept = int(run.clusters.loc[run.clusters["cluster"] >= 0, "theme"].mode()[0])
    classes = np.where(run.clusters["theme"] == kept, "stable", "unstable")
    changed = run.revised(clusters=run.clusters.assign(stability_class=classes))
    split = split_songs(changed, read_songs(changed, load_backend("cpu"), NOTHING_READ), 0.1)
    assert set(split.themes) <= {kept}
    assert any("may not be there again" in one.why for one in split.left_out)
    assert {song.theme for song in (*split.train, *split.held_out)} <= {kept, None}


def test_lyrics_without_songs_are_refused(run):
    plain = run.revised(lines=run.lines.assign(song_id=pd.NA))
    with pytest.raises(InputError, match="have no songs"):
        read_songs(plain, load_backend("cpu"), NOTHING_READ)
