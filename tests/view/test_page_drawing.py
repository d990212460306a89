"""The map is drawn whatever draws it, and can be used by keys, by touch and without colours."""

import io
import itertools
import re
import time
from collections import Counter
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from rapids_rap.maps.palette import theme_colours, to_oklab
from rapids_rap.runs.run import open_run
from rapids_rap.view.view import write_single_file
from tests.browser import CHROMIUM, tab
from tests.view.conftest import make_view_run
from tests.view.pages import ask, exported, single, size_of

# How sRGB, made linear, looks without red or green cones: Viénot, Brettel & Mollon (1999).
DEFICIENT = {
    "protan": [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
    "deutan": [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
}
SHAPES = 6
SVG = "{http://www.w3.org/2000/svg}"


def colours_of(page):
    seen = Image.open(io.BytesIO(page.locator("#map").screenshot())).convert("RGB")
    return len(seen.getcolors(2**20))


def dark(page):
    """Pixels of the map that are about as dark as noise that is picked."""
    seen = Image.open(io.BytesIO(page.locator("#map").screenshot())).convert("RGB")
    values = np.asarray(seen).astype(int)
    grey = values.max(axis=2) - values.min(axis=2) <= 4
    return int((grey & (values[..., 0] >= 0x48) & (values[..., 0] <= 0x74)).sum())  # WebGL mixes


def as_seen(colours, matrix):
    linear = np.where(
        colours / 255 <= 0.04045, colours / 255 / 12.92, ((colours / 255 + 0.055) / 1.055) ** 2.4
    )
    dim = np.clip(linear @ np.array(matrix).T, 0, 1)
    back = np.where(dim <= 0.0031308, 12.92 * dim, 1.055 * dim ** (1 / 2.4) - 0.055)
    return np.round(255 * back).astype(np.uint8)


@pytest.mark.parametrize("eye", ["protan", "deutan"])
@pytest.mark.parametrize("count", [7, 9, 18])
def test_groups_are_told_apart_without_red_or_green(eye, count):
    """Two groups of one shape have colours that are apart for such eyes too, or another shape."""
    lab = to_oklab(as_seen(theme_colours(count).astype(float), DEFICIENT[eye]))
    for a, b in itertools.combinations(range(count), 2):
        if a % SHAPES == b % SHAPES:
            assert np.linalg.norm(lab[a] - lab[b]) > 0.04, (a, b)


def test_the_map_goes_on_when_the_card_is_lost(chromium, view_run, tmp_path):
    """A lost WebGL context is a sentence and the same picture by hand, not a white map."""
    write_single_file(open_run(view_run), tmp_path / "map.html")
    with tab(chromium, (tmp_path / "map.html").as_uri() + "?draw=webgl") as found:
        page = found.page
        page.wait_for_selector("html[data-state=complete]")
        assert page.get_attribute("#map", "data-drawing") == "webgl"
        page.evaluate(
            "() => document.querySelector('#map canvas.points')"
            ".getContext('webgl2').getExtension('WEBGL_lose_context').loseContext()"
        )
        page.wait_for_selector("#map[data-drawing=canvas]")
        assert "lost" in page.inner_text("#drawing")
        time.sleep(0.5)
        assert colours_of(page) > 20
        assert ask(page, "夜歌") > 0


@pytest.mark.parametrize("draw", ["canvas", "webgl"])
def test_a_few_lines_that_are_found_are_lit(chromium, view_run, tmp_path, draw):
    """Also those that are noise, whose grey is nearly that of what was not found."""
    lines = open_run(view_run).lines
    noise = lines.loc[lines["cluster"] == -1, "text_norm"].value_counts()
    rare = noise[noise == 1].index
    question = max(rare, key=len)
    with single(chromium, view_run, tmp_path / "map.html", f"?draw={draw}") as found:
        before = dark(found.page)
        assert ask(found.page, question) == 1
        found.page.wait_for_selector("html[data-state=complete]")
        time.sleep(0.5)
        assert dark(found.page) >= before + 20  # of a point seven pixels across
        found.said.clear()  # a screenshot reads WebGL's pixels back, which its driver calls slow


def test_without_webgl_there_is_a_sentence_and_the_map(chromium, view_run, tmp_path):
    """Where a browser has no WebGL at all, it says so, and draws, selects and exports."""
    write_single_file(open_run(view_run), tmp_path / "map.html")
    off = ["--no-sandbox", "--disable-gpu", "--disable-3d-apis"]
    opened = chromium.browser_type.launch(executable_path=CHROMIUM, args=off)
    with tab(opened, (tmp_path / "map.html").as_uri()) as found:
        page = found.page
        page.wait_for_selector("html[data-state=complete]")
        assert page.evaluate("() => document.createElement('canvas').getContext('webgl')") is None
        assert "No graphics card" in page.inner_text("#drawing")
        time.sleep(0.3)
        assert colours_of(page) > 20
        assert ask(page, "夜歌") > 0
        assert found.said == []
    opened.close()


def test_a_page_without_scripts_says_so(chromium, view_run, tmp_path):
    """It is a sentence and not a white page."""
    write_single_file(open_run(view_run), tmp_path / "map.html")
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "map.html").as_uri())
    assert "needs JavaScript" in page.inner_text("noscript")
    context.close()


