"""What a device says when it fails: told apart, and turned into a sentence; imports no library."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from rapids_rap.errors import CapabilityError

OUT_OF_MEMORY = ("not enough memory", "can't allocate memory", "out of memory", "alloc_failed")
DRIVER_ERRORS = (
    "cuda error",
    "cudaerror",
    "cuda driver error",
    "cuda_error",
    "cublas_status",
    "cudnn error",
    "triton error",
    "raft failure",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory of a device or of the host did not suffice."""
    if isinstance(error, MemoryError) or _is_of_torch(error, "OutOfMemoryError"):
        return True
    return isinstance(error, RuntimeError) and _says(error, OUT_OF_MEMORY)


def is_device_error(error: BaseException) -> bool:
    """Whether a device, its driver or a library on it failed, or memory did not suffice."""
    failed = _is_of_torch(error, "AcceleratorError") or _says(error, DRIVER_ERRORS)
    return is_out_of_memory(error) or (isinstance(error, RuntimeError) and failed)


@contextlib.contextmanager
def explained(kept: str) -> Iterator[None]:
    """Turn what a device says when it fails into a `CapabilityError`; `kept` says what is safe."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_device_error(error):
            raise
        if is_out_of_memory(error):
            raise CapabilityError(
                f"Memory ran out ({_first_line(error)}). {kept} Free some, or lower "
                "embedding.token_budget."
            ) from error
        raise device_failure(error, kept) from error


def device_failure(error: BaseException, kept: str) -> CapabilityError:
    """What to say where a device failed, but not for want of memory; `kept` says what is safe."""
    return CapabilityError(
        f"The GPU or its driver failed ({_first_line(error)}). {kept} If it fails again, look for "
        "Xid errors in the kernel log (`dmesg`), or use --backend cpu."
    )


def broken_device(error: BaseException) -> CapabilityError:
    """What to say of a device error that nothing nearer to it has explained."""
    if not is_out_of_memory(error):
        return device_failure(error, "What was finished is kept.")
    return CapabilityError(
        f"Memory ran out ({_first_line(error)}). What was finished is kept; end other programs, or "
        "use a machine with more."
    )


def _is_of_torch(error: BaseException, name: str) -> bool:
    """Whether it is an error of torch of that class; without torch imported none can be."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(error, getattr(torch, name))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _says(error: BaseException, signs: tuple[str, ...]) -> bool:
    message = str(error).lower()
    return any(sign in message for sign in signs)
