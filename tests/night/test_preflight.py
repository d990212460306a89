"""What a night will need is said before it starts, from what is known by then."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from rapids_rap.config import Config
from rapids_rap.errors import CapabilityError
from rapids_rap.night import preflight
from rapids_rap.night.root import NightRoot
from rapids_rap.settings import change_config


@dataclass(frozen=True)
class Before:
    """The published night, as far as estimates read it."""

    manifest: dict


def before(texts, dim):
    return Before({"counts": {"distinct": texts}, "model": {"dim": dim}})


def test_texts_are_expected_from_the_night_before_or_from_bytes(tmp_path):
    """The first night knows only sizes; later ones at least last night's, at most twice them."""
    lyrics = tmp_path / "a.txt"
    lyrics.write_bytes(b"x" * 20_000)
    assert preflight.expected_texts([lyrics], None) == 1000
    assert preflight.expected_texts([lyrics], before(5000, 8)) == 5000
    assert preflight.expected_texts([lyrics], before(800, 8)) == 1000
    assert preflight.expected_texts([lyrics], before(100, 8)) == 200
    lyrics.write_bytes(b"")
    assert preflight.expected_texts([lyrics], None) == 1


def test_the_store_counts_only_what_it_lacks():
    """A night of known texts writes their vectors once, the first or one of another model twice."""
    config, half = Config(), change_config(Config(), ["embedding.store_dtype=float16"])
    known = preflight.needed_bytes(1000, 64, config, before(1000, 64))
    assert preflight.needed_bytes(1000, 64, config, None) == known + 1000 * (64 * 4 + 32)
    assert preflight.needed_bytes(1000, 64, config, before(1000, 32)) > known
    assert preflight.needed_bytes(1000, 64, half, before(1000, 64)) == known - 1000 * 64 * 2


def test_a_disk_without_room_names_what_is_needed(tmp_path):
    """Also for a folder that isn't there yet."""
    root = NightRoot(tmp_path / "not" / "yet")
    preflight.check_disk(root, 1)
    with pytest.raises(CapabilityError, match="are free"):
        preflight.check_disk(root, 2**70)
    assert not Path(root.path).exists()
