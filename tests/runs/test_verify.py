"""Verification finds every damage that a disk, a copy or a person does to a run."""

import json
import shutil

import pandas as pd
import pytest

from rapids_rap.runs.files import sha256_file
from rapids_rap.runs.run import open_run
from rapids_rap.runs.seal import write_manifest
from rapids_rap.runs.verify import find_faults, find_remarks
from tests.conftest import rap


@pytest.fixture
def run(two_nights, tmp_path):
    """A copy of a night's run."""
    return shutil.copytree(two_nights / "root" / "latest", tmp_path / "run")


def rewrite(run, change):
    """Change manifest.json by a function, as somebody would who knows the format."""
    manifest = json.loads((run / "manifest.json").read_text())
    change(manifest)
    write_manifest(run, manifest)


def vouch(run, name):
    """Make the manifest vouch for a file as it now is."""
    entry = {"bytes": (run / name).stat().st_size, "sha256": sha256_file(run / name)}
    rewrite(run, lambda manifest: manifest["files"].update({name: entry}))


def test_a_whole_run_has_no_fault(run, sample_run):
    """Nights and ordinary runs pass; the command says so and exits 0."""
    assert find_faults(run) == []
    assert find_faults(sample_run) == []
    outcome = rap("verify", run)
    assert outcome.code == 0
    assert "whole" in outcome.out


def test_every_listed_file_is_checked(run):
    """A flipped byte in any file is found and the file named; the command exits 2."""
    for name in open_run(run).manifest["files"]:
        whole = (run / name).read_bytes()
        (run / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        (fault,) = find_faults(run)
        assert str(run / name) in fault
        (run / name).write_bytes(whole)
    (run / "themes.csv").unlink()
    (run / "quality.json").write_text("{}")
    outcome = rap("verify", run)
    assert outcome.code == 2
    assert "themes.csv" in outcome.out + outcome.err
    assert "quality.json" in outcome.out + outcome.err


def test_a_file_of_the_contract_that_is_not_listed_is_found(run):
    """A table that was put beside the run, or left out of the manifest, is not vouched for."""
    (run / "cluster_regions.csv").write_text("region,cluster\n")
    assert "does not list it" in find_faults(run)[0]
    (run / "cluster_regions.csv").unlink()
    (run / "notes.txt").write_text("people may add their own")
    assert find_faults(run) == []
    rewrite(run, lambda manifest: manifest["files"].pop("lines.parquet"))
    assert any("lines.parquet" in fault for fault in find_faults(run))


@pytest.mark.parametrize("name", ["votes", "vote_strengths", "vote_persistence", "vote_trees"])
def test_votes_that_nobody_vouches_for_are_found(run, name):
    """The next night would go on with them: a file put beside an older run is a fault."""
    rewrite(run, lambda manifest: manifest["files"].pop(f"vectors/{name}.npy"))
    assert any(name in fault and "does not list it" in fault for fault in find_faults(run))


def count_more(key):
    return lambda manifest: manifest["counts"].update({key: manifest["counts"][key] + 1})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (count_more("units"), "counts.units"),
        (count_more("kept"), "counts.kept"),
        (count_more("read"), "kept + dropped"),
        (count_more("distinct"), "counts.distinct"),
        (count_more("clusters"), "counts.clusters"),
        (count_more("noise_lines"), "noise_lines"),
        (lambda m: m["inputs"][0].update(kept=0), "of input lyrics/00.txt"),
        (lambda m: m["identity"]["clusters"]["kept"].append(99), "ids of the clusters"),
        (lambda m: m["identity"].update(next_theme=0), "next_theme"),
        (lambda m: m["counts"].pop("dropped"), "can't be compared"),
    ],
)
def test_numbers_that_do_not_add_up_are_named(run, change, said):
    """Counts of the manifest, the tables and the ids must agree."""
    rewrite(run, change)
    faults = find_faults(run)
    assert any(said in fault for fault in faults), faults


