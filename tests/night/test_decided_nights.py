"""Nights with decisions by hand and with names: what people and a model said goes on."""

import json
from pathlib import Path

from rapids_rap.runs.run import open_run
from rapids_rap.runs.verify import find_faults
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
