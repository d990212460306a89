"""Two runs side by side: what is measured, what is said, what is written."""

import html
import io
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.compare import files as compare_files
from rapids_rap.compare.compare import compare_runs, figure_table, measure_agreement, sentences
from rapids_rap.compare.files import OWN_FILES, as_json, write_comparison
from rapids_rap.errors import InputError
from rapids_rap.runs.run import open_run
from tests.conftest import rap
from tests.run_factory import make_run

CPU = CpuBackend()

EVIL = "<script>alert('行')</script>"
TEXTS = [
    f"{a}{b}第{i}行"
    for i, (a, b) in enumerate(zip("山城夜雨" * 30, "江桥船梦歌" * 24, strict=True))
]
SONGS = [i // 6 for i in range(120)]
THREE = [i % 3 for i in range(120)]


def pair(tmp_path, labels_a, labels_b, texts=TEXTS, **more):
    a = make_run(tmp_path / "before", texts, labels_a, songs=SONGS, seed=1)
    b = make_run(tmp_path / "after", texts, labels_b, songs=SONGS, seed=2, **more)
    return open_run(a), open_run(b)


def test_a_run_agrees_with_itself(tmp_path):
    """Adjusted Rand and mutual information are 1, no line moves, nothing is better."""
    a, _ = pair(tmp_path, THREE, THREE)
    found = compare_runs(a, a, CPU)
    assert found.agreement.adjusted_rand == 1.0
    assert found.agreement.adjusted_mutual_information == pytest.approx(1.0)
    assert found.matches.tolist() == [0, 1, 2]
    assert found.verdict.better is None
    assert found.differences == ()
    assert found.alignment.fit == pytest.approx(1.0)


def test_ids_with_gaps_are_what_is_shown(tmp_path):
    """A run whose ids are far apart: one row a cluster in every table, and its id in every name."""
    gaps = [(3, 207, 90_000)[k] for k in THREE]
    a, b = pair(tmp_path, THREE, gaps, vectors=None)
    found = compare_runs(a, b, CPU)
    assert found.agreement.adjusted_rand == 1.0
    assert found.flow.shape == (4, 4)
    record = as_json(found)
    assert record["matches"] == [{"b": 3, "a": 0}, {"b": 207, "a": 1}, {"b": 90_000, "a": 2}]
    assert {(row["a"], row["b"]) for row in record["flow"]} == {(0, 3), (1, 207), (2, 90_000)}
    assert record["b"]["clusters"]["count"] == 3
    write_comparison(found, tmp_path / "out", CPU)
    page = (tmp_path / "out" / "compare.html").read_text(encoding="utf-8")
    assert "词207" in page
    assert ">207<" in page


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-1, 5), min_size=2, max_size=60), st.integers(0, 99))
def test_agreement_of_a_renamed_clustering_is_one(labels, seed):
    """Names of clusters don't count, with noise and without."""
    labels = np.array(labels, dtype=np.int64)
    names = np.random.default_rng(seed).permutation(6)
    renamed = np.where(labels < 0, -1, names[np.maximum(labels, 0)])
    found = measure_agreement(labels, renamed)
    assert found.adjusted_rand == pytest.approx(1.0)
    assert found.adjusted_mutual_information == pytest.approx(1.0)
    if found.clustered >= 2:
        assert found.adjusted_rand_without_noise == pytest.approx(1.0)
    else:
        assert found.adjusted_rand_without_noise is None


def test_noise_is_a_cluster_in_one_index_and_left_out_of_the_other():
    """Two runs that agree on what both cluster, but not on what is noise."""
    a = np.array([0] * 10 + [1] * 10 + [-1] * 10)
    b = np.array([0] * 10 + [1] * 10 + [0] * 10)
    found = measure_agreement(a, b)
    assert found.adjusted_rand < 1
    assert found.adjusted_rand_without_noise == 1.0
    assert found.clustered == 20


