"""Scenarios: the bundled ones can be read, and a wrong one is refused with its file and field."""

import pytest

from rapids_rap.bench.measure import resolve
from rapids_rap.bench.scenario import load_scenario, scenario_names
from rapids_rap.errors import ConfigError

GOOD = """
question: how long?
sides: {ours: {call: "silhouette:ours"}, other: {call: "silhouette:scikit_learn"}}
requirements: [{figure: speed, against: other, at_least: 2, reach: 3}]
"""


@pytest.mark.parametrize("name", scenario_names())
def test_every_bundled_scenario_names_functions_that_exist(name):
    """A renamed function would otherwise show after an hour of measuring."""
    scenario = load_scenario(name)
    calls = [side.call for side in scenario.sides.values()]
    for call in (*calls, scenario.prepare, scenario.score):
        assert call is None or callable(resolve(call))
    assert scenario.requirements


def test_a_file_is_a_scenario_named_after_it(tmp_path):
    """A user's own scenario needs no registration."""
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_scenario(str(path)).name == "mine"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("question", "qestion", "question: Field required"),
        ("silhouette:ours", "silhouette.ours", "sides.ours.call"),
        ("against: other", "against: nobody", "'nobody' is no side"),
        (", at_least: 2", "", "one of at_least, at_most and margin"),
        ("against: other, ", "", "against is needed"),
        ("sides:", "sides: [", "YAML"),
    ],
)
def test_a_wrong_scenario_is_refused_by_file_and_field(tmp_path, old, new, said):
    """The message says where to look."""
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine\.yaml") as error:
        load_scenario(str(path))
    assert said in str(error.value)


def test_an_unknown_name_lists_the_known_ones():
    """What to type instead stands in the message."""
    with pytest.raises(ConfigError, match="silhouette_50k"):
        load_scenario("silhouete")
