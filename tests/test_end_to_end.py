"""The main job through the command line: the run folder's contract, resuming, and bad input."""

import hashlib
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from hdbscan.validity import validity_index
from PIL import Image

from rapids_rap.backend import load_backend
from rapids_rap.embedding.postprocess import COMMON_DIRECTION
from rapids_rap.quality.geometry import dbcv
from rapids_rap.runs.run import open_run
from tests.conftest import LYRICS, rap

CATEGORIES = ["积极", "消极", "愤怒", "思念", "励志", "派对", "城市/意象", "爱情"]
TINY = (
    "--model",
    "demo",
    "--backend",
    "cpu",
    "--set",
    "maps.width=600",
    "--set",
    "maps.height=450",
)


def checksum(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ---- the contract -------------------------------------------------------------------------------


def test_every_promised_file_is_there(sample_run):
    """The run folder holds each file of the contract, and the manifest's checksums are theirs."""
    run = open_run(sample_run)
    promised = {
        "dropped.parquet",
        "lines.parquet",
        "vectors/vectors.npy",
        "clusters.csv",
        "cluster_emotions.csv",
        "cluster_terms.csv",
        "cluster_artists.csv",
        "artist_clusters.csv",
        "artist_themes.csv",
        "artist_divergence.csv",
        "cluster_keyness.csv",
        "cluster_emotion_rates.csv",
        "lexicon_overlap.csv",
        "lexicon_hits.parquet",
        "cluster_examples.csv",
        "themes.csv",
        "names.csv",
        "quality.json",
        "cluster_regions.csv",
        "report.html",
        "maps/clusters.png",
        "maps/density.png",
        "maps/categories.png",
        "maps/artists.png",
        "maps/artist_themes.png",
    }
    assert promised <= set(run.manifest["files"])
    for name, entry in run.manifest["files"].items():
        assert checksum(sample_run / name) == entry["sha256"], name


def test_nothing_vanishes(sample_run):
    """For every file and in all: read = kept + dropped, and both tables have exactly those rows."""
    run = open_run(sample_run)
    dropped = pd.read_parquet(sample_run / "dropped.parquet")
    for entry in run.manifest["inputs"]:
        assert entry["read"] == entry["kept"] + sum(entry["dropped"].values()), entry["path"]
    counts = run.manifest["counts"]
    assert counts["kept"] == len(run.lines) >= 1500
    assert counts["read"] == len(run.lines) + len(dropped)
    assert run.clusters["lines"].sum() == len(run.lines)


def test_table_columns_are_the_contract(sample_run):
    """Other programs read these columns by name and order."""
    run = open_run(sample_run)
    assert list(run.clusters.columns) == [
        "cluster",
        "lines",
        "distinct_lines",
        "songs",
        "artists",
        "share",
        "persistence",
        "agreement",
        "stability",
        "stability_low",
        "stability_high",
        "stability_class",
        "top_terms",
        "suggested_label",
        "theme",
        "path",
    ]
    emotions = ["cluster", "chunks", "hits"]
    for name in CATEGORIES:
        emotions += [f"hit_{name}", f"ratio_{name}"]
    assert list(run.cluster_emotions.columns) == [*emotions, "suggested_label"]
    assert list(run.cluster_terms.columns) == ["cluster", "rank", "term", "score", "method"]
    assert list(run.cluster_artists.columns) == [
        "cluster",
        "artist",
        "percentage",
        "lines",
        "lift",
        "lift_low",
        "lift_high",
        "note",
        "p",
        "q",
    ]
    assert list(run.cluster_keyness.columns) == [
        "cluster",
        "term",
        "songs",
        "artists",
        "dispersion",
        "log_ratio",
        "log_ratio_low",
        "log_ratio_high",
        "keeps_sign",
        "p",
        "q",
        "note",
    ]
    spans = ["line_id", "start", "end", "word", "category", "negated"]
    assert list(run.lexicon_hits.columns) == spans
    assert list(run.cluster_examples.columns) == [
        "cluster",
        "rank",
        "similarity",
        "artist",
        "song",
        "text",
    ]
    wanted = {
        "line_id",
        "text",
        "text_norm",
        "artist",
        "song",
        "song_id",
        "line_no",
        "stanza",
        "text_id",
        "weight",
        "year",
        "cluster",
        "probability",
        "cluster_raw",
        "theme",
        "x",
        "y",
        *(f"hits_{name}" for name in CATEGORIES),
    }
    assert wanted <= set(run.lines.columns)


def test_equal_texts_share_everything(sample_run):
    """Every occurrence of a text has its one cluster, place, theme and weight."""
    lines = open_run(sample_run).lines
    groups = lines.groupby("text_norm")
    for column in ("text_id", "cluster", "cluster_raw", "theme", "x", "y", "weight"):
        assert groups[column].nunique(dropna=False).max() == 1, column
    assert (groups["weight"].first() == groups.size()).all()
    assert lines["weight"].max() >= 3


def test_tables_agree_with_the_lines(sample_run):
    """Clusters, emotions and artists are recomputed from lines.parquet and must be equal."""
    run = open_run(sample_run)
    lines, clusters = run.lines, run.clusters.set_index("cluster")
    grouped = lines.groupby("cluster")
    assert (grouped.size() == clusters["lines"]).all()
    assert (grouped["text_id"].nunique() == clusters["distinct_lines"]).all()
    emotions = run.cluster_emotions.set_index("cluster")
    assert (emotions["chunks"] == grouped.size()).all()
    for name in CATEGORIES:
        assert (emotions[f"hit_{name}"] == grouped[f"hits_{name}"].sum()).all(), name
    hits = emotions[[f"hit_{name}" for name in CATEGORIES]].sum(axis=1)
    assert (hits == emotions["hits"]).all()
    assert (emotions.loc[emotions["hits"] == 0, "suggested_label"] == "未判定").all()
    shares = run.cluster_artists.groupby("cluster")["percentage"].sum()
    np.testing.assert_allclose(shares, 100, atol=0.01)


def test_every_hit_of_the_lexicon_can_be_looked_up(sample_run):
    """A span holds its word, and the spans of a line are what lines.parquet counts."""
    run = open_run(sample_run)
    lines = run.lines.set_index("line_id")
    for row in run.lexicon_hits.sample(50, random_state=1).itertuples():
        span = lines.at[row.line_id, "text_norm"][row.start : row.end]
        assert span.casefold() == row.word
    for name in CATEGORIES:
        own = run.lexicon_hits[run.lexicon_hits["category"] == name].groupby("line_id").size()
        counted = lines[f"hits_{name}"]
        assert own.reindex(counted.index, fill_value=0).tolist() == counted.tolist()


def test_no_term_of_fewer_than_five_songs_is_shown(sample_run):
    """Of clusters and themes: terms that five songs use in it, or none."""
    run = open_run(sample_run)
    known = run.cluster_keyness.set_index(["cluster", "term"])["songs"]
    shown = run.clusters.dropna(subset="top_terms")
    named = zip(shown["cluster"], shown["top_terms"], strict=True)
    pairs = [(cluster, term) for cluster, terms in named for term in terms.split("、")]
    assert len(pairs)
    assert known.loc[pairs].min() >= 5


def test_quality_has_baselines_and_admits_what_is_missing(sample_run):
    """Each measured figure stands beside its baseline; what is not built is null and says so."""
    quality = open_run(sample_run).quality
    for name in ("silhouette_cosine", "silhouette_layout", "dbcv", "trustworthiness"):
        assert quality[name]["value"] is not None, name
        assert quality[name]["baseline"] is not None, name
    assert quality["trustworthiness"]["value"] > quality["trustworthiness"]["baseline"]
    assert quality["stability"]["value"] is None
    assert quality["stability"]["note"] == "not computed: run `rapids-rap stability RUN`"
    for name in ("next_line_retrieval", "same_song_retrieval"):
        low, high = quality[name]["interval"]
        assert low <= quality[name]["value"] <= high
        assert quality[name]["baseline"] is not None, name


def test_the_sample_run_asks_only_songs_its_model_has_not_read(sample_run):
    """The demo model was trained on all sample songs but twelve, and the run says so."""
    quality = open_run(sample_run).quality
    report = (sample_run / "report.html").read_text(encoding="utf-8")
    assert quality["next_line_retrieval"]["songs"] == 12
    for name in ("next_line_retrieval", "same_song_retrieval", "artist_retrieval", "alignment"):
        assert quality[name]["songs_left_out"] == 54
        assert "54 of 66 songs are left out" in quality[name]["note"]
    assert quality["artist_retrieval"]["value"] is None  # the twelve are by as many artists
    assert "54 of 66 songs are left out" in report


def test_density_validity_is_within_what_hdbscan_gives(sample_run):
    """In the space that was clustered and on the map, DBCV lies where hdbscan's moves by order."""
    run = open_run(sample_run)
    texts = run.lines.drop_duplicates("text_id").sort_values("text_id")
    labels, xy = texts["cluster"].to_numpy(), texts[["x", "y"]].to_numpy(np.float64)
    on_the_map = dbcv(xy, labels, load_backend("cpu"), sample=10**6, seed=1).value
    rng = np.random.default_rng(7)
    orders = [rng.permutation(len(labels)) for _ in range(20)]
    in_space = run.quality["dbcv"]["value"]
    for points, value in ((run.reduced.astype(np.float64), in_space), (xy, on_the_map)):
        theirs = [validity_index(points[order], labels[order]) for order in orders]
        assert min(theirs) <= value <= max(theirs)


def test_maps_are_pictures(sample_run):
    """Every map decodes, has the size asked for, and is neither blank nor one colour."""
    for path in (sample_run / "maps").glob("*.png"):
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            colours = image.convert("RGB").getcolors(maxcolors=2**24)
            assert image.width == 1200 or path.name == "artists.png"
        assert len(colours) > 50, path.name


def test_report_needs_no_network(sample_run):
    """The report loads nothing from elsewhere."""
    page = (sample_run / "report.html").read_text(encoding="utf-8")
    for forbidden in ('src="http', "src='http", "@import", "url(http", '<link rel="stylesheet'):
        assert forbidden not in page
    assert "data:image/" in page


# ---- running again ------------------------------------------------------------------------------


def test_second_run_recomputes_nothing_and_a_lexicon_only_the_lexicon(sample_run, tmp_path):
    """The same command keeps every stage; another lexicon mode re-runs only what reads it."""
    folder = tmp_path / "run"
    shutil.copytree(sample_run, folder)
    before = open_run(folder)
    hits = before.cluster_emotions["hits"].sum()
    config = before.manifest["config"]
    same = ["--set", f"input.regions={config['input']['regions']}", *TINY]
    args = ["run", LYRICS, "--out", folder, *same]
    assert rap(*args).code == 0
    stages = {s["name"]: s["cached"] for s in open_run(folder).manifest["stages"]}
    kept = ("corpus", "neighbors", "layout", "clusters", "retrieval", "lexicon", "quality")
    assert all(stages[name] for name in kept)
    vectors = checksum(folder / "vectors" / "vectors.npy")
    assert vectors == before.manifest["files"]["vectors/vectors.npy"]["sha256"]

    assert rap(*args, "--set", "lexicon.mode=presence").code == 0
    after = open_run(folder)
    stages = {s["name"]: s["cached"] for s in after.manifest["stages"]}
    assert not stages["lexicon"]
    assert all(stages[name] for name in ("corpus", "neighbors", "layout", "clusters", "terms"))
    assert after.cluster_emotions["hits"].sum() != hits


def test_shuffled_input_gives_the_same_clusters(sample_run, tmp_path):
    """Files in another order and place: every text gets the same cluster, to the last one."""
    files = sorted((p for p in LYRICS.rglob("*") if p.is_file()), reverse=True)
    outcome = rap("run", *files, "--out", tmp_path / "run", *TINY)
    assert outcome.code == 0, outcome.err
    before, after = (
        open_run(p)
        .lines.drop_duplicates("text_norm")
        .set_index("text_norm")["cluster"]
        .sort_index()
        for p in (sample_run, tmp_path / "run")
    )
    pd.testing.assert_series_equal(before, after)


def start(folder, *extra):
    """The run in a process of its own, so that it can be killed."""
    command = [
        sys.executable,
        "-c",
        "from rapids_rap.cli import main; main()",
        "run",
        str(LYRICS),
        "--out",
        str(folder),
        *TINY,
        *extra,
    ]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def wait_for(folder, pattern, process, count=1, seconds=300):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if len(list(folder.rglob(pattern))) >= count:
            return
        time.sleep(0.02)
    pytest.fail(f"never saw {count} of {pattern}; exit code {process.poll()}")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_stopped_run_resumes_to_the_same_bytes(sample_run, tmp_path, number, code):
    """Killed or stopped while embedding, the same command ends with undisturbed vectors."""
    folder = tmp_path / "run"
    small_shards = ("--set", "embedding.shard_texts=100")
    process = start(folder, *small_shards)
    wait_for(folder, "shard-*.json", process, count=2)
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert not (folder / "manifest.json").exists()
    done = {p.name: checksum(p) for p in folder.rglob("shard-*.npy")}

    outcome = rap("run", LYRICS, "--out", folder, *TINY, *small_shards)
    assert outcome.code == 0, outcome.err
    assert done.items() <= {p.name: checksum(p) for p in folder.rglob("shard-*.npy")}.items()
    undisturbed = tmp_path / "undisturbed"
    assert rap("run", LYRICS, "--out", undisturbed, *TINY, *small_shards).code == 0
    assert checksum(folder / "vectors/vectors.npy") == checksum(undisturbed / "vectors/vectors.npy")
    assert not list(folder.rglob("*.partial"))


# ---- reading a run ------------------------------------------------------------------------------


def test_search_finds_a_line_by_itself_and_songs_and_artists(sample_run):
    """A line of the corpus is its own nearest neighbour; songs and artists are found by meaning."""
    line = open_run(sample_run).lines["text_norm"].iloc[40]
    outcome = rap("search", sample_run, line, "-k", 3)
    assert outcome.code == 0, outcome.err
    assert "1.000" in outcome.out.splitlines()[1]
    for unit in ("song", "artist"):
        found = rap("search", sample_run, "想念外婆", "--by", unit, "-k", 4)
        assert found.code == 0, found.err
        assert len(found.out.strip().splitlines()) == 5


def test_summary_and_export(sample_run, tmp_path):
    """The terminal shows clusters; an export holds exactly the cluster's lines, in each form."""
    run = open_run(sample_run)
    assert "clusters" in rap("summary", sample_run).out
    assert rap("summary", sample_run, "--cluster", 0).code == 0
    wrong = rap("summary", sample_run, "--cluster", 9999)
    assert (wrong.code, "has no cluster 9999" in wrong.err) == (2, True)
    lines = run.lines[run.lines["cluster"] == 0]
    for form, read in (
        ("csv", pd.read_csv),
        ("jsonl", lambda p: pd.read_json(p, lines=True)),
        ("parquet", pd.read_parquet),
    ):
        path = tmp_path / f"out.{form}"
        args = ("export", sample_run, "--cluster", 0, "--format", form, "--out", path)
        assert rap(*args).code == 0
        assert read(path)["line_id"].tolist() == lines["line_id"].tolist()


def test_doctor_and_config_work_anywhere():
    """`doctor` exits 0 on any machine, 3 where a GPU is demanded and there is none."""
    outcome = rap("doctor", "--model", "demo")
    assert outcome.code == 0, outcome.err
    assert "Backend: " in outcome.out
    assert rap("config").out.startswith("seed = 42")


# ---- small and bad input ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "lines", "extra"),
    [
        ("limit", None, ("--limit", "3")),
        ("identical", ["爱你一万年"] * 50, ()),
        ("one", ["只有一句"], ()),
        ("two", ["只有一句", "还有一句"], ()),
        ("eight", [f"第{c}句歌词在这里" for c in "一二三四五六七八"], ()),
    ],
)
def test_small_input_gives_a_correct_small_run(tmp_path, name, lines, extra):
    """Fewer texts than neighbours, one text fifty times, one or two lines: it adds up."""
    source = LYRICS
    if lines is not None:
        source = tmp_path / "lines.txt"
        source.write_text("\n".join(lines), encoding="utf-8")
    outcome = rap("run", source, "--out", tmp_path / "run", *TINY, *extra)
    assert outcome.code == 0, outcome.err
    run = open_run(tmp_path / "run")
    kept = 3 if lines is None else len(lines)
    assert len(run.lines) == kept == run.clusters["lines"].sum()
    assert np.isfinite(run.lines[["x", "y"]]).all().all()


