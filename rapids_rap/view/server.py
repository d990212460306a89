"""A small server for one reader: parts of one run, to whoever has the token in the address.

It answers on one address, for GET alone; nothing that is asked for becomes a path on the disk. Its
answers are of one origin and held by nobody; a name that is not its own (DNS rebinding) is refused.
"""

from __future__ import annotations

import http.server
import secrets
from collections.abc import Mapping
from typing import Any

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
_TOKEN_BYTES = 24
_PATIENCE = 30  # seconds for a request to be read


class ViewServer(http.server.ThreadingHTTPServer):
    """Serves a page and its parts under a token. `address` is where a browser opens it."""

    daemon_threads = True
    answers: Mapping[str, tuple[str, bytes]] = {}  # by path: content type and bytes

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
        names = self.server.names()
        if names and self.headers.get("Host", "") not in names:
            self._send(421, "text/plain", b"Not this server.\n")
            return
        kind, content = self.server.answers.get(self._asked(), ("", b""))
        if not kind:
            self._send(404, "text/plain", b"Not found.\n")
            return
        self._send(200, kind, content)

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
