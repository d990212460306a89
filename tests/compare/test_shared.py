"""What runs have in common: matched by text; clear words where there is nothing."""

import json

import pandas as pd
import pytest

from rapids_rap.compare.shared import find_shared
from rapids_rap.errors import InputError
from rapids_rap.runs.run import open_run
from tests.run_factory import make_run

TEXTS = ["我在山城", "夜里下雨", "yeah 今晚", "想念你", "一路向前"]


def runs(tmp_path, texts_b, labels_b, **more):
    a = make_run(tmp_path / "a", TEXTS, [0, 0, 1, 1, -1], songs=[0, 0, 0, 1, 1], **more)
    b = make_run(tmp_path / "b", texts_b, labels_b)
    return open_run(a), open_run(b)


def test_texts_are_matched_by_what_they_say(tmp_path):
    """Another order, other ids and other lyrics beside them: each text finds itself."""
    a, b = runs(tmp_path, ["另一首", *TEXTS[::-1]], [4, 0, 1, 2, 3, 4])
    shared = find_shared([a, b])
    assert shared.found == 5
    assert shared.texts == tuple(sorted(TEXTS))
    of_a = dict(zip(shared.texts, shared.sides[0].labels, strict=True))
    of_b = dict(zip(shared.texts, shared.sides[1].labels, strict=True))
    assert of_a == dict(zip(TEXTS, [0, 0, 1, 1, -1], strict=True))
    assert of_b == dict(zip(TEXTS[::-1], range(5), strict=True))
    assert shared.sides[1].distinct == 6


def test_lines_are_occurrences_in_the_first_run(tmp_path):
    """A hook that is sung four times weighs four."""
    a, b = runs(tmp_path, TEXTS, [0] * 5, repeats=[4, 1, 1, 1, 1])
    shared = find_shared([a, b])
    assert shared.lines[shared.texts.index(TEXTS[0])] == 4
    assert shared.lines.sum() == 8


def test_neighbours_are_of_one_stanza_and_differ(tmp_path):
    """Pairs follow each other in a song; a repeated line is no neighbour of itself."""
    a, b = runs(tmp_path, TEXTS, [0] * 5, repeats=[2, 1, 1, 1, 1])
    shared = find_shared([a, b])
    assert len(shared.follows)
    assert (shared.follows[:, 0] != shared.follows[:, 1]).all()
    song = dict(zip(TEXTS, [0, 0, 0, 1, 1], strict=True))
    for first, second in shared.follows:
        assert song[shared.texts[first]] == song[shared.texts[second]]


def test_without_songs_every_text_is_its_own_group(tmp_path):
    """Plain text: no song is known, null never equals null, and there are no neighbours."""
    folder = make_run(tmp_path / "plain", TEXTS, [0] * 5)
    shared = find_shared([open_run(folder), open_run(folder)])
    assert not shared.known_songs
    assert len(set(shared.songs.tolist())) == 5
    assert shared.follows.shape == (0, 2)


def test_a_sample_is_drawn_once_for_all(tmp_path):
    """The same N texts on every side, the same with the same seed, all if there are fewer."""
    a, b = runs(tmp_path, TEXTS, [0] * 5)
    few, again = find_shared([a, b], 3), find_shared([a, b], 3)
    assert few.texts == again.texts
    assert len(few.texts) == len(few.sides[0].labels) == len(few.sides[1].xy) == 3
    assert few.found == 5
    assert len(find_shared([a, b], 99).texts) == 5


def test_runs_without_a_common_text_are_refused(tmp_path):
    """The sentence names both runs and says how they are matched."""
    a, b = runs(tmp_path, ["全不一样", "又一行"], [0, 0])
    with pytest.raises(InputError, match=r"no text in common.*text_norm"):
        find_shared([a, b])


def test_runs_of_other_units_are_refused(tmp_path):
    """Lines and songs are not compared, and the sentence says which run has which."""
    a = make_run(tmp_path / "a", TEXTS, [0] * 5)
    b = make_run(tmp_path / "b", TEXTS, [0] * 5, unit="song")
    with pytest.raises(InputError, match=r"lines and .*songs.*corpus\.unit"):
        find_shared([open_run(a), open_run(b)])


def test_damaged_runs_are_named(tmp_path):
    """A table cut short, or without a column, ends with the file's name and a remedy."""
    a, b = runs(tmp_path, TEXTS, [0] * 5)
    table = b.path / "lines.parquet"
    pd.read_parquet(table).drop(columns="cluster").to_parquet(table)
    with pytest.raises(InputError, match=r"lines\.parquet: has no column cluster"):
        find_shared([a, open_run(b.path)])
    table.write_bytes(table.read_bytes()[:100])
    with pytest.raises(InputError, match=r"lines\.parquet: is missing or damaged"):
        find_shared([a, open_run(b.path)])


def test_a_stanza_counts_its_lines(tmp_path):
    """Where a row holds several lines, lines are what is counted."""
    a, b = (make_run(tmp_path / name, TEXTS, [0] * 5, unit="stanza") for name in "ab")
    for folder in (a, b):
        table = pd.read_parquet(folder / "lines.parquet").assign(lines=3)
        table.to_parquet(folder / "lines.parquet")
    assert find_shared([open_run(a), open_run(b)]).lines.tolist() == [3] * 5


def test_the_count_of_clusters_survives_a_manifest_that_lacks_it(tmp_path):
    """An older manifest says nothing of clusters: the labels do."""
    a, b = runs(tmp_path, TEXTS, [0, 1, 2, 2, -1])
    manifest = json.loads((b.path / "manifest.json").read_text())
    manifest["counts"] = {}
    (b.path / "manifest.json").write_text(json.dumps(manifest))
    side = find_shared([a, open_run(b.path)]).sides[1]
    assert side.count == 3
    assert side.ids.tolist() == [0, 1, 2]


def test_ids_with_gaps_become_positions(tmp_path):
    """Labels index arrays of as many rows as there are clusters, whatever the ids are."""
    _, b = runs(tmp_path, TEXTS, [7, 7, 900, -1, 31])
    side = find_shared([b, b]).sides[0]
    assert side.ids.tolist() == [7, 31, 900]
    of = dict(zip(sorted(TEXTS), side.labels.tolist(), strict=True))
    assert [of[text] for text in TEXTS] == [0, 0, 2, -1, 1]
    assert side.names == ["词7、语7", "词31、语31", "词900、语900"]
    assert side.themes[0].tolist() == [0, 1]
    assert side.themes[1].tolist() == [1, 1, 0]