@pytest.mark.parametrize("facet", ["theme", "cluster"])
def test_names_never_lie_over_each_other(chromium, view_run, tmp_path, facet):
    """At three zooms, and half a step between, in a picture with its words as words."""
    boxes = """svg => {
        const holder = document.createElement('div');
        holder.style.position = 'fixed';
        holder.append(new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement);
        document.body.append(holder);
        const found = [...holder.querySelectorAll('text[text-anchor=middle]')].map(text => {
          const {x, y, width, height} = text.getBBox(); return [x, y, x + width, y + height]; });
        holder.remove();
        return found; }"""
    with single(chromium, view_run, tmp_path / "map.html") as found:
        page = found.page
        page.select_option("#colour", facet)
        page.locator("#map").focus()
        for presses in (0, 1, 1, 1, 2, 2):
            for _ in range(presses):
                page.keyboard.press("+")
            time.sleep(0.2)
            told = page.evaluate(boxes, exported(page, "svg").decode())
            if presses < 2:
                assert told
            for a, b in itertools.combinations(told, 2):
                apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] + 2 or b[3] <= a[1] + 2
                assert apart, (a, b)


def test_shapes_are_seen_from_afar(chromium, tmp_path):
    """Where points are too small for shapes, a few are drawn large: every group has its own."""
    texts = [f"第{i}行夜歌" for i in range(12_000)]
    run = make_view_run(tmp_path / "run", texts=texts)
    with single(chromium, run, tmp_path / "map.html") as found:
        page = found.page
        page.select_option("#colour", "cluster")
        picture = ElementTree.fromstring(exported(page, "svg").decode())
        drawn = picture.find(f"{SVG}svg").findall(f"{SVG}path")
        shapes = Counter(path.get("d") for path in drawn)
        assert len(shapes) == 3
        assert min(shapes.values()) >= 3


def test_lines_are_written_beside_their_points_from_near(chromium, view_run, tmp_path):
    """Near enough each point has its line, cut short and without signs that turn others."""
    with single(chromium, view_run, tmp_path / "map.html") as found:
        page = found.page
        assert ask(page, "right") == 1
        page.keyboard.press("Escape")
        told = []
        for question in ("right", "长长", "<script>alert", "nul "):
            ask(page, question)
            picture = ElementTree.fromstring(exported(page, "svg").decode())
            told += [text.text or "" for text in picture.iter(f"{SVG}text")]
        assert any(text.startswith("right to left aga") for text in told)
        assert any(text.startswith("长长") and len(text) < 20 for text in told)
        assert "<script>alert(1)</…" in told
        assert not any(re.search(r"[\u202a-\u202e\x00]", text) for text in told)
    lines = open_run(view_run).lines
    own = lines[["x", "y"]].to_numpy(float)
    place = (own - own.min(axis=0)) / (own.max(axis=0) - own.min(axis=0)).max()
    x, y = place[lines["cluster"] == 1].mean(axis=0)
    with single(chromium, view_run, tmp_path / "near.html", f"#v={x}_{y}_6&l=en") as found:
        picture = ElementTree.fromstring(exported(found.page, "svg").decode())
        written = {text.text for text in picture.iter(f"{SVG}text")}
        assert len(written & set(lines["text"][lines["cluster"] == 1])) > 3


