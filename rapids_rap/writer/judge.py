"""`rapids-rap writer judge`: whether a writer does what it is asked, and whether it copies.

Requests are made of held-out songs' conditions. Every system answers the same ones and is measured
by the same counting (`measures`), which shares no code with what decodes, only pypinyin's readings.
Intervals resample the songs that requests were made of (95 %, percentile bootstrap).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.backend import load_backend
from rapids_rap.errors import CapabilityError, ConfigError, InputError
from rapids_rap.machine.device import DeviceResolution
from rapids_rap.progress import StageProgress
from rapids_rap.runs.files import (
    explain_os_errors,
    label_of,
    sha256_file,
    write_bytes,
    write_json,
)
from rapids_rap.runs.outputs import check_output_folder
from rapids_rap.runs.run import open_run
from rapids_rap.writer.base import Base, find_base, load_causal, load_tokenizer
from rapids_rap.writer.baselines import FiveGram, RealLines, Request, Verse, sample_verses
from rapids_rap.writer.compose import Asked, pen_of, write_songs
from rapids_rap.writer.conditions import STANZA, Rhyme
from rapids_rap.writer.copies import extraction
from rapids_rap.writer.examples import Example, make_examples
from rapids_rap.writer.folder import Writer, load
from rapids_rap.writer.perplexity import perplexities
from rapids_rap.writer.record import MEND
from rapids_rap.writer.scores import REAL, system_rows
from rapids_rap.writer.songs import Song, read_songs
from rapids_rap.writer.telling import sentences
from rapids_rap.writer.vocabulary import read_vocabulary

SCHEMES: tuple[Rhyme, ...] = ("AABB", "ABAB", "AAAA")  # asked for in turn
FILES = ("judgement.csv", "judgement.json", "verses.json")


@dataclass(frozen=True)
class Judgement:
    """table: a row a system and figure; verses: what each system wrote."""

    table: pd.DataFrame
    sentences: tuple[str, ...]
    requests: tuple[Request, ...]
    verses: dict[str, list[Verse]]
    document: dict[str, Any]


@dataclass(frozen=True)
class Known:
    """What a judgement rests on: the songs that the writer read, and those it did not."""

    writer: Writer
    train: list[Song]
    held_out: list[Song]
    themes: dict[int, str]


def judge_writer(
    folder: Path,
    out: Path | None,
    resolution: DeviceResolution,
    progress: StageProgress,
    *,
    run_folder: Path | None = None,
    count: int = 48,
    lines: int = 8,
    seed: int = 42,
) -> Judgement:
    """Measure a writer and its baselines on `count` requests of `lines` lines.

    run_folder: where the run lies now, if not where it was. Raises `InputError` for a run that is
    not the writer's, and where no song was held out.
    """
    if lines % STANZA:
        raise InputError(
            f"--lines {lines}: expected a multiple of {STANZA}, the lines of a scheme."
        )
    backend = load_backend(resolution.backend)
    progress.stage("corpus")
    known = _known(load(folder, backend.torch_device), run_folder, backend)
    run_path = run_folder or Path(known.writer.record["run"]["path"])
    if out is not None:
        check_output_folder(out, [folder / "config.json", run_path / "manifest.json"], FILES)
    requests = make_requests(known.held_out, known.themes, count, lines)
    base = _base(known.writer)
    progress.stage("judging")
    verses, missing = _verses(known, requests, base, backend.torch_device, seed, progress)
    rows = system_rows(known.train, known.held_out, requests, verses, missing, seed)
    progress.describe("perplexity of held-out songs")
    rows += perplexities(
        known.writer, known.held_out, known.themes, base, backend.torch_device, seed
    )
    progress.describe("extraction from prefixes")
    rows += extraction(known.writer, known.train, known.held_out, seed)
    found = _judgement(known, requests, verses, rows, seed)
    if out is not None:
        write_judgement(found, out)
    return found


def _known(writer: Writer, run_folder: Path | None, backend: Any) -> Known:
    """The songs of the writer's run, told by their texts. Raises `InputError`."""
    record = writer.record
    path = run_folder or Path(record["run"]["path"])
    if not path.is_dir():
        raise InputError(
            f"{label_of(path)}: the run that the writer read is not there; name it with --run."
        )
    songs = read_songs(open_run(path), backend, np.zeros(0, np.uint64))
    themes = {one["id"]: one["name"] for one in record["conditions"]["themes"]}
    allowed = {"theme": set(themes)} | {
        kind: set(record["conditions"][f"{kind}s"]) for kind in ("region", "emotion")
    }
    by_text = {song.sha256: song for song in songs}
    parts = [
        [
            _askable(by_text[one["sha256"]], allowed)
            for one in record[part]
            if one["sha256"] in by_text
        ]
        for part in ("seen_songs", "held_out_songs")
    ]
    read = {one["sha256"] for one in record["held_out_songs"] if one.get("read_by_base")}
    if len(parts[0]) < len(record["seen_songs"]):
        raise InputError(
            f"{label_of(path)}: holds {len(parts[0])} of the {len(record['seen_songs'])} songs "
            "that the writer read; name the run that it was trained on with --run."
        )
    _check_same_run(path, record)
    held_out = [song for song in parts[1] if song.sha256 not in read]
    if not held_out:
        raise InputError(
            f"{label_of(writer.folder)}: no song was held out that the model had not read, so "
            f"nothing can be judged; {MEND} with a larger --heldout."
        )
    return Known(writer, parts[0], held_out, themes)


