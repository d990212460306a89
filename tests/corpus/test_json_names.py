"""Documents whose keys are the artists; keys that only hold songs name nobody."""

import json

import pytest

from tests.corpus.helpers import check_accounts, read, write

BRIDGE = [{"title": "桥", "lyrics": "桥洞里\n有人唱"}]
BOAT = [{"title": "船", "lyrics": ["没有船", "雪停了"]}]


def artists(folder, document):
    """Title -> artist of the songs in a document."""
    corpus = read(write(folder, "a.json", json.dumps(document, ensure_ascii=False)))
    check_accounts(corpus)
    table = corpus.lines[["song", "artist"]].astype(object)
    table = table.where(table.notna(), None).drop_duplicates()
    return dict(table.itertuples(index=False, name=None)), corpus.warnings


@pytest.mark.parametrize(
    "wrap", [lambda x: x, lambda x: {"code": 200, "data": x}, lambda x: x | {"count": 2}]
)
def test_keys_that_are_artists(tmp_path, wrap):
    """Songs below a name are that artist's, and the names are said."""
    found, warnings = artists(tmp_path, wrap({"某甲": BRIDGE, "MC B": BOAT}))
    assert found == {"桥": "某甲", "船": "MC B"}
    assert any("taken for their artists: 某甲, MC B" in warning for warning in warnings)
    assert artists(tmp_path, {"某甲": BRIDGE})[0] == {"桥": "某甲"}


@pytest.mark.parametrize(
    "keys",
    [("train", "test"), ("songs", "hits"), ("2019", "2020"), ("专辑一", "专辑二")],
)
def test_keys_that_are_no_artists(tmp_path, keys):
    """Parts of a data set, envelopes, years and albums have no songs of their own."""
    found, warnings = artists(tmp_path, dict(zip(keys, (BRIDGE, BOAT), strict=True)))
    assert found == {"桥": None, "船": None}
    assert not any("taken for their artists" in warning for warning in warnings)


def test_songs_that_name_their_artist_need_no_key(tmp_path):
    """The nearer name counts: of the song, and of the object around the keys."""
    song = [BRIDGE[0] | {"artist": "某乙"}]
    assert artists(tmp_path, {"某甲": song})[0] == {"桥": "某乙"}
    assert artists(tmp_path, {"artist": "某丙", "夜": BRIDGE})[0] == {"桥": "某丙"}
    assert artists(tmp_path, {"A": BRIDGE})[0] == {"桥": None}
