"""`run --backend gpu` on the double, as a command of its own, against the same run on the CPU.

Both read one vector store, which the double's run fills: with the same vectors every later stage
gives the same on either. Left to themselves, their vectors differ in the last bits (the pooling is
a Triton kernel here), and a layout amplifies that: as between two CPUs.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from rapids_rap.pipeline import LONG_LIST
from tests.conftest import LYRICS, ROOT, rap
from tests.double import contract
from tests.double.install import installed
from tests.double.test_stages import close

pytestmark = pytest.mark.double

SMALL = (
    "--model",
    "demo",
    "--limit",
    "700",
    "--set",
    f"input.regions={ROOT / 'examples' / 'regions.csv'}",
    "--set",
    "maps.width=600",
    "--set",
    "maps.height=450",
)

# Who may copy an array to the host: the writers of files and pictures, and those whose docstring
# says that a small table or a sample goes there.
WRITERS = (
    "publish.",
    "runs.stages.save_result",
    "maps.raster.paint",
    "maps.raster.density_image",
)
SMALL_TABLES = (
    "clustering.consensus.",
    "clustering.hierarchy.find_hierarchy",
    "clustering.hierarchy._distances",
    "maps.raster.densest_spots",
    "maps.raster.sums_by_group",
    "maps.scene.build_scene",
    "quality.artist_retrieval.reciprocal_ranks",
    "quality.follows.what_clusters_follow",
    "quality.assess.Scorer",
    "quality.assess._Judge",
    "quality.coherence.",
    "quality.emotion_rates.emotion_rates",
    "quality.geometry.sampled_dbcv",
    "quality.leakage._near",
    "quality.keyness.shown_terms",
    "quality.keyness.term_keyness",
    "quality.lines.rank_lines",
    "quality.who_writes_what.who_writes_what",
    "tables.artists._lift",
    "tables.examples.cluster_examples",
    "words.hits._bounded",
    "words.lexicon.cluster_emotions",
    "words.terms._name",
    "words.terms._stop_counts",
)


def command(*arguments):
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    return subprocess.run(
        [sys.executable, "-m", "tests.double", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The run folders of the double and of the CPU, and what the double wrote down."""
    folder = tmp_path_factory.mktemp("double")
    store = ("--set", f"embedding.store={folder / 'store'}")
    ended = command(
        "--ledger",
        folder / "ledger.json",
        "--",
        "run",
        LYRICS,
        "--backend",
        "gpu",
        "--out",
        folder / "gpu",
        *SMALL,
        *store,
    )
    assert ended.returncode == 0, ended.stderr
    on_cpu = rap("run", LYRICS, "--backend", "cpu", "--out", folder / "cpu", *SMALL, *store)
    assert on_cpu.code == 0, on_cpu.err
    return folder / "gpu", folder / "cpu", json.loads((folder / "ledger.json").read_text())


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


def test_the_tables_are_equal(runs):
    """Clusters, themes, terms, lexicon, artists and examples: the same bytes."""
    gpu, cpu, _ = runs
    tables = sorted(path.name for path in cpu.glob("*.csv"))
    assert len(tables) == 16
    for name in tables:
        assert (gpu / name).read_bytes() == (cpu / name).read_bytes(), name


def test_the_lines_are_equal(runs):
    """Cluster, theme, probability, hits and place of every line; the last one by rounding."""
    ours, theirs = (pd.read_parquet(folder / "lines.parquet") for folder in runs[:2])
    for name in ("x", "y"):
        np.testing.assert_allclose(ours.pop(name), theirs.pop(name), atol=1e-4)
    pd.testing.assert_frame_equal(ours, theirs)
    vectors = [np.load(folder / "vectors" / "vectors.npy") for folder in runs[:2]]
    np.testing.assert_array_equal(*vectors)


def test_the_pictures_are_equal(runs):
    """The same points in the same colours: the same bytes."""
    gpu, cpu, _ = runs
    pictures = sorted(path.name for path in (cpu / "maps").glob("*.png"))
    assert len(pictures) == 8
    for name in pictures:
        assert (gpu / "maps" / name).read_bytes() == (cpu / "maps" / name).read_bytes(), name


