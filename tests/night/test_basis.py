"""What decides a night: files by content, configuration by key."""

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.config import Config
from rapids_rap.night.basis import basis_of, changes_since, compare_inputs
from rapids_rap.settings import change_config

SHAPING = {"model": "f00d", "versions": {"numpy": "2.4"}}


def test_files_are_told_apart_by_label_and_content():
    """New, changed, removed and unchanged; a renamed file is one removed and one new."""
    before = [("a.txt", "1"), ("b.txt", "2"), ("c.txt", "3"), ("old.txt", "4")]
    now = [("a.txt", "1"), ("b.txt", "9"), ("d.txt", "5"), ("new.txt", "4")]
    changes = compare_inputs(before, now)
    assert changes.new == ("d.txt", "new.txt")
    assert changes.changed == ("b.txt",)
    assert changes.removed == ("c.txt", "old.txt")
    assert changes.unchanged == 1


def test_files_that_share_a_label_are_not_confused():
    """Names that aren't UTF-8 print alike; a change of the second is a change."""
    before = [("a\ufffd.txt", "1"), ("a\ufffd.txt", "2")]
    assert compare_inputs(before, before[::-1]).unchanged == 1
    assert compare_inputs(before, [before[0], ("a\ufffd.txt", "3")]).changed == ("a\ufffd.txt",)


files = st.dictionaries(st.text(max_size=3), st.text("01", max_size=2), max_size=6)


@settings(max_examples=50)
@given(files, files)
def test_changes_add_up(before, now):
    """Every label of either night is in exactly one of the four."""
    found = compare_inputs(list(before.items()), list(now.items()))
    groups = (*found.new, *found.changed, *found.removed)
    assert len(set(groups)) == len(groups)
    assert len(groups) + found.unchanged == len(before.keys() | now.keys())


def test_only_what_shapes_a_run_is_a_change(tmp_path):
    """Gates, retention, training and where things lie are no change; other keys are, by name."""
    labels = tmp_path / "labels.csv"
    base = basis_of(Config(), SHAPING, labels)
    same = change_config(
        Config(),
        [
            "nightly.max_noise=0.5",
            "nightly.keep_runs=3",
            "train.steps=5",
            "nightly.root=x",
            'input.paths=["a"]',
            "embedding.store=b",
        ],
    )
    assert changes_since(base, basis_of(same, SHAPING, labels)) == []
    other = change_config(Config(), ["layout.epochs=7", "nightly.match_overlap=0.5", "seed=1"])
    assert changes_since(base, basis_of(other, SHAPING, labels)) == [
        "layout.epochs: 0 → 7",
        "nightly.match_overlap: 0.2 → 0.5",
        "seed: 42 → 1",
    ]
    shaping = {"model": "beef", "versions": {"numpy": "2.5"}}
    assert changes_since(base, basis_of(Config(), shaping, labels)) == [
        "model: f00d → beef",
        "versions numpy: 2.4 → 2.5",
    ]


def test_lists_and_labels_count_by_content(tmp_path):
    """A lexicon that was edited in place is a change, one that was only touched is not."""
    labels, words = tmp_path / "labels.csv", tmp_path / "words.csv"
    words.write_text("category,word\n积极,好\n")
    config = change_config(Config(), [f"lexicon.path={words}"])
    base = basis_of(config, SHAPING, labels)
    os.utime(words, (1, 1))
    assert changes_since(base, basis_of(config, SHAPING, labels)) == []
    words.write_text("category,word\n积极,坏\n")
    (change,) = changes_since(base, basis_of(config, SHAPING, labels))
    assert change.startswith("lists lexicon.path: ")
    labels.write_text("kind,id,label\n")
    assert "labels.csv was edited" in changes_since(base, basis_of(config, SHAPING, labels))