def test_one_artist_only(tmp_path):
    """A corpus of one artist has an artist table with a lift of one, not an error."""
    text = (LYRICS / "03_山城码头.txt").read_text(encoding="utf-8")
    one = text[: text.index("歌手姓名", 10)]
    (tmp_path / "one.txt").write_text(one, encoding="utf-8")
    assert rap("run", tmp_path / "one.txt", "--out", tmp_path / "run", *TINY).code == 0
    artists = open_run(tmp_path / "run").cluster_artists
    np.testing.assert_allclose(artists["lift"], 1.0)
    np.testing.assert_allclose(artists["percentage"], 100.0)


def bad_file(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.txt", b"", "No lyric"),
        ("blank.txt", b"\n\n  \n", "No lyric"),
        ("credits.txt", "作词：甲\n作曲：乙\n".encode(), "No lyric"),
        ("binary.txt", bytes(range(256)) * 20, "binary.txt"),
        ("broken.txt", "第一句歌词\n第二".encode() + b"\xff\xfe\xfa\n", "broken.txt"),
        ("columns.csv", b"a,b\n1,2\n", "input.text"),
        ("broken.jsonl", b'{"text": "a"}\n{"text": \n', "2"),
        ("not.parquet", b"PAR0", "not.parquet"),
    ],
)
def test_bad_file_is_one_clear_error(tmp_path, name, data, says):
    """Each kind of unreadable input ends with exit code 2 and a sentence naming file and fix."""
    path = bad_file(tmp_path, name, data)
    outcome = rap("run", path, "--out", tmp_path / "run", *TINY)
    assert outcome.code == 2, outcome.err
    assert says in outcome.err
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_ten_megabytes_on_one_line(tmp_path):
    """A file that is one endless line is read without hanging, and said aloud."""
    path = bad_file(tmp_path, "long.txt", "说唱".encode() * 1_700_000)
    outcome = rap("ingest", path, "--out", tmp_path / "corpus.parquet")
    assert outcome.code == 0, outcome.err
    assert len(pd.read_parquet(tmp_path / "corpus.parquet")) == 1


