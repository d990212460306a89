"""`annotate` and `agree` as commands: from forms filled in by a browser to figures in the run."""

import errno
import json
import random
import shutil

import pytest

from rapids_rap.annotate.forms import page_name
from rapids_rap.runs import bundle
from rapids_rap.runs.run import open_run
from rapids_rap.runs.verify import find_faults
from tests.annotate.conftest import CODERS, as_the_run
from tests.browser import browser, tab
from tests.conftest import rap


@pytest.fixture
def run(named_run, tmp_path):
    """A copy of the run that the forms are of."""
    shutil.copytree(named_run, tmp_path / "run")
    return tmp_path / "run"


def test_what_people_say_stands_in_the_run(run, answered, forms, tmp_path):
    """Two who answer as the run does agree fully; the run stays whole, and its page says it."""
    files = [answered(coder, as_the_run) for coder in CODERS]
    out = tmp_path / "out"
    outcome = rap("agree", run, *files, "--key", forms / "key.json", "--out", out)
    assert outcome.code == 0, outcome.err
    people = open_run(run).quality["people"]
    assert set(people) == {"fit", "intruder", "names", "emotion"}
    for task, figure in people.items():
        assert (figure["value"], figure["right"], figure["coders"]) == (1.0, 1.0, 2), task
    assert people["intruder"]["right_by_chance"] == pytest.approx(0.2)
    assert find_faults(run) == []
    assert open_run(run).manifest["people"]["coders"] == list(CODERS)
    assert "标注者一致" in (run / "report.html").read_text(encoding="utf-8")
    assert "alpha 1.000" in rap("summary", run).out
    assert {path.name for path in out.iterdir()} == {"items.csv", "confusion.csv"}


def test_agreement_by_chance_is_none(run, answered, forms):
    """Answers at random: alpha about 0, and a sentence that nothing follows from them."""
    draws = random.Random(4)
    files = [answered(coder, lambda item: draws.choice(item.options)) for coder in CODERS]
    outcome = rap("agree", run, *files, "--key", forms / "key.json")
    assert outcome.code == 0, outcome.err
    assert "nothing should be concluded" in outcome.out
    people = open_run(run).quality["people"]
    assert all(abs(figure["value"]) < 0.5 for figure in people.values())


def test_a_half_filled_form_counts_for_what_is_filled_in(run, answered, forms):
    """And the command says how much that is."""
    files = [
        answered("Li", as_the_run),
        answered("Wang", lambda item: as_the_run(item) if item.task == "fit" else None),
    ]
    outcome = rap("agree", run, *files, "--key", forms / "key.json")
    assert outcome.code == 0, outcome.err
    assert "Wang answered" in outcome.out
    assert set(open_run(run).quality["people"]) == {"fit"}


def test_what_can_not_be_compared_is_a_sentence(run, answered, forms, tmp_path, two_nights):
    """One coder, a key that is missing, a form of another run: exit 2, and the run as it was."""
    before = (run / "manifest.json").read_bytes()
    one = answered("Li", as_the_run)
    key = ("--key", forms / "key.json")
    for words, said in (
        ((run, one, *key), "Only Li answered"),
        ((run, one), "No key.json lies beside"),
        ((run, one, "--key", one), "is no key"),
        ((run, one, tmp_path / "none.json", *key), "none.json: can't be read"),
        ((two_nights / "root" / "latest", one, *key), "of another run"),
    ):
        outcome = rap("agree", *words)
        assert (outcome.code, said in outcome.err) == (2, True), outcome.err
    assert (run / "manifest.json").read_bytes() == before


def test_a_folder_that_can_not_be_written_leaves_the_run_as_it_was(run, answered, forms, tmp_path):
    """The tables come first: either both are there, or neither the run nor they."""
    (tmp_path / "out").write_text("mine")
    before = (run / "manifest.json").read_bytes()
    files = [answered(coder, as_the_run) for coder in CODERS]
    words = ("--key", forms / "key.json", "--out", tmp_path / "out")
    outcome = rap("agree", run, *files, *words)
    assert (outcome.code, "out: can't be" in outcome.err) == (2, True), outcome.err
    assert (run / "manifest.json").read_bytes() == before


