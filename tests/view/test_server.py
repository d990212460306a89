import gzip
import http.client
import threading

import pytest

from rapids_rap.backend import load_backend
from rapids_rap.runs.run import open_run
from rapids_rap.view.view import serve


@pytest.fixture
def server(view_run):
    with serve(open_run(view_run), load_backend("cpu")) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def get(server, path, method="GET", **headers):
    connection = http.client.HTTPConnection(*server.server_address, timeout=10)
    connection.request(method, path, headers=headers)
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