def test_model_that_cannot_be_had(tmp_path, monkeypatch):
    """No model stands in for another: a name that can't be had exits 3 and offers what can."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    outcome = rap("run", LYRICS, "--out", tmp_path / "run", "--backend", "cpu")
    assert outcome.code == 3, outcome.err
    assert "--model demo" in outcome.err
    (tmp_path / "hollow").mkdir()
    outcome = rap("run", LYRICS, "--out", tmp_path / "run", "--model", tmp_path / "hollow")
    assert outcome.code == 2, outcome.err


def test_folder_that_cannot_be_written(tmp_path):
    """An output folder below a file, or one holding other files, is refused before any work."""
    (tmp_path / "file").write_text("x")
    assert rap("run", LYRICS, "--out", tmp_path / "file" / "run", *TINY).code == 2
    assert rap("run", LYRICS, "--out", tmp_path, *TINY).code == 2
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_full_disk_leaves_nothing_half_written(tmp_path):
    """Where files may not grow, the run exits 3 with one sentence and no partial file."""

    def no_large_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    command = [
        sys.executable,
        "-c",
        "from rapids_rap.cli import main; main()",
        "run",
        LYRICS,
        "--out",
        tmp_path / "run",
        *TINY,
    ]
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "numba")}
    done = subprocess.run(
        command, preexec_fn=no_large_files, capture_output=True, text=True, env=env, timeout=300
    )
    assert done.returncode == 3, done.stderr
    assert "no room to write" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "run").rglob("*.partial"))
    assert not (tmp_path / "run" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("lexicon.path", "lexicon"),
        ("input.regions", "regions"),
        ("input.decisions", "decisions"),
        ("terms.stop_words", "words"),
        ("terms.user_words", "words"),
        ("maps.font", "font"),
    ],
)
def test_small_files_are_checked_before_the_work(tmp_path, setting, says):
    """A mistyped list or font is said at once, not after hours of embedding."""
    missing = tmp_path / "none" / says
    outcome = rap("run", LYRICS, "--out", tmp_path / "run", *TINY, "--set", f"{setting}={missing}")
    assert outcome.code in (2, 3), outcome.err
    assert str(missing) in outcome.err.replace("\n", "")
    assert not (tmp_path / "run").exists()


def test_file_names_of_another_encoding(tmp_path):
    """Names from an old GBK archive are no UTF-8; their lyrics are read all the same."""
    name = os.fsdecode("歌词".encode("gbk") + b".txt")
    (tmp_path / name).write_text("只有一句\n还有一句", encoding="utf-8")
    outcome = rap("run", tmp_path / name, "--out", tmp_path / "run", *TINY)
    assert outcome.code == 0, outcome.err
    assert open_run(tmp_path / "run").manifest["counts"]["kept"] == 2


def test_own_output_is_no_input(sample_run, tmp_path):
    """A folder that holds a run or a list of dropped lines is read without them."""
    shutil.copytree(sample_run, tmp_path / "in" / "run")
    (tmp_path / "in" / "a.txt").write_text("只有一句", encoding="utf-8")
    out = tmp_path / "corpus" / "corpus.parquet"
    assert rap("ingest", tmp_path / "in", "--out", out).code == 0
    assert len(pd.read_parquet(out)) == 1
    assert rap("ingest", out.parent, "--out", tmp_path / "again.parquet").code == 0
    assert len(pd.read_parquet(tmp_path / "again.parquet")) == 1


def test_stanzas_count_their_lines(tmp_path):
    """With stanzas as units, tables and counts still speak of lines."""
    outcome = rap(
        "run", LYRICS / "03_山城码头.txt", "--unit", "stanza", "--out", tmp_path / "run", *TINY
    )
    assert outcome.code == 0, outcome.err
    run = open_run(tmp_path / "run")
    assert run.clusters["lines"].sum() == run.manifest["counts"]["kept"] > len(run.lines)
    assert run.cluster_emotions["chunks"].sum() == len(run.lines)


def test_texts_that_were_cut_are_said(sample_run, tmp_path):
    """A song that is longer than the model reads is no secret of the manifest's."""
    page = (LYRICS / "03_山城码头.txt").read_text(encoding="utf-8")
    (tmp_path / "a.txt").write_text(page[: page.index("歌手姓名", 10)], encoding="utf-8")
    cut = ("--unit", "song", "--set", "embedding.max_tokens=16")
    outcome = rap("run", tmp_path / "a.txt", "--out", tmp_path / "run", *cut, *TINY)
    assert outcome.code == 0, outcome.err
    run = open_run(tmp_path / "run")
    [warning] = run.manifest["warnings"]
    songs = run.manifest["model"]["texts"]
    assert warning.startswith(f"{songs} of {songs} distinct songs are longer than 16 tokens")
    assert warning in " ".join(outcome.out.split())
    assert warning in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    whole = open_run(sample_run).manifest
    assert (whole["model"]["truncated"], whole["warnings"]) == (0, [])


