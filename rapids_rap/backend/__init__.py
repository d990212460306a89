"""The one place that knows where arrays live.

A backend is a small object with the members of `protocol.Backend`; a stage is handed one and never
asks which. `cpu.py` holds NumPy, pandas, FAISS, umap-learn, fast_hdbscan and scikit-learn behind
it; `gpu.py` CuPy, cuDF, cuML, FAISS-GPU and cuVS. A new backend is one file.

Array code outside this package is written against the array API namespace `backend.xp`
(or `array_api_compat.array_namespace(x)`); table code against the subset that pandas and cuDF
share, reached as `backend.frames`.
"""

from __future__ import annotations

from typing import Literal

from rapids_rap.backend.protocol import Backend


def load_backend(name: Literal["cpu", "gpu"]) -> Backend:
    """The backend of that name; `device.resolve` decides which."""
    if name == "cpu":
        from rapids_rap.backend.cpu import CpuBackend

        return CpuBackend()
    from rapids_rap.backend.gpu import GpuBackend

    return GpuBackend()
