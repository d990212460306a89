"""Stable ids: what is the same, new, gone, split or merged, whatever tonight's numbers are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.lineage.matching import (
    ClusterMerge,
    ClusterSplit,
    Matching,
    Night,
    Rules,
    labels_by_id,
    match_groups,
)

RULES = Rules(overlap=0.2, cosine=0.9, split=0.25, merge=0.5)


def night(labels, weights=None, centers=None):
    labels = np.asarray(labels, dtype=np.int64)
    weights = np.ones(len(labels), dtype=np.int64) if weights is None else np.asarray(weights)
    return Night(labels, weights, None if centers is None else np.asarray(centers, dtype=float))


def match(before, tonight, place=None, next_id=0, rules=RULES) -> Matching:
    """Both nights over the same texts, unless `place` says otherwise."""
    before = before if isinstance(before, Night) else night(before)
    tonight = tonight if isinstance(tonight, Night) else night(tonight)
    place = np.arange(len(before.labels)) if place is None else np.asarray(place)
    return match_groups(before, tonight, place, next_id, rules)


def blocks(**sizes):
    """Labels of consecutive blocks: a0=3, b1=2 gives 0 0 0 1 1; n is noise."""
    parts = [[-1 if name.startswith("n") else int(name[1:])] * size for name, size in sizes.items()]
    return np.array([label for part in parts for label in part], dtype=np.int64)


# ---- the four fates -----------------------------------------------------------------------------


def test_a_planted_birth_is_a_birth():
    """Texts that nobody knew form a group: it gets the next id, and the others keep theirs."""
    found = match(blocks(a0=10, b1=10), blocks(a1=10, b0=10, c2=12), place=np.arange(20), next_id=7)
    assert found.ids.tolist() == [1, 0, 7]
    assert (found.kept, found.born, found.dead) == ((0, 1), (7,), ())
    assert (found.split, found.merged, found.next_id) == ((), (), 8)


def test_a_planted_death_is_a_death_and_its_id_is_not_given_again():
    """A group whose texts are noise tonight is dead; the group born beside it is another."""
    before, tonight = blocks(a0=10, b1=10, n=8), blocks(a0=10, n=10, c1=8)
    found = match(before, tonight, next_id=2)
    assert (found.kept, found.born, found.dead) == ((0,), (2,), (1,))


def test_a_planted_split_names_the_parts_and_the_larger_is_the_heir():
    """The part that shares most keeps the id, the other is born, and the split names both."""
    found = match(blocks(a3=30, b4=20), blocks(a0=18, a1=12, b2=20), next_id=5)
    assert found.ids.tolist() == [3, 5, 4]
    assert found.split == (ClusterSplit(3, (3, 5)),)
    assert (found.kept, found.born, found.dead, found.merged) == ((3, 4), (5,), (), ())


def test_a_planted_merge_names_the_parents_and_the_larger_is_the_heir():
    """The parent that shares most passes its id on, the other is dead, and the merge names both."""
    found = match(blocks(a0=12, b1=18, c2=20), blocks(a0=30, c1=20))
    assert found.ids.tolist() == [1, 2]
    assert found.merged == (ClusterMerge((0, 1), 1),)
    assert (found.kept, found.born, found.dead, found.split) == ((1, 2), (), (0,), ())


def test_more_than_half_of_both_is_the_same_however_pure_a_part_is():
    """The smaller half is purer, and has the higher Jaccard index; the larger half is the heir."""
    before = [0] * 56 + [1] * 18
    tonight = [0] * 26 + [1] * 30 + [1] * 18
    found = match(np.array(before), np.array(tonight), next_id=2)
    assert found.ids.tolist() == [2, 0]


def test_a_sliver_is_no_part_and_a_stranger_that_took_half_is_no_part():
    """A part holds enough of the earlier group, and is mostly made of it."""
    sliver = match(blocks(a0=40), blocks(a0=36, b1=4))
    assert sliver.split == ()
    # Half of group 0 went into what is mostly group 1: no split.
    taken = match(blocks(a0=20, b1=60), blocks(a0=10, b1=70))
    assert taken.split == ()


def test_six_equal_parents_leave_no_heir():
    """Below the overlap nobody is the same: the union is born, and the merge says of what."""
    found = match(np.repeat(np.arange(6), 10), np.zeros(60), next_id=6)
    assert (found.ids.tolist(), found.kept, found.born) == ([6], (), (6,))
    assert found.merged == (ClusterMerge((0, 1, 2, 3, 4, 5), 6),)


def test_the_manifest_says_it_by_kind():
    """Other programs read these keys."""
    found = match(blocks(a3=30, b4=20, c6=9, d7=9), blocks(a0=18, a1=12, b2=20, c3=18), next_id=8)
    assert found.as_json("theme") == {
        "kept": [3, 4, 6],
        "born": [8],
        "dead": [7],
        "split": [{"theme": 3, "into": [3, 8]}],
        "merged": [{"themes": [6, 7], "into": 6}],
    }


# ---- what counts --------------------------------------------------------------------------------


def test_noise_of_either_night_says_nothing():
    """A group that lost three quarters of its texts to noise, and found others there, is itself."""
    before = np.array([0] * 40 + [-1] * 30)
    tonight = np.array([-1] * 30 + [0] * 40)
    assert match(before, tonight, next_id=1).kept == (0,)


def test_a_hook_repeated_tonight_does_not_carry_a_group_away():
    """A text weighs the smaller of its occurrences: forty new ones of a hook count for one."""
    before = night([0] * 10 + [1] * 10)
    weights = np.ones(20, dtype=np.int64)
    weights[0] = 400
    # The hook moves to the other group; the nine other texts of group 0 stay.
    tonight = night([1] + [0] * 9 + [1] * 10, weights)
    assert match(before, tonight, next_id=2).ids.tolist() == [0, 1]
    back = match(night(tonight.labels, weights), before, next_id=2)
    assert back.ids.tolist() == [0, 1]


def test_centers_decide_where_all_lines_are_new():
    """Every text was replaced: near centers are the same group, the far one is born."""
    before = night([5] * 10 + [9] * 10, centers=[[1, 0, 0], [0, 1, 0]])
    near = night([0] * 10 + [1] * 10 + [2] * 10, centers=[[0, 1, 0.1], [0, 0, 1], [1, 0.1, 0]])
    found = match(before, near, place=np.full(20, -1), next_id=10)
    assert found.ids.tolist() == [9, 10, 5]
    apart = match(night(before.labels), near, place=np.full(20, -1), next_id=10)
    assert (apart.kept, apart.born, apart.dead) == ((), (10, 11, 12), (5, 9))


def test_lines_beat_centers():
    """Where lines say who is who, a nearer center changes nothing."""
    before = night(blocks(a0=10, b1=10), centers=[[1, 0], [0, 1]])
    tonight = night(blocks(a0=10, b1=10), centers=[[0, 1], [1, 0]])
    assert match(before, tonight).ids.tolist() == [0, 1]


def test_centers_break_a_tie_of_lines():
    """Two equal halves of one group: the one that lies where it lay is the heir."""
    before = night(np.zeros(20), centers=[[1.0, 0.0]])
    for heir in (0, 1):
        centers = [[0.0, 1.0], [0.0, 1.0]]
        centers[heir] = [1.0, 0.1]
        found = match(before, night(np.repeat([0, 1], 10), centers=centers))
        assert found.ids[heir] == 0


# ---- edges --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "tonight"),
    [([], []), ([-1, -1], [-1, -1]), ([], [0, 0, 1]), ([0, 0, 1], []), ([4, 4], [-1, -1])],
)
def test_nothing_on_either_side(before, tonight):
    """No text, no group, all noise: what is there tonight is born, what was there is dead."""
    place = np.full(len(before), -1) if len(before) != len(tonight) else None
    found = match(np.array(before), np.array(tonight), place=place, next_id=9)
    born = len({label for label in tonight if label >= 0})
    assert found.born == tuple(range(9, 9 + born))
    assert found.dead == tuple(sorted({label for label in before if label >= 0}))
    assert (found.kept, found.next_id) == ((), 9 + born)


def test_born_ids_go_by_weight_then_first_text():
    """A first night numbers its groups as a run without a heritage does, from the next id on."""
    found = match(night([]), night([2, 2, 0, 1, 1], [1, 1, 9, 1, 1]), next_id=100)
    assert found.ids.tolist() == [100, 102, 101]


def test_an_id_of_the_night_before_is_never_below_the_next():
    """A register that was lost can't make a new group take an id that is in use."""
    assert match(blocks(a7=5), np.array([-1] * 5 + [0] * 5), place=np.arange(5)).born == (8,)