def _check_same_run(path: Path, record: Mapping[str, Any]) -> None:
    """Raise `InputError` where a run was made again: its themes may have other numbers now."""
    if sha256_file(path / "lines.parquet") != record["run"]["lines_sha256"]:
        raise InputError(
            f"{label_of(path)}: its lines.parquet is not the one that the writer read, so its "
            f"themes may be others; name that run with --run, or {MEND}."
        )


def _askable(song: Song, allowed: dict[str, set]) -> Song:
    """The song without what the writer can't be asked for."""
    return replace(
        song,
        theme=song.theme if song.theme in allowed["theme"] else None,
        region=song.region if song.region in allowed["region"] else None,
        emotion=song.emotion if song.emotion in allowed["emotion"] else None,
    )


def make_requests(
    songs: Sequence[Song], themes: dict[int, str], count: int, lines: int
) -> tuple[Request, ...]:
    """Requests from passages of the songs, song by song in turn.

    Theme, region and emotion are the song's, the syllables those of the passage's first four lines,
    and the schemes come in turn.
    """
    examples = make_examples(songs, themes)
    by_song: dict[int, list[Example]] = {}
    for one in examples:
        if len(one.lines) >= STANZA and one.conditions.syllables:
            by_song.setdefault(one.song, []).append(one)
    if not by_song:
        raise InputError(
            f"No held-out song has a passage of {STANZA} lines, so nothing can be asked; {MEND} "
            "with a larger --heldout."
        )
    turns = islice(
        ((number, own[t % len(own)]) for t in range(count) for number, own in by_song.items()),
        count,
    )
    found = []
    for place, (number, one) in enumerate(turns):
        asked = replace(
            one.conditions,
            rhyme=SCHEMES[place % len(SCHEMES)],
            syllables=_first_four(one.conditions.syllables or ()),
            language="chinese",
            hook=False,
        )
        found.append(Request(asked, lines, number, one.lines))
    return tuple(found)


def _first_four(counts: tuple[int, ...]) -> tuple[int, ...]:
    """The pattern of four lines, within what a line of rap has."""
    four = [counts[i % len(counts)] for i in range(STANZA)]
    return tuple(min(16, max(4, own)) for own in four)


def _base(writer: Writer) -> Base | str:
    """The model that was tuned, or why it can't be asked."""
    said = writer.record["base"]
    try:
        base = find_base(said["model"], download=False)
    except (CapabilityError, InputError) as error:
        return f"not computed: {error}"
    if base.fingerprint != said["fingerprint"]:
        return f"not computed: the model {said['model']} is another one than was tuned"
    return base


