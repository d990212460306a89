"""Runs cases of `folder_cases` in a sandbox: each ends with a result, or a sentence and its code.

A file of a good model, run or folder of nights is changed, what reads it is called as from the
command line, and the file is put back. `python -m tests.folder_fuzzing SEED NUMBER` runs one again.
"""

import contextlib
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import transformers

from rapids_rap.backend import load_backend
from rapids_rap.compare.grids import load_grid
from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding.embed import embed
from rapids_rap.embedding.model import resolve_model
from rapids_rap.errors import RapError
from rapids_rap.machine.memory_plan import find_model_size
from rapids_rap.settings import load_config
from tests.conftest import ROOT, Outcome, rap
from tests.embedding.conftest import _config, build_tokenizer, declare_pooling
from tests.folder_cases import FolderCase, change
from tests.fuzzing import Hang, watched
from tests.run_factory import make_run
from tests.tiny_nights import tiny_night, write_songs

TEXTS = tuple(
    f"{who}{what}" for who in "山水火风" for what in ("人心", "梦歌声", "天地日月", "雪花")
)
FAILURES = ROOT / "runs" / "fuzz"
RECORD = {  # what `train` writes of figures
    "train_lines": 900,
    "steps": 300,
    "views": ["dropout", "adjacent"],
    "view_cosine": 0.81,
    "songs": 40,
    "dev_songs": 12,
    "dev_pairs": 80,
    "dev_mrr_before": 0.2,
    "dev_mrr_after": 0.25,
    "tfidf_mrr": 0.1,
    "chance_mrr": 0.01,
    "best_step": 250,
    "intervals": {
        "dev_mrr_before": [0.1, 0.3],
        "dev_mrr_after": [0.2, 0.3],
        "dev_mrr_gain": [0.0, 0.1],
    },
}
Verb = Callable[[Path, random.Random], Outcome]


@dataclass
class Tally:
    """How the cases of one kind ended: by exit code."""

    codes: dict[int, int] = field(default_factory=dict)
    readers: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Folder:
    """A good folder, which of its files are changed, and what reads it; seal: after the change."""

    path: Path
    files: tuple[str, ...]
    verbs: tuple[Verb, ...]
    seal: Callable[[Path, str], None] = lambda folder, file: None


