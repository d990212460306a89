"""Alpha is the literature's, intervals rest on songs, and people are held against the run."""

import numpy as np
import pytest

from rapids_rap.annotate import Answers, Item
from rapids_rap.annotate.agreement import alpha_of, confusion, item_table, majority, measure

# Krippendorff (2011), "Computing Krippendorff's alpha-reliability", section C: four observers,
# twelve units, some not observed.
N = np.nan
EXAMPLE = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ]
)
# The same, section B: two observers, nominal; a, b, c, d, e as numbers.
TWO = np.array([[0, 0, 1, 1, 3, 2, 2, 2, 4, 3, 3, 0], [1, 0, 1, 1, 1, 2, 2, 2, 4, 3, 3, 3]], float)


@pytest.mark.parametrize(("level", "expected"), [("nominal", 0.743), ("ordinal", 0.815)])
def test_alpha_is_that_of_the_worked_example(level, expected):
    """Four observers with missing values, as the paper computes them."""
    assert alpha_of(EXAMPLE - 1, level, 5) == pytest.approx(expected, abs=5e-4)


def test_alpha_of_two_observers_is_that_of_the_worked_example():
    """0.692 in the paper."""
    assert alpha_of(TWO, "nominal", 5) == pytest.approx(0.692, abs=5e-4)


def test_alpha_of_one_answer_throughout_is_not_defined():
    """No disagreement could have been; 1 would be a claim."""
    assert alpha_of(np.ones((2, 9)), "nominal", 3) is None
    assert alpha_of(np.full((2, 9), np.nan), "nominal", 3) is None


def fits(truths, units=None):
    return {
        f"fit-{i}": Item(
            id=f"fit-{i}",
            task="fit",
            group=("一",),
            line=f"行{i}",
            options=("no", "partly", "yes"),
            truth=truth,
            cluster=i % 3,
            stratum="noise" if truth == "no" else "centre",
            unit=f"{i}" if units is None else units[i],
        )
        for i, truth in enumerate(truths)
    }


def coder(name, values):
    return Answers(name, "f", {f"fit-{i}": v for i, v in enumerate(values) if v}, name)


def test_people_are_held_against_the_run():
    """Majorities count, ties and `partly` do not; every stratum has its share."""
    items = fits(["yes", "yes", "yes", "no", "no", "yes"])
    answers = [
        coder("a", ["yes", "yes", "no", "no", "yes", "partly"]),
        coder("b", ["yes", "yes", "no", "no", "no", "partly"]),
    ]
    found = measure("fit", answers, items)
    assert (found.coders, found.items, found.decided) == (2, 6, 4)
    assert found.right == 0.75
    assert found.strata == {"centre": (pytest.approx(2 / 3), 3), "noise": (1.0, 1)}
    assert majority(items["fit-4"], answers) == ""
    table = item_table(answers, items)
    assert table["parted"].tolist() == ["no", "no", "yes", "no", "", ""]
    counts = confusion(answers, items).set_index(["coder_a", "coder_b", "answer_a", "answer_b"])
    assert counts.loc[("a", "b", "yes", "no"), "items"] == 1
    assert counts.loc[("a", "run", "no", "yes"), "items"] == 1


def test_an_interval_rests_on_songs():
    """Forty lines of two songs tell of two songs: no interval; of forty, one that holds alpha."""
    random = np.random.default_rng(1)
    said = random.choice(["no", "partly", "yes"], 40)
    other = np.where(random.random(40) < 0.7, said, random.choice(["no", "yes"], 40))
    answers = [coder("a", said), coder("b", other)]
    many = measure("fit", answers, fits(["yes"] * 40))
    low, high = many.interval
    assert low < many.alpha < high
    assert many.over == "songs"
    assert measure("fit", answers, fits(["yes"] * 40, ["1", "2"] * 20)).interval is None
    unknown = measure("fit", answers, fits(["yes"] * 40, [""] * 40))
    assert (unknown.interval, unknown.note) == (None, "no songs known: no interval")


def test_few_answers_that_are_all_right_are_not_certain():
    """No resampling tells them from certainty: their interval is Wilson's, over songs."""
    answers = [coder("a", ["yes"] * 8), coder("b", ["yes"] * 8)]
    found = measure("fit", answers, fits(["yes"] * 8))
    assert (found.right, found.right_interval) == (1.0, [pytest.approx(0.676, abs=1e-3), 1.0])
    wrong = measure("fit", answers, fits(["no"] * 8))
    assert (wrong.right, wrong.right_interval) == (0.0, [0.0, pytest.approx(0.324, abs=1e-3)])
    paired = measure("fit", answers, fits(["yes"] * 8, list("11223344")))
    assert paired.right_interval[0] < 0.6


def test_what_only_one_answered_is_left_out():
    """A half-filled form counts for what is filled in."""
    items = fits(["yes"] * 6)
    answers = [coder("a", ["yes", "no", "yes"]), coder("b", ["yes", "no", None, "no"])]
    assert measure("fit", answers, items).items == 2
    assert measure("names", answers, items) is None
    assert measure("fit", [answers[0], coder("c", [None] * 4 + ["yes"])], items) is None


def test_a_coder_may_be_called_as_a_column_is():
    """Whoever is called `run` or `parted` has a column of their own, and is not the run."""
    items = fits(["yes", "no"])
    answers = [coder("parted", ["no", "no"]), coder("run", ["no", "yes"])]
    table = item_table(answers, items)
    assert table["run"].tolist() == ["yes", "no"]
    assert table["parted"].tolist() == ["yes", ""]
    assert table["run (coder)"].tolist() == ["no", "yes"]
    pairs = confusion(answers, items)
    assert set(pairs["coder_a"]) | set(pairs["coder_b"]) == {"parted (coder)", "run (coder)", "run"}
