"""From files to a `Corpus`: read, clean, count, group. The first stage of every command."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from rapids_rap.arrays import Bools, Int8s, Int64s
from rapids_rap.backend.kept import require_columns
from rapids_rap.config import CorpusConfig, InputConfig
from rapids_rap.corpus import DROPPED_COLUMNS, DROPPED_KINDS, LINE_KINDS, Corpus, FileCount
from rapids_rap.corpus.all_lines import AllLines, FileHead, read_files
from rapids_rap.corpus.cleaning import KEPT, RULES, Cleaned, clean
from rapids_rap.corpus.files import KNOWN_SUFFIXES, find_files
from rapids_rap.corpus.names import one_name_an_artist
from rapids_rap.corpus.remarks import damaged_lines, repeated_songs
from rapids_rap.corpus.source import Group
from rapids_rap.corpus.texts import chosen
from rapids_rap.corpus.translations import translations
from rapids_rap.corpus.units import KeptLines, make_units
from rapids_rap.errors import InputError
from rapids_rap.runs.files import listed

VERSION = 6  # raise it when the same files and configuration give other lines
READS = ("credit_roles.toml",)

_LONG_LINE = 2_000  # characters; longer lines are kept and named


Read = Callable[[Sequence[Path], InputConfig], AllLines]
Clean = Callable[[AllLines, Sequence[Group], CorpusConfig], Cleaned]


def clean_lines(lines: AllLines, names: Sequence[Group], config: CorpusConfig) -> Cleaned:
    """Every line judged, in this process. names: of the groups, an artist's in one spelling."""
    mark, group, block = (column.tolist() for column in (lines.mark, lines.group, lines.block))
    return clean(lines.text, mark, group, block, names, config)


def ingest(
    paths: Sequence[Path],
    input_config: InputConfig,
    corpus_config: CorpusConfig,
    read: Read = read_files,
    judge: Clean = clean_lines,
) -> Corpus:
    """Read and clean the lyrics in files and folders.

    Every line that was read is either in `Corpus.lines` (or part of a row of it, where the unit is
    a stanza or a song) or in `Corpus.dropped`, and counted in its file's `FileCount`, in lines.
    `input_config.limit` counts kept lines. `read` and `judge` may have others do it. Raises
    InputError for what can't be read, for units that the input doesn't have, and when no line is
    left.
    """
    found, warnings = find_files(paths)
    lines = read(found, input_config)
    files = lines.files
    names, alike = one_name_an_artist(
        lines.names, np.bincount(lines.group, minlength=len(lines.names))
    )
    cleaned = judge(lines, names, corpus_config)
    translated, said = _translated(lines, cleaned.rule, corpus_config)
    doubled = cleaned.rule.copy()
    doubled[list(translated)] = RULES.index("translation")
    rule = _limit(doubled, input_config.limit)
    decided_by = cleaned.decided_by | translated  # by the line at its stamp
    ends = np.cumsum([file.lines for file in files])
    counts = tuple(map(_count, files, np.split(rule, ends[:-1])))
    keep = np.flatnonzero(rule == KEPT)
    without = [file.without for file in files if file.without]
    if without and not lines.text:
        raise InputError(without[0])
    if not len(keep):
        raise InputError(_nothing_left(counts))
    kept = KeptLines(
        text=chosen(lines.text, keep),
        norm=chosen(cleaned.norm, keep),
        group=lines.group[keep],
        block=_cut_at_sections(lines.block, cleaned.section)[keep],
        file=lines.file[keep],
        file_line=lines.line[keep],
        names=names,
        files=[file.label for file in files],
    )
    if corpus_config.unit == "song":
        _require_songs(kept)
    warnings += said + _warnings(lines, keep, kept.text) + alike
    dropped = _dropped(lines, rule, decided_by)
    del lines, cleaned, rule, doubled  # what is kept of them is in `kept`
    warnings += damaged_lines(kept) + repeated_songs(kept)
    frame, texts = make_units(kept, corpus_config.unit)
    return Corpus(frame, texts, dropped, counts, tuple(warnings))


@dataclass(frozen=True)
class HashedFiles:
    """The files of a run and what was found in them: hashes are (label, sha256), as in a manifest.

    To the stages they are what they hold, wherever they lie.
    """

    paths: tuple[Path, ...]
    hashes: tuple[tuple[str, str], ...]

    @property
    def stage_key(self) -> list[list[str]]:
        """What they are known by."""
        return [list(pair) for pair in self.hashes]


def ingest_hashed(
    files: HashedFiles,
    input_config: InputConfig,
    corpus_config: CorpusConfig,
    read: Read = read_files,
    judge: Clean = clean_lines,
) -> Corpus:
    """`ingest`, which refuses what is not what was hashed, before it is kept under those hashes."""
    corpus = ingest(files.paths, input_config, corpus_config, read, judge)
    changed = {(file.path, file.sha256) for file in corpus.files} ^ set(files.hashes)
    if changed:
        raise InputError(
            f"{listed(sorted({label for label, _ in changed}))}: changed while it was read; run "
            "the same command again when nothing writes there any more."
        )
    return corpus


