"""What the clusters follow: the form of the lines, their meaning, or who wrote them.

Silhouette can't tell clusters of seven-character lines from clusters of food, night and money; the
eye can. Each fact here was not used to make the clusters, and stands beside its null: clusters of
the same sizes with shuffled members (which is 0), and such clusters shuffled among lines of equal
length (the baseline).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from array_api_compat import array_namespace, device

from rapids_rap.arrays import Bools, Int64s, UInt64s
from rapids_rap.backend.kept import require_between, require_columns
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.quality.figures import Figure
from rapids_rap.quality.information import (
    NOTHING_TOLD,
    Labelings,
    Told,
    difference,
    label_shuffles,
    strongest,
    told,
)
from rapids_rap.quality.seen import FEWEST, memorised_songs
from rapids_rap.quality.traits import cluster_traits
from rapids_rap.words.around import words_around
from rapids_rap.words.segment import Tokens
from rapids_rap.words.shapes import NOTHING, Shape, line_shapes

VERSION = 1  # raise it when the same arguments give another result

SHUFFLES = 20
MOST, MOST_AROUND = 50_000, 10_000  # clustered texts that are looked at; whose surroundings are
BLOCK = 50  # lines that stand for a song where none is known
BLOCKS = f"blocks of {BLOCK} lines"
LITTLE = 0.02  # of a fact: clusters that tell no more follow nothing
BASELINE = "clusters shuffled among lines of equal length"


_MEANINGS = {
    "length": "do clusters tell how many characters a line has?",
    "blanks": "do clusters tell how many blanks a line has?",
    "rhyme": "do clusters tell the final of a line's last character?",
    "script": "do clusters tell in which script a line is written?",
    "first_character": "do clusters tell a line's first character?",
    "repetition": "do clusters tell how much a line repeats itself?",
    "lexicon": "do clusters tell a line's largest category in the lexicon, of lines with a hit?",
    "words_around": "do clusters tell the words of the lines around, of those that share no "
    "character with the line?",
    "artist": "do clusters tell who wrote a line?",
    "song": "do clusters tell which song a line is from?",
}
_MEMORISED = ("words_around", "artist", "song")


@dataclass(frozen=True)
class Follows:
    """What the clusters follow.

    figures: `follows`, then `form`, `meaning` and `origin`, each figure by name, as quality.json
    has them. clusters: as of `cluster_traits`.
    """

    figures: dict[str, Any]
    clusters: pd.DataFrame


def check_kept(kept: Follows, labels: Array, *_: object) -> None:
    """Raises ValueError for facts that these arguments can't have given."""
    kinds = {"cluster": "i", "side": "t", "fact": "t", "value": "t"}
    shares = dict.fromkeys(("share", "elsewhere", "beyond_rest"), "f")
    require_columns("clusters", kept.clusters, kinds | shares)
    highest = int(array_namespace(labels).max(labels)) if int(labels.shape[0]) else -1
    require_between("cluster", kept.clusters["cluster"].to_numpy(), 0, highest)


@dataclass(frozen=True)
class _Facts:
    """The sampled clustered texts, u of them: their ids, clusters, groups and what is known."""

    texts: Int64s
    clusters: Int64s
    groups: Int64s
    sides: dict[str, dict[str, Shape]]


