"""One night, in a straight line: lock, look, build, judge, verify, publish, tell.

What is new is found by the content of files; only texts that the store does not hold are embedded;
everything is clustered again, and clusters keep their ids from the published night. A run that is
much worse is kept and not published. The folder of the nights is `night.root`'s business.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rapids_rap import pipeline
from rapids_rap.config import Config
from rapids_rap.corpus.files import find_files
from rapids_rap.errors import ConfigError, GateError, InputError, LockHeldError, RapError, Stopped
from rapids_rap.lineage.heritage import Heritage
from rapids_rap.machine.device import DeviceResolution
from rapids_rap.night import gates, preflight, record
from rapids_rap.night import root as nights
from rapids_rap.night.afterwards import NightOutcome, Status, keep_status, notify
from rapids_rap.night.basis import InputChanges, basis_of, changes_since, compare_inputs, inputs_of
from rapids_rap.night.command import split_command
from rapids_rap.night.names import read_labels
from rapids_rap.night.root import NightRoot, NightState
from rapids_rap.progress import StageProgress
from rapids_rap.runs.folder import add_document, hash_inputs
from rapids_rap.runs.lock import exclusive
from rapids_rap.runs.names import NIGHT
from rapids_rap.runs.run import Run, open_run
from rapids_rap.runs.verify import find_faults

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What was asked for tonight.

    resolve: decides the backend; called inside the night, so that a missing GPU is told as the
    night's failure. force: make a night even where nothing changed.
    """

    config: Config
    resolve: Callable[[], DeviceResolution]
    command: str = ""
    force: bool = False


@dataclass(frozen=True)
class _Tonight:
    """What was found before any work.

    state is read under the lock; published is the night that `latest` leads to and night what it
    says of itself, None before the first; basis and inputs are tonight's.
    """

    state: NightState
    published: Run | None
    night: record.Record | None
    files: tuple[Path, ...]
    inputs: list[tuple[str, str]]
    basis: Mapping[str, Any]
    resolution: DeviceResolution

    @property
    def published_name(self) -> str:
        """Empty before the first night."""
        return self.published.path.name if self.published else ""

    @property
    def input_changes(self) -> InputChanges:
        """Against the published night."""
        return compare_inputs(inputs_of(self.published), self.inputs)

    @property
    def changes(self) -> list[str]:
        """Of the basis against the published night, a clause each."""
        return changes_since(self.night["basis"], self.basis) if self.night else []


def nightly(request: Request, progress: StageProgress) -> NightOutcome:
    """Make tonight's run and publish it, if there is something new and no gate refuses.

    Raises nothing but what `_open` does: how the night ended is the answer, its `error` what the
    command is to end with. Every end is told to `notify_command`, and kept in ROOT/status.json and
    the metrics, unless another night holds the lock.
    """
    root, words = _open(request.config)
    try:
        preflight.check_place(root, request.config)
        with exclusive(root.path):
            try:
                outcome = _make_night(root, request, progress)
            except (Exception, Stopped) as error:
                outcome = _failure(error)
            keep_status(root, request.config.nightly.metrics, outcome, time.time())
    except (Exception, Stopped) as error:
        outcome = _failure(error)
    if outcome.error is None:  # else the command says it as it ends
        log.info("night: %s", outcome.message)
    notify(words, outcome, root.path)
    return outcome


def plan_night(request: Request) -> NightOutcome:
    """What `nightly` would do now; takes no lock and writes nothing."""
    root, _ = _open(request.config)
    preflight.check_place(root, request.config)
    preflight.check_folders(root)
    state = nights.read_state(root)
    found = _look(root, request, state)
    rest = None if request.force else _nothing_to_do(root, request, found)
    if rest:
        return replace(
            rest,
            status="planned",
            sentences=(f"Would not run. {rest.message}",),
            exit_code=0,
            error=None,
        )
    limits = request.config.nightly
    name = nights.next_name(root, state, datetime.now(UTC))
    expired = nights.expired_names(root, limits.keep_runs, limits.keep_days, datetime.now(UTC))
    inputs = found.input_changes
    said = [
        f"Would make the night {name}, "
        + (f"after {found.published_name}." if found.published else "the first."),
        *(
            f"  {kind}: {label}"
            for kind in ("new", "changed", "removed")
            for label in getattr(inputs, kind)
        ),
        f"  unchanged: {inputs.unchanged} files",
        *(f"  changed: {change}" for change in found.changes),
        *(
            [f"  first finishes the night {state.pending}, which was decided"]
            if state.pending
            else []
        ),
        *(["  resumes from .building"] if root.building.exists() else []),
        *(f"  may prune {other}" for other in expired),
    ]
    _check_machine(root, request.config, found)
    return NightOutcome("planned", said[0], sentences=tuple(said))


