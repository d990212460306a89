"""The recorder, and that the record covers what the GPU backend calls."""

import json
import tomllib
from pathlib import Path

import pytest

from tools.gpu_contract import __main__ as command
from tools.gpu_contract import record as recorder
from tools.gpu_contract.calls import Use, array_functions, backend_sources, uses
from tools.gpu_contract.names import NAMES, WHEELS, every_name

ROOT = Path(__file__).parents[2]
RECORD = json.loads(recorder.RECORD.read_text(encoding="utf-8"))


# ---- the record is of this source ---------------------------------------------------------------


def test_the_record_holds_the_listed_names_and_wheels():
    """A name that was added to or taken from the list needs a new record, and no edit by hand."""
    assert sorted(RECORD["names"]) == every_name()
    assert sorted(RECORD["wheels"]) == sorted(WHEELS)
    assert set(RECORD["modules"]) <= set(NAMES)


def test_the_record_holds_the_legal_values_as_written():
    """Values and cited lines are those of legal.toml; only the recorder changes line numbers."""
    for entry in recorder.legal_entries():
        assert RECORD["legal"][entry.pop("name")] == entry
    assert len(RECORD["legal"]) == len(recorder.legal_entries())


def test_the_record_is_written_as_the_recorder_writes():
    """Sorted and a name a line, so that the next record differs only where the wheels do."""
    assert recorder.RECORD.read_text(encoding="utf-8") == recorder.dumps(RECORD)


def test_the_wheels_are_those_of_the_extra():
    """The record is of versions that the `[gpu]` extra allows."""
    packaging = pytest.importorskip("packaging.requirements")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extra = project["project"]["optional-dependencies"].get("gpu", [])
    pinned = {r.name: r for r in map(packaging.Requirement, extra) if r.name in WHEELS}
    assert pinned, "the [gpu] extra names none of the recorded wheels"
    for name, requirement in pinned.items():
        assert requirement.specifier.contains(RECORD["wheels"][name]), str(requirement)


# ---- every call of the backend ------------------------------------------------------------------


def missing(source):
    """What a source uses that the record lacks, and calls that the record refuses."""
    found = []
    for use in uses(source):
        owned = use.name in RECORD["names"] or use.name in NAMES
        inside = any(name.startswith(f"{use.name}.") for name in RECORD["names"])
        if not owned and not inside:
            found.append(f"{use.name} (line {use.line}) is not recorded")
        elif use.called and use.name in RECORD["names"] and not accepted(use):
            found.append(f"{use.name} (line {use.line}) does not take {use.keywords}")
    return found


def accepted(use):
    """Whether the recorded signature takes a call of that form."""
    from tests.double.contract import signature

    try:
        signature(use.name).bind(*[None] * use.positional, **dict.fromkeys(use.keywords))
    except TypeError:
        return False
    return True


@pytest.mark.double
def test_every_call_of_the_backend_is_recorded():
    """No call of a GPU library without its real signature, and none that it would refuse."""
    sources = backend_sources(ROOT)
    assert len(sources) > 5
    for path in sources:
        assert missing(path.read_text(encoding="utf-8")) == [], path.name


@pytest.mark.double
def test_every_array_function_is_in_the_namespace():
    """`xp.name` in the backend is a name of array_api_compat.cupy on the double."""
    from tests.double.install import installed

    with installed():
        import array_api_compat.cupy as xp

        for path in backend_sources(ROOT):
            for name in array_functions(path.read_text(encoding="utf-8")):
                thing = xp
                for part in name.split("."):
                    thing = getattr(thing, part, None)
                assert thing is not None, f"{path.name}: xp.{name}"


CALLS = """
def run(memory, xp):
    library = require("cuml.cluster.hdbscan", "clustering", "gpu")
    model = library.HDBSCAN(min_cluster_size=5, min_sample=3)
    cuda = memory.cupy.cuda
    free, total = cuda.runtime.memGetInfo()
    cuda.runtime.deviceReset()
    faiss.knn_gpu(1, 2, 3, 4)
    rows.xp.linalg.eigh(xp.take(a, b))
"""


def test_the_walker_sees_through_the_backends_ways():
    """Modules by `require`, by attribute and by assignment; keywords of a call; array functions."""
    assert Use("faiss.knn_gpu", 8, True, 4) in uses(CALLS)
    assert array_functions(CALLS) == {"linalg.eigh", "take"}
    [wrong, unknown] = missing(CALLS)
    assert "HDBSCAN (line 4) does not take ('min_cluster_size', 'min_sample')" in wrong
    assert unknown == "cupy.cuda.runtime.deviceReset (line 7) is not recorded"


