"""Triton kernels, one operation a file with its plain reference beside it.

`pool.py` and `silhouette.py` state what an operation takes and returns and choose by where the
tensors live; `*_triton.py` hold the kernels and are imported only to launch one; `*_reference.py`
say the same in plain PyTorch, need no Triton, and are what runs on the CPU.

The folder is installed as `rapids_rap.kernels` (the top-level import name `kernels` belongs to
another package).
"""

from __future__ import annotations

import os
from collections import Counter
from importlib.util import find_spec
from typing import TYPE_CHECKING

from rapids_rap.errors import CapabilityError

if TYPE_CHECKING:
    import torch

launches: Counter[str] = Counter()
"""Launches of this process by operation: the evidence that a kernel, not its reference, ran."""


def uses_triton(tensor: torch.Tensor) -> bool:
    """Whether an operation on `tensor` is a Triton kernel's: on a GPU always, else in tests.

    On the CPU, TRITON_INTERPRET=1 asks for the kernels in Triton's interpreter. Nothing falls back:
    raises CapabilityError for a tensor on a GPU where Triton is missing, or where that variable
    would have its interpreter copy everything to the host and back.
    """
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if not tensor.is_cuda:
        return interpreted
    if interpreted:
        raise CapabilityError(
            "TRITON_INTERPRET=1 would run the kernels on the host although the data is on a GPU; "
            "unset TRITON_INTERPRET."
        )
    if find_spec("triton") is None:
        raise CapabilityError(
            "the kernels for data on a GPU need Triton, which is not installed; install it with "
            "`pip install rapids-rap[gpu]`."
        )
    return True
