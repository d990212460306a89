"""Runs that lack things open too: artists, votes, songs, regions, colours, clusters, lines."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tests.view.conftest import make_view_run
from tests.view.pages import ask, exported, opened, served, single, size_of

# What docs/run-folder.md promises `view`: all that must be there.
NEEDED = {
    "lines.parquet": "text text_id artist song song_id cluster theme x y",
    "clusters.csv": "cluster lines theme top_terms",
    "themes.csv": "theme label",
    "cluster_terms.csv": "cluster rank term method",
}


def facets(page):
    return page.evaluate("() => [...document.getElementById('colour').options].map(o => o.value)")


def use(page, lines):
    """Search, select by each known thing, hold a line, export: what any run must do."""
    wanted = lines["text"].str.contains("夜歌", regex=False).sum()
    assert ask(page, "夜歌") == wanted
    page.keyboard.press("Tab")
    page.locator("#map").focus()
    page.keyboard.press("n")
    assert "夜歌" in page.inner_text("#card .here")
    rows = [json.loads(line) for line in exported(page, "jsonl").decode().splitlines()]
    assert len(rows) == wanted == size_of(page)
    for facet in facets(page):
        page.select_option("#colour", facet)
        page.click("#legend button >> nth=0")
    return rows


@pytest.mark.parametrize("lacking", ["artists", "votes", "songs"])
@pytest.mark.parametrize("how", ["file", "server"])
def test_what_is_not_known_is_not_offered(chromium, tmp_path, lacking, how):
    """Plain text has no artists, one layout no votes; the page leaves them out and works."""
    run = make_view_run(tmp_path / "run", **{lacking: False})
    lines = pd.read_parquet(run / "lines.parquet")
    if how == "file":
        context = single(chromium, run, tmp_path / "map.html")
    else:
        server = served(run)
        context = opened(chromium, server.__enter__())
    with context as found:
        rows = use(found.page, lines)
        offered = facets(found.page)
        assert found.said == []
    if how == "server":
        server.__exit__(None, None, None)
    assert ("artist" in offered) == (lacking != "artists")
    assert ("agreement" in offered) == (lacking != "votes") == ("agreement" in rows[0])


def test_a_run_of_the_first_version_opens(chromium, tmp_path):
    """With what the run folder promises and no more: no colours, names, years, votes, line ids."""
    run = make_view_run(tmp_path / "run")
    lines = pd.read_parquet(run / "lines.parquet")
    for name, columns in NEEDED.items():
        if name == "lines.parquet":
            lines[columns.split()].to_parquet(run / name, index=False)
        else:
            pd.read_csv(run / name)[columns.split()].to_csv(run / name, index=False)
    manifest = json.loads((run / "manifest.json").read_text())
    shutil.rmtree(run / "vectors")
    for path in run.iterdir():
        if path.name not in (*NEEDED, "manifest.json"):
            path.unlink()
    kept = ("schema_version", "config", "counts", "model")
    old_manifest = {key: manifest[key] for key in kept} | {"model": {"name": "demo"}}
    (run / "manifest.json").write_text(json.dumps(old_manifest))
    with single(chromium, run, tmp_path / "map.html") as found:
        rows = use(found.page, lines)
        assert facets(found.page) == ["theme", "cluster", "artist"]
    assert [row["line_id"] for row in rows] == lines.index[
        lines["text"].str.contains("夜歌", regex=False)
    ].tolist()


@pytest.mark.parametrize("kind", ["noise alone", "one line"])
def test_a_run_with_next_to_nothing_opens(chromium, tmp_path, kind):
    """All noise, or a single line: a page, not an error."""
    texts = ["只有夜歌"] if kind == "one line" else [f"第{i}行夜歌" for i in range(30)]
    run = make_view_run(tmp_path / "run", texts=texts)
    lines = pd.read_parquet(run / "lines.parquet")
    lines["cluster"] = lines["theme"] = -1
    lines.to_parquet(run / "lines.parquet", index=False)
    for name, key in (("clusters.csv", "cluster"), ("themes.csv", "theme")):
        table = pd.read_csv(run / name)
        table[table[key] == -1].to_csv(run / name, index=False)
    with single(chromium, run, tmp_path / "map.html") as found:
        assert len(use(found.page, lines)) == len(texts)


def test_a_region_that_is_not_known_has_a_group(chromium, view_run, tmp_path):
    """Lines without a region are a group of their own, not lost and not another's."""
    run = tmp_path / "run"
    shutil.copytree(view_run, run)
    lines = pd.read_parquet(run / "lines.parquet")
    lines["region"] = lines["region"].where(np.arange(len(lines)) % 2 == 0)
    lines.to_parquet(run / "lines.parquet", index=False)
    with single(chromium, run, tmp_path / "map.html") as found:
        found.page.select_option("#colour", "region")
        found.page.locator("#legend button", has_text="not known").click()
        assert size_of(found.page) == lines["region"].isna().sum()


def test_a_server_that_is_killed_is_a_sentence(chromium, view_run):
    """Two tabs of one server work side by side; once it is killed, the page says so and stays."""
    command = [sys.executable, "-m", "rapids_rap", "view", str(view_run), "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        address = re.search(r"http://\S+", server.stdout.readline() + server.stdout.readline())[0]
        with opened(chromium, address) as one, opened(chromium, address) as two:
            assert ask(one.page, "夜歌") == ask(two.page, "夜歌") > 0
            two.page.keyboard.press("Escape")
            assert two.page.locator("#size").count() == 0
            server.kill()
            server.wait()
            one.page.fill("#question", "故乡")
            one.page.click("#ask button")
            expect = pytest.importorskip("playwright.sync_api").expect
            expect(one.page.locator("#status")).to_contain_text("answers no more")
            one.page.click("[data-export=csv]")
            assert size_of(one.page) > 0
