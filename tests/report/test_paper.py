"""A run for a paper: pictures that print, tables, methods, and none of the lyrics."""

import html
import io
import json
import re
import tomllib
from xml.etree import ElementTree

import pandas as pd
import pytest
from PIL import Image

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.compare.before_after import draw_before_after
from rapids_rap.config import MapsConfig
from rapids_rap.report.paper import paper_files
from rapids_rap.report.paper_tables import paper_tables
from rapids_rap.report.paper_text import citation, file_name, methods, model_name, settings
from rapids_rap.runs.run import open_run
from rapids_rap.settings import load_config
from tests.conftest import rap
from tests.run_factory import make_run

CPU = CpuBackend()
TEXTS = [f"第{i}行歌词唱到这里还很长很长没有尽头" for i in range(60)]
FIGURES = ["cluster_map", "artists", "years"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small run with artists, years, doubtful clusters and hostile names."""
    folder = tmp_path_factory.mktemp("paper") / "run"
    songs = [i // 5 for i in range(60)]
    make_run(folder, TEXTS, [i % 4 for i in range(60)], songs=songs)
    clusters = pd.read_csv(folder / "clusters.csv")
    clusters["share"] = clusters["lines"] / 60
    clusters["stability_class"] = ["", "stable", "doubtful", "unstable", "stable"]
    clusters["stability"] = [None, 0.8, 0.7, 0.2, 0.8]
    clusters["top_terms"] = ["", "山城、夜雨", "a_b、50%", "词" * 99, r"\input{x}、<b>"]
    clusters.to_csv(folder / "clusters.csv", index=False)
    terms = [
        (k, 1, term.split("、")[0], 1.0, "log_odds")
        for k, term in enumerate(clusters.top_terms[1:])
    ]
    columns = ["cluster", "rank", "term", "score", "method"]
    pd.DataFrame(terms, columns=columns).to_csv(folder / "cluster_terms.csv", index=False)
    keyness = {name: [0.5] for name in ("dispersion", "log_ratio", "log_ratio_low", "p", "q")}
    keyness |= {"log_ratio_high": [9.0], "keeps_sign": [True], "note": [""]}
    keyness = {"cluster": [0], "term": ["词" * 99], "songs": [6], "artists": [2], **keyness}
    pd.DataFrame(keyness).to_csv(folder / "cluster_keyness.csv", index=False)
    emotions = {"cluster": [0], "chunks": [9], "hits": [1], "hit_爱情": [1], "ratio_爱情": [1.0]}
    pd.DataFrame(emotions).to_csv(folder / "cluster_emotions.csv", index=False)
    pd.DataFrame(
        {
            "cluster": [0],
            "rank": [1],
            "similarity": [0.9],
            "artist": [""],
            "song": [""],
            "text": TEXTS[:1],
        }
    ).to_csv(folder / "cluster_examples.csv", index=False)
    pd.DataFrame(
        {"artist": ["某甲 & <某>", "某乙"], "lines": [40, 20], "-1": [0.0, 0.0]}
        | {str(k): [0.25, 0.25] for k in range(4)}
    ).to_csv(folder / "artist_clusters.csv", index=False)
    years = [
        {"year": year, "theme": theme, "lines": 9, "songs": 5, "artists": 2, "year_lines": 30}
        | {"year_songs": 6, "share": 0.3, "share_low": low, "share_high": high, "note": note}
        for year in (2017, 2018, 2019)
        for theme, low, high, note in (
            (-1, 0.1, 0.5, ""),
            (0, 0.1, 0.5, ""),
            (1, None, None, "too few songs"),
        )
    ]
    pd.DataFrame(years).to_csv(folder / "theme_years.csv", index=False)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["inputs"][0]["path"] = "/home/somebody/secret/lyrics.txt"
    manifest["command"] = "rapids-rap run /home/somebody/secret/lyrics.txt"
    manifest["config"]["input"]["paths"] = ["/home/somebody/secret/lyrics.txt"]
    manifest["config"]["lexicon"]["path"] = "/home/somebody/secret/words.csv"
    manifest["config"]["nightly"]["notify_command"] = "curl --token hunter2"
    manifest["config"]["embedding"]["model"] = "/home/somebody/models/tuned"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return open_run(folder)


@pytest.fixture(scope="module")
def files(run):
    return paper_files(run, MapsConfig(), CPU)


def test_each_figure_is_print_and_vector(files):
    """180 mm at 600 dpi, and SVG that is as wide, well formed and loads nothing."""
    for name in FIGURES:
        image = Image.open(io.BytesIO(files[f"figures/{name}.tiff"]))
        assert (image.format, image.width, image.info["dpi"]) == ("TIFF", 4252, (600, 600))
        svg = files[f"figures/{name}.svg"].decode()
        root = ElementTree.fromstring(svg)
        assert root.get("width") == "180mm"
        assert root.get("role") == "img"
        assert "<text" not in svg  # outlines: no font can be missing
        assert not re.search(r'href="(?!#|data:image/png)', svg)


def test_each_figure_says_what_it_shows(files):
    """Alt text in the SVG, in the TIFF and in captions.md, with what is hatched."""
    captions = files["figures/captions.md"].decode()
    for name in FIGURES:
        root = ElementTree.fromstring(files[f"figures/{name}.svg"].decode())
        alt = root.get("aria-label")
        assert alt in html.unescape(captions)
        tag = Image.open(io.BytesIO(files[f"figures/{name}.tiff"])).tag_v2[270]
        assert tag.encode("latin-1").decode() == alt
    assert "2 clusters in doubt are hatched" in captions
    assert "<" not in captions  # no artist's name is a tag


def test_a_doubtful_cluster_is_hatched(run, files):
    """The same map without doubts has no stripes: it is another picture."""
    sure = run.revised(clusters=run.clusters.assign(stability_class=""))
    plain = paper_files(sure, MapsConfig(), CPU)
    assert plain["figures/cluster_map.tiff"] != files["figures/cluster_map.tiff"]
    assert b"Hatched" not in plain["figures/captions.md"]


def test_no_line_of_lyrics_is_quoted_unless_asked_for(run, files):
    """Neither in tables nor in words nor within a picture's text; with_lyrics adds the examples."""
    every = b"\n".join(data for name, data in files.items() if not name.endswith(".tiff")).decode()
    assert not any(text in every for text in TEXTS)
    assert "词" * 30 not in every  # a term of a hundred characters is cut, in each table
    assert "词" * 20 in files["tables/keyness.csv"].decode()
    assert "tables/examples.csv" not in files
    asked = paper_files(run, MapsConfig(), CPU, with_lyrics=True)
    assert TEXTS[0] in asked["tables/examples.csv"].decode()
    assert "No passage" not in asked["statements.md"].decode()


def test_nothing_says_whose_machine_it_was(files):
    """No folder, no command, no token; files by their names."""
    every = b"\n".join(data for name, data in files.items() if not name.endswith(".tiff"))
    assert b"somebody" not in every
    assert b"hunter2" not in every
    assert b"lyrics.txt" in files["data_files.csv"]
    assert b"words.csv" in files["settings.toml"]


def test_every_version_seed_and_setting_is_told(run, files):
    """The methods name them all, and settings.toml is a configuration that is read."""
    said = html.unescape(files["methods.md"].decode())
    assert "rapids-rap 0.1.0" in said
    assert "seed of everything random is 42" in said
    for section, values in settings(run.manifest).items():
        for key in values if isinstance(values, dict) else ():
            assert f"{section}.{key} = " in said
    parsed = tomllib.loads(files["settings.toml"].decode())
    assert parsed["clusters"] == run.manifest["config"]["clusters"]


def test_the_methods_say_what_p_and_q_rest_on(run, files):
    """Permutations of songs, maxT, the smallest p; nothing of it where nothing was permuted."""
    said = html.unescape(files["methods.md"].decode())
    smallest = 999 * len(run.clusters) + 1
    for words in ("999 permutations", "maxT", f"1 in {smallest:,}", "within each table"):
        assert words in said
    bare = run.revised(cluster_keyness=run.cluster_keyness.assign(p=None))
    assert "maxT" not in methods(bare)


def test_the_settings_make_the_same_configuration(run, files, tmp_path):
    """What they leave out decides no result."""
    (tmp_path / "settings.toml").write_bytes(files["settings.toml"])
    config = load_config(tmp_path / "settings.toml", [])
    assert config.clusters.model_dump(mode="json") == run.manifest["config"]["clusters"]


def test_the_citation_has_what_its_format_requires():
    """cff-version, message, title and authors (Citation File Format 1.2.0)."""
    text = citation('1.0 "x"')
    for key in ("cff-version: 1.2.0", "message:", "title: rapids-rap", "authors:\n  - name:"):
        assert key in text
    assert r'version: "1.0 \"x\""' in text


def test_names_of_files_and_models():
    """The last part of a path of any system; a hub's name is whole."""
    assert file_name("/a/\udcff.txt") == "?.txt"  # a name that is no UTF-8
    assert file_name("C:\\Users\\a\\b.txt") == file_name("/home/a/b.txt") == "b.txt"
    assert model_name("intfloat/multilingual-e5-small") == "intfloat/multilingual-e5-small"
    assert model_name("/home/a/models/tuned/") == model_name("./tuned") == "tuned"
    assert model_name("e5-small") == "e5-small"


def test_the_same_run_gives_the_same_bytes(run, files):
    """No date and no chance in any file."""
    assert paper_files(run, MapsConfig(), CPU) == files


def test_before_and_after(run, tmp_path):
    """Two runs of the same texts in one picture, which says how many clusters match."""
    other = open_run(make_run(tmp_path / "other", TEXTS, [i % 2 for i in range(60)]))
    found = draw_before_after(other, run, MapsConfig(), CPU)
    assert "before: 2 clusters" in found.said
    assert "after: 4 clusters" in found.said
    ElementTree.fromstring(found.sketch.svg(180, "t", found.said))


def test_an_old_run_is_exported_too(run):
    """Without years, artists and votes: what it has."""
    old = run.revised(theme_years=None, artist_clusters=None)
    files = paper_files(old, MapsConfig(), CPU)
    assert "figures/years.svg" not in files
    assert "figures/artists.svg" not in files
    assert "an unknown number of layouts" in files["methods.md"].decode()


def test_the_command_writes_the_folder_or_says_why_not(run, tmp_path):
    """A folder of its own, never over somebody's; options that do not go together are refused."""
    out = tmp_path / "paper"
    done = rap("export", run.path, "--paper", out, "--backend", "cpu", "--before", run.path)
    assert done.code == 0, done.err
    assert (out / "figures" / "before_after.svg").is_file()
    (out / "methods.md").write_text("mine")
    refused = rap("export", run.path, "--paper", out, "--backend", "cpu")
    assert refused.code == 2
    assert (out / "methods.md").read_text() == "mine"
    for wrong in (("--with-lyrics",), ("--before", run.path), ("--paper", out, "--cluster", "1")):
        assert rap("export", run.path, *wrong).code == 2
    assert rap("export", run.path, "--paper", run.path / "paper").code == 2


def test_shares_of_themes_have_what_is_left_out_of_tables_by_cluster(run):
    """A cluster that people excluded stays in its theme: shares are artist_themes.csv's."""
    shares = pd.DataFrame({"artist": ["某甲"], "lines": [40], "-1": [0.25], "0": [0.25]})
    lines = pd.DataFrame({"artist": ["某甲"] * 3, "theme": [1, -1, 0], "lines": [10, 10, 20]})
    decided = run.revised(artist_clusters=shares, artist_themes=lines)  # 1 to 3 are excluded
    frame = paper_tables(decided, with_lyrics=False)["artists"].frame
    expected = {"artist": "某甲", "lines": 40, "noise": 0.25, "theme 0": 0.5, "theme 1": 0.25}
    assert frame.to_dict("records") == [expected]
