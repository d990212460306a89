"""Answers come from three programs, and what is no answer is named with its file."""

import json

import pytest

from rapids_rap.annotate.answers import read_answers
from rapids_rap.annotate.forms import DOCCANO, KEY, LABEL_STUDIO, read_key
from rapids_rap.errors import InputError
from tests.annotate.conftest import as_the_run


@pytest.fixture
def key(forms):
    return read_key(forms / KEY)


def read(key, *paths):
    form, _, items = key
    return {one.coder: dict(one.given) for one in read_answers(paths, form, items)}


def test_label_studio_gives_back_what_it_was_given(forms, items, key, tmp_path):
    """Its JSON holds every coder; what was skipped or cancelled is no answer."""
    tasks = json.loads((forms / LABEL_STUDIO).read_text(encoding="utf-8"))
    people = [1, {"id": 2, "email": "wang@example.org"}]

    def annotation(who, value, **more):
        choice = {"value": {"choices": [value]}, "from_name": "answer", "to_name": "text"}
        return {"completed_by": who, "result": [choice | {"type": "choices"}]} | more

    for number, task in enumerate(tasks):
        own = items[task["data"]["item"]]
        task |= {"id": number, "annotations": [annotation(who, as_the_run(own)) for who in people]}
    tasks[0]["annotations"][0]["result"] = []
    tasks[1]["annotations"][0]["was_cancelled"] = True
    path = tmp_path / "project-1.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    found = read(key, path)
    assert found["wang@example.org"] == {i: as_the_run(item) for i, item in items.items()}
    assert len(found["1"]) == len(items) - 2


def test_label_studios_short_form_is_read(items, key, tmp_path):
    """JSON-MIN: the fields of the task, and `annotator`."""
    form = key[0]
    rows = [
        {"item": i, "form": form, "annotator": who, "answer": as_the_run(item), "id": 1}
        for i, item in items.items()
        for who in (1, 2)
    ]
    path = tmp_path / "min.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    assert read(key, path)["2"] == {i: as_the_run(item) for i, item in items.items()}


def test_doccano_is_a_file_a_coder(forms, items, key, tmp_path):
    """JSON Lines with the fields that were imported; a row without a label is not answered."""
    rows = [json.loads(line) for line in (forms / DOCCANO).read_text("utf-8").splitlines()]
    for name, skipped in (("li", 0), ("wang", 3)):
        with (tmp_path / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for number, row in enumerate(rows):
                label = [] if number < skipped else [as_the_run(items[row["item"]])]
                file.write(json.dumps(row | {"id": number, "label": label}) + "\n")
    found = read(key, tmp_path / "li.jsonl", tmp_path / "wang.jsonl")
    assert [len(found[name]) for name in ("li", "wang")] == [len(items), len(items) - 3]


def test_doccano_s_only_row_is_read_as_many_are(items, key, tmp_path):
    """By the file's name, for each who answered; without a label nobody did."""
    name = next(name for name, item in items.items() if item.task == "fit")
    row = {"item": name, "form": key[0], "text": "a\u2028b"}
    path = tmp_path / "li.jsonl"

    def given(**more):
        path.write_text(json.dumps(row | more, ensure_ascii=False) + "\n", encoding="utf-8")
        return read(key, path)

    assert given(label=["yes"]) == {"li": {name: "yes"}}
    assert given(label=[]) == {}
    both = [{"user": who, "label": ["no"]} for who in (1, 2)]
    assert given(annotations=both) == {"1": {name: "no"}, "2": {name: "no"}}
    path.write_text(path.read_text("utf-8") * 2, encoding="utf-8")
    assert read(key, path) == {"1": {name: "no"}, "2": {name: "no"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no rows"),
        ("{", "is not a file"),
        ("[]", "has no rows"),
        ("[1]", "is not a file"),
        ('{"a": 1}', "names no form"),
        ('[{"text": "x"}]', "no field `item`"),
        ('{"rapids_rap_form": 1, "form": "f", "coder": "x", "answers": []}', "no table"),
        ("[" * 100_000, "is not a file"),
        ('[{"item": "fit-001", "label": ["yes", "no"]}]', "has 2 answers"),
        ('[{"item": "fit-001", "label": ["yes"]}, {"item": "fit-001", "label": ["no"]}]', "twice"),
    ],
)
def test_what_is_no_answer_is_named(key, tmp_path, text, said):
    """By file and reason, never with a traceback."""
    path = tmp_path / "given.json"
    path.write_text(text)
    with pytest.raises(InputError, match=f"given.json.*{said}"):
        read(key, path)


def test_answers_to_other_questions_are_refused(key, answered, items):
    """An item or a value that the form does not have, another form, the same coder twice."""
    with pytest.raises(InputError, match=r"fit-999.*does not have"):
        read(key, answered("x", as_the_run, answers={"fit-999": "yes"}))
    with pytest.raises(InputError, match=r"fit-001: 'maybe' is no answer.*no, partly, yes"):
        read(key, answered("x", as_the_run, answers={"fit-001": "maybe"}))
    with pytest.raises(InputError, match="answers another form"):
        read(key, answered("x", as_the_run, form="other"))
    first, second = answered("x", as_the_run), answered("x", as_the_run, name="again.json")
    with pytest.raises(InputError, match=r"again\.json: is by 'x', as .*answers-x\.json"):
        read(key, first, second)
