"""Nights in a row through the whole pipeline: ids, names, colours and places that stay."""

import itertools
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.clustering.procrustes import procrustes
from rapids_rap.clustering.votes import NOT_HELD, RENEWED
from rapids_rap.compare.compare import compare_runs
from rapids_rap.lineage.heritage import Heritage
from rapids_rap.reading.search import search_run
from rapids_rap.reading.summary import _spans, summarize
from rapids_rap.runs.names import TABLES
from rapids_rap.runs.run import open_run
from tests.conftest import LYRICS, ROOT, rap
from tests.nights import heir, lyrics_of, planted_topic, spend_night, survivors

CPU = CpuBackend()

SHIFT_CLUSTER, SHIFT_THEME = 100, 50
SHIFTS = {"cluster": SHIFT_CLUSTER, "cluster_raw": SHIFT_CLUSTER, "theme": SHIFT_THEME}
SMALL_PARTS = 0.05  # of a cluster, which make a split
QUICK = (
    "quality.retrieval_lines=100",
    "quality.artist_songs=10",
    "quality.bootstrap=100",
    "quality.dbcv_sample=200",
    "quality.trustworthiness_sample=100",
)


@pytest.fixture(scope="module")
def begun(sample_run, tmp_path_factory):
    """What the sample run keeps, to go on from: its own folder is everybody's, and stays."""
    folder = tmp_path_factory.mktemp("begun")
    for kept in (".store", ".stages"):
        shutil.copytree(sample_run / kept, folder / kept)
    return folder


@pytest.fixture(scope="module")
def shifted(begun, tmp_path_factory):
    """The sample run again, its ids beginning at 100 and 50, from the same stages."""
    return spend_night(
        [LYRICS],
        tmp_path_factory.mktemp("shifted") / "run",
        Heritage(None, SHIFT_CLUSTER, SHIFT_THEME),
        store=begun / ".store",
        settings=[
            f"input.regions={ROOT / 'examples' / 'regions.csv'}",
            "maps.width=1200",
            "maps.height=900",
        ],
        shared_stages=begun / ".stages",
    )


@pytest.fixture(scope="module")
def nights(sample_run, begun, tmp_path_factory):
    """Five nights: without some songs; all, and a planted topic; without it; then eom, and leaf."""
    folder = tmp_path_factory.mktemp("nights")
    whole = lyrics_of(open_run(sample_run))
    songs = whole["song"].fillna("")
    fewer = whole[~songs.isin(sorted(songs.unique())[1::22])]
    assert 0.03 < 1 - len(fewer) / len(whole) < 0.08
    store = begun / ".store"
    runs = [spend_night(fewer, folder / "0", Heritage(None), store=store, settings=QUICK)]
    for name, lines, selection in (
        ("1", pd.concat([whole, planted_topic()]), "leaf"),
        ("2", whole, "leaf"),
        ("3", whole, "eom"),
        ("4", whole, "leaf"),
    ):
        # One of eom's clusters holds nearly everything, and its parts are a twentieth each.
        share = SMALL_PARTS if name == "4" else 0.25
        runs.append(
            spend_night(
                lines,
                folder / name,
                heir(runs[-1]),
                store=store,
                settings=[
                    *QUICK,
                    f"clusters.selection={selection}",
                    f"nightly.split_share={share}",
                ],
            )
        )
    return runs


# ---- one id in every file -----------------------------------------------------------------------


def moved_number(name):
    kind, _, number = str(name).rpartition(" ")
    shift = {"聚类": SHIFT_CLUSTER, "主题": SHIFT_THEME}.get(kind)
    return name if shift is None else f"{kind} {int(number) + shift}"


def moved_path(path):
    theme, *between, cluster = path.split(" > ")
    own = [int(theme) + SHIFT_THEME, *between, int(cluster) + SHIFT_CLUSTER]
    return " > ".join(map(str, own))


def moved(table):
    for name, shift in SHIFTS.items():
        if name in table.columns:
            table = table.assign(**{name: table[name] + np.where(table[name] >= 0, shift, 0)})
    if "path" in table.columns:  # from theme to cluster; nodes between are no one's ids
        table = table.assign(path=table["path"].map(moved_path, na_action="ignore"))
    for name in {"label", "name"} & set(table.columns):  # where no term may stand for a theme
        table = table.assign(**{name: table[name].map(moved_number, na_action="ignore")})
    return table


def test_every_table_is_the_same_but_for_the_ids(sample_run, shifted):
    """The same run with other ids: each file of it says the same of each cluster and theme."""
    plain = open_run(sample_run)
    pd.testing.assert_frame_equal(moved(plain.lines), shifted.lines)
    written = [name for name in TABLES if (shifted.path / name).exists()]
    # Nobody has named or decided anything, nothing was clustered again, and no year is known.
    missing = {"labels.csv", "decisions.csv", "cluster_stability.csv", "theme_years.csv"}
    assert {*TABLES} - {*written} == missing
    for name in written:
        table, other = (pd.read_csv(run.path / name) for run in (plain, shifted))
        table = moved(table)
        if name == "names.csv":
            table["id"] += table["kind"].map({"cluster": SHIFT_CLUSTER, "theme": SHIFT_THEME})
        if name == "artist_clusters.csv":
            table.columns = [
                str(int(c) + SHIFT_CLUSTER) if c.isdigit() else c for c in table.columns
            ]
        pd.testing.assert_frame_equal(table, other)
    assert plain.quality == shifted.quality
    assert "identity" not in plain.manifest
    for key in ("counts", "inputs", "terms"):
        assert plain.manifest[key] == shifted.manifest[key]