def test_the_manifest_says_what_any_two_texts_have_in_common(sample_run):
    """The mean cosine of the stored vectors, and what was done about it."""
    run = open_run(sample_run)
    vectors = np.asarray(run.vectors, dtype=np.float64)
    pairs = (vectors @ vectors.T)[~np.eye(len(vectors), dtype=bool)]
    space = run.manifest["space"]
    assert space["mean_cosine"] == pytest.approx(pairs.mean(), abs=1e-5)
    assert (space["postprocess"], space["threshold"]) == ("none", COMMON_DIRECTION)


@pytest.mark.parametrize("dims", [0, 1, 32])
def test_whitened_run_is_searched_in_its_own_space(tmp_path, dims):
    """After whitening, a line is still its own nearest neighbour."""
    whiten = ("--set", "embedding.postprocess=whiten", "--set", f"embedding.whiten_dims={dims}")
    outcome = rap("run", LYRICS, "--limit", 200, "--out", tmp_path / "run", *TINY, *whiten)
    assert outcome.code == 0, outcome.err
    line = open_run(tmp_path / "run").lines["text_norm"].iloc[7]
    found = rap("search", tmp_path / "run", line, "-k", 2)
    assert "1.000" in found.out.splitlines()[1], found.err


def test_output_into_a_closed_pipe_is_no_error(sample_run):
    """`rapids-rap export RUN | head` ends without a complaint."""
    program = f"{sys.executable} -c 'from rapids_rap.cli import main; main()'"
    done = subprocess.run(
        ["bash", "-c", f"{program} export {sample_run} | head -n 1"], capture_output=True, text=True
    )
    assert done.stdout.startswith("line_id,")
    assert done.stderr == ""


