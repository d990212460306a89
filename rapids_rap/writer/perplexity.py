"""Perplexity of held-out songs by character, and what each condition in the header is worth.

By character that can be heard, so that tokenizers can be compared. What a condition is worth is the
fall against no condition at all, in nats, on the same songs; of none that a song lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rapids_rap.arrays import Float64s, Int64s
from rapids_rap.quality.bootstrap import draw_units, interval, trusted, unit_means
from rapids_rap.writer.base import Base, load_causal, load_tokenizer
from rapids_rap.writer.examples import NAMES, make_examples, with_header
from rapids_rap.writer.folder import Writer
from rapids_rap.writer.likelihood import nats
from rapids_rap.writer.measures import heard
from rapids_rap.writer.songs import Song

RESAMPLES = 1_000


def perplexities(
    writer: Writer,
    songs: Sequence[Song],
    themes: dict[int, str],
    base: Base | str,
    device: str,
    seed: int,
) -> list[dict[str, Any]]:
    """Rows: the writer's perplexity, its base's, and what each condition is worth."""
    longest = int(writer.record["settings"]["longest"])
    from_end = bool(writer.record.get("from_end"))
    examples = [
        replace(
            one,
            lines=one.lines[: with_header(one, writer.tokenizer, longest, from_end=from_end).lines],
        )
        for one in make_examples(songs, themes)
    ]  # the same lines under every header
    units = np.array([one.song for one in examples], np.int64)
    characters = np.array([len(heard("".join(one.lines))) for one in examples], np.float64)

    def of(model: Any, tokenizer: Any, names: Sequence[str], *, backwards: bool) -> Float64s:
        some = [one.with_only(names) for one in examples]
        encoded = [with_header(one, tokenizer, longest, from_end=backwards) for one in some]
        return nats(model, encoded, tokenizer.pad_token_id)

    model, tokenizer = writer.model, writer.tokenizer
    none = of(model, tokenizer, (), backwards=from_end)
    every = of(model, tokenizer, NAMES, backwards=from_end)
    figure = _Over(units, characters, seed)
    rows = [
        figure.perplexity("writer", "perplexity, no condition", none),
        figure.perplexity("writer", "perplexity, all conditions", every),
    ]
    for name in NAMES:
        with_it = of(model, tokenizer, (name,), backwards=from_end)
        some = np.array([getattr(one.conditions, name) is not None for one in examples])
        rows.append(figure.worth(f"worth of {name}, nats a character", none - with_it, some))
    if isinstance(base, Base):
        untuned = load_causal(base.folder, device, half=device != "cpu").eval()
        before = of(untuned, load_tokenizer(base.folder), (), backwards=from_end)
        rows.append(figure.perplexity("base prompted", "perplexity, no condition", before))
    return rows


class _Over:
    """Figures over passages of songs: (n,) units and how many characters each has."""

    def __init__(self, units: Int64s, characters: Float64s, seed: int) -> None:
        _, self.unit = np.unique(units, return_inverse=True)
        self.characters = characters
        self.count = int(self.unit.max(initial=-1)) + 1
        self.weights = draw_units(self.count, RESAMPLES, seed)

    def _mean(self, sums: Float64s, some: Any) -> tuple[float | None, Float64s, int]:
        """Over characters of the chosen passages: the mean, its draws, and how many songs."""
        own = np.bincount(self.unit[some], sums[some], self.count)
        counts = np.bincount(self.unit[some], self.characters[some], self.count)
        value = float(own.sum() / counts.sum()) if counts.sum() else None
        draws = trusted(unit_means(self.weights, own, counts), counts)
        return value, draws, int(np.count_nonzero(counts))

    def perplexity(self, system: str, figure: str, sums: Float64s) -> dict[str, Any]:
        """A row: the exponential of the nats a character."""
        value, draws, songs = self._mean(sums, np.ones(len(sums), dtype=bool))
        span = interval(np.exp(draws))
        return _row(system, figure, None if value is None else float(np.exp(value)), span, songs)

    def worth(self, figure: str, falls: Float64s, some: Any) -> dict[str, Any]:
        """A row: how far the nats a character fall; some: (n,) the passages that have it."""
        value, draws, songs = self._mean(falls, some)
        return _row("writer", figure, value, interval(draws), songs)


def _row(
    system: str, figure: str, value: float | None, span: list[float] | None, songs: int
) -> dict[str, Any]:
    return {
        "system": system,
        "figure": figure,
        "value": value,
        "low": span[0] if span else None,
        "high": span[1] if span else None,
        "songs": songs,
        "note": _note(value, span),
    }


def _note(value: float | None, span: list[float] | None) -> str:
    if value is None:
        return "not computed: no held-out song has it"
    return "" if span else "too few songs"
