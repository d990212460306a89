import gzip
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.runs.run import open_run
from rapids_rap.view.groups import group_positions
from rapids_rap.view.payload import build_payload
from rapids_rap.view.texts import coding_of, lines_of
from tests.view.conftest import HOSTILE, PLAIN, make_view_run


def unpacked(payload, name):
    return gzip.decompress(payload.parts[name])


def column(payload, name):
    header = json.loads(unpacked(payload, "header"))
    return np.frombuffer(unpacked(payload, name), dtype=header["columns"][name])


def test_a_line_keeps_what_is_known_of_it(view_run):
    """Text, cluster, theme, artist, emotion and votes of each row are those of lines.parquet."""
    payload = build_payload(open_run(view_run))
    header = json.loads(unpacked(payload, "header"))
    lines = pd.read_parquet(view_run / "lines.parquet")
    texts = b"".join(unpacked(payload, f"text-{i}") for i in range(payload.chunks))
    read = texts.decode(header["coding"]).split("\0")[:-1]
    assert read == [text.replace("\0", "\ufffd") for text in lines["text"]]
    for name in ("cluster", "theme"):
        ids = np.array([group["id"] for group in header[f"{name}s"]])
        assert ids[column(payload, name)].tolist() == lines[name].tolist()
    names = [group["name"] for group in header["artists"]]
    assert [names[code] for code in column(payload, "artist")] == lines["artist"].tolist()
    votes = np.round(100 * lines["agreement"].astype(float))
    assert column(payload, "agreement").tolist() == votes.tolist()
    hits = lines[["hits_积极", "hits_消极"]].to_numpy()
    best = np.where(hits.max(axis=1) > 0, hits.argmax(axis=1), 2)
    assert column(payload, "emotion").tolist() == best.tolist()


def test_positions_keep_their_proportions(view_run):
    """Distances on the page are those of the layout, to one part in 65,535 of its extent."""
    payload = build_payload(open_run(view_run))
    xy = column(payload, "xy").reshape(-1, 2) / 65_535
    own = pd.read_parquet(view_run / "lines.parquet")[["x", "y"]].to_numpy(np.float64)
    span = (own.max(axis=0) - own.min(axis=0)).max()
    np.testing.assert_allclose(xy, (own - own.min(axis=0)) / span, atol=1e-5)


def test_the_same_run_gives_the_same_bytes(view_run):
    """Packing holds no clock."""
    assert build_payload(open_run(view_run)).parts == build_payload(open_run(view_run)).parts


def test_without_lyrics_no_line_is_there(view_run):
    """Neither a text, nor a song's title, nor which lines are of one song."""
    payload = build_payload(open_run(view_run), lyrics=False)
    everything = b"".join(unpacked(payload, name) for name in payload.parts)
    lines = pd.read_parquet(view_run / "lines.parquet")
    for text in [*PLAIN[:5], *HOSTILE[:4], *lines["song"].unique()]:
        assert text.encode() not in everything
        assert text.encode("gb18030", "replace") not in everything
    assert {"song", "songs", "chinese", "text-0"}.isdisjoint(payload.parts)


@pytest.mark.parametrize("lacking", ["artists", "votes", "songs"])
def test_old_and_bare_runs_open(tmp_path, lacking):
    """A run without artists, votes or songs has the other columns."""
    run = make_view_run(tmp_path / "run", **{lacking: False})
    payload = build_payload(open_run(run))
    gone = {"artists": "artist", "votes": "agreement"}.get(lacking)
    assert gone not in payload.parts
    assert len(column(payload, "cluster")) == payload.lines
    if lacking == "songs":
        assert not column(payload, "song").any()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=20))
def test_texts_come_back(texts):
    """Whatever is written is read again, in the coding that was chosen; NUL shows as U+FFFD."""
    chunks = list(lines_of(texts))
    coding = coding_of(chunks)
    read = "".join(chunk.encode(coding).decode(coding) for chunk in chunks).split("\0")[:-1]
    assert read == [text.replace("\0", "\ufffd") for text in texts]


def test_labels_stand_where_a_group_is_densest():
    """A far smaller heap does not draw the label away, and no point gives no place."""
    near, far = np.full((20, 2), 0.2), np.full((5, 2), 0.9)
    at = group_positions(np.concatenate([near, far]), np.zeros(25, dtype=np.int64), 2)
    np.testing.assert_allclose(at[0], [0.2, 0.2])
    assert np.isnan(at[1]).all()
