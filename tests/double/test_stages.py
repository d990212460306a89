"""Every array stage on the double: what it finds is what it finds on the CPU.

The comparisons of `tests.parity` are asked of the double as they are asked of a GPU; the stages
that they leave out follow. Nothing here copies an array of the size of the vectors to the host.
"""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from rapids_rap.backend import load_backend
from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.clustering.clusters import find_clusters
from rapids_rap.clustering.hierarchy import find_hierarchy
from rapids_rap.clustering.layout import Layout, lay_out
from rapids_rap.clustering.neighbors import neighbor_graph
from rapids_rap.clustering.sweep import sweep_sizes
from rapids_rap.clustering.votes import cast_votes
from rapids_rap.config import (
    ClustersConfig,
    EmbeddingConfig,
    LayoutConfig,
    MapsConfig,
    NeighborsConfig,
    QualityConfig,
    TermsConfig,
)
from rapids_rap.embedding.fusion import lexical_vectors
from rapids_rap.embedding.postprocess import postprocess
from rapids_rap.maps.draw import MapData, draw_maps
from rapids_rap.quality.assess import Evidence, assess
from rapids_rap.quality.follows import what_clusters_follow
from rapids_rap.quality.retrieval import retrieve
from rapids_rap.reading.assign import ask_neighbours, judge, leave_out
from rapids_rap.runs.stages import load_result, save_result
from rapids_rap.tables.examples import cluster_examples
from rapids_rap.words.lexicon import cluster_emotions, count_hits, load_lexicon
from rapids_rap.words.segment import segment
from rapids_rap.words.terms import cluster_terms, stop_words
from tests.conftest import LYRICS
from tests.double import memory
from tests.double.install import installed
from tests.parity import checks

pytestmark = pytest.mark.double
CPU = CpuBackend()


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return checks.load_sample(LYRICS, tmp_path_factory.mktemp("store"), most=600)


@pytest.fixture(scope="module")
def stages(sample):
    """The stages of both backends up to the clusters, and the backends.

    On one thread: products of several end in other digits, and a near tie then falls otherwise.
    """
    with installed(), threadpool_limits(1):
        gpu = load_backend("gpu")
        yield _run(CPU, sample), _run(gpu, sample)


@dataclasses.dataclass(frozen=True)
class Found:
    backend: object
    vectors: object
    weights: object
    graph: object
    layout: Layout
    clusters: object
    tree: object
    sweep: object


def _run(backend, sample):
    vectors, weights = backend.from_host(sample.vectors), backend.from_host(sample.weights)
    graph = neighbor_graph(vectors, NeighborsConfig(), backend, 42)
    layout = lay_out(vectors, graph, LayoutConfig(epochs=60), backend, 42)
    config = ClustersConfig(noise="nearest", layouts=3)
    votes = cast_votes(layout, vectors, graph, LayoutConfig(epochs=60), config.voting, backend, 42)
    clusters = find_clusters(votes, vectors, weights, graph, config, backend)
    tree = find_hierarchy(clusters, vectors, weights, 7, backend)
    sweep = sweep_sizes(votes, 0)
    return Found(backend, vectors, weights, graph, layout, clusters, tree, sweep)


def same(stages, ours, theirs, **tolerance):
    """A result of the CPU and one of the double, field by field."""
    gpu = stages[1].backend
    for field in dataclasses.fields(ours):
        a, b = getattr(ours, field.name), getattr(theirs, field.name)
        if isinstance(a, np.ndarray) and not isinstance(b, np.ndarray):
            np.testing.assert_allclose(gpu.to_host(b), a, err_msg=field.name, **tolerance)
        elif isinstance(a, pd.DataFrame):
            pd.testing.assert_frame_equal(a, b)
        elif isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)
        else:
            assert a == b, field.name


# ---- the demands made of a GPU ------------------------------------------------------------------


@pytest.mark.parametrize("part", ["neighbors", "layout", "clusters", "dense", "tables"])
def test_the_demands_of_parity_are_met(stages, sample, part):
    """Recall, trustworthiness, agreement and equal tables, as `make test-gpu` asks for them."""
    figures = list(getattr(checks, part)(sample, stages[1].backend))
    missed = [f"{f.name} = {f.value:g}, needed {f.needed}" for f in figures if f.passed is False]
    assert figures
    assert not missed


def test_the_double_embeds_as_the_cpu(stages, sample, tmp_path):
    """Vectors of the same model lie where the CPU's lie."""
    small = dataclasses.replace(sample, texts=sample.texts[:150], vectors=sample.vectors[:150])
    figures = list(checks.embedding(small, stages[1].backend, tmp_path))
    demanded = [f for f in figures if f.needed]  # no demand on packing without a GPU
    assert [f.passed for f in demanded] == [True, True]
    assert all(f.value > 0.99999 for f in demanded)


