"""The made-up corpus: as many lines as asked, nested, its statistics as asked, its labels true."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.bench import synthetic
from rapids_rap.bench.synthetic import (
    HOOK,
    SCHEMA,
    SONGS,
    CorpusShape,
    corpus_tables,
    draw_block,
    song_plan,
)
from rapids_rap.config import CorpusConfig, InputConfig
from rapids_rap.corpus.ingest import ingest

SMALL = CorpusShape(clusters=5, own_words=30, shared_words=20, artists=7)
shapes = st.builds(
    CorpusShape,
    clusters=st.integers(1, 40),
    own_words=st.integers(1, 60),
    shared_words=st.integers(1, 50),
    zipf=st.floats(0, 1.3),
    repetition=st.floats(0, 0.9),
    noise=st.floats(0, 1),
    artists=st.integers(1, 20),
)


def corpus(lines: int, seed: int = 42, shape: CorpusShape | None = None) -> pa.Table:
    return pa.concat_tables(corpus_tables(lines, seed, shape))


@given(st.integers(1, 60_000), st.integers(0, 60_000), st.integers(0, 9), shapes)
@settings(deadline=None, max_examples=15)
def test_lines_are_exact_and_corpora_nested(lines, fewer, seed, shape):
    """Any size has exactly its lines, and is the beginning of any larger one of the same seed."""
    fewer = min(fewer, lines)
    large = corpus(lines, seed, shape)
    assert large.schema == SCHEMA
    assert large.num_rows == lines
    if fewer:
        assert corpus(fewer, seed, shape).equals(large.slice(0, fewer))
        assert not corpus(lines, seed + 1, shape).equals(large)


@given(st.integers(1, 64), st.floats(0, 0.95))
def test_a_song_sings_its_hook_again(length, share):
    """Every different line is sung, in order; what is sung again is the hook, whole but at last."""
    repeated = int(share * length) if length > 1 else 0
    plan = song_plan(length, repeated)
    fresh, first = np.unique(plan, return_index=True)
    assert len(plan) == length
    assert fresh.tolist() == list(range(length - repeated))
    assert (np.diff(first) > 0).all()
    again = plan[np.setdiff1d(np.arange(length), first)]
    assert again.tolist() == [i % min(HOOK, length - repeated) for i in range(repeated)]


@pytest.mark.parametrize("repetition", [0.0, 0.25, 0.6])
def test_lines_repeat_as_often_as_asked(repetition):
    """The share of rows whose text has been before, over 80,000 lines."""
    texts = corpus(80_000, shape=CorpusShape(repetition=repetition))["text"]
    assert 1 - len(texts.unique()) / len(texts) == pytest.approx(repetition, abs=0.01)


@pytest.mark.parametrize("zipf", [0.8, 1.0, 1.3])
def test_words_follow_zipf(zipf):
    """The slope of log frequency over log rank, ranks 5 to 2,000, without repeated lines."""
    words = np.concatenate(
        [draw_block(CorpusShape(zipf=zipf), 1, number).words for number in range(6)]
    )
    counts = np.sort(np.bincount(words))[::-1][4:2000]
    slope = np.polyfit(np.log(np.arange(5, 5 + len(counts))), np.log(counts), 1)[0]
    assert -slope == pytest.approx(zipf, abs=0.08)


def test_labels_are_spread_as_asked():
    """Noise has its share, and each of 20 clusters a 20th of the rest, within a fifth."""
    planted = corpus(120_000, shape=CorpusShape(clusters=20, noise=0.3))["planted"].to_numpy()
    shares = np.bincount(planted + 1, minlength=21) / len(planted)
    assert len(shares) == 21
    assert shares[0] == pytest.approx(0.3, abs=0.01)
    assert shares[1:] == pytest.approx(np.full(20, 0.7 / 20), rel=0.2)


@given(shapes, st.integers(0, 9))
@settings(deadline=None, max_examples=10)
def test_a_line_of_a_cluster_has_words_of_no_other(shape, seed):
    """Below the shared words a cluster uses its own only, at least one a line; noise uses any."""
    block = draw_block(shape, seed, 0)
    label = np.repeat(block.labels, np.diff(block.borders))
    own = block.words >= shape.shared_words
    owner = (block.words - shape.shared_words) % shape.clusters
    assert (owner == label)[own & (label >= 0)].all()
    assert own[block.borders[:-1]][block.labels >= 0].all()
    assert block.words.max() < shape.shared_words + shape.clusters * shape.own_words
    assert block.labels.min() >= -1
    assert block.labels.max() < shape.clusters


def test_a_row_is_spelt_as_it_was_drawn():
    """Text, label, song and artist of each row are those of its line, and words are different."""
    spelling = synthetic.spell_words(SMALL, 3)
    assert len(set(spelling)) == len(spelling) == 20 + 5 * 30
    table, block = next(corpus_tables(10**6, 3, SMALL)), draw_block(SMALL, 3, 0)
    texts = [
        "".join(spelling[word] for word in block.words[a:b])
        for a, b in zip(block.borders[:-1], block.borders[1:], strict=True)
    ]
    assert table["text"].to_pylist() == [texts[row] for row in block.rows]
    assert table["planted"].to_pylist() == block.labels[block.rows].tolist()
    assert len(table["song"].unique()) == SONGS
    assert len(table["artist"].unique()) == 7


def test_a_song_has_one_artist():
    """Artists sing many songs; a song is sung by one."""
    table = corpus(50_000, shape=SMALL).group_by("song").aggregate([("artist", "count_distinct")])
    assert set(table["artist_count_distinct"].to_pylist()) == {1}


def test_equal_lines_have_equal_labels():
    """A planted label is a property of the text, but for a noise line that hit it by chance."""
    pairs = corpus(100_000).group_by("text").aggregate([("planted", "count_distinct")])
    several = np.array(pairs["planted_count_distinct"]) > 1
    assert several.mean() < 1e-4


def test_memory_is_a_block_however_long_the_corpus():
    """The first rows of a thousand million come at once, and a file has a row group a block."""
    first = next(corpus_tables(10**9, shape=SMALL))
    assert SONGS * 16 <= first.num_rows <= SONGS * 64


def test_ingest_keeps_every_line(tmp_path):
    """The corpus is lyrics to `ingest`: nothing is dropped, and the labels are not read."""
    path = tmp_path / "synthetic.parquet"
    synthetic.main(["--lines", "50000", "--out", str(path), "--clusters", "9"])
    assert pq.ParquetFile(path).num_row_groups == 2
    kept = ingest([path], InputConfig(), CorpusConfig()).lines
    table = pq.read_table(path)
    assert kept["text"].tolist() == table["text"].to_pylist()
    assert kept["artist"].tolist() == table["artist"].to_pylist()
    assert kept["song_id"].nunique() == len(table["song"].unique())
    assert "planted" not in kept
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--noise", "1.5"], "noise is 1.5"), (["--lines", "0"], "--lines is 0")],
)
def test_what_cannot_be_made_is_refused(arguments, message, tmp_path, capsys):
    """A share above one and a corpus of no lines are errors of one sentence."""
    command = ["--lines", "10", "--out", str(tmp_path / "x.parquet"), *arguments]
    with pytest.raises(SystemExit, match="2"):
        synthetic.main(command)
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
