"""The figures about vectors of lines, where the answer is known."""

from itertools import pairwise

import numpy as np
import pytest

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.quality.bootstrap import FEWEST
from rapids_rap.quality.figures import TOO_FEW_SONGS, figure_of
from rapids_rap.quality.vectors import (
    MEANINGS,
    log_potential,
    mean_cosine,
    mean_distance,
    uniform_potential,
    vector_figures,
)
from rapids_rap.tables import artists
from tests.songbook import make_songbook, random_songs
from tests.strict_backend import StrictBackend

BACKEND = CpuBackend()


def figures(book, backend=BACKEND, raw=None, **options):
    options = {"most": 1000, "draws": 200, "seed": 5} | options
    vectors = backend.from_host(book.vectors)
    other = vectors if raw is None else backend.from_host(raw)
    return vector_figures(vectors, other, book.lines, book.texts, backend, **options)


def test_vectors_that_know_their_song_beat_characters():
    """Value, interval, difference and chance stand beside each other, and agree."""
    found = figures(make_songbook(random_songs(30, 5, seed=2), d=16))
    for name in ("next_line_retrieval", "same_song_retrieval"):
        figure = found[name]
        low, high = figure["interval"]
        assert low <= figure["value"] <= high
        assert figure["value"] > figure["baseline"] > 0
        assert figure["difference"] == pytest.approx(figure["value"] - figure["baseline"])
        assert figure["difference_interval"][0] > 0
        assert 0 < figure["chance"] < figure["value"]
        assert figure["recall_at_10"] > figure["chance_recall_at_10"]
        assert not figure["sampled"]
    assert found["alignment"]["value"] < found["alignment"]["baseline"]


def test_geometry_is_the_definition():
    """Alignment, uniformity and anisotropy against loops over the pairs."""
    book = make_songbook(random_songs(7, 3), d=4, noise=1.0)
    found = figures(book)
    song = book.lines.drop_duplicates("text_id").set_index("text_id")["song_id"].to_dict()
    rows = range(len(book.texts))
    apart = [(i, j) for i in rows for j in rows if song[i] != song[j]]
    dots = [float(book.vectors[i].astype(float) @ book.vectors[j]) for i, j in apart]
    assert found["anisotropy"]["value"] == pytest.approx(np.mean(dots), abs=1e-5)
    uniform = np.log(np.mean([np.exp(-4 + 4 * dot) for dot in dots]))
    assert found["uniformity"]["value"] == pytest.approx(uniform, abs=1e-5)
    lines = book.lines.sort_values(["song_id", "line_no"]).to_dict("records")
    pairs = {
        (a["text_id"], b["text_id"])
        for a, b in pairwise(lines)
        if (a["song_id"], a["stanza"]) == (b["song_id"], b["stanza"])
    }
    far = [((book.vectors[i] - book.vectors[j]) ** 2).sum() for i, j in pairs if i != j]
    assert found["alignment"]["value"] == pytest.approx(np.mean(far), abs=1e-5)


def test_before_and_after_stand_side_by_side():
    """Where vectors were post-processed, every figure has the raw vectors' too."""
    book = make_songbook(random_songs(12, 3))
    raw = book.vectors + np.float32(3)
    for name, figure in figures(book, raw=raw).items():
        assert figure["before_postprocessing"] != figure["value"], name
        assert len(figure["before_postprocessing_interval"]) == 2
    assert "before_postprocessing" not in figures(book)["anisotropy"]


@pytest.mark.parametrize(
    "songs",
    [random_songs(12, 3), [("甲", ["一二三", "四五六"])], [("甲", ["一"]), ("乙", ["二"])]],
    ids=["ragged", "one song", "songs of one line"],
)
def test_strict_arrays_pass_through(songs):
    """The same figures on arrays that refuse NumPy; what can't be asked is null on both."""
    book = make_songbook(songs)
    plain, strict = figures(book), figures(book, StrictBackend())
    for name, figure in plain.items():
        assert strict[name].keys() == figure.keys()
        for part, value in figure.items():
            assert strict[name][part] == pytest.approx(value, abs=1e-6), (name, part)


@pytest.mark.parametrize("songs", [[], [("甲", ["只有一行"])]])
def test_too_little_is_null_and_says_why(songs):
    """No songs, or a single line: no figure is invented."""
    found = figures(make_songbook(songs))
    assert found.keys() == MEANINGS.keys()
    for figure in found.values():
        assert figure["value"] is None
        assert figure["interval"] is None
        assert figure["note"].startswith("not computed")
    nothing = vector_figures(None, None, None, (), BACKEND, most=10, draws=10, seed=0)
    assert nothing["alignment"]["note"] == "not computed: the input names no songs"


def test_random_directions_are_the_ideal():
    """The baseline of uniformity is what directions drawn at random have."""
    random = np.random.default_rng(0)
    for dims in (2, 3, 64):
        points = random.normal(size=(2000, dims))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        cosines = (points @ points.T)[~np.eye(2000, dtype=bool)]
        drawn = np.log(np.exp(4 * cosines - 4).mean())
        assert uniform_potential(dims) == pytest.approx(drawn, abs=0.02)
    assert uniform_potential(1) == pytest.approx(np.log((1 + np.exp(-8)) / 2))


def test_geometry_is_what_the_papers_define():
    """Alignment and uniformity of Wang and Isola, on two opposite points."""
    points = np.array([[1, 0], [-1, 0]], np.float32)
    assert mean_distance(points, points[::-1]) == 4
    assert log_potential(points) == pytest.approx(-8)
    assert mean_cosine(points) == -1


def test_geometry_of_plain_vectors_is_that_of_distances():
    """The closed forms on cosines equal the definitions on differences."""
    random = np.random.default_rng(0)
    first, second = random.standard_normal((2, 40, 6)).astype(np.float32)
    first, second = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (first, second))
    apart = ((first - second).astype(np.float64) ** 2).sum(axis=1)
    assert mean_distance(first, second) == pytest.approx(apart.mean(), rel=1e-6)
    squares = ((first[:, None].astype(np.float64) - first[None]) ** 2).sum(axis=2)
    different = squares[~np.eye(40, dtype=bool)]
    assert log_potential(first) == pytest.approx(np.log(np.exp(-2 * different).mean()), rel=1e-6)
    assert mean_cosine(first) == pytest.approx((1 - different / 2).mean(), abs=1e-6)


@pytest.mark.parametrize(("songs", "few"), [(2, True), (3, False)])
def test_two_songs_give_values_without_intervals(songs, few):
    """The value of so few songs is told, its interval is not, and the note says why."""
    book = [("甲", [f"第{song}首第{line}行" for line in range(5)]) for song in range(songs)]
    for name, figure in figures(make_songbook(book)).items():
        assert figure["value"] is not None, name
        assert (figure["interval"] is None) == few, name
        assert (figure.get("note") == TOO_FEW_SONGS) == few, name
        assert figure_of(figure).no_interval == (TOO_FEW_SONGS if few else "")
        assert (TOO_FEW_SONGS in figure_of(figure).text) == few
    assert (FEWEST, TOO_FEW_SONGS) == (artists.FEWEST, artists.TOO_FEW_SONGS)
