import io
import itertools
import json
import re
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pypinyin import Style, lazy_pinyin

from rapids_rap.runs.run import open_run
from rapids_rap.view.chinese import fold, fold_pairs, known_traditional, readings
from rapids_rap.view.view import write_single_file
from tests.browser import tab
from tests.view.pages import ask, exported, served


@pytest.fixture(params=["file", "server"])
def address(request, view_run, tmp_path):
    if request.param == "file":
        write_single_file(open_run(view_run), tmp_path / "map.html")
        yield (tmp_path / "map.html").as_uri()
        return
    with served(view_run) as running:
        yield running


@pytest.fixture
def opened(chromium, address):
    with tab(chromium, address) as found:
        found.page.wait_for_selector("html[data-state=complete]")
        yield found
        assert found.said == []
        home = address.rpartition("/")[0]
        assert [url for url in found.asked if not url.startswith((home, "blob:", "data:"))] == []


@pytest.fixture
def lines(view_run):
    return pd.read_parquet(view_run / "lines.parquet")


def test_words_are_found_as_pandas_finds_them(opened, lines):
    """Traditional, simplified, wide and large letters are one; every line that holds it counts."""
    pairs = fold_pairs(known_traditional())
    folded = lines["text"].map(lambda text: fold(text, pairs))
    for question in ("故乡", "故鄉", "重慶", "LOVE", "ｌｏｖｅ", "夜歌", "</script>", "没有这个"):
        wanted = folded.str.contains(fold(question, pairs), regex=False).sum()
        assert ask(opened.page, question) == wanted, question
    assert ask(opened.page, "故乡") == 2


def test_sounds_are_found_as_pandas_finds_them(opened, lines):
    """Pinyin without tones, cut or not, and the finals of the last syllables."""
    table = readings("故古鼓乡巷香想象相")
    gu, xiang = set(table["gu"]), set(table["xiang"])
    pairs = fold_pairs(known_traditional())
    folded = lines["text"].map(lambda text: fold(text, pairs))
    near = folded.map(lambda text: any(a in gu and b in xiang for a, b in itertools.pairwise(text)))
    assert near.sum() == 3
    for question in ("guxiang", "gu xiang", "GUXIANG"):
        assert ask(opened.page, question, "pinyin") == near.sum()
    ends = folded.map(lambda text: re.sub(r"\W", "", text)[-2:])
    told = ends.map(lambda end: lazy_pinyin(end, style=Style.FINALS, strict=False))
    assert ask(opened.page, "iang", "rhyme") == told.map(lambda own: own[-1:] == ["iang"]).sum()
    assert ask(opened.page, "故乡", "rhyme") == told.map(lambda own: own == ["u", "iang"]).sum()


def test_the_exported_rows_are_the_ones_selected(opened, lines):
    """A lasso, less a group and with what was found: CSV and JSON lines hold these rows."""
    page = opened.page
    box = page.locator("#map").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.click("[data-tool=lasso]")
    page.mouse.move(x - 150, y - 150)
    page.mouse.down()
    for dx, dy in ((150, -150), (150, 150), (-150, 150)):
        page.mouse.move(x + dx, y + dy, steps=3)
    page.mouse.up()
    rows = [json.loads(line) for line in exported(page, "jsonl").decode().splitlines()]
    size = int(page.inner_text("#size").split()[0].replace(",", ""))
    assert 0 < len(rows) == size < len(lines)
    page.wait_for_url("**set!area!**")  # the address follows at rest
    corners = page.url.partition("set!area!")[2].split("_")
    area = np.array(corners, dtype=float).reshape(-1, 2)
    own = lines[["x", "y"]].to_numpy(float)
    place = (own - own.min(axis=0)) / (own.max(axis=0) - own.min(axis=0)).max()
    within = ((place > area.min(axis=0)) & (place < area.max(axis=0))).all(axis=1)
    edge = (np.abs(place[:, None] - area[None]).min(axis=1) < 1e-3).any(axis=1)
    held = np.isin(lines["line_id"], [row["line_id"] for row in rows])
    assert (held == within)[~edge].all()
    page.click("#legend button >> nth=0", modifiers=["Alt"])
    page.select_option("#how", "add")
    ask(page, "故乡")
    table = pd.read_csv(io.BytesIO(exported(page, "csv")), keep_default_na=False)
    again = [json.loads(line) for line in exported(page, "jsonl").decode().splitlines()]
    assert table["line_id"].tolist() == [row["line_id"] for row in again]
    by_id = lines.set_index("line_id")["text"]
    assert [row["text"] for row in again] == by_id[table["line_id"]].str.replace(
        "\0", "\ufffd"
    ).tolist()
    assert by_id.str.contains("故乡|故鄉")[table["line_id"]].sum() == 2


