"""`rapids_rap.open_run`: what docs/python.md shows, and what can go wrong."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
import typing

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rapids_rap
from rapids_rap.api import TableName
from rapids_rap.errors import CapabilityError, InputError
from rapids_rap.runs import names
from tests.conftest import ROOT
from tests.view.conftest import make_view_run

BLOCKS = re.compile(r"```python\n(.*?)```", re.DOTALL)
DOCUMENT = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_view_run(tmp_path_factory.mktemp("api") / "run")


@pytest.fixture(scope="module")
def run(folder):
    return rapids_rap.open_run(folder, backend="cpu")


def said(call, kind=InputError):
    """The error's one sentence."""
    with pytest.raises(kind) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_the_document_runs_as_it_is_written(sample_run, tmp_path, monkeypatch, capsys):
    """Every example of docs/python.md, one after another, on a run of the sample lyrics."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "first").symlink_to(sample_run)
    monkeypatch.chdir(tmp_path)
    held = {}
    blocks = BLOCKS.findall(DOCUMENT)
    with contextlib.suppress(ModuleNotFoundError):
        import anywidget  # noqa: F401

        held["extra"] = True
    assert len(blocks) >= 8
    for block in blocks if "extra" in held else [b for b in blocks if "widget" not in b]:
        exec(compile(block, "docs/python.md", "exec"), held)
    run = held["run"]
    lines = pd.read_parquet(sample_run / "lines.parquet")
    pd.testing.assert_frame_equal(run.lines, lines)
    assert held["found"]["text"].str.contains("故乡|故鄉").all()
    assert len(held["found"]) == lines["text"].str.contains("故乡|故鄉").sum() > 0
    assert len(held["near"]) == len(held["songs"]) == len(held["like"]) == 5
    assert held["near"]["similarity"].is_monotonic_decreasing
    assert "`rapids-rap stability RUN` computes it" in capsys.readouterr().out
    for name in run.tables:
        assert len(run.table(name).columns) > 1


def test_every_table_of_a_run_has_a_name():
    """What a run's folder may hold beside its lines can be asked for, a later table too."""
    files = {*names.TABLES, names.TREE, names.TEXT_STABILITY, names.LEXICON_HITS, names.DROPPED}
    assert {name.partition(".")[0] for name in files} == set(typing.get_args(TableName))


def test_near_lines_are_those_of_the_command(sample_run):
    """`nearest` gives what `rapids-rap search` gives, for lines, songs and artists."""
    from rapids_rap.backend import load_backend
    from rapids_rap.reading.search import search_run
    from rapids_rap.runs.run import open_run

    run = rapids_rap.open_run(sample_run, backend="cpu")
    for by in ("line", "song"):
        wanted = search_run(open_run(sample_run), "想念故乡的夜", by, 4, load_backend("cpu"))
        found = run.nearest("想念故乡的夜", 4, by)
        pd.testing.assert_frame_equal(found[wanted.columns.tolist()], wanted, check_dtype=False)


