"""A run for a paper: pictures, tables, how it was made, data and software, how to cite it."""

from __future__ import annotations

from collections.abc import Sequence

from rapids_rap.backend.protocol import Backend
from rapids_rap.config import MapsConfig
from rapids_rap.report.paper_figures import Plate, figure_files, run_plates
from rapids_rap.report.paper_tables import markdown, paper_tables, table_files
from rapids_rap.report.paper_text import citation, data_files, methods, settings_toml, statements
from rapids_rap.runs.folder import csv_bytes
from rapids_rap.runs.run import Run

KIND = "paper"  # of the folder, as its list of files says


def paper_files(
    run: Run,
    maps: MapsConfig,
    backend: Backend,
    more: Sequence[Plate] = (),
    *,
    training: str = "",
    with_lyrics: bool = False,
) -> dict[str, bytes]:
    """The files of a paper's folder by their names in it.

    more: pictures beside the run's own. training: how the model was tuned, "" where it was not.
    No passage of lyrics longer than a few words is in them,
    unless `with_lyrics` asks for the examples.
    """
    version = str(run.manifest.get("versions", {}).get("rapids-rap") or "unknown")
    return {
        **figure_files([*run_plates(run, maps, backend), *more]),
        **table_files(paper_tables(run, with_lyrics=with_lyrics)),
        "methods.md": markdown(methods(run, training)),
        "statements.md": markdown(statements(run, with_lyrics=with_lyrics)),
        "data_files.csv": csv_bytes(data_files(run)),
        "settings.toml": settings_toml(run).encode("utf-8", "replace"),
        "CITATION.cff": citation(version).encode(),
    }
