"""What each model knows of the next line, and how much of that is form: length, blanks, rhyme.

From a line, where among the next lines of m lines does its own next line stand? On pairs that share
no character the answer can't be copied; but a line and the next are also alike in form, and that is
controlled for: candidates of the same form only, candidates that share no character either, and
vectors without what length, blanks and final explain of them (least squares on their classes).

    python -m rapids_rap.bench.next_line LYRICS --model e5-small --model demo

Pairs that a model was trained on are left out for all. Intervals are a bootstrap over songs, or
over blocks of consecutive lines where the input names none.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from rapids_rap.arrays import Bools, Float32s, Float64s, Int64s
from rapids_rap.backend import load_backend
from rapids_rap.config import CorpusConfig, EmbeddingConfig, InputConfig
from rapids_rap.corpus.ingest import ingest
from rapids_rap.embedding.embed import load_encoder
from rapids_rap.embedding.trained_on import are_among, form, hash_pairs, read_trained_on
from rapids_rap.errors import InputError, RapError
from rapids_rap.quality.bootstrap import Interval, mean_interval
from rapids_rap.quality.lines import character_pairs, follow_on

BLOCK = 50  # consecutive lines that stand for a song where none is known
SHARE = 1 / 30  # of the candidates that count as found on pairs that share no character
FIRST = 10  # candidates that count as found on all pairs
DRAWS = 1000
TFIDF = "TF-IDF, 2-5 characters"


@dataclass(frozen=True)
class Pairs:
    """m lines and their next lines. units: (m,) int64, the song or block of each."""

    lines: tuple[str, ...]
    following: tuple[str, ...]
    units: Int64s

    def chosen(self, places: Int64s) -> Pairs:
        """The pairs at these places."""
        return Pairs(
            tuple(self.lines[i] for i in places),
            tuple(self.following[i] for i in places),
            self.units[places],
        )


@dataclass(frozen=True)
class Form:
    """What is counted as form of n lines, each (n,) int64: characters, blanks, class of the final.

    final: of the last character's pinyin, its medial included; -1 for what has none.
    """

    length: Int64s
    blanks: Int64s
    final: Int64s


def read_pairs(paths: Sequence[Path], limit: int) -> Pairs:
    """Every line with the next one of its stanza, where the two differ and hold a letter each."""
    lines = ingest(paths, InputConfig(limit=limit), CorpusConfig()).lines.reset_index(drop=True)
    song = lines["song_id"].fillna(-1).to_numpy(np.int64)
    joined = follow_on(song, lines["stanza"].fillna(-1).to_numpy(), lines["line_no"].to_numpy())
    text = lines["text_norm"].tolist()
    at = [
        i
        for i in np.flatnonzero(joined).tolist()
        if form(text[i]) and form(text[i + 1]) and form(text[i]) != form(text[i + 1])
    ]
    blocks = np.where(song >= 0, song, -1 - np.arange(len(lines)) // BLOCK)
    units = np.unique(blocks[at], return_inverse=True)[1].astype(np.int64)
    return Pairs(tuple(text[i] for i in at), tuple(text[i + 1] for i in at), units)


def sample_pairs(pairs: Pairs, allowed: Bools, most: int, seed: int) -> Pairs:
    """At most `most` of the `allowed` (m,) pairs, no two with an equal next line, at random."""
    places = np.random.default_rng(seed).permutation(np.flatnonzero(allowed))
    first = np.unique([form(pairs.following[i]) for i in places], return_index=True)[1]
    return pairs.chosen(places[np.sort(first)[:most]])


def share_nothing(pairs: Pairs) -> Bools:
    """(m,) whether a line and the next have no letter, digit or character in common."""
    both = zip(pairs.lines, pairs.following, strict=True)
    return np.array([not set(form(a)) & set(form(b)) for a, b in both], dtype=np.bool_)


def forms(texts: Sequence[str]) -> Form:
    """The form of each text."""
    from pypinyin import Style, lazy_pinyin

    def final(text: str) -> str:
        held = form(text)[-1]
        read = lazy_pinyin(held, style=Style.FINALS, errors="ignore")
        return read[0] if read else ""

    finals = [final(text) for text in texts]
    number = {name: i for i, name in enumerate(sorted(set(finals) - {""}))}
    return Form(
        np.array([len(form(text)) for text in texts]),
        np.array([text.count(" ") for text in texts]),
        np.array([number.get(name, -1) for name in finals]),
    )


def explained_away(vectors: Float32s, classes: Sequence[Int64s]) -> Float32s:
    """Unit vectors (n, d) less what these classes (n,) explain of them, as unit vectors again.

    Least squares on the indicators of all classes together, the common mean among them.
    """
    indicators = [np.eye(int(c.max()) + 1, dtype=np.float32)[c] for c in map(_dense, classes)]
    design = np.concatenate(indicators, axis=1)
    kept = vectors - design @ np.linalg.lstsq(design, vectors, rcond=None)[0]
    norms = np.linalg.norm(kept, axis=1, keepdims=True)
    return np.asarray(kept / np.where(norms > 0, norms, 1), dtype=np.float32)


def _dense(classes: Int64s) -> Int64s:
    return np.unique(classes, return_inverse=True)[1].astype(np.int64)


def found_among(scores: Float64s, candidates: Bools, share: float) -> Float64s:
    """(m,) whether each line's own next line is among the first `share` of its candidates.

    scores, candidates: (m, m), the right answer on the diagonal, always a candidate. A fraction
    where ties or the size of the share leave it to chance: a random order gives `share`. NaN where
    there is no other candidate.
    """
    right = np.diagonal(scores)[:, None]
    others = candidates & ~np.eye(len(scores), dtype=bool)
    above = np.count_nonzero(others & (scores > right), axis=1)
    equal = np.count_nonzero(others & (scores == right), axis=1)
    number = np.count_nonzero(others, axis=1)
    found = np.clip((share * (number + 1) - above) / (equal + 1), 0, 1)
    return np.where(number > 0, found, np.nan)


def ahead(scores: Float64s, candidates: Bools) -> Float64s:
    """(m,) the share of its other candidates that each line's own next line stands before.

    Ties count half, so a random order gives 0.5, however few the candidates; NaN without any.
    """
    right = np.diagonal(scores)[:, None]
    others = candidates & ~np.eye(len(scores), dtype=bool)
    behind = np.count_nonzero(others & (scores < right), axis=1)
    equal = np.count_nonzero(others & (scores == right), axis=1)
    number = np.count_nonzero(others, axis=1)
    return np.where(number > 0, (behind + equal / 2) / np.maximum(number, 1), np.nan)


def form_scores(form_of: Form) -> dict[str, Float64s]:
    """(m, m) scores by form alone, of m lines and then their m next lines: the baselines."""
    m = len(form_of.length) // 2

    def apart(values: Int64s) -> Float64s:
        return np.abs(values[:m, None] - values[None, m:]).astype(np.float64)

    rhymes = _equal(form_of.final) & (form_of.final[:m, None] >= 0)
    length, blanks = apart(form_of.length), apart(form_of.blanks)
    return {
        "length and blanks": -length - blanks,
        "final alone": rhymes.astype(np.float64),
        "final, then length and blanks": 1000.0 * rhymes - length - blanks,
    }


def _equal(values: Int64s) -> Bools:
    m = len(values) // 2
    return np.asarray(values[:m, None] == values[None, m:])


def candidate_sets(pairs: Pairs, form_of: Form) -> dict[str, Bools]:
    """(m, m) which next lines stand against each line's own, by what is held equal.

    Form is that of the true next line, so that it can't point to it.
    """
    m = len(pairs.lines)
    following = [values[m:] for values in (form_of.length, form_of.blanks, form_of.final)]
    length, blanks, final = (values[:, None] == values[None, :] for values in following)
    held = [[set(form(text)) for text in side] for side in (pairs.lines, pairs.following)]
    apart = np.array([[not a & b for b in held[1]] for a in held[0]], dtype=np.bool_)
    own = np.eye(m, dtype=bool)
    return {
        "all": np.ones((m, m), dtype=bool),
        "same length and blanks": length & blanks,
        "same final": final,
        "same length, blanks and final": length & blanks & final,
        "share no character": apart | own,
        "share none, same form": (apart | own) & length & blanks & final,
    }


def spaces(
    pairs: Pairs, vectors: Mapping[str, Float32s], classes: Sequence[Int64s] = ()
) -> dict[str, Float64s]:
    """(m, m) scores of each space: TF-IDF, and the cosines of each model's `vectors` (2m, d).

    classes: (2m,) each, what is taken out of the vectors first.
    """
    m = len(pairs.lines)
    found = {}
    if not classes:
        scores = character_pairs(pairs.lines, pairs.following, load_backend("cpu"))
        found[TFIDF] = np.asarray(scores(slice(0, m), np.arange(m)), dtype=np.float64)
    for name, given in vectors.items():
        units = explained_away(given, classes) if classes else given
        found[name] = (units[:m] @ units[m:].T).astype(np.float64)
    return found


@dataclass(frozen=True)
class Measured:
    """A share of lines whose next line was found, its 95 % interval, and how many were asked."""

    space: str
    setting: str
    value: float
    interval: Interval
    asked: int


def measure(space: str, setting: str, found: Float64s, pairs: Pairs, seed: int) -> Measured:
    """Mean and interval of `found` (m,), NaN left out."""
    known = np.isfinite(found)
    within = mean_interval(found[known], pairs.units[known], DRAWS, seed)
    return Measured(space, setting, float(found[known].mean()), within, int(known.sum()))


def no_shared_character(
    pairs: Pairs,
    vectors: Mapping[str, Float32s],
    judge: Callable[[Float64s, Bools], Float64s],
    seed: int,
) -> list[Measured]:
    """Every space and every form baseline, in every set of candidates, and with form taken out.

    judge: `found_among` or `ahead`, of scores and candidates.
    """
    form_of = forms((*pairs.lines, *pairs.following))
    sets = candidate_sets(pairs, form_of)
    rows = [
        measure(name, setting, judge(scores, candidates), pairs, seed)
        for name, scores in {**spaces(pairs, vectors), **form_scores(form_of)}.items()
        for setting, candidates in sets.items()
    ]
    line, every = (form_of.length, form_of.blanks), "share no character"
    for title, classes in (
        ("length and blanks", line),
        ("final", (form_of.final,)),
        ("all three", (*line, form_of.final)),
    ):
        for name, scores in spaces(pairs, vectors, classes).items():
            setting = f"{every}; {title} taken out"
            rows.append(measure(name, setting, judge(scores, sets[every]), pairs, seed))
    return rows


def all_pairs(pairs: Pairs, vectors: Mapping[str, Float32s], seed: int) -> list[Measured]:
    """Reciprocal rank and share among the first ten, and both less TF-IDF's, of every space."""
    scores = spaces(pairs, vectors)
    every = np.ones((len(pairs.lines),) * 2, dtype=bool)
    rows = []
    for title, judged in (("mean reciprocal rank", _reciprocal), ("recall at 10", _first_ten)):
        found = {name: judged(values, every) for name, values in scores.items()}
        for name, own in found.items():
            rows.append(measure(name, title, own, pairs, seed))
            if name != TFIDF:
                less = own - found[TFIDF]
                rows.append(measure(name, f"{title}, less TF-IDF", less, pairs, seed))
    return rows


