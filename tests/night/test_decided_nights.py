"""Nights with decisions by hand and with names: what people and a model said goes on."""

import gzip
import json
from pathlib import Path

from rapids_rap.report.paper_text import methods
from rapids_rap.runs.run import open_run
from rapids_rap.runs.verify import find_faults
from rapids_rap.view.payload import build_payload
from tests.annotate.llm_server import is_choice, name, serving
from tests.conftest import rap
from tests.tiny_nights import tiny_night, write_songs

HEAD = "kind,id,decision,value,who,when\n"


def spend(*settings):
    """A night over the present songs: its outcome and the published run."""
    outcome = rap("nightly", *tiny_night(*settings))
    return outcome, open_run(Path("root/latest").resolve())


def test_decisions_hold_from_night_to_night(nights):
    """An edited file makes a night of its own, and the next one holds to it."""
    file = Path("decisions.csv")
    setting = f"input.decisions={file}"
    first = open_run(Path("root/latest").resolve())
    ids = sorted(first.clusters["cluster"])[1:]
    assert len(ids) >= 3
    rows = f"cluster,{ids[1]},merge,{ids[0]},LW,2026-11-02\n"
    rows += f"cluster,{ids[2]},name,人取的名,LW,2026-11-02\n"
    file.write_text(HEAD + rows, encoding="utf-8")
    outcome, second = spend(setting)
    assert outcome.code == 0, outcome.err
    assert "input.decisions" in outcome.out
    assert ids[1] not in set(second.clusters["cluster"])
    assert not second.night["clusters"]["merged"]
    assert not second.night["clusters"]["dead"]
    again, _ = spend(setting)
    assert "Nothing changed" in again.out + again.err
    write_songs(Path("lyrics"), 0, 12)
    outcome, third = spend(setting)
    assert outcome.code == 0, outcome.err
    assert not find_faults(third.path)
    assert third.names_of("cluster").get(ids[2]) == "人取的名"
    file.write_text(HEAD + "cluster,4000,exclude,,LW,2026-11-02\n", encoding="utf-8")
    outcome, last = spend(setting)
    assert outcome.code == 2
    assert "decisions.csv:2: id = 4000" in outcome.err
    assert last.path == third.path


def test_every_kind_of_decision_holds_for_three_nights_and_is_shown(nights):
    """Merged, split, excluded and named by id, with who and when, wherever the run is read."""
    file = Path("decisions.csv")
    ids = sorted(open_run(Path("root/latest").resolve()).clusters["cluster"])[1:]
    assert len(ids) >= 5
    into, gone, cut, out, called = ids[:5]
    theirs = {
        "merge": (gone, into),
        "split": (cut, 2),
        "exclude": (out, ""),
        "name": (called, "渡"),
    }
    themes = [own for own in open_run(Path("root/latest").resolve()).themes["theme"] if own >= 0]
    rows = [f"cluster,{own},{what},{value},LW,2026-11-02" for what, (own, value) in theirs.items()]
    rows += [f"theme,{own},name,江湖{own},ZH,2026-11-03" for own in themes]
    file.write_text(HEAD + "\n".join([*rows, ""]), "utf-8")
    parts = []
    for stop in (11, 12, 13):
        write_songs(Path("lyrics"), 0, stop)
        outcome, run = spend(f"input.decisions={file}")
        assert outcome.code == 0, outcome.err
        assert not find_faults(run.path)
        applied = run.decisions.set_index("decision")["applied"]
        there = set(run.clusters["cluster"])
        assert gone not in there
        told = run.clusters.set_index("cluster")["by_hand"].fillna("")
        for own, said in ((into, f"merged with {gone}"), (called, "named"), (out, "excluded")):
            assert own not in there or f"{said} (LW 2026-11-02)" in told[own].replace(
                " from tables", ""
            )
        if applied["split"] == "yes":
            parts.append(sorted(own for own in there if f"part of {cut}," in str(told[own])))
        assert out not in set(run.cluster_terms["cluster"]) | set(run.cluster_artists["cluster"])
        assert str(out) not in run.artist_clusters.columns
    assert len(parts) >= 2, "the cluster that is split is there in most nights"
    assert parts.count(parts[0]) == len(parts)  # the parts keep their ids
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert "LW 2026-11-02" in page
    assert "江湖" in page
    assert f"merged with {gone} (LW 2026-11-02)" in rap("summary", run.path, "--cluster", into).out
    header = build_payload(run).parts["header"]
    shown = json.loads(gzip.decompress(header))
    marked = {one["id"] for one in shown["clusters"] if one["name"].endswith("（人工）")}
    assert marked == {own for own in there if told[own]}
    left = set(run.themes["theme"]) & set(themes)
    assert left, "a theme that was named is there three nights later"
    names = {one["id"]: one["name"] for one in shown["themes"]}
    assert {own: names[own] for own in left} == {own: f"江湖{own}（人工）" for own in left}
    assert "LW, ZH decided by hand" in methods(run)
    outcome = rap("stability", run.path, "--subsamples", 10, "--backend", "cpu")
    assert outcome.code == 0, outcome.err
    assert not find_faults(run.path)
    again = open_run(run.path).clusters.set_index("cluster")["by_hand"].fillna("")
    assert again.equals(told)


def test_a_models_names_go_on(nights):
    """Named once, a cluster that is there again keeps its name; answers lie beside the store."""

    def answers(body):
        if is_choice(body):
            return '{"choice": "A"}'
        return name(f"名{'甲乙丙丁戊己庚辛'[len(asked) % 8]}{asked.append(body) or len(asked)}")

    asked = []
    with serving(answers) as server:
        outcome = rap("name", "root/latest", "--endpoint", server.url, "--backend", "cpu")
    assert outcome.code == 0, outcome.err
    assert Path("root/.names/answers.jsonl").exists()
    first = open_run(Path("root/latest").resolve())
    assert not find_faults(first.path)
    named = first.names[first.names["source"] == "model"]
    assert json.dumps(first.manifest["names"])
    write_songs(Path("lyrics"), 0, 12)
    outcome, second = spend()
    assert outcome.code == 0, outcome.err
    kept = second.manifest["identity"]
    for row in named.to_dict("records"):
        if row["id"] in kept[f"{row['kind']}s"]["kept"]:
            assert second.names_of(row["kind"])[row["id"]] == row["name"]