def test_a_thousand_groups_of_600000_texts():
    """The size of the whole corpus, a twentieth of it moved: most ids stay, none is given twice."""
    rng = np.random.default_rng(0)
    before = rng.integers(-1, 1000, 600_000)
    renumbered = np.append(rng.permutation(1000), -1)
    tonight = renumbered[before]
    moved = rng.random(len(before)) < 0.05
    tonight[moved] = rng.integers(-1, 1000, moved.sum())
    found = match(before, tonight, next_id=1000)
    assert found.ids[renumbered[:-1]].tolist() == list(range(1000))


def test_labels_follow_their_ids():
    """A label stays with what is alive; that of a dead id is handed back, not dropped."""
    found = match(blocks(a0=10, b1=10), blocks(a0=10, n=10), next_id=2)
    alive, unused = labels_by_id(found.ids, {0: "城", 1: "爱", 77: "谁"})
    assert (alive, unused) == ({0: "城"}, {1: "爱", 77: "谁"})


# ---- what always holds --------------------------------------------------------------------------

GROUPS = st.integers(-1, 5)


@st.composite
def two_nights(draw):
    n, m = draw(st.integers(0, 30)), draw(st.integers(0, 30))
    before = draw(st.lists(GROUPS, min_size=m, max_size=m))
    tonight = draw(st.lists(GROUPS, min_size=n, max_size=n))
    places = draw(st.permutations(range(max(n, m))))[:m]
    place = np.array([p if p < n else -1 for p in places], dtype=np.int64)
    weights = draw(st.lists(st.integers(1, 9), min_size=n + m, max_size=n + m))
    return night(before, weights[:m]), night(tonight, weights[m:]), place


