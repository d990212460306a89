"""What a model answers about one group, and what becomes of it."""

import json

import pytest

from rapids_rap.annotate.naming_cache import Answers
from rapids_rap.annotate.naming_endpoint import Endpoint
from rapids_rap.annotate.naming_judging import judge, propose
from rapids_rap.annotate.naming_prompts import NoAnswerError, Proposal
from rapids_rap.annotate.naming_subjects import Question, Subject
from rapids_rap.tables.names import name_row
from tests.annotate.llm_server import Reply, completion, name, serving

QUESTIONS = tuple(Question(("a", "b", "c", "d"), i % 4) for i in range(12))
SUBJECT = Subject("cluster", 3, "夜·雨", (("夜", 9),), ("夜里下雨",), (), ("梦",), QUESTIONS)
TERMS = name_row("cluster", 3, "夜·雨", "terms")
KEPT = name_row("cluster", 3, "旧名", "model", gloss="old", note="一句话。; terms 0.50 of 12")


def asked(answer, tmp_path):
    """What is made of an answer to the question for a name."""
    with serving(lambda body: answer) as server:
        endpoint = Endpoint(server.url, timeout=20, remote=False, pause=0)
        return propose(SUBJECT, endpoint, Answers(tmp_path, endpoint.identity))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("{", "no JSON"),
        (name("一二三四五六七八九"), "9 characters"),
        (name("<b>名</b>"[:8]), "letters and digits"),
        (name("名\u202e字"), "letters and digits"),
        (name("名", sentence="x" * 300), "sentence"),
        (name("名", gloss="一首歌"), "not English"),
        (json.dumps({"name": "名"}), "no object"),
        (json.dumps({"name": 7, "gloss": "x", "sentence": "x"}), "name is no text"),
        (Reply(body=completion("", refusal="I can't help with that.")), "refused"),
        (Reply(body=completion('{"name": "名', finish_reason="length")), "cut"),
        (Reply(body=completion("x", finish_reason="content_filter")), "refused"),
        (Reply(body=completion(None)), "empty"),
        (Reply(body=b"<html>hello</html>"), "no chat completion"),
        (Reply(body=b'{"choices": []}'), "no chat completion"),
        (Reply(body=b"[" * 5000), "no chat completion"),
        (Reply(body=completion("名" * 500_000)), "larger than 1 MiB"),
    ],
)
def test_an_answer_that_is_none_names_nothing(tmp_path, answer, why):
    """Malformed, truncated, refused, huge: the group keeps its terms and the reason is told."""
    found = asked(answer, tmp_path)
    assert isinstance(found, NoAnswerError)
    row = judge(SUBJECT, TERMS, found, lambda n, q, w: q.right, accept=False).row
    assert (row["name"], row["source"]) == ("夜·雨", "terms")
    assert why in row["note"]
    assert "medoid: 夜里下雨" in row["note"]


@pytest.mark.parametrize("wrapped", ["```json\n%s\n```", "<think>{hm}</think>\n%s", "  %s\n"])
def test_an_answer_in_a_fence_or_after_thoughts_is_read(tmp_path, wrapped):
    """Models wrap what they say; what is within counts."""
    assert asked(wrapped % name("夜雨"), tmp_path).name == "夜雨"


def test_an_answer_is_asked_for_twice_at_most(tmp_path):
    """The second question repeats nothing of the first answer."""
    with serving(lambda body: "no") as server:
        endpoint = Endpoint(server.url, timeout=20, remote=False, pause=0)
        propose(SUBJECT, endpoint, Answers(tmp_path, endpoint.identity))
        first, second = server.chats
    assert first["messages"][1] == second["messages"][1]
    assert first["messages"][0] != second["messages"][0]


def finds(*names):
    """A judge by whom only these names lead to their line."""
    return lambda name, question, wording: question.right if name in names else 0


NEW = Proposal("新名", "new", "另一句。")


@pytest.mark.parametrize(
    ("present", "offered", "right", "accept", "expected", "note"),
    [
        (TERMS, NEW, ("新名",), False, ("新名", "model"), "另一句。; terms 0.25"),
        (TERMS, NEW, (), False, ("夜·雨", "terms"), "“新名” found its lines no better"),
        (KEPT, NEW, ("新名", "旧名"), False, ("旧名", "model"), "proposed: 新名"),
        (KEPT, NEW, ("新名", "旧名"), True, ("新名", "model"), "was “旧名”"),
        (KEPT, NEW, ("新名",), False, ("新名", "model"), "was “旧名”, which found"),
        (KEPT, NEW, (), False, ("夜·雨", "terms"), "was “旧名”, which found"),
        (KEPT, NoAnswerError("x"), ("旧名",), True, ("旧名", "model"), "一句话。; terms"),
        (KEPT, NoAnswerError("x"), (), False, ("夜·雨", "terms"), "no name: x; was “旧名”"),
    ],
)
def test_what_a_group_is_called(present, offered, right, accept, expected, note):
    """A name stays while its lines are found by it; another is proposed, not made."""
    row = judge(SUBJECT, present, offered, finds(*right), accept=accept).row
    assert (row["name"], row["source"]) == expected
    assert note in row["note"]
    assert row["tested"] == (1.0 if expected[0] in right else 0.25)


def test_a_persons_name_wins_whatever_its_test_says():
    """It is tested, too, and shown with what came of it."""
    person = name_row("cluster", 3, "人取的", "person", note="LW 2026-11-02")
    row = judge(SUBJECT, person, NEW, finds("新名"), accept=True).row
    assert (row["name"], row["tested"], row["note"]) == ("人取的", 0.25, "LW 2026-11-02")
