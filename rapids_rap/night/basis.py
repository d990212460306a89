"""What decides a night, and what of it is another than in an earlier one.

A night of the same basis would find the same, so it isn't made. Thresholds of the gates, retention
and who is told are no part of it: they decide what happens to a run, not what is in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rapids_rap.config import Config
from rapids_rap.runs.files import sha256_file
from rapids_rap.runs.names import SCHEMA_VERSION
from rapids_rap.runs.run import Run

# Keys that name a small file: what it holds counts, wherever it lies.
LISTS = (
    "input.regions",
    "input.decisions",
    "terms.stop_words",
    "terms.user_words",
    "lexicon.path",
    "maps.font",
    "report.certificate",
)
_MATCHING = ("match_overlap", "match_cosine", "split_share", "merge_share")
# The inputs themselves count; the store is ROOT's; whoever works leaves the same bytes.
_ELSEWHERE = (
    "input.paths",
    "embedding.store",
    "scale.executor",
    "scale.address",
    "scale.workers",
)


@dataclass(frozen=True)
class InputChanges:
    """Input files against an earlier night's, by label; unchanged only counts."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int


def compare_inputs(
    before: Sequence[tuple[str, str]], now: Sequence[tuple[str, str]]
) -> InputChanges:
    """Files of two nights as (label, SHA-256)."""
    old, new = _by_label(before), _by_label(now)
    both = sorted(old.keys() & new.keys())
    changed = tuple(label for label in both if old[label] != new[label])
    return InputChanges(
        new=tuple(sorted(new.keys() - old.keys())),
        changed=changed,
        removed=tuple(sorted(old.keys() - new.keys())),
        unchanged=len(both) - len(changed),
    )


def _by_label(files: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Names that aren't UTF-8 may share a label, so a label can have several contents."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for label, content in files:
        found[label].append(content)
    return {label: sorted(contents) for label, contents in found.items()}


def inputs_of(run: Run | None) -> list[tuple[str, str]]:
    """The input files of an earlier run, as (label, SHA-256)."""
    return [(f["path"], f["sha256"]) for f in run.manifest["inputs"]] if run else []


def basis_of(config: Config, shaping: Mapping[str, Any], labels: Path) -> dict[str, Any]:
    """Everything that decides a night beside its input files, as JSON holds it.

    shaping: what of the program decides results (`pipeline.what_shapes`). labels: ROOT/labels.csv.
    """
    tree = config.model_dump(mode="json")
    flat = {"seed": tree["seed"]}
    for section, values in tree.items():
        if isinstance(values, dict) and section not in ("nightly", "train"):
            flat |= {f"{section}.{key}": value for key, value in values.items()}
    flat |= {f"nightly.{key}": tree["nightly"][key] for key in _MATCHING}
    lists = {key: _content(Path(str(flat[key])).expanduser()) for key in LISTS if flat[key]}
    return {
        "config": {k: v for k, v in flat.items() if k not in _ELSEWHERE},
        "lists": {key: content for key, content in lists.items() if content},
        "labels": _content(labels),
        "schema_version": SCHEMA_VERSION,
        **shaping,
    }


def _content(path: Path) -> str:
    """The checksum of a small file; empty where there is none, which is then said by its reader."""
    try:
        return sha256_file(path) if path.is_file() else ""
    except OSError:
        return ""


def changes_since(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What of the basis is another, a clause each: `layout.epochs: 0 → 200`."""
    said = []
    for part in sorted(before.keys() | now.keys()):
        old, new = before.get(part), now.get(part)
        if old == new:
            continue
        if part == "labels":
            said.append("labels.csv was edited")
        elif isinstance(old, dict) and isinstance(new, dict):
            prefix = "" if part == "config" else f"{part} "
            keys = sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k))
            said += [f"{prefix}{k}: {_shown(old.get(k))} → {_shown(new.get(k))}" for k in keys]
        else:
            said.append(f"{part}: {_shown(old)} → {_shown(new)}")
    return said


def _shown(value: object) -> str:
    text = "nothing" if value in (None, "") else str(value)
    return text if len(text) <= 40 else text[:12] + "…"


def as_json(changes: InputChanges) -> dict[str, Any]:
    """`inputs` of nightly.json."""
    return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(changes).items()}
