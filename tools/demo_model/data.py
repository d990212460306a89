"""Training text as flat token arrays, and the batches drawn from it.

Lines lie one after the other in ``tokens`` with a separator behind each, so that any run of
lines is a slice: a line, a couplet joined by a space (as rap lines often are), or a window for
next-token training. Every batch is a function of the seed and the step number alone, which is
what makes a resumed training equal an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rapids_rap.bench.corpora import Poem
from tools.demo_model.tokenizer import END, SEPARATOR, Vocabulary, build_tokenizer

MAX_LINE = 24


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines as tokens: ``tokens[offsets[i] : offsets[i + 1] - 1]`` is line ``i``.

    ``stanza[i]`` and ``song[i]`` number its stanza and song (int32; one and the same for a poem),
    ``text[i]`` its text (int64, equal for equal texts).
    """

    tokens: NDArray[np.int32]
    offsets: NDArray[np.int64]
    stanza: NDArray[np.int32]
    song: NDArray[np.int32]
    text: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens in each line, without its separator."""
        return np.diff(self.offsets) - 1

    def starts(self, span: int) -> NDArray[np.int64]:
        """Every line ``i`` whose next ``span - 1`` lines belong to the same stanza."""
        last = max(0, len(self.stanza) - span + 1)
        return np.flatnonzero(self.stanza[:last] == self.stanza[span - 1 :])

    def gather(self, first: NDArray[np.int64], count: NDArray[np.int64]) -> Padded:
        """The runs of ``count`` lines from ``first``, padded on the right with 0."""
        begin = self.offsets[first]
        lengths = np.minimum(self.offsets[first + count] - 1 - begin, 2 * MAX_LINE)
        columns = np.arange(int(lengths.max()))
        inside = columns < lengths[:, None]
        where = np.minimum(begin[:, None] + columns, len(self.tokens) - 1)
        return Padded(np.where(inside, self.tokens[where], 0).astype(np.int64), lengths)


@dataclass(frozen=True, slots=True)
class Padded:
    """Token ids (rows, longest) int64, padded on the right, and each row's length int64."""

    ids: NDArray[np.int64]
    lengths: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Positive pairs; equal ``songs`` or ``texts`` are no negatives of each other."""

    left: Padded
    right: Padded
    songs: NDArray[np.int32]
    left_texts: NDArray[np.int64]
    right_texts: NDArray[np.int64]


def tokenize(poems: Sequence[Poem], vocabulary: Vocabulary) -> Lines:
    """The lines of ``poems`` as one :class:`Lines`, each cut at ``MAX_LINE`` tokens.

    Other spellings (``YEAH``, full-width marks) become the tokens whose vectors they share.
    """
    space, end = (vocabulary.tokens.index(token) for token in (SEPARATOR, END))
    core = build_tokenizer(vocabulary).backend_tokenizer
    plain = vocabulary.alias
    numbers: dict[str, int] = {}
    song_ids: dict[str, int] = {}
    tokens: list[int] = []
    lengths, stanzas, songs, texts = [], [], [], []
    for stanza, poem in enumerate(poems):
        song = song_ids.setdefault(poem.song_id, len(song_ids))
        encodings = core.encode_batch_fast(list(poem.lines))
        for index, encoding in enumerate(encodings):
            ids = [plain.get(token, token) for token in encoding.ids[:MAX_LINE]]
            last = index == len(poem.lines) - 1
            tokens.extend(ids)
            tokens.append(end if last else space)
            lengths.append(len(ids) + 1)
            stanzas.append(stanza)
            songs.append(song)
            texts.append(numbers.setdefault(poem.lines[index], len(numbers)))
    return Lines(
        np.array(tokens, np.int32),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.array(stanzas, np.int32),
        np.array(songs, np.int32),
        np.array(texts, np.int64),
    )


def repeat_tokens(rows: Padded, random: np.random.Generator, rate: float = 0.25) -> Padded:
    """ESimCSE's view of a line: up to ``rate`` of its tokens said twice (arXiv 2109.04380)."""
    twice = (random.random(rows.ids.shape) < rate * random.random((len(rows.ids), 1))) & (
        np.arange(rows.ids.shape[1]) < rows.lengths[:, None]
    )
    lengths = rows.lengths + twice.sum(1)
    ids = np.zeros((len(rows.ids), int(lengths.max())), np.int64)
    for row, (line, length, again) in enumerate(zip(rows.ids, rows.lengths, twice, strict=True)):
        ids[row, : lengths[row]] = np.repeat(line[:length], 1 + again[:length])
    return Padded(ids, lengths)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a contrastive step compares.

    ``kinds`` weighs the batches, each of one kind so that lengths give nothing away: lines of
    5 and of 7 characters, lines of any length, couplets against the next couplet, and lines of
    the sample lyrics. Of the pairs in a batch ``near_share`` skip a line of the stanza and
    ``self_share`` are a line and itself with repeated tokens; the rest are neighbours.
    """

    pairs: int = 384
    kinds: tuple[tuple[str, float], ...] = (
        ("five", 0.2),
        ("seven", 0.3),
        ("any", 0.2),
        ("couplet", 0.15),
        ("lyrics", 0.15),
    )
    near_share: float = 0.15
    self_share: float = 0.15


class PairSampler:
    """Draws :class:`Pairs`; ``sampler(step)`` depends on the seed and the step alone."""

    def __init__(self, poetry: Lines, lyrics: Lines, recipe: Recipe, seed: int) -> None:
        self.recipe = recipe
        self.seed = seed
        two, four = poetry.starts(2), poetry.starts(4)
        length = poetry.lengths
        same = length[two] == length[two + 1]
        self.pools = {
            "five": (poetry, two[same & (length[two] == 5)], 1),
            "seven": (poetry, two[same & (length[two] == 7)], 1),
            "any": (poetry, two, 1),
            "couplet": (poetry, four, 2),
            "lyrics": (lyrics, lyrics.starts(2), 1),
        }
        full = [(kind, weight) for kind, weight in recipe.kinds if len(self.pools[kind][1])]
        self.kinds = [kind for kind, _ in full]
        weights = np.array([weight for _, weight in full])
        self.weights = weights / weights.sum()

    def __call__(self, step: int) -> Pairs:
        """The pairs of one step."""
        random = np.random.default_rng([self.seed, 2, step])
        lines, starts, span = self.pools[str(random.choice(self.kinds, p=self.weights))]
        number = min(self.recipe.pairs, len(starts))
        first = starts[random.choice(len(starts), number, replace=False)]
        second = first + span
        last = len(lines.stanza) - 1
        skip = random.random(number) < self.recipe.near_share
        further = np.minimum(second + span, last)
        stays = lines.stanza[np.minimum(further + span - 1, last)] == lines.stanza[first]
        second = np.where(skip & stays & (further > second), further, second)
        swap = random.random(number) < 0.5
        first, second = np.where(swap, second, first), np.where(swap, first, second)
        alone = int(number * self.recipe.self_share)
        second[:alone] = first[:alone]
        count = np.full(number, span)
        right = lines.gather(second, count)
        again = repeat_tokens(Padded(right.ids[:alone], right.lengths[:alone]), random)
        right = _stack(again, Padded(right.ids[alone:], right.lengths[alone:]))
        left_texts, right_texts = lines.text[first], lines.text[second]
        return Pairs(lines.gather(first, count), right, lines.song[first], left_texts, right_texts)


def _stack(above: Padded, below: Padded) -> Padded:
    width = max(above.ids.shape[1], below.ids.shape[1])
    ids = [np.pad(rows.ids, ((0, 0), (0, width - rows.ids.shape[1]))) for rows in (above, below)]
    return Padded(np.concatenate(ids), np.concatenate([above.lengths, below.lengths]))
