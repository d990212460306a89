"""Decisions by hand over nights: applied, kept, taken back, never taken for the night's own."""

import numpy as np
import pandas as pd
import pytest

from rapids_rap.errors import InputError
from rapids_rap.lineage.heritage import Heritage, found_texts
from rapids_rap.runs.verify import find_faults
from tests.conftest import rap
from tests.nights import heir, lyrics_of, spend_night

HEAD = "kind,id,decision,value,who,when\n"


@pytest.fixture(scope="module")
def evenings(tmp_path_factory, sample_run):
    """Nights over the sample's lines: one plain, then with a merge, a split and a name."""
    from rapids_rap.runs.run import open_run

    folder = tmp_path_factory.mktemp("evenings")
    lines = lyrics_of(open_run(sample_run))
    first = spend_night(lines, folder / "one", Heritage(), store=folder / "store")
    return folder, lines, first


def decide(folder, *rows):
    """The setting that names a file with these rows."""
    path = folder / f"decisions-{abs(hash(rows))}.csv"
    cells = "".join(f"cluster,{row},LW,2026-11-02\n" for row in rows)
    path.write_text(HEAD + cells, encoding="utf-8")
    return f"input.decisions={path}"


@pytest.fixture(scope="module")
def decided(evenings):
    """The second night, with decisions, and the third, which carries them on."""
    folder, lines, first = evenings
    rows = ("4,merge,7", "0,split,3", "9,exclude,", "2,name,人取的名")
    how = {"store": folder / "store", "settings": [decide(folder, *rows)]}
    second = spend_night(lines, folder / "two", heir(first), **how)
    third = spend_night(lines.iloc[:-40], folder / "three", heir(second), **how)
    return first, second, third


def test_decisions_are_applied_and_shown_as_theirs(decided):
    """Joined, cut, left out and named, with who and when in every file that people read."""
    first, second, _ = decided
    assert not find_faults(second.path)
    there = set(second.clusters["cluster"])
    parts = next(s["into"] for s in second.manifest["by_hand"]["split"])
    assert parts[0] == 0
    assert len(parts) == 3
    assert set(parts) <= there
    assert 4 not in there
    before, now = first.texts, second.texts
    joined = now.loc[before["cluster"].isin([4, 7]), "cluster"]
    assert (joined == 7).all()
    assert set(now.loc[before["cluster"] == 0, "cluster"]) == set(parts)
    same = ~before["cluster"].isin([0, 4, 7])
    assert (now.loc[same, "cluster"] == before.loc[same, "cluster"]).all()
    notes = dict(zip(second.clusters["cluster"], second.clusters["by_hand"], strict=True))
    assert notes[7] == "merged with 4 (LW 2026-11-02)"
    assert notes[9] == "excluded from tables (LW 2026-11-02)"
    tables = {path.name: pd.read_csv(path) for path in second.path.glob("*.csv")}
    of_clusters = {name for name, table in tables.items() if "cluster" in table}
    assert len(of_clusters) >= 8
    for name in of_clusters - {"clusters.csv"}:
        assert 9 not in set(tables[name]["cluster"]), name
    for table in (second.cluster_terms, second.cluster_examples, second.cluster_artists):
        assert {7, *parts} <= set(table["cluster"])
    assert "9" not in second.artist_clusters.columns
    assert second.names_of("cluster")[2] == "人取的名"
    named = second.names[(second.names["kind"] == "cluster") & (second.names["id"] == 2)].iloc[0]
    assert (named["source"], named["note"]) == ("person", "LW 2026-11-02")
    assert (second.decisions["applied"] == "yes").all()
    page = (second.path / "report.html").read_text(encoding="utf-8")
    assert "merged with 4 (LW 2026-11-02)" in page
    assert "Decisions by hand" in page
    assert "By hand: merged with 4" in rap("summary", second.path, "--cluster", 7).out


def test_lineage_sees_what_was_found(decided):
    """A night in which people joined and cut is a night in which nothing happened by itself."""
    first, second, third = decided
    told = third.manifest["identity"]["clusters"]
    touched = {0, 4, 7, *second.manifest["by_hand"]["split"][0]["into"]}
    assert not any(touched & set(one["clusters"]) for one in told["merged"])
    assert not any(one["cluster"] in touched for one in told["split"])
    clusters = second.manifest["identity"]["clusters"]
    assert not clusters["merged"]
    assert not clusters["split"]
    assert clusters["kept"] == sorted(set(first.clusters["cluster"]) - {-1})
    assert not clusters["born"]
    assert not clusters["dead"]
    assert (found_texts(second)["cluster"] == first.texts["cluster"]).all()
    assert second.manifest["identity"]["next_cluster"] == heir(first).next_cluster + 2


