"""Reading over shards: the same corpus, the same account of what was dropped, the same refusals."""

import json
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from rapids_rap.config import CorpusConfig, InputConfig
from rapids_rap.corpus import ranges
from rapids_rap.corpus.ingest import ingest
from rapids_rap.errors import InputError
from rapids_rap.scale import cleaning, reading
from rapids_rap.scale.cleaning import clean_by_shards
from rapids_rap.scale.executor import SerialExecutor
from rapids_rap.scale.reading import cut_files, read_by_shards
from tests.conftest import LYRICS


def by(executor, folder):
    """What reads and what cleans, by workers."""
    return (
        partial(read_by_shards, executor=executor, beside=folder),
        partial(clean_by_shards, executor=executor, beside=folder),
    )


def same(one, other):
    assert one.texts == other.texts
    assert one.files == other.files
    assert one.warnings == other.warnings
    pd.testing.assert_frame_equal(one.lines, other.lines)
    pd.testing.assert_frame_equal(one.dropped, other.dropped)


@pytest.fixture
def mixed(tmp_path):
    """Files of several formats, one of them empty, one that holds no lyrics by itself."""
    folder = tmp_path / "lyrics"
    folder.mkdir()
    (folder / "a.lrc").write_text("[ti:夜]\n[ar:某某]\n[00:01.00][00:09.00]灯火\n[00:02.00]hey\n")
    (folder / "b.csv").write_text("artist,song,text\n某某,路,山水\n某某,路,\n别人,,灯火\n")
    (folder / "c.txt").write_text("")
    (folder / "d.txt").write_text("歌手姓名：某某\n\n路\n作词：某人\n山水\n\nhook\n")
    (folder / "e.txt").write_bytes("一行山水\n两行灯火\n".encode("gb18030"))
    return folder


def test_workers_read_what_one_process_reads(executor, mixed, tmp_path, monkeypatch):
    """Lines, dropped lines, counts by rule and what is said aloud."""
    monkeypatch.setattr(reading, "SHARD_FILES", 2)
    monkeypatch.setattr(cleaning, "STRETCH", 500)
    paths, settings = [mixed, LYRICS], (InputConfig(), CorpusConfig())
    same(ingest(paths, *settings, *by(executor, tmp_path)), ingest(paths, *settings))
    assert [path.name for path in tmp_path.iterdir()] == ["lyrics"]


def test_paths_mean_what_they_mean_here(process_executor, mixed, monkeypatch, tmp_path):
    """A worker has another working folder; labels and names of folders stay those given."""
    monkeypatch.chdir(mixed.parent)
    settings = (InputConfig(), CorpusConfig())
    found = ingest([Path("lyrics")], *settings, *by(process_executor, tmp_path))
    same(found, ingest([Path("lyrics")], *settings))
    assert found.files[0].path == "lyrics/a.lrc"


def test_the_first_file_that_cannot_be_read_is_named(mixed, tmp_path):
    """The same sentence as in one process, whichever worker was there first."""
    (mixed / "b.csv").write_text("x,y\n1,2\n")
    (mixed / "d.parquet").write_bytes(b"no parquet")
    settings = (InputConfig(), CorpusConfig())
    with pytest.raises(InputError) as alone:
        ingest([mixed], *settings)
    with pytest.raises(InputError) as shared:
        ingest([mixed], *settings, *by(SerialExecutor(), tmp_path))
    assert str(shared.value) == str(alone.value)


