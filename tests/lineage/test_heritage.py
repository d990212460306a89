"""What a run takes over: only what is the same text, in the same space."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from rapids_rap.backend import load_backend
from rapids_rap.config import Config, NightlyConfig
from rapids_rap.embedding import Vectors
from rapids_rap.errors import InputError
from rapids_rap.lineage.heritage import Heritage, earlier_places, earlier_votes, find_earlier
from rapids_rap.lineage.identity import name_groups
from rapids_rap.runs.run import Run
from rapids_rap.settings import change_config
from tests.strict_backend import StrictBackend

CPU = load_backend("cpu")
TEXTS = ["丙", "乙", "甲"]  # by code point: 丙 4e19, 乙 4e59, 甲 7532

NOTHING = np.zeros(0, np.uint64)  # that a model was trained on


@pytest.fixture
def run(tmp_path):
    """Three texts, the middle one twice, at (text_id, -text_id)."""
    ids = np.array([0, 1, 1, 2])
    pd.DataFrame(
        {
            "text_id": ids,
            "text_norm": [TEXTS[i] for i in ids],
            "weight": [1, 2, 2, 1],
            "cluster": [4, 4, 4, -1],
            "theme": [1, 1, 1, -1],
            "x": ids.astype(np.float32),
            "y": -ids.astype(np.float32),
        }
    ).to_parquet(tmp_path / "lines.parquet")
    (tmp_path / "vectors").mkdir()
    reduced = np.arange(15, dtype=np.float32).reshape(3, 5)
    np.save(tmp_path / "vectors" / "reduced.npy", reduced)
    np.save(tmp_path / "vectors" / "vectors.npy", np.eye(3, 4, dtype=np.float32))
    return Run(tmp_path, json.loads('{"model": {"space": "s"}}'))


def test_texts_are_found_by_what_they_say(run):
    """An earlier text's position tonight, -1 where it is gone; a row a distinct text."""
    place, old = find_earlier(Heritage(run), ["甲", "新", "丙"])
    assert old["text_norm"].tolist() == TEXTS
    assert old["weight"].tolist() == [1, 2, 1]
    assert place.tolist() == [2, -1, 0]


def test_places_are_those_of_the_same_text(run):
    """Tonight's rows in tonight's order; a new text has no place."""
    found = earlier_places(Heritage(run), ["甲", "新", "丙"], Config(), "s", CPU)
    assert found.placed.tolist() == [True, False, True]
    assert found.xy[[0, 2]].tolist() == [[2.0, -2.0], [0.0, 0.0]]
    assert found.reduced[0].tolist() == [10.0, 11.0, 12.0, 13.0, 14.0]


@pytest.mark.parametrize(("dimensions", "space"), [(4, "s"), (5, "another model")])
def test_another_space_is_not_gone_on_from(run, dimensions, space):
    """Other dimensions or another model: the map goes on, the clustered space does not."""
    config = change_config(Config(), [f"layout.dimensions={dimensions}"])
    found = earlier_places(Heritage(run), TEXTS, config, space, CPU)
    assert found.reduced is None
    assert found.placed.all()


def test_only_the_same_texts_and_settings_leave_the_layout_as_it_was(run):
    """A night for an edited label must not move the map; one text or setting more must."""
    same = Run(run.path, {**run.manifest, "config": Config().model_dump(mode="json")})
    other = change_config(Config(), ["layout.n_neighbors=20"])
    assert earlier_places(Heritage(same), TEXTS, Config(), "s", CPU).unchanged
    assert not earlier_places(Heritage(same), TEXTS, other, "s", CPU).unchanged
    assert not earlier_places(Heritage(same), [*TEXTS, "新"], Config(), "s", CPU).unchanged
    assert not earlier_places(Heritage(same), TEXTS[:2], Config(), "s", CPU).unchanged
    assert not earlier_places(Heritage(run), TEXTS, Config(), "s", CPU).unchanged


def test_a_run_that_kept_no_space_has_none(run):
    """Runs written before the space was kept still lend their map."""
    (run.path / "vectors" / "reduced.npy").unlink()
    assert earlier_places(Heritage(run), TEXTS, Config(), "s", CPU).reduced is None


