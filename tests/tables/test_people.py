"""The sentence on people's judgement says what is known, and nothing where nobody was asked."""

from rapids_rap.tables.people import people_said

FIT = {
    "value": 0.71,
    "interval": [0.6, 0.8],
    "coders": 2,
    "items": 40,
    "right": 0.8,
    "right_items": 35,
}


def test_the_sentence_has_alpha_interval_and_share():
    """As `summary` prints it."""
    said = people_said({"people": {"fit": FIT}})
    assert "alpha 0.710 [0.600, 0.800]; they answer as the run does for 80% of 35." in said
    note = people_said({"people": {"fit": FIT | {"interval": None, "note": "too few songs"}}})
    assert "0.710 (too few songs)" in note


def test_nothing_is_said_where_nobody_was_asked():
    """Nor of a figure that could not be computed as if it were one."""
    assert people_said({}) == people_said({"people": None}) == people_said({"people": {}}) == ""
    none = FIT | {"value": None, "right": None}
    assert people_said({"people": {"fit": none}}).endswith("alpha not computed.")
