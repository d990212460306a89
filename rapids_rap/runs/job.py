"""One run's stages: a stage is called by its function and arguments, and they are its key.

`job.stage("clusters", find_clusters, layout.reduced, ...)` finds what was kept for just these
arguments, or calls the function and keeps what it returns. Nothing else enters the key and nothing
is listed a second time, so an argument can't be forgotten. What an argument says of itself:

- plain data (None, numbers, texts, dates, and lists, mappings and dataclasses of them) its content;
- a section of the configuration its settings;
- what an earlier stage returned, and every part of it, that stage's key and the part's name;
- a backend its name; `Sizes` nothing, as they decide where arrays lie and not what is in them;
- an object with a `stage_key` that.

Anything else, a path or an array of unknown origin, raises TypeError: what can't be known again
must not be passed over. Beside its function a stage's module has `VERSION`, raised when the same
arguments give another result. It may have `READS`, the bundled data files that it opens, and
`check_kept(result, *arguments)`, which raises ValueError for what the function can't have returned:
a kept result may be damaged, or somebody else's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from rapids_rap.backend.protocol import Backend, Sizes
from rapids_rap.data import data_path
from rapids_rap.runs.files import digest, write_json
from rapids_rap.runs.run import read_json
from rapids_rap.runs.stages import COMMIT, StageCache, stage_key

log = logging.getLogger(__name__)
Result = TypeVar("Result")
Plain = str | int | float | bool | None

SCHEME = 2  # of making keys: raise it when keys are made otherwise, so that older ones are told
_MARKER = "keys.json"


class Job:
    """Runs the stages of one run. versions: of the libraries that decide results, for every key."""

    def __init__(self, cache: StageCache, backend: Backend, versions: Mapping[str, str]) -> None:
        self.cache, self.backend, self.versions = cache, backend, versions
        # By identity; an object is held with its key, so that its id is not given to another.
        self._known: dict[int, tuple[object, str]] = {}
        _mark(cache.root)

    def stage(
        self,
        name: str,
        function: Callable[..., Result],
        *arguments: object,
        fresh: bool = False,
        along: Callable[[], object] | None = None,
        instead: Callable[..., Result] | None = None,
        **keywords: object,
    ) -> Result:
        """What `function` returns for the arguments: kept by a run before, or computed and kept.

        fresh: nothing kept will do, as for a layout without a seed. along: what is done beside it
        where it is computed, for cores that it leaves idle. instead: what computes it, to the same
        bytes, so that it is no part of the key. Raises TypeError for an argument that
        can't be part of a key and for a function whose module declares no `VERSION`.
        """
        key = self._key(name, function, arguments, keywords, fresh=fresh)
        call: Callable[[], Result] = partial(instead or function, *arguments, **keywords)
        if along is not None:
            call = partial(self._beside, call, along)
        sound = _sound(function, arguments, keywords)
        return self._kept(name, function, key, call, sound)

    def begin(
        self, name: str, function: Callable[..., Result], *arguments: object, **keywords: object
    ) -> Callable[[], Result]:
        """Begin a stage beside those that come next; what is returned ends it.

        Its seconds are what the run waits for it then.
        """
        key = self._key(name, function, arguments, keywords)
        call: Callable[[], Result] = partial(function, *arguments, **keywords)
        if not self.cache.holds(name, key):
            call = self.backend.beside(call)
        sound = _sound(function, arguments, keywords)
        return lambda: self._kept(name, function, key, call, sound)

    def derive(
        self, function: Callable[..., Result], *arguments: object, **keywords: object
    ) -> Result:
        """What `function` returns: not kept, but known to later stages by its arguments."""
        key = self._key(function.__qualname__, function, arguments, keywords)
        return self.know(function(*arguments, **keywords), key)

    def know(self, result: Result, *made_from: object) -> Result:
        """Let later stages know a result, and each part of it, by what it was made from."""
        key = stage_key("known", 0, *map(self.key_of, made_from))
        self._remember(result, key)
        if dataclasses.is_dataclass(result):
            for field in dataclasses.fields(result):
                value = getattr(result, field.name)
                if not isinstance(value, Plain | tuple | list | Mapping | BaseModel):
                    self._remember(value, f"{key}.{field.name}")
        return result

    def key_of(self, argument: object) -> Any:
        """What an argument says of itself in a key, as JSON holds it; see the module."""
        if isinstance(argument, Plain):
            return argument
        if id(argument) in self._known:
            return self._known[id(argument)][1]
        if isinstance(argument, BaseModel):
            return argument.model_dump(mode="json")
        if isinstance(argument, Sizes):
            return None
        if argument is self.backend:
            return self.backend.name
        if hasattr(argument, "stage_key"):
            return argument.stage_key
        return self._key_of_many(argument)

    def _key_of_many(self, argument: object) -> Any:
        """A container's digest, looked up the next time: a corpus has some 600,000 texts."""
        if isinstance(argument, Mapping):
            parts: Any = {str(name): self.key_of(value) for name, value in argument.items()}
        elif isinstance(argument, list | tuple):
            parts = [self.key_of(value) for value in argument]
        elif dataclasses.is_dataclass(argument):
            names = [field.name for field in dataclasses.fields(argument)]
            parts = {name: self.key_of(getattr(argument, name)) for name in names}
        else:
            raise TypeError(
                f"{type(argument).__name__} can't be part of a stage's key: pass what it holds, or "
                "let a stage make it"
            )
        self._remember(argument, stage_key("parts", 0, parts))
        return self._known[id(argument)][1]

    def _remember(self, value: object, key: str) -> None:
        # What a later stage hands on stays known by its maker.
        self._known.setdefault(id(value), (value, key))

    def _key(
        self,
        name: str,
        function: Callable[..., object],
        arguments: Sequence[object],
        keywords: Mapping[str, object],
        *,
        fresh: bool = False,
    ) -> str:
        try:
            parts = [self.key_of(value) for value in arguments]
            named = {word: self.key_of(value) for word, value in sorted(keywords.items())}
        except TypeError as error:
            raise TypeError(f"stage {name}: {error}") from None
        reads = [digest(data_path(file).read_bytes()) for file in _declared(function, "READS", ())]
        chance = datetime.now(UTC).isoformat() if fresh else ""
        return stage_key(
            name,
            version_of(function),
            self.backend.name,
            self.versions,
            reads,
            chance,
            parts,
            named,
        )

    def _beside(self, call: Callable[[], Result], along: Callable[[], Any]) -> Result:
        return self.backend.together((call, along))[0]

    def _kept(
        self,
        name: str,
        function: Callable[..., Result],
        key: str,
        call: Callable[[], Result],
        sound: Callable[[Result], None],
    ) -> Result:
        kind = typing.get_type_hints(function)["return"]
        return self.know(self.cache.run(kind, name, key, call, sound), key)


