"""Bundled data: lexicon, stop words, slang, credit roles, a font subset, the offline demo model."""

from importlib.resources import files
from pathlib import Path


def data_path(name: str) -> Path:
    """The path of a bundled file or folder, for example ``data_path("lexicon.csv")``."""
    return Path(str(files(__name__).joinpath(name)))
