"""The test of a name: shares, wordings and intervals."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.annotate.naming_prompts import NoAnswerError, read_choice, read_name
from rapids_rap.annotate.naming_subjects import Question
from rapids_rap.annotate.naming_trial import put_to_test, wilson

TWELVE = [Question(("a", "b", "c", "d"), i % 4) for i in range(12)]


def test_a_name_that_always_finds_its_line_passes():
    """Twelve of twelve, in all wordings."""
    found = put_to_test("名", TWELVE, lambda name, question, wording: question.right)
    assert (found.share, found.alike, found.fault) == (1.0, 1.0, "")


def test_chance_does_not_pass():
    """The first line is right in a quarter of the questions."""
    found = put_to_test("名", TWELVE, lambda name, question, wording: 0)
    assert found.share == 0.25
    assert "chance" in found.fault


def test_wordings_must_agree():
    """A line that one wording of three finds is not found; no answer agrees with nothing."""
    one = put_to_test("名", TWELVE, lambda n, q, w: q.right if w == 0 else (q.right + w) % 4)
    assert one.share == 0.0
    two = put_to_test("名", TWELVE, lambda n, q, w: q.right if w < 2 else (q.right + 1) % 4)
    assert two.share == 1.0
    assert "wordings" in two.fault
    none = put_to_test("名", TWELVE, lambda n, q, w: -1)
    assert none.share == none.alike == 0.0


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_wilsons(case):
    """As the formula of 1927 gives it."""
    right, n = case
    z, p = 1.959963984540054, right / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert wilson(right, n) == pytest.approx((middle - half, middle + half), abs=1e-9)


@given(st.text() | st.text('{}[]":,name \\u0000choiceABCD', max_size=60))
def test_any_answer_is_a_name_or_a_reason(answer):
    """Nothing that comes back is a defect, and what passes is a short plain name."""
    for read in (read_name, read_choice):
        with contextlib.suppress(NoAnswerError):
            found = read(answer)
            assert found in range(4) if read is read_choice else 1 <= len(found.name) <= 8
