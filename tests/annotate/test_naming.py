"""Names by a language model: asked, tested, kept, thrown out, written into the run."""

import json
import resource

import pandas as pd
import pytest

from rapids_rap.annotate.naming_prompts import LETTERS
from rapids_rap.annotate.naming_subjects import find_subjects
from rapids_rap.backend import load_backend
from rapids_rap.reading.run_space import stored_vectors
from rapids_rap.runs.run import open_run
from rapids_rap.runs.verify import find_faults
from tests.annotate.llm_server import Reply, data_of, is_choice, name, serving
from tests.conftest import rap


class Oracle:
    """A model that knows which line is of which cluster, and calls each by its medoids."""

    def __init__(self, run):
        lines = open_run(run).lines.drop_duplicates("text_id")
        self.cluster = dict(zip(lines["text_norm"], lines["cluster"], strict=True))
        self.theme = dict(zip(lines["text_norm"], lines["theme"], strict=True))
        self.called = {}

    def __call__(self, body):
        data = data_of(body)
        if is_choice(body):
            return json.dumps({"choice": self.choose(body, list(data["lines"].values()))})
        return name(self.call(data["medoids"] + data["boundary"]))

    def call(self, lines):
        clusters = {self.cluster[line] for line in lines}
        kind, own = ("类", clusters.pop()) if len(clusters) == 1 else ("题", self.theme[lines[0]])
        text = f"{kind}{'甲乙丙丁戊己庚辛壬癸'[own % 10]}{'子丑寅卯'[own // 10]}"
        self.called[text] = (kind, own)
        return text

    def choose(self, body, lines):
        asked = body["messages"][0]["content"]
        for text, (kind, own) in self.called.items():
            if text in asked:
                known = self.cluster if kind == "类" else self.theme
                return next(
                    (x for x, y in zip(LETTERS, lines, strict=False) if known[y] == own), "A"
                )
        return "A"  # for a name that says nothing, such as the terms


def named(run, answer, *arguments, **how):
    """`rapids-rap name` against a server that answers so: the outcome, the table, the server."""
    with serving(answer, **how) as server:
        outcome = rap("name", run, "--endpoint", server.url, "--backend", "cpu", *arguments)
    table = open_run(run).names if outcome.code == 0 else None
    return outcome, table, server


def test_names_that_find_their_lines_are_kept_and_shown(run):
    """A model that knows the clusters names them all; every reader of the run sees the names."""
    outcome, table, server = named(run, Oracle(run))
    assert outcome.code == 0, outcome.err
    assert not find_faults(run)
    opened = open_run(run)
    own = table[table["source"] == "model"]
    assert len(own) == len(table) == len(opened.clusters) - 1 + len(opened.themes) - 1
    tested = own[own["tested"].notna()]
    assert len(tested) > 10
    assert (tested["tested"] == 1.0).all()
    assert (tested["low"] > 0.25).all()
    record = opened.manifest["names"]
    assert record["right"] == 1.0
    assert record["right_terms"] < 0.5 < record["adds"]
    assert record["model"]["model"] == "tiny"
    first = opened.names_of("cluster")[0]
    page = (run / "report.html").read_text(encoding="utf-8")
    assert first in page
    assert "模型 model 1.00" in page
    assert first in rap("summary", run).out
    assert "Name:" in rap("summary", run, "--cluster", 0).out
    out = run.parent / "lines.parquet"
    assert rap("export", run, "--cluster", 0, "--format", "parquet", "--out", out).code == 0
    exported = pd.read_parquet(out)
    assert (exported["name"] == first).all()
    assert (exported["name_source"] == "model").all()
    themes = opened.themes[opened.themes["theme"] >= 0]
    assert themes["label"].tolist() == [opened.names_of("theme")[k] for k in themes["theme"]]
    assert (opened.themes.loc[opened.themes["theme"] == -1, "label"] == "噪声").all()
    shown = [(body["temperature"], "response_format" in body) for body in server.chats]
    assert set(shown) == {(0, True)}


