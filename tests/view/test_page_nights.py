"""Two nights in one page: in turn, with what moved, and the address brings all of it back."""

import io
import json
import re
import time

import pandas as pd
import pytest
from PIL import Image

from rapids_rap.runs.run import open_run
from tests.conftest import rap
from tests.view.conftest import TEXTS, make_view_run
from tests.view.pages import ask, exported, opened, served, single, size_of

NAMES = {
    "same cluster": lambda a, b: a == b,
    "another cluster": lambda a, b: a != b and a >= 0 and b >= 0,
    "into noise": lambda a, b: a >= 0 > b,
    "out of noise": lambda a, b: a < 0 <= b,
}


@pytest.fixture(scope="session")
def later_run(tmp_path_factory):
    more = tuple(f"新的第{i}行夜歌" for i in range(30))
    folder = tmp_path_factory.mktemp("later") / "later"
    return make_view_run(folder, texts=(*TEXTS[8:], *more), turn=1)


def changes(view_run, later_run):
    """Line ids of the later night by how they changed."""
    own, there = (pd.read_parquet(run / "lines.parquet") for run in (later_run, view_run))
    was = own["text_norm"].map(there.drop_duplicates("text_norm").set_index("text_norm")["cluster"])
    out = {"in this night alone": set(own["line_id"][was.isna()])}
    for name, holds in NAMES.items():
        pairs = zip(was, own["cluster"], own["line_id"], strict=True)
        out[name] = {i for a, b, i in pairs if a == a and holds(a, b)}
    return out


def ids(page):
    return {json.loads(line)["line_id"] for line in exported(page, "jsonl").decode().splitlines()}


@pytest.mark.parametrize("how", ["file", "server"])
def test_two_nights_are_seen_in_turn(chromium, view_run, later_run, tmp_path, how):
    """What changed is picked as pandas counts it; the other night takes the same steps."""
    both = {"other": open_run(later_run)}
    if how == "file":
        context = single(chromium, view_run, tmp_path / "map.html", **both)
        look(context, view_run, later_run)
        return
    with served(view_run, **both) as address:
        look(opened(chromium, address), view_run, later_run)


def look(context, view_run, later_run):
    wanted = changes(view_run, later_run)
    with context as found:
        page = found.page
        assert "later" in page.inner_text("#caption")
        page.select_option("#colour", "moved")
        entries = page.locator("#legend button")
        for i in range(entries.count()):
            name = entries.nth(i).locator("bdi").inner_text()
            entries.nth(i).click()
            page.wait_for_selector("#size")
            if wanted[name]:
                assert ids(page) == wanted[name], name
        page.keyboard.press("Escape")
        page.check("#moves")
        total = sum(len(wanted[name]) for name in NAMES if name != "same cluster")
        assert f"of {total}" in page.inner_text("#moved")
        assert b"<circle" in exported(page, "svg")
        page.keyboard.press("/")  # keys work while the box is in focus
        assert page.evaluate("() => document.activeElement.id") == "question"
        ask(page, "夜歌")
        held = size_of(page)
        page.keyboard.press("t")
        page.click("#turn")
        page.click("#turn")
        texts = pd.read_parquet(view_run / "lines.parquet")["text"]
        there = texts.str.contains("夜歌", regex=False).sum()
        assert there < held
        expect = pytest.importorskip("playwright.sync_api").expect
        expect(page.locator("#caption")).to_contain_text("night")
        expect(page.locator("#size")).to_have_text(re.compile(rf"^{there} "))
        page.wait_for_url("**n=1**s=set!found!**")
        address = page.url
        page.goto("about:blank")
        page.goto(address)
        page.wait_for_selector("html[data-state=complete]")
        page.wait_for_selector("#size")
        assert "night" in page.inner_text("#caption")
        assert page.is_checked("#moves")
        assert size_of(page) == texts.str.contains("夜歌", regex=False).sum()
        assert found.said == []