def test_a_text_stays_in_its_part(decided):
    """Parts keep their ids and their texts, and no id is given twice."""
    _, second, third = decided
    parts = [run.manifest["by_hand"]["split"][0]["into"] for run in (second, third)]
    assert parts[0] == parts[1]
    both = second.regrouped_texts.merge(third.regrouped_texts, on="text_norm")
    here = both[(both["cluster_found_x"] == 0) & (both["cluster_found_y"] == 0)]
    assert len(here) > 20
    assert (here["cluster_parts_x"] == here["cluster_parts_y"]).all()
    second_next, third_next = (r.manifest["identity"]["next_cluster"] for r in (second, third))
    assert third_next - second_next == len(third.manifest["identity"]["clusters"]["born"])


def test_what_is_taken_back_is_as_it_was(evenings, decided):
    """Without the file the next night has the clusters that were found, and their ids."""
    folder, lines, _ = evenings
    first, second, _ = decided
    after = spend_night(lines, folder / "back", heir(second), store=folder / "store")
    assert (after.texts["cluster"] == first.texts["cluster"]).all()
    assert after.decisions is None
    assert "by_hand" not in after.manifest
    assert not find_faults(after.path)


def test_parts_can_be_joined_to_others(evenings, decided):
    """A part has an id, and that id can be merged."""
    folder, lines, _ = evenings
    _, second, _ = decided
    part = second.manifest["by_hand"]["split"][0]["into"][2]
    settings = [decide(folder, "0,split,3", f"{part},merge,5")]
    found = spend_night(
        lines, folder / "parts", heir(second), store=folder / "store", settings=settings
    )
    was = second.texts["cluster"]
    assert set(found.texts.loc[was == part, "cluster"]) == {5}
    assert not find_faults(found.path)


def test_a_decision_on_what_is_gone_rests(evenings):
    """It is kept and told, and applies again when its cluster is there again."""
    folder, lines, first = evenings
    gone = heir(first).next_cluster + 3
    heritage = Heritage(first, gone + 1, heir(first).next_theme)
    settings = [decide(folder, f"{gone},name,旧", f"{gone - 1},merge,3", f"4,merge,{gone}")]
    found = spend_night(
        lines, folder / "rests", heritage, store=folder / "store", settings=settings
    )
    assert found.decisions["applied"].tolist() == ["yes", "no", "yes"]
    assert set(found.texts.loc[first.texts["cluster"] == 4, "cluster"]) == {gone}
    assert found.names_of("cluster")[gone] == "旧"
    assert not find_faults(found.path)


def test_an_id_that_nothing_had_ends_the_night(evenings):
    """With file, line and field, before anything is built."""
    folder, lines, first = evenings
    settings = [decide(folder, "4000,name,x")]
    with pytest.raises(InputError, match=r"csv:2: id = 4000: no cluster ever had it"):
        spend_night(lines, folder / "none", heir(first), store=folder / "store", settings=settings)
    assert not (folder / "none" / "manifest.json").exists()


def test_in_a_plain_run_as_well(evenings):
    """Ids are then the numbers of that run, and what is cut gets the next ones."""
    folder, lines, first = evenings
    settings = [decide(folder, "1,split,2", "3,merge,2")]
    found = spend_night(lines, folder / "plain", store=folder / "store", settings=settings)
    count = len(first.clusters) - 1
    assert found.manifest["by_hand"]["split"] == [{"cluster": 1, "into": [1, count]}]
    assert sorted(found.clusters["cluster"]) == sorted({-1, *range(count + 1)} - {3})
    assert not find_faults(found.path)
    weights = found.lines.groupby("cluster").size().drop(-1)
    order = found.clusters["cluster"].tolist()[1:]
    assert np.all(np.diff(weights.loc[order].to_numpy()) <= 0)
    with pytest.raises(InputError, match="no cluster ever had it"):
        spend_night(
            lines,
            folder / "wrong",
            store=folder / "store",
            settings=[decide(folder, "900,exclude,")],
        )


def test_a_models_name_goes_on_to_the_next_night(evenings):
    """A cluster that is there again keeps a model's name, until a person names it."""
    folder, lines, first = evenings
    table = first.names.assign(source="model", tested=0.75)
    earlier = first.revised(names=pd.DataFrame(table))
    settings = [decide(folder, "2,name,人取的名")]
    heritage = Heritage(earlier, heir(first).next_cluster, heir(first).next_theme)
    found = spend_night(
        lines, folder / "named", heritage, store=folder / "store", settings=settings
    )
    sources = found.names.set_index(["kind", "id"])["source"]
    assert sources["cluster", 2] == "person"
    assert (sources.drop(("cluster", 2)) == "model").all()
