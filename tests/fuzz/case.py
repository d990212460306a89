"""What every generator shares: the case that it makes, random text, random damage, settings."""

import random
from dataclasses import dataclass

from tests.fuzz.planted import Truth
from tests.fuzz.words import LINES, PIECES, WORDS


@dataclass(frozen=True)
class Case:
    """files: by name, below the input folder. toml: a configuration file, or None.

    truth: what is known of the lines, None where nothing is.
    """

    kind: str
    files: dict[str, bytes]
    settings: tuple[str, ...] = ()
    toml: bytes | None = None
    truth: Truth | None = None


def text_of(rng: random.Random, lines: int = 30) -> str:
    """Lines of lyrics, credits, tags and rubbish."""
    out = []
    for _ in range(rng.randrange(lines)):
        if rng.random() < 0.5:
            out.append(rng.choice(LINES))
        else:
            out.append("".join(rng.choices(WORDS, k=rng.randrange(1, 9))))
    return rng.choice(("\n", "\r\n", "\r", "\n\n")).join(out)


def mutated(rng: random.Random, data: bytes) -> bytes:
    """The bytes with a few flips, cuts, repeats and insertions; often as they are."""
    for _ in range(rng.choice((0, 0, 0, 0, 1, 1, 2, 12))):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((1, 1, 2, 8, 64)))
        match rng.randrange(6):
            case 0:
                data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
            case 1:
                data = data[:at] + data[end:]
            case 2:
                data = data[:at] + data[at:end] * rng.choice((2, 3, 50)) + data[end:]
            case 3 | 4:
                data = data[:at] + rng.choice(PIECES) + data[at:]
            case 5:
                data = data[:at]
    return data


def reading(rng: random.Random) -> tuple[str, ...]:
    """Settings of input and corpus, sometimes."""
    every = (
        "input.encoding=gb18030",
        "input.encoding=utf-8",
        "input.limit=3",
        "input.text=歌词",
        "input.artist=nobody",
        "corpus.unit=stanza",
        "corpus.unit=song",
        "corpus.credits=false",
        "corpus.headers=false",
        "corpus.markup=false",
        "corpus.markers=false",
        "corpus.links=false",
        "corpus.symbols=false",
        "corpus.script=keep",
        "corpus.translations=true",
    )
    return tuple(rng.sample(every, rng.choice((0, 0, 0, 0, 0, 1, 3))))
