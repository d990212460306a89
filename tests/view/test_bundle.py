import shutil
import subprocess
from pathlib import Path

import pytest

WEBAPP = Path(__file__).parents[2] / "webapp"
STATIC = Path(__file__).parents[2] / "rapids_rap" / "view" / "static"


def test_what_is_shipped_is_what_the_sources_give():
    """The committed script and style are the build's, byte for byte, where its tools are."""
    if shutil.which("node") is None or not (WEBAPP / "node_modules").is_dir():
        pytest.skip("no node, or no `npm ci` in webapp/")
    made = subprocess.run(
        ["node", "build.mjs", "--check"], cwd=WEBAPP, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr


def test_the_bundle_fits_into_a_page():
    """No end of a script within it, no address of elsewhere, nothing that evaluates text."""
    script = (STATIC / "view.js").read_text(encoding="utf-8")
    for unwanted in ("</script", "<!--", "https://", "eval(", "new Function", ".innerHTML"):
        assert unwanted not in script.replace("http://www.w3.org", "")


def test_the_lock_names_only_the_public_registry():
    """What is pinned can be had by anyone."""
    lock = (WEBAPP / "package-lock.json").read_text(encoding="utf-8")
    resolved = [line for line in lock.splitlines() if '"resolved"' in line]
    assert all("https://registry.npmjs.org/" in line for line in resolved)
