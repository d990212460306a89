"""A model behind an OpenAI-compatible endpoint: a local vLLM, llama.cpp or ollama.

Nothing is asked but the address that was named: no proxy of the environment, no redirect. A request
as a whole has a deadline, not each of its packets, and an answer has a largest size.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rapids_rap.annotate.naming_prompts import (
    CHOICE_SCHEMA,
    NAME_SCHEMA,
    Message,
    NoAnswerError,
    choice_messages,
)
from rapids_rap.annotate.naming_subjects import Question
from rapids_rap.errors import CapabilityError, InputError

log = logging.getLogger(__name__)

KEY = "RAPIDS_RAP_API_KEY"  # of an endpoint that wants one
LARGEST = 2**20  # bytes of an answer
NAME_TOKENS, CHOICE_TOKENS = 400, 40
ATTEMPTS = 3  # of a request that a busy or broken server turned away
_BUSY = (408, 425, 429, 500, 502, 503, 504)
_FORMATS = ("json_schema", "json_object", "none")  # of the answer, the strictest first
_NOT_KNOWN = (400, 404, 415, 422, 501)  # what servers say of a field that they do not know


@dataclass(frozen=True)
class Address:
    """Where requests go. base: the path, such as `/v1`."""

    secure: bool
    host: str
    port: int
    base: str

    @property
    def here(self) -> bool:
        """Whether it is this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_address(url: str) -> Address:
    """An endpoint as it was typed; without a path it is `/v1`. Raises `InputError`."""
    expected = "expected an address such as http://127.0.0.1:8000/v1"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InputError(f"--endpoint {url}: {error}; {expected}.") from None
    if parts.username or parts.password:
        raise InputError(f"--endpoint: holds a password; put the key into {KEY}; {expected}.")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise InputError(f"--endpoint {url}: {expected}.")
    if not (url.isascii() and url.isprintable() and " " not in url):
        raise InputError(f"--endpoint {url}: holds a character that no address has; {expected}.")
    secure = parts.scheme == "https"
    base = parts.path.rstrip("/") or "/v1"
    base = base.removesuffix("/chat/completions")
    return Address(secure, parts.hostname, port or (443 if secure else 80), base)