def test_forms_are_never_written_over(named_run, forms, tmp_path):
    """What people answered refers to them; nor over anything else."""
    (tmp_path / "mine.txt").write_text("mine")
    for words, said in (
        (("--out", forms), "give another --out"),
        (("--out", tmp_path), "not ours (such as mine.txt)"),
        (("--out", named_run / "forms"), "lies in the run folder"),
        (("--out", forms / "x", "--coder", "Li"), "agrees with nobody"),
        (("--out", forms / "x", "--coder", "a/b", "--coder", "c"), "a name of a coder"),
        (("--out", forms / "x", "--coder", "a", "--coder", "A"), "one name twice"),
        (("--out", forms / "x", "--task", "fits"), "known: fit"),
    ):
        outcome = rap("annotate", named_run, *words)
        assert (outcome.code, said in outcome.err) == (2, True), outcome.err
    assert not (forms / "x").exists()


@pytest.mark.parametrize("moment", range(6))
def test_forms_are_there_whole_or_not_at_all(named_run, tmp_path, monkeypatch, moment):
    """Stopped at any file, no folder is left, and the same command then writes it."""
    write, out, left = bundle.write_bytes, tmp_path / "forms", moment

    def stopped(path, data):
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(bundle, "write_bytes", stopped)
        outcome = rap("annotate", named_run, "--out", out, "--items", 8)
    assert (outcome.code, "no room to write" in outcome.err) == (3, True), outcome.err
    assert list(tmp_path.iterdir()) == []
    assert rap("annotate", named_run, "--out", out, "--items", 8).code == 0
    assert (out / "key.json").is_file()


def test_pages_are_filled_in_saved_taken_up_and_read_back(run, forms, items, tmp_path):
    """A real browser, by keys and clicks: what `agree` counts is what was answered."""
    # It asks again and again from outside: the page's own policy forbids to do so within.
    expect = pytest.importorskip("playwright.sync_api").expect
    saved = []
    with browser() as opened:
        for coder in CODERS:
            with tab(opened, (forms / page_name(coder)).as_uri()) as open_tab:
                page = open_tab.page
                for _ in range(10):
                    page.keyboard.press("1")
                page.reload()  # what was answered is kept
                assert page.inner_text("#count") == f"10 / {len(items)}"
                page.click("#open")
                while page.inner_text("#count") != f"{len(items)} / {len(items)}":
                    page.locator("#options button").first.click()
                with page.expect_download() as download:
                    page.click("#save")
                path = tmp_path / download.value.suggested_filename
                download.value.save_as(path)
                saved.append(path)
                assert open_tab.said == []
                assert all(url.startswith(("file:", "blob:")) for url in open_tab.asked)
        with tab(opened, (forms / page_name(CODERS[0])).as_uri()) as open_tab:
            page = open_tab.page
            assert page.inner_text("#count") == f"0 / {len(items)}"  # another browser
            page.set_input_files("#load", saved[0])
            expect(page.locator("#count")).to_have_text(f"{len(items)} / {len(items)}")
            page.set_input_files("#load", saved[1])
            expect(page.locator("#said")).to_contain_text("not answers")
    for path in saved:
        given = json.loads(path.read_text(encoding="utf-8"))["answers"]
        assert given == {i: item.options[0] for i, item in items.items()}
    outcome = rap("agree", run, *saved, "--key", forms / "key.json")
    assert outcome.code == 0, outcome.err


def test_hostile_lyrics_stay_text(run, tmp_path):
    """Markup, a closing script and a reversed direction are shown, not run."""
    import pandas as pd

    from rapids_rap.annotate.forms import write_forms

    opened_run = open_run(run)
    lines = opened_run.lines.copy()
    evil = '</script><img src=x onerror="document.title=1"><!--' + "\u202e" + "倒"
    real = lines["cluster"] >= 0
    lines.loc[real, "text_norm"] = evil + lines.loc[real, "text_norm"]
    assert isinstance(lines, pd.DataFrame)
    write_forms(opened_run.revised(lines=lines), tmp_path / "f", CODERS, ("fit", "intruder"), 8, 1)
    with browser() as opened, tab(opened, (tmp_path / "f" / page_name("Li")).as_uri()) as open_tab:
        page = open_tab.page
        assert page.locator("#card img").count() == 0
        assert "</script><img" in page.inner_text("#group")
        assert page.title() != "1"
        assert open_tab.said == []
