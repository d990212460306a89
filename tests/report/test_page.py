"""The report: whole, honest, harmless and light, whatever the run holds or lacks."""

import base64
import hashlib
import html
import io
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rapids_rap.config import ReportConfig
from rapids_rap.embedding.postprocess import COMMON_DIRECTION
from rapids_rap.report import images as report_images
from rapids_rap.report.figures import collect_figures, failing
from rapids_rap.report.html import format_cell
from rapids_rap.report.page import render_report

EVIL = "<script>alert('行')</script>"
FORMULA = '=HYPERLINK("http://example.org","点我")'
VOID = {"meta", "img", "input", "br", "link"}


def png(width=900, height=600, noise=False):
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    if noise:
        pixels = np.random.default_rng(0).integers(0, 256, pixels.shape, dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def a_run(clusters=3, **changes):
    """A run as `open_run` gives it, by hand."""
    ids = list(range(-1, clusters))
    run = {
        "manifest": {
            "created": "2026-01-02T03:04:05+00:00",
            "command": "rapids-rap run lyrics.txt",
            "backend": {"name": "cpu", "reason": "no driver"},
            "platform": "Linux",
            "versions": {"rapids-rap": "0.1.0"},
            "seed": 42,
            "warnings": ["读作 GB18030"],
            "inputs": [
                {"path": "a.txt", "read": 50, "kept": 40, "dropped": {"credits": 7, "header": 3}},
                {"path": "b.lrc", "read": 9, "kept": 8, "dropped": {"symbols": 1}},
            ],
            "counts": {
                "read": 59,
                "kept": 48,
                "units": 48,
                "distinct": 40,
                "clusters": clusters,
                "noise_lines": 12,
                "artists": 2,
                "songs": 5,
            },
            "config": {"seed": 42, "clusters": {"min_cluster_size": 5, "noise": "keep"}},
            "model": {"name": "demo", "fingerprint": "f00d"},
            "stages": [{"name": "layout", "seconds": 1.25, "cached": True, "peak_memory": 2**21}],
            "terms": {"stop_words": [{"term": "我们", "count": 1234}]},
        },
        "quality": {
            "silhouette_cosine": {
                "value": 0.1,
                "baseline": -0.01,
                "baseline_name": "shuffled",
                "meaning": "m",
                "coverage": 0.75,
            },
            "dbcv": {"value": -0.5, "baseline": -0.2, "meaning": "density"},
            "stability": {"value": None, "note": "not computed", "meaning": "recurrence"},
            "anisotropy": None,
        },
        "clusters": pd.DataFrame(
            {
                "cluster": ids,
                "lines": [12] * len(ids),
                "distinct_lines": [10] * len(ids),
                "songs": [3] * len(ids),
                "artists": [2] * len(ids),
                "share": [1 / len(ids)] * len(ids),
                "persistence": [np.nan, *[0.5] * clusters],
                "stability": [np.nan] * len(ids),
                "top_terms": ["词、语"] * len(ids),
                "suggested_label": ["爱情"] * len(ids),
                "theme": [-1, *[0] * clusters],
            }
        ),
        "cluster_emotions": pd.DataFrame(
            {
                "cluster": ids,
                "chunks": [12] * len(ids),
                "hits": [8] * len(ids),
                "hit_爱情": [6] * len(ids),
                "ratio_爱情": [0.75] * len(ids),
                "hit_愤怒": [2] * len(ids),
                "ratio_愤怒": [0.25] * len(ids),
                "suggested_label": ["爱情"] * len(ids),
            }
        ),
        "cluster_terms": pd.DataFrame(
            {
                "cluster": ids,
                "rank": [1] * len(ids),
                "term": [EVIL] * len(ids),
                "score": [1.0] * len(ids),
                "method": ["c"] * len(ids),
            }
        ),
        "cluster_examples": pd.DataFrame(
            {
                "cluster": ids,
                "rank": [1] * len(ids),
                "similarity": [0.9] * len(ids),
                "artist": ["甲"] * len(ids),
                "song": [None] * len(ids),
                "text": [FORMULA + EVIL] * len(ids),
            }
        ),
        "themes": pd.DataFrame(
            {
                "theme": [-1, 0],
                "label": ["噪声", "江湖"],
                "clusters": [1, clusters],
                "lines": [12, 36],
                "share": [0.25, 0.75],
                "top_terms": ["", "江湖、码头"],
            }
        ),
        "cluster_artists": pd.DataFrame(
            {
                "cluster": ids,
                "artist": [EVIL] * len(ids),
                "percentage": [40.0] * len(ids),
                "lines": [5] * len(ids),
                "lift": [1.5] * len(ids),
                "lift_low": [1.1] * len(ids),
                "lift_high": [2.0] * len(ids),
            }
        ),
        "artist_clusters": pd.DataFrame(
            {
                "artist": ["甲", "乙"],
                "lines": [30, 18],
                "-1": [0.25, 0.25],
                **{str(k): [0.75 / max(clusters, 1)] * 2 for k in range(clusters)},
            }
        ),
        "cluster_regions": None,
        "cluster_traits": None,
        "cluster_stability": None,
        "cluster_sizes": None,
        "theme_years": None,
        "cluster_keyness": None,
        "cluster_emotion_rates": None,
        "lexicon_overlap": None,
        "lexicon_hits": None,
        "artist_divergence": None,
        "tree": None,
        "labels_of": lambda kind: {},
        "names_of": lambda kind: {},
        "names": None,
        "decisions": None,
        "maps": {"clusters.png": png(), "artists.png": png()},
    }
    return SimpleNamespace(**(run | changes))


class Structure(HTMLParser):
    """Collects what a browser would load or run, and checks that tags are nested."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.links, self.styled = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        given = dict(attrs)
        self.links += [given[name] for name in ("src", "href") if name in given]
        self.styled += [tag for name in given if name == "style" or name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page():
    return render_report(a_run(), ReportConfig())


def test_the_page_is_well_formed_and_loads_nothing(page):
    """One file: no network, no outside script, links only to the maps beside it and within."""
    structure = Structure(page)
    assert structure.open == []
    assert structure.tags.count("script") == structure.tags.count("style") == 1
    assert structure.styled == []
    outside = [u for u in structure.links if not u.startswith(("#", "data:image/", "maps/"))]
    assert outside == []
    targets = set(re.findall(r'id="([^"]+)"', page))
    assert {u[1:] for u in structure.links if u.startswith("#")} <= targets


def test_the_policy_allows_just_this_style_and_script(page):
    """The hashes in the policy are those of the page's own style and script."""
    policy = html.unescape(re.search(r'Security-Policy" content="([^"]+)"', page)[1])
    assert policy.startswith("default-src 'none'")
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_lyrics_and_names_are_escaped(page):
    """A line, a term or an artist that is markup or a formula is shown as text."""
    assert EVIL not in page
    assert page.count(html.escape(EVIL, quote=False).replace("'", "&#39;")) >= 9
    assert 'href="http://example.org' not in page
    assert "=HYPERLINK(" in page


def test_what_was_found_comes_first(page):
    """The reader meets counts and failing figures before any table, and noise is named."""
    start = page[: page.index('id="maps"')]
    assert "59" in start
    assert "25.0%" in start
    assert "DBCV" in start
    assert "demo model" in start
    assert "读作 GB18030" in start


def test_an_encoders_common_direction_is_named_on_the_first_page():
    """Before the maps, with what to set; not of an encoder without one, nor of an earlier run."""
    for cosine, named in ((0.87, True), (0.4, False), (None, False)):
        run = a_run()
        run.manifest["space"] = {
            "postprocess": "none",
            "mean_cosine": cosine,
            "threshold": COMMON_DIRECTION,
        }
        first = render_report(run, ReportConfig()).split('id="maps"')[0]
        assert ('id="common-direction"' in first) == named
        assert ("embedding.postprocess=center" in first) == named
    assert 'id="common-direction"' not in render_report(a_run(), ReportConfig())


def test_clusters_in_doubt_are_marked_in_place_and_sorted_by_their_number():
    """The sign is no part of the cell's text or value: neither sorting nor filter sees it."""
    run = a_run()
    classes = [
        "" if own < 0 else ["unstable", "doubtful", "stable"][own % 3]
        for own in run.clusters["cluster"]
    ]
    known = run.clusters.assign(stability_class=classes, stability=0.5)
    page = render_report(SimpleNamespace(**{**vars(run), "clusters": known}), ReportConfig())
    assert 'data-v="0" data-mark="??">0</td>' in page
    assert 'data-v="1" data-mark="?">1</td>' in page
    assert 'data-v="2">2</td>' in page
    assert "?? unstable (below 0.60)" in page
    plain = render_report(run, ReportConfig())
    assert "data-mark=" not in plain.partition("</style>")[2]
    assert "rapids-rap stability RUN" in plain


def test_noise_has_its_row_and_its_card(page):
    """Noise is reported like a cluster, last among the cards."""
    assert 'id="cluster--1"' in page
    assert page.index('id="cluster--1"') > page.index('id="cluster-2"')


def test_figures_stand_beside_their_baselines(page):
    """A figure, its baseline, a verdict where it fails, and why silhouette may fall."""
    quality = page[page.index('id="quality"') : page.index('id="inputs"')]
    assert "-0.500" in quality
    assert "-0.200" in quality
    assert quality.count("not better than the baseline") == 1
    assert "A fall can be an improvement" in quality
    assert quality.count("not computed") >= 2


def test_what_was_dropped_adds_up(page):
    """A row a file and one in all, with a column a rule."""
    inputs = page[page.index('id="inputs"') : page.index('id="method"')]
    for text in ("a.txt", "b.lrc", "全部 all files", "credits", "header", "symbols", "我们"):
        assert text in inputs


def test_the_run_can_be_repeated_from_the_page(page):
    """Command, configuration, model fingerprint and seed are there."""
    for text in ("rapids-rap run lyrics.txt", "[clusters]\nmin_cluster_size = 5", "f00d"):
        assert text in page


def test_a_run_without_anything_is_still_a_page():
    """No key of the manifest, no figure, no artist and no map: dashes, never an error."""
    empty = a_run(clusters=0, manifest={}, quality={}, maps={})
    for name in ("clusters", "cluster_terms", "cluster_examples", "themes", "cluster_emotions"):
        setattr(empty, name, getattr(empty, name).iloc[:0])
    empty.cluster_artists = empty.artist_clusters = None
    structure = Structure(render_report(empty, ReportConfig()))
    assert structure.open == []


def test_regions_appear_where_given():
    """The table of regions is there exactly when the run has one."""
    regions = a_run().cluster_artists.rename(columns={"artist": "region"}).assign(region="四川")
    assert "四川" in render_report(a_run(cluster_regions=regions), ReportConfig())
    assert 'id="regions"' not in render_report(a_run(), ReportConfig())


def test_an_interval_that_is_not_given_says_why_in_its_place():
    """Cards and regions name the reason; an absurd one of an earlier version is not quoted."""
    table = a_run().cluster_artists.assign(lift_low=np.nan, lift_high=np.nan, note="too few songs")
    shown = render_report(a_run(cluster_artists=table), ReportConfig())
    assert '1.50 <span class="soft">歌曲太少 too few songs</span>' in shown
    regions = table.rename(columns={"artist": "region"}).assign(note="too few artists")
    assert "歌手太少 too few artists" in render_report(
        a_run(cluster_regions=regions), ReportConfig()
    )
    absurd = a_run().cluster_artists.assign(lift_low=2e-7, lift_high=68_190_200.0)
    shown = render_report(a_run(cluster_artists=absurd), ReportConfig())
    assert "68,190,200" not in shown
    assert "区间太宽 interval too wide" in shown


def test_figures_say_that_few_songs_or_seen_songs_stand_behind_them():
    """Too few songs stand where the interval would; songs left out are told on the first page."""
    figure = {"value": 0.4, "interval": None, "baseline": 0.1, "baseline_name": "", "meaning": ""}
    left_out = "54 of 66 songs are left out, because the model was trained on them"
    quality = {"next_line_retrieval": figure | {"note": "too few songs"}}
    few = render_report(a_run(quality=quality), ReportConfig())
    assert "区间：歌曲太少 too few songs" in few
    assert "不计入检索" not in few
    quality["next_line_retrieval"] |= {"note": left_out, "songs_left_out": 54}
    head = render_report(a_run(quality=quality), ReportConfig()).split('id="maps"')[0]
    assert left_out in head


def test_limits_of_the_configuration_hold():
    """The number of examples and terms, and the title, are those asked for."""
    run = a_run()
    run.cluster_examples = pd.concat([run.cluster_examples] * 9).assign(text="一行歌词")
    shown = render_report(run, ReportConfig(examples=2, title="我的报告"))
    assert shown.count("一行歌词") == 2 * 4
    assert "<title>我的报告</title>" in shown


def test_a_lone_surrogate_does_not_stop_the_report():
    """A file name that is not UTF-8 is replaced, so the page can always be written."""
    run = a_run()
    run.manifest["inputs"][0]["path"] = "坏\udce9.txt"
    assert render_report(run, ReportConfig()).encode()


def test_a_page_of_large_maps_stays_light(monkeypatch):
    """Pictures are made smaller until the page is within its budget."""
    monkeypatch.setattr(report_images, "BUDGET", 900_000)
    noisy = {f"{name}.png": png(1400, 1050, noise=True) for name in ("clusters", "density")}
    images = report_images.page_images(noisy, {})
    assert sum(len(image.uri) for image in images) * 3 / 4 <= 900_100
    assert images[0].width < 1400


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, "int", "—"),
        (float("nan"), "num", "—"),
        (1234567, "int", "1,234,567"),
        (3.0, "int", "3"),
        (0.1234, "share", "12.3%"),
        (12.34, "percent", "12.3%"),
        (0.12345, "num", "0.123"),
        (0.0494, "q", "0.049"),
        (0.00001, "q", "<0.001"),
        (True, "text", "是 yes"),
        ("词", "int", "词"),
    ],
)
def test_cells(value, kind, text):
    """Numbers are written for people, and what is missing is a dash."""
    assert format_cell(value, kind) == text


