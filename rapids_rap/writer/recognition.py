"""Whether a classifier that never read the writer's songs recognises what was asked for.

Trained on passages of the held-out songs alone: of the songs the writer was trained on, it would
recognise whatever the writer copied. How well it does on those songs is the ceiling beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

FEWEST_SONGS = 2  # of a class, that it is learnt from
PASSAGE = 8  # lines of a passage: about what a writer is asked for


@dataclass(frozen=True)
class Passages:
    """Texts with what each is of, and the song that it is from."""

    texts: Sequence[str]
    labels: Sequence[str]
    songs: Sequence[int]


def passages(songs: Sequence[Sequence[str]], labels: Sequence[str | None]) -> Passages:
    """Passages of `PASSAGE` lines of the songs that have a label; a short rest joins the last."""
    texts, kinds, numbers = [], [], []
    for number, (lines, label) in enumerate(zip(songs, labels, strict=True)):
        if label is None:
            continue
        starts = list(range(0, max(1, len(lines) - PASSAGE // 2), PASSAGE))
        for begin, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            texts.append("\n".join(lines[begin:end]))
            kinds.append(label)
            numbers.append(number)
    return Passages(texts, kinds, numbers)


@dataclass(frozen=True)
class Recogniser:
    """A classifier of passages, and the classes that it can tell."""

    model: Any
    classes: tuple[str, ...]

    def tell(self, texts: Sequence[str]) -> list[str]:
        """The class that each text is taken for."""
        return [str(own) for own in self.model.predict(list(texts))]


def learn(known: Passages, seed: int) -> Recogniser | str:
    """Characters' 1-3-grams and logistic regression, every class weighing the same.

    Classes of fewer than `FEWEST_SONGS` songs are left out; where fewer than two are left, the
    sentence that says so. Needs scikit-learn, which the extras of either backend bring.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    songs = Counter(label for label, _ in set(zip(known.labels, known.songs, strict=True)))
    classes = tuple(sorted(label for label, count in songs.items() if count >= FEWEST_SONGS))
    if len(classes) < 2:
        return (
            f"not computed: of the held-out songs only {len(classes)} of its values has "
            f"{FEWEST_SONGS} songs to learn from, and two are the least"
        )
    kept = [i for i, label in enumerate(known.labels) if label in classes]
    model = make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True),
        LogisticRegression(C=10.0, max_iter=1_000, class_weight="balanced", random_state=seed),
    )
    model.fit([known.texts[i] for i in kept], [known.labels[i] for i in kept])
    return Recogniser(model, classes)