def what_clusters_follow(
    labels: Array,
    hits: Array,
    categories: Sequence[str],
    lines: pd.DataFrame,
    texts: Sequence[str],
    tokens: Tokens,
    stop: Sequence[str],
    trained_on: UInt64s | None,
    backend: Backend,
    seed: int | None,
) -> Follows:
    """Form, meaning and origin, each by adjusted mutual information with the clusters.

    labels: (n,) int64 of n distinct texts, -1 noise, which is left out. hits: (n, categories)
    int64. lines: a row an occurrence in reading order. trained_on: as of `retrieve`; figures that a
    model could have learnt by heart leave its songs out. Of more than `MOST` clustered texts whole
    songs are drawn until they suffice. Where no song is known, blocks of `BLOCK` lines stand for
    songs, in intervals too.
    """
    seed = 0 if seed is None else seed
    own, category = backend.to_host(labels), backend.to_host(largest_category(hits))
    first = lines.drop_duplicates("text_id").set_index("text_id").sort_index()
    facts = _facts(own, category, categories, texts, song_blocks(first), seed)
    facts.sides["origin"] = {
        "artist": _named(first["artist"].iloc[facts.texts]),
        "song": _named(first["song_id"].iloc[facts.texts]),
    }
    shuffles = _shuffles(facts, seed)
    songs = int(lines["song_id"].nunique())
    sung = lines if songs else _in_blocks(lines, first)
    seen, told_of_it = memorised_songs(sung, texts, trained_on, backend)
    unseen = _unseen(facts.texts, sung, seen)
    found = _told_of(facts, shuffles, unseen)
    asked = np.random.default_rng(seed).permutation(np.flatnonzero(unseen))[:MOST_AROUND]
    found["meaning"]["words_around"] = _told_by_surroundings(
        shuffles, facts.texts, asked, lines, texts, tokens, stop
    )
    enough = int(sung["song_id"].nunique()) - len(seen) >= FEWEST
    notes = dict.fromkeys(_MEMORISED, told_of_it) if len(seen) else {}
    if notes and not enough:
        _forget(found)
    over = "songs" if songs else BLOCKS
    del facts.sides["origin"]  # cluster_artists.csv says who
    figures: dict[str, Any] = {"follows": _summary(found, over).with_interval()}
    for key, figure in _figures(found, over, notes).items():
        side, name = key.split(".")
        figures.setdefault(side, {})[name] = figure.with_interval()
    return Follows(figures, cluster_traits(facts.clusters, facts.sides))


def shared_follows(
    labels: Int64s,
    category: Int64s,
    categories: Sequence[str],
    texts: Sequence[str],
    groups: Int64s,
    over: str,
    seed: int,
) -> dict[str, Figure]:
    """Form and the lexicon's categories alone, of runs that are compared: by `side.fact`.

    labels, groups: (n,) int64 cluster of each text, -1 noise, and what intervals resample, in the
    words of `over`. category: (n,) int64, as of `largest_category`.
    """
    facts = _facts(labels, category, categories, texts, groups, seed)
    found = _told_of(facts, _shuffles(facts, seed), np.ones(len(facts.texts), dtype=bool))
    return {"follows": _summary(found, over), **_figures(found, over, {})}


def _each(facts: _Facts) -> Iterator[tuple[str, str, Shape]]:
    for side, shapes in facts.sides.items():
        for name, shape in shapes.items():
            yield side, name, shape


def _facts(
    labels: Int64s,
    category: Int64s,
    categories: Sequence[str],
    texts: Sequence[str],
    groups: Int64s,
    seed: int,
) -> _Facts:
    chosen = _sample(np.flatnonzero(labels >= 0), groups, seed)
    return _Facts(
        texts=chosen,
        clusters=labels[chosen],
        groups=groups[chosen],
        sides={
            "form": line_shapes([texts[t] for t in chosen.tolist()]),
            "meaning": {"lexicon": Shape(category[chosen], tuple(categories))},
        },
    )


def _shuffles(facts: _Facts, seed: int) -> Labelings:
    length = facts.sides["form"]["length"].codes
    return label_shuffles(facts.clusters, length, facts.groups, SHUFFLES, seed)


def _told_of(facts: _Facts, shuffles: Labelings, unseen: Bools) -> dict[str, dict[str, Told]]:
    """What the clusters tell of each fact; of `unseen` texts what a model may know by heart."""
    found: dict[str, dict[str, Told]] = {side: {} for side in facts.sides}
    for side, name, shape in _each(facts):
        units = np.flatnonzero((shape.codes >= 0) & (unseen | (name not in _MEMORISED)))
        found[side][name] = told(shuffles, units, shape.codes[units])
    found["form"]["length"] = replace(found["form"]["length"], within=None)  # by its very strata
    return found