def test_verdicts():
    """Equal to the baseline is not better; for anisotropy lower is better; sections are walked."""
    figures = collect_figures(
        {
            "a": {"value": 0.5, "baseline": 0.5},
            "anisotropy": {"value": 0.1, "baseline": 0.5},
            "part": {"b": {"value": 0.9, "baseline": 0.5}, "c": {"value": None, "note": "why"}},
            "plain": 3,
            "infinite": float("inf"),
        }
    )
    assert [f.key for f in figures] == ["a", "anisotropy", "part.b", "part.c", "plain", "infinite"]
    assert [f.key for f in failing(figures)] == ["a"]
    assert figures[4].figure.value == 3
    assert figures[5].figure.value is None


def on_a_gpu(parity=None):
    run = a_run()
    used = {
        "device": "Card 1",
        "compute_capability": "9.0",
        "driver": "580",
        "allocated": 2**30,
        "peak": 2**29,
        "kernels": {"pool": 1234},
        "algorithms": {"neighbors": "faiss, exact"},
        "host_copies": {},
    }
    run.manifest["backend"] = {"name": "gpu", "reason": "there is one", "used": used}
    run.manifest["parity"] = parity
    return run


def test_a_gpu_run_shows_what_was_used_and_that_nothing_was_compared():
    """Device, kernels and algorithms are on the page, and a missing certificate is said."""
    page = render_report(on_a_gpu(), ReportConfig())
    for expected in ("Card 1", "1,234 launches", "faiss, exact", "1,024 MiB", "No parity"):
        assert expected in page
    assert "GPU memory so far" in page
    assert "used-table" not in render_report(a_run(), ReportConfig())
    assert "GPU memory so far" not in render_report(a_run(), ReportConfig())