def rollback(path: Path, name: str = "") -> tuple[str, str]:
    """Publish another whole night: `name`, or the one before; returns the names before and now.

    Also a refused night can be published so. Raises `InputError` where there is none, or where it
    is damaged; `LockHeldError` while a night runs.
    """
    root = nights.open_root(str(path))
    if not root.runs.is_dir():
        raise InputError(f"{path}: is no folder of nights (it has no runs/).")
    with exclusive(root.path):
        preflight.check_folders(root)
        nights.finish_pending(root)
        now = root.latest.readlink().name if root.latest.is_symlink() else ""
        target = name or (nights.earlier_name(root, now) if now else "")
        if target not in nights.run_names(root):
            there = ", ".join(nights.run_names(root)) or "none"
            what = f"no night {name}" if name else "no night was published before"
            raise InputError(f"{root.runs}: {what}; there are: {there}.")
        faults = find_faults(root.run(target))
        if faults:
            raise InputError(f"{root.run(target)}: is damaged ({faults[0]}); choose another.")
        nights.switch(root, target)
        return now, target


def _open(config: Config) -> tuple[NightRoot, list[str]]:
    if not config.nightly.root:
        raise ConfigError(
            "nightly.root is empty: name the folder of the nights in the configuration, or with "
            "--set nightly.root=FOLDER."
        )
    return nights.open_root(config.nightly.root), split_command(config.nightly.notify_command)


def _make_night(root: NightRoot, request: Request, progress: StageProgress) -> NightOutcome:
    begun, clock = datetime.now(UTC), time.monotonic()
    preflight.check_folders(root)
    nights.sweep_runs(root)
    settled = nights.finish_pending(root)
    if settled:
        log.warning("The night %s had been decided, and is now in place.", settled)
    found = _look(root, request, nights.read_state(root))
    rest = None if request.force else _nothing_to_do(root, request, found)
    if rest:
        shutil.rmtree(root.building, ignore_errors=True)
        return rest
    inputs = found.input_changes
    log.info(
        "inputs: %d new, %d changed, %d removed, %d unchanged",
        len(inputs.new),
        len(inputs.changed),
        len(inputs.removed),
        inputs.unchanged,
    )
    for change in found.changes:
        log.warning("Since the published night: %s", change)
    _check_machine(root, request.config, found)
    built = _build(root, request, found, progress)
    name, number = nights.next_name(root, found.state, begun), found.state.number + 1
    context = record.NightContext(
        name,
        number,
        found.published_name,
        begun.isoformat(timespec="seconds"),
        time.monotonic() - clock,
        request.command,
        found.input_changes,
        found.changes,
        found.basis,
    )
    night = record.make_record(context, found.published, built, request.config.nightly)
    add_document(root.building, NIGHT, night)
    faults = find_faults(root.building)
    if faults:
        raise RapError(f"The run just built is not whole, and nothing is published: {faults[0]}")
    identity = built.manifest["identity"]
    nights.commit(
        root,
        NightState(
            name,
            identity["next_cluster"],
            identity["next_theme"],
            name,
            night["published"],
            number,
        ),
    )
    _prune(root, request.config)
    return _result(root, night)


def _look(root: NightRoot, request: Request, state: NightState) -> _Tonight:
    """Inputs, the published night and the machine, before anything is written."""
    config = request.config
    files, _ = find_files([Path(p) for p in config.input.paths])
    published = nights.published_run(root, nights.published_name(root))
    resolution = request.resolve()
    shaping = pipeline.what_shapes(config, resolution)
    return _Tonight(
        state,
        published,
        record.record_of(published, root.path) if published else None,
        tuple(files),
        hash_inputs(files),
        basis_of(config, shaping, root.labels),
        resolution,
    )