# ---- stage by stage -----------------------------------------------------------------------------


def test_geometry_is_the_cpus(stages):
    """Graph, layout and clusters: the graph to the bit, the rest by rounding."""
    cpu, gpu = stages
    same(stages, cpu.graph, gpu.graph, rtol=0, atol=0)
    same(stages, cpu.layout, gpu.layout, rtol=0, atol=1e-4)
    same(stages, cpu.clusters, gpu.clusters, rtol=0, atol=1e-4)


def test_tree_and_sweep_are_the_cpus(stages):
    """The tree above the clusters, and the sweep from cuML's dendrogram."""
    cpu, gpu = stages
    np.testing.assert_array_equal(gpu.backend.to_host(gpu.tree.themes), cpu.tree.themes)
    np.testing.assert_array_equal(gpu.tree.parents, cpu.tree.parents)
    np.testing.assert_array_equal(gpu.tree.sizes, cpu.tree.sizes)
    np.testing.assert_allclose(gpu.tree.strengths, cpu.tree.strengths, atol=1e-4)
    assert len(cpu.sweep.table)
    assert (cpu.sweep.used, cpu.sweep.layouts) == (gpu.sweep.used, gpu.sweep.layouts)
    # Centred points move a few distances by rounding.
    pd.testing.assert_frame_equal(gpu.sweep.table, cpu.sweep.table, rtol=0.02, atol=0.05)


@pytest.mark.parametrize("mode", ["none", "center", "whiten"])
def test_postprocessing_is_the_cpus(stages, mode):
    """Centred and whitened vectors."""
    cpu, gpu = stages
    ours = postprocess(cpu.vectors, mode, cpu.backend, whiten_dims=16)
    theirs = postprocess(gpu.vectors, mode, gpu.backend, whiten_dims=16)
    np.testing.assert_allclose(gpu.backend.to_host(theirs.matrix), ours.matrix, atol=1e-4)


@pytest.fixture(scope="module")
def words(sample):
    lexicon = load_lexicon(None, "simplified")
    return lexicon, segment(sample.texts, lexicon.all_words)


@pytest.mark.parametrize("config", [TermsConfig(), TermsConfig(bigrams=False, min_count=1, top=4)])
def test_terms_are_the_cpus(stages, words, config):
    """Every table and key, equal."""
    found = [
        cluster_terms(
            words[1], f.clusters.labels, f.weights, stop_words(config.stop_words), config, f.backend
        )
        for f in stages
    ]
    same(stages, *found)


@pytest.mark.parametrize("mode", ["occurrence", "presence"])
def test_lexicon_hits_are_the_cpus(stages, sample, words, mode):
    """Hits of each text, and the table of the clusters."""
    lexicon, tokens = words
    hits = [count_hits(tokens, sample.texts, lexicon, mode, f.backend) for f in stages]
    np.testing.assert_array_equal(stages[1].backend.to_host(hits[1]), hits[0])
    tables = [
        cluster_emotions(h, f.clusters.labels, f.weights, lexicon, f.backend)
        for h, f in zip(hits, stages, strict=True)
    ]
    pd.testing.assert_frame_equal(*tables)


def test_examples_are_the_cpus(stages):
    """The lines nearest to each center, in the same order."""
    tables = [
        cluster_examples(
            f.vectors,
            f.clusters.labels,
            f.clusters.probabilities,
            f.clusters.centers,
            f.weights,
            5,
            f.backend,
        )
        for f in stages
    ]
    pd.testing.assert_frame_equal(*tables, atol=1e-6)