class Endpoint:
    """A model that a server holds.

    identity: what answers are kept under; described: for the manifest.
    """

    def __init__(
        self, url: str, served: str = "", *, timeout: float, remote: bool, pause: float = 1.0
    ) -> None:
        """served: the model's name there; empty: the first that the server lists.

        timeout: seconds a request. remote: whether it may be another machine. pause: seconds before
        a request that was turned away is repeated, doubled each time. Raises `InputError` for an
        address that is none, or elsewhere without leave; `CapabilityError` where nobody answers.
        """
        self.url, self.address = url, read_address(url)
        self.timeout, self.pause = timeout, pause
        if not self.address.here and not remote:
            raise InputError(
                f"--endpoint {url}: is another machine, and lines of lyrics would be sent there. "
                "If they may leave this one, say so with --remote."
            )
        self.format = 0
        self.served = served or self._first_model()
        self.identity = f"endpoint {self.served}"
        self.described: dict[str, Any] = {"endpoint": url, "model": self.served}

    def propose(self, messages: Sequence[Message]) -> str:
        """What it answers when asked for a name. Raises `NoAnswerError`, `CapabilityError`."""
        return self._ask(messages, NAME_SCHEMA, NAME_TOKENS)

    def choose(self, name: str, question: Question, wording: int) -> str:
        """What it answers when it is asked which line a name is of."""
        return self._ask(
            choice_messages(name, question.lines, wording), CHOICE_SCHEMA, CHOICE_TOKENS
        )

    def _ask(self, messages: Sequence[Message], schema: Mapping[str, Any], tokens: int) -> str:
        body: dict[str, Any] = {
            "model": self.served,
            "messages": list(messages),
            "temperature": 0,
            "seed": 0,
            "max_tokens": tokens,
            "stream": False,
        }
        while True:
            status, data = self._send("POST", "/chat/completions", body | self._format(schema))
            if status == 200:
                return read_completion(data)
            if status in _NOT_KNOWN and self.format + 1 < len(_FORMATS):
                log.info("%s takes no response_format %s", self.url, _FORMATS[self.format])
                self.format += 1
                continue
            raise CapabilityError(f"{self.url}: {_refusal(status, data)}")

    def _format(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        kind = _FORMATS[self.format]
        if kind == "none":
            return {}
        if kind == "json_object":
            return {"response_format": {"type": kind}}
        named = {"name": "answer", "strict": True, "schema": dict(schema)}
        return {"response_format": {"type": kind, "json_schema": named}}

    def _first_model(self) -> str:
        status, data = self._send("GET", "/models", None)
        try:
            if status != 200:
                raise ValueError
            name = json.loads(data)["data"][0]["id"]
        except (ValueError, LookupError, TypeError, RecursionError):
            name = None
        if not isinstance(name, str) or not name or not name.isprintable():
            raise CapabilityError(
                f"{self.url}: lists no model ({_refusal(status, data)}) Name it with --served NAME."
            )
        return name

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, bytes]:
        """Status and bytes of the answer; repeated where the server is busy or was silent."""
        said = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(self.pause * 2 ** (attempt - 1))
            try:
                status, data = self._send_once(method, path, body)
            except (OSError, http.client.HTTPException) as error:
                said = _told(error)
                if isinstance(error, TimeoutError):
                    said = f"gave no answer within {self.timeout:g} s"
                if isinstance(error, ConnectionRefusedError | socket.gaierror):
                    break
                continue
            if status not in _BUSY:
                return status, data
            said = _refusal(status, data)
        raise CapabilityError(
            f"{self.url}: {said.rstrip('.')}. What was answered before is kept; the same command "
            "goes on from there."
        )

    def _send_once(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> tuple[int, bytes]:
        kind = http.client.HTTPSConnection if self.address.secure else http.client.HTTPConnection
        connection = kind(self.address.host, self.address.port, timeout=self.timeout)
        late = threading.Event()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {os.environ[KEY]}"
        try:
            connection.connect()
            # A server that sends a byte now and then never lets a packet's timeout pass.
            clock = threading.Timer(self.timeout, _cut, (connection.sock, late))
            clock.daemon = True
            clock.start()
            try:
                data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
                connection.request(method, self.address.base + path, data, headers)
                answer = connection.getresponse()
                found = answer.read(LARGEST + 1)
            finally:
                clock.cancel()
            if late.is_set():
                raise TimeoutError
            return answer.status, found
        except (OSError, http.client.HTTPException, ValueError):
            if late.is_set():
                raise TimeoutError from None
            raise
        finally:
            connection.close()


def read_completion(data: bytes) -> str:
    """The text of a chat completion. Raises `NoAnswerError` for one that was cut or refused."""
    if len(data) > LARGEST:
        raise NoAnswerError(f"the answer is larger than {LARGEST // 2**20} MiB")
    try:
        choice = json.loads(data)["choices"][0]
        message, ended = choice["message"], choice.get("finish_reason")
        refusal, content = message.get("refusal"), message.get("content")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise NoAnswerError("the server's answer is no chat completion") from None
    if refusal or ended == "content_filter":
        raise NoAnswerError("the model refused")
    if ended == "length":
        raise NoAnswerError("the answer was cut")
    if not isinstance(content, str) or not content.strip():
        raise NoAnswerError("the answer is empty")
    return content


def _cut(connection: socket.socket, late: threading.Event) -> None:
    late.set()
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        connection.close()


def _told(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nobody answers there; start the server, or name another address"
    return f"can't be asked ({getattr(error, 'strerror', None) or type(error).__name__})"


def _refusal(status: int, data: bytes) -> str:
    """What a server said, in a sentence; of its own words only a harmless beginning."""
    words = " ".join(data[:2000].decode("utf-8", "replace").split())[:200]
    plain = "".join(c for c in words if c.isprintable())
    hint = f" It wants a key: put it into {KEY}." if status in (401, 403) else ""
    return f"the server answered {status} ({plain or 'nothing'}).{hint}"
