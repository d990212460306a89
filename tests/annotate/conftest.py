"""Forms of a small run whose artists, songs, clusters and noise are known."""

import json
import shutil

import pytest

from rapids_rap.annotate.forms import KEY, read_key
from rapids_rap.runs.changing import whole_run
from rapids_rap.runs.replacing import replace_files
from tests.conftest import rap

CODERS = ("Li", "Wang")


@pytest.fixture(scope="session")
def named_run(sample_run, tmp_path_factory):
    """The sample's run in which people named six clusters, for few have terms of five songs."""
    named = tmp_path_factory.mktemp("named") / "run"
    shutil.copytree(sample_run, named)
    names = ("雨夜", "故乡", "车站", "兄弟", "钱", "清晨")
    rows = [f"cluster,{number},{name}" for number, name in enumerate(names)]
    table = "\n".join(["kind,id,label", *rows, ""])
    with whole_run(named):
        replace_files(named, {"labels.csv": table.encode()}, {})
    return named


@pytest.fixture(scope="session")
def forms(named_run, tmp_path_factory):
    """Forms for two coders of the run with names."""
    out = tmp_path_factory.mktemp("forms") / "forms"
    words = [word for coder in CODERS for word in ("--coder", coder)]
    outcome = rap("annotate", named_run, "--out", out, "--items", 24, *words)
    assert outcome.code == 0, outcome.err
    return out


@pytest.fixture(scope="session")
def items(forms):
    """Every item of the forms, by id."""
    return read_key(forms / KEY)[2]


@pytest.fixture
def run(sample_run, tmp_path):
    """A copy of the run, that a test may write into."""
    shutil.copytree(sample_run, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def answered(forms, items, tmp_path):
    """A function that writes a coder's answers: `choose` says what of each item, None for none."""
    form = read_key(forms / KEY)[0]

    def answered(coder, choose, name=None, **changes):
        given = {i: choose(item) for i, item in items.items()}
        document = {
            "rapids_rap_form": 1,
            "form": form,
            "coder": coder,
            "answers": {i: value for i, value in given.items() if value is not None},
        } | changes
        path = tmp_path / (name or f"answers-{coder}.json")
        path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        return path

    return answered


def as_the_run(item):
    """The answer that the run would give; the first one where it has none."""
    return item.truth or item.options[0]
