"""What nights read back is checked field by field: a wrong type is a sentence, never a defect."""

import functools
import json
import random
import shutil
import signal
from pathlib import Path

import pytest

from rapids_rap import pipeline
from rapids_rap.errors import InputError, Stopped
from rapids_rap.night.readback import (
    RecordFile,
    StateFile,
    StatusFile,
    check_fields,
    read_table,
)
from rapids_rap.night.root import NightRoot, read_state, run_names
from rapids_rap.runs.files import sha256_file
from rapids_rap.runs.seal import write_manifest
from rapids_rap.runs.verify import find_faults
from tests.conftest import rap
from tests.tiny_nights import tiny_night, write_songs

STRANGE = (None, "x", -1, 1.5, True, [], {}, [None], {"a": 1}, 10**30, "\ud800", [[[]]], "9" * 400)
BYTES = (b"", b"{", b"null", b"[]", b"\xff\xfe{}", b"[" * 10**5, b"9" * 10**4, b'{"a":' * 10**5)


def places(value, path=()):
    """Every place in a document, as the keys and indexes that lead to it."""
    yield path
    inner = value.items() if isinstance(value, dict) else ()
    for key, child in enumerate(value) if isinstance(value, list) else inner:
        yield from places(child, (*path, key))


def changed(value, path, put):
    """The document with something else at one place."""
    if not path:
        return put
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], put)
    return copy


def without(value, path):
    """The document without one of its fields."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return copy


def documents(value, draws, most):
    """Variants of a document: each field gone, and something strange at drawn places."""
    fields = [path for path in places(value) if path]
    every = [without(value, path) for path in fields]
    every += [changed(value, path, put) for path in places(value) for put in STRANGE]
    return draws.sample(every, min(most, len(every)))


def write_night(run, document):
    """nightly.json as one would who also mends the manifest that vouches for it."""
    path = run / "nightly.json"
    path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    manifest = json.loads((run / "manifest.json").read_text())
    entry = {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
    manifest["files"]["nightly.json"] = entry
    write_manifest(run, manifest)


@pytest.mark.parametrize("name", ["state.json", "status.json", "nightly.json"])
def test_a_field_of_another_type_is_a_sentence(nights, name):
    """A night that looks at such a file ends with 0 or 2, never with 1; what it made is no matter.

    Of another nightly.json a night may be made, so there it is only looked.
    """
    look = ("--dry-run",) if name == "nightly.json" else ()
    run = nights / "runs" / run_names(NightRoot(nights))[-1]
    path = run / name if name == "nightly.json" else nights / name
    whole, draws = json.loads(path.read_text()), random.Random(name)
    for document in [*documents(whole, draws, 60), *BYTES]:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        if path.parent == run:
            write_night(run, document)
        else:
            path.write_bytes(data)
        outcome = rap("nightly", *look, *tiny_night())
        assert outcome.code in (0, 2), (data[:300], outcome.err)
        if outcome.code == 2:
            assert name in outcome.err, data[:300]
            assert name != "status.json", "how nights ended decides nothing"
        assert "defect" not in outcome.err


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3))])
def test_damage_in_what_a_stopped_night_left_costs_only_work(nights, monkeypatch, seed):
    """Any JSON file under .building and store may be anything: the next night is made all the same.

    What is left of a stopped night is taken up or made again, and shards are moved aside.
    """
    write_songs(Path("lyrics"), 0, 12)
    group = pipeline.neighbor_graph

    @functools.wraps(group)
    def stopped(*arguments):
        raise Stopped(signal.SIGTERM)

    monkeypatch.setattr(pipeline, "neighbor_graph", stopped)
    assert rap("nightly", *tiny_night()).code == 143
    monkeypatch.setattr(pipeline, "neighbor_graph", group)
    draws = random.Random(seed)
    places = [nights / ".building", nights / "store"]
    files = [path for place in places for path in sorted(place.rglob("*.json"))]
    assert {"keys.json", "commit.json", ".run.json", "space.json"} <= {p.name for p in files}
    for path in files:
        whole = json.loads(path.read_text())
        [document] = documents(whole, draws, 1)
        data = draws.choice([draws.choice(BYTES), json.dumps(document).encode()])
        path.write_bytes(data)
    outcome = rap("nightly", *tiny_night("nightly.min_ids_kept=0"))
    assert outcome.code == 0, outcome.err
    assert find_faults(nights / "latest") == []


def test_what_nights_write_is_what_they_read(two_nights):
    """The fields that are asked for are those that a night writes."""
    root = NightRoot(two_nights / "root")
    for kind, path in (
        (StateFile, root.state),
        (StatusFile, root.status),
        *((RecordFile, root.run(name) / "nightly.json") for name in run_names(root)),
    ):
        table = json.loads(path.read_text())
        found = check_fields(kind, table, path, "").model_dump()
        assert set(found) <= set(table), path
    assert [
        json.loads((root.run(n) / "nightly.json").read_text())["number"] for n in run_names(root)
    ] == [1, 2]
    assert json.loads(root.state.read_text())["number"] == 2


def test_a_state_of_an_earlier_version_goes_on(two_nights, tmp_path):
    """Without numbers, in state.json and in the runs, order is that of names."""
    shutil.copytree(two_nights / "root", tmp_path / "root", symlinks=True)
    root = NightRoot(tmp_path / "root")
    whole = read_state(root)
    table = json.loads(root.state.read_text())
    del table["number"]
    root.state.write_text(json.dumps(table))
    assert read_state(root) == whole
    for name in run_names(root):
        night = json.loads((root.run(name) / "nightly.json").read_text())
        del night["number"]
        write_night(root.run(name), night)
    state = read_state(root)
    assert (state.number, state.last) == (0, whole.last)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("next_cluster", "12", "next_cluster = '12': input should be a valid integer"),
        ("next_cluster", -1, "next_cluster = -1"),
        ("next_theme", 2**53, "next_theme"),
        ("last", "../../etc", "last = '../../etc': is no name of a night"),
        ("pending", "20269999T999999Z", "pending"),
        ("publish", 1, "publish = 1: input should be a valid boolean"),
        ("schema_version", 2, "newer version"),
    ],
)
def test_the_sentence_names_field_and_way_on(two_nights, tmp_path, field, value, said):
    """File, field, value, what was expected, and what to do."""
    shutil.copytree(two_nights / "root", tmp_path / "root", symlinks=True)
    root = NightRoot(tmp_path / "root")
    table = json.loads(root.state.read_text())
    root.state.write_text(json.dumps(table | {field: value}))
    with pytest.raises(InputError) as error:
        read_state(root)
    assert said in str(error.value)
    assert str(root.state) in str(error.value)
    assert "Restore it, or delete it" in str(error.value) or "upgrade" in str(error.value)


def test_a_file_without_end_is_not_read(tmp_path):
    """A device, a pipe or gigabytes in the place of a small file are refused before reading."""
    (tmp_path / "state.json").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="no regular file"):
        read_table(tmp_path / "state.json", "")
    with (tmp_path / "status.json").open("wb") as file:
        file.truncate(2**33)
    with pytest.raises(InputError, match="more than"):
        read_table(tmp_path / "status.json", "")