def test_everything_is_reached_by_keys(chromium, view_run, tmp_path):
    """By tab and return alone: search, the legend, the panel's lines, and a held line's card."""
    with single(chromium, view_run, tmp_path / "map.html") as found:
        page = found.page
        page.keyboard.press("/")
        page.keyboard.type("故乡")
        page.keyboard.press("Enter")
        page.wait_for_selector("#size")
        assert size_of(page) == 2
        for wanted in ("group", "line"):
            for _ in range(60):
                page.keyboard.press("Tab")
                if page.evaluate("() => document.activeElement.className") == wanted:
                    break
            assert page.evaluate("() => document.activeElement.className") == wanted
            if wanted == "line":
                page.keyboard.press("Enter")
        assert "想念故" in page.inner_text("#card .here")
        named = page.evaluate(
            "() => [...document.querySelectorAll('button, select, input')]"
            ".filter(e => e.offsetParent && !(e.ariaLabel || e.innerText || e.closest('label')))"
            ".map(e => e.outerHTML)"
        )
        assert named == []


def test_fingers_move_pinch_and_pick(chromium, view_run, tmp_path):
    """One finger moves, two zoom, a touch holds the line beneath it, a lasso takes an area."""
    write_single_file(open_run(view_run), tmp_path / "map.html")
    context = chromium.new_context(has_touch=True, viewport={"width": 800, "height": 900})
    page = context.new_page()
    page.goto((tmp_path / "map.html").as_uri())
    page.wait_for_selector("html[data-state=complete]")
    page.click("#seen")
    page.locator(".lines button").first.tap()
    page.wait_for_selector("#card.held")
    client = context.new_cdp_session(page)
    box = page.locator("#map").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def touch(kind, *points):
        sent = [{"x": px, "y": py, "id": i} for i, (px, py) in enumerate(points)]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": sent})

    def view():
        page.wait_for_timeout(600)  # the address follows at rest
        return [float(v) for v in page.url.partition("v=")[2].partition("&")[0].split("_")]

    before = view()
    touch("touchStart", (x, y))
    for step in range(1, 6):
        touch("touchMove", (x + 20 * step, y))
    touch("touchEnd")
    moved = view()
    assert moved[0] < before[0]
    assert moved[2] == before[2]
    touch("touchStart", (x - 20, y), (x + 20, y))
    for step in range(1, 6):
        touch("touchMove", (x - 20 - 12 * step, y), (x + 20 + 12 * step, y))
    touch("touchEnd")
    assert view()[2] > 2 * moved[2]
    page.click("#whole")
    page.click("[data-tool=lasso]")
    touch("touchStart", (x - 150, y - 150))
    for px, py in ((x + 150, y - 150), (x + 150, y + 150), (x - 150, y + 150)):
        touch("touchMove", (px, py))
    touch("touchEnd")
    assert size_of(page) > 0
    context.close()


def test_less_motion_is_none(chromium, view_run, tmp_path):
    """Where a reader asks for less motion nothing slides or fades."""
    write_single_file(open_run(view_run), tmp_path / "map.html")
    context = chromium.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto((tmp_path / "map.html").as_uri())
    page.wait_for_selector("html[data-state=complete]")
    ask(page, "夜歌")
    page.keyboard.press("Escape")
    assert page.evaluate("() => document.getAnimations().length") == 0
    context.close()
