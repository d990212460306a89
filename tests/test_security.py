"""What is not trusted (lyrics, names, files, models) stays data: in pages, tables, terminals, code.

The parts have their own tests; here hostile lyrics go through everything once, and the source is
held to the rules of docs/security.md.
"""

import ast
import html.parser
import json
import os
import re
import shutil
import stat
import sys

import pandas as pd
import pytest

from rapids_rap.data import data_path
from rapids_rap.embedding.model import read_model_config
from tests.conftest import ROOT, rap

SCRIPT = "<script>alert(1)</script>"
BREAKOUT = "</script><img src=x onerror=alert(1)>"
ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"
ARTISTS = ("../../x", SCRIPT, f"=cmd|'/C calc'!A0 {ESCAPE}", '"><svg onload=alert(1)>')
SOURCES = sorted(
    path
    for folder in ("rapids_rap", "bench", "kernels", "tools")
    for path in (ROOT / folder).rglob("*.py")
    if not {"bench", "kernels"} & set(path.relative_to(ROOT).parts[1:-1]) or folder == "bench"
)


def hostile_table():
    """Four artists, lines that repeat enough to become terms, clusters and examples."""
    rows = []
    for number, artist in enumerate(ARTISTS):
        for i in range(40):
            line = (
                f"=HYPERLINK({i}) 夜里的城市",
                f"{BREAKOUT} 兄弟 {i}",
                f"-{i} 想念 {SCRIPT}",
                f"{ESCAPE} 我的爱 {i}",
            )[number]
            rows.append((artist, f"{BREAKOUT}{number}", line + "好啊哦嗯"[i % 4]))
    return pd.DataFrame(rows, columns=["artist", "song", "text"])


class Page(html.parser.HTMLParser):
    """The tags and attributes of a page, as a browser would see them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The folder of a run over hostile lyrics, made under a umask of 027, and what was printed."""
    base = tmp_path_factory.mktemp("hostile") / "a" / "b"
    source = base / "in"
    source.mkdir(parents=True)
    hostile_table().to_csv(source / f"{SCRIPT.replace('/', '')}{ESCAPE}.csv", index=False)
    old = os.umask(0o027)
    try:
        outcome = rap(
            "run",
            source,
            "--model",
            "demo",
            "--backend",
            "cpu",
            "--out",
            base / "run",
            "--set",
            "maps.width=400",
            "--set",
            "maps.height=300",
            "--set",
            f"maps.title={SCRIPT}",
            "--set",
            f"report.title={BREAKOUT}",
            "--set",
            "embedding.lexical=words",
        )
        assert outcome.code == 0, outcome.err
        prints = [
            outcome,
            rap("export", base / "run", "--out", base / "export.csv"),
            rap("compare", base / "run", base / "run", "--out", base / "compared"),
            rap("ingest", source, "--out", base / "corpus.parquet"),
        ]
    finally:
        os.umask(old)
    for each in prints:
        assert each.code == 0, each.err
    return base, prints


def test_nothing_is_written_elsewhere(hostile):
    """Artists and songs named `../../x` name no files."""
    base, _ = hostile
    assert {path.name for path in base.iterdir()} == {
        "in",
        "run",
        "export.csv",
        "compared",
        "corpus.parquet",
        "dropped.parquet",
    }
    assert [path.name for path in base.parent.parent.iterdir()] == ["a"]
    manifest = json.loads((base / "run" / "manifest.json").read_text())
    names = {re.sub(r".*/", "", name) for name in manifest["files"]}
    assert all(re.fullmatch(r"[a-z_]+\.(csv|parquet|json|html|png|npy)", name) for name in names)


def test_pages_hold_lyrics_as_text(hostile):
    """No tag or attribute of a lyric, a name, a title or a file becomes one of the page."""
    base, _ = hostile
    for path, scripts in ((base / "run" / "report.html", 1), (base / "compared", 0)):
        path = path if path.is_file() else next(path.glob("*.html"))
        page = Page(path.read_text(encoding="utf-8"))
        assert page.tags.count("script") == scripts
        assert not [name for name in page.attributes if name.startswith("on")]
        if scripts:
            text = "".join(page.words)
            assert SCRIPT in text
            assert BREAKOUT in text
            assert "../../x" in text


def test_tables_hold_no_formulas(hostile):
    """No cell of any CSV file begins as a formula does."""
    base, _ = hostile
    tables = [
        *(base / "run").glob("*.csv"),
        base / "export.csv",
        *(base / "compared").glob("*.csv"),
    ]
    assert len(tables) >= 8
    seen = 0
    for path in tables:
        table = pd.read_csv(path, dtype="str", keep_default_na=False)
        for name in table.columns:
            for cell in table[name]:
                number = re.fullmatch(r"-?[\d.]+(e[-+]\d+)?", cell)
                assert number or not cell.startswith(tuple("=+-@\t\r＝＋－＠")), (path, cell)
                seen += cell.startswith("'=")
    assert seen