def test_turns_faster_than_the_server_answers_are_all_taken(chromium, view_run, later_run):
    """Two turns while a search is out come back to the night they began with."""
    expect = pytest.importorskip("playwright.sync_api").expect
    held = []
    ones = (pd.read_parquet(later_run / "lines.parquet")["cluster"] == 1).sum()
    both = {"other": open_run(later_run)}
    with served(view_run, **both) as address, opened(chromium, address) as found:
        page = found.page
        page.set_viewport_size({"width": 700, "height": 900})  # one map at a time
        page.select_option("#colour", "cluster")
        page.route("**/find*", lambda route: route.continue_() if held else held.append(route))
        with page.expect_request("**/find*"):
            page.fill("#question", "夜歌")
            page.click("#ask button")
        page.click("#turn")
        page.click("#turn")
        page.locator("#legend button", has_text="1 词1").click()
        held[0].continue_()
        expect(page.locator("#size")).to_have_text(re.compile(rf"^{ones} "))
        assert "later" in page.inner_text("#caption")


@pytest.mark.parametrize("how", ["file", "server"])
def test_two_nights_are_seen_side_by_side(chromium, view_run, later_run, tmp_path, how):
    """One view and one selection on two maps: the lines of one are those of the same text."""
    both = {"other": open_run(later_run)}
    if how == "file":
        beside(single(chromium, view_run, tmp_path / "map.html", **both), view_run, later_run)
        return
    with served(view_run, **both) as address:
        beside(opened(chromium, address), view_run, later_run)


def beside(context, view_run, later_run):
    before, after = (pd.read_parquet(run / "lines.parquet") for run in (view_run, later_run))
    expect = pytest.importorskip("playwright.sync_api").expect
    with context as found:
        page = found.page
        page.set_viewport_size({"width": 1500, "height": 900})
        page.click("#sides")
        expect(page.locator("#before")).to_be_visible()
        page.select_option("#colour", "cluster")
        page.locator("#legend button", has_text="1 词1").click()
        mine = set(after["text_norm"][after["cluster"] == 1])
        assert ids(page) == set(after["line_id"][after["cluster"] == 1])
        page.click("#before-title")
        expect(page.locator("#turn")).to_contain_text("later")
        assert ids(page) == set(before["line_id"][before["text_norm"].isin(mine)])
        ask(page, "夜歌")  # a search is asked of each night, lines of one night alone are found too
        page.keyboard.press("Tab")
        page.click("#map-title")
        assert ids(page) == set(after["line_id"][after["text"].str.contains("夜歌", regex=False)])
        lit_in_both(page)
        lassoed_on_the_other(page, before)
        page.wait_for_url("**b=1**set1!area!**")
        chosen, address = ids(page), page.url
        page.goto("about:blank")
        page.goto(address)
        page.wait_for_selector("html[data-state=complete]")
        expect(page.locator("#before")).to_be_visible()
        assert ids(page) == chosen
        width = Image.open(io.BytesIO(exported(page, "png"))).size[0]
        assert width > 2 * 1100  # both maps, twice as large
        assert exported(page, "svg").count(b"<image") == 2
        page.set_viewport_size({"width": 700, "height": 900})
        expect(page.locator("#before")).to_be_hidden()
        assert page.is_hidden("#sides")
        assert ids(page) == chosen
        assert found.said == []


def lit_in_both(page):
    """A line of the list that is held gets its ring on both maps."""
    seen = []
    for press in (None, "n"):
        if press:
            page.locator("#map").focus()
            page.keyboard.press(press)
        time.sleep(0.4)
        seen.append(
            [page.locator(f"#{name} canvas.over").screenshot() for name in ("before", "map")]
        )
    assert all(one != other for one, other in zip(*seen, strict=True))


def lassoed_on_the_other(page, before):
    """An area drawn on the map that is not told of is of that night, which is told of then."""
    page.click("[data-tool=box]")
    box = page.locator("#before").bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] - 2, steps=4)
    page.mouse.up()
    assert len(ids(page)) > 0.9 * len(before)
    page.keyboard.press("m")


def test_the_command_takes_two_nights(view_run, later_run, tmp_path):
    """`view A B --single-file` writes both; of other lyrics it is a sentence and exit 2."""
    out = tmp_path / "map.html"
    assert rap("view", view_run, later_run, "--single-file", out).code == 0
    assert b'id="part-before-xy"' in out.read_bytes()
    other = make_view_run(tmp_path / "x", texts=[f"别的{i}" for i in range(50)])
    outcome = rap("view", view_run, other, "--single-file", out)
    assert outcome.code == 2
    assert "no text in common" in outcome.err