def songs_of(texts):
    """A song of 20 texts in a row each, by one of five artists."""
    rows = np.arange(len(texts))
    return pd.DataFrame(
        {
            "song_id": pd.array(rows // 20, dtype="Int64"),
            "artist": [f"a{i // 20 % 5}" for i in rows],
            "text_id": rows,
            "stanza": rows % 20 // 4,
            "line_no": rows % 20 + 1,
        }
    )


def test_assignments_are_the_cpus(stages):
    """Texts of the run that are left out, and new ones, get the same answers on either backend."""
    both = []
    for found in stages:
        labels = found.backend.to_host(found.clusters.labels)
        own, truth = leave_out(found.vectors, labels, 0, found.backend)
        asked = found.vectors[:40, :] + 0.5 * found.vectors[100:140, :]
        answers = ask_neighbours(found.vectors, asked, found.clusters.labels, found.backend)
        both.append((own, judge(answers, own, truth)))
    for ours, theirs in zip(*both, strict=True):
        for a, b in zip(_arrays(ours), _arrays(theirs), strict=True):
            np.testing.assert_allclose(b, a, atol=1e-4)


def _arrays(answers):
    if isinstance(answers, tuple):
        return [*_arrays(answers[0]), answers[1]]
    return [answers.labels, answers.clear, answers.nearest, answers.similarity]


@pytest.mark.parametrize("kind", ["words", "characters"])
def test_lexical_vectors_of_new_texts_are_the_cpus(stages, sample, words, kind):
    """Fitted on the first texts alone, the others are put into their space alike."""
    how = EmbeddingConfig(lexical=kind, lexical_dims=16, postprocess="whiten")
    ours, theirs = (
        found.backend.to_host(
            lexical_vectors(sample.texts, words[1], how, found.backend, 42, fitted=500)
        )
        for found in stages
    )
    np.testing.assert_allclose(theirs, ours, atol=1e-3)


def test_quality_is_the_cpus(stages, sample, words):
    """Every figure of the run about itself, to five digits."""
    config = QualityConfig(
        dbcv_sample=300, trustworthiness_sample=200, silhouette_exact=300, retrieval_lines=300
    )
    figures = []
    for f in stages:
        terms = cluster_terms(
            words[1], f.clusters.labels, f.weights, stop_words(""), TermsConfig(), f.backend
        )
        evidence = Evidence(
            f.vectors, f.vectors, f.layout, f.clusters, f.weights, words[1], terms, themes=2
        )
        songs = songs_of(sample.texts)
        retrieval = retrieve(
            f.vectors,
            f.vectors,
            songs,
            sample.texts,
            words[1],
            np.zeros(0, np.uint64),
            config.retrieval,
            f.backend,
            7,
        )
        lexicon = load_lexicon()
        hits = count_hits(words[1], sample.texts, lexicon, "occurrence", f.backend)
        follows = what_clusters_follow(
            f.clusters.labels,
            hits,
            lexicon.categories,
            songs.assign(file="a"),
            sample.texts,
            words[1],
            stop_words(""),
            np.zeros(0, np.uint64),
            f.backend,
            7,
        )
        figures.append(assess(evidence, retrieval, follows, config, f.backend, 7).figures)
    close(*figures)


def close(ours, theirs, at="quality"):
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys()
        for key in ours:
            close(ours[key], theirs[key], f"{at}.{key}")
    elif isinstance(ours, list):
        assert len(ours) == len(theirs), at
        for number, pair in enumerate(zip(ours, theirs, strict=True)):
            close(*pair, f"{at}[{number}]")
    elif isinstance(ours, float):
        assert theirs == pytest.approx(ours, abs=1e-5), at
    else:
        assert ours == theirs, at


def test_maps_are_the_cpus(stages, sample):
    """The same pictures, byte for byte, from points that never left the device."""
    config = MapsConfig(width=600, height=450)
    names = tuple(f"主题{i}" for i in range(1 + int(stages[0].tree.themes.max(initial=0))))
    count = len(stages[0].tree.themes)
    share = {
        "artist": ["甲"],
        "lines": [600],
        **{str(c): [1 / (count + 1)] for c in range(-1, count)},
    }
    plane = stages[0].layout.xy  # layouts differ by rounding, pictures of one layout must not
    drawn = []
    for f in stages:
        memory.ledger.clear()
        view = MapData(
            f.backend.from_host(plane),
            f.backend.from_host(stages[0].clusters.labels),
            f.backend.from_host(stages[0].tree.themes),
            f.weights,
            f.backend.from_host(np.arange(600) % 4 - 1),
            ("喜", "怒", "哀"),
            tuple(f"词{c}" for c in range(count)),
            names,
            pd.DataFrame(share),
            "demo",
            42,
        )
        drawn.append(draw_maps(view, config, f.backend).pages)
    assert drawn[0].keys() == drawn[1].keys()
    for name, picture in drawn[0].items():
        assert drawn[1][name] == picture, name
    images = [c for c in memory.ledger if c.caller in PICTURES and c.operation == "get"]
    assert len(images) == 4  # clusters, categories, themes, density
    others = [copy.nbytes for copy in memory.ledger if copy.caller not in PICTURES]
    assert max(others) < 8 * 600


PICTURES = ("maps.raster.paint", "maps.raster.density_image")


def test_the_stage_cache_puts_arrays_back_on_the_device(stages, tmp_path):
    """What lay on the device lies there again when it is loaded."""
    import cupy

    gpu = stages[1]
    save_result(gpu.clusters, tmp_path / "clusters", gpu.backend)
    loaded = load_result(type(gpu.clusters), tmp_path / "clusters", gpu.backend)
    assert isinstance(loaded.labels, cupy.ndarray)
    same(stages, stages[0].clusters, loaded, rtol=0, atol=1e-4)