def test_hostile_lines_stay_text(opened, lines):
    """Scripts do not run, formulas do not calculate, and a line of 100,000 signs is cut short."""
    page = opened.page
    assert page.title() == "night · rapids-rap"
    for question in ("<script>", "HYPERLINK", "right", "长长"):
        assert ask(page, question) >= 1
        page.keyboard.press("Tab")
    assert ask(page, "HYPERLINK") == 1
    table = pd.read_csv(io.BytesIO(exported(page, "csv")))
    assert table["text"][0].startswith("'=HYPERLINK")
    ask(page, "长长")
    shown = page.inner_text(".lines .lyric")
    assert len(shown) < 400
    assert page.locator("aside script, aside img").count() == 0


def test_an_address_brings_everything_back(chromium, opened, address):
    """View, colour, language and selection, of what was found as well as of an area."""
    page = opened.page
    page.select_option("#colour", "artist")
    ask(page, "夜歌")
    page.keyboard.press("Escape")
    ask(page, "夜歌")
    page.wait_for_url("**set!found!**")
    size = page.inner_text("#size")
    with tab(chromium, page.url) as other:
        other.page.wait_for_selector("html[data-state=complete]")
        assert other.page.inner_text("#size") == size
        assert other.page.input_value("#colour") == "artist"


def test_keys_do_what_a_mouse_does(opened):
    """Zoom, search and a walk through the lines found; the card shows the line and its song."""
    page = opened.page
    ask(page, "故乡")
    page.locator("#map").focus()
    page.keyboard.press("n")
    assert "想念故" in page.inner_text("#card .here")
    page.keyboard.press("+")
    page.keyboard.press("/")
    assert page.evaluate("() => document.activeElement.id") == "question"
    page.click("#language")
    assert page.inner_text("#ask button") == "查找"


@pytest.mark.parametrize("draw", ["canvas", "webgl"])
def test_points_are_drawn(chromium, view_run, tmp_path, draw):
    """By hand and by WebGL: a picture in several colours at three zooms, and as PNG and SVG."""
    write_single_file(open_run(view_run), tmp_path / "map.html")
    with tab(chromium, (tmp_path / "map.html").as_uri() + f"?draw={draw}") as found:
        page = found.page
        page.wait_for_selector("html[data-state=complete]")
        for key in ("0", "+", "+"):
            page.keyboard.press(key)
            time.sleep(0.3)
            seen = Image.open(io.BytesIO(page.locator("#map").screenshot())).convert("RGB")
            assert len(seen.getcolors(2**20)) > 20
        assert Image.open(io.BytesIO(exported(page, "png"))).size[0] > 1000
        assert b"<svg" in exported(page, "svg")[:100]
        assert page.get_attribute("#map", "data-drawing") == draw
        # A screenshot reads WebGL's pixels back, which its driver calls slow.
        assert [said for said in found.said if "GL Driver Message" not in said] == []


def test_a_file_without_lyrics_says_so(chromium, view_run, tmp_path):
    """It opens, has no line to show, and can't be searched."""
    write_single_file(open_run(view_run), tmp_path / "map.html", lyrics=False)
    assert "想念" not in (tmp_path / "map.html").read_text(encoding="utf-8")
    with tab(chromium, (tmp_path / "map.html").as_uri()) as found:
        found.page.wait_for_selector("html[data-state=complete]")
        assert found.page.is_disabled("#question")
        found.page.click("#legend button >> nth=0")
        assert found.page.locator(".lines").count() == 0
        assert found.said == []
