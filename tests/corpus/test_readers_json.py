"""JSON as people have it: lines, arrays, platforms' answers. Keys and brackets are never lyric."""

import json

import pytest

from rapids_rap.config import CorpusConfig, InputConfig
from rapids_rap.corpus.ingest import ingest
from rapids_rap.errors import InputError
from tests.corpus.helpers import check_accounts, gone, norms, read, write

BRIDGE = [("某甲", "桥", "桥洞里"), ("某甲", "桥", "有人唱")]


def songs(corpus):
    """(artist, song, text_norm) of every row, nulls as None."""
    columns = corpus.lines[["artist", "song", "text_norm"]].astype(object)
    return list(columns.where(columns.notna(), None).itertuples(index=False, name=None))


NETEASE = {
    "code": 200,
    "lrc": {"version": 1, "lyric": "[00:00.00]作词 : 某甲\n[00:01.00]桥洞里\n[00:02.00]有人唱\n"},
    "tlyric": {"lyric": "[00:01.00]Under the bridge\n"},
}
LRCLIB = {
    "trackName": "桥",
    "artistName": "某甲",
    "plainLyrics": "不读这一行",
    "syncedLyrics": "[00:01.00]桥洞里\n[00:02.00]有人唱",
}


@pytest.mark.parametrize(
    "document",
    [
        [{"name": "桥", "singer": "某甲", "lyric": ["桥洞里", "有人唱"]}],
        {"artist": "某甲", "song": "桥", "text": "桥洞里\n有人唱"},
        {
            "result": {
                "songs": [{"name": "桥", "ar": [{"name": "某甲"}], "lyrics": "桥洞里\n有人唱"}]
            }
        },
        {"data": [{"title": "桥", "artist": {"name": "某甲"}, "lyric": "桥洞里\n有人唱"}]},
        {"artist": {"0": "某甲"}, "song": {"0": "桥"}, "text": {"0": "桥洞里\n有人唱"}},
        {"artist": "某甲", "name": "桥", **NETEASE},
        LRCLIB,
        [LRCLIB, {"trackName": "空", "artistName": "某甲", "syncedLyrics": None}],
    ],
)
@pytest.mark.parametrize("name", ["a.json", "a", "a.txt"])
def test_songs_in_every_shape(tmp_path, document, name):
    """A document gives the same songs whatever it is called, compact or indented."""
    for indent in (None, 2):
        text = json.dumps(document, ensure_ascii=False, indent=indent)
        corpus = read(write(tmp_path, name, text))
        assert songs(corpus) == BRIDGE
        check_accounts(corpus)


def test_a_file_in_a_folder_is_read_as_if_it_were_named(tmp_path):
    """An answer that lies in a folder is found there, and its file's name says whose song it is."""
    write(tmp_path, "某甲 - 桥.json", json.dumps(NETEASE))
    corpus = read(tmp_path)
    assert songs(corpus) == BRIDGE
    assert gone(corpus)["[00:01.00]Under the bridge"] == "translation"


def test_json_lines_without_a_suffix(tmp_path):
    """A crawler's list of songs, an object a line; several artists are all named."""
    rows = [
        {"singer_name": ["某甲", "某乙"], "song_name": str(n), "lyric": "桥洞里"} for n in (1, 2)
    ]
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    assert songs(read(write(tmp_path, "music", text))) == [
        ("某甲/某乙", "1", "桥洞里"),
        ("某甲/某乙", "2", "桥洞里"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"name": "rapids", "version": 3}', 'holds no song in a known shape.*"name", "version"'),
        ('[{"text": "桥洞里"}', "begins as JSON does but is not valid JSON"),
        ("[1, 2]", "holds no song"),
        ('{"text": {"a": 1}', "not valid JSON"),
        (f'[{{"text": {"[" * 400}"桥"{"]" * 400}}}]', "nested more than 100 deep"),
    ],
)
def test_json_that_is_no_lyric_is_refused(tmp_path, text, message):
    """A settings file, or half a document, ends in one sentence and never in lyrics."""
    with pytest.raises(InputError, match=rf"a\.json.*{message}"):
        read(write(tmp_path, "a.json", text))


@pytest.mark.parametrize(
    "line", ['{"t":0,"c":[{"tx":"作词: "}]}', "{桥洞}里", "[桥洞]里", '{"桥洞"}']
)
def test_braces_that_are_lyric(tmp_path, line):
    """A text that begins with a bracket, or with NetEase's credits, is text."""
    assert norms(read(write(tmp_path, "a.txt", f"{line}\n桥洞里\n有人唱\n")))[-1] == "有人唱"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400", "null", '""'])
def test_what_is_no_number_is_no_name(tmp_path, value):
    """A missing artist is missing, however a program wrote it."""
    line = f'{{"artist": {value}, "song": {value}, "text": "桥洞里"}}'
    assert songs(read(write(tmp_path, "a.jsonl", line))) == [(None, None, "桥洞里")]


