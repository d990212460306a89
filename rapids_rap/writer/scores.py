"""The judge's figures: a row a system and figure, each with its interval over songs.

Chance of a recognition is what the same verdicts of the classifier would reach if the requests were
dealt at random among the verses: the sum over classes of the share that asked for it times the
share that was taken for it, which is the expectation over all permutations. A classifier that
always says what most requests ask for reaches their share, and so does its chance. Interval and
difference draw songs, the same for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rapids_rap.arrays import Float64s, Int64s
from rapids_rap.quality.bootstrap import (
    Estimate,
    Interval,
    draw_units,
    grouped_sums,
    mean_interval,
    trusted,
)
from rapids_rap.writer import measures
from rapids_rap.writer.baselines import Request, Verse
from rapids_rap.writer.conditions import Theme
from rapids_rap.writer.recognition import Recogniser, learn, passages
from rapids_rap.writer.songs import Song

RESAMPLES = 1_000
RUN = 5  # characters of a run that counts as copied
LONG = 12  # characters of a run that no writer may share with a song
RECOGNISED = ("theme", "region", "emotion")
REAL = "held-out songs"  # the passages that requests were made of: nobody asked them for anything

Values = Sequence[float | None]


def system_rows(
    train: Sequence[Song],
    held_out: Sequence[Song],
    requests: Sequence[Request],
    verses: Mapping[str, Sequence[Verse]],
    missing: Mapping[str, str],
    seed: int,
) -> list[dict[str, Any]]:
    """The rows of every system; missing: those that could not write, with the reason."""
    recognisers = {
        kind: learn(
            passages(
                [song.lines for song in held_out],
                [_label(getattr(song, kind)) for song in held_out],
            ),
            seed,
        )
        for kind in RECOGNISED
    }
    songs = measures.joined(song.lines for song in train)
    units = np.array([one.song for one in requests], np.int64)
    rows: list[dict[str, Any]] = []
    figures: dict[str, Values | str]
    for name, written in verses.items():
        figures = {
            **_form_figures(requests, written),
            **_copy_figures(written, songs),
        }
        if name == REAL:
            figures |= _not_asked()
        rows += [_row(name, figure, values, units, seed) for figure, values in figures.items()]
        if name != REAL:
            texts = ["\n".join(verse) for verse in written]
            for kind, recogniser in recognisers.items():
                asked = [_asked(one, kind) for one in requests]
                rows += recognition_rows(name, kind, recogniser, asked, texts, units, seed)
    rows += [_empty_row(name, "all", why) for name, why in missing.items()]
    return rows + _ceilings(recognisers, train, seed)


def _label(value: Any) -> str | None:
    return None if value is None else str(value)


def _form_figures(requests: Sequence[Request], written: Sequence[Verse]) -> dict[str, Values]:
    """Lengths, rhymes and variety of each verse; a line that is missing is a wrong one."""
    lengths, rhymes, depths = [], [], []
    for request, verse in zip(requests, written, strict=True):
        asked = request.conditions.syllables or ()
        right = measures.right_lengths(verse, asked) if asked else []
        lengths.append(sum(right) / request.lines if asked else None)
        pairs = measures.rhyming_pairs(request.conditions.rhyme or "", request.lines)
        found = [
            measures.rhyme_length(verse[a], verse[b]) if b < len(verse) else 0 for a, b in pairs
        ]
        rhymes.append(sum(own > 0 for own in found) / len(found) if found else None)
        some = [own for own in found if own]
        depths.append(sum(some) / len(some) if some else None)
    variety = {
        f"distinct-{size}": [measures.distinct(verse, size) for verse in written]
        for size in (1, 2, 4)
    }
    return {"length right": lengths, "rhyme right": rhymes, "syllables a rhyme": depths, **variety}


def _copy_figures(written: Sequence[Verse], songs: str) -> dict[str, Values]:
    longest = [measures.longest_overlap(verse, songs) for verse in written]
    return {
        f"{RUN}-grams copied": [measures.copied_share(verse, songs, RUN) for verse in written],
        "longest copy": [float(own) for own in longest],
        f"copies of {LONG} or more": [float(own >= LONG) for own in longest],
    }


def _asked(request: Request, kind: str) -> str | None:
    own = getattr(request.conditions, kind)
    return _label(own.id if isinstance(own, Theme) else own)


def recognition_rows(
    system: str,
    kind: str,
    recogniser: Recogniser | str,
    asked: Sequence[str | None],
    texts: Sequence[str],
    units: Int64s,
    seed: int,
) -> list[dict[str, Any]]:
    """How often texts are taken for what was asked, how often by chance, and the difference.

    asked, texts, units: (n,), units the songs. Texts of which nothing was asked that the classifier
    tells count nowhere.
    """
    if isinstance(recogniser, str):
        return [_empty_row(system, f"{kind} recognised", recogniser)]
    kept = [i for i, want in enumerate(asked) if want in recogniser.classes]
    if not kept:
        note = "not computed: nothing has a value that the classifier tells"
        return [_empty_row(system, f"{kind} recognised", note)]
    told = recogniser.tell([texts[i] for i in kept])
    found = _beside_chance(told, [str(asked[i]) for i in kept], units[kept], seed)
    songs = len(np.unique(units[kept]))
    return [
        _spanned(system, f"{kind} {what}", one.value, one.interval, songs)
        for what, one in zip(("recognised", "by chance", "over chance"), found, strict=True)
    ]


def _beside_chance(
    told: Sequence[str], wanted: Sequence[str], units: Int64s, seed: int
) -> tuple[Estimate, Estimate, Estimate]:
    """The share that is right, what it is with the requests dealt at random, and the difference."""
    songs, unit = np.unique(units, return_inverse=True)
    names, codes = np.unique([*told, *wanted], return_inverse=True)
    taken, asked = codes[: len(unit)], codes[len(unit) :]
    shape, ones = (len(songs), len(names)), np.ones(len(unit))
    by_taken, by_asked = (grouped_sums(ones, unit, own, shape) for own in (taken, asked))
    counts = np.bincount(unit).astype(np.float64)
    hits = np.bincount(unit, taken == asked)

    def both(weights: Float64s) -> tuple[Float64s, Float64s]:
        """(draws,) each, of weights (draws, songs); no song is without a verse."""
        dealt = ((weights @ by_taken) * (weights @ by_asked)).sum(axis=1)
        return weights @ hits / (weights @ counts), dealt / (weights @ counts) ** 2

    values = [float(own[0]) for own in both(np.ones((1, len(songs))))]
    weights = draw_units(len(songs), RESAMPLES, seed)
    right, chance = (trusted(own, counts) for own in both(weights))
    return (
        Estimate(values[0], right),
        Estimate(values[1], chance),
        Estimate(values[0] - values[1], right - chance),
    )


def _not_asked() -> dict[str, str]:
    """Of the held-out songs themselves: nobody asked them for anything."""
    asked = dict.fromkeys(("length right", "rhyme right", "syllables a rhyme"), "nothing was asked")
    learnt = {f"{kind} recognised": "the classifier was trained on these" for kind in RECOGNISED}
    return asked | learnt


def _ceilings(
    recognisers: dict[str, Recogniser | str], train: Sequence[Song], seed: int
) -> list[dict[str, Any]]:
    """How well the classifiers do on real songs that they never read."""
    rows = []
    for kind, recogniser in recognisers.items():
        some = passages(
            [song.lines for song in train], [_label(getattr(song, kind)) for song in train]
        )
        units = np.array(some.songs, np.int64)
        rows += recognition_rows(
            "real songs", kind, recogniser, some.labels, some.texts, units, seed
        )
    return rows


def _row(
    system: str, figure: str, values: Values | str, units: Int64s, seed: int
) -> dict[str, Any]:
    """The mean and its interval over songs; values: a number a verse, or why there is none."""
    if isinstance(values, str):
        return _empty_row(system, figure, values)
    held = np.array([own is not None for own in values])
    if not held.any():
        return _empty_row(system, figure, "not computed: no verse has a value")
    some = np.array([own for own in values if own is not None], np.float64)
    songs = units[held]
    span = mean_interval(some, songs, RESAMPLES, seed)
    return _spanned(system, figure, float(some.mean()), span, len(np.unique(songs)))


def _spanned(system: str, figure: str, value: float, span: Interval, songs: int) -> dict[str, Any]:
    return {
        "system": system,
        "figure": figure,
        "value": value,
        "low": span[0] if span else None,
        "high": span[1] if span else None,
        "songs": songs,
        "note": "" if span else "too few songs",
    }


def _empty_row(system: str, figure: str, note: str) -> dict[str, Any]:
    empty = dict.fromkeys(("value", "low", "high", "songs"))
    return {"system": system, "figure": figure, **empty, "note": note}
