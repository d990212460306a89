"""Labels never overlap, never leave the panel, and the largest cluster goes first."""

from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.maps.labels import overlap, place_labels

PANEL = (0.0, 0.0, 1000.0, 800.0)
spots = st.tuples(st.floats(0, 1000), st.floats(0, 800))
boxes = st.tuples(st.floats(20, 300), st.floats(10, 40))


@given(st.lists(st.tuples(spots, boxes), max_size=25), st.sampled_from([0.0, 14.0]))
@settings(max_examples=60, deadline=None)
def test_no_two_labels_overlap(labels, lift):
    """Whatever the spots and sizes, placed labels keep apart and stay inside the panel."""
    anchors, sizes = [a for a, _ in labels], [s for _, s in labels]
    placed = place_labels(anchors, sizes, PANEL, gap=4, lift=lift)
    for i, one in enumerate(placed):
        assert one.box[0] >= 0
        assert one.box[1] >= 0
        assert one.box[2] <= 1000
        assert one.box[3] <= 800
        assert not any(overlap(one.box, other.box, 4) for other in placed[i + 1 :])


def test_a_free_label_sits_on_its_spot():
    """Without a neighbour nothing is moved."""
    (label,) = place_labels([(500.0, 400.0)], [(100.0, 20.0)], PANEL, gap=4)
    assert label.centre == (500.0, 400.0)
    assert not label.moved


def test_the_second_of_two_on_one_spot_is_moved_beside_it():
    """The first, larger cluster keeps the spot; the second gets a leader line."""
    first, second = place_labels([(500.0, 400.0)] * 2, [(100.0, 20.0)] * 2, PANEL, gap=4)
    assert first.index == 0
    assert second.moved
    assert abs(second.centre[1] - 400) < 150


def test_what_fits_nowhere_is_left_out():
    """A label wider than the panel is dropped rather than cut."""
    assert place_labels([(500.0, 400.0)], [(1200.0, 20.0)], PANEL, gap=4) == []