def test_maps_and_report_go_by_id(sample_run, shifted):
    """The picture of the clusters differs only by what it calls them; the page links to ids."""
    plain = open_run(sample_run)
    assert plain.maps["density.png"] != shifted.maps["density.png"]  # labels
    assert plain.maps["categories.png"] == shifted.maps["categories.png"]  # no id in it
    page = (shifted.path / "report.html").read_text(encoding="utf-8")
    assert 'id="cluster-100"' in page
    assert 'id="cluster-0"' not in page
    colours = [run.manifest["colours"]["clusters"] for run in (plain, shifted)]
    assert {str(int(k) + SHIFT_CLUSTER): v for k, v in colours[0].items()} == colours[1]


def test_without_a_heritage_ids_are_those_of_a_first_night(sample_run, shifted):
    """A first night from 0 and a run without a heritage number alike, the heaviest first."""
    plain = open_run(sample_run)
    born = shifted.manifest["identity"]["clusters"]["born"]
    assert [i - SHIFT_CLUSTER for i in born] == plain.clusters["cluster"].tolist()[1:]
    assert plain.clusters["cluster"].tolist() == list(range(-1, len(born)))


def test_readers_take_ids(sample_run, shifted, tmp_path):
    """Summary, export, search and compare know a cluster by its id, and say which there are."""
    last = int(shifted.clusters["cluster"].max())
    assert "cluster 100: " in rap("summary", shifted.path, "--cluster", 100).out
    wrong = rap("summary", shifted.path, "--cluster", 0)
    assert (wrong.code, f"it has -1, 100 to {last} (-1 is noise)" in wrong.err) == (2, True)
    file = tmp_path / "lines.jsonl"
    out = ("--format", "jsonl", "--out", file)
    assert rap("export", shifted.path, "--cluster", 100, *out).code == 0
    lines = len(file.read_text(encoding="utf-8").splitlines())
    assert lines == (shifted.lines["cluster"] == 100).sum() > 0
    found = search_run(shifted, "我们的城市", "line", 50, CPU)["cluster"]
    assert found.max() >= 100
    assert not found.between(0, 99).any()
    compared = compare_runs(open_run(sample_run), shifted, CPU)
    assert compared.agreement.adjusted_rand == 1.0
    assert compared.sizes[0] == compared.sizes[1]


def test_ids_with_gaps_are_told_apart():
    """A list of ids is short however many there are."""
    assert _spans([-1, 0, 1, 2, 5, 8, 9]) == "-1 to 2, 5, 8 to 9"
    many = _spans([-1, *range(0, 100, 2)])
    assert many.endswith("..., 98")
    assert many.count(",") == 12


# ---- night after night --------------------------------------------------------------------------


def test_after_five_percent_more_lines_survivors_keep_their_ids(nights):
    """Of the clusters that anybody would call the same, at least 95 % are called the same."""
    pairs = survivors(nights[0], nights[1])
    assert len(pairs) >= 10
    assert sum(old == new for old, new in pairs) >= 0.95 * len(pairs)


def test_a_planted_topic_is_born_and_dies(nights):
    """What it made is among the born of its night and the dead of the next, and is not reused."""
    texts = nights[1].texts
    planted = texts["text_norm"].str.startswith("火锅").groupby(texts["cluster"]).mean()
    own = {int(k) for k in planted.index[planted > 0.5] if k >= 0}
    assert own
    assert own <= set(nights[1].manifest["identity"]["clusters"]["born"])
    assert own <= set(nights[2].manifest["identity"]["clusters"]["dead"])
    for later in nights[2:]:
        assert not own & set(later.texts["cluster"])


def test_few_large_clusters_are_merges_and_many_small_ones_splits(nights):
    """Coarser selection swallows clusters, finer selection parts them; each is said by id."""
    fine, coarse, again = nights[2:]
    merged = coarse.manifest["identity"]["clusters"]["merged"]
    assert merged
    for one in merged:
        for parent in one["clusters"]:
            assert share(fine, coarse, parent, one["into"]) >= 0.5
    split = again.manifest["identity"]["clusters"]["split"]
    assert split
    for one in split:
        assert len(one["into"]) >= 2
        for part in one["into"]:
            assert share(coarse, again, one["cluster"], part) >= SMALL_PARTS


def share(before, tonight, old, new):
    """Of the weight of an earlier cluster that both nights cluster, how much is in tonight's."""
    both = before.texts.merge(tonight.texts, on="text_norm", suffixes=("", "_now"))
    both = both[(both["cluster"] == old) & (both["cluster_now"] >= 0)]
    weight = np.minimum(both["weight"], both["weight_now"])
    return weight[both["cluster_now"] == new].sum() / weight.sum()


