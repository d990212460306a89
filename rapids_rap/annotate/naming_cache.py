"""What a model said, kept by the question, so that nothing is asked twice and a kill loses nothing.

One file of JSON lines, to which each answer is added as it comes. A line that was cut by a kill is
passed over.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from rapids_rap.errors import InputError
from rapids_rap.runs.files import digest, explain_os_errors, read_plain

FILE = "answers.jsonl"


class Answers:
    """The answers under `folder`, which the caller has locked. identity: of the model."""

    def __init__(self, folder: Path, identity: str) -> None:
        """Raises `InputError` where it can't be read or written."""
        self.path, self.identity = folder / FILE, identity
        self.asked = self.found = 0
        self._known: dict[str, str] = {}
        with explain_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        if self.path.is_symlink():
            raise InputError(f"{self.path}: is a link, which may lead to any file; remove it.")
        if self.path.exists():
            with explain_os_errors(self.path):
                text = read_plain(self.path).decode("utf-8", "replace")
            for line in text.split("\n"):
                with contextlib.suppress(ValueError, LookupError, TypeError, RecursionError):
                    row = json.loads(line)
                    if isinstance(row["key"], str) and isinstance(row["answer"], str):
                        self._known[row["key"]] = row["answer"]

    def get(self, question: object, ask: Callable[[], str]) -> str:
        """The answer to a question, asked where it is not kept. Raises what `ask` raises."""
        key = digest(json.dumps([self.identity, question], ensure_ascii=False, sort_keys=True))
        if key in self._known:
            self.found += 1
            return self._known[key]
        self.asked += 1
        answer = ask()
        self._known[key] = answer
        self._add(json.dumps({"key": key, "answer": answer}))
        return answer

    def _add(self, line: str) -> None:
        with explain_os_errors(self.path):
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
            with os.fdopen(descriptor, "r+b") as file:
                end = file.seek(0, os.SEEK_END)
                torn = False
                if end:
                    file.seek(end - 1)
                    torn = file.read(1) != b"\n"
                file.seek(end)
                file.write((b"\n" if torn else b"") + line.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
