"""What comes from elsewhere is a file, and no larger than the machine, before it is read."""

import contextlib
import math
import os
import socket
import zipfile
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rapids_rap.backend import host
from rapids_rap.corpus.readers_columns import _cells_of
from rapids_rap.errors import CapabilityError, InputError, readable_bytes
from rapids_rap.runs import received
from rapids_rap.runs.files import open_plain, read_plain, sha256_file
from rapids_rap.runs.received import load_array, read_parquet, require_room
from rapids_rap.runs.run import open_run, read_json
from rapids_rap.runs.verify import find_faults
from tests.conftest import rap
from tests.run_factory import make_run

GIB = 2**30


@pytest.fixture
def small_machine(monkeypatch):
    """A machine with a GiB of free memory."""
    memory = host.Memory(free=GIB, total=2 * GIB, peak=0)
    monkeypatch.setattr(received, "host_memory", lambda: memory)


def strange(kind, path):
    """Something at `path` that is no file."""
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)  # the name of a socket may not be long


KINDS = ("pipe", "device", "folder", "socket")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_is_not_opened(kind, tmp_path):
    """Nothing waits for a pipe's writer or for a device's end."""
    path = tmp_path / "a.npy"
    strange(kind, path)
    for read in (open_plain, read_plain, sha256_file, read_json, load_array, read_parquet):
        with pytest.raises((OSError, ValueError)):
            read(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["manifest.json", "lines.parquet", "clusters.csv", "quality.json"])
def test_a_received_run_with_what_is_no_file_ends_in_a_sentence(kind, name, tmp_path):
    """`verify`, `summary` and `export` exit with 2, at once."""
    run = make_run(tmp_path / "run", ["爱", "酒", "夜"], [0, 0, 1])
    strange(kind, run / name)
    assert find_faults(run)
    for verb in ("verify", "export") if name == "lines.parquet" else ("verify",):
        outcome = rap(verb, run)
        assert outcome.code == 2, outcome.err


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.xlsx", "a.txt", "regions.csv"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_an_input_that_is_no_file_ends_in_a_sentence(kind, name, tmp_path):
    """Named, or as a table beside the lyrics."""
    strange(kind, tmp_path / name)
    (tmp_path / "b.txt").write_text("爱\n")
    if name == "regions.csv":
        from rapids_rap.corpus.pair_tables import read_pairs

        with pytest.raises(InputError, match="not a file"):
            list(read_pairs(tmp_path / name, ("artist", "region")))
        return
    outcome = rap("ingest", tmp_path / name, "--out", tmp_path / "out.parquet")
    assert outcome.code == 2
    assert "pipe or a device" in outcome.err


def test_a_file_of_holes_is_not_read(tmp_path, monkeypatch):
    """A file that is larger than its disk takes no room, and for ever to read."""
    path = tmp_path / "a.npy"
    path.write_bytes(b"\0" * 8192)
    assert len(read_plain(path)) == 8192
    monkeypatch.setattr(os, "fstatvfs", lambda _: SimpleNamespace(f_blocks=1, f_frsize=4096))
    for read in (open_plain, sha256_file, load_array):
        with pytest.raises(OSError, match="larger than its disk"):
            read(path)


@pytest.mark.parametrize("shape", [(2**30, 32), (12, 2**34)])
@pytest.mark.parametrize("name", ["vectors.npy", "reduced.npy"])
def test_vectors_have_a_row_a_text_before_they_are_read(name, shape, tmp_path):
    """A terabyte or so by its header and length, in a run of a dozen texts."""
    texts = [f"夜{i:02}" for i in range(12)]
    run = open_run(make_run(tmp_path / "run", texts, [0] * 12))
    with (run.path / "vectors" / name).open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 4 * math.prod(shape))
    with pytest.raises(InputError, match=r"lines\.parquet has 12 distinct texts|than its disk"):
        _ = run.vectors if name == "vectors.npy" else run.reduced


def test_a_document_has_a_largest_size(tmp_path):
    """A manifest of gigabytes is not read into memory to see that it is none."""
    with (tmp_path / "manifest.json").open("wb") as file:
        file.truncate(2**34)
    with pytest.raises(OSError, match="larger"):
        read_json(tmp_path / "manifest.json")
    (tmp_path / "deep.json").write_text("[" * 200_000)
    with pytest.raises(ValueError, match="nested"):
        read_json(tmp_path / "deep.json")


def rows_bomb(path, rows=20_000_000):
    """Many rows in few bytes."""
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, dtype=np.int8)), ["爱"])
    pq.write_table(pa.table({"text": column, "cluster": np.zeros(rows, dtype=np.int8)}), path)
    assert path.stat().st_size < 200_000


def cell_bomb(path):
    """One long cell, very often."""
    column = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(20_000, dtype=np.int32)), ["爱" * 100_000]
    )
    pq.write_table(pa.table({"text": column}), path, compression="zstd")
    assert path.stat().st_size < 100_000