def test_the_quality_is_equal(runs):
    """Every figure, to five digits: the silhouette of the map is float32 on a GPU."""
    ours, theirs = (json.loads((f / "quality.json").read_text()) for f in runs[:2])
    close(theirs, ours)


def test_the_manifest_says_what_ran(runs):
    """A GPU backend, its device (here the double's), bytes, kernels and algorithms by stage."""
    found = manifest(runs[0])["backend"]
    assert (found["name"], found["gpu"]) == ("gpu", "double (no GPU)")
    assert "double" in found["reason"]
    used = found["used"]
    assert used["device"] == "double (no GPU)"
    assert used["allocated"] > used["peak"] > 1_000_000
    assert used["kernels"]["pool"] > 0
    assert used["kernels"]["silhouette"] == 2
    assert set(used["algorithms"]) >= {"memory", "vectors", "neighbors", "layout", "clusters"}
    assert manifest(runs[1])["backend"]["used"]["device"] == "cpu"


def test_every_library_was_called(runs):
    """The double's run went through FAISS, cuML, cuDF and RMM, not around them."""
    calls = runs[2]["calls"]
    for name in (
        "faiss.knn_gpu",
        "cuml.manifold.umap.simplicial_set_embedding",
        "cuml.cluster.hdbscan.HDBSCAN.fit",
        "cudf.DataFrame.merge",
        "cupy.from_dlpack",
        "rmm.allocators.cupy.rmm_cupy_allocator",
    ):
        assert calls.get(name, 0) > 0, name


def test_nothing_leaves_the_device_between_encoder_and_writers(runs):
    """Arrays reach the host in the writers and as small tables, never vectors, graph or layout."""
    gpu, _, found = runs
    texts, dim = np.load(gpu / "vectors" / "vectors.npy", mmap_mode="r").shape
    copies = [copy for copy in found["copies"] if copy["operation"] != "scalar"]
    others = [copy for copy in copies if not copy["caller"].startswith(WRITERS)]
    assert {c["caller"] for c in others if not c["caller"].startswith(SMALL_TABLES)} == set()
    # A column of labels, or of a layout's sample, is 8 bytes a text; a vector has 4 for each axis.
    assert 5 * 8 * texts < 4 * dim * texts / 4
    # Terms are listed by cluster, as many as there are for all its words, and not by text.
    listed = 8 * LONG_LIST * (len(pd.read_csv(gpu / "clusters.csv")) + 1)
    most = {True: max(listed, 5 * 8 * texts), False: 5 * 8 * texts}
    named = [copy["caller"].startswith("words.terms._name") for copy in others]
    sizes = zip(others, named, strict=True)
    assert [copy for copy, terms in sizes if copy["nbytes"] > most[terms]] == []
    assert max(copy["nbytes"] for copy in found["copies"] if copy["operation"] == "scalar") <= 8
    # The map, the space that was clustered, the hits and the vectors.
    assert sum(copy["caller"] == "publish.publish" for copy in copies) == 4


@pytest.mark.parametrize(
    ("fault", "stage"),
    [
        ("faiss.knn_gpu", "neighbour search"),
        ("cuml.manifold.umap.simplicial_set_embedding", "layout"),
        ("cuml.cluster.hdbscan.HDBSCAN.fit", "clustering"),
        ("cudf.DataFrame.merge", ""),
    ],
)
def test_out_of_memory_ends_with_a_sentence(runs, tmp_path, fault, stage):
    """Whichever library runs out, exit code 3, one sentence, and what was done is kept."""
    store = ("--set", f"embedding.store={runs[0].parent / 'store'}")
    with installed():
        contract.faults[fault] = 1
        ended = rap("run", LYRICS, "--backend", "gpu", "--out", tmp_path / "run", *SMALL, *store)
    assert ended.code == 3, ended.err
    sentence = ended.err.strip().splitlines()[-1]
    assert sentence.startswith("Error: ")
    assert stage in sentence
    assert "memory" in sentence
    assert "--limit" in sentence