def test_a_certificate_is_shown_with_its_misses_and_what_did_not_run():
    """The verdict, a failed figure and a part that did not run can't be overlooked."""
    parity = {
        "verdict": "failed",
        "device": "Card 1",
        "compute_capability": "9.0",
        "driver": "580",
        "created": "2026-01-02",
        "parts": {"kernels": "ran", "layout": "not run: no cuml"},
        "figures": [
            {
                "part": "kernels",
                "name": "pool error",
                "value": 0.5,
                "needed": "<= 0.1",
                "passed": False,
                "note": "",
            },
            {
                "part": "kernels",
                "name": "small",
                "value": 0.0000123,
                "needed": "<= 0.1",
                "passed": True,
                "note": "",
            },
        ],
    }
    page = render_report(on_a_gpu(parity), ReportConfig())
    assert "1.23e-05" in page
    assert "<strong>failed</strong>" in page
    assert "FAILED" in page
    assert "layout: not run: no cuml" in page


TREE = pd.DataFrame(
    {
        "parent": [-2, -3, -4, -4, -3],
        "child": [-3, -4, 0, 1, 2],
        "strength": [np.nan, 0.2, 0.5, 0.5, 0.2],
        "size": [30, 20, 10, 10, 10],
        "kind": ["theme", "branch", "cluster", "cluster", "cluster"],
        "theme": pd.array([0] * 5, dtype="Int64"),
    }
)


def test_the_tree_and_the_sweep_have_their_place():
    """Figure, paths and the chosen size where a run has them; an earlier run reads as before."""
    run = a_run(tree=TREE, maps={"tree.png": png(), "sizes.png": png()})
    run.clusters["path"] = [None, "0 > -4 > 0", "0 > -4 > 1", "0 > 2"]
    run.manifest["clusters"] = {"min_cluster_size": 15, "plateau": 30, "why": EVIL}
    page = render_report(run, ReportConfig())
    assert 'id="tree"' in page
    assert "主题 0 江湖 › 2 个聚类（0, 1） › 聚类 0" in page
    assert "主题 0 江湖 › 聚类 2" in page
    assert html.escape(EVIL, quote=False).replace("'", "&#39;") in page
    assert EVIL not in page
    before = render_report(a_run(), ReportConfig())
    assert 'id="tree"' not in before
    assert 'id="sizes"' not in before
    for strange in (3, "x", {"why": 7}, None):
        odd = a_run()
        odd.manifest["clusters"] = strange
        assert 'id="sizes"' not in render_report(odd, ReportConfig())
