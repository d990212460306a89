"""The widget over its real messages: a comm in this process, and its front end in a browser."""

import base64
import builtins
import itertools
import json
import time

import numpy as np
import pandas as pd
import pytest

import rapids_rap
from rapids_rap.errors import CapabilityError, InputError
from rapids_rap.view import widget
from tests.browser import tab
from tests.view.pages import ask, size_of

pytest.importorskip("anywidget")
import comm
from comm.base_comm import BaseComm

HOME = "http://notebook.test/"
HOST = """<!doctype html><meta charset=utf-8><link rel=icon href="data:,"><div id=cell></div>
<script type=module>
import front from "./notebook.js";
const state = {height: 640, picked: new DataView(new ArrayBuffer(0))};
const heard = new Map();
const emit = (name, ...values) => [...(heard.get(name) ?? [])].forEach((call) => call(...values));
const letters = (view) => btoa(String.fromCharCode(...new Uint8Array(view.buffer)));
const view = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
window.outbox = [];
const model = {
  get: (name) => state[name],
  set: (name, value) => { state[name] = value; emit(`change:${name}`); },
  save_changes: () => outbox.push({picked: letters(state.picked)}),
  send: (content) => outbox.push({content}),
  on: (name, call) => heard.set(name, [...(heard.get(name) ?? []), call]),
  off: (name, call) => heard.set(name, (heard.get(name) ?? []).filter((own) => own !== call)),
};
window.receive = (message) => {
  if (message.page) emit("msg:custom", {kind: "page"}, [view(message.page)]);
  else if ("picked" in message) model.set("picked", view(message.picked));
  else model.set("height", message.height);
};
window.close_cell = front.render({model, el: document.getElementById("cell")});
</script>"""


class Wire(BaseComm):
    """A comm that keeps what the kernel sends."""

    def __init__(self, **more):
        self.sent = []
        super().__init__(**more)

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        self.sent.append((data or {}, list(buffers or [])))

    def bring(self, data, buffers=()):
        """A message of the front end."""
        self.handle_msg({"content": {"data": data}, "buffers": [memoryview(b) for b in buffers]})


@pytest.fixture
def made(view_run, monkeypatch):
    """A widget and its wire, with what it said while it was made left out."""
    monkeypatch.setattr(comm, "create_comm", Wire)
    shown = widget(rapids_rap.open_run(view_run))
    shown.comm.sent.clear()
    yield shown, shown.comm
    shown.close()


@pytest.fixture
def lines(view_run):
    return pd.read_parquet(view_run / "lines.parquet")


def bits(mask):
    return np.packbits(np.asarray(mask, dtype=bool), bitorder="little").tobytes()


def test_a_selection_goes_out_as_bits(made, lines):
    """A frame, ids and a mask name the same lines; None takes the selection back."""
    shown, wire = made
    wanted = lines["cluster"] == 1
    for given in (
        lines[wanted],
        lines.loc[wanted, "line_id"],
        wanted,
        lines["line_id"][wanted].tolist(),
    ):
        shown.selection = None
        shown.selection = given
        pd.testing.assert_frame_equal(shown.selection, lines[wanted])
    data, buffers = wire.sent[-1]
    assert data["method"] == "update"
    assert data["buffer_paths"] == [["picked"]]
    assert bytes(buffers[0]) == bits(wanted)
    shown.selection = None
    assert shown.selection.empty


def test_a_selection_comes_in_as_a_frame(made, lines):
    """What the page picks is in the frame, and whoever observes it hears of it."""
    shown, wire = made
    heard = []
    shown.observe(lambda change: heard.append(len(shown.selection)), "picked")
    wanted = lines["artist"] == "甲"
    update = {"method": "update", "state": {}, "buffer_paths": [["picked"]]}
    wire.bring(update, [bits(wanted)])
    pd.testing.assert_frame_equal(shown.selection, lines[wanted])
    wire.bring(update, [b""])
    assert shown.selection.empty
    assert heard == [wanted.sum(), 0]


