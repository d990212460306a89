"""The parity certificate: how far the GPU's results lie from the CPU's, part by part.

`make test-gpu` writes it on a machine with a GPU; `[report] certificate` shows it in a report. A
part that could not run there (RAPIDS not installed, say) stands in it as not run, and a certificate
with such a part is never more than incomplete.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from rapids_rap.errors import InputError
from rapids_rap.runs.files import read_plain, write_bytes

NAMES = ("parity.json", "parity.md")
Verdict = Literal["passed", "incomplete", "failed"]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


Number = Annotated[float | None, AfterValidator(_finite)]  # JSON has no NaN: it is null


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ParityFigure(_Part):
    """One comparison. `needed` is the demand in words, `passed` None where nothing is demanded."""

    part: str
    name: str
    value: Number
    needed: str = ""
    passed: bool | None = None
    note: str = ""


class Certificate(_Part):
    """What was compared, where and with what.

    parts: each part of the comparison with "ran", or "not run: " and why. versions: of the packages
    that took part. device, driver: as the driver names them.
    """

    schema_version: Literal[1] = 1
    created: str
    device: str
    compute_capability: str
    driver: str
    versions: dict[str, str]
    parts: dict[str, str]
    figures: tuple[ParityFigure, ...]

    @property
    def verdict(self) -> Verdict:
        """failed: a figure misses its demand; incomplete: a part or every figure is missing."""
        if any(figure.passed is False for figure in self.figures):
            return "failed"
        complete = self.figures and all(state == "ran" for state in self.parts.values())
        return "passed" if complete else "incomplete"


def write_certificate(folder: Path, certificate: Certificate) -> tuple[Path, Path]:
    """`parity.json` and `parity.md` in `folder`, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    json_path, text_path = (folder / name for name in NAMES)
    write_bytes(json_path, (certificate.model_dump_json(indent=2) + "\n").encode())
    write_bytes(text_path, render_markdown(certificate).encode())
    return json_path, text_path


def read_certificate(path: str | Path) -> Certificate:
    """The certificate in a `parity.json`. Raises `InputError` for a file that is not one."""
    try:
        return Certificate.model_validate_json(read_plain(Path(path)))
    except FileNotFoundError:
        raise InputError(
            f"report.certificate: {path}: no such file; `make test-gpu` writes a parity.json."
        ) from None
    except OSError as error:
        raise InputError(f"report.certificate: {path}: can't be read ({error}).") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(
            f"report.certificate: {path}: {field}: {first['msg'].lower()}; expected a parity.json "
            "as `make test-gpu` writes it."
        ) from None


def render_markdown(certificate: Certificate) -> str:
    """The certificate for people."""
    c = certificate
    head = [
        f"# GPU parity: {c.verdict}",
        "",
        f"{c.device} (compute capability {c.compute_capability or '?'}), driver {c.driver or '?'}, "
        f"{c.created}.",
        "",
        "Each figure compares the GPU backend with the CPU backend on the same input.",
        "",
    ]
    parts = _table(("part", "state"), [(name, state) for name, state in c.parts.items()])
    figures = _table(
        ("part", "figure", "value", "needed", "", "note"),
        [(f.part, f.name, number(f.value), f.needed, mark(f.passed), f.note) for f in c.figures],
    )
    versions = _table(("package", "version"), list(c.versions.items()))
    return "\n".join([*head, *parts, "", *figures, "", *versions, ""])


def number(value: float | None) -> str:
    """A figure in six digits, or a dash where it was not a number."""
    return "—" if value is None else f"{value:.6g}"


def mark(passed: bool | None) -> str:
    """How a figure fared, in a word; empty where nothing was demanded of it."""
    return "" if passed is None else "passed" if passed else "FAILED"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [columns, ["---"] * len(columns), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
