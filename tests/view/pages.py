"""What tests of the map do in a browser."""

import contextlib
import threading

import pytest

from rapids_rap.backend import load_backend
from rapids_rap.runs.run import open_run
from rapids_rap.view.view import serve, write_single_file
from tests.browser import tab


@contextlib.contextmanager
def served(run, **more):
    """The address of a server of this run folder, while it runs."""
    with serve(open_run(run), load_backend("cpu"), **more) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running.address
        running.shutdown()


@contextlib.contextmanager
def single(chromium, run, out, query="", **more):
    """A tab on the single file of this run, which must say nothing and ask for nothing."""
    write_single_file(open_run(run), out, **more)
    with opened(chromium, out.as_uri() + query) as found:
        yield found
        assert found.said == []
        asked = [url for url in found.asked if not url.startswith(("file:", "blob:", "data:"))]
        assert asked == []


@contextlib.contextmanager
def opened(chromium, address):
    """A tab at an address, once all is read."""
    with tab(chromium, address) as found:
        found.page.wait_for_selector("html[data-state=complete]")
        yield found


def ask(page, question, way="text"):
    """How many lines the page says it found."""
    page.select_option("#way", way)
    page.fill("#question", question)
    page.click("#ask button")
    # Asked from outside: the page's policy forbids what Playwright does to wait within it.
    expect = pytest.importorskip("playwright.sync_api").expect
    expect(page.locator("#status")).not_to_have_text("…")
    return int(page.inner_text("#status").split()[0].replace(",", ""))


def size_of(page):
    """How many lines the page says are selected."""
    return int(page.inner_text("#size").split()[0].replace(",", ""))


def exported(page, form):
    with page.expect_download() as download:
        page.click(f"[data-export={form}]")
    return download.value.path().read_bytes()
