"""What is printed when a training is over says what was asked for and not had."""

from typing import Any

from rapids_rap.writer.record import training_sentences


def record(held_out: int = 2, **conditions: Any) -> dict[str, Any]:
    return {
        "songs": {"train": 20 - held_out, "held_out": held_out, "held_out_groups": 1},
        "settings": {"held_out": 0.1},
        "examples": 40,
        "steps": 5,
        "loss": {"held_out_after": None, "note": "no song is held out that the base has not read"},
        "conditions": {"left_out": [], "by": "stability", **conditions},
    }


def test_a_share_that_groups_do_not_give_is_said():
    assert "groups were held out." in training_sentences(record(2))[0]
    assert "held out (2 were asked for; groups stay whole)." in training_sentences(record(5))[0]


def test_that_nothing_is_known_of_the_clusters_is_said():
    """One layout and no stability run: then every theme is a condition, also a doubtful one."""
    assert "`rapids-rap stability RUN`" in " ".join(training_sentences(record(by="")))
    for by in ("stability", "agreement"):
        assert "stability RUN" not in " ".join(training_sentences(record(by=by)))


def test_a_long_list_of_what_is_no_condition_is_cut_and_counted():
    left = [{"kind": "theme", "name": str(i), "why": "gone"} for i in range(33)]
    said = training_sentences(record(left_out=left))[-1]
    assert "theme 29: gone; and 3 more in writer.json." in said