def test_tables_that_contradict_each_other_are_found(run):
    """A cluster that only one table knows, equal lines apart, a map without a place."""
    lines = open_run(run).lines
    changed = lines.assign(x=lines["x"].where(lines["line_id"] != 0, float("nan")))
    changed.loc[changed["text_id"] == changed["text_id"].mode()[0], "cluster"] = range(
        900, 900 + int((changed["text_id"] == changed["text_id"].mode()[0]).sum())
    )
    changed.to_parquet(run / "lines.parquet", index=False)
    vouch(run, "lines.parquet")
    terms = pd.read_csv(run / "cluster_terms.csv").assign(cluster=77)
    terms.to_csv(run / "cluster_terms.csv", index=False)
    vouch(run, "cluster_terms.csv")
    faults = "\n".join(find_faults(run))
    for said in (
        "equal texts in different clusters",
        "count different lines",
        "has the cluster 77",
        "no number",
    ):
        assert said in faults


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t[t["child"] != t["child"].max()], "different clusters"),
        (lambda t: t.assign(size=t["size"] + (t["kind"] == "theme")), "that of its parts"),
        (lambda t: t.assign(size=2 * t["size"]), "different texts for a cluster"),
        (lambda t: t.assign(theme=t["theme"] + 1), "under another theme"),
        (lambda t: t.assign(parent=t["parent"].where(t["kind"] != "cluster", -2)), "path"),
    ],
)
def test_a_tree_that_contradicts_the_tables_is_found(run, change, said):
    """Its clusters, sizes, themes and paths are those of clusters.csv."""
    change(pd.read_parquet(run / "tree.parquet")).to_parquet(run / "tree.parquet", index=False)
    vouch(run, "tree.parquet")
    faults = find_faults(run)
    assert any(said in fault for fault in faults), faults


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b"])
def test_a_manifest_cannot_lead_outside(run, name):
    """A file name in a manifest that leaves the run is refused, and never opened."""
    rewrite(run, lambda m: m["files"].update({name: {"bytes": 1, "sha256": "0" * 64}}))
    (fault,) = find_faults(run)
    assert "outside the run" in fault


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema_version": 1}', '{"schema_version": 999}']
)
def test_what_is_no_run_is_said(run, text):
    """A manifest that is empty, torn, foreign or newer is one fault; so is no folder."""
    (run / "manifest.json").write_text(text)
    (fault,) = find_faults(run)
    assert "manifest.json" in fault or "newer" in fault
    assert len(find_faults(run / "nothing")) == 1


def test_a_manifest_without_files_vouches_for_nothing(run):
    """Without checksums nothing can be checked, and that is a fault."""
    rewrite(run, lambda manifest: manifest.update(files={}))
    assert "nothing can be checked" in find_faults(run)[0]


@pytest.mark.parametrize("name", ["manifest.json", ".run.json"])
def test_no_byte_of_what_vouches_changes_unseen(run, name):
    """Any flipped bit of the manifest, its seal's own included, and of the hidden marker."""
    whole = (run / name).read_bytes()
    places = {*range(0, len(whole), max(1, len(whole) // 40)), len(whole) - 2}
    places |= (
        {whole.rfind(b'"seal"') + i for i in (1, 12, 70)} if name == "manifest.json" else set()
    )
    for place in sorted(places):
        changed = bytearray(whole)
        changed[place] ^= 1
        (run / name).write_bytes(bytes(changed))
        assert any(name in fault for fault in find_faults(run)), place
    (run / name).write_bytes(whole)
    assert find_faults(run) == []


def test_a_run_from_before_the_tree_is_whole(run):
    """Without tree.parquet, cluster_sizes.csv and paths nothing is missing."""
    table = pd.read_csv(run / "clusters.csv").drop(columns="path")
    table.to_csv(run / "clusters.csv", index=False)
    vouch(run, "clusters.csv")
    gone = ("tree.parquet", "cluster_sizes.csv", "maps/tree.png", "maps/sizes.png")
    for name in gone:
        (run / name).unlink(missing_ok=True)
    rewrite(run, lambda manifest: [manifest["files"].pop(name, None) for name in gone])
    rewrite(run, lambda manifest: manifest.pop("clusters"))
    assert find_faults(run) == []
    assert rap("summary", run, "--cluster", str(table["cluster"].max())).code == 0


def test_a_run_of_an_earlier_version_still_verifies_and_says_so(run):
    """Its manifest has no seal; a copy that lost the hidden marker is whole too."""
    (run / ".run.json").unlink()
    assert find_faults(run) == []
    assert "lost .run.json" in find_remarks(run)[0]
    manifest = json.loads((run / "manifest.json").read_text())
    older = {key: value for key, value in manifest.items() if key not in ("seal", "marker")}
    (run / "manifest.json").write_text(json.dumps(older))
    outcome = rap("verify", run)
    assert outcome.code == 0
    assert "nothing vouches for manifest.json" in outcome.out