def _first_share(scores: Float64s, candidates: Bools) -> Float64s:
    return found_among(scores, candidates, SHARE)


def _first_ten(scores: Float64s, candidates: Bools) -> Float64s:
    return found_among(scores, candidates, FIRST / len(scores))


def _reciprocal(scores: Float64s, candidates: Bools) -> Float64s:
    """1 / the expected rank; all candidates stand."""
    right = np.diagonal(scores)[:, None]
    above = np.count_nonzero(scores > right, axis=1)
    equal = np.count_nonzero(scores == right, axis=1)
    return 1.0 / (above + (equal + 1) / 2)


def render(rows: Sequence[Measured]) -> str:
    """A Markdown table: a row a setting, a column a space."""
    names = list(dict.fromkeys(row.space for row in rows))
    settings = list(dict.fromkeys(row.setting for row in rows))
    cells = {(row.space, row.setting): _cell(row) for row in rows}
    head = [f"| | {' | '.join(names)} |", f"|---{'|---' * len(names)}|"]
    body = [
        f"| {setting} | {' | '.join(cells.get((name, setting), '') for name in names)} |"
        for setting in settings
    ]
    return "\n".join([*head, *body]) + "\n"


def _cell(row: Measured) -> str:
    low, high = row.interval or (np.nan, np.nan)
    return f"{row.value:.3f} ({low:.3f} to {high:.3f}; {row.asked})"


