"""datashader's way through a cuDF frame: device columns in, device arrays out.

The real one compiles CUDA kernels for the frame's columns; here its CPU path runs on the same
numbers, and its arrays are handed back on the device, as `cudf_pipeline` does.
"""

from __future__ import annotations

from typing import Any

import xarray as xr
from datashader import core, reductions
from datashader.data_libraries.pandas import default

from tests.double import frame
from tests.double.array import wrap


def pipeline(
    df: Any, schema: Any, canvas: Any, glyph: Any, summary: Any, *, antialias: bool = False
) -> Any:
    """Aggregates on the double."""
    host = default(glyph, df._host, schema, canvas, summary, antialias=antialias)
    if isinstance(host, xr.DataArray):
        return host.copy(data=wrap(host.to_numpy().copy()))
    arrays = {name: found.copy(data=wrap(found.to_numpy().copy())) for name, found in host.items()}
    return xr.Dataset(arrays, attrs=host.attrs)


def install(cudf: Any) -> tuple[Any, Any]:
    """Make datashader know the double's frames; returns what `remove` puts back."""
    core.bypixel.pipeline.register(frame.DataFrame)(pipeline)
    before = core.cudf, reductions.cudf
    core.cudf, reductions.cudf = cudf, cudf
    return before


def remove(before: tuple[Any, Any]) -> None:
    """Undo `install`, but for the dispatch, which no other type meets."""
    core.cudf, reductions.cudf = before