def test_terminals_are_not_addressed(hostile):
    """Whatever a run, a search or a summary prints: no escape sequence of a lyric gets through."""
    base, prints = hostile
    prints = [
        *prints,
        rap("search", base / "run", "我的爱", "-k", 5),
        rap("search", base / "run", "我的爱", "--by", "artist"),
        rap("search", base / "run", "我的爱", "--by", "song"),
        rap("summary", base / "run"),
        *(rap("summary", base / "run", "--cluster", c) for c in (-1, 0)),
        rap("run", base / "in" / f"none{ESCAPE}"),
        rap("--log-json", "run", base / "in" / f"none{ESCAPE}"),
        rap("--debug", "run", base / "in" / f"none{ESCAPE}"),
    ]
    said = "".join(each.out + each.err for each in prints)
    assert "\\x1b" in said
    assert "\\u009b" in said
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", said)


def test_files_have_the_rights_of_the_umask(hostile):
    """Under umask 027 the group may read what was written, and nobody else."""
    base, _ = hostile
    written = [p for part in ("run", "compared") for p in [base / part, *(base / part).rglob("*")]]
    written += [base / name for name in ("export.csv", "corpus.parquet", "dropped.parquet")]
    assert len(written) > 30
    for path in written:
        wanted = 0o750 if path.is_dir() else 0o640
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


@pytest.fixture
def folder_with_code(tmp_path):
    """A model folder whose configuration names code of its own, which would leave a mark."""
    folder = tmp_path / "model"
    shutil.copytree(data_path("demo_model"), folder)
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "unheard_of"
    config["auto_map"] = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(
        "from pathlib import Path\n"
        f"Path({str(tmp_path / 'ran')!r}).touch()\n"
        "from transformers import Qwen2Config, Qwen2Model\n"
        "class OwnConfig(Qwen2Config): pass\n"  # not Qwen2's own, which transformers would mark
        "class OwnModel(Qwen2Model): pass\n"
    )
    return folder


@pytest.mark.parametrize("verb", ["run", "train", "doctor"])
def test_code_of_a_model_folder_is_not_run(folder_with_code, tmp_path, monkeypatch, verb):
    """Without embedding.trust_remote_code no command runs what a model folder brings."""
    cache = tmp_path / "modules"
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(cache))
    monkeypatch.setattr(sys, "path", [*sys.path, str(cache)])
    lyrics = [] if verb == "doctor" else [ROOT / "examples" / "lyrics", "--out", tmp_path / "out"]
    outcome = rap(verb, *lyrics, "--backend", "cpu", "--model", folder_with_code)
    if verb != "doctor":
        assert outcome.code == 3
        assert "trust_remote_code" in outcome.err
    assert not (tmp_path / "ran").exists()
    read_model_config(folder_with_code, trust_remote_code=True)
    assert (tmp_path / "ran").exists()  # the trap was a trap


FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"}
FORBIDDEN_CALLS = {
    "eval",
    "exec",
    "compile",
    "os.system",
    "os.popen",
    "yaml.load",
    "yaml.unsafe_load",
    "tempfile.mktemp",
}
FORBIDDEN_METHODS = {"read_pickle", "to_pickle", "extractall", "unpack_archive"}


def calls(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            yield name, {k.arg: ast.unparse(k.value) for k in node.keywords}, node.lineno


def test_source_keeps_the_rules():
    """No pickle, no code from data, no shell, no archive unpacked, no remote code but by config."""
    assert len(SOURCES) > 150
    for path in SOURCES:
        check_source(path)


def check_source(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not {name.split(".")[0] for name in names} & FORBIDDEN_MODULES, path
    for name, given, line in calls(path):
        where = f"{path}:{line}"
        last = name.split(".")[-1]
        assert name not in FORBIDDEN_CALLS, where
        assert last not in FORBIDDEN_METHODS, where
        assert given.get("allow_pickle", "False") == "False", where
        assert given.get("shell", "False") == "False", where
        if name == "torch.load":
            assert given.get("weights_only") == "True", where
        if last == "from_pretrained":
            assert given.get("use_safetensors") == "True" or "Model" not in name, where
        trusts = given.get("trust_remote_code", "False")
        assert trusts == "False" or "trust_remote_code" in trusts, where