def test_configuration_errors_reach_the_user(tmp_path):
    """An unknown key is refused with the right one, before anything is written."""
    outcome = rap("run", LYRICS, "--out", tmp_path / "run", "--set", "layout.epoch=3")
    assert (outcome.code, "layout.epochs" in outcome.err) == (2, True)
    assert not (tmp_path / "run").exists()


def test_log_json_is_json(sample_run, tmp_path):
    """With --log-json, standard error is JSON lines and nothing else."""
    folder = tmp_path / "run"
    outcome = rap("run", LYRICS, "--limit", 30, "--out", folder, *TINY, "--log-json")
    assert outcome.code == 0
    entries = [json.loads(line) for line in outcome.err.splitlines()]
    assert {"corpus", "clusters"} <= {e["stage"]["name"] for e in entries if "stage" in e}
    failed = rap("run", tmp_path / "none.txt", "--out", tmp_path / "other", *TINY, "--log-json")
    assert failed.code == 2
    assert "none.txt" in json.loads(failed.err.splitlines()[-1])["message"]


def test_an_engine_that_needs_a_gpu_is_refused_before_any_work(tmp_path):
    """`neighbors.engine=cuvs` on the CPU is exit 3 at once, not after hours of embedding."""
    outcome = rap(
        "run",
        LYRICS,
        "--model",
        "demo",
        "--backend",
        "cpu",
        "--out",
        tmp_path / "run",
        "--set",
        "neighbors.engine=cuvs",
    )
    assert outcome.code == 3
    assert "neighbors.engine=auto" in outcome.err
    assert not (tmp_path / "run").exists()
