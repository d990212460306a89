"""Whether a name says what is in its group: the held-out line found by the name alone.

Of four lines one is of the group, so chance is right in a quarter. Each question is put in three
wordings; it is answered by the line that two of them pick. The interval is Wilson's (1927), over
lines of different songs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rapids_rap.annotate.naming_prompts import QUESTIONS
from rapids_rap.annotate.naming_subjects import CHOICES, Question

CHANCE = 1 / CHOICES
LEAST_AGREEMENT = 0.5  # of the questions that all wordings answer alike
WORDINGS = len(QUESTIONS)

Choose = Callable[[str, Question, int], int]


@dataclass(frozen=True)
class Tested:
    """What a test found.

    share: of the questions answered rightly, with its 95 % interval; alike: of those that all
    wordings answered alike; questions: how many.
    """

    share: float
    low: float
    high: float
    alike: float
    questions: int

    @property
    def fault(self) -> str:
        """Why the name fails, "" where it passes."""
        if self.low <= CHANCE:
            return f"found its lines no better than by chance ({self.said})"
        if self.alike < LEAST_AGREEMENT:
            return f"three wordings agreed on {self.alike:.0%} of the lines only"
        return ""

    @property
    def said(self) -> str:
        """As it is read: `0.83 [0.55, 0.95] of 12`."""
        return f"{self.share:.2f} [{self.low:.2f}, {self.high:.2f}] of {self.questions}"


def put_to_test(name: str, questions: Sequence[Question], choose: Choose) -> Tested:
    """Put every question in every wording. choose: the position of a line, -1 for no answer."""
    right = alike = 0
    for question in questions:
        picks = [choose(name, question, wording) for wording in range(WORDINGS)]
        best, votes = Counter(picks).most_common(1)[0]
        right += votes > WORDINGS // 2 and best == question.right
        alike += votes == WORDINGS and best >= 0
    low, high = wilson(right, len(questions))
    n = len(questions)
    return Tested(right / n, low, high, alike / n, n)


def wilson(right: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share by SciPy (Wilson 1927)."""
    from scipy.stats import binomtest

    found = binomtest(right, n).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)
