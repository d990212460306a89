"""Themes by year: which share of a year's lines is of a theme, and how sure that is.

Lines of a song are not independent, so the 95 % interval resamples songs, in closed form: the share
is a ratio of sums over songs, its variance is linearised (Woodruff 1971; Cochran 1977, chapter 6),
and the interval is taken on the logit, so that it stays between 0 and 1. The quantile is Student's
with the songs that have lines of the theme, less one, as degrees of freedom: they carry the
variance.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit, logit, stdtrit

from rapids_rap.arrays import Float64s
from rapids_rap.tables.artists import FEWEST, NO_SONGS, TOO_FEW_SONGS

COLUMNS = (
    "year",
    "theme",
    "lines",
    "songs",
    "artists",
    "year_lines",
    "year_songs",
    "share",
    "share_low",
    "share_high",
    "note",
)
EVERY_LINE = "every line of the year"  # is of the theme, so that nothing varies
_CONFIDENCE = 0.95


def theme_years(lines: pd.DataFrame) -> pd.DataFrame | None:
    """`COLUMNS`, by year and theme, noise (-1) first; None where no line has a year.

    lines: lines.parquet. Each year has a row for every theme of the run. Lines of unknown songs
    count as one song an artist. An interval that rests on fewer than three songs with the theme, or
    of a theme that all lines of a year have, is not given: `note` says why. `songs` and `artists`
    are of the theme's lines in that year, null where the lyrics name none at all.
    """
    known = lines[lines["year"].notna()] if "year" in lines.columns else lines.iloc[:0]
    if not len(known):
        return None
    rows = pd.DataFrame(
        {
            "year": known["year"].to_numpy(np.int64),
            "theme": known["theme"].to_numpy(np.int64),
            "song": _songs(known),
            "artist": pd.factorize(known["artist"])[0],
            "lines": known["lines"].to_numpy(np.int64) if "lines" in known.columns else 1,
        }
    )
    named, artists = (bool(lines[name].notna().any()) for name in ("song_id", "artist"))
    themes = np.unique(np.append(lines["theme"].to_numpy(np.int64), -1))
    parts = [_of_year(own, themes, named=named) for _, own in rows.groupby("year", sort=True)]
    table = pd.concat(parts, ignore_index=True)
    for name, there in (("songs", named), ("year_songs", named), ("artists", artists)):
        table[name] = (
            table[name].astype("Int64") if there else pd.array([None] * len(table), "Int64")
        )
    return table[list(COLUMNS)]


def _songs(lines: pd.DataFrame) -> np.ndarray:
    """A number for each row's song; the lines of an artist whose songs are unknown are one."""
    songs, titles = pd.factorize(lines["song_id"])
    artists, _ = pd.factorize(lines["artist"])
    return np.where(songs < 0, len(titles) + artists + 1, songs)


def _of_year(rows: pd.DataFrame, themes: np.ndarray, *, named: bool) -> pd.DataFrame:
    """The rows of one year: a theme each."""
    songs, of_song = np.unique(rows["song"], return_inverse=True)
    place = np.searchsorted(themes, rows["theme"])
    counts = np.zeros((len(songs), len(themes)))  # lines of each theme in each song
    np.add.at(counts, (of_song, place), rows["lines"])
    own, whole = counts.sum(axis=0), counts.sum()
    here = (counts > 0).sum(axis=0)
    low, high = _interval(counts, here)
    enough = (here >= FEWEST) & (own < whole) & named
    why = np.where(own == whole, EVERY_LINE, "") if named else np.full(len(own), "")
    few = TOO_FEW_SONGS if named else NO_SONGS
    note = np.where(enough, "", np.where((here < FEWEST) | (not named), few, why))
    artists = rows[rows["artist"] >= 0].groupby("theme")["artist"].nunique()
    return pd.DataFrame(
        {
            "year": rows["year"].iloc[0],
            "theme": themes,
            "lines": own.astype(np.int64),
            "songs": here,
            "artists": artists.reindex(themes, fill_value=0).to_numpy(np.int64),
            "year_lines": int(whole),
            "year_songs": len(songs),
            "share": own / whole,
            "share_low": np.where(enough, low, np.nan),
            "share_high": np.where(enough, high, np.nan),
            "note": note,
        }
    )


def _interval(counts: Float64s, here: np.ndarray) -> tuple[Float64s, Float64s]:
    """Both ends for each theme; counts: (songs, themes) lines, here: (themes,) songs with lines."""
    songs, whole = len(counts), counts.sum()
    share = counts.sum(axis=0) / whole
    away = counts - share * counts.sum(axis=1, keepdims=True)
    variance = (away**2).sum(axis=0) / whole**2 * songs / max(songs - 1, 1)
    inside = (share > 0) & (share < 1) & (here > 1)
    safe = np.where(inside, share, 0.5)
    quantile = stdtrit(np.where(here > 1, here - 1, 1), 0.5 + _CONFIDENCE / 2)
    reach = quantile * np.sqrt(variance) / (safe * (1 - safe))
    return expit(logit(safe) - reach), expit(logit(safe) + reach)
