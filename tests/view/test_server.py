import gzip
import http.client
import io
import shutil
import threading
import urllib.parse

import numpy as np
import pandas as pd
import pytest

from rapids_rap.backend import load_backend
from rapids_rap.reading.search import search_run
from rapids_rap.runs.run import open_run
from rapids_rap.view.view import serve


@pytest.fixture
def server(view_run):
    with serve(open_run(view_run), load_backend("cpu")) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def get(server, path, method="GET", body=None, **headers):
    connection = http.client.HTTPConnection(*server.server_address, timeout=10)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_only_the_token_opens(server):
    """Without it, with half of it, or with a part's name alone, nothing is there."""
    assert get(server, server.base)[0] == 200
    status, header = get(server, f"{server.base}part/header")
    assert (status, gzip.decompress(header)[:1]) == (200, b"{")
    half = server.base[:10]
    for path in ("/", "/part/header", half, f"{half}/part/header", "//", "/%00", "/?x"):
        assert get(server, path)[0] == 404


@pytest.mark.parametrize(
    "path", ["../manifest.json", "part/../../manifest.json", "part/%2e%2e/x", "lines.parquet"]
)
def test_no_path_leaves_the_parts(server, path):
    """What is asked for is looked up among the parts and never on the disk."""
    assert get(server, server.base + path)[0] == 404


def test_another_name_or_method_is_refused(server):
    """A page elsewhere whose name leads here (DNS rebinding) is told nothing, nor is a writer."""
    assert get(server, server.base, Host="evil.example")[0] == 421
    assert get(server, server.base, method="PUT")[0] == 501


def test_it_listens_here_alone(server):
    """The address is this machine's own unless another is asked for, and the port a free one."""
    host, port = server.server_address
    assert host == "127.0.0.1"
    assert port > 0
    assert len(server.token) >= 32


def rows(server, way, question):
    """The rows that are found, or the status and the sentence that says why none are."""
    query = urllib.parse.urlencode({"way": way, "question": question})
    status, answer = get(server, f"{server.base}find?{query}")
    return (
        np.frombuffer(answer, dtype="<u4").tolist() if status == 200 else (status, answer.decode())
    )


def test_lines_like_one_are_the_nearest_by_vectors(server, view_run):
    """Without any model: by the vectors that the run keeps, the line itself first."""
    lines = pd.read_parquet(view_run / "lines.parquet")
    vectors = np.load(view_run / "vectors" / "vectors.npy")
    for row in (0, 17, 200):
        own = vectors[lines["text_id"][row]]
        near = rows(server, "like", str(row))
        assert near[0] == row
        similar = vectors[lines["text_id"][near]] @ own
        assert (np.diff(similar[1:]) <= 1e-6).all()
        assert similar[-1] >= np.sort(vectors @ own)[-len(near)] - 1e-6
        assert len(near) == 50


def test_meaning_needs_the_run_s_model(server):
    """Of another model distances would mean nothing: a sentence, and no rows."""
    status, sentence = rows(server, "meaning", "想念故乡")
    assert status == 422
    assert "made with" in sentence


def test_meaning_finds_what_search_finds(sample_run):
    """With the model at hand: the same lines in the same order as `rapids-rap search` gives."""
    run = open_run(sample_run)
    found = search_run(run, "想念故乡的夜", "line", 20, load_backend("cpu"))
    with serve(run, load_backend("cpu")) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        near = rows(running, "meaning", "想念故乡的夜")
        running.shutdown()
    norms = run.lines["text_norm"].to_numpy()[near]
    own = run.lines.drop_duplicates("text_id").set_index("text")["text_norm"]
    distinct = list(dict.fromkeys(norms))
    assert distinct[:20] == own[found["text"]].tolist()


@pytest.mark.parametrize(
    ("way", "question", "said"),
    [
        ("text", "", "can't be searched"),
        ("pinyin", "qqq", "can't be searched"),
        ("text", "长" * 2_001, "2,000 characters"),
        ("like", "-1", "No such way"),
        ("like", "99999999999999999999", "No such way"),
        ("like", "²", "No such way"),
        ("sql", "1", "No such way"),
        ("meaning", "\u200b", "empty"),
    ],
)
def test_a_question_that_cannot_be_answered_is_a_sentence(server, way, question, said):
    """422 and why; the server goes on."""
    status, sentence = rows(server, way, question)
    assert status == 422
    assert said in sentence
    assert get(server, server.base)[0] == 200


def test_export_takes_a_bit_a_line_and_no_more(server, view_run):
    """Exactly the lines whose bits are set; another length, or none, is refused."""
    count = len(pd.read_parquet(view_run / "lines.parquet"))
    picked = np.zeros(count, dtype=bool)
    picked[[3, 8, count - 1]] = True
    bits = np.packbits(picked, bitorder="little").tobytes()
    for form in ("csv", "jsonl"):
        path = server.base + form
        status, sent = get(server, path, "POST", body=bits)
        assert status == 200
        text = io.StringIO(sent.decode())
        table = pd.read_csv(text) if form == "csv" else pd.read_json(text, lines=True)
        assert table["line_id"].tolist() == [3, 8, count - 1]
        assert get(server, path, "POST", body=bits + b"\0")[0] == 422
        assert get(server, path)[0] == 422
        assert get(server, f"/{form}", "POST", body=bits)[0] == 404
    length = str(10**9)
    assert get(server, server.base + "csv", "POST", **{"Content-Length": length})[0] == 413


def test_a_run_that_was_replaced_is_not_mixed_with_the_map(view_run, tmp_path):
    """Rows of the map are not taken out of the lines of another run: a sentence instead."""
    run = shutil.copytree(view_run, tmp_path / "run")
    with serve(open_run(run), load_backend("cpu")) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        found = rows(running, "text", "夜歌")
        lines = pd.read_parquet(run / "lines.parquet")
        lines.iloc[::-1].to_parquet(tmp_path / "new.parquet", index=False)
        (tmp_path / "new.parquet").replace(run / "lines.parquet")
        status, said = get(
            running, f"{running.base}csv", "POST", body=b"\1" * (-(-len(lines) // 8))
        )
        assert (status, "another run" in said.decode()) == (422, True)
        assert "another run" in rows(running, "like", "0")[1]
        assert rows(running, "text", "夜歌") == found  # of the lines that the map holds
        running.shutdown()


def test_a_server_without_lyrics_answers_nothing_of_them(view_run):
    """No line is found, written or sent."""
    with serve(open_run(view_run), load_backend("cpu"), lyrics=False) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        for path in ("find?way=text&question=夜", "find?way=like&question=0", "part/text-0"):
            assert get(running, running.base + urllib.parse.quote(path, "?=&/"))[0] == 404
        assert get(running, f"{running.base}csv", "POST", body=b"\0")[0] == 404
        running.shutdown()
