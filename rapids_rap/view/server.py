"""A small server for one reader: parts of one run, to whoever has the token in the address.

It answers on one address; nothing that is asked for becomes a path on the disk. Its answers are of
one origin and held by nobody; a name that is not its own (DNS rebinding) is refused.
"""

from __future__ import annotations

import http.server
import logging
import secrets
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from rapids_rap.errors import RapError

log = logging.getLogger(__name__)

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
_TOKEN_BYTES = 24
_PLAIN = "text/plain; charset=utf-8"
_PATIENCE = 30  # seconds for a request to be read
_MOST_BYTES = 64 * 2**20  # of what is sent: a bit a line

Answer = tuple[str, bytes]  # content type and bytes
Question = Callable[[Mapping[str, str], bytes], Answer]  # of the query's fields, and what was sent


class ViewServer(http.server.ThreadingHTTPServer):
    """Serves a page and its parts under a token. `address` is where a browser opens it.

    answers: by path what lies ready. questions: by path what is worked out; it may raise `RapError`
    with a sentence for the reader.
    """

    daemon_threads = True
    answers: Mapping[str, Answer] = {}
    questions: Mapping[str, Question] = {}

    def __init__(self, host: str, port: int) -> None:
        super().__init__((host, port), _Handler)
        self.token = secrets.token_urlsafe(_TOKEN_BYTES)

    @property
    def base(self) -> str:
        """The path under which everything is."""
        return f"/{self.token}/"

    @property
    def address(self) -> str:
        """The whole address, with the token."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}{self.base}"

    def names(self) -> set[str]:
        """What a browser may call this server by; any name where it listens on all addresses."""
        host, port = self.server_address[:2]
        if str(host) in ("0.0.0.0", "::"):
            return set()
        own = {f"{host!s}:{port}"}
        return own | ({f"localhost:{port}"} if str(host) == "127.0.0.1" else set())


class _Handler(http.server.BaseHTTPRequestHandler):
    server: ViewServer
    server_version = "rapids-rap"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE

    def do_GET(self) -> None:
        """Answers one of the known paths, 404 to anything else, token or not."""
        self._answer(b"")

    def do_POST(self) -> None:
        """The same, for a question that sends which lines are picked."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MOST_BYTES:
            self.close_connection = True
            self._send(413, _PLAIN, b"Too much.\n")
            return
        self._answer(self.rfile.read(int(length)))

    def _answer(self, sent: bytes) -> None:
        names = self.server.names()
        if names and self.headers.get("Host", "") not in names:
            self._send(421, _PLAIN, b"Not this server.\n")
            return
        asked = self._asked()
        if not sent and asked in self.server.answers:
            self._send(200, *self.server.answers[asked])
        elif asked in self.server.questions:
            self._work_out(self.server.questions[asked], sent)
        else:
            self._send(404, _PLAIN, b"Not found.\n")

    def _work_out(self, question: Question, sent: bytes) -> None:
        """A question's answer; a sentence with 422 where there is none."""
        query = self.path.partition("?")[2]
        fields = dict(urllib.parse.parse_qsl(query, keep_blank_values=True, max_num_fields=8))
        try:
            answer = question(fields, sent)
        except RapError as error:
            self._send(422, _PLAIN, str(error).encode("utf-8", "replace"))
        except Exception:
            log.exception("A question to the map could not be answered.")
            self._send(500, _PLAIN, b"An error; the terminal says which.\n")
        else:
            self._send(200, *answer)

    def _asked(self) -> str:
        """What is asked for below the token, "?" for whoever has not got it."""
        path = self.path.partition("?")[0]
        base = self.server.base
        head = path[: len(base)].encode("utf-8", "replace")
        known = secrets.compare_digest(head, base.encode())
        return path[len(base) :] if known else "?"

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing: an address with its token belongs into no log."""
