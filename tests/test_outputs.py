"""Nothing is lost silently: no --out of any verb replaces an input, a run's file, or another's."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from rapids_rap.errors import ConfigError
from rapids_rap.night.preflight import check_metrics
from rapids_rap.runs.outputs import check_store
from rapids_rap.settings import load_config
from tests.conftest import rap
from tests.run_factory import make_run

SONG = "歌手姓名：甲\n夜\n作词：乙\n我爱这城市的夜\n想念你\n"
CPU = ("--model", "demo", "--backend", "cpu")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Lyrics, word lists, a configuration and a run, in the current folder."""
    monkeypatch.chdir(tmp_path)
    lyrics = tmp_path / "lyrics"
    lyrics.mkdir()
    (lyrics / "song.txt").write_text(SONG)
    table = pd.DataFrame({"artist": ["甲"], "song": ["夜"], "text": ["我爱这城市的夜"]})
    table.to_parquet(lyrics / "table.parquet", index=False)
    table.to_csv(lyrics / "table.csv", index=False)
    (tmp_path / "lexicon.csv").write_text("category,word\n爱情,爱\n")
    (tmp_path / "regions.csv").write_text("artist,region\n甲,北京\n")
    (tmp_path / "words.txt").write_text("城市\n")
    (tmp_path / "rap.toml").write_text('[lexicon]\npath = "lexicon.csv"\n')
    make_run(tmp_path / "run", ["我爱", "想念"], [0, 1])
    (tmp_path / "run" / ".run.json").write_text('{"schema_version": 1, "inputs": []}')
    (tmp_path / "empty").mkdir()
    (tmp_path / "link.txt").symlink_to("lyrics/song.txt")
    (tmp_path / "linked").symlink_to("lyrics")
    (tmp_path / "latest").symlink_to("run")
    os.link(lyrics / "table.parquet", tmp_path / "hard.parquet")
    return tmp_path