def with_votes(run, labels, **settings):
    """The run with such votes (texts, layouts), made with these settings."""
    labels = np.asarray(labels, dtype=np.int32)
    clusters = int((labels.max(axis=0) + 1).sum())
    np.save(run.path / "vectors" / "votes.npy", labels)
    np.save(run.path / "vectors" / "vote_strengths.npy", (labels >= 0).astype(np.float32))
    lasting = np.arange(clusters, dtype=np.float32) / 8
    np.save(run.path / "vectors" / "vote_persistence.npy", lasting)
    trees = np.array([[-1, 3], [0, 2], [0, 1], [-1, 3]])
    np.save(run.path / "vectors" / "vote_trees.npy", trees[: 2 + labels.shape[1]])
    config = change_config(Config(), [f"{key}={value}" for key, value in settings.items()])
    return Heritage(Run(run.path, {**run.manifest, "config": config.model_dump(mode="json")}))


def test_earlier_votes_go_with_their_texts(run):
    """Rows in tonight's order, -2 for a new text; a cluster that lost every text is gone."""
    earlier = with_votes(run, [[0, 1], [1, -1], [0, 0]])
    found = earlier_votes(earlier, ["甲", "新", "丙"], Config(), "s", CPU)
    assert found.votes.labels.tolist() == [[0, -2, 0], [0, -2, 1]]
    assert found.votes.probabilities.tolist() == [[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]]
    assert found.votes.counts.tolist() == [1, 2]
    assert found.votes.persistence.tolist() == [0.0, 0.25, 0.375]
    assert not found.unchanged
    assert [tree.sizes.tolist() for tree in found.votes.trees] == [[3, 2, 1], [3]]
    assert earlier_votes(earlier, TEXTS, Config(), "s", CPU).unchanged


@pytest.mark.parametrize(
    ("setting", "space"),
    [
        ("clusters.min_cluster_size=20", "s"),
        ("clusters.layouts=1", "s"),
        ("clusters.layouts=9", "s"),
        ("layout.n_neighbors=20", "s"),
        ("seed=7", "s"),
        ("clusters.themes=7", "another model"),
    ],
)
def test_votes_cast_otherwise_do_not_count(run, setting, space):
    """Another way of clustering, or another space, begins anew."""
    earlier = with_votes(run, [[0, 1], [1, -1], [0, 0]])
    config = change_config(Config(), [setting])
    assert earlier_votes(earlier, TEXTS, config, space, CPU) is None


def test_a_run_without_votes_or_with_one_layout_lends_none(run):
    """Runs written before votes were kept, and single layouts."""
    now = {**run.manifest, "config": Config().model_dump(mode="json")}
    assert earlier_votes(Heritage(Run(run.path, now)), TEXTS, Config(), "s", CPU) is None
    assert earlier_votes(None, TEXTS, Config(), "s", CPU) is None
    single = with_votes(run, [[0], [1], [0]])
    assert earlier_votes(single, TEXTS, Config(), "s", CPU) is None


def test_votes_that_do_not_fit_each_other_are_damage(run):
    """A file of another run is named, not indexed with."""
    earlier = with_votes(run, [[0, 1], [1, -1], [0, 0]])
    np.save(run.path / "vectors" / "vote_persistence.npy", np.zeros(9, np.float32))
    with pytest.raises(InputError, match=r"votes\.npy.*vote_persistence\.npy"):
        earlier_votes(earlier, TEXTS, Config(), "s", CPU)


def test_the_layouts_key_follows_the_places(run):
    """The same places make the same key, others another, so that no layout passes for another's."""
    one, again = (
        earlier_places(Heritage(run), TEXTS, Config(), "s", CPU).stage_key for _ in range(2)
    )
    assert one == again
    assert one != earlier_places(Heritage(run), TEXTS, Config(), "another model", CPU).stage_key
    assert one != earlier_places(Heritage(run), [*TEXTS, "新"], Config(), "s", CPU).stage_key
    run.texts.loc[1, "x"] = 99.0
    assert one != earlier_places(Heritage(run), TEXTS, Config(), "s", CPU).stage_key


