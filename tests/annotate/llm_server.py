"""A small server that answers like an OpenAI-compatible one, well or badly.

`Server.answer` is what it says to a chat request: a function of the request's body that returns a
text, or a `Reply` for anything that is no ordinary completion.
"""

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Reply:
    """An answer beside the ordinary: its bytes, and how they are sent."""

    status: int = 200
    body: bytes = b""
    drip: float = 0  # seconds between its bytes
    hang: float = 0  # seconds before anything is sent
    length: int | None = None  # what the header claims, where that is not so


def completion(content, **changes):
    """The body of a chat completion, as vLLM and llama.cpp send it."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content},
        "finish_reason": "stop",
    }
    message = {k: changes.pop(k) for k in ("refusal",) if k in changes}
    choice["message"] |= message
    choice |= changes
    whole = {"id": "x", "object": "chat.completion", "model": "tiny", "choices": [choice]}
    return json.dumps(whole, ensure_ascii=False).encode()


@dataclass
class Server:
    """What was asked, and how it answers."""

    answer: object
    models: object = None
    asked: list = field(default_factory=list)
    headers: list = field(default_factory=list)
    url: str = ""

    @property
    def chats(self):
        """Bodies of chat requests, in order."""
        return [body for path, body in self.asked if path.endswith("/chat/completions")]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        own = self.server.own
        own.asked.append((self.path, None))
        models = own.models or {"object": "list", "data": [{"id": "tiny", "object": "model"}]}
        self._send(models if isinstance(models, Reply) else Reply(body=json.dumps(models).encode()))

    def do_POST(self):
        own = self.server.own
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        own.asked.append((self.path, body))
        own.headers.append(dict(self.headers))
        found = own.answer(body)
        self._send(found if isinstance(found, Reply) else Reply(body=completion(found)))

    def _send(self, reply):
        with contextlib.suppress(OSError):
            time.sleep(reply.hang)
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            length = len(reply.body) if reply.length is None else reply.length
            self.send_header("Content-Length", str(length))
            self.end_headers()
            if not reply.drip:
                self.wfile.write(reply.body)
                return
            for place in range(len(reply.body)):
                self.wfile.write(reply.body[place : place + 1])
                self.wfile.flush()
                time.sleep(reply.drip)

    def log_message(self, *_):
        """Nothing is printed."""


@contextlib.contextmanager
def serving(answer, **how):
    """A server on a free port of this machine."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    http.daemon_threads = True
    own = http.own = Server(answer, **how)
    own.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield own
    finally:
        http.shutdown()
        http.server_close()


def is_choice(body):
    """Whether a request asks for a line rather than for a name."""
    return "lines" in json.loads(body["messages"][1]["content"])


def data_of(body):
    """The JSON that a request shows."""
    return json.loads(body["messages"][1]["content"])


def name(text, gloss="A gloss", sentence="一句话。"):
    """An answer that names a group."""
    return json.dumps({"name": text, "gloss": gloss, "sentence": sentence}, ensure_ascii=False)
