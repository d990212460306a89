"""The judge's figures: a row a system and figure, each with its interval over songs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rapids_rap.arrays import Int64s
from rapids_rap.quality.bootstrap import Interval, mean_interval
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
    for name, written in verses.items():
        figures = {
            **_form_figures(requests, written),
            **_copy_figures(written, songs),
            **{
                f"{kind} recognised": _recognised(recogniser, requests, written, kind)
                for kind, recogniser in recognisers.items()
            },
        }
        if name == REAL:
            figures |= _not_asked()
        rows += [_row(name, figure, values, units, seed) for figure, values in figures.items()]
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


def _recognised(
    recogniser: Recogniser | str, requests: Sequence[Request], written: Sequence[Verse], kind: str
) -> Values | str:
    """Of each verse; None where nothing that the classifier tells was asked."""
    if isinstance(recogniser, str):
        return recogniser
    asked = [getattr(one.conditions, kind) for one in requests]
    wanted = [_label(own.id if isinstance(own, Theme) else own) for own in asked]
    told = recogniser.recognises(["\n".join(verse) for verse in written], [w or "" for w in wanted])
    return [
        float(own) if want in recogniser.classes else None
        for own, want in zip(told.tolist(), wanted, strict=True)
    ]


def _not_asked() -> dict[str, str]:
    """Of the held-out songs themselves: nobody asked them for anything."""
    asked = dict.fromkeys(("length right", "rhyme right", "syllables a rhyme"), "nothing was asked")
    learnt = {f"{kind} recognised": "the classifier was trained on these" for kind in RECOGNISED}
    return asked | learnt


def _ceilings(
    recognisers: dict[str, Recogniser | str], train: Sequence[Song], seed: int
) -> list[dict[str, Any]]:
    """How well the classifiers do on real songs that they never read, and what guessing reaches."""
    rows = []
    for kind, recogniser in recognisers.items():
        figure = f"{kind} recognised"
        if isinstance(recogniser, str):
            rows.append(_empty_row("real songs", figure, recogniser))
            continue
        labels = [_label(getattr(song, kind)) for song in train]
        some = passages(
            [song.lines for song in train],
            [own if own in recogniser.classes else None for own in labels],
        )
        if not some.texts:
            rows.append(_empty_row("real songs", figure, "not computed: no song has such a value"))
            continue
        told = recogniser.recognises(some.texts, some.labels).astype(float).tolist()
        row = _row("real songs", figure, told, np.array(some.songs, np.int64), seed)
        chance = {"system": "chance", "figure": figure, "value": 1 / len(recogniser.classes)}
        note = f"one of {len(recogniser.classes)} classes"
        rows += [row, {**chance, "low": None, "high": None, "songs": None, "note": note}]
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
    span: Interval = mean_interval(some, songs, RESAMPLES, seed)
    return {
        "system": system,
        "figure": figure,
        "value": float(some.mean()),
        "low": span[0] if span else None,
        "high": span[1] if span else None,
        "songs": len(np.unique(songs)),
        "note": "" if span else "too few songs",
    }


def _empty_row(system: str, figure: str, note: str) -> dict[str, Any]:
    empty = dict.fromkeys(("value", "low", "high", "songs"))
    return {"system": system, "figure": figure, **empty, "note": note}
