"""Configurations that nobody would write, as files and as settings of a command."""

import random

from rapids_rap.settings import load_config, render_defaults
from tests.fuzz.case import Case, mutated


def make_toml(rng: random.Random, kind: str) -> Case:
    lines = render_defaults().splitlines()
    odd = (
        "seed = " + "9" * 5000,
        "a = " + "[" * 3000,
        "[layout.epochs]",
        "[[input]]",
        "seed = 1979-05-27",
        "input = 3",
        "[input]\npaths = [1, [2], {a = 3}]",
        "x.y.z = 1",
        '"" = 1',
        "[nightly]\nroot = 5",
        "[scale]\nx = 1",
        "[embedding]\nmodel = []",
        "seed = inf",
        "seed = nan",
        "seed = -0",
        "a." * 2000 + "b = 1",
        "[input]\npaths = '../../x'",
        'seed = "none"',
        "[" + "a." * 3000 + "b]",
        "\x00",
        "[train]\nviews = ['rhyme']",
        "[maps]\nwidth = 1e300",
        "[clusters]\nmin_cluster_size = true",
    )
    for _ in range(rng.choice((0, 0, 1, 3))):
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(odd))
    for _ in range(rng.choice((0, 2, 60))):
        lines.pop(rng.randrange(len(lines)))
    return Case(kind, {"f.txt": "今晚\n".encode()}, (), mutated(rng, "\n".join(lines).encode()))


def make_set(rng: random.Random, kind: str) -> Case:
    sections = load_config(None).model_dump()
    known = [
        f"{name}.{key}" for name, keys in sections.items() if isinstance(keys, dict) for key in keys
    ]
    values = (
        "1",
        "3",
        "0.5",
        "20",
        "-1",
        "1e999",
        "nan",
        "true",
        '"',
        "[[[[",
        "[" * 3000,
        "{a=1}",
        "../../x",
        "\x00",
        "\ud800",
        "9" * 5000,
        "",
        " ",
        "[1,2]",
        "'x'",
        "none",
        "auto",
        "1979-05-27",
        "\n[maps]\nwidth=400",
        "\x1b[31m",
        "=",
    )

    def key() -> str:
        right = rng.choice(known)
        return (
            right
            if rng.random() < 0.8
            else rng.choice(
                (
                    "seed",
                    "",
                    ".",
                    "é." + right,
                    right + ".x",
                    right[1:],
                    "scale.x",
                    "seed.x",
                    right * 50,
                )
            )
        )

    settings = tuple(
        f"{key()}{rng.choice(('=', '=', '=', '=', '=', '==', ' = ', '', ':'))}{rng.choice(values)}"
        for _ in range(rng.randrange(1, 3))
    )
    return Case(kind, {"f.txt": "今晚\n".encode()}, settings)