def embed_pairs(samples: Sequence[Pairs], model: str) -> list[Float32s]:
    """(2m, d) unit vectors of each sample's lines and then their next lines."""
    encoder = load_encoder(EmbeddingConfig(model=model), load_backend("cpu"), download=False)
    every = [text for pairs in samples for text in (*pairs.lines, *pairs.following)]
    row, distinct = pd.factorize(np.asarray(every, dtype=object))
    edges = np.cumsum([2 * len(pairs.lines) for pairs in samples])[:-1]
    return np.split(encoder.encode(distinct.tolist())[row], edges)


def unseen(pairs: Pairs, models: Sequence[str]) -> Bools:
    """(m,) whether no model's folder says that it was trained on a pair.

    Raises `InputError` for a model that was trained and doesn't say on what.
    """
    from rapids_rap.embedding.model import resolve_model

    hashes = hash_pairs(zip(pairs.lines, pairs.following, strict=True))
    seen = np.zeros(len(hashes), dtype=np.bool_)
    for model in models:
        spec = resolve_model(EmbeddingConfig(model=model), "float32", download=False)
        known = read_trained_on(spec.folder)
        if known is None:
            raise InputError(f"{model}: was trained, but its folder holds no record of the songs.")
        seen |= are_among(hashes, known)
    return ~seen


