"""One name judged: asked for, told from the others, tested, kept, taken or thrown out."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from rapids_rap.annotate.naming_cache import Answers
from rapids_rap.annotate.naming_prompts import (
    VERSION,
    Message,
    NoAnswerError,
    Proposal,
    naming_messages,
    read_name,
)
from rapids_rap.annotate.naming_subjects import Question, Subject
from rapids_rap.annotate.naming_trial import Tested, put_to_test
from rapids_rap.tables.names import KINDS, Kind, Row, name_row

_MEDOID = 40  # characters of a line that a note quotes

Key = tuple[Kind, int]
Offered = Proposal | NoAnswerError


class Asker(Protocol):
    """A model that can be asked; see `Endpoint` and `LocalModel`."""

    identity: str
    described: dict[str, Any]

    def propose(self, messages: Sequence[Message]) -> str:
        """Its answer to a conversation."""

    def choose(self, name: str, question: Question, wording: int) -> str:
        """Its answer to which line a name is of."""


@dataclass(frozen=True)
class Judged:
    """A row of names.csv, and what the proposal and the terms found, None where untested."""

    row: Row
    model: Tested | None
    terms: Tested | None


def propose(subject: Subject, asker: Asker, answers: Answers, taken: str = "") -> Offered:
    """A name, asked for once more where the first answer was none."""
    error = NoAnswerError("")
    for again in (False, True):
        messages = naming_messages(subject, taken, again=again)
        try:
            return read_name(
                answers.get(["name", VERSION, messages], partial(asker.propose, messages))
            )
        except NoAnswerError as found:
            error = found
    return error


def tell_apart(
    subjects: Sequence[Subject],
    proposals: dict[Key, Offered],
    present: dict[Key, Row],
    asker: Asker,
    answers: Answers,
) -> None:
    """Ask once more where two groups got one name; what stays the same is the larger one's.

    The question names nothing but the name itself, which the group's own answer was.
    """
    for kind in KINDS:
        people = {
            _folded(row["name"])
            for key, row in present.items()
            if key[0] == kind and row["source"] == "person"
        }
        own = [one for one in subjects if (one.kind, one.id) in proposals and one.kind == kind]
        counts: dict[str, int] = {}
        for one in own:
            found = proposals[kind, one.id]
            if isinstance(found, Proposal):
                counts[_folded(found.name)] = counts.get(_folded(found.name), 0) + 1
        taken = set(people)
        for one in own:
            found = proposals[kind, one.id]
            if not isinstance(found, Proposal):
                continue
            name = _folded(found.name)
            if counts[name] > 1 or name in people:
                other = propose(one, asker, answers, found.name)
                if isinstance(other, Proposal):
                    found = other
            if _folded(found.name) in taken:
                proposals[kind, one.id] = NoAnswerError(
                    f"“{found.name}” is another {kind}'s name, also when asked once more"
                )
                continue
            taken.add(_folded(found.name))
            proposals[kind, one.id] = found


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().replace(" ", "")


def judge(
    subject: Subject,
    present: Row,
    offered: Offered | None,
    choose: Callable[[str, Question, int], int],
    *,
    accept: bool,
) -> Judged:
    """What a group is called from now on.

    present: its row so far. offered: what the model answered, None where it was not asked. choose:
    the position of the line that a name is of, -1 for no answer. accept: what is offered replaces a
    name that is there.
    """

    def test(name: str) -> Tested | None:
        return put_to_test(name, subject.questions, choose) if subject.questions else None

    terms = test(subject.label)
    if present["source"] == "person":
        return Judged({**present, **_scored(test(present["name"]))}, None, terms)
    new = offered if isinstance(offered, Proposal) else None
    found = test(new.name) if new else None
    remarks = [f"terms {terms.said}"] if terms else [f"not tested: {subject.untested}"]
    if present["source"] == "model" and not (accept and new):
        own = found if new and new.name == present["name"] else test(present["name"])
        if own is None or not own.fault:
            return Judged(_kept(subject, present, new, own, remarks), found, terms)
        remarks.append(f"was “{present['name']}”, which {own.fault}")
    elif present["source"] == "model" and new and new.name != present["name"]:
        remarks.append(f"was “{present['name']}”")
    if new and not (found and found.fault):
        return Judged(_taken(subject, new, found, remarks), found, terms)
    why = f"no name: {offered}"
    if new and found:
        why = f"“{new.name}” {found.fault}"
    was = [remark for remark in remarks if remark.startswith("was ")]
    return Judged(_fallen_back(subject, "; ".join([why, *was]), terms), found, terms)


def _kept(
    subject: Subject, present: Row, new: Proposal | None, own: Tested | None, remarks: list[str]
) -> Row:
    """The name that is there; another is proposed, not made."""
    other = [f"proposed: {new.name}"] if new and new.name != present["name"] else []
    sentence = _sentence_of(present["note"])
    note = "; ".join([*([sentence] if sentence else []), *remarks, *other])
    row = name_row(
        subject.kind, subject.id, present["name"], "model", gloss=present["gloss"], note=note
    )
    return {**row, **_scored(own)}


def _taken(subject: Subject, new: Proposal, found: Tested | None, remarks: list[str]) -> Row:
    note = "; ".join([new.sentence, *remarks])
    row = name_row(subject.kind, subject.id, new.name, "model", gloss=new.gloss, note=note)
    return {**row, **_scored(found)}


def _fallen_back(subject: Subject, why: str, terms: Tested | None) -> Row:
    medoid = " / ".join(subject.medoids[0].split("\n"))[:_MEDOID] if subject.medoids else ""
    note = f"fell back to terms: {why}" + (f"; medoid: {medoid}" if medoid else "")
    row = name_row(subject.kind, subject.id, subject.label, "terms", note=note)
    return {**row, **_scored(terms)}


def _scored(tested: Tested | None) -> Row:
    if tested is None:
        return {"tested": None, "low": None, "high": None}
    numbers = {"tested": tested.share, "low": tested.low, "high": tested.high}
    return {name: round(number, 4) for name, number in numbers.items()}


def _sentence_of(note: str) -> str:
    """The model's own sentence, which stands first in a note."""
    first = note.partition("; ")[0]
    ours = ("terms ", "proposed: ", "not tested: ", "was “", "fell back")
    return "" if first.startswith(ours) else first