def test_names_that_look_missing_are_names(tmp_path):
    """In quotes, nan, NA and 1.0 are what somebody is called."""
    rows = [
        {"artist": name, "song": name, "text": "桥洞里"} for name in ("nan", "NA", "1.0", "007")
    ]
    corpus = read(write(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows))))
    assert [row[0] for row in songs(corpus)] == ["nan", "NA", "1.0", "007"]


def test_one_bad_line_is_dropped_and_said(tmp_path):
    """A damaged line among many is a row of its own in the account."""
    good = [json.dumps({"text": f"第{n}盏灯", "artist": "某甲"}) for n in range(9)]
    bad = '{"text": "路灯'
    corpus = read(write(tmp_path, "a.jsonl", "\n".join([*good[:4], bad, *good[4:]])))
    assert len(corpus.lines) == 9
    assert gone(corpus) == {bad: "row"}
    assert any("line 5 is not JSON" in warning for warning in corpus.warnings)
    check_accounts(corpus)


def test_the_configured_columns_come_first(tmp_path):
    """Where the user names columns, they are read, whatever else an object holds."""
    text = json.dumps([{"lyric": "不读", "词": "桥洞里", "singer": "某丙", "歌手": "某甲"}])
    path = write(tmp_path, "a.json", text)
    corpus = ingest([path], InputConfig(text="词", artist="歌手"), CorpusConfig())
    assert songs(corpus) == [("某甲", None, "桥洞里")]


LINES = [{"time": 1, "text": "桥洞里"}, {"time": 2, "text": "有人唱"}]


@pytest.mark.parametrize(
    "song",
    [
        {"lyric": "", "lyrics": "桥洞里\n有人唱"},
        {"text": None, "lyrics": "桥洞里\n有人唱"},
        {"Lyrics": "桥洞里\n有人唱"},
        {"lyrics": {"zh": "桥洞里\n有人唱"}},
        {"lyrics": {"en": "Under the bridge", "zh": ["桥洞里", "有人唱"]}},
        {"lyrics": [["桥洞里"], ["有人唱"]]},
        {"text": [{"l": "桥洞里"}, {"l": "有人唱"}]},
        {"lines": LINES},
        {"lyrics": {"syncType": "LINE_SYNCED", "lines": LINES}},
        {"lyrics": [{"singer": "某乙", "words": line["text"]} for line in LINES]},
        {"lines": [{"name": "某乙", **line} for line in LINES]},
        {
            "lrc": {"lyric": ""},
            "yrc": {"lyric": "[1,200](1,90,0)桥洞里\n[300,200](300,90,0)有人唱"},
        },
    ],
)
def test_lyrics_under_any_key_and_in_any_shape(tmp_path, song):
    """The lyrics are where they are filled in, lines may be objects, and the names stay theirs."""
    document = [{"title": "桥", "artist": "某甲", **song}]
    corpus = read(write(tmp_path, "a.json", json.dumps(document, ensure_ascii=False)))
    assert [(a, s, n) for a, s, n in songs(corpus)] == BRIDGE
    assert set(gone(corpus).values()) <= {"translation"}
    check_accounts(corpus)


@pytest.mark.parametrize(
    "document",
    [
        [{"artist": "某甲", "songs": [{"title": "桥", "lyrics": "桥洞里\n有人唱"}]}],
        {"artist": "某甲", "lyrics": [{"title": "桥", "lyrics": "桥洞里\n有人唱"}]},
        {"songs": [{"name": "桥", "ar": [{"name": "某甲"}]}], "lrc": {"lyric": "桥洞里\n有人唱"}},
        {"title": "桥", "primary_artist": {"name": "某甲"}, "lyrics": "桥洞里\n有人唱"},
        {"singer": {"a": "某甲"}, "title": {"a": "桥"}, "lyric": {"a": "桥洞里\n有人唱"}},
    ],
)
def test_names_that_stand_around_or_beside_a_song(tmp_path, document):
    """A song without an artist is by the one whose songs these are."""
    corpus = read(write(tmp_path, "a.json", json.dumps(document, ensure_ascii=False)))
    assert songs(corpus) == BRIDGE


def test_nothing_among_songs_vanishes(tmp_path):
    """What can't be read is a row in the account, what has no lyrics is named."""
    good = [{"artist": "某甲", "song": "桥", "text": line} for line in ("桥洞里", "有人唱", "走了")]
    odd = ["没有船", {"song": "渡口", "body": "没有船\n没有灯"}, {"song": "路", "text": 5}]
    empty = [{"artist": "某乙", "song": "夜"}, None, {"song": "雨", "text": None}]
    text = json.dumps([*good, *odd, *empty], ensure_ascii=False)
    corpus = read(write(tmp_path, "a.json", text))
    assert norms(corpus) == ["桥洞里", "有人唱", "走了"]
    assert list(gone(corpus).values()) == ["row"] * 3
    assert any('song 7 ("artist", "song")' in warning for warning in corpus.warnings)
    check_accounts(corpus)