def largest_category(hits: Array) -> Array:
    """(n,) int64: the category with most of a text's hits (n, categories), `NOTHING` without any.

    Of equals the first, as on the map of categories.
    """
    xp = array_namespace(hits)
    nothing = xp.full((hits.shape[0],), NOTHING, dtype=xp.int64, device=device(hits))
    if not hits.shape[1]:
        return nothing
    best = xp.astype(xp.argmax(hits, axis=1), xp.int64)
    return xp.where(xp.max(hits, axis=1) > 0, best, nothing)


def _named(values: pd.Series) -> Shape:
    codes, names = pd.factorize(values)  # missing ones are -1
    return Shape(codes.astype(np.int64), tuple(map(str, names)))


def song_blocks(first: pd.DataFrame) -> Int64s:
    """(n,) int64: what texts are resampled with: their song, or the block of lines they lie in.

    first: the first occurrence of each text, with song_id, line_no, and file where it is known.
    """
    file = first["file"] if "file" in first.columns else [""] * len(first)
    block = list(zip(file, (first["line_no"] - 1) // BLOCK, strict=True))
    known = first["song_id"].notna()
    key = first["song_id"].astype(object).where(known, pd.Series(block, first.index))
    return pd.factorize(key)[0].astype(np.int64)


def _sample(clustered: Int64s, group: Int64s, seed: int) -> Int64s:
    """The clustered texts, ascending: of whole groups, drawn at random until there are `MOST`."""
    if len(clustered) <= MOST:
        return clustered
    kinds, of, sizes = np.unique(group[clustered], return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(kinds))
    drawn = order[: int(np.searchsorted(np.cumsum(sizes[order]), MOST)) + 1]
    return clustered[np.isin(of, drawn)]


def _unseen(chosen: Int64s, lines: pd.DataFrame, seen: Int64s) -> Bools:
    """(u,) bool: whether a text stands in no song that the model was trained on."""
    if not len(seen):
        return np.ones(len(chosen), dtype=bool)
    held = lines.loc[lines["song_id"].isin(seen.tolist()), "text_id"].to_numpy(np.int64)
    return ~np.isin(chosen, held)


def _told_by_surroundings(
    shuffles: Labelings,
    chosen: Int64s,
    asked: Int64s,
    lines: pd.DataFrame,
    texts: Sequence[str],
    tokens: Tokens,
    stop: Sequence[str],
) -> Told:
    """What the clusters tell of the words around `asked`, positions among the `chosen` texts."""
    wanted = np.zeros(len(texts), dtype=bool)
    wanted[chosen[asked]] = True
    around = words_around(lines, texts, wanted, tokens, stop)
    place = np.searchsorted(chosen, around.texts)
    return told(shuffles, place, around.words)


def _forget(found: dict[str, dict[str, Told]]) -> None:
    """Empty the figures that a model could know by heart."""
    for parts in found.values():
        for name in parts.keys() & set(_MEMORISED):
            parts[name] = NOTHING_TOLD


def _in_blocks(lines: pd.DataFrame, first: pd.DataFrame) -> pd.DataFrame:
    """Lines of which no song is known, with the block of each for its song."""
    place = pd.Series(song_blocks(first), index=first.index)
    return lines.assign(song_id=lines["text_id"].map(place).astype("Int64"))


def _figures(
    found: Mapping[str, Mapping[str, Told]], over: str, notes: Mapping[str, str]
) -> dict[str, Figure]:
    return {
        f"{side}.{name}": _figure(name, one, over, notes.get(name, ""))
        for side, parts in found.items()
        for name, one in parts.items()
    }


def _figure(name: str, one: Told, over: str, note: str) -> Figure:
    facts: dict[str, Any] = {"rows": one.observations}
    if one.value is not None:
        facts |= {"shuffled_at_most": one.shuffled, "interval_over": over}
    elif not note:
        why = "one cluster or one value only" if one.observations else "no clustered line has any"
        note = f"not computed: {why}"
    if note:
        facts["note"] = note
    named = BASELINE if one.within is not None else ""
    return Figure(one.value, one.within, named, _MEANINGS[name], one.interval, facts)


def _summary(found: Mapping[str, Mapping[str, Told]], over: str) -> Figure:
    """Meaning less form, what the clusters follow, and the sentences of it."""
    best = {"form": _best(found["form"]), "meaning": ("lexicon", found["meaning"]["lexicon"])}
    if "origin" in found:
        best["origin"] = ("artist", found["origin"]["artist"])
    balance = difference(best["meaning"][1], best["form"][1])
    followed = _followed({side: one for side, (_, one) in best.items()})
    english, chinese = _sentences(followed, best)
    value, interval = (None, None) if balance is None else balance
    facts = {"followed": followed, "strongest_form": best["form"][0], "interval_over": over}
    return Figure(
        value,
        0.0 if value is not None else None,
        "form as strong as meaning",
        "do clusters tell a line's category in the lexicon better than any trait of its form?",
        interval,
        {**facts, "sentence": english, "chinese": chinese},
    )


def _best(parts: Mapping[str, Told]) -> tuple[str, Told]:
    place = strongest(list(parts.values()))
    return ("", NOTHING_TOLD) if place is None else list(parts.items())[place]


def _followed(best: Mapping[str, Told]) -> list[str] | None:
    """The sides that the clusters tell most of: the first, and those it does not surely lead.

    Empty where they tell no more of any than chance, or next to nothing; None where form or meaning
    was not computed.
    """
    if best["form"].value is None or best["meaning"].value is None:
        return None
    known = [side for side in best if best[side].value is not None]
    ranked = sorted(known, key=lambda side: -(best[side].value or 0.0))
    first = best[ranked[0]]
    if (first.value or 0.0) <= max(first.shuffled or 0.0, LITTLE):
        return []
    return [side for side in ranked if side == ranked[0] or not _leads(first, best[side])]


def _leads(first: Told, other: Told) -> bool:
    lead = difference(first, other)
    return lead is not None and lead[1] is not None and lead[1][0] > 0


def _sentences(
    followed: Sequence[str] | None, best: Mapping[str, tuple[str, Told]]
) -> tuple[str | None, str | None]:
    """What the clusters follow, in English and in Chinese; None where it was not computed."""
    if followed is None:
        return None, None
    told_of = {side: _quoted(*one) for side, one in best.items() if one[1].value is not None}
    english = [f"{ENGLISH[side]} ({quoted[0]})" for side, quoted in told_of.items()]
    chinese = [f"{CHINESE[side]}（{quoted[1]}）" for side, quoted in told_of.items()]
    if followed:
        alike = len(followed) > 1
        head = (
            f"The clusters follow {' and '.join(ENGLISH[side] for side in followed)}"
            + alike * ", none surely more",
            f"聚类{'同时' if alike else '主要'}依据{'与'.join(CHINESE[side] for side in followed)}"
            + alike * "，难分先后",
        )
    else:
        head = ("The clusters follow nothing that was looked at", "聚类与所查各项几乎无关")
    scale = ("adjusted mutual information: 0 for shuffled clusters", "调整互信息，打乱的聚类为 0")
    return (
        f"{head[0]}: {', '.join(english)}; {scale[0]}.",
        f"{head[1]}：{'，'.join(chinese)}；{scale[1]}。",
    )


ENGLISH = {"form": "form", "meaning": "meaning", "origin": "the artist"}
CHINESE = {"form": "形式", "meaning": "意义", "origin": "歌手"}
_CHINESE_FACTS = {
    "length": "字数",
    "blanks": "空格数",
    "rhyme": "韵母",
    "script": "文字",
    "first_character": "首字",
    "repetition": "重复",
    "lexicon": "情感词类别",
    "artist": "歌手",
}


def _quoted(name: str, one: Told) -> tuple[str, str]:
    spans = "" if one.interval is None else f" [{one.interval[0]:.3f}, {one.interval[1]:.3f}]"
    value = f"{one.value:.3f}{spans}"
    return f"{name.replace('_', ' ')} {value}", f"{_CHINESE_FACTS[name]} {value}"
