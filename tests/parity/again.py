"""A GPU's run looked at again by the CPU: `python -m tests.parity.again DEVICE ARGUMENTS`.

ARGUMENTS are those of `rapids-rap`, the run's own. The CPU backend passes for the one that the run
was made with, so that stages that were kept are read back, and those that are gone are computed
anew, on the CPU, from the same vectors, layout and clusters. DEVICE is torch's name of where they
were embedded, by which the vector store knows them.
"""

from __future__ import annotations

import sys
from typing import Any

from rapids_rap import pipeline
from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.cli import main as command
from rapids_rap.embedding import embed as embedding
from rapids_rap.machine import device


class Posing(CpuBackend):
    """The CPU under the GPU's name."""

    name = "gpu"


def main() -> None:
    """Run the command."""
    where, *arguments = sys.argv[1:]
    space = embedding._space

    def as_there(*given: Any) -> dict[str, object]:
        return space(*given) | {"device": where}

    embedding._space = as_there
    pipeline.load_backend = lambda name: Posing()
    device.resolve = lambda *_, **__: device.DeviceResolution("gpu", "the CPU in its place")
    sys.argv = ["rapids-rap", *arguments]
    command()


if __name__ == "__main__":
    main()