def test_shards_follow_the_files(mixed, monkeypatch):
    """Every file once, in order; a large one is a shard of its own."""
    files = sorted(mixed.iterdir())
    monkeypatch.setattr(reading, "SHARD_BYTES", 40)
    shards = cut_files(files)
    assert [path for shard in shards for path in shard] == files
    assert len(shards) > 2


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "csv", "tsv", "txt"])
def test_one_file_of_most_lines_is_read_in_parts(executor, kind, mixed, tmp_path, monkeypatch):
    """Nine lines of ten in one file, cut where its format allows, to the corpus of one process."""
    rows = [
        {
            "artist": f"歌手{n // 40}",
            "song": f"路{n // 8}",
            "text": f"山水灯火{n % 90}",
            "year": 2001,
        }
        for n in range(400)
    ]
    rows[17]["text"], rows[40]["year"], rows[300]["artist"] = "作词：某人", 1999, "nan"
    path = mixed / f"z.{kind}"
    if kind == "jsonl":
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    elif kind == "txt":
        song = "歌手姓名：某某\n\n路\n作词：某人\n山水\n灯火\nhook\n走吧\n\n"
        path.write_text("歌手姓名：\n\n" + song * 300)
    elif kind == "parquet":
        pd.DataFrame(rows).to_parquet(path, row_group_size=50)
    else:
        rows[111]["text"] = "他说\n走吧, 灯火\n山水" if kind == "csv" else '他说"走"'
        pd.DataFrame(rows).to_csv(path, sep="," if kind == "csv" else "\t", index=False)
    monkeypatch.setattr(reading, "SHARD_BYTES", 1_000)
    monkeypatch.setattr(ranges, "PART_BYTES", 5_000)  # of this process: it decides on the cuts
    monkeypatch.setattr(ranges, "PART_ROWS", 100)
    monkeypatch.setattr(cleaning, "STRETCH", 70)
    settings = (InputConfig(), CorpusConfig())
    alone = ingest([mixed], *settings)
    same(ingest([mixed], *settings, *by(executor, tmp_path)), alone)
    asked = []
    join = reading.join_parts
    monkeypatch.setattr(reading, "join_parts", lambda *of: asked.append(of) or join(*of))
    same(ingest([mixed], *settings, *by(SerialExecutor(), tmp_path)), alone)
    assert len(asked) == 1  # it was read in parts


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_what_reading_warns_of_is_said_here(executor, kind, tmp_path, monkeypatch, caplog):
    """Once, whatever worker read the file: nobody looks at a worker's log."""
    rows = [{"singer": "某某", "text": f"山水{n}"} for n in range(200)]
    path = tmp_path / f"a.{kind}"
    if kind == "csv":
        pd.DataFrame(rows).to_csv(path, index=False)
    else:
        path.write_text("\n".join(map(json.dumps, rows)))
    settings = (InputConfig(), CorpusConfig())
    ingest([path], *settings)
    alone = caplog.messages.copy()
    assert any('one of "singer" is it' in words for words in alone)
    for size in (2**20, 1_000):  # read whole, and in parts
        monkeypatch.setattr(reading, "SHARD_BYTES", size)
        monkeypatch.setattr(ranges, "PART_BYTES", size)
        caplog.clear()
        ingest([path], *settings, *by(executor, tmp_path))
        assert caplog.messages == alone


def test_an_empty_shard_is_no_harm(executor, tmp_path, monkeypatch):
    """Files without a line, alone in their shard; and only such files are refused as ever."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.txt").write_text("" if name != "b" else "山水\n灯火\n")
    monkeypatch.setattr(reading, "SHARD_FILES", 1)
    settings = (InputConfig(), CorpusConfig())
    same(ingest([folder], *settings, *by(executor, tmp_path)), ingest([folder], *settings))
    (folder / "b.txt").write_text("")
    with pytest.raises(InputError) as alone:
        ingest([folder], *settings)
    with pytest.raises(InputError) as shared:
        ingest([folder], *settings, *by(executor, tmp_path))
    assert str(shared.value) == str(alone.value)


def test_units_and_limits_are_of_all_lines(executor, mixed, tmp_path, monkeypatch):
    """Stanzas over cuts, songs that come back, and a limit that ends within a stretch."""
    monkeypatch.setattr(cleaning, "STRETCH", 600)
    for unit, limit in (("stanza", 0), ("line", 37)):
        settings = (InputConfig(limit=limit), CorpusConfig(unit=unit))
        same(
            ingest([LYRICS, mixed], *settings, *by(executor, tmp_path)),
            ingest([LYRICS, mixed], *settings),
        )
