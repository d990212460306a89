"""The interactive map: a run as columns for a browser, one page that draws them, a small server.

`widget` shows the map in a notebook.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from rapids_rap.view.notebook import MapWidget


class OpenedRun(Protocol):
    """A run as `rapids_rap.open_run` gives it."""

    @property
    def path(self) -> Path:
        """Its folder."""

    @property
    def lines(self) -> pd.DataFrame:
        """A row an occurrence, each with a `line_id`."""


def widget(run: OpenedRun, *, height: int = 640) -> MapWidget:
    """The map of a run in a cell of a notebook, its selection as a frame; height in pixels.

    Raises `CapabilityError` where the extra `[view]` is not installed.
    """
    from rapids_rap.errors import CapabilityError
    from rapids_rap.runs.run import open_run

    try:
        from rapids_rap.view.notebook import MapWidget
    except ModuleNotFoundError as error:
        raise CapabilityError(
            f"A map in a notebook needs anywidget ({error}); install it with "
            "`pip install 'rapids-rap[view]'`."
        ) from None
    return MapWidget(open_run(run.path), run.lines, height=height)
