"""The folder of the nights: what lies where, which run is published, and how one comes in.

    ROOT/runs/<UTC time>/  finished nights, published and refused
    ROOT/latest            a relative link to the published one
    ROOT/store/            vectors, shared by all nights; no night prunes it
    ROOT/.names/           what a language model answered to `rapids-rap name ROOT/latest`
    ROOT/labels.csv        what people named (kind,id,label)
    ROOT/state.json        the newest name, the next free ids, the night that is coming in
    ROOT/status.json       how the last night ended
    ROOT/.building/        tonight's run until it is whole; a killed night is resumed from it

    ROOT/runs/.trash/      old nights that are being deleted

`runs` may be a link to another disk. Names are times of a clock that may have been wrong, so nights
are in the order of the `number` in their nightly.json (`calendar`).

A night comes in by five steps that a crash may part: its decision is written to `state.json`
(`pending`), the building is moved into `runs/`, `latest` is switched where it is published, and
the decision is struck out. `finish_pending` takes the steps that are left, so whoever starts next
finishes what was decided, and ids are counted once. Every function that writes wants the lock of
ROOT.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from rapids_rap.errors import CapabilityError, InputError
from rapids_rap.night.calendar import ages_in_days, new_name, time_of
from rapids_rap.night.readback import (
    HIGHEST,
    IdentityPart,
    StateFile,
    check_fields,
    read_table,
)
from rapids_rap.runs.files import (
    explain_os_errors,
    move_folder,
    sweep_partials,
    switch_link,
    sync_folder,
    write_json,
)
from rapids_rap.runs.folder import drop_stages
from rapids_rap.runs.names import IDENTITY, MANIFEST, NIGHT
from rapids_rap.runs.run import Run, open_run
from rapids_rap.runs.verify import find_faults

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
DEEPEST = 200  # folders in each other that ROOT may lie in


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
        return self.runs / ".trash"

    def run(self, name: str) -> Path:
        """The folder of a night."""
        return self.runs / name


@dataclass(frozen=True)
class NightState:
    """What must go on from night to night, whatever is pruned, refused or rolled back.

    last: the name given last. next_cluster, next_theme: the lowest ids never used. pending: the
    night that was decided but may not be in place yet, empty for none; publish: whether `latest`
    goes to it. number: of the night made last, counted from 1.
    """

    last: str = ""
    next_cluster: int = 0
    next_theme: int = 0
    pending: str = ""
    publish: bool = False
    number: int = 0


def open_root(path: str) -> NightRoot:
    """The root that `[nightly] root` names, which need not exist yet. Raises `InputError`."""
    try:
        root = NightRoot(Path(path).expanduser())
        root.path.resolve().stat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError, RuntimeError) as error:  # a NUL, a link to itself, nobody's home
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"nightly.root = {path[:80]!r}: can't be a folder ({reason}).") from None
    if len(root.path.parts) > DEEPEST:
        raise InputError(f"nightly.root = {path[:80]!r}: lies in more than {DEEPEST} folders.")
    if (root.path / IDENTITY).exists() or (root.path / MANIFEST).exists():
        raise InputError(
            f"nightly.root = {path}: is the folder of a run; give nights a folder of their own."
        )
    if root.path.exists() and not root.path.is_dir():
        raise InputError(f"nightly.root = {path}: is a file; name a folder.")
    return root


def read_state(root: NightRoot) -> NightState:
    """The state; where the file is lost, ids and names go on from those of the runs.

    Raises `InputError` naming the field where it isn't as it must be.
    """
    state = _state_file(root) if root.state.exists() else NightState()
    names = run_names(root)
    for name in names:
        made = _identity(root.run(name))
        state = replace(
            state,
            next_cluster=max(state.next_cluster, made.next_cluster),
            next_theme=max(state.next_theme, made.next_theme),
        )
    newest, number = (names[-1], _number(root.run(names[-1]))) if names else ("", 0)
    if number > state.number:  # of a state that is lost, or was restored from an earlier day
        return replace(state, last=newest, number=number)
    return state if state.number else replace(state, last=max(state.last, newest))


def _state_file(root: NightRoot) -> NightState:
    way_on = "Restore it, or delete it: names and ids then go on from the runs that are there."
    table = read_table(root.state, way_on)
    found = check_fields(StateFile, table, root.state, way_on)
    if found.schema_version > SCHEMA_VERSION:
        raise InputError(f"{root.state}: was written by a newer version; upgrade rapids-rap.")
    return NightState(**found.model_dump(exclude={"schema_version"}))


def _identity(path: Path) -> IdentityPart:
    """The next free ids of a run; 0 where it is damaged, for then it has told them to no one."""
    try:
        told = open_run(path).manifest.get("identity", {})
        return check_fields(IdentityPart, told, path / MANIFEST, "Its ids are not counted.")
    except InputError as error:
        log.warning("%s", error)
        return IdentityPart()


def run_names(root: NightRoot) -> list[str]:
    """The nights in `runs/` in the order they were made; other folders are none of ours."""
    if not root.runs.is_dir():
        return []
    found = (p.name for p in root.runs.iterdir() if p.is_dir() and not p.is_symlink())
    return sorted(filter(time_of, found), key=lambda name: (_number(root.run(name)), name))


def next_name(root: NightRoot, state: NightState, now: datetime) -> str:
    """The name of a night that is made now."""
    return new_name(state.last, now, run_names(root))


def published_name(root: NightRoot) -> str:
    """The name `latest` leads to; empty before the first night is published.

    Raises `InputError` where the link is gone or broken although nights were published.
    """
    mend = f"choose a run with `rapids-rap rollback {root.path} NAME`"
    if root.latest.is_symlink():
        name = root.latest.readlink().name
        if time_of(name) and root.run(name).is_dir():
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
    target = root.run(state.pending)
    faults = find_faults(target if target.exists() else root.building)
    if not faults and not target.exists() and _night(root.building).get("name") != state.pending:
        faults = ["it is another night's"]
    if faults:
        log.warning(
            "The night %s was decided, but its run is not whole (%s); made anew.",
            state.pending,
            faults[0],
        )
        write_state(root, replace(state, pending="", publish=False))
        return ""
    _publish_pending(root, state)
    return state.pending


def sweep_runs(root: NightRoot) -> None:
    """Take away what a start that was killed had half copied or half deleted."""
    with explain_os_errors(root.path):
        sweep_partials(root.path)
        if root.runs.is_dir():
            sweep_partials(root.runs)
    empty_trash(root)


def _publish_pending(root: NightRoot, state: NightState) -> None:
    target = root.run(state.pending)
    with explain_os_errors(target):
        if not target.exists():
            drop_stages(root.building)
            root.runs.mkdir(exist_ok=True)
            move_folder(root.building, target)
        elif root.building.exists():  # it was copied to another disk, and not yet taken away
            shutil.rmtree(root.building, ignore_errors=True)
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
    made_before = names[: names.index(name)] if name in names else []
    older = [other for other in made_before if _was_published(root.run(other))]
    return older[-1] if older else ""


def expired_names(root: NightRoot, keep_runs: int, keep_days: int, now: datetime) -> list[str]:
    """The nights that retention gives up: not among the newest, and old.

    Never the published one, nor the one before it, which a rollback returns to.
    """
    published = published_name(root)
    spared = {published, earlier_name(root, published)} if published else set()
    names = run_names(root)
    ages = ages_in_days(names, now)
    return [
        name
        for name, age in list(zip(names, ages, strict=True))[:-keep_runs]
        if name not in spared and age >= keep_days
    ]


def delete_runs(root: NightRoot, names: list[str]) -> None:
    """Delete nights: first out of sight in one step, then for good. One that can't go stays."""
    for name in names:
        try:
            with explain_os_errors(root.trash):
                root.trash.mkdir(exist_ok=True)
                root.run(name).rename(root.trash / name)
        except (OSError, InputError, CapabilityError) as error:
            log.warning("%s: this old night can't be pruned: %s", root.run(name), error)
    empty_trash(root)


def empty_trash(root: NightRoot) -> None:
    """Delete what an earlier start had no time to, also where earlier versions put it."""
    for trash in (root.trash, root.path / root.trash.name):
        if trash.exists():
            shutil.rmtree(trash, onerror=_say_what_stays)


def _say_what_stays(_call: object, path: str, error: Any) -> None:
    log.warning("%s: can't be deleted (%s); delete it by hand.", path, error[1])


def _was_published(path: Path) -> bool:
    return _night(path).get("published") is True


def _number(path: Path) -> int:
    """A night's number; 0 where it is of a version that counted none, or damaged."""
    number = _night(path).get("number")
    return number if type(number) is int and 0 < number < HIGHEST else 0  # True is no number


def _night(path: Path) -> Mapping[str, Any]:
    """nightly.json as far as order and retention read it; empty where it can't be read."""
    with contextlib.suppress(InputError):
        return read_table(path / NIGHT, "")
    return {}