@pytest.mark.parametrize("state", [{"picked": 10**12}, {"picked": "x"}, {"height": -3}, {"_x": 1}])
def test_strange_messages_pick_nothing(made, state):
    """A number is no length to allocate, and bits of another run are not taken."""
    shown, wire = made
    shown.selection = [0]
    wire.bring({"method": "update", "state": state, "buffer_paths": []})
    wire.bring({"method": "update", "state": {}, "buffer_paths": [["picked"]]}, [b"abc"])
    assert len(shown.picked) in (0, -(-len(shown._lines) // 8))
    assert len(shown.selection) <= 1
    assert shown.height == 640


def test_what_names_no_line_is_said_in_a_sentence(made, lines):
    """A frame without ids, an unknown id, and a mask of another length."""
    shown, _ = made
    for wrong, word in (
        (lines[["text"]], "line_id"),
        ([10**9], "no line"),
        ([-1], "no line"),
        (["x"], "no line"),
        (lines["cluster"].head(3) == 0, "True or False"),
    ):
        with pytest.raises(InputError, match=word):
            shown.selection = wrong
    shown.selection = []
    assert shown.selection.empty


def test_the_notebook_keeps_no_line(made):
    """The state that Jupyter may save holds bits; the page comes only when it is asked for."""
    shown, wire = made
    shown.selection = [1, 2]
    state = {name: value for name, value in shown.get_state().items() if name != "_esm"}
    assert "想念" not in repr(state)
    assert max(len(repr(value)) for value in state.values()) < 10_000
    assert all("page" not in repr(data) for data, _ in wire.sent)
    wire.bring({"method": "custom", "content": {"kind": "page"}})
    data, buffers = wire.sent[-1]
    assert data["content"] == {"kind": "page"}
    assert bytes(buffers[0]).startswith(b"<!doctype html>")


def test_a_missing_extra_is_a_sentence(view_run, monkeypatch):
    """Whoever has not installed `[view]` is told to."""
    real = builtins.__import__

    def without(name, *rest, **more):
        if name == "rapids_rap.view.notebook":
            raise ModuleNotFoundError("No module named 'anywidget'", name="anywidget")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(CapabilityError, match=r"pip install 'rapids-rap\[view\]'"):
        widget(rapids_rap.open_run(view_run))


class Cell:
    """The widget's front end in a tab, and the messages between it and the widget."""

    def __init__(self, page, wire):
        self.page, self.wire, self.done = page, wire, 0

    def pump(self):
        """Carries messages both ways until nobody says anything."""
        for _ in range(40):
            time.sleep(0.05)
            out = self.page.evaluate("() => window.outbox.splice(0)")
            for message in out:
                if "content" in message:
                    self.wire.bring({"method": "custom", "content": message["content"]})
                    continue
                update = {"method": "update", "state": {}, "buffer_paths": [["picked"]]}
                self.wire.bring(update, [base64.b64decode(message["picked"])])
            new, self.done = self.wire.sent[self.done :], len(self.wire.sent)
            for data, buffers in new:
                self._receive(data, buffers)
            if not out and not new:
                return

    def _receive(self, data, buffers):
        if data["method"] == "custom":
            self._send({"page": base64.b64encode(buffers[0]).decode()})
        elif data["method"] == "update":
            if buffers:
                self._send({"picked": base64.b64encode(buffers[0]).decode()})
            elif "height" in data["state"]:
                self._send({"height": data["state"]["height"]})

    def _send(self, message):
        self.page.evaluate("(message) => window.receive(message)", message)

    @property
    def frame(self):
        """The map's own page."""
        self.page.wait_for_selector("iframe")
        frame = self.page.query_selector("iframe").content_frame()
        frame.wait_for_selector("html[data-state=complete]")
        return frame


@pytest.fixture
def cell(chromium, made, view_run):
    """The widget shown in a cell, which must say nothing and ask for nothing else."""
    script = made[0]._esm
    with tab(chromium, "about:blank") as found:
        kinds = {"": ("text/html", HOST), "notebook.js": ("text/javascript", script)}

        def answer(route):
            kind, body = kinds[route.request.url.removeprefix(HOME)]
            route.fulfill(content_type=f"{kind}; charset=utf-8", body=body)

        found.page.route(f"{HOME}**", answer)
        found.page.goto(HOME)
        opened = Cell(found.page, made[1])
        opened.pump()
        _ = opened.frame
        opened.pump()
        yield opened
        assert found.said == []
        assert {url for url in found.asked if not url.startswith((HOME, "blob:", "data:"))} <= {
            "about:blank"
        }


def test_the_page_and_python_pick_for_each_other(cell, made, lines, view_run):
    """Search and legend fill the frame; a frame fills the map; an echo goes round only once."""
    shown, wire = made
    run = rapids_rap.open_run(view_run)
    for question, way in (("故鄉", "text"), ("guxiang", "pinyin"), ("故乡", "rhyme")):
        count = ask(cell.frame, question, way)
        cell.pump()
        assert shown.selection["line_id"].tolist() == run.search(question, way)["line_id"].tolist()
        assert count == len(shown.selection) > 0
    cell.frame.click("#clear")
    cell.pump()
    assert shown.selection.empty
    assert cell.frame.locator("#size").count() == 0
    shown.selection = run.lines[run.lines["cluster"] == 0]
    cell.pump()
    assert size_of(cell.frame) == (lines["cluster"] == 0).sum()
    cell.frame.select_option("#how", "add")
    ask(cell.frame, "夜歌")
    cell.pump()
    both = (lines["cluster"] == 0) | lines["text"].str.contains("夜歌")
    pd.testing.assert_frame_equal(shown.selection, lines[both])
    said = len(wire.sent)
    cell.pump()
    assert len(wire.sent) == said
    shown.selection = None
    cell.pump()
    assert cell.frame.locator("#size").count() == 0


def test_a_selection_waits_for_the_page(chromium, made, cell, lines):
    """A second view of the widget opens with what is selected already; a closed one is gone."""
    shown, _ = made
    shown.selection = lines.head(7)
    shown.height = 300
    cell.pump()
    cell.page.evaluate("() => window.close_cell()")
    assert cell.page.locator("iframe").count() == 0
    cell.page.reload()
    cell.done = 0
    cell.wire.sent[:] = [({"method": "update", "state": {}}, [shown.picked])]
    cell.pump()
    assert size_of(cell.frame) == 7


def test_the_frame_can_reach_nothing(cell):
    """The page has no origin: neither the notebook around it nor a cookie is within its reach."""
    cell.page.evaluate("() => { document.cookie = 'token=1'; window.secret = 1; }")
    script = (
        "() => { try { return parent.document.title + document.cookie; } catch { return 'shut'; } }"
    )
    assert cell.frame.evaluate(script) == "shut"
    assert cell.page.evaluate("() => document.querySelector('iframe').contentDocument") is None


def test_a_map_that_is_framed_by_others_says_nothing(chromium, view_run, tmp_path):
    """A file that somebody embeds tells nobody what is picked in it."""
    from rapids_rap.runs.run import open_run
    from rapids_rap.view.view import write_single_file

    write_single_file(open_run(view_run), tmp_path / "map.html")
    host = tmp_path / "host.html"
    host.write_text(
        "<script>window.heard = []; addEventListener('message', (e) => heard.push(e.data));"
        "</script><iframe src=map.html width=900 height=700></iframe>"
    )
    with tab(chromium, host.as_uri()) as found:
        frame = found.page.query_selector("iframe").content_frame()
        frame.wait_for_selector("html[data-state=complete]")
        ask(frame, "故乡")
        assert found.page.evaluate("() => heard") == []


def test_every_number_of_lines_goes_round(made):
    """Bits are those of the run's lines, whatever remainder a byte leaves."""
    shown, _ = made
    n = len(shown._lines)
    for first, step in itertools.product((0, 1, n - 1), (1, 7)):
        shown.selection = range(first, n, step)
        assert shown.selection["line_id"].tolist() == list(range(first, n, step))
    assert json.dumps(len(shown.picked)) == str(-(-n // 8))