def test_importing_stays_quick():
    """Neither pandas nor torch comes with the package, and torch not with lines and search."""
    script = (
        "import sys, rapids_rap; assert not {'pandas', 'numpy', 'torch'} & set(sys.modules);"
        "assert 'open_run' in dir(rapids_rap); rapids_rap.open_run; assert rapids_rap.__version__;"
        "assert 'torch' not in sys.modules; rapids_rap.view.widget;"
        "assert not {'torch', 'anywidget', 'umap', 'faiss'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_nothing_of_the_run_can_be_changed(run):
    """Frames and documents are the caller's own, and the file of vectors is not written."""
    lines, table, manifest = run.lines, run.table("clusters"), run.manifest
    lines.loc[:, "cluster"] = 7
    table["lines"] = 0
    manifest["counts"]["kept"] = -1
    assert (run.lines["cluster"] != 7).all()
    assert run.clusters["lines"].sum() == len(lines)
    assert run.manifest["counts"]["kept"] == len(lines)
    found = run.search("故乡")
    found.loc[:, "text"] = ""
    assert len(run.search("故乡")) == 2
    with pytest.raises(ValueError, match="read-only"):
        run.vectors[0, 0] = 1
    assert isinstance(run.vectors, np.memmap)
    with pytest.raises(AttributeError):
        run.path = "elsewhere"


def test_rows_fit_together(run):
    """Texts, vectors and lines are joined by text_id, and a line's neighbours are not itself."""
    assert len(run.texts) == len(run.vectors) == run.lines["text_id"].nunique()
    unit = np.array(run.vectors, dtype=np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    for line_id in (0, 5, len(run.lines) - 1):
        near = run.neighbours(line_id, 6)
        assert near["rank"].tolist() == [1, 2, 3, 4, 5, 6]
        assert line_id not in near["line_id"].tolist()
        own = run.lines.set_index("line_id")["text_id"][line_id]
        assert near["similarity"].is_monotonic_decreasing
        assert set(near["text_id"]) <= set(run.texts.index) - {own}
    assert len(run.neighbours(0, 10**6)) == len(run.texts) - 1


def test_search_finds_what_pandas_finds(run):
    """Every occurrence, traditional or simplified; a hostile line is text like any other."""
    text = run.lines["text"]
    for question, pattern in (("故鄉", "故乡|故鄉"), ("</script>", "</script>"), ("没有", "没有")):
        wanted = run.lines[text.str.contains(pattern)]
        pd.testing.assert_frame_equal(run.search(question), wanted)
    assert set(run.search("gu xiang", way="pinyin")["text"]) >= {"想念故乡的夜", "古巷深处"}
    assert "走在异乡" in set(run.search("iang", way="rhyme")["text"])


@pytest.mark.parametrize("way", ["text", "pinyin", "rhyme"])
def test_any_question_is_answered_or_explained(run, way):
    """Whatever is asked, rows come back in order or one sentence says why not."""

    @given(st.text(max_size=12))
    def ask(question):
        with contextlib.suppress(InputError):
            assert run.search(question, way).index.is_monotonic_increasing

    ask()


@pytest.mark.parametrize("path", ["/no/such/run", "a\0b", ".", "~nobody-here/run"])
def test_a_bad_path_is_one_sentence(path, tmp_path, monkeypatch):
    """It names the path and what is wanted."""
    monkeypatch.chdir(tmp_path)
    assert "run" in said(lambda: rapids_rap.open_run(path))


def test_what_is_no_run_of_this_version_says_so(folder, tmp_path):
    """A later schema, a damaged manifest, an unfinished run and a damaged table."""
    other = tmp_path / "run"
    shutil.copytree(folder, other)
    manifest = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps(manifest | {"schema_version": 99}))
    assert "upgrade rapids-rap" in said(lambda: rapids_rap.open_run(other))
    (other / "manifest.json").write_text("{")
    assert "manifest.json" in said(lambda: rapids_rap.open_run(other))
    (other / "manifest.json").write_text(json.dumps(manifest))
    (other / "clusters.csv").write_text("no,clusters\n1,2\n")
    opened = rapids_rap.open_run(other)
    assert "clusters.csv" in said(lambda: opened.clusters)
    (other / "lines.parquet").write_bytes(b"PAR1")
    assert "lines.parquet" in said(lambda: opened.search("故乡"))
    (other / "manifest.json").unlink()
    (other / ".run.json").write_text("{}")
    assert "resume" in said(lambda: rapids_rap.open_run(other))


def test_what_a_run_lacks_is_explained(run):
    """A table that it lacks and one that no run has, a line, a way, and no model."""
    assert run.tables == ("clusters", "themes", "cluster_terms")
    for name in set(typing.get_args(TableName)) - set(run.tables):
        text = said(lambda name=name: run.table(name))
        assert str(run.path / name) in text
        assert text.endswith(".")
    assert "take one of clusters" in said(lambda: run.table("lines"))
    assert "line 'x'" in said(lambda: run.neighbours("x"))
    assert "999999" in said(lambda: run.neighbours(999_999))
    assert "k = 0" in said(lambda: run.neighbours(0, 0))
    assert "'sound'" in said(lambda: run.search("故乡", way="sound"))
    assert "'album'" in said(lambda: run.nearest("故乡", by="album"))
    assert "pinyin" in said(lambda: run.search("!!", way="pinyin"))


def test_a_model_that_is_gone_is_explained(folder):
    """`nearest` says what is missing; search and neighbours go on without it."""
    gone = rapids_rap.open_run(folder, backend="cpu", settings=("embedding.model=/no/such/model",))
    said(lambda: gone.nearest("故乡"), (CapabilityError, InputError))
    assert len(gone.search("故乡")) == 2
    assert len(gone.neighbours(0, 2)) == 2


def test_a_link_is_followed_once(folder, tmp_path):
    """Who opened `latest` goes on reading that night when the next one is published."""
    first, second = tmp_path / "one", tmp_path / "two"
    shutil.copytree(folder, first)
    make_view_run(second, texts=("一", "二", "三"))
    latest = tmp_path / "latest"
    latest.symlink_to(first)
    run = rapids_rap.open_run(latest)
    latest.unlink()
    latest.symlink_to(second)
    assert len(run.lines) > 3
    assert len(rapids_rap.open_run(latest).lines) == 3


def test_runs_without_artists_or_ids_open(tmp_path):
    """A bare run has its lines, search and neighbours; lines are numbered where they have no id."""
    bare = make_view_run(tmp_path / "bare", artists=False, votes=False, songs=False)
    lines = pd.read_parquet(bare / "lines.parquet").drop(columns="line_id")
    lines.to_parquet(bare / "lines.parquet", index=False)
    run = rapids_rap.open_run(str(bare), backend="cpu")
    assert run.lines["line_id"].tolist() == list(range(len(lines)))
    assert len(run.neighbours(3, 2)) == 2
    assert "name one that" in said(lambda: rapids_rap.open_run(tmp_path / "gone"))
    assert "no artist" in said(lambda: run.table("cluster_artists"))
