"""The order of the stages: which of them a changed setting runs again, and which are kept."""

import typing

import pytest
from rich.console import Console

from rapids_rap import pipeline
from rapids_rap.config import Config
from rapids_rap.machine.device import DeviceResolution
from rapids_rap.progress import StageProgress
from rapids_rap.runs.job import Job
from rapids_rap.settings import change_config
from tests.tiny_nights import write_songs

AFTER_WORDS = {"terms", "theme_terms", "keyness", "follows", "quality"}
AFTER_CLUSTERS = {*AFTER_WORDS, "artists", "emotions"}
AFTER_LAYOUT = {"votes", "clusters", "hierarchy", *AFTER_CLUSTERS}
AFTER_SPACE = {"neighbors", "retrieval", "layout", *AFTER_LAYOUT}
AFTER_CORPUS = {"corpus", "retrieval", *(AFTER_LAYOUT - {"votes"})}
AFTER_TOKENS = {"segment", "retrieval", "lexicon", "emotions", *AFTER_WORDS}

SECTIONS = {
    "input": AFTER_CORPUS,
    "corpus": AFTER_CORPUS,
    "embedding": set(),  # what decides a vector is in the store's space, which has its own tests
    "neighbors": {"neighbors", "layout", *AFTER_LAYOUT},
    "layout": {"layout", *AFTER_LAYOUT},
    "clusters": AFTER_LAYOUT,
    "terms": AFTER_WORDS - {"follows"},
    "lexicon": {"lexicon", "emotions", "follows", "quality"},
    "quality": {"quality"},
}
FIELDS = {
    "seed": AFTER_SPACE,
    "clusters.noise": AFTER_LAYOUT - {"votes"},
    "clusters.themes": AFTER_LAYOUT - {"votes"},
    "input.decisions": set(),
    "input.regions": {"artists"},
    # Longer lists are made in any case, and cut.
    "terms.top": {"keyness", "quality"},
    "quality.permutations": {"keyness", "artists", "emotions", "quality"},
    # How many dimensions are whitened says nothing where none are.
    "embedding.postprocess": AFTER_SPACE,
    "embedding.lexical": AFTER_SPACE,
    "terms.user_words": AFTER_TOKENS,
    "terms.stop_words": AFTER_WORDS,
    "lexicon.path": AFTER_TOKENS,
    "scale.fit_lines": {
        *("fitted_neighbors", "near", "layout", "settled", "sampled_votes"),
        *(AFTER_LAYOUT - {"votes"}),
    },
    "quality.stability": {"stability", "quality"},
    **{
        f"quality.{name}": {"retrieval", "quality"}
        for name in ("retrieval_lines", "artist_songs", "bootstrap")
    },
}
"""What a field runs again where that is not what its section does."""


def settings():
    """Every setting, but for the inputs themselves, models, and files that no stage reads."""
    names = ["seed"]
    for section, field in Config.model_fields.items():
        for name, one in field.annotation.model_fields.items() if section != "seed" else ():
            text = one.annotation is str and section not in ("input", "terms", "lexicon")
            if not text and not isinstance(one.default, tuple):
                names.append(f"{section}.{name}")
    return names


def other_value(name, folder):
    """A value of a setting that is not its default."""
    files = {
        "input.decisions": ("kind,id,decision,value,who,when\n", "decisions.csv"),
        "input.regions": ("artist,region\n甲,北\n", "regions.csv"),
        "terms.stop_words": ("云\n", "stop.txt"),
        "terms.user_words": ("云上\n", "own.txt"),
        "lexicon.path": ("category,word\n积极,云\n", "lexicon.csv"),
    }
    if name in files:
        content, file = files[name]
        (folder / file).write_text(content, encoding="utf-8")
        return str(folder / file)
    if name == "seed":
        return "43"
    section, _, key = name.partition(".")
    field = Config.model_fields[section].annotation.model_fields[key]
    if name == "neighbors.engine":
        return "exact"  # cuvs is refused on the CPU
    if typing.get_origin(field.annotation) is typing.Literal:
        return next(v for v in typing.get_args(field.annotation) if v != field.default)
    if isinstance(field.default, bool):
        return str(not field.default).lower()
    if isinstance(field.default, int):
        return str(field.default + 1)
    if isinstance(field.default, float):
        return "0.5" if field.default != 0.5 else "0.4"
    return "x"  # the name of a column


class Replay:
    """Runs the pipeline once; then, with other settings, only asks which keys its stages have."""

    def __init__(self, folder):
        self.folder = folder
        write_songs(folder / "lyrics", 0, 9)
        self.results, self.keys, self.vectors = {}, {}, None
        self.before = self.run({})

    def run(self, changes):
        """The key of each stage under these settings."""
        config = change_config(
            Config(),
            [
                "embedding.model=demo",
                f"input.paths=['{self.folder / 'lyrics'}']",
                *(f"{name}={value}" for name, value in changes.items()),
            ],
        )
        self.keys = {}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Job, "_kept", self._kept(Job._kept))
            patch.setattr(pipeline, "embed", self._embed(pipeline.embed))
            patch.setattr(pipeline, "publish", lambda *_: None)
            out = self.folder / "run"
            progress = StageProgress(Console(quiet=True))
            pipeline.run(config, out, DeviceResolution("cpu", ""), progress, overwrite=True)
        return self.keys

    def _kept(self, compute):
        def kept(job, name, function, key, call, sound):
            self.keys[name] = key
            if name not in self.results:
                self.results[name] = compute(job, name, function, key, call, sound)
            return job.know(self.results[name], key)

        return kept

    def _embed(self, compute):
        def embed(*arguments):
            self.vectors = self.vectors or compute(*arguments)
            return self.vectors

        return embed


@pytest.fixture(scope="module")
def replay(tmp_path_factory):
    return Replay(tmp_path_factory.mktemp("replay"))


def test_every_kept_stage_is_declared(replay):
    """`STAGES`, by whose versions a night knows that the program has changed, leaves none out."""
    off = {"stability", "fitted_neighbors", "near", "settled", "sampled_votes"}  # by default
    assert set(replay.before) == set(pipeline.STAGES) - off
    assert replay.run({}) == replay.before


@pytest.mark.parametrize("name", settings())
def test_a_setting_runs_again_what_reads_it_and_nothing_else(replay, tmp_path, name):
    """A changed setting changes the keys of the stages it is an argument of, and of their heirs."""
    now = replay.run({name: other_value(name, tmp_path)})
    changed = {stage for stage, key in now.items() if key != replay.before.get(stage)}
    section = name.partition(".")[0]
    assert changed == FIELDS.get(name, SECTIONS.get(section, set()))


def test_the_longest_figure_is_kept_where_a_sample_changes(replay):
    """Retrieval, the longest, does not run again for another sample of DBCV."""
    now = replay.run({"quality.dbcv_sample": 999})
    assert now["retrieval"] == replay.before["retrieval"]
    assert now["quality"] != replay.before["quality"]


@pytest.mark.parametrize(
    ("name", "on"),
    [
        ("embedding.whiten_dims", {"embedding.postprocess": "whiten"}),
        ("embedding.remove_dims", {"embedding.postprocess": "remove"}),
        ("embedding.lexical_dims", {"embedding.lexical": "words"}),
    ],
)
def test_a_detail_of_the_space_runs_again_what_lies_in_it(replay, name, on):
    """Dimensions count where that which they belong to is on."""
    before, now = replay.run(on), replay.run({**on, name: "9"})
    assert {stage for stage, key in now.items() if key != before[stage]} == AFTER_SPACE
