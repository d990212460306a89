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
        "conditions": {"left_out": [], **conditions},
    }


def test_a_share_that_groups_do_not_give_is_said():
    assert "groups were held out." in training_sentences(record(2))[0]
    assert "held out (2 were asked for; groups stay whole)." in training_sentences(record(5))[0]