def _nothing_to_do(root: NightRoot, request: Request, found: _Tonight) -> NightOutcome | None:
    """How the night ends where it would only make again what is there; None where it would not."""
    published = found.published
    night = found.night
    if published and night and _same(published, night, found):
        message = (
            f"Nothing changed since the night {published.path.name}, which stays published "
            "(--force makes a new one)."
        )
        return NightOutcome(
            "unchanged",
            message,
            0,
            published.path.name,
            (message,),
            record.figures_of_rest(night),
            tuple(night["gates"]),
            None,
        )
    newest = root.run((nights.run_names(root) or [""])[-1])
    try:
        last = open_run(newest)
        night = record.record_of(last, root.path)
        if newest.name == found.published_name or not night or not _same(last, night, found):
            return None
    except InputError:  # a damaged night that nobody reads is no reason to make none
        return None
    if night["published"]:
        message = (
            f"Nothing changed since the night {newest.name}, from which somebody returned to "
            f"{found.published_name}; that stays published (--force makes a new night)."
        )
        return NightOutcome("unchanged", message, 0, found.published_name, (message,))
    limits = {gate["gate"]: gate["limit"] for gate in night["gates"]}
    same_limits = all(getattr(request.config.nightly, k) == v for k, v in limits.items())
    if not same_limits or (night["previous"] or "") != found.published_name:
        return None
    return _refused(root, night, "Nothing changed since. ")


def _same(run: Run, night: record.Record, found: _Tonight) -> bool:
    return inputs_of(run) == found.inputs and not changes_since(night["basis"], found.basis)


def _check_machine(root: NightRoot, config: Config, found: _Tonight) -> None:
    texts = preflight.expected_texts(found.files, found.published)
    plan = pipeline.plan_ahead(config, found.resolution, texts)
    preflight.check_memory(plan)
    preflight.check_disk(root, preflight.needed_bytes(texts, plan.dim, config, found.published))


def _build(root: NightRoot, request: Request, found: _Tonight, progress: StageProgress) -> Run:
    """Tonight's run in ROOT/.building, with the ids of the published night."""
    state, config = found.state, request.config
    labels = read_labels(root.labels, state.next_cluster, state.next_theme)
    heritage = Heritage(
        found.published, state.next_cluster, state.next_theme, labels.clusters, labels.themes
    )
    own = config.embedding.model_copy(update={"store": str(root.store)})
    pipeline.run(
        config.model_copy(update={"embedding": own}),
        root.building,
        found.resolution,
        progress,
        command=request.command,
        overwrite=True,
        heritage=heritage,
    )
    return open_run(root.building)


def _prune(root: NightRoot, config: Config) -> None:
    """The night is in place; that old ones can't be deleted must not undo it."""
    limits = config.nightly
    try:
        nights.delete_runs(
            root,
            nights.expired_names(root, limits.keep_runs, limits.keep_days, datetime.now(UTC)),
        )
    except (OSError, RapError) as error:
        log.warning("Old nights can't be pruned: %s", error)


def _result(root: NightRoot, night: Mapping[str, Any]) -> NightOutcome:
    if not night["published"]:
        return _refused(root, night)
    name = night["name"]
    message = f"The night {name} is published: {root.latest}."
    said = (*record.sentences(night), message, f"Report: {root.latest / 'report.html'}")
    return NightOutcome(
        "published", message, 0, name, said, record.figures(night), tuple(night["gates"]), night
    )


def _refused(root: NightRoot, night: Mapping[str, Any], prefix: str = "") -> NightOutcome:
    message = prefix + gates.refusal(night["gates"], night["name"], str(root.path))
    return NightOutcome(
        "refused",
        message,
        GateError.exit_code,
        night["name"],
        tuple(record.sentences(night)),
        record.figures(night),
        tuple(night["gates"]),
        night,
        GateError(message),
    )


def _failure(error: BaseException) -> NightOutcome:
    if isinstance(error, Stopped):
        return NightOutcome(
            "stopped", f"{error}; what was embedded is kept.", error.exit_code, error=error
        )
    code = error.exit_code if isinstance(error, RapError) else 1
    word: Status = "locked" if isinstance(error, LockHeldError) else "failed"
    said = str(error) if isinstance(error, RapError) else f"{type(error).__name__}: {error}"
    return NightOutcome(word, said, code, error=error)