@given(two_nights(), st.integers(0, 20))
def test_ids_are_sound(nights, next_id):
    """Each id once; kept, born and dead part both nights; what is born was never used."""
    before, tonight, place = nights
    found = match_groups(before, tonight, place, next_id, RULES)
    old = set(before.labels[before.labels >= 0].tolist())
    ids = found.ids.tolist()
    assert len(ids) == len(set(ids)) == len(np.unique(tonight.labels[tonight.labels >= 0]))
    assert set(ids) == set(found.kept) | set(found.born)
    assert set(found.kept) | set(found.dead) == old
    assert not set(found.kept) & set(found.dead)
    assert all(i >= next_id and i not in old for i in found.born)
    assert all(i < found.next_id for i in ids)
    for split in found.split:
        assert split.group in old
        assert len(split.into) >= 2
        assert set(split.into) <= set(ids)
    for merge in found.merged:
        assert set(merge.groups) <= old
        assert len(merge.groups) >= 2
        assert merge.into in ids


@given(two_nights(), st.permutations(range(6)))
def test_tonights_numbers_do_not_matter(nights, order):
    """However clustering numbers its groups, every text gets the same public id."""
    before, tonight, place = nights
    renamed = Night(np.append(order, -1)[tonight.labels], tonight.weights)
    found = match_groups(before, tonight, place, 3, RULES)
    other = match_groups(before, renamed, place, 3, RULES)
    assert public(found, tonight).tolist() == public(other, renamed).tolist()
    assert (found.kept, found.born, found.dead) == (other.kept, other.born, other.dead)
    assert (found.split, found.merged) == (other.split, other.merged)


@given(two_nights())
def test_the_same_night_again_keeps_everything(nights):
    """Nothing happened, and nothing is reported."""
    before, _, _ = nights
    found = match_groups(before, before, np.arange(len(before.labels)), 0, RULES)
    assert public(found, before).tolist() == before.labels.tolist()
    assert (found.born, found.dead, found.split, found.merged) == ((), (), (), ())


def public(found, tonight):
    """The id of each text."""
    numbers = np.unique(tonight.labels[tonight.labels >= 0])
    known = np.searchsorted(numbers, tonight.labels)
    return np.where(tonight.labels >= 0, np.append(found.ids, -1)[known], -1)


@given(two_nights())
def test_what_is_most_of_both_keeps_its_id(nights):
    """Whatever else happens, a pair that is more than half of each is one group."""
    before, tonight, place = nights
    found = match_groups(before, tonight, place, 6, RULES)
    numbers = np.unique(tonight.labels[tonight.labels >= 0])
    kept = np.flatnonzero(place >= 0)
    old, new = before.labels[kept], tonight.labels[place[kept]]
    weight = np.minimum(before.weights[kept], tonight.weights[place[kept]])
    both = (old >= 0) & (new >= 0)
    old, new, weight = old[both], new[both], weight[both]
    for group in np.unique(old):
        for k, number in enumerate(numbers.tolist()):
            shared = weight[(old == group) & (new == number)].sum()
            most = max(weight[old == group].sum(), weight[new == number].sum())
            if (
                shared > most / 2
                and said(before, kept, both, group)
                and said(tonight, place[kept], both, number)
            ):
                assert found.ids[k] == group


def said(night, texts, both, group):
    """Whether a tenth of a group's weight lies in texts that both nights group."""
    mine = texts[both][night.labels[texts[both]] == group]
    return night.weights[mine].sum() >= 0.1 * night.weights[night.labels == group].sum()
