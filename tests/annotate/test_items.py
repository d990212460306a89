"""What is drawn for people: spread over songs and strata, and never telling what the run says."""

import dataclasses
import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.annotate import TASKS
from rapids_rap.annotate.items import AMONG, SHOWN, draw_items, spread
from rapids_rap.errors import InputError
from rapids_rap.runs.run import open_run

ROWS = st.lists(
    st.tuples(st.sampled_from(["", "a", "b", "c", "d"]), st.sampled_from("xyz")), max_size=30
)


@given(ROWS, st.integers(0, 12))
def test_one_line_a_song_and_artists_in_turn(rows, count):
    """A cluster of one song's lines must not become a form of one song."""
    songs, artists = [song for song, _ in rows], [artist for _, artist in rows]
    chosen = spread(range(len(rows)), songs, artists, count)
    named = [songs[i] for i in chosen if songs[i]]
    assert len(named) == len(set(named))
    assert len(chosen) == len(set(chosen)) <= count
    left = [
        i for i in range(len(rows)) if i not in chosen and (not songs[i] or songs[i] not in named)
    ]
    assert len(chosen) == count or not left
    turns = Counter(artists[i] for i in chosen)
    waiting = {artists[i] for i in left}
    assert all(turns[artist] >= max(turns.values(), default=0) - 1 for artist in waiting)


def test_every_task_is_drawn_and_has_its_answer(items, named_run):
    """An item without a place among its options, or of fewer lines, could not be judged."""
    lines = open_run(named_run).lines
    cluster_of = dict(zip(lines["text_norm"], lines["cluster"], strict=True))
    assert {item.task for item in items.values()} == set(TASKS)
    for item in items.values():
        assert item.truth in (*item.options, "")
        own = [cluster_of[text] for text in item.group]
        if item.task == "fit":
            assert own == [item.cluster] * SHOWN
            assert item.line not in item.group
            assert (cluster_of[item.line] == -1) == (item.stratum == "noise")
            assert item.truth == ("no" if item.stratum == "noise" else "yes")
        elif item.task == "intruder":
            assert own.count(item.cluster) == AMONG
            assert own[int(item.truth) - 1] != item.cluster
        elif item.task == "names":
            assert set(own) == {item.cluster}
            assert len(set(item.names)) == 4


def test_no_task_asks_twice_about_a_song_or_name(items):
    """Two lines of a song would be two votes for one thing."""
    for task in ("fit", "emotion"):
        songs = [item.unit for item in items.values() if item.task == task and item.unit]
        assert len(songs) == len(set(songs)) > 10
    asked = [item.cluster for item in items.values() if item.task == "names"]
    assert len(asked) == len(set(asked))


def test_strata_have_equal_shares(items):
    """Centre, edge and noise are all asked about; doubt where any is known."""
    counts = Counter(item.stratum for item in items.values() if item.task == "fit")
    assert {"centre", "edge", "noise"} <= set(counts)
    assert max(counts.values()) - min(counts.values()) <= 2


def test_the_same_seed_draws_the_same_and_another_does_not(sample_run):
    """A form can be made again for a third coder, and a second form is another sample."""
    run = open_run(sample_run)
    first, again, other = (draw_items(run, ("fit",), 12, seed)["fit"] for seed in (1, 1, 2))
    assert first == again != other


def test_a_run_without_clusters_says_so(sample_run):
    """There is nothing to judge; not a form without questions."""
    run = open_run(sample_run)
    alone = run.revised(lines=run.lines.assign(cluster=-1))
    with pytest.raises(InputError, match="no cluster of 7 distinct texts"):
        draw_items(alone, TASKS, 12, 1)


def test_what_a_coder_sees_says_nothing_of_the_clustering(forms, items):
    """Blind: neither pages nor files for other programs hold a cluster, a stratum or an answer."""
    from rapids_rap.annotate.forms import DOCCANO, LABEL_STUDIO, page_name

    hidden = {field.name for field in dataclasses.fields(next(iter(items.values())))}
    hidden -= {"id", "task", "group", "line", "options", "names"}
    for name in (page_name("Li"), LABEL_STUDIO, DOCCANO):
        text = (forms / name).read_text(encoding="utf-8")
        assert not [word for word in hidden if f'"{word}"' in text], name
    page = (forms / page_name("Li")).read_text(encoding="utf-8")
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert {item["id"] for item in data["items"]} == set(items)
    order = [item["id"] for item in data["items"]]
    other = (forms / page_name("Wang")).read_text(encoding="utf-8")
    assert order != [
        i["id"] for i in json.loads(other.split('id="data">')[1].split("</script>")[0])["items"]
    ]
