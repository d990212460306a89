"""Grids of runs: shared stages run once, finished cells stay, one table at the end."""

import csv
import json
import re
import shutil
from dataclasses import replace

import pytest

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.compare import ablate
from rapids_rap.compare.ablate import measure_grid
from rapids_rap.compare.ablation_table import (
    cell_sentences,
    cell_table,
    render_ablation,
    terminal_tables,
    write_ablation,
)
from rapids_rap.compare.grids import Grid
from rapids_rap.config import Config
from rapids_rap.embedding.folder import locate_model
from rapids_rap.errors import CapabilityError
from rapids_rap.runs.run import open_run
from rapids_rap.settings import load_config
from rapids_rap.training import train
from tests.conftest import LYRICS, rap
from tests.run_factory import make_run

CPU = CpuBackend()

TINY = (
    "--model",
    "demo",
    "--backend",
    "cpu",
    "--limit",
    "160",
    "--set",
    "maps.width=600",
    "--set",
    "maps.height=450",
    "--set",
    "layout.epochs=30",
    "--set",
    "clusters.min_cluster_size=5",
)
TEXTS = [
    f"{a}{b}第{i}行"
    for i, (a, b) in enumerate(zip("山城夜雨" * 30, "江桥船梦歌" * 24, strict=True))
]
SONGS = [i // 6 for i in range(120)]


@pytest.fixture(scope="module")
def grid_folder(tmp_path_factory):
    """The grid of stop words, run once with the demo model."""
    folder = tmp_path_factory.mktemp("grid") / "out"
    outcome = rap("ablate", LYRICS, "--grid", "stopwords", "--out", folder, *TINY)
    assert outcome.code == 0, outcome.err
    return folder, outcome


def stages_of(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    return {stage["name"]: stage["cached"] for stage in manifest["stages"]}


def test_stages_that_cells_share_run_once(grid_folder):
    """The second cell differs in its terms: everything before them is found, vectors too."""
    folder, _ = grid_folder
    first, second = (stages_of(folder / name) for name in ("stop-words", "no-stop-words"))
    assert not any(first[name] for name in ("corpus", "embedding", "layout", "clusters"))
    assert all(second[name] for name in ("corpus", "embedding", "layout", "clusters", "segment"))
    assert not second["terms"]
    assert not (folder / "no-stop-words" / ".store").exists()
    assert not (folder / "no-stop-words" / ".stages").exists()


def test_one_table_comes_out(grid_folder):
    """A row a cell, every figure with both ends of its interval, and how like the first it is."""
    folder, outcome = grid_folder
    with (folder / "ablation.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["cell"] for row in rows] == ["stop-words", "no-stop-words"]
    assert [float(row["adjusted_rand"]) for row in rows] == [1.0, 1.0]
    assert {"silhouette_cosine", "silhouette_cosine_low", "silhouette_cosine_high"} <= rows[
        0
    ].keys()
    assert "no-stop-words: " in outcome.out
    assert (folder / "ablation.html").read_text().count("no-stop-words") > 2


def test_finished_cells_are_not_run_again(grid_folder):
    """The same command measures again and runs nothing; a changed setting runs the cells again."""
    folder, _ = grid_folder
    before = (folder / "stop-words" / "manifest.json").read_bytes()
    again = rap("ablate", LYRICS, "--grid", "stopwords", "--out", folder, *TINY)
    assert again.code == 0
    assert again.err.count("finished earlier") == 2
    assert (folder / "stop-words" / "manifest.json").read_bytes() == before
    (folder / "no-stop-words" / "manifest.json").unlink()  # as if it had been killed
    resumed = rap("ablate", LYRICS, "--grid", "stopwords", "--out", folder, *TINY)
    assert resumed.code == 0
    assert resumed.err.count("finished earlier") == 1
    changed = rap(
        "ablate", LYRICS, "--grid", "stopwords", "--out", folder, *TINY, "--set", "terms.top=5"
    )
    assert changed.err.count("finished earlier") == 0
    assert all(stages_of(folder / "stop-words")[name] for name in ("embedding", "clusters"))


def test_other_inputs_are_refused_until_overwritten(grid_folder):
    """Cells of other lyrics are not mixed into a folder by accident."""
    folder, _ = grid_folder
    other = LYRICS / "01_城与爱.txt"
    refused = rap("ablate", other, "--grid", "stopwords", "--out", folder, *TINY)
    assert refused.code == 2
    assert "--overwrite" in refused.err


def test_views_without_training_exit_3_before_any_work(tmp_path, monkeypatch):
    """Without peft the sentence says so and names the cells that need none."""
    monkeypatch.setattr(train.importlib.util, "find_spec", lambda name: None)
    outcome = rap("ablate", LYRICS, "--grid", "poster", "--out", tmp_path / "out", *TINY)
    assert outcome.code == 3
    assert "training" in outcome.err
    assert "--only uncleaned" in outcome.err
    assert not (tmp_path / "out").exists()


def test_a_view_is_trained_once_and_its_cell_reads_that_model(tmp_path):
    """A cell with a view runs on a model trained on this view alone, which a resumed grid keeps."""
    folder = tmp_path / "out"
    arguments = (
        "ablate",
        LYRICS,
        "--grid",
        "views",
        "--only",
        "adjacent",
        "--out",
        folder,
        *TINY,
        "--set",
        "train.steps=2",
        "--set",
        "train.batch=16",
        "--set",
        "train.learning_rate=0.01",
    )
    outcome = rap(*arguments)
    assert outcome.code == 0, outcome.err
    [record] = (folder / ".models").glob("*/training.json")
    assert json.loads(record.read_text())["views"] == ["adjacent"]
    models = {
        cell: open_run(folder / cell).manifest["model"]["fingerprint"]
        for cell in ("untrained", "adjacent")
    }
    assert models["untrained"] != models["adjacent"]
    before = record.stat().st_mtime_ns
    assert rap(*arguments).err.count("finished earlier") == 2
    assert record.stat().st_mtime_ns == before


def test_a_view_these_lyrics_cannot_have_leaves_out_its_cell_only(tmp_path):
    """Hours of other cells are not lost because no line has ad-libs; the table says why."""
    lyrics = tmp_path / "lyrics.csv"
    rows = [f"歌手{i % 4},歌{i % 12},{text}" for i, text in enumerate(TEXTS)]
    lyrics.write_text("\n".join(["artist,song,text", *rows]))
    folder = tmp_path / "out"
    outcome = rap("ablate", lyrics, "--grid", "views", "--only", "adlibs", "--out", folder, *TINY)
    assert outcome.code == 0, outcome.err
    assert "adlibs is left out. No view can be made" in " ".join(outcome.out.split())
    assert "no line has ad-libs" in (folder / "ablation.html").read_text()
    with (folder / "ablation.csv").open(encoding="utf-8") as file:
        assert [row["cell"] for row in csv.DictReader(file)] == ["untrained"]


def test_a_wrong_grid_or_folder_exits_2(tmp_path, grid_folder):
    """An unknown grid, a run as --out and a file as --out are the user's to mend."""
    folder, _ = grid_folder
    (tmp_path / "file").write_text("x")
    for arguments in (
        ("--grid", "nothing", "--out", tmp_path / "out"),
        ("--grid", "stopwords", "--out", folder / "stop-words"),
        ("--grid", "stopwords", "--out", tmp_path / "file"),
    ):
        assert rap("ablate", LYRICS, *arguments, *TINY).code == 2


def test_the_list_needs_no_input():
    """`--list` names the grids and their questions."""
    outcome = rap("ablate", "--list")
    assert outcome.code == 0
    assert "whitening" in outcome.out
    assert "silhouette" in outcome.out


def cells_of(tmp_path, labels, **more):
    names = [f"cell{i}" for i in range(len(labels))]
    grid = Grid(name="g", question="<b>?</b>", cells=[{"name": name} for name in names])
    runs = [
        open_run(make_run(tmp_path / name, TEXTS, own, songs=SONGS, seed=i, **more))
        for i, (name, own) in enumerate(zip(names, labels, strict=True))
    ]
    return grid, runs


def test_cells_are_measured_on_what_all_of_them_hold(tmp_path):
    """A cell with more lines gains nothing by them: the others do not have those."""
    grid, runs = cells_of(tmp_path, [SONGS, SONGS])
    wide = make_run(tmp_path / "wide", [*TEXTS, "[Verse 1]"], [*SONGS, 0], songs=[*SONGS, 99])
    found = measure_grid(grid, [runs[0], open_run(wide)], CPU)
    assert found.shared.found == 120
    assert [side.distinct for side in found.shared.sides] == [120, 121]
    assert "cell1 121" in cell_sentences(found)[0]


def test_tables_hold_any_number_of_cells(tmp_path):
    """One cell or many, all noise among them: the first stands in every table."""
    grid, runs = cells_of(tmp_path, [SONGS, [i % 3 for i in range(120)], [-1] * 120, [0] * 120])
    found = measure_grid(grid, runs, CPU)
    tables = terminal_tables(found)
    assert [list(table.columns) for table in tables] == [
        ["figure", "cell0", "cell1", "cell2"],
        ["figure", "cell0", "cell3"],
    ]
    assert len(cell_table(found)) == 4
    alone = measure_grid(grid.model_copy(update={"cells": grid.cells[:1]}), runs[:1], CPU)
    assert len(terminal_tables(alone)) == 1
    assert "cell0" in render_ablation(alone)


def test_the_page_escapes_and_loads_nothing(tmp_path):
    """Questions, names and terms that are markup are text; no script, no network."""
    grid, runs = cells_of(tmp_path, [SONGS, [i % 3 for i in range(120)]])
    table = runs[0].path / "clusters.csv"
    table.write_text(table.read_text().replace("词", "<script>"))
    found = measure_grid(grid, [open_run(runs[0].path), runs[1]], CPU)
    page = render_ablation(found)
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page.replace("http-equiv", "")
    assert [path.name for path in write_ablation(found, tmp_path)] == [
        "ablation.csv",
        "ablation.html",
    ]


def test_quoted_figures_keep_their_intervals(tmp_path):
    """A figure of quality.json with an interval over songs is in the table with both ends."""
    quality = {"next_line_retrieval": {"value": 0.3, "baseline": 0.2, "interval": [0.25, 0.35]}}
    found = measure_grid(*cells_of(tmp_path, [SONGS, SONGS], quality=quality), CPU)
    row = cell_table(found).iloc[1]
    assert row["next_line_retrieval"] == 0.3
    assert (row["next_line_retrieval_low"], row["next_line_retrieval_high"]) == (0.25, 0.35)
    assert row["next_line_retrieval_against_first"] == "equal"


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ('view = "adjacnt"', "cell second: .*adjacnt"),
        ('set = { "corpus.unit" = "song" }', "cell second: .*all need one unit"),
        ('view = "adjacent"\nset = { "embedding.pooling" = "echo" }', "cell second: .*echo"),
    ],
)
def test_what_can_t_be_compared_is_said_before_any_cell_runs(tmp_path, cell, said):
    """A slip in the last cell may not cost the hours of the others."""
    grid = tmp_path / "mine.toml"
    grid.write_text(f'[[cells]]\nname = "first"\n[[cells]]\nname = "second"\n{cell}\n')
    outcome = rap("ablate", LYRICS, "--grid", grid, "--out", tmp_path / "out", *TINY)
    assert outcome.code == 2
    assert re.search(said, " ".join(outcome.err.split()))
    assert not (tmp_path / "out").exists()


def test_a_model_is_kept_for_what_it_was_trained_with_alone(tmp_path, monkeypatch):
    """More lines, another pooling, base or list of held-out songs: another model, never the old."""
    trained = []

    def train(config, folder, resolution, progress):
        trained.append(folder)
        folder.mkdir()
        (folder / "training.json").write_text("{}")

    monkeypatch.setattr(ablate, "train", train)
    listed = tmp_path / "heldout.txt"
    base = tmp_path / "base"
    shutil.copytree(locate_model("demo"), base)

    def models(*settings, contents=("a",)):
        config = load_config(
            None, [f"embedding.model='{base}'", "train.views=['adjacent']", *settings]
        )
        ablate._trained(config, tmp_path, contents, None, None)
        return len(trained)

    assert models() == 1
    assert models("embedding.store='elsewhere'", "input.paths=['moved']", "terms.top=3") == 1
    assert models("input.limit=5") == 2
    assert models("embedding.pooling='last'") == 3
    assert models(contents=("b",)) == 4
    listed.write_text("a\tb\n")
    assert models(f"train.heldout='{listed}'") == 5
    listed.write_text("a\tc\n")
    assert models(f"train.heldout='{listed}'") == 6
    (base / "config.json").write_text((base / "config.json").read_text() + " ")
    assert models() == 7
    assert models() == 7


def test_a_cell_of_another_model_in_the_same_folder_is_not_finished(grid_folder, monkeypatch):
    """A model trained again under its old name is another; one that is gone can't be run anew."""
    cell = grid_folder[0] / "stop-words"
    manifest = open_run(cell).manifest
    config = Config.model_validate(manifest["config"])
    contents = sorted(file["sha256"] for file in manifest["inputs"])
    assert ablate._is_finished(cell, config, contents)
    spec = ablate.resolve_model(config.embedding, "float32")
    other = replace(spec, fingerprint="another")
    monkeypatch.setattr(ablate, "resolve_model", lambda *_: other)
    assert not ablate._is_finished(cell, config, contents)

    def gone(*_):
        raise CapabilityError("no such model")

    monkeypatch.setattr(ablate, "resolve_model", gone)
    assert ablate._is_finished(cell, config, contents)
