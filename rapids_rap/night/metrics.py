"""The figures of the last night in Prometheus' text format, for its node exporter's collector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

PREFIX = "rapids_rap_nightly_"
_FIGURES = {
    "seconds": ("duration_seconds", "How long the last night that was made took."),
    "lines": ("lines", "Lines of the run."),
    "lines_new": ("lines_new", "Lines that the published run did not have."),
    "lines_gone": ("lines_gone", "Lines that only the published run had."),
    "texts": ("texts", "Distinct texts of the run."),
    "texts_new": ("texts_new", "Distinct texts that the published run did not have."),
    "texts_embedded": ("texts_embedded", "Distinct texts that were embedded."),
    "texts_gone": ("texts_gone", "Distinct texts that only the published run had."),
    "clusters": ("clusters", "Clusters of the run."),
    "themes": ("themes", "Themes of the run."),
    "noise_share": ("noise_share", "Share of lines in no cluster."),
    "agreement": ("agreement", "Share of layouts that agree on a line's cluster."),
    "stability": ("stability", "Mean recurrence of clusters on other songs."),
}
_CHANGES = ("kept", "born", "dead", "lost", "churned", "split", "merged")


def render_metrics(status: Mapping[str, Any]) -> str:
    """From what `status.json` holds; a figure that is not known is left out."""
    out: list[str] = []
    _add(
        out,
        "last_end_timestamp_seconds",
        "When the last night ended, well or not.",
        [("", status["ended"])],
    )
    if status.get("last_success") is not None:
        _add(
            out,
            "last_success_timestamp_seconds",
            "When a night last ended with exit code 0.",
            [("", status["last_success"])],
        )
    _add(out, "exit_code", "Exit code of the last night.", [("", status["exit_code"])])
    figures = status.get("figures", {})
    for key, (name, help_text) in _FIGURES.items():
        if key in figures:
            _add(out, name, help_text, [("", figures[key])])
    changes = [(k, figures[f"clusters_{k}"]) for k in _CHANGES if f"clusters_{k}" in figures]
    if changes:
        _add(
            out,
            "clusters_by_change",
            "Clusters by what became of them.",
            [(f'{{change="{name}"}}', number) for name, number in changes],
        )
    judged = [gate for gate in status.get("gates", ()) if gate["passed"] is not None]
    if judged:
        _add(
            out,
            "gate_passed",
            "1 where the gate let the night pass, 0 where it refused.",
            [(_gate(gate), int(gate["passed"])) for gate in judged],
        )
        _add(
            out,
            "gate_value",
            "What the gate measured.",
            [(_gate(gate), gate["value"]) for gate in judged],
        )
        _add(
            out,
            "gate_limit",
            "The worst value that still passes.",
            [(_gate(gate), gate["limit"]) for gate in judged],
        )
    return "\n".join(out) + "\n"


def _gate(gate: Mapping[str, Any]) -> str:
    return f'{{gate="{gate["gate"]}"}}'


def _add(out: list[str], name: str, help_text: str, samples: Iterable[tuple[str, float]]) -> None:
    out.append(f"# HELP {PREFIX}{name} {help_text}")
    out.append(f"# TYPE {PREFIX}{name} gauge")
    out += [f"{PREFIX}{name}{labels} {value}" for labels, value in samples]
