"""What a writer is measured against: each answers the same requests in its own way.

Plain sampling of the tuned model and of its base, a 5-gram under the same constraints, and real
lines that fit. Each is a function of the requests and the seed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rapids_rap.writer.conditions import Conditions, header
from rapids_rap.writer.measures import rhyming_pairs
from rapids_rap.writer.prosody import PARTICLES, rhyme_length, syllables
from rapids_rap.writer.songs import Song
from rapids_rap.writer.text import backwards, encode

ORDER = 5
MOST_SONGS = 2_000  # that the 5-gram counts
TOGETHER = 8  # requests that are sampled at once

Verse = tuple[str, ...]


@dataclass(frozen=True)
class Request:
    """What is asked of every system: `lines` lines under these conditions.

    song: of whose conditions they are, by which intervals are resampled. passage: its lines, of
    which the request was made.
    """

    conditions: Conditions
    lines: int
    song: int
    passage: Verse = ()

    def syllables(self, line: int) -> int:
        """Asked of a line."""
        asked = self.conditions.syllables or (8,)
        return asked[line % len(asked)]

    @property
    def partners(self) -> Mapping[int, int]:
        """The line before it that a line is to rhyme with."""
        scheme = self.conditions.rhyme
        if scheme is None or scheme == "free":
            return {}
        return {later: first for first, later in rhyming_pairs(scheme, self.lines)}


def sample_verses(
    model: Any, tokenizer: Any, requests: Sequence[Request], seed: int, *, tuned: str
) -> list[Verse]:
    """Plain sampling (nucleus 0.95), nothing enforced; the first lines that come.

    tuned: "" for a base model, which is told in words; else how a tuned one reads lines, `forward`
    or `from_end`.
    """
    found: list[Verse] = []
    for begin in range(0, len(requests), TOGETHER):
        part = requests[begin : begin + TOGETHER]
        if tuned:
            prompts = [encode(tokenizer, header(one.conditions)) for one in part]
        else:
            prompts = tokenizer([instruction(one) for one in part])["input_ids"]
        torch.manual_seed(seed + begin)
        texts = _sampled(model, tokenizer, prompts, part)
        found += [_lines(text, one.lines) for text, one in zip(texts, part, strict=True)]
    if tuned == "from_end":
        return [tuple(map(backwards, verse)) for verse in found]
    return found


@torch.inference_mode()
def _sampled(
    model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], requests: Sequence[Request]
) -> list[str]:
    longest = max(map(len, prompts))
    pad = tokenizer.pad_token_id
    ids = torch.tensor([[pad] * (longest - len(own)) + list(own) for own in prompts])
    mask = torch.tensor([[0] * (longest - len(own)) + [1] * len(own) for own in prompts])
    wanted = max(sum(one.syllables(i) + 1 for i in range(one.lines)) for one in requests)
    most = getattr(model.config, "max_position_embeddings", 2**20) - longest
    out = model.generate(
        input_ids=ids.to(model.device),
        attention_mask=mask.to(model.device),
        do_sample=True,
        top_p=0.95,
        top_k=0,
        max_new_tokens=max(1, min(most, 2 * wanted)),
        pad_token_id=pad,
        eos_token_id=tokenizer.eos_token_id,
    )
    return list(tokenizer.batch_decode(out[:, longest:], skip_special_tokens=True))


def _lines(text: str, most: int) -> Verse:
    return tuple(line.strip() for line in text.split("\n") if line.strip())[:most]


def instruction(request: Request) -> str:
    """The request in words, as a model is asked that knows no header."""
    asked = request.conditions
    parts = [
        f"主题是{asked.theme.name}" if asked.theme else "",
        f"歌手来自{asked.region}" if asked.region else "",
        f"情绪是{asked.emotion}" if asked.emotion else "",
        f"按{asked.rhyme}押韵" if asked.rhyme and asked.rhyme != "free" else "",
        f"各行字数依次为{'、'.join(map(str, asked.syllables))}" if asked.syllables else "",
    ]
    told = "，".join(part for part in parts if part)
    return f"写{request.lines}行中文说唱歌词，{told}。每行一句，不要标点。\n歌词：\n"


class FiveGram:
    """Characters of the training songs, each by the four before it, with shorter ones to fall to.

    Stupid backoff (Brants et al., EMNLP 2007): the longest context that was seen decides. Of many
    songs it counts the first `MOST_SONGS` by number alone, for it keeps every context in memory.
    """

    def __init__(self, songs: Sequence[Song]) -> None:
        self.after: dict[str, Counter[str]] = defaultdict(Counter)
        for song in songs[:MOST_SONGS]:
            text = "\n" + "\n".join(song.lines)
            for at in range(1, len(text)):
                if _is_sung(text[at]):
                    for size in range(ORDER):
                        if at - size >= 0:
                            self.after[text[at - size : at]][text[at]] += 1

    def write(self, requests: Sequence[Request], seed: int) -> list[Verse]:
        """A verse a request: exact lengths, and rhymes wherever a character can be had."""
        return [
            self._verse(one, np.random.default_rng([seed, 5, number]))
            for number, one in enumerate(requests)
        ]

    def _verse(self, request: Request, random: np.random.Generator) -> Verse:
        lines: list[str] = []
        for number in range(request.lines):
            partner = request.partners.get(number)
            line = ""
            for place in range(request.syllables(number)):
                last = place + 1 == request.syllables(number)
                rhymed = lines[partner] if last and partner is not None else None
                line += self._next(
                    "".join(f"\n{one}" for one in (*lines, line)), random, rhymed, last
                )
            lines.append(line)
        return tuple(lines)

    def _next(
        self, before: str, random: np.random.Generator, rhymed: str | None, last: bool
    ) -> str:
        """The next character; the last of a line rhymes with `rhymed` and is no particle."""
        line = before.rsplit("\n", 1)[1]
        first = ""
        for size in range(ORDER - 1, -1, -1):
            counts = self.after.get(before[len(before) - size :] if size else "")
            if not counts:
                continue
            for drawn in _drawn(counts, random):
                first = first or drawn
                if not last or _fits(line + drawn, drawn, rhymed):
                    return drawn
        return first


def _is_sung(character: str) -> bool:
    return "\u4e00" <= character <= "\u9fff"


def _drawn(counts: Counter[str], random: np.random.Generator) -> list[str]:
    """All of them, in an order drawn by their counts."""
    names = list(counts)
    share = np.array([counts[name] for name in names], dtype=np.float64)
    order = random.choice(len(names), len(names), replace=False, p=share / share.sum())
    return [names[int(i)] for i in order]


def _fits(line: str, last: str, rhymed: str | None) -> bool:
    return last not in PARTICLES and (rhymed is None or rhyme_length(rhymed, line) > 0)


class RealLines:
    """Lines of the training songs, put together as they fit: the songs of the theme first."""

    def __init__(self, songs: Sequence[Song]) -> None:
        self.lines: dict[int, dict[str, int | None]] = defaultdict(dict)
        for song in songs:
            for line in song.lines:
                self.lines[syllables(line)].setdefault(line, song.theme)
        self.lengths = sorted(self.lines)

    def write(self, requests: Sequence[Request], seed: int) -> list[Verse]:
        """A verse a request."""
        return [
            self._verse(one, np.random.default_rng([seed, 6, number]))
            for number, one in enumerate(requests)
        ]

    def _verse(self, request: Request, random: np.random.Generator) -> Verse:
        chosen: list[str] = []
        theme = request.conditions.theme.id if request.conditions.theme else None
        for number in range(request.lines):
            wanted = request.syllables(number)
            nearest = min(self.lengths, key=lambda own: (abs(own - wanted), own))
            pool = self._shuffled(nearest, theme, random)
            partner = request.partners.get(number)
            rhymed = None if partner is None else chosen[partner]
            new = (line for line in pool if line not in chosen)
            fitting = (line for line in new if rhymed is None or rhyme_length(rhymed, line))
            chosen.append(next(fitting, None) or pool[0])
        return tuple(chosen)

    def _shuffled(self, length: int, theme: int | None, random: np.random.Generator) -> list[str]:
        """The lines of that length in a drawn order, those of the theme before the others."""
        known = self.lines[length]
        names = list(known)
        order = [names[int(i)] for i in random.permutation(len(names))]
        return sorted(order, key=lambda line: known[line] != theme)