@pytest.mark.parametrize("bomb", [rows_bomb, cell_bomb])
def test_a_parquet_bomb_is_counted_and_not_read(bomb, tmp_path, small_machine):
    """As lyrics and as a run's table: exit code 3, saying what it would take."""
    bomb(tmp_path / "a.parquet")
    with pytest.raises(CapabilityError, match=r"a\.parquet: holds 20,000.* rows .*are free"):
        read_parquet(tmp_path / "a.parquet")
    outcome = rap("ingest", tmp_path / "a.parquet", "--out", tmp_path / "out.parquet")
    assert outcome.code == 3
    run = make_run(tmp_path / "run", ["爱", "酒", "夜"], [0, 0, 1])
    bomb(run / "lines.parquet")
    with pytest.raises(CapabilityError):
        _ = open_run(run).lines


def test_an_ordinary_table_reads_as_it_did(tmp_path, small_machine):
    """Measuring changes nothing, neither kinds of columns nor nulls."""
    table = pd.DataFrame({"text": pd.array(["爱", None], dtype="str"), "n": [1, 2], "x": [0.5, 1]})
    table["song_id"] = pd.array([1, None], dtype="Int64")
    table.to_parquet(tmp_path / "a.parquet", index=False, compression="zstd")
    pd.testing.assert_frame_equal(read_parquet(tmp_path / "a.parquet"), table)


def test_an_array_is_as_long_as_it_says(tmp_path):
    """A header of 100 bytes may promise petabytes, or objects, or an archive."""
    path = tmp_path / "a.npy"
    np.save(path, np.zeros(3))
    with path.open("r+b") as file:
        head = file.read(128).replace(b"(3,), }" + b" " * 12, b"(3000000000000,), }")
        file.seek(0)
        file.write(head)
    for mapped in (False, True):
        with pytest.raises((ValueError, OSError)):
            load_array(path, mapped=mapped)
    np.savez(tmp_path / "b.npz", a=np.zeros(3))
    (tmp_path / "b.npz").rename(path)
    with pytest.raises(ValueError, match="no array"):
        load_array(path)
    np.save(path, np.zeros((10**6, 10**6), dtype="V0"))
    with pytest.raises((ValueError, OSError)):
        load_array(path)


def test_a_workbook_bomb_ends_in_a_sentence(tmp_path, small_machine):
    """Unpacked it would not fit; or its only row is the last of very many."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["artist", "song", "text"])
    book.active.append(["a", "b", "爱"])
    path = tmp_path / "a.xlsx"
    book.save(path)
    for name, change in {
        "rows": lambda xml: xml.replace(b'<row r="2"', b'<row r="999999999"'),
        "size": lambda xml: xml.replace(b"<sheetData>", b"<sheetData>" + b" " * 2**28),
        "wide": lambda xml: xml.replace(b'ref="A1:C2"', b'ref="A1:XFD1048576"'),
    }.items():
        with (
            zipfile.ZipFile(path) as old,
            zipfile.ZipFile(tmp_path / f"{name}.xlsx", "w", zipfile.ZIP_DEFLATED) as new,
        ):
            for part in old.namelist():
                data = old.read(part)
                new.writestr(part, change(data) if "sheet1" in part else data)
    codes = {
        name: rap("ingest", tmp_path / f"{name}.xlsx", "--out", tmp_path / f"{name}.parquet").code
        for name in ("rows", "size", "wide")
    }
    assert codes == {"rows": 2, "size": 3, "wide": 0}


def test_a_workbook_that_shares_one_long_text_is_counted(small_machine):
    """In the file it stands once, in a table as often as there are rows."""

    class Sheet:
        def reset_dimensions(self):
            pass

        def iter_rows(self, values_only):
            yield from [("爱" * 30_000, 1, None)] * 20_000

    with pytest.raises(CapabilityError, match=r"a\.xlsx: holds .* characters in .* rows"):
        _cells_of(Sheet(), "a.xlsx")


def test_sizes_beside_each_other_never_read_the_same():
    """No 'needs 0.1 GiB and 0.1 GiB are free'."""
    pairs = [(101 * 2**20, 100 * 2**20), (2**30 + 1, 2**30), (5 * GIB, 4.99 * GIB), (900, 899)]
    for needed, free in pairs:
        assert readable_bytes(needed, free) != readable_bytes(free, needed)
    assert readable_bytes(150 * GIB, 20 * GIB) == "150.0 GiB"
    with pytest.raises(CapabilityError, match="are free"):
        require_room("a", 2**60, "much")


def test_a_text_that_is_no_utf8_ends_in_a_sentence(tmp_path):
    """It would be noticed only where it is written again, as a defect of ours."""
    parts = [None, pa.array([0, 2, 4], pa.int32()).buffers()[1], pa.py_buffer(b"ab\xff\xfe")]
    table = pa.table({"text": pa.StringArray.from_buffers(2, *parts[1:])})
    pq.write_table(table, tmp_path / "lines.parquet")
    with pytest.raises(ValueError, match="UTF8"):
        read_parquet(tmp_path / "lines.parquet")
    run = make_run(tmp_path / "run", ["一行", "二行"], [0, 0])
    pq.write_table(table, run / "lines.parquet")
    ended = rap("export", run, "--format", "jsonl")
    assert ended.code == 2
    assert "lines.parquet: is missing or damaged" in ended.err


def test_an_empty_array_file_ends_in_a_sentence(tmp_path):
    """NumPy's error of it is an end of file, which the command line takes for an abort."""
    (tmp_path / "a.npy").write_bytes(b"")
    with pytest.raises(ValueError, match="is empty"):
        load_array(tmp_path / "a.npy")