def test_nothing_is_asked_twice(run):
    """The same command again asks no question, and writes the same table."""
    oracle = Oracle(run)
    _, first, server = named(run, oracle)
    asked = len(server.chats)
    _, second, server = named(run, oracle)
    assert asked
    assert not server.chats
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize("most", [0, 20_000, 60_000])
def test_a_full_disk_is_a_sentence_and_leaves_the_run_whole(run, most):
    """Where no file may grow beyond so many bytes; no answer that was written is asked again."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    oracle = Oracle(run)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        outcome, _, server = named(run, oracle)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (outcome.code, "no room" in outcome.err) == (3, True), outcome.err
    assert not find_faults(run)
    assert "names" not in open_run(run).manifest
    assert not list(run.rglob("*.partial"))
    again, _, later = named(run, oracle)
    assert again.code == 0, again.err
    asked = [{json.dumps(body["messages"]) for body in one.chats} for one in (server, later)]
    assert len(asked[0] & asked[1]) <= 1


def test_a_kill_loses_nothing(run):
    """What was answered before the server died is not asked again."""
    oracle, count = Oracle(run), 0

    def dies(body):
        nonlocal count
        count += 1
        return Reply(status=500, body=b"boom") if count > 20 else oracle(body)

    with serving(dies) as server:
        from rapids_rap.annotate import naming_endpoint

        before = naming_endpoint.ATTEMPTS
        naming_endpoint.ATTEMPTS = 1
        outcome = rap("name", run, "--endpoint", server.url, "--backend", "cpu")
        naming_endpoint.ATTEMPTS = before
    assert outcome.code == 3
    assert "500" in outcome.err
    assert "kept" in outcome.err
    assert not find_faults(run)
    assert "names" not in open_run(run).manifest
    kept = len((run / ".names" / "answers.jsonl").read_text().splitlines())
    assert kept == 20
    with (run / ".names" / "answers.jsonl").open("a") as file:
        file.write('{"key": "torn')
    outcome, _, server = named(run, oracle)
    assert outcome.code == 0
    firsts = {json.dumps(body["messages"]) for body in server.chats}
    assert len(firsts) == len(server.chats)
    again, _, later = named(run, oracle)
    assert again.code == 0
    assert not later.chats


def test_a_name_that_says_nothing_falls_back_to_terms(run):
    """A model that answers alike to everything names nothing, and the table says why."""

    def blind(body):
        return '{"choice": "A"}' if is_choice(body) else name(f"名{len(data_of(body)['terms'])}")

    outcome, table, _ = named(run, blind)
    assert outcome.code == 0
    tested = table[table["tested"].notna()]
    assert (tested["source"] == "terms").all()
    assert tested["note"].str.startswith("fell back to terms:").all()
    assert tested["note"].str.contains("medoid: ").all()
    assert "fell back" in rap("summary", run, "--cluster", 0).out


def test_a_model_that_names_nothing_is_told_as_that(run):
    """Songs were there to test names by; what lacked was a name."""
    outcome, table, _ = named(run, lambda body: '{"choice": "A"}' if is_choice(body) else "sorry")
    assert outcome.code == 0
    assert (table["source"] == "terms").all()
    assert "No name came to be tested." in outcome.out
    assert "that needs songs" not in outcome.out
    assert "没有可检验的名称。" in (run / "report.html").read_text(encoding="utf-8")


def test_people_win(run):
    """A label of people stays whatever the model says, and is never asked for."""
    (run / "labels.csv").write_text("kind,id,label\ncluster,0,人取的名\n", encoding="utf-8")
    manifest = json.loads((run / "manifest.json").read_text())
    from rapids_rap.runs.files import sha256_file
    from rapids_rap.runs.seal import write_manifest

    file = run / "labels.csv"
    manifest["files"]["labels.csv"] = {"bytes": file.stat().st_size, "sha256": sha256_file(file)}
    (run / "names.csv").unlink()
    del manifest["files"]["names.csv"]  # a run from before names
    write_manifest(run, manifest)
    oracle = Oracle(run)
    _, table, _ = named(run, oracle)
    row = table[(table["kind"] == "cluster") & (table["id"] == 0)].iloc[0]
    assert (row["name"], row["source"]) == ("人取的名", "person")
    assert ("类", 0) not in oracle.called.values()


def test_a_name_stays_and_a_change_is_proposed(run):
    """Another model's names are proposed in the note; --accept takes them."""
    oracle = Oracle(run)
    _, first, _ = named(run, oracle)

    class Other(Oracle):
        def call(self, lines):
            return super().call(lines) + "新"

    other = Other(run)
    other.called = dict(oracle.called)  # it knows the names that are there, too
    _, second, _ = named(run, other, "--served", "other")
    models = second["source"] == "model"
    assert second.loc[models, "name"].tolist() == first.loc[models, "name"].tolist()
    assert second.loc[models, "note"].str.contains("proposed: ").all()
    _, third, _ = named(run, other, "--served", "other", "--accept")
    assert third.loc[third["source"] == "model", "name"].str.endswith("新").all()