# ---- how a name is described --------------------------------------------------------------------


class Documented:
    """Documented.method(self, int device=-1, *, tuple max_version=None) -> int."""

    def __init__(self, a, /, b=1, *, c=int):
        """Not read."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("build(IndexParams params, dataset, graph=None)", "(params, dataset, graph=None)"),
        ("log(x, /, out=None, \\*, dtype=None)\n\nText.", "(x, /, out=None, *, dtype=None)"),
        ("f(self, *shape, order='C') -> ndarray", "(self, *shape, order='C')"),
        ("f(a=(1, 2), unsigned int n=0)", "(a=(1, 2), n=0)"),
        ("f()", "()"),
        ("No signature here.", "(*args, **kwargs)"),
        ("", "(*args, **kwargs)"),
    ],
)
def test_signatures_from_docstrings(text, expected):
    """Cython writes them as C declarations in the first line, or not at all."""
    assert recorder._from_docstring(text) == expected


def test_things_are_described_by_kind():
    """Parameters keep kind and default; what is no literal is quoted; annotations go."""
    assert recorder.describe(Documented) == "class (a, /, b=1, *, c=\"<class 'int'>\")"
    assert recorder.describe(3) == "value 3"
    assert recorder.describe(property(lambda self: 1)) == "attribute"
    assert recorder.describe(lambda x: x) == "function (x)"


def test_differences_name_every_place():
    """A changed, a lost and a new entry are a line each; equal records are none."""
    old = {"names": {"a": "function (x)", "b": "class ()"}, "wheels": {"w": "1"}}
    new = {"names": {"a": "function (y)", "c": "class ()"}, "wheels": {"w": "1"}}
    assert recorder.differences(old, old) == []
    assert recorder.differences(old, new) == [
        "names/a: recorded 'function (x)', found 'function (y)'",
        "names/b: recorded, not found",
        "names/c: found, not recorded",
    ]


@pytest.mark.parametrize(("changed", "code"), [(False, 0), (True, 1)])
def test_check_fails_on_a_difference(monkeypatch, capsys, changed, code):
    """`--check` names what differs from the committed record and says so by its exit code."""
    found = json.loads(json.dumps(RECORD))
    if changed:
        found["names"]["cupy.take"] = "function (a, indices)"
    monkeypatch.setattr(command, "record", lambda: found)
    monkeypatch.setattr("sys.argv", ["gpu_contract", "--check"])
    assert command.main() == code
    assert ("names/cupy.take: recorded" in capsys.readouterr().out) == changed


def test_check_without_the_wheels_says_what_is_missing(monkeypatch, capsys):
    """On a machine without RAPIDS the check fails; it does not pass for want of libraries."""
    monkeypatch.setattr("sys.argv", ["gpu_contract", "--check"])
    monkeypatch.setattr(recorder, "every_name", lambda: ["no_such_library.name"])
    assert command.main() == 1
    assert "Error" in capsys.readouterr().out


def test_cited_lines_are_found_where_they_moved():
    """The nearest line with the text counts; a text that is gone is none."""
    lines = Path(json.__file__).read_text(encoding="utf-8").splitlines()
    number = next(i for i, line in enumerate(lines, 1) if line.startswith("def dumps("))
    assert recorder.find_line("json/__init__.py", "def dumps(", number + 9) == number
    assert recorder.find_line("json/__init__.py", "no such text", 1) is None


def test_a_citation_that_is_gone_stops_the_record():
    """A legal value whose source changed must be read again by a person."""
    cite = {"file": "json/__init__.py", "line": 1, "text": "no such text"}
    with pytest.raises(ValueError, match="no longer has the line 'no such text'"):
        recorder._cited({"name": "json.dumps.indent", "values": [1], "cite": [cite]})


def test_what_only_instances_have_is_no_missing_name(monkeypatch):
    """Constructors of cupyx set `self.data`; a name that nobody sets is missing."""
    kind = type("Fake", (), {"__module__": "cupyx.fake", "shape": 1})
    monkeypatch.setattr(recorder.inspect, "getsource", lambda _: "    self.data = data\n")
    assert recorder._on_instances_only(kind, "data")
    assert not recorder._on_instances_only(kind, "indices")
    assert not recorder._on_instances_only(kind, "shape")