class Workshop:
    """The good folders, made once, below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.run = make_run(
            root / "small",
            TEXTS,
            np.arange(len(TEXTS)) % 3,
            vectors=np.random.default_rng(0).normal(size=(len(TEXTS), 32)),  # as wide as the models
        )
        self.folders = {
            **{f"model {name}": self._model(name) for name in ("qwen2", "bert", "xlm-roberta")},
            "model with projection": self._projection(),
            "training.json": self._training(),
            "store": self._store(),
            "grid": self._grid(),
            **self._nights(),
        }
        self.kinds = tuple(self.folders)

    def _model(self, family: str) -> Folder:
        folder = self.root / family
        torch.manual_seed(0)
        model = transformers.AutoModel.from_config(_config(family))
        model.save_pretrained(folder)
        build_tokenizer(family != "qwen2").save_pretrained(folder)
        declare_pooling(folder, "mean")
        (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 64}')
        prompts = {"prompts": {"doc": "山：", "q": ""}, "default_prompt_name": "doc"}
        (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
        files = (
            *(["config.json"] * 6),
            *(["tokenizer.json"] * 4),
            *("tokenizer_config.json", "modules.json", "1_Pooling/config.json"),
            *("sentence_bert_config.json", "config_sentence_transformers.json"),
            "model.safetensors",
        )
        return Folder(folder, files, (self._search, self._plan))

    def _projection(self) -> Folder:
        from rapids_rap.training.folder import save_head

        base = self.root / "base"
        shutil.copytree(self.folders_of("qwen2"), base)
        spec = resolve_model(EmbeddingConfig(model=str(base)), "float32")
        folder = self.root / "projected"
        folder.mkdir()
        save_head(torch.eye(spec.dim), spec, folder)
        files = ("2_Dense/config.json", "2_Dense/model.safetensors", "modules.json", "config.json")
        return Folder(folder, files, (self._search,))

    def folders_of(self, name: str) -> Path:
        """Where a model of this family lies."""
        return self.root / name

    def _training(self) -> Folder:
        folder = self.root / "trained"
        folder.mkdir()
        (folder / "training.json").write_text(json.dumps(RECORD))
        return Folder(folder, ("training.json",), (self._compare_trained,))

    def _store(self) -> Folder:
        folder = self.root / "store"
        self._embed(folder, random.Random(0))
        files = tuple(str(p.relative_to(folder)) for p in sorted(folder.rglob("*")) if p.is_file())
        return Folder(folder, files, (self._embed,), _commit)

    def _grid(self) -> Folder:
        folder = self.root / "grids"
        folder.mkdir()
        (folder / "grid.toml").write_text(
            'question = "Which?"\n[[cells]]\nname = "a"\nabout = "plain"\n[[cells]]\nname = "b"\n'
            'set = { "corpus.credits" = false, "layout.epochs" = 7 }\nview = "adjacent"\n'
        )
        return Folder(folder, ("grid.toml",), (_read_grid,))

    def _nights(self) -> dict[str, Folder]:
        place = self.root / "nights"
        place.mkdir()
        with contextlib.chdir(place):
            for stop in (9, 11):
                write_songs(Path("lyrics"), 0, stop)
                outcome = rap("nightly", *tiny_night())
                assert outcome.code == 0, outcome.err
        root = place / "root"
        (root / "labels.csv").write_text("kind,id,label\ncluster,0,夜\ntheme,0,城\n")
        config = load_config(None, [s for s in tiny_night() if "=" in s])
        (place / "rap.toml").write_text(_toml_of(config))
        run = max((root / "runs").iterdir())
        inner = [str(p.relative_to(run)) for p in sorted(run.rglob("*")) if p.is_file()]
        inner = [n for n in inner if not n.startswith(".")]
        numbers = [n for n in inner if n.endswith((".csv", ".parquet", ".npy", ".json"))]
        numbers += ["lines.parquet"] * 8 + ["clusters.csv"] * 5 + ["quality.json"] * 2
        numbers += ["vectors/vectors.npy", "themes.csv", "cluster_examples.csv"] * 2
        nights = ("root/state.json", "root/state.json", "root/labels.csv", "root/status.json")
        name = f"root/runs/{run.name}"
        nights += (f"{name}/manifest.json", f"{name}/nightly.json", f"{name}/clusters.csv")
        reading = (self._summary, self._cluster, self._verify, self._export, self._search_run)
        deep = (self._compare, self._summary, self._cluster)
        return {
            "run manifest": Folder(run, ("manifest.json",), (*reading, self._compare)),
            "run files": Folder(run, tuple(numbers), (*reading, *deep), _vouch),
            "run verify": Folder(run, ("manifest.json", *numbers), (self._verify,), _vouch),
            "run assign": Folder(run, ("manifest.json", *numbers), (self._assign,), _vouch),
            "nights": Folder(place, nights, (_dry_run, _dry_run, _rollback)),
            "rap.toml": Folder(place, ("rap.toml",), (_dry_run_config,)),
        }

    def _search(self, model: Path, rng: random.Random) -> Outcome:
        with contextlib.suppress(Exception):  # else it ends with another model's sentence
            manifest = json.loads((self.run / "manifest.json").read_text())
            spec = resolve_model(EmbeddingConfig(model=str(model)), "float32")
            manifest["model"]["fingerprint"] = spec.fingerprint
            (self.run / "manifest.json").write_text(json.dumps(manifest))
        given = ("--backend", "cpu", "--set", f"embedding.model={model}")
        return rap("search", self.run, "人心梦", *given)

    def _plan(self, model: Path, rng: random.Random) -> Outcome:
        return _called(lambda: find_model_size(EmbeddingConfig(model=str(model)), "float32"))

    def _compare_trained(self, model: Path, rng: random.Random) -> Outcome:
        manifest = json.loads((self.run / "manifest.json").read_text())
        manifest["config"]["embedding"]["model"] = str(model)
        (self.run / "manifest.json").write_text(json.dumps(manifest))
        return rap("compare", self.run, self.run, "--backend", "cpu")

    def _embed(self, store: Path, rng: random.Random) -> Outcome:
        config = EmbeddingConfig(model=str(self.root / "qwen2"), shard_texts=5)
        return _called(lambda: embed(TEXTS, config, load_backend("cpu"), store))

    def _summary(self, run: Path, rng: random.Random) -> Outcome:
        return rap("summary", run)

    def _cluster(self, run: Path, rng: random.Random) -> Outcome:
        return rap("summary", run, "--cluster", rng.choice((-1, 0, 1)))

    def _verify(self, run: Path, rng: random.Random) -> Outcome:
        return rap("verify", run)

    def _export(self, run: Path, rng: random.Random) -> Outcome:
        form = rng.choice(("csv", "jsonl", "parquet"))
        out = self.root / f"out.{form}"
        out.unlink(missing_ok=True)
        cluster = rng.choice(((), ("--cluster", 0)))
        return rap("export", run, *cluster, "--format", form, "--out", out)

    def _search_run(self, run: Path, rng: random.Random) -> Outcome:
        by = rng.choice(("line", "song", "artist"))
        return rap("search", run, "我爱你", "--by", by, "--backend", "cpu")

    def _compare(self, run: Path, rng: random.Random) -> Outcome:
        other = min(path for path in run.parent.iterdir() if path.is_dir())
        return rap("compare", run, other, "--backend", "cpu")

    def _assign(self, run: Path, rng: random.Random) -> Outcome:
        out, lyrics = self.root / "assigned.csv", self.root / "nights" / "lyrics"
        out.unlink(missing_ok=True)
        return rap("assign", run, lyrics, "--backend", "cpu", "--out", out)

    def case(self, seed: int, number: int) -> FolderCase:
        """Case `number` of `seed`; kinds take turns."""
        rng = random.Random(f"{seed}/{number}")
        kind = self.kinds[number % len(self.kinds)]
        folder = self.folders[kind]
        file = rng.choice(folder.files)
        return change(rng, kind, file, (folder.path / file).read_bytes())

    def try_case(self, case: FolderCase, number: int) -> Outcome:
        """What reads the changed folder, and how that ended; the folder is put back."""
        folder = self.folders[case.kind]
        path = folder.path / case.file
        kept = {path: path.read_bytes()}
        manifest = folder.path / "manifest.json"
        kept |= {manifest: manifest.read_bytes()} if manifest.exists() else {}
        kept |= {self.run / "manifest.json": (self.run / "manifest.json").read_bytes()}
        if case.kind == "store":
            kept |= {one: one.read_bytes() for one in folder.path.rglob("*") if one.is_file()}
        latest = self.root / "nights" / "root" / "latest"
        target = latest.readlink() if latest.is_symlink() else None
        rng = random.Random(number)
        try:
            path.unlink() if case.data is None else path.write_bytes(case.data)
            if rng.random() < 0.9:
                folder.seal(folder.path, case.file)
            with watched():
                return rng.choice(folder.verbs)(folder.path, rng)
        finally:
            for one, data in kept.items():
                one.write_bytes(data)
            for damaged in folder.path.rglob("*.damaged") if case.kind == "store" else ():
                damaged.unlink()
            if target is not None and latest.readlink() != target:
                latest.unlink()
                latest.symlink_to(target)


def _toml_of(config) -> str:
    from rapids_rap.settings import render_config

    return render_config(config)


def _called(function: Callable[[], object]) -> Outcome:
    """A call that stands for a command: its errors as the command line has them."""
    try:
        function()
    except RapError as error:
        return Outcome(error.exit_code, "", str(error))
    return Outcome(0, "", "")


def _read_grid(folder: Path, rng: random.Random) -> Outcome:
    def read() -> None:
        base = load_config(None)
        for cell in load_grid(str(folder / "grid.toml")).cells:
            cell.configure(base)

    return _called(read)


def _dry_run(place: Path, rng: random.Random) -> Outcome:
    with contextlib.chdir(place):
        return rap("nightly", *tiny_night(), "--dry-run", *rng.choice(((), ("--force",))))


def _dry_run_config(place: Path, rng: random.Random) -> Outcome:
    with contextlib.chdir(place):
        return rap("nightly", "--config", "rap.toml", "--backend", "cpu", "--dry-run")


def _rollback(place: Path, rng: random.Random) -> Outcome:
    with contextlib.chdir(place):
        return rap("rollback", "root")


def _vouch(run: Path, file: str) -> None:
    """Give the manifest the checksum of the changed file, so that more than the sum is read."""
    from rapids_rap.runs.files import sha256_file

    with contextlib.suppress(Exception):  # the manifest itself may be what is changed
        manifest = json.loads((run / "manifest.json").read_text())
        path = run / file
        manifest["files"][file] = {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
        if file != "manifest.json":
            (run / "manifest.json").write_text(json.dumps(manifest))


def _commit(store: Path, file: str) -> None:
    """Give the shard's record the checksum of the changed file."""
    from rapids_rap.runs.files import sha256_file

    name, _, part = file.partition(".")
    if part in ("ids.npy", "vectors.npy") and (store / file).exists():
        record = json.loads((store / f"{name}.json").read_text())
        record["sha256"][part] = sha256_file(store / file)
        (store / f"{name}.json").write_text(json.dumps(record))