def contents(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


SPELLINGS = (
    "lyrics/table.parquet",
    "./lyrics/../lyrics/table.parquet",
    "linked/table.parquet",
    "hard.parquet",
)
ELSEWHERE = ("lyrics/song.txt", "link.txt", "lyrics/table.csv", "rap.toml", "lexicon.csv")
WITHIN = ("run/lines.parquet", "run/new.parquet", "run/maps/x.parquet", "latest/x.parquet")


@pytest.mark.parametrize("out", [*SPELLINGS, *ELSEWHERE, *WITHIN, "empty", "run"])
@pytest.mark.parametrize("verb", ["ingest", "assign", "export", "run", "compare", "ablate"])
def test_no_output_replaces_what_is_not_its_own(here, verb, out):
    """Inputs by any spelling, configuration and lists, files and places of a run: exit 2."""
    if out in ("empty", "run") and verb in ("run", "compare", "ablate"):
        return  # folders are theirs; their own checks have tests
    words = {
        "ingest": ("lyrics", "--config", "rap.toml"),
        "assign": ("run", "lyrics", "--backend", "cpu", "--format", "parquet"),
        "export": ("run", "--format", "parquet"),
        "run": ("lyrics", *CPU, "--config", "rap.toml", "--overwrite"),
        "compare": ("run", "run", "--backend", "cpu"),
        "ablate": ("lyrics", *CPU, "--config", "rap.toml"),
    }[verb]
    before = contents(here)
    outcome = rap(verb, *words, "--out", out)
    assert outcome.code == 2, outcome.err
    assert contents(here) == before
    assert "Traceback" not in outcome.err
    assert out.split("/")[-1] in outcome.err


def test_the_list_beside_a_corpus_is_guarded_too(here):
    """`ingest` writes dropped.parquet beside its output: not over another's file, nor an input."""
    (here / "mine").mkdir()
    shutil.copy(here / "lyrics" / "table.parquet", here / "mine" / "dropped.parquet")
    before = contents(here)
    for given, out in (
        ("lyrics", "mine/corpus.parquet"),
        ("mine/dropped.parquet", "mine/corpus.parquet"),
        ("lyrics", "empty/Dropped.parquet"),
    ):
        outcome = rap("ingest", given, "--out", out)
        assert outcome.code == 2, outcome.err
        assert "ropped.parquet" in outcome.err
        assert contents(here) == before


def test_what_was_written_is_written_again(here):
    """The same command twice replaces its own files, and an empty file is nobody's."""
    (here / "new.parquet").touch()
    for _ in range(2):
        assert rap("ingest", "lyrics/song.txt", "--out", "new.parquet").code == 0
        for form in ("csv", "jsonl", "parquet"):
            outcome = rap("export", "run", "--format", form, "--out", f"out.{form}")
            assert outcome.code == 0, outcome.err
    outcome = rap("export", "run", "--format", "jsonl", "--out", "out.csv")
    assert outcome.code == 2
    assert rap("ingest", "lyrics", "--out", "out.parquet").code == 2  # an export is no corpus
    assert rap("ingest", "new.parquet", "--out", "new.parquet").code == 2
    outcome = rap("ingest", "lyrics", "new.parquet", "--out", "./empty/../new.parquet")
    assert outcome.code == 2
    assert "is read by this command" in outcome.err


@pytest.mark.parametrize("verb", ["ingest", "export"])
def test_a_device_is_not_replaced(here, monkeypatch, verb):
    """A rename over /dev/null or a pipe would take it away."""
    os.mkfifo(here / "pipe")
    monkeypatch.setattr("rapids_rap.runs.outputs.SPECIAL", (str(here / "dev"),))
    (here / "dev").mkdir()
    (here / "dev" / "stdout").symlink_to(here / "plain")
    (here / "plain").touch()
    for out in ("/dev/null", "dev/stdout", "dev/new.csv", "pipe"):
        outcome = rap(verb, "lyrics" if verb == "ingest" else "run", "--out", out)
        assert outcome.code == 2, outcome.err
    assert (here / "dev" / "stdout").is_symlink()
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize("out", ["x" * 300, "loop/x.parquet", "lyrics/song.txt/x.parquet"])
def test_a_place_that_cannot_be_is_a_sentence(here, out):
    """Names too long, loops of links, files as folders: exit 2 before any work."""
    (here / "loop").symlink_to("loop")
    outcome = rap("ingest", "lyrics", "--out", out)
    assert outcome.code == 2, outcome.err
    assert "Traceback" not in outcome.err


def test_a_run_does_not_replace_what_it_reads(here):
    """A table or list that lies in the run folder is not read and replaced in one command."""
    shutil.copy(here / "regions.csv", here / "run" / "cluster_regions.csv")
    before = contents(here)
    for words in (
        ("run/lines.parquet",),
        ("lyrics", "--set", "input.regions=run/cluster_regions.csv"),
        ("lyrics", "--set", "terms.user_words=latest/themes.csv"),
    ):
        outcome = rap("run", *words, *CPU, "--out", "run", "--overwrite")
        assert outcome.code == 2, outcome.err
        assert "is read by this command" in outcome.err
        assert contents(here) == before


def test_outputs_do_not_lie_in_a_vector_store(here):
    """A file in the store's folder would be swept or taken for a shard."""
    space = here / "store" / ("0" * 32)
    space.mkdir(parents=True)
    (space / "space.json").write_text("{}")
    for out in ("store/x.parquet", f"store/{'0' * 32}/x.parquet"):
        outcome = rap("ingest", "lyrics", "--out", out)
        assert outcome.code == 2
        assert "vector store" in outcome.err
    assert rap("run", "lyrics", *CPU, "--out", "store/run").code == 2


def test_training_does_not_replace_what_it_reads_or_foreign_files(here):
    """--overwrite puts a whole folder in the place of another: nothing else may be in that."""
    model = here / "model"
    model.mkdir()
    (model / "training.json").write_text("{}")
    (model / "config.json").write_text("{}")
    shutil.copytree(here / "lyrics", model / "1_lyrics")
    words = ("--out", "model", "--overwrite", "--backend", "cpu")
    before = contents(here)
    for given in (("model/1_lyrics", "--model", "demo"), ("lyrics", "--model", "model")):
        outcome = rap("train", *given, *words)
        assert outcome.code == 2, outcome.err
        assert "is read by this command" in outcome.err
        assert contents(here) == before
    (model / "rap.toml").write_text("")
    outcome = rap("train", "lyrics", "--model", "demo", *words)
    assert outcome.code == 2
    assert "rap.toml: is no part of a model" in outcome.err
    (model / "rap.toml").unlink()
    (model / ".gitattributes").write_text("")
    (model / ".git").mkdir()
    outcome = rap("train", "lyrics", "--model", "demo", *words)
    assert outcome.code == 2
    assert ".git: is no part of a model" in outcome.err
    assert rap("train", "lyrics", "--model", "demo", "--out", "run/model").code == 2


@pytest.mark.parametrize("out", [*SPELLINGS, *ELSEWHERE, *WITHIN, "empty", "run"])
def test_a_map_replaces_nothing_but_a_map(here, out):
    """Inputs, a run's files, another's pages: exit 2; a map that is there is written again."""
    (here / "run" / "cluster_terms.csv").write_text("cluster,rank,term,score,method\n")
    before = contents(here)
    outcome = rap("view", "run", "--single-file", out)
    assert outcome.code == 2, outcome.err
    assert contents(here) == before
    assert "Traceback" not in outcome.err
    for _ in range(2):
        assert rap("view", "run", "--single-file", "map.html").code == 0
    (here / "page.html").write_text("<p>mine</p>")
    assert rap("view", "run", "--single-file", "page.html").code == 2


def test_pages_and_pictures_of_others_stay(here):
    """A folder with a maps.png, an ablation.html or a README.md of one's own stays as it is."""
    for verb, words, name in (
        ("compare", ("run", "run", "--backend", "cpu"), "maps.png"),
        ("compare", ("run", "run", "--backend", "cpu"), "compare.html"),
        ("ablate", ("lyrics", *CPU), "ablation.html"),
        ("ablate", ("lyrics", *CPU), "ablation.csv"),
        ("bench", ("silhouette_50k",), "README.md"),
        ("bench", ("--table",), "README.md"),
        ("bench", ("silhouette_50k",), "silhouette_50k.csv"),
    ):
        folder = here / f"{verb}-{name}"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text("mine")
        outcome = rap(verb, *words, "--out", folder)
        assert outcome.code == 2, (verb, outcome.err)
        assert (folder / name).read_text() == "mine"


@pytest.mark.parametrize("store", ["lyrics", "linked/store", "run", "latest/vectors"])
def test_vectors_are_not_kept_among_lyrics_or_in_a_run(here, store):
    """They would be read as lyrics the next day, or lie among files that vouch for each other."""
    before = contents(here)
    outcome = rap("run", "lyrics", *CPU, "--out", "new", "--set", f"embedding.store={store}")
    assert outcome.code == 2
    assert f"embedding.store = {store}" in outcome.err
    assert contents(here) == before


FOLDERS = ("maps", "vectors", ".stages", ".stages/layout", ".store")


@pytest.mark.parametrize("verb", ["run", "ablate"])
@pytest.mark.parametrize("name", FOLDERS)
def test_a_link_in_a_received_folder_is_not_written_through(here, verb, name):
    """What is resumed there would land, or be swept away, where the link leads."""
    link = here / "new" / name
    link.parent.mkdir(parents=True)
    (here / "empty" / ".clusters.png.1.partial").write_text("mine")
    link.symlink_to(here / "empty")
    before = contents(here)
    outcome = rap(verb, "lyrics", *CPU, "--out", "new", "--overwrite")
    assert outcome.code == 2, outcome.err
    assert "is a link to another folder" in outcome.err
    assert contents(here) == before


@pytest.mark.parametrize("kind", ["link", "nowhere", "pipe"])
def test_a_lock_that_is_another_file_is_not_written(here, kind):
    """The lock's file is emptied and written, so it must not be somebody's diary."""
    diary, lock = here / "diary.txt", here / "run" / ".lock"
    diary.write_text("mine")
    if kind == "pipe":
        os.mkfifo(lock)
    else:
        lock.symlink_to(diary if kind == "link" else here / "new.txt")
    outcome = rap("run", "lyrics", *CPU, "--out", "run", "--overwrite")
    assert outcome.code == 2, outcome.err
    assert ".lock: can't be written" in outcome.err
    assert diary.read_text() == "mine"
    assert not (here / "new.txt").exists()


def test_a_run_shares_its_own_store(here):
    """That is what the setting is for."""
    check_store(Path("run/.store"), [Path("lyrics")])


def test_results_of_benchmarks_are_kept_apart_and_read_with_care(here):
    """No results in a run's folder; a record that no benchmark wrote is named, also a pipe."""
    for words in (("--table",), ("silhouette_50k",)):
        outcome = rap("bench", *words, "--out", "run")
        assert outcome.code == 2
        assert "is a run" in outcome.err
    own = here / "empty" / "silhouette_50k.json"
    own.write_text('{"environment": 3}')
    for words in (("--table",), ("silhouette_50k",)):
        assert "a benchmark has written no such file" in rap("bench", *words, "--out", "empty").err
    own.unlink()
    os.mkfifo(own)
    outcome = rap("bench", "--table", "--out", "empty")
    assert outcome.code == 2
    assert "it is a pipe" in outcome.err


def test_metrics_replace_no_other_file(here):
    """nightly.metrics is written every night, by a rename: never over what no night wrote."""
    (here / "mine.prom").write_text("node_boot_time_seconds 1\n")
    (here / "ours.prom").write_text("# HELP rapids_rap_nightly_exit_code Exit code.\n")
    for name in ("mine.prom", "lyrics/song.txt", "rap.toml", "lyrics", "/dev/null"):
        with pytest.raises(ConfigError, match="holds something else"):
            check_metrics(load_config(None, [f"nightly.metrics={name}"]))
    for name in ("ours.prom", "new.prom", "nowhere/new.prom", ""):
        check_metrics(load_config(None, [f'nightly.metrics="{name}"']))
