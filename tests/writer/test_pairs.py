"""Blind pairs: nothing on a page tells which verse is the writer's; the key and the answers do."""

import json

import pytest

from rapids_rap.errors import InputError
from rapids_rap.writer.baselines import Request
from rapids_rap.writer.conditions import Conditions
from rapids_rap.writer.pairs import count_preferences, draw_pairs, write_pairs

REQUESTS = [Request(Conditions(region="西南"), 2, song) for song in range(12)]
VERSES = {
    "writer": [(f"甲行{i}", "甲二") for i in range(12)],
    "real lines": [(f"乙行{i}", "乙二") for i in range(12)],
    "no constraints": [(f"丙行{i}", "丙二") for i in range(12)],
}


def saved(out, coder, answers) -> None:
    form = json.loads((out / "key.json").read_text())["form"]
    document = {"rapids_rap_form": 1, "form": form, "coder": coder, "answers": answers}
    (out / f"answers-{coder}.json").write_text(json.dumps(document))


def test_opponents_come_in_turn_and_sides_are_drawn():
    items = draw_pairs(REQUESTS, VERSES, 1)
    assert {item.stratum for item in items} == {"real lines", "no constraints"}
    assert {item.truth for item in items} == {"1", "2"}
    for item in items:
        first = item.group[1].startswith("甲")
        assert first == (item.truth == "1")
    assert items == draw_pairs(REQUESTS, VERSES, 1)


def test_pages_do_not_tell(tmp_path):
    write_pairs(tmp_path / "forms", REQUESTS, VERSES, ("A", "B"), 1)
    pages = [path.read_text() for path in sorted((tmp_path / "forms").glob("form-*.html"))]
    assert len(pages) == 2
    for page in pages:
        assert "real lines" not in page
        assert '"truth"' not in page
        assert "甲行3" in page


def test_answers_are_counted_against_the_key(tmp_path):
    out = tmp_path / "forms"
    write_pairs(out, REQUESTS, VERSES, ("A", "B"), 1)
    items = json.loads((out / "key.json").read_text())["items"]
    saved(out, "A", {item["id"]: item["truth"] for item in items})
    saved(out, "B", {item["id"]: "even" for item in items})
    table = count_preferences(sorted(out.glob("answers-*")), out / "key.json", 1)
    assert table["preferred"].tolist() == [0.75, 0.75]
    assert table["answers"].tolist() == [12, 12]


def test_forms_that_were_given_out_are_kept(tmp_path):
    write_pairs(tmp_path / "forms", REQUESTS, VERSES, ("A", "B"), 1)
    with pytest.raises(InputError, match="is there already"):
        write_pairs(tmp_path / "forms", REQUESTS, VERSES, ("A", "B"), 1)
    with pytest.raises(InputError, match="two or more"):
        write_pairs(tmp_path / "other", REQUESTS, VERSES, ("A",), 1)


def test_another_key_is_refused(tmp_path):
    (tmp_path / "key.json").write_text('{"version": 1, "form": "x", "items": []')
    with pytest.raises(InputError, match="is no key"):
        count_preferences([], tmp_path / "key.json", 1)


def test_hostile_lines_do_not_leave_the_page(tmp_path):
    verses = VERSES | {"real lines": [("</script><b>&", "x")] * 12}
    write_pairs(tmp_path / "forms", REQUESTS, verses, ("A", "B"), 1)
    page = (tmp_path / "forms" / "form-A.html").read_text()
    assert "</script><b>" not in page