def _mark(root: Path) -> None:
    """Say where stages were kept under keys of another making, which are never found again."""
    marker = root / _MARKER
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # as good as none
        if read_json(marker)["scheme"] == SCHEME:
            return
    if any(root.glob(f"*/*/{COMMIT}")):
        log.warning(
            "%s: stages were kept here by an earlier version, which knew them by other keys; they "
            "are computed again. Vectors are reused from the store.",
            root,
        )
    root.mkdir(parents=True, exist_ok=True)
    write_json(marker, {"scheme": SCHEME})


def _sound(
    function: Callable[..., Result], arguments: Sequence[object], keywords: Mapping[str, object]
) -> Callable[[Result], None]:
    """Raises ValueError for a result that the function can't have returned for the arguments."""
    check = _declared(function, "check_kept", lambda *_, **__: None)
    return lambda kept: check(kept, *arguments, **keywords)


def version_of(function: Callable[..., object]) -> Any:
    """`VERSION` of the module that defines a stage's function. Raises TypeError without one."""
    version = _declared(function, "VERSION", None)
    if version is None:
        raise TypeError(
            f"{function.__module__} declares no VERSION beside {function.__qualname__}, by which "
            "kept results of an older one are told"
        )
    return version


def _declared(function: Callable[..., object], name: str, otherwise: Any) -> Any:
    return getattr(sys.modules[function.__module__], name, otherwise)