def study(
    pairs: Pairs, models: Sequence[str], most: int, seed: int, say: Callable[[str], None]
) -> None:
    """Say both tables. Raises `InputError` where there are too few pairs."""
    allowed = unseen(pairs, models)
    apart = share_nothing(pairs)
    samples = [
        sample_pairs(pairs, allowed, most, seed),
        sample_pairs(pairs, allowed & apart, most, seed),
    ]
    if min(len(sample.lines) for sample in samples) < 100:
        raise InputError("fewer than 100 pairs of lines are left; give more lines.")
    say(
        f"{len(pairs.lines)} pairs, {np.count_nonzero(~allowed)} of them trained on and left out, "
        f"{np.count_nonzero(apart)} share no character.\n"
    )
    embedded = {model: embed_pairs(samples, model) for model in models}
    vectors = [{name: both[i] for name, both in embedded.items()} for i in range(2)]
    m = [len(sample.lines) for sample in samples]
    say(f"{m[0]} pairs (chance at 10: {FIRST / m[0]:.4f})\n")
    say(render(all_pairs(samples[0], vectors[0], seed)))
    for title, judge in (
        (f"among the first 1/30 (chance {SHARE:.3f})", _first_share),
        ("share of the candidates behind the right one (chance 0.5)", ahead),
    ):
        say(f"{m[1]} pairs that share no character: {title}\n")
        say(render(no_shared_character(samples[1], vectors[1], judge, seed)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("lyrics", type=Path, nargs="+", metavar="LYRICS", help="files of lyrics")
    parser.add_argument("--model", action="append", required=True, help="name or folder; repeat")
    parser.add_argument("--pairs", type=int, default=3000)
    parser.add_argument("--limit", type=int, default=0, help="lines that are read; 0: all")
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args(arguments)
    try:
        pairs = read_pairs(options.lyrics, options.limit)
        study(pairs, options.model, options.pairs, options.seed, print)
    except RapError as error:
        parser.exit(error.exit_code, f"{error}\n")


if __name__ == "__main__":
    main()
