"""What a night says of itself: `nightly.json`, and the sentences the terminal shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rapids_rap.config import NightlyConfig
from rapids_rap.lineage.heritage import found_texts
from rapids_rap.night import drift, gates
from rapids_rap.night.basis import InputChanges
from rapids_rap.night.churn import changed_clusters
from rapids_rap.night.readback import RecordFile, check_fields, read_table
from rapids_rap.quality.figures import Figure, top_figures
from rapids_rap.runs.names import NIGHT
from rapids_rap.runs.run import Run
from rapids_rap.tables.doubts import firmness, mean_agreement

SCHEMA_VERSION = 1
RETRIEVAL = "next_line_retrieval"  # what a gate judges
_LISTED = 8  # names or numbers that a sentence lists before it only counts
Record = Mapping[str, Any]


@dataclass(frozen=True)
class NightContext:
    """Of which night the record is: names, and what led to it.

    number: its place in the order of nights. previous: the name of the published night, empty for
    none. changes: of the basis, a clause each.
    """

    name: str
    number: int
    previous: str
    started: str
    seconds: float
    command: str
    inputs: InputChanges
    changes: Sequence[str]
    basis: Mapping[str, Any]


def make_record(
    context: NightContext, before: Run | None, built: Run, limits: NightlyConfig
) -> dict[str, Any]:
    """`nightly.json` of a run that was built, its gates judged against the published one."""
    identity, counts = built.manifest["identity"], built.manifest["counts"]
    flow = drift.flow_of(before.lines if before else None, built.lines)
    now = drift.figures_of(built.quality)
    old = drift.figures_of(before.quality) if before else {}
    apart = _apart(before, built)
    grown = (
        drift.grown_clusters(
            drift.texts_by_cluster(found_texts(before)),
            drift.texts_by_cluster(found_texts(built)),
            limits.false_discovery,
        )
        if before
        else []
    )
    verdicts = gates.judge(_facts(built), _change(before, built, flow), limits)
    return {
        "schema_version": SCHEMA_VERSION,
        "name": context.name,
        "number": context.number,
        "previous": context.previous or None,
        "published": not gates.failed(verdicts),
        "started": context.started,
        "seconds": round(context.seconds, 3),
        "command": context.command,
        "inputs": asdict(context.inputs),
        "changes": list(context.changes),
        "texts": {
            "total": flow.texts,
            "new": flow.texts_new,
            "embedded": built.manifest["model"]["embedded"],
            "gone": flow.texts_gone,
        },
        "lines": {
            "total": flow.lines,
            "before": flow.lines_before if before else None,
            "new": flow.lines_new,
            "gone": flow.lines_gone,
        },
        "noise_share": counts["noise_lines"] / counts["kept"],
        "agreement": mean_agreement(built.clusters, built.manifest),
        "stability": now.get("stability"),
        "clusters": {
            "total": counts["clusters"],
            **identity["clusters"],
            **changed_clusters(before, built),
        },
        "themes": {"total": counts["themes"], **identity["themes"]},
        "unused_labels": identity["unused_labels"],
        "drift": drift.report(
            flow, grown, drift.compare_figures(old, now, apart), limits.false_discovery
        ),
        "gates": gates.as_json(verdicts),
        "basis": dict(context.basis),
    }


def record_of(run: Run, root: Path) -> Record | None:
    """nightly.json of an earlier run; None where the run was not made by a night.

    Raises `InputError` naming the field where it isn't as nights write it.
    """
    path = run.path / NIGHT
    if not path.exists():
        return None
    way_on = f"Restore the run, or return to another with `rapids-rap rollback {root} NAME`."
    table = read_table(path, way_on)
    check_fields(RecordFile, table, path, way_on)
    return table


def _facts(run: Run) -> gates.Facts:
    counts, figures = run.manifest["counts"], drift.figures_of(run.quality)
    by_hand = run.manifest.get("by_hand")
    return gates.Facts(
        clusters=len(by_hand["found"]) if by_hand else counts["clusters"],
        noise=counts["noise_lines"] / counts["kept"],
        retrieval=figures.get(RETRIEVAL),
        dbcv=figures.get("dbcv"),
        meaning=_interval(run, "meaning.lexicon"),
        stability=_interval(run, "stability"),
        agreement=mean_agreement(run.clusters, run.manifest),
    )


def _interval(run: Run, key: str) -> Sequence[float] | None:
    return top_figures(run.quality).get(key, Figure(None)).interval


def _apart(before: Run | None, built: Run) -> frozenset[str]:
    if before is None:
        return frozenset()
    old, new = (run.manifest["model"].get("fingerprint") for run in (before, built))
    return drift.on_other_songs(before.quality, built.quality, same_model=old == new)


def _change(before: Run | None, built: Run, flow: drift.Flow) -> gates.Change | None:
    if before is None:
        return None
    kept = set(built.manifest["identity"]["clusters"]["kept"])
    firm = firmness(before.clusters, before.manifest)
    by_hand = before.manifest.get("by_hand")
    if by_hand:  # what people made of clusters is not what a night keeps or loses
        firm = {own: firm.get(own, 1.0) for own in by_hand["found"]}
    there = sum(firm.values())
    return gates.Change(
        before=_facts(before),
        lines_lost=flow.lines_gone / flow.lines_before if flow.lines_before else 0.0,
        ids_kept=sum(firm[own] for own in kept & firm.keys()) / there if there else None,
        other_songs=RETRIEVAL in _apart(before, built),
    )


def sentences(record: Record) -> list[str]:
    """The record for reading, a line each."""
    inputs, texts, lines = record["inputs"], record["texts"], record["lines"]
    before = record["previous"]
    said = [
        f"Night {record['name']}, " + (f"after {before}:" if before else "the first:"),
        "  inputs: "
        + ", ".join(
            [
                *(f"{len(inputs[k])} {k}" for k in ("new", "changed", "removed")),
                f"{inputs['unchanged']} unchanged",
            ]
        ),
        *(f"  changed: {change}" for change in record["changes"]),
        f"  lines: {lines['total']:,}, {lines['new']:,} new, {lines['gone']:,} gone",
        f"  texts: {texts['total']:,}, {texts['new']:,} new, {texts['gone']:,} gone, "
        f"{texts['embedded']:,} embedded",
        _groups("clusters", record["clusters"]),
        _groups("themes", record["themes"]),
        f"  noise: {record['noise_share']:.1%} of lines",
        *(
            f"  {name}: {record[name]:.3f} ({meaning})"
            for name, meaning in (
                ("agreement", "share of layouts that agree on a line's cluster"),
                ("stability", "recurrence of clusters on other songs"),
            )
            if record.get(name) is not None
        ),
    ]
    said += _drift(record["drift"])
    said += [
        f"  label not used: {row['label']} ({row['kind']} {row['id']} is gone)"
        for row in record["unused_labels"]
    ]
    return said + [_gate(gate) for gate in record["gates"] if gate["passed"] is not None]


def _groups(kind: str, groups: Mapping[str, Any]) -> str:
    parts = [f"{len(groups['kept'])} kept"]
    churn = groups.get("churned")  # nights of earlier versions don't tell it from loss
    names = ("born", "dead") if churn is None else ("born", "lost", "churned")
    parts += [f"{name} {_listed(groups[name])}" for name in names if groups[name]]
    parts += [
        f"{s['cluster' if kind == 'clusters' else 'theme']} split into {_listed(s['into'])}"
        for s in groups["split"]
    ]
    parts += [f"{_listed(m[kind])} merged into {m['into']}" for m in groups["merged"]]
    return f"  {kind}: {groups['total']}, {', '.join(parts)}"


def _listed(ids: Sequence[int]) -> str:
    more = len(ids) - _LISTED
    return " ".join(map(str, ids[:_LISTED])) + (f" and {more} more" if more > 0 else "")


def _drift(found: Mapping[str, Any]) -> list[str]:
    said = []
    for growth in found["beyond_chance"][:_LISTED]:
        verb = "grew" if growth["effect"] > 0 else "shrank"
        said.append(
            f"  cluster {growth['cluster']} {verb} beyond chance: {growth['before']:,} → "
            f"{growth['now']:,} texts (share × {growth['ratio']:.2f})"
        )
    more = len(found["beyond_chance"]) - _LISTED
    return said + ([f"  and {more} clusters more, in nightly.json"] if more > 0 else [])


def _gate(gate: Mapping[str, Any]) -> str:
    verdict = "passed" if gate["passed"] else "FAILED"
    return f"  gate {gate['gate']}: {verdict}, {gate['value']:.3g} ({gate['why']})"


def figures(record: Record) -> dict[str, float]:
    """The numbers that monitoring keeps."""
    numbers: dict[str, float] = {
        "seconds": record["seconds"],
        "lines": record["lines"]["total"],
        "lines_new": record["lines"]["new"],
        "lines_gone": record["lines"]["gone"],
        "texts": record["texts"]["total"],
        "texts_new": record["texts"]["new"],
        "texts_embedded": record["texts"]["embedded"],
        "texts_gone": record["texts"]["gone"],
        "clusters": record["clusters"]["total"],
        "themes": record["themes"]["total"],
        "noise_share": record["noise_share"],
    }
    for name in ("kept", "born", "dead", "split", "merged"):
        numbers[f"clusters_{name}"] = len(record["clusters"][name])
    for name in ("lost", "churned"):  # since clusters in doubt are told apart
        if name in record["clusters"]:
            numbers[f"clusters_{name}"] = len(record["clusters"][name])
    for name in ("agreement", "stability"):
        if record.get(name) is not None:
            numbers[name] = record[name]
    return numbers


def figures_of_rest(record: Record) -> dict[str, float]:
    """`figures` of a night on which the published run stayed: nothing came, nothing went."""
    still = ("lines_new", "lines_gone", "texts_new", "texts_embedded", "texts_gone")
    changes = ("born", "dead", "split", "merged", "lost", "churned")
    kept = {"clusters_kept": record["clusters"]["total"]}
    return (
        figures(record)
        | dict.fromkeys(still, 0)
        | {f"clusters_{name}": 0 for name in changes}
        | kept
    )