def run_cases(shop: Workshop, seed: int, numbers: range, *, stop: bool = True) -> dict[str, Tally]:
    """Run them; a case that ends as a defect is kept below `FAILURES` and named."""
    tally: dict[str, Tally] = {}
    offline = mock.patch("huggingface_hub.snapshot_download", side_effect=OSError("no network"))
    with offline, mock.patch("os.fsync"), mock.patch("os.fdatasync"):
        for number in numbers:
            case = shop.case(seed, number)
            try:
                outcome = shop.try_case(case, number)
                assert outcome.code in (0, 2, 3, 5), f"exit {outcome.code}: {outcome.err[-1500:]}"
                assert "Traceback" not in outcome.err
                assert outcome.code == 0 or outcome.err.strip()
            except (Exception, Hang) as error:
                kept = _keep(case, seed, number)
                words = (
                    f"case {number} of seed {seed} ({case.kind}, {case.file}): "
                    f"{type(error).__name__}: {str(error)[-1500:]}; the file is {kept}, and "
                    f"`python -m tests.folder_fuzzing {seed} {number}` runs it again"
                )
                if stop:
                    raise AssertionError(words) from error
                print(words, flush=True)  # noqa: T201
                outcome = Outcome(1, "", "")
            counts = tally.setdefault(case.kind, Tally()).codes
            counts[outcome.code] = counts.get(outcome.code, 0) + 1
    return tally


def _keep(case: FolderCase, seed: int, number: int) -> Path:
    path = FAILURES / f"folder-{seed}-{number}" / case.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(case.data or b"")
    return path


def table(tally: dict[str, Tally]) -> str:
    """A row a kind, in Markdown."""
    codes = (0, 2, 3, 5, 1)
    head = "| kind | cases | " + " | ".join(f"exit {code}" for code in codes) + " |\n"
    head += "|---" * (2 + len(codes)) + "|\n"
    rows = [
        f"| {kind} | {sum(t.codes.values()):,} | "
        + " | ".join(f"{t.codes.get(code, 0):,}" for code in codes)
        + " |"
        for kind, t in sorted(tally.items())
    ]
    return head + "\n".join(rows) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        first, second = int(sys.argv[1]), int(sys.argv[2])
        until = int(sys.argv[3]) if len(sys.argv) > 3 else second + 1
        shop = Workshop(Path(temporary))
        print(table(run_cases(shop, first, range(second, until), stop=False)))  # noqa: T201
