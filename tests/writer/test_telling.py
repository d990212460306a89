"""What a judgement says in words: the worse as plainly as the better."""

import pandas as pd

from rapids_rap.writer.telling import own_table, sentences, system_table

COLUMNS = ["system", "figure", "value", "low", "high", "songs", "note"]


def table(*rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS)


def test_copying_more_than_songs_share_is_said():
    more = table(
        ("writer", "5-grams copied", 0.2, 0.1, 0.3, 5, ""),
        ("held-out songs", "5-grams copied", 0.1, 0.0, 0.2, 5, ""),
    )
    assert "more than songs share" in " ".join(sentences(more, 5))
    less = more.assign(value=[0.05, 0.1])
    assert "no more than songs share" in " ".join(sentences(less, 5))


def test_above_chance_needs_the_whole_interval_of_the_difference():
    def said(low):
        rows = table(
            ("writer", "theme recognised", 0.5, 0.4, 0.7, 5, ""),
            ("writer", "theme by chance", 0.25, 0.2, 0.3, 5, ""),
            ("writer", "theme over chance", 0.25, low, 0.4, 5, ""),
            ("real songs", "theme recognised", 0.8, 0.7, 0.9, 5, ""),
        )
        return " ".join(sentences(rows, 5))

    assert "not surely above chance" in said(0.0)
    assert "not surely above chance" in said(None)
    assert "verses: above chance (25%)" in said(0.1)


def test_what_is_not_computed_is_said_with_its_reason():
    rows = table(("base prompted", "all", None, None, None, None, "not computed: it is gone"))
    assert "all of base prompted: not computed: it is gone." in sentences(rows, 5)


def test_every_figure_stands_in_one_of_the_tables():
    rows = table(
        ("writer", "length right", 1.0, 1.0, 1.0, 5, ""),
        ("real songs", "theme recognised", 0.8, 0.7, 0.9, 5, ""),
        ("real songs", "theme over chance", 0.3, 0.2, 0.4, 5, ""),
        ("writer", "perplexity, no condition", 9.0, 8.0, 10.0, 5, ""),
        ("base prompted", "all", None, None, None, None, "not computed: gone"),
    )
    systems = system_table(rows)
    assert systems["system"].tolist() == ["writer", "real songs"]
    assert list(systems) == ["system", "length", "theme"]
    assert own_table(rows)["figure"].tolist() == ["perplexity, no condition"]