def named(run, backend, space="s"):
    """Tonight: 乙 and 丙 in one cluster, 新 in another, by their vectors."""
    texts = ["丙", "乙", "新", "甲"]
    labels = np.array([1, 1, 0, -1], dtype=np.int64)
    groups = map(backend.from_host, (labels, np.array([1, 0], dtype=np.int64)))
    matrix = backend.from_host(np.eye(4, dtype=np.float32))
    vectors = Vectors(matrix, "f", 4, SimpleNamespace(space=space), NOTHING)
    weights = backend.from_host(np.array([1, 2, 1, 1], dtype=np.int64))
    heritage = Heritage(run, 9, 5, {4: "码头", 3: "谁"}, {1: "江湖"})
    return name_groups(texts, weights, *groups, vectors, heritage, NightlyConfig(), backend)


@pytest.mark.parametrize("space", ["s", "another model"])
@pytest.mark.parametrize("backend", [CPU, StrictBackend()])
def test_tonights_groups_get_their_names(run, backend, space):
    """The cluster of the same texts has its id and label, the new one the next id; any array."""
    run.manifest["created"] = "2026-01-02T03:04:05+00:00"
    run.manifest["colours"] = {"clusters": {"4": [1, 2, 3]}, "themes": {}}
    found = named(run, backend, space)
    assert found.clusters.tolist() == [9, 4]
    assert found.themes.tolist() == [1, 5]
    assert (found.cluster_labels, found.theme_labels) == ({4: "码头"}, {1: "江湖"})
    assert found.cluster_colours == {4: (1, 2, 3)}
    assert found.record["previous"] == "2026-01-02T03:04:05+00:00"
    assert (found.record["next_cluster"], found.record["next_theme"]) == (10, 6)
    assert found.record["unused_labels"] == [{"kind": "cluster", "id": 3, "label": "谁"}]


def test_no_cluster_at_all_has_no_name(run):
    """All noise tonight: the earlier cluster is dead, and nothing breaks."""
    groups = np.full(3, -1, dtype=np.int64), np.zeros(0, dtype=np.int64)
    vectors = Vectors(np.eye(3, 4, dtype=np.float32), "f", 4, SimpleNamespace(space="s"), NOTHING)
    weights = np.ones(3, dtype=np.int64)
    found = name_groups(TEXTS, weights, *groups, vectors, Heritage(run), NightlyConfig(), CPU)
    assert found.record["clusters"]["dead"] == [4]
    assert found.record["themes"]["dead"] == [1]
    assert found.record["next_cluster"] == 5
    assert not len(found.labels_table())


def test_nothing_in_common_is_no_start(run):
    """A first night, and a night of other texts, begin anew."""
    assert earlier_places(None, TEXTS, Config(), "s", CPU) is None
    assert earlier_places(Heritage(None), TEXTS, Config(), "s", CPU) is None
    assert earlier_places(Heritage(run), ["另一首"], Config(), "s", CPU) is None


def test_layouts_that_lack_most_of_the_texts_vote_no_more(run):
    """Of a corpus that doubled or was replaced the old layouts know too little to outvote new ones.

    One that had half of tonight's texts goes on, also where another did not.
    """
    votes = [[0, -2], [1, -2], [0, 0]]
    earlier = with_votes(run, votes)
    found = earlier_votes(earlier, ["甲", "丙", "新", "更新"], Config(), "s", CPU)
    assert found.votes.labels.tolist() == [[0, 0, -2, -2]]
    assert found.votes.counts.tolist() == [1]
    assert found.votes.persistence.tolist() == [0.0]
    assert earlier_votes(earlier, ["甲", "新", "更新"], Config(), "s", CPU) is None
    assert earlier_votes(earlier, ["新", "更新"], Config(), "s", CPU) is None
    assert earlier_votes(earlier, TEXTS, Config(), "s", CPU).votes.layouts == 2
