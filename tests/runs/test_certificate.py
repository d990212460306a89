"""The parity certificate: it never claims more than was compared; a damaged one is explained."""

import json

import pytest

from rapids_rap.errors import InputError
from rapids_rap.runs.certificate import (
    Certificate,
    ParityFigure,
    read_certificate,
    render_markdown,
    write_certificate,
)


def a_figure(passed=True, **changes):
    return ParityFigure(part="neighbors", name="recall", value=0.99, passed=passed, **changes)


def a_certificate(figures=None, parts=None):
    return Certificate(
        created="2026-01-02T03:04:05+00:00",
        device="Card | 1",
        compute_capability="9.0",
        driver="580.1",
        versions={"torch": "2.13.0"},
        parts=parts or {"neighbors": "ran"},
        figures=(a_figure(),) if figures is None else figures,
    )


def test_it_survives_the_disk(tmp_path):
    """What is written is read back the same, and nothing else lies beside it."""
    paths = write_certificate(tmp_path / "new", a_certificate())
    assert read_certificate(paths[0]) == a_certificate()
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["parity.json", "parity.md"]


@pytest.mark.parametrize(
    ("figures", "parts", "verdict"),
    [
        (None, None, "passed"),
        ((a_figure(), a_figure(None)), None, "passed"),
        ((a_figure(), a_figure(False)), None, "failed"),
        ((a_figure(False),), {"layout": "not run: no cuml"}, "failed"),
        (None, {"neighbors": "ran", "layout": "not run: no cuml"}, "incomplete"),
        ((), None, "incomplete"),
    ],
)
def test_the_verdict_claims_no_more_than_ran(figures, parts, verdict):
    """A miss fails; a part or all figures missing is incomplete, however good the rest."""
    assert a_certificate(figures, parts).verdict == verdict


def test_the_page_for_people_holds_every_figure():
    """Markdown names the card, each part, each figure and its fate; a bar can't break the table."""
    text = render_markdown(a_certificate((a_figure(False, needed=">= 0.95", note="a|b"),)))
    assert "# GPU parity: failed" in text
    assert "| neighbors | recall | 0.99 | >= 0.95 | FAILED | a\\|b |" in text


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"{", "json"),
        (b"[]", "parity.json"),
        (json.dumps({"schema_version": 2}).encode(), "schema_version"),
        (b"\xff\xfe", "parity.json"),
    ],
)
def test_a_file_that_is_none_is_explained(tmp_path, content, complaint):
    """A wrong file names itself, the key that pointed to it and what was expected."""
    path = tmp_path / "c.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"report\.certificate") as caught:
        read_certificate(path)
    assert str(path) in str(caught.value)
    assert complaint in str(caught.value).lower()


def test_a_missing_file_says_who_writes_it(tmp_path):
    """The command that makes a certificate is in the message."""
    with pytest.raises(InputError, match="make test-gpu"):
        read_certificate(tmp_path / "none.json")


def test_a_figure_that_is_no_number_is_null(tmp_path):
    """NaN, which JSON lacks, is written as null, read back, and shown as a dash that failed."""
    broken = ParityFigure(part="layout", name="trust", value=float("nan"), passed=False)
    json_path, text_path = write_certificate(tmp_path, a_certificate((broken,)))
    assert read_certificate(json_path).figures[0].value is None
    assert "| trust | — |" in text_path.read_text()
    assert read_certificate(json_path).verdict == "failed"
