"""A server that is slow, silent, foreign or broken ends the command with a sentence."""

import pytest

from rapids_rap.annotate.naming_endpoint import Endpoint, read_address
from rapids_rap.annotate.naming_prompts import NoAnswerError
from rapids_rap.errors import CapabilityError, InputError
from tests.annotate.llm_server import Reply, completion, serving

ASKED = ({"role": "user", "content": "x"},)


def ask(server, **how):
    """What an endpoint says to one conversation."""
    options = {"timeout": 5.0, "remote": False, "pause": 0.0} | how
    return Endpoint(server.url, **options).propose(ASKED)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(hang=30, body=completion("late")),
        Reply(drip=0.2, body=completion("one byte now and then")),
        Reply(body=b"", length=1000, hang=0),
    ],
)
def test_a_silent_server_is_not_waited_for(reply):
    """The whole request has a deadline, also where bytes keep coming."""
    with serving(lambda body: reply) as server, pytest.raises((CapabilityError, NoAnswerError)):
        ask(server, timeout=0.4)


def test_a_busy_server_is_asked_again():
    """429 and 503 are passed over twice."""
    replies = iter([Reply(status=429), Reply(status=503), "well"])
    with serving(lambda body: next(replies)) as server:
        assert ask(server) == "well"


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_without_schemas_is_asked_without(status):
    """A server that does not know `response_format` is asked for plain JSON, then for nothing."""

    def answer(body):
        return Reply(status=status) if "response_format" in body else "plain"

    with serving(answer) as server:
        assert ask(server) == "plain"
    kinds = [body.get("response_format", {}).get("type") for body in server.chats]
    assert kinds == ["json_schema", "json_object", None]


def test_a_key_is_sent_only_where_there_is_one(monkeypatch):
    """It comes from the environment, and stands in no message."""
    monkeypatch.setenv("RAPIDS_RAP_API_KEY", "s3cret")
    with serving(lambda body: Reply(status=401, body=b"who are you?")) as server:
        with pytest.raises(CapabilityError) as told:
            ask(server)
        assert "401" in str(told.value)
        assert "s3cret" not in str(told.value)
    assert server.headers[0]["Authorization"] == "Bearer s3cret"


def test_no_redirect_and_no_proxy_is_followed(monkeypatch):
    """Lines go to the address that was named, and nowhere else."""
    with serving(lambda body: "elsewhere") as other:
        monkeypatch.setenv("http_proxy", other.url)
        moved = Reply(status=302, body=b"moved")
        with serving(lambda body: moved) as server, pytest.raises(CapabilityError, match="302"):
            ask(server)
        assert not other.asked


def test_another_machine_needs_leave():
    """Lyrics leave this machine only where somebody says so."""
    with pytest.raises(InputError, match="--remote"):
        Endpoint("http://gpu.example:8000/v1", timeout=1, remote=False)


def test_nobody_there_is_told():
    """A port without a server is a sentence at once."""
    with pytest.raises(CapabilityError, match="nobody answers there"):
        Endpoint("http://127.0.0.1:9/v1", timeout=5, remote=False, pause=0)


@pytest.mark.parametrize("models", [{"data": []}, {"error": "none"}, Reply(status=404)])
def test_a_server_that_lists_no_model_is_told(models):
    """Then --served names it."""
    with serving(lambda body: "x", models=models) as server:
        with pytest.raises(CapabilityError, match="--served"):
            ask(server)
        assert ask(server, served="mine") == "x"


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000",
        "ftp://127.0.0.1",
        "http://",
        "http://u:p@127.0.0.1/v1",
        "http://127.0.0.1:99999/v1",
        "http://127.0.0.1/v1?x=1",
        "http://127.0.0.1/v1\r\nX: y",
        "http://[::1",
    ],
)
def test_an_address_that_is_none_is_told(url):
    """An example stands beside what is wrong, and no password is repeated."""
    with pytest.raises(InputError, match=r"http://127\.0\.0\.1:8000/v1") as told:
        read_address(url)
    assert "u:p" not in str(told.value)


@pytest.mark.parametrize(
    ("url", "base", "here"),
    [
        ("http://127.0.0.1:8000", "/v1", True),
        ("http://localhost:11434/v1/", "/v1", True),
        ("http://[::1]:8080/v1/chat/completions", "/v1", True),
        ("https://models.example/api/v1", "/api/v1", False),
        ("http://127.0.0.1.example/v1", "/v1", False),
    ],
)
def test_addresses_as_people_type_them(url, base, here):
    """With or without /v1, of this machine or another."""
    found = read_address(url)
    assert (found.base, found.here) == (base, here)
