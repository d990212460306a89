"""The folder of the nights: what lies where, which run is published, and how one comes in.

    ROOT/runs/<UTC time>/  finished nights, published and refused
    ROOT/latest            a relative link to the published one
    ROOT/store/            vectors, shared by all nights, never pruned
    ROOT/labels.csv        what people named (kind,id,label)
    ROOT/state.json        the newest name, the next free ids, the night that is coming in
    ROOT/status.json       how the last night ended
    ROOT/.building/        tonight's run until it is whole; a killed night is resumed from it

A night comes in by five steps that a crash may part: its decision is written to `state.json`
(`pending`), the building is renamed into `runs/`, `latest` is switched where it is published, and
the decision is struck out. `finish_pending` takes the steps that are left, so whoever starts next
finishes what was decided, and ids are counted once. Every function that writes wants the lock of
ROOT.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rapids_rap.errors import InputError
from rapids_rap.runs.files import explain_os_errors, switch_link, sync_folder, write_json
from rapids_rap.runs.folder import drop_stages
from rapids_rap.runs.names import IDENTITY, MANIFEST, NIGHT
from rapids_rap.runs.run import Run, open_run
from rapids_rap.runs.verify import find_faults

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
_NAME = re.compile(r"\d{8}T\d{6}Z")
_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class NightRoot:
    """The paths under ROOT."""

    path: Path

    @property
    def runs(self) -> Path:
        """Folder of the finished nights."""
        return self.path / "runs"

    @property
    def latest(self) -> Path:
        """The link to the published night."""
        return self.path / "latest"

    @property
    def store(self) -> Path:
        """The vector store of all nights."""
        return self.path / "store"

    @property
    def labels(self) -> Path:
        """What people named."""
        return self.path / "labels.csv"

    @property
    def status(self) -> Path:
        """How the last night ended."""
        return self.path / "status.json"

    @property
    def state(self) -> Path:
        """The names and numbers that must go on."""
        return self.path / "state.json"

    @property
    def building(self) -> Path:
        """Tonight's run in the making."""
        return self.path / ".building"

    @property
    def trash(self) -> Path:
        """What is being deleted; nothing reads there."""
        return self.path / ".trash"

    def run(self, name: str) -> Path:
        """The folder of a night."""
        return self.runs / name


@dataclass(frozen=True)
class NightState:
    """What must go on from night to night, whatever is pruned, refused or rolled back.

    last: the newest name given. next_cluster, next_theme: the lowest ids never used. pending: the
    night that was decided but may not be in place yet, empty for none; publish: whether `latest`
    goes to it.
    """

    last: str = ""
    next_cluster: int = 0
    next_theme: int = 0
    pending: str = ""
    publish: bool = False


def open_root(path: str) -> NightRoot:
    """The root that `[nightly] root` names, which need not exist yet. Raises `InputError`."""
    root = NightRoot(Path(path).expanduser())
    if (root.path / IDENTITY).exists() or (root.path / MANIFEST).exists():
        raise InputError(
            f"nightly.root = {path}: is the folder of a run; give nights a folder of their own."
        )
    if root.path.exists() and not root.path.is_dir():
        raise InputError(f"nightly.root = {path}: is a file; name a folder.")
    return root


def read_state(root: NightRoot) -> NightState:
    """The state; where the file is lost, ids and names go on from those of the runs."""
    state = NightState()
    if root.state.exists():
        try:
            table = json.loads(root.state.read_text(encoding="utf-8"))
            state = NightState(**{key: table[key] for key in asdict(state)})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{root.state}: can't be read ({error}). Restore it, or delete it: names and ids "
                "then go on from the runs that are there."
            ) from None
    for name in run_names(root):
        number = _numbers(root.run(name))
        state = replace(
            state,
            last=max(state.last, name),
            next_cluster=max(state.next_cluster, number["next_cluster"]),
            next_theme=max(state.next_theme, number["next_theme"]),
        )
    return state


def _numbers(path: Path) -> Mapping[str, int]:
    try:
        identity = open_run(path).manifest.get("identity", {})
    except InputError as error:
        log.warning("%s", error)
        identity = {}
    return {key: int(identity.get(key, 0)) for key in ("next_cluster", "next_theme")}


def run_names(root: NightRoot) -> list[str]:
    """The nights in `runs/`, oldest first; folders of other names are none of ours."""
    if not root.runs.is_dir():
        return []
    found = (p.name for p in root.runs.iterdir() if p.is_dir() and not p.is_symlink())
    return sorted(name for name in found if _NAME.fullmatch(name))