def test_one_name_for_two_is_asked_once_more(run):
    """Two groups of one name are told apart, or the smaller one falls back and says so."""
    oracle = Oracle(run)

    def twins(body):
        if is_choice(body):
            return oracle(body)
        asked = body["messages"][0]["content"]
        own = json.loads(oracle(body))["name"]
        if own in ("类甲子", "类乙子", "类丙子") and "也被另一组用了" not in asked:
            return name("同名")
        return name("同名") if own == "类丙子" else name(own)

    _, table, _ = named(run, twins, "--tests", 3)
    names = table.loc[table["source"] == "model", "name"]
    assert not names.duplicated().any()
    assert {"类甲子", "类乙子"} <= set(names) or table["note"].str.contains("fell back").any()


def test_a_hostile_line_reaches_no_other_cluster(run):
    """What a cluster's lines made a model say stands in no other cluster's question."""
    oracle = Oracle(run)
    secret = "叛变"

    def captured(body):
        if is_choice(body):
            return oracle(body)
        data = data_of(body)
        own = oracle.call(data["medoids"] + data["boundary"])
        return name(secret if own == "类甲子" else own)

    _, _, server = named(run, captured)
    asked = [body for body in server.chats if not is_choice(body)]
    assert asked
    assert not any(secret in json.dumps(b, ensure_ascii=False) for b in asked)
    for body in asked:  # lyrics stand in the user's message alone, as JSON
        system, user = body["messages"]
        assert set(json.loads(user["content"])) == {"terms", "medoids", "boundary", "contrast"}
        assert not any(line in system["content"] for line in json.loads(user["content"])["medoids"])


def test_lines_are_of_different_songs_and_the_test_of_unseen_ones(run):
    """No song gives two medoids while songs last, and no line of a test is of a shown song."""
    opened, backend = open_run(run), load_backend("cpu")
    subjects = find_subjects(opened, stored_vectors(opened, backend), 12, 42, backend)
    first = opened.lines.drop_duplicates("text_id")
    song = dict(zip(first["text_norm"], first["song_id"], strict=True))
    cluster = dict(zip(first["text_norm"], first["cluster"], strict=True))
    assert len(subjects) > 20
    for one in subjects:
        shown = {song[line] for line in (*one.medoids, *one.boundary)}
        if one.kind == "cluster":
            assert all(cluster[line] == one.id for line in (*one.medoids, *one.boundary))
        for question in one.questions:
            assert song[question.lines[question.right]] not in shown
            wrong = [x for i, x in enumerate(question.lines) if i != question.right]
            if one.kind == "cluster":
                assert one.id not in {cluster[line] for line in wrong}
        assert bool(one.untested) != bool(one.questions)
    again = find_subjects(opened, stored_vectors(opened, backend), 12, 42, backend)
    assert again == subjects


def test_without_a_model_nothing_is_asked(run):
    """Names are off until a model is named; two at once are refused as well."""
    for arguments in ((), ("--endpoint", "http://127.0.0.1:1", "--model", run)):
        outcome = rap("name", run, *arguments)
        assert outcome.code == 2
        assert "--endpoint URL" in outcome.err


def test_the_wrong_folder_and_an_encoder_are_told(run, tmp_path):
    """Neither an empty folder nor an encoder writes names."""
    (tmp_path / "empty").mkdir()
    outcome = rap("name", run, "--model", tmp_path / "empty", "--backend", "cpu")
    assert outcome.code == 2
    assert "config.json" in outcome.err


def test_plain_text_is_named_and_not_tested(tmp_path):
    """Without songs no name is tested, and each row says so."""
    from tests.conftest import LYRICS

    text = "\n".join(
        line
        for path in sorted(LYRICS.glob("*.txt"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line and "：" not in line
    )
    (tmp_path / "plain.csv").write_text("text\n" + text, encoding="utf-8")
    out = tmp_path / "run"
    how = ("--model", "demo", "--backend", "cpu", "--limit", 400, "--set", "maps.width=600")
    assert rap("run", tmp_path / "plain.csv", "--out", out, *how).code == 0
    outcome, table, server = named(out, lambda body: name(f"名{len(server_names(body))}"))
    assert outcome.code == 0, outcome.err
    assert table["tested"].isna().all()
    assert not any(is_choice(body) for body in server.chats)
    assert table["note"].str.contains("no songs known|is another").all()
    assert "Their names were not tested: that needs songs" in outcome.out


def server_names(body):
    """Something of a request that differs between groups."""
    return data_of(body)["medoids"][0]