def test_identities_fit_together(nights):
    """What is kept, born and dead parts both nights; no id is ever given twice; next ids grow."""
    used = {"cluster": set(), "theme": set()}
    for before, tonight in zip([None, *nights], nights, strict=False):
        identity = tonight.manifest["identity"]
        assert identity["previous"] == (before and before.manifest["created"])
        for kind in ("cluster", "theme"):
            fate = identity[f"{kind}s"]
            now = set(tonight.texts[kind]) - {-1}
            old = set(before.texts[kind]) - {-1} if before else set()
            assert now == set(fate["kept"]) | set(fate["born"])
            assert old == set(fate["kept"]) | set(fate["dead"])
            assert not used[kind] & set(fate["born"])
            used[kind] |= now
            assert identity[f"next_{kind}"] == max(used[kind]) + 1
        assert set(tonight.clusters["cluster"]) - {-1} == set(tonight.texts["cluster"]) - {-1}


def test_a_cluster_keeps_its_colour(nights):
    """A colour goes with its id, and no two clusters of a night share one."""
    for before, tonight in itertools.pairwise(nights):
        for kind in ("clusters", "themes"):
            old, new = (run.manifest["colours"][kind] for run in (before, tonight))
            assert len(new) == len({tuple(colour) for colour in new.values()})
            both = old.keys() & new.keys()
            assert both
            assert all(old[own] == new[own] for own in both)


def test_the_map_stays(nights):
    """Most surviving texts move little, measured without turning anything back."""
    for before, tonight in itertools.pairwise(nights):
        both = before.texts.merge(tonight.texts, on="text_norm", suffixes=("", "_now"))
        was, now = both[["x", "y"]].to_numpy(), both[["x_now", "y_now"]].to_numpy()
        span = np.sqrt(((was - was.mean(axis=0)) ** 2).sum(axis=1).mean())
        assert np.median(np.linalg.norm(was - now, axis=1)) < 0.2 * span
        assert procrustes(now, was).fit > 0.9


def test_the_clustered_space_is_kept(nights):
    """vectors/reduced.npy has a row a text, and the manifest vouches for it."""
    for run in nights:
        assert run.reduced.shape == (len(run.texts), 5)
        assert run.reduced.dtype == np.float32
        assert "vectors/reduced.npy" in run.manifest["files"]


def test_layouts_of_the_night_before_go_on_voting(nights):
    """A quarter of the votes is new, and holds the new texts alone; another rule begins anew."""
    assert all((run.votes.labels > NOT_HELD).all() for run in (nights[0], nights[3], nights[4]))
    for before, tonight in itertools.pairwise(nights[:3]):
        was, now = before.votes.labels, tonight.votes.labels
        layouts = was.shape[1]
        cast = -(-layouts // RENEWED)
        assert now.shape == (len(tonight.texts), layouts)
        known = tonight.texts["text_norm"].isin(before.texts["text_norm"]).to_numpy()
        assert (now[:, :cast] > NOT_HELD).all()
        assert (now[~known, cast:] == NOT_HELD).all()
        place = pd.Index(before.texts["text_norm"]).get_indexer(tonight.texts["text_norm"][known])
        carried = was[place][:, : layouts - cast]
        np.testing.assert_array_equal(now[known, cast:] < 0, carried < 0)


# ---- people's labels ----------------------------------------------------------------------------


def test_labels_go_with_their_ids(nights, begun, tmp_path, sample_run):
    """A label is on the map, in the page and in labels.csv; one without a cluster is said."""
    kept = nights[1].manifest["identity"]["clusters"]["kept"][0]
    theme = nights[1].manifest["identity"]["themes"]["kept"][0]
    heritage = Heritage(
        nights[1], 1000, 1000, {kept: "<b>码头</b>", 999: "没有了"}, {theme: "江湖儿女"}
    )
    whole = pd.concat([lyrics_of(open_run(sample_run)), planted_topic()])
    run = spend_night(
        whole,
        tmp_path / "run",
        heritage,
        store=begun / ".store",
        settings=QUICK,
        shared_stages=nights[1].path / ".stages",
    )
    assert run.labels_of("cluster") == {kept: "<b>码头</b>"}
    assert run.labels_of("theme") == {theme: "江湖儿女"}
    assert run.themes.set_index("theme")["label"][theme] == "江湖儿女"
    assert run.manifest["identity"]["unused_labels"] == [
        {"kind": "cluster", "id": 999, "label": "没有了"}
    ]
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;码头" in page
    assert "<b>码头" not in page
    head = summarize(run, kept)[0]
    assert f"cluster {kept} (<b>码头</b>)" in head
    bare = spend_night(
        whole,
        tmp_path / "bare",
        Heritage(nights[1], 1000, 1000),
        store=begun / ".store",
        settings=QUICK,
        shared_stages=nights[1].path / ".stages",
    )
    assert bare.labels is None
    assert bare.maps["clusters.png"] != run.maps["clusters.png"]
    assert json.dumps(bare.manifest["identity"]["clusters"]) == json.dumps(
        run.manifest["identity"]["clusters"]
    )
