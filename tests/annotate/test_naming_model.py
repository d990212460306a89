"""A model in this process: what it writes is kept, and its likelihoods are its library's."""

import json
import shutil

import pytest

from rapids_rap.annotate.naming_cache import Answers
from rapids_rap.annotate.naming_judging import propose
from rapids_rap.annotate.naming_model import LocalModel
from rapids_rap.annotate.naming_prompts import NO_NAME, OPENINGS, NoAnswerError
from rapids_rap.annotate.naming_subjects import Question, Subject
from rapids_rap.backend import load_backend
from rapids_rap.data import data_path
from rapids_rap.errors import InputError

DEMO = data_path("demo_model")
LINES = ("夜雨落在山城", "码头的兄弟", "钱", "天亮以后我们回家")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny model that learned nothing, with the demo model's tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    own = tmp_path_factory.mktemp("writer")
    for path in DEMO.glob("token*"):
        shutil.copy(path, own)
    size = len(AutoTokenizer.from_pretrained(own))
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 2048}
    LlamaForCausalLM(LlamaConfig(vocab_size=size, **shape, **heads)).save_pretrained(own)
    return own


@pytest.fixture(scope="module")
def model(folder):
    return LocalModel(folder, load_backend("cpu"))


def subject(**changes):
    plain = {"kind": "cluster", "id": 0, "terms": (), "medoids": LINES, "boundary": ()}
    plain |= {"contrast": (), "label": "词", "questions": (), "untested": ""}
    return Subject(**(plain | changes))


def test_a_line_is_as_likely_as_the_library_says(model):
    """Padded together, each line has the sum of its tokens' log-probabilities by itself."""
    opening = OPENINGS[0].format(name="夜")
    found = model._likelihoods(opening, LINES)
    for line, own in zip(LINES, found, strict=True):
        ids, head = model._ids(opening + line, 0), model._ids(opening, 0).shape[1]
        labels = ids.clone()
        labels[:, :head] = -100
        loss = float(model.model(ids, labels=labels).loss.detach())
        assert own == pytest.approx(-loss * (ids.shape[1] - head), rel=1e-3)


def test_the_line_is_chosen_that_the_name_makes_likelier(model):
    """By what it gains, not by how likely it is: a short line is always the likeliest."""
    question = Question(LINES, 0)
    opening = OPENINGS[1]
    gains = [
        one - other
        for one, other in zip(
            model._likelihoods(opening.format(name="夜"), LINES),
            model._likelihoods(opening.format(name=NO_NAME), LINES),
            strict=True,
        )
    ]
    chosen = json.loads(model.choose("夜", question, 1))["choice"]
    assert "ABCD".index(chosen) == gains.index(max(gains))


def test_an_answer_without_an_end_is_kept_too(model, tmp_path):
    """It would be the same again: a second time nothing is asked, and the group has no name."""
    for times in (2, 0):  # the second wording included
        answers = Answers(tmp_path, model.identity)
        assert isinstance(propose(subject(), model, answers), NoAnswerError)
        assert (answers.asked, answers.found) == (times, 2 - times)


def test_a_question_that_is_too_long_is_no_answer(model):
    """The model's own length holds; nothing is cut in silence."""
    long = subject(medoids=tuple(line * 400 for line in LINES))
    found = propose(long, model, _Forgetful())
    assert isinstance(found, NoAnswerError)
    assert "2048 tokens" in str(found)


class _Forgetful:
    def get(self, _question, ask):
        return ask()


def test_an_encoder_writes_no_names():
    """A folder without the head that writes is told, not used with a head of chance."""
    with pytest.raises(InputError, match=r"it is a Qwen2Model.*not an encoder"):
        LocalModel(DEMO, load_backend("cpu"))
