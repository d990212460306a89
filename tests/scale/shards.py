"""Functions that workers run: they travel by name, so they stand in a module of their own."""

import errno
import os
import signal
import threading
import time
from functools import partial
from pathlib import Path

from rapids_rap.errors import InputError
from rapids_rap.runs.lease import leased
from rapids_rap.scale import vectors
from rapids_rap.scale.vectors import embed_shard


def leave_square(shard: tuple[str, int]) -> int:
    """Leave a file, as a shard does."""
    folder, number = shard
    Path(folder, str(number)).write_text(str(number**2))
    return number


def refuse(shard: tuple[str, int]) -> int:
    """Raise for one shard."""
    if shard[1] == 3:
        raise InputError("shard 3: no such thing.")
    return shard[1]


def die_once(shard: tuple[str, int]) -> int:
    """The first worker that takes shard 2 is killed at it."""
    folder, number = shard
    if number == 2:
        try:
            Path(folder, "killed").touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGKILL)
    return leave_square(shard)


def hang_once(shard: tuple[str, int]) -> int:
    """The first worker that takes shard 2 stops there and never goes on."""
    folder, number = shard
    if number == 2:
        try:
            Path(folder, "stopped").touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGSTOP)
    return leave_square(shard)


def _first(folder: str, name: str) -> bool:
    """Whether nobody came here before."""
    try:
        Path(folder, name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def hang_then_die(shard: tuple[str, int]) -> int:
    """The first worker that takes shard 2 stops there, the second one is killed at it."""
    folder, number = shard
    if number == 2 and _first(folder, "stopped"):
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(0.5)  # another thread may have taken the signal: do not run on meanwhile
    if number == 2 and _first(folder, "killed"):
        os.kill(os.getpid(), signal.SIGKILL)
    return leave_square(shard)


def hang_beside_a_failure(shard: tuple[str, int]) -> int:
    """Shard 0 stops its first worker, all else is refused then."""
    folder, number = shard
    if number == 0 and _first(folder, "stopped"):
        os.kill(os.getpid(), signal.SIGSTOP)
    while not Path(folder, "stopped").exists():
        time.sleep(0.01)
    raise InputError("no such thing.")


def die_when_asked(shard: tuple[str, int]) -> int:
    """The first worker that is asked is killed."""
    if _first(shard[0], "killed"):
        os.kill(os.getpid(), signal.SIGKILL)
    return shard[1]


def hang_when_asked(shard: tuple[str, int]) -> int:
    """The first worker that is asked stops and never answers."""
    if _first(shard[0], "stopped"):
        os.kill(os.getpid(), signal.SIGSTOP)
    return shard[1]


def die_when_told(folder: str) -> None:
    """The first worker that is told is killed, another fails."""
    if _first(folder, "killed"):
        os.kill(os.getpid(), signal.SIGKILL)
    raise InputError("no such thing.")


def hang_when_told(folder: str) -> None:
    """The first worker that is told stops and never goes on."""
    if _first(folder, "stopped"):
        os.kill(os.getpid(), signal.SIGSTOP)


def kept_encoders(_: object) -> int:
    """How many models a worker holds."""
    return vectors._encoder.cache_info().currsize


def own_number(_: object) -> int:
    """The process that answers."""
    return os.getpid()


def leave_run(shard: tuple[str, int]) -> int:
    """Leave a file for each time that a shard is worked on."""
    folder, number = shard
    Path(folder, f"{number} by {os.getpid()}").touch()
    return number


def fail_to_read(shard: tuple[str, int]) -> int:
    """A disk that is gone."""
    raise OSError(errno.EIO, "Input/output error", shard[0])


def hang_after_one(shard: tuple[str, int]) -> int:
    """The first worker that ends a shard stops at once, before it hands its result over."""
    folder, _ = shard
    try:
        Path(folder, "stopped").touch(exist_ok=False)
    except FileExistsError:
        pass
    else:
        leave_square(shard)
        threading.Timer(0.001, os.kill, (os.getpid(), signal.SIGSTOP)).start()
        return shard[1]
    time.sleep(0.05)
    return leave_square(shard)


def die_always(shard: tuple[str, int]) -> int:
    """Shard 2 kills whoever takes it."""
    if shard[1] == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return shard[1]


def die_while_storing(task):
    """The first worker is killed in the midst of a shard, holding its lease."""
    marker = Path(task.folder) / "killed"
    if not marker.exists():

        def killed(*_):
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)

        vectors.append_shard = killed
    return embed_shard(task)


def hang_while_storing(task):
    """The first worker never ends its shard, and its other thread renews the lease."""
    vectors.leased = partial(leased, patience=2.0)
    if _first(task.folder, "hung"):
        vectors.append_shard = lambda *_: time.sleep(600)
    return embed_shard(task)