def _verses(
    known: Known,
    requests: Sequence[Request],
    base: Base | str,
    device: str,
    seed: int,
    progress: StageProgress,
) -> tuple[dict[str, list[Verse]], dict[str, str]]:
    """What every system wrote; and the systems that could not, with the reason."""
    writer = known.writer
    tuned = "from_end" if writer.record.get("from_end") else "forward"
    systems: dict[str, Callable[[], list[Verse]]] = {
        "writer": lambda: constrained_verses(writer, requests, seed),
        "no constraints": lambda: sample_verses(
            writer.model, writer.tokenizer, requests, seed, tuned=tuned
        ),
        "5-gram": lambda: FiveGram(known.train).write(requests, seed),
        "real lines": lambda: RealLines(known.train).write(requests, seed),
        REAL: lambda: held_out_verses(requests),
    }
    missing = {}
    if isinstance(base, Base):
        systems["base prompted"] = lambda: _of_base(base, device, requests, seed)
    else:
        missing["base prompted"] = base
    verses = {}
    for number, (name, write) in enumerate(systems.items()):
        progress.describe(name)
        progress.advance(number, len(systems))
        verses[name] = write()
    return verses, missing


def constrained_verses(writer: Writer, requests: Sequence[Request], seed: int) -> list[Verse]:
    """What `writer write` writes, a song a request."""
    pen = pen_of(
        writer.model,
        writer.tokenizer,
        read_vocabulary(writer.tokenizer, writer.model.config.vocab_size),
        writer.index(),
        from_end=bool(writer.record.get("from_end")),
    )
    found: list[Verse] = []
    for number, one in enumerate(requests):
        asked = Asked(one.conditions, one.lines, seed=seed + number)
        try:
            (song,) = write_songs(pen, writer.tokenizer, asked)
        except ConfigError:  # nothing sound was found: no line of it counts
            found.append(())
            continue
        found.append(tuple(song.lines))
    return found


def _of_base(base: Base, device: str, requests: Sequence[Request], seed: int) -> list[Verse]:
    model = load_causal(base.folder, device, half=device != "cpu").eval()
    return sample_verses(model, load_tokenizer(base.folder), requests, seed, tuned="")


def held_out_verses(requests: Sequence[Request]) -> list[Verse]:
    """The passages that requests were made of, as many lines as are asked for where they have them.

    For variety and copies alone.
    """
    return [one.passage[: one.lines] for one in requests]


def _judgement(
    known: Known,
    requests: tuple[Request, ...],
    verses: dict[str, list[Verse]],
    rows: list[dict[str, Any]],
    seed: int,
) -> Judgement:
    columns = ["system", "figure", "value", "low", "high", "songs", "note"]
    table = pd.DataFrame(rows, columns=columns)
    document = {
        "schema_version": 1,
        "writer": str(known.writer.folder),
        "base": known.writer.record["base"],
        "requests": len(requests),
        "lines": requests[0].lines if requests else 0,
        "songs": {"train": len(known.train), "held_out": len(known.held_out)},
        "seed": seed,
        "figures": [
            {key: None if value != value else value for key, value in row.items()} for row in rows
        ],
    }
    return Judgement(
        table,
        tuple(sentences(table, len(requests))),
        requests,
        verses,
        document,
    )


def write_judgement(found: Judgement, out: Path) -> None:
    """The table as CSV and JSON, and every verse beside its request."""
    with explain_os_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    write_bytes(out / FILES[0], found.table.to_csv(index=False).encode("utf-8-sig"))
    write_json(out / FILES[1], found.document)
    asked = [
        {
            "theme": str(one.conditions.theme) if one.conditions.theme else None,
            "region": one.conditions.region,
            "emotion": one.conditions.emotion,
            "rhyme": one.conditions.rhyme,
            "syllables": one.conditions.syllables,
            "lines": one.lines,
            "written": {name: list(verses[i]) for name, verses in found.verses.items()},
        }
        for i, one in enumerate(found.requests)
    ]
    write_json(out / FILES[2], asked)