def test_the_files_hold_every_figure_and_load_nothing(tmp_path):
    """compare.json has both runs' figures and `adjusted_rand`; the page is whole by itself."""
    quality = {
        "next_line_retrieval": {"value": 0.3, "baseline": 0.2, "interval": [0.2, 0.4]},
        "artist_retrieval": {"value": None, "baseline": None, "interval": None},
    }
    a, b = pair(tmp_path, THREE, [(i // 2) % 3 for i in range(120)], quality=quality)
    found = compare_runs(a, b, CPU)
    paths = write_comparison(found, tmp_path / "out", CPU)
    assert {path.name for path in paths} == set(OWN_FILES)
    assert {p.name for p in (tmp_path / "out").iterdir()} == {path.name for path in paths}
    record = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert record["adjusted_rand"] == found.agreement.adjusted_rand
    assert record["b"]["quality"] == quality
    for side in "ab":
        assert {"silhouette_cosine", "next_line_cluster"} <= record[side]["figures"].keys()
        for figure in record[side]["figures"].values():
            order = ["value", "baseline", "baseline_name", "meaning", "interval"]
            assert list(figure)[:5] == order
        for row in record["figures"]:
            assert list(row[side]) == ["value", "baseline", "interval"]
    assert sum(part["lines"] for part in record["flow"]) == record["shared"]["lines"] == 120
    page = (tmp_path / "out" / "compare.html").read_text()
    assert all(f'id="{target}"' in page for target in re.findall(r'href="#([^"]+)"', page))
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert all(u.startswith(("#", "data:image/")) or u in {p.name for p in paths} for u in links)
    assert "<script" not in page
    assert html.escape(found.verdict.english, quote=False)[:40].replace("'", "&#39;") in page


def test_lyrics_are_escaped(tmp_path):
    """A line, a term or a folder's name that is markup is shown as text, in page and pictures."""
    texts = [f"{EVIL}{i}" for i in range(120)]
    a, b = pair(tmp_path, THREE, [(i // 2) % 3 for i in range(120)], texts)
    table = (b.path / "clusters.csv").read_text().replace("词", EVIL)
    (b.path / "clusters.csv").write_text(table)
    write_comparison(compare_runs(a, open_run(b.path), CPU), tmp_path / "out", CPU)
    page = (tmp_path / "out" / "compare.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("left", "right"),
    [([-1] * 120, [-1] * 120), ([-1] * 120, THREE), (THREE, [-1] * 120), ([0] * 120, [0] * 120)],
)
def test_no_cluster_or_one_is_compared_and_drawn(tmp_path, left, right):
    """All noise on either side, or one cluster: files are written and say so."""
    found = compare_runs(*pair(tmp_path, left, right), CPU)
    write_comparison(found, tmp_path / "out", CPU)
    record = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert record["a"]["clusters"]["count"] == len(set(left) - {-1})
    assert record["verdict"]["better"] is None
    assert len(figure_table(found))


def test_a_better_run_is_called_better_with_its_figure(tmp_path):
    """A cluster a song against shuffled clusters: neighbours tell them apart."""
    rng = np.random.default_rng(0)
    found = compare_runs(*pair(tmp_path, rng.permutation(SONGS).tolist(), SONGS), CPU)
    assert found.verdict.better == "b"
    assert "next_line_cluster" in found.verdict.english
    assert any("B is better than A" in line for line in sentences(found))


def test_figures_over_other_texts_are_shown_and_not_compared(tmp_path):
    """A run with more lyrics: its quoted figures are of other texts, and that is said."""
    quality = {"next_line_retrieval": {"value": 0.3, "baseline": 0.2, "interval": [0.2, 0.4]}}
    a = make_run(tmp_path / "a", TEXTS, THREE, songs=SONGS, quality=quality)
    b = make_run(
        tmp_path / "b",
        [*TEXTS, "多一行"],
        [*THREE, 0],
        songs=[*SONGS, 99],
        quality={
            "next_line_retrieval": quality["next_line_retrieval"]
            | {"value": 0.9, "interval": [0.8, 0.95]}
        },
    )
    found = compare_runs(open_run(a), open_run(b), CPU)
    row = next(r for r in found.contrasts if r.key == "next_line_retrieval")
    assert row.winner == "apart"
    assert "different texts" in found.verdict.english


def test_settings_that_differ_are_listed(tmp_path):
    """The reader sees what was changed between the runs, and nothing else."""
    a, b = pair(tmp_path, THREE, THREE, settings=["embedding.postprocess=center"])
    assert compare_runs(a, b, CPU).differences == (("embedding.postprocess", '"none"', '"center"'),)


def test_a_sample_is_compared_instead_of_all(tmp_path):
    """`--sample N` measures N texts and says so."""
    found = compare_runs(*pair(tmp_path, THREE, THREE), CPU, sample=50)
    record = as_json(found)
    assert record["shared"]["compared"] == 50
    assert record["shared"]["sampled"]
    assert "50 were drawn" in sentences(found)[0]


@pytest.fixture
def quick_pictures(monkeypatch):
    """Small pictures, where it is files that are tested."""
    png = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(png, "PNG")
    names = OWN_FILES[2:]
    monkeypatch.setattr(
        compare_files, "draw_pictures", lambda *_: dict.fromkeys(names, png.getvalue())
    )


@pytest.mark.usefixtures("quick_pictures")
def test_a_folder_of_other_files_is_left_alone(tmp_path):
    """Nothing is written into a folder that holds something else; a comparison is replaced."""
    found = compare_runs(*pair(tmp_path, THREE, THREE), CPU)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match=r"thesis\.txt"):
        write_comparison(found, tmp_path / "own", CPU)
    assert [p.name for p in (tmp_path / "own").iterdir()] == ["thesis.txt"]
    write_comparison(found, tmp_path / "out", CPU)
    write_comparison(found, tmp_path / "out", CPU)
    with pytest.raises(InputError, match="is a file"):
        write_comparison(found, tmp_path / "own" / "thesis.txt", CPU)


@pytest.mark.usefixtures("quick_pictures")
def test_the_record_comes_last(tmp_path, monkeypatch):
    """A comparison that breaks off leaves no compare.json, and the same command mends it."""
    found = compare_runs(*pair(tmp_path, THREE, THREE), CPU)
    write_comparison(found, tmp_path / "out", CPU)

    def break_off(*_):
        raise OSError("the disk went away")

    with monkeypatch.context() as patched:
        patched.setattr(compare_files, "write_json", break_off)
        with pytest.raises(OSError, match="went away"):
            write_comparison(found, tmp_path / "out", CPU)
    assert not (tmp_path / "out" / "compare.json").exists()
    write_comparison(found, tmp_path / "out", CPU)
    assert (tmp_path / "out" / "compare.json").exists()


@pytest.mark.usefixtures("quick_pictures")
def test_the_command(tmp_path):
    """`compare A B` prints table and sentence, and writes only with --out; wrong runs exit 2."""
    a, b = pair(tmp_path, THREE, [(i // 2) % 3 for i in range(120)])
    outcome = rap("compare", a.path, b.path)
    assert outcome.code == 0, outcome.err
    assert "silhouette_cosine" in outcome.out
    assert "Adjusted Rand index" in outcome.out
    assert {p.name for p in tmp_path.iterdir()} == {"before", "after"}
    assert rap("compare", a.path, b.path, "--out", tmp_path / "out").code == 0
    assert rap("compare", a.path, tmp_path / "none").code == 2
    (b.path / "vectors" / "vectors.npy").write_bytes(b"cut")
    damaged = rap("compare", a.path, b.path)
    assert damaged.code == 2
    assert "vectors.npy" in damaged.err