def check_kept(
    kept: Corpus, files: HashedFiles, _: InputConfig, corpus_config: CorpusConfig
) -> None:
    """Raises ValueError for a corpus that these files can't have given."""
    lines, texts = kept.lines, kept.texts
    joined = {} if corpus_config.unit == "line" else {"lines": "i"}
    require_columns("lines", lines, LINE_KINDS | joined)
    require_columns("dropped", kept.dropped, DROPPED_KINDS)
    if [(file.path, file.sha256) for file in kept.files] != list(files.hashes):
        raise ValueError("it was read from other files")
    ids, weights = lines["text_id"].to_numpy(), lines["weight"].to_numpy()
    if (lines["line_id"].to_numpy() != np.arange(len(lines))).any():
        raise ValueError("line_id does not count the lines")
    if list(texts) != sorted(set(texts)) or (len(ids) and not 0 <= ids.min() <= ids.max()):
        raise ValueError("texts are not distinct and in order")
    counts = np.bincount(ids, minlength=len(texts))
    if len(counts) != len(texts) or not counts.all() or (weights != counts[ids]).any():
        raise ValueError("text_id and weight do not count the texts")
    if (lines["text_norm"].to_numpy() != np.array(texts, dtype=object)[ids]).any():
        raise ValueError("text_norm is not what text_id names")


def _translated(
    lines: AllLines, rule: Int8s, config: CorpusConfig
) -> tuple[dict[int, int], list[str]]:
    """The translations to drop, each with its original, and what to say where they are kept."""
    if not lines.second:
        return {}, []
    found = translations(lines.text, (rule == KEPT).tolist(), lines.second, lines.group.tolist())
    if not found or config.translations:
        return found, []
    which = listed(list(dict.fromkeys(lines.files[lines.file[i]].label for i in sorted(found))))
    return {}, [
        f"{len(found):,} lines stand in another script at the stamp of a line, translations it "
        f"seems, kept (--set corpus.translations=true drops them): {which}"
    ]


def _limit(rule: Int8s, limit: int) -> Int8s:
    """The rules, with `limit` for all but the first so many kept lines (0: no limit)."""
    if not limit:
        return rule
    rule = rule.copy()
    rule[np.flatnonzero(rule == KEPT)[limit:]] = RULES.index("limit")
    return rule


def _cut_at_sections(block: Int64s, section: Bools) -> Int64s:
    """Blocks that begin at a section marker too, for files without blank lines."""
    sections = np.cumsum(section)
    return block * (int(sections[-1]) + 1) + sections


def _count(file: FileHead, rule: Int8s) -> FileCount:
    by_rule = np.bincount(rule[rule != KEPT], minlength=len(RULES))
    dropped = {name: int(n) for name, n in zip(RULES, by_rule, strict=True) if n}
    return FileCount(
        path=file.label,
        sha256=file.sha256,
        format=file.format,
        encoding=file.encoding,
        read=len(rule),
        kept=int((rule == KEPT).sum()),
        dropped=dropped,
    )


def _dropped(lines: AllLines, rule: Int8s, decided_by: Mapping[int, int]) -> pd.DataFrame:
    files = lines.files
    gone = np.flatnonzero(rule != KEPT)
    at = gone.tolist()
    return pd.DataFrame(
        {
            "file": pd.array([files[i].label for i in lines.file[gone].tolist()], dtype="str"),
            "line": lines.line[gone],
            "text": pd.array([lines.text[i] for i in at], dtype="str"),
            "rule": pd.array([RULES[code] for code in rule[gone].tolist()], dtype="str"),
            "decided_by": pd.array(
                [
                    f"line {lines.line[j]}: {lines.text[j]}"
                    if (j := decided_by.get(i, -1)) >= 0
                    else None
                    for i in at
                ],
                dtype="str",
            ),
        },
        columns=list(DROPPED_COLUMNS),
    )


def _warnings(lines: AllLines, keep: Int64s, kept: Sequence[str]) -> list[str]:
    said, files = [], lines.files
    said += [
        f"left out, because it holds no lyrics: {file.without}" for file in files if file.without
    ]
    empty = [file.label for file in files if not file.lines and not file.without]
    if empty:
        said.append(f"no line in {listed(empty)}")
    for encoding in sorted({file.encoding for file in files} - {"utf-8"}):
        which = [file.label for file in files if file.encoding == encoding]
        said.append(f"read as {encoding.upper()}, not UTF-8: {listed(which)}")
    guessed = [
        f"{file.label} ({file.format})"
        for file in files
        if (suffix := Path(file.label).suffix.lower()) and suffix not in KNOWN_SUFFIXES
    ]
    if guessed:
        said.append(f"unknown suffix, read as text: {listed(guessed)}")
    said += [f"{file.label}: {note}" for file in files for note in file.notes]
    long = [int(keep[i]) for i, text in enumerate(kept) if len(text) > _LONG_LINE]
    if long:
        places = [f"{files[lines.file[i]].label} line {lines.line[i]:,}" for i in long]
        said.append(f"longer than {_LONG_LINE:,} characters, kept as one line: {listed(places)}")
    return said


def _require_songs(kept: KeptLines) -> None:
    is_song = np.array([name.is_song for name in kept.names], dtype=bool)[kept.group]
    songs = {kept.files[i] for i in np.unique(kept.file[is_song]).tolist()}
    _, first = np.unique(kept.file, return_index=True)
    labels = [kept.files[i] for i in kept.file[np.sort(first)].tolist()]
    without = [file for file in dict.fromkeys(labels) if file not in songs]
    if without:
        raise InputError(
            f"unit = song needs songs, and these files have none: {listed(without)}. Plain text "
            f"has no songs; give titles (the layout with 歌手姓名, LRC, or a table with a column "
            f'for the song), or choose another unit: --set corpus.unit=stanza (or "line").'
        )


def _nothing_left(counts: Sequence[FileCount]) -> str:
    read = sum(count.read for count in counts)
    totals = {rule: sum(count.dropped.get(rule, 0) for count in counts) for rule in RULES}
    by_rule = ", ".join(f"{rule} {number:,}" for rule, number in totals.items() if number)
    return (
        f"No lyric line left after cleaning: {read:,} read from "
        f"{listed([count.path for count in counts])}, dropped by rule: {by_rule or 'none'}."
    )
