"""Grids as data: the bundled ones hold, and a wrong one of the user's is explained."""

import pytest

from rapids_rap.compare.grids import Cell, bundled_grids, load_grid
from rapids_rap.config import Config
from rapids_rap.errors import ConfigError

NAMED = {"cleaning", "stopwords", "views", "whitening", "pooling", "poster"}


def test_the_named_grids_are_there_and_their_settings_exist():
    """Every cell that needs no training can be configured with this version's keys."""
    grids = bundled_grids()
    assert grids.keys() >= NAMED
    for grid in grids.values():
        assert grid.question
        configs = [cell.configure(Config()).model_dump() for cell in grid.cells if not cell.view]
        assert all(configs.count(one) == 1 for one in configs)


def test_the_views_are_one_a_cell():
    """The grid of views trains each once, beside the encoder as it is."""
    views = [cell.view for cell in load_grid("views").cells]
    assert views[0] == ""
    assert len(set(views)) == len(views) > 5


def test_a_cell_s_settings_win():
    """What a grid varies is not undone by the configuration."""
    config = Config.model_validate({"terms": {"stop_words": "mine.txt"}})
    cell = load_grid("stopwords").cells[1]
    assert cell.configure(config).terms.stop_words == "none"


def test_a_grid_of_one_s_own(tmp_path):
    """A TOML file with a question and cells is a grid named by its file."""
    path = tmp_path / "mine.toml"
    path.write_text(
        'question = "Which k?"\n[[cells]]\nname = "k30"\n'
        '[[cells]]\nname = "k60"\nset = { "neighbors.k" = 60 }\n'
    )
    grid = load_grid(str(path))
    assert grid.name == "mine"
    assert grid.cells[1].configure(Config()).neighbors.k == 60
    assert [cell.name for cell in grid.only(["k60"]).cells] == ["k30", "k60"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cells = []", "cells"),
        ("question = 1 = 2", "not valid TOML"),
        ('[[cells]]\nname = "../up"', "letters, digits"),
        ('[[cells]]\nname = "a"\n[[cells]]\nname = "A"', "one name"),
        ('[[cells]]\nname = "a"\nsets = {}', "sets"),
        ('[[cells]]\nname = "a"\nset = { "x" = { y = 1 } }', "set"),
    ],
)
def test_a_wrong_grid_is_explained(tmp_path, text, said):
    """The sentence names the file and what is wrong."""
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as error:
        load_grid(str(path))
    assert str(path) in str(error.value)


def test_unknown_names_are_met_with_the_nearest():
    """A slip in a grid's or a cell's name shows what there is."""
    with pytest.raises(ConfigError, match="did you mean whitening"):
        load_grid("witening")
    with pytest.raises(ConfigError, match=r"no such file"):
        load_grid("mine.toml")
    with pytest.raises(ConfigError, match="it has mean, last and echo"):
        load_grid("pooling").only(["middle"])


def test_a_setting_that_does_not_exist_names_the_cell():
    """The user finds which cell is wrong."""
    with pytest.raises(ConfigError, match=r"cell typo: .*did you mean neighbors\.k"):
        Cell(name="typo", set={"neighbors.kk": 3}).configure(Config())
    with pytest.raises(ConfigError, match=r"cell low: .*neighbors\.k"):
        Cell(name="low", set={"neighbors.k": 0}).configure(Config())


@pytest.mark.parametrize("name", ["../../x", "a/b", "a\\\\b"])
def test_a_grid_stays_in_its_folder(tmp_path, name):
    """A grid's name becomes part of a folder's, so it has no slashes."""
    path = tmp_path / "g.toml"
    path.write_text(f'name = "{name}"\nquestion = "?"\n[[cells]]\nname = "a"\n')
    with pytest.raises(ConfigError, match="no slashes"):
        load_grid(str(path))


@pytest.mark.parametrize("name", ["ablation.csv", "Ablation.HTML"])
def test_a_cell_can_t_have_the_name_of_a_result(name):
    """Its folder would stand where the table is written, after hours of runs."""
    with pytest.raises(ValueError, match="name the cell otherwise"):
        Cell(name=name)


def test_a_view_that_does_not_exist_names_the_cell():
    """It is said before the first cell runs, as any other wrong setting."""
    with pytest.raises(ConfigError, match=r"cell slip: .*adjacnt"):
        Cell(name="slip", view="adjacnt").configure(Config())
    assert Cell(name="right", view="adlibs").configure(Config()).train.views == ("adlibs",)