def new_name(last: str, now: datetime) -> str:
    """The UTC time, or a second after the last name where the clock is behind it."""
    if not last:
        return now.strftime(_TIME)
    after = datetime.strptime(last, _TIME).replace(tzinfo=UTC) + timedelta(seconds=1)
    return max(now, after).strftime(_TIME)


def published_name(root: NightRoot) -> str:
    """The name `latest` leads to; empty before the first night is published.

    Raises `InputError` where the link is gone or broken although nights were published.
    """
    mend = f"choose a run with `rapids-rap rollback {root.path} NAME`"
    if root.latest.is_symlink():
        name = root.latest.readlink().name
        if _NAME.fullmatch(name) and root.run(name).is_dir():
            return name
        raise InputError(f"{root.latest}: leads to {name}, which is not in {root.runs}; {mend}.")
    if root.latest.exists():
        raise InputError(f"{root.latest}: is not a link; move it away, then {mend}.")
    if any(_was_published(root.run(name)) for name in run_names(root)):
        raise InputError(f"{root.latest}: is gone, but nights were published; {mend}.")
    return ""


def published_run(root: NightRoot, name: str) -> Run | None:
    """The published night; None before the first. Raises `InputError` where it is damaged."""
    if not name:
        return None
    faults = find_faults(root.run(name))
    if faults:
        raise InputError(
            f"{root.run(name)}: the published run is damaged ({faults[0]}). Restore it, or return "
            f"to an earlier one with `rapids-rap rollback {root.path}`."
        )
    return open_run(root.run(name))


def commit(root: NightRoot, state: NightState) -> None:
    """Bring the building in as the night `state.pending`; see the module's docstring."""
    for folder in (root.building, root.building / "maps", root.building / "vectors"):
        sync_folder(folder)
    write_state(root, state)
    _publish_pending(root, state)


def finish_pending(root: NightRoot) -> str:
    """Finish the night that an earlier start had decided; its name, empty where there is none."""
    state = read_state(root)
    if not state.pending:
        return ""
    if not root.run(state.pending).exists() and find_faults(root.building):
        log.warning("The night %s was decided, but its run is not whole; made anew.", state.pending)
        write_state(root, replace(state, pending="", publish=False))
        return ""
    _publish_pending(root, state)
    return state.pending


def _publish_pending(root: NightRoot, state: NightState) -> None:
    target = root.run(state.pending)
    with explain_os_errors(target):
        if not target.exists():
            drop_stages(root.building)
            root.runs.mkdir(exist_ok=True)
            root.building.rename(target)
            sync_folder(root.runs)
            sync_folder(root.path)
    if state.publish:
        switch(root, state.pending)
    write_state(root, replace(state, pending="", publish=False))


def write_state(root: NightRoot, state: NightState) -> None:
    """Replace `state.json`, whole or not at all."""
    write_json(root.state, {"schema_version": SCHEMA_VERSION, **asdict(state)})


def switch(root: NightRoot, name: str) -> None:
    """Point `latest` to a night, in one step."""
    switch_link(root.latest, f"{root.runs.name}/{name}")


def earlier_name(root: NightRoot, name: str) -> str:
    """The night that was published before this one; empty where none is left.

    The night says which; where that one was pruned, it is the newest older one that was published.
    """
    before = _night(root.run(name)).get("previous")
    names = run_names(root)
    if before in names:
        return str(before)
    older = [other for other in names if other < name and _was_published(root.run(other))]
    return older[-1] if older else ""


def expired_names(root: NightRoot, keep_runs: int, keep_days: int, now: datetime) -> list[str]:
    """The nights that retention gives up: not among the newest, and old.

    Never the published one, nor the one before it, which a rollback returns to.
    """
    published = published_name(root)
    spared = {published, earlier_name(root, published)} if published else set()
    oldest = new_name("", now - timedelta(days=keep_days))
    return [
        name
        for name in run_names(root)[:-keep_runs]
        if name not in spared and (not keep_days or name < oldest)
    ]


def delete_runs(root: NightRoot, names: list[str]) -> None:
    """Delete nights: first out of sight in one step, then for good."""
    with explain_os_errors(root.trash):
        for name in names:
            root.trash.mkdir(exist_ok=True)
            root.run(name).rename(root.trash / name)
    empty_trash(root)


def empty_trash(root: NightRoot) -> None:
    """Delete what an earlier start had no time to."""
    shutil.rmtree(root.trash, ignore_errors=True)


def _was_published(path: Path) -> bool:
    return bool(_night(path).get("published"))


def _night(path: Path) -> Mapping[str, Any]:
    try:
        night = json.loads((path / NIGHT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return night if isinstance(night, dict) else {}
