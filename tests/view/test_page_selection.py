"""Lines are picked by what is known of them, put together, and come out as they were picked."""

import io
import json

import pandas as pd
import pytest

from tests.conftest import rap
from tests.view.pages import ask, exported, opened, served, single, size_of

KNOWN = ["theme", "cluster", "artist", "region", "emotion", "agreement"]


@pytest.fixture
def page(chromium, view_run, tmp_path):
    with single(chromium, view_run, tmp_path / "map.html") as found:
        yield found.page


@pytest.fixture
def lines(view_run):
    return pd.read_parquet(view_run / "lines.parquet")


def ids(page):
    return {json.loads(line)["line_id"] for line in exported(page, "jsonl").decode().splitlines()}


def emotion(lines):
    known = lines[["hits_积极", "hits_消极"]]
    return known.idxmax(axis=1).str[5:].where(known.max(axis=1) > 0, "none")


@pytest.mark.parametrize("facet", KNOWN)
def test_every_group_is_picked_by_its_name(page, lines, facet):
    """Each entry of each legend takes the lines that pandas has in it, and they come out so."""
    share = (lines["agreement"].astype(float) * 100).round() / 100
    steps = [f"{k / 5:.1f}–{(k + 1) / 5:.1f}" for k in range(5)]
    own = {
        "emotion": emotion(lines),
        "agreement": (share * 5).clip(upper=4).astype(int).map(dict(enumerate(steps))),
    }.get(facet, lines.get(facet))
    page.select_option("#colour", facet)
    entries = page.locator("#legend button")
    seen = 0
    for i in range(entries.count()):
        name = entries.nth(i).locator("bdi").inner_text()
        entries.nth(i).click()
        key = -1 if name == "noise" and facet in ("theme", "cluster") else name
        wanted = own == (int(name.split()[0]) if key == name and facet in KNOWN[:2] else key)
        if not wanted.any():  # a step of agreement that no line has
            continue
        assert ids(page) == set(lines["line_id"][wanted]), name
        seen += size_of(page)
    assert seen == len(lines)


def test_selections_are_put_together(page, lines):
    """New, added, taken away and only what is in both: as sets of lines are."""
    page.select_option("#colour", "artist")
    page.fill("#among", "甲")
    assert page.locator("#legend button").count() == 1
    page.click("#legend button")
    own = set(lines["line_id"][lines["artist"] == "甲"])
    assert ids(page) == own
    night = set(lines["line_id"][lines["text"].str.contains("夜歌", regex=False)])
    for how, wanted in (
        ("keep", own & night),
        ("add", night | (own & night)),
        ("subtract", set()),
        ("set", night),
    ):
        page.select_option("#how", how)
        ask(page, "夜歌")
        if wanted:
            assert ids(page) == wanted, how
        else:
            assert page.is_hidden("#exports")
    page.select_option("#how", "keep")
    page.locator("#panel button.name", has_text="消极").click()
    assert ids(page) == night & set(lines["line_id"][emotion(lines) == "消极"])


def test_what_is_in_view_is_picked_without_a_mouse(page, lines):
    """`v` takes what is seen: all at first, less from near; the box does the same by hand."""
    page.locator("#map").focus()
    page.keyboard.press("-")
    page.keyboard.press("v")
    assert size_of(page) == len(lines)
    for _ in range(4):
        page.keyboard.press("+")
    page.keyboard.press("v")
    near = ids(page)
    assert 0 < len(near) < len(lines)
    place = page.locator("#map").bounding_box()
    page.click("[data-tool=box]")
    page.mouse.move(place["x"] + 1, place["y"] + 1)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] - 2, place["y"] + place["height"] - 2, steps=4)
    page.mouse.up()
    assert ids(page) <= near
    assert len(near - ids(page)) <= 6  # at the outermost pixels


def test_what_is_exported_can_be_run(page, lines, tmp_path):
    """`rapids-rap ingest` and `run` take the JSON lines: same artists, songs and texts."""
    page.select_option("#colour", "artist")
    page.click("#legend button >> nth=0")
    (tmp_path / "picked.jsonl").write_bytes(exported(page, "jsonl"))
    picked = pd.read_json(tmp_path / "picked.jsonl", lines=True)
    outcome = rap("ingest", tmp_path / "picked.jsonl", "--out", tmp_path / "corpus.parquet")
    assert outcome.code == 0, outcome.err
    corpus = pd.read_parquet(tmp_path / "corpus.parquet")
    kept = corpus["text"].isin(picked["text"])
    assert kept.mean() > 0.99  # of the hostile lines some lose what can't be seen
    known = {tuple(row) for row in picked[["artist", "song", "text"]].to_numpy()}
    assert {tuple(row) for row in corpus.loc[kept, ["artist", "song", "text"]].to_numpy()} <= known
    assert len(corpus) + len(pd.read_parquet(tmp_path / "dropped.parquet")) >= len(picked)


def test_a_whole_run_takes_what_is_exported(chromium, sample_run, tmp_path):
    """From the map to a run of its own: its rows are the ones selected, with artist and song."""
    lines = pd.read_parquet(sample_run / "lines.parquet")
    artist = lines["artist"].value_counts().index[0]
    with single(chromium, sample_run, tmp_path / "map.html") as found:
        page = found.page
        page.select_option("#colour", "artist")
        page.fill("#among", artist)
        page.click("#legend button >> nth=0")
        page.select_option("#how", "add")
        assert ask(page, "山") > 0
        (tmp_path / "picked.jsonl").write_bytes(exported(page, "jsonl"))
    wanted = lines[(lines["artist"] == artist) | lines["text"].str.contains("山", regex=False)]
    assert len(wanted) < len(lines)
    job = ["run", tmp_path / "picked.jsonl", "--model", "demo", "--backend", "cpu"]
    small = ["--set", "maps.width=600", "--set", "maps.height=450"]
    outcome = rap(*job, "--out", tmp_path / "run", *small)
    assert outcome.code == 0, outcome.err
    own = pd.read_parquet(tmp_path / "run" / "lines.parquet")
    columns = ["artist", "song", "text"]
    assert own[columns].to_numpy().tolist() == wanted[columns].to_numpy().tolist()


def test_a_server_exports_what_the_page_would(chromium, view_run, tmp_path):
    """The same selection gives the same rows and columns from a file and from a server."""
    found = []
    with single(chromium, view_run, tmp_path / "map.html") as alone:
        ask(alone.page, "夜歌")
        found.append((exported(alone.page, "csv"), exported(alone.page, "jsonl")))
    with served(view_run) as address, opened(chromium, address) as other:
        ask(other.page, "夜歌")
        found.append((exported(other.page, "csv"), exported(other.page, "jsonl")))
        assert other.said == []
    tables = [pd.read_csv(io.BytesIO(csv)) for csv, _ in found]
    pd.testing.assert_frame_equal(*tables)
    rows = [[json.loads(line) for line in text.decode().splitlines()] for _, text in found]
    assert rows[0] == rows[1]
    assert list(rows[0][0]) == list(rows[1][0]) == list(tables[0].columns)
