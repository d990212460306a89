"""What training.json says of songs held out from training, in a comparison."""

import json

import pytest

from rapids_rap.compare.trained import (
    HELD_OUT,
    judge_held_out,
    read_record,
    record_of,
    training_sentence,
)
from rapids_rap.compare.verdict import contrast, judge
from rapids_rap.errors import InputError
from rapids_rap.runs.run import Run

SEEN_ONLY = {
    "next_line_retrieval": {"value": 0.1, "interval": [0.09, 0.11], "baseline": 0.0},
    "npmi_coherence": {"value": -0.5, "interval": [-0.6, -0.4], "baseline": -1.0},
}


def record(after=0.02, gain=(-0.001, 0.003), step=50):
    """What training.json holds, as far as it is read here."""
    return {
        "view_cosine": 0.9,
        "train_lines": 100,
        "steps": 60,
        "views": ["adjacent"],
        "dev_mrr_before": 0.02,
        "dev_mrr_after": after,
        "dev_pairs": 30,
        "dev_songs": 5,
        "tfidf_mrr": 0.01,
        "chance_mrr": 0.005,
        "best_step": step,
        "intervals": {
            "dev_mrr_before": [0.01, 0.03],
            "dev_mrr_after": [0.01, 0.03],
            "dev_mrr_gain": list(gain) if gain else None,
        },
    }


def rows_of(better):
    raised = json.loads(json.dumps(SEEN_ONLY))
    raised["next_line_retrieval"] |= {"value": better, "interval": [better - 0.01, better + 0.01]}
    return contrast(SEEN_ONLY, raised, "own")


@pytest.mark.parametrize(
    ("gain", "better"), [((0.001, 0.02), "b"), ((-0.02, -0.001), "a"), (None, None)]
)
def test_the_paired_interval_on_held_out_songs_decides(gain, better):
    """Single intervals that overlap may hide a paired change that is sure, either way."""
    rows = judge_held_out(rows_of(0.1), record(after=0.025, gain=gain))
    assert rows[0].key == HELD_OUT
    assert judge(rows).better == better


def test_the_sentence_says_what_training_gave():
    """The finding names the run and the held-out change."""
    said = training_sentence("B", record(step=0))
    assert said.startswith("B's model was trained")
    assert "No step was better than the start" in said


@pytest.mark.parametrize(
    ("content", "told"), [(record(), True), ({"data": {}}, False), (None, False)]
)
def test_only_a_record_of_train_is_read(tmp_path, content, told):
    """A base model may bring a training.json of its own making, which says nothing here."""
    if content is not None:
        (tmp_path / "training.json").write_text(json.dumps(content))
    run = Run(tmp_path, {"config": {"embedding": {"model": str(tmp_path)}}})
    found = record_of(run)
    assert bool(found) == told


@pytest.mark.parametrize("content", [None, "{", ""])
def test_a_lost_record_is_named(tmp_path, content):
    """A model folder whose training.json is gone or broken is the user's to train again."""
    if content is not None:
        (tmp_path / "training.json").write_text(content)
    with pytest.raises(InputError, match=r"training\.json"):
        read_record(tmp_path)
