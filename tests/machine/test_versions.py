"""Versions are found under every name a package has."""

import importlib.metadata

import pytest

from rapids_rap.machine.versions import installed_version


@pytest.mark.parametrize("name", ["cuml-cu13", "cupy-cuda13x"])
def test_versions_are_found_under_the_names_of_pip_and_of_conda(monkeypatch, name):
    """A run's manifest names its versions wherever its libraries came from."""
    for known in (name, name.partition("-")[0]):
        monkeypatch.setattr(importlib.metadata, "version", lambda asked, k=known: {k: "26"}[asked])
        monkeypatch.setattr(importlib.metadata, "PackageNotFoundError", KeyError)
        assert installed_version(name) == "26"
        assert installed_version("faiss-gpu") == ""
