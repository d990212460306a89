"""What a paper says of a run: how it was made, where data and software are, how to cite them."""

from __future__ import annotations

import importlib.metadata
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePath, PureWindowsPath
from typing import Any

import pandas as pd

from rapids_rap.config import OWN_WORD, Config
from rapids_rap.quality.figures import figure_of
from rapids_rap.report.page import settings_text
from rapids_rap.runs.run import Run
from rapids_rap.tables.doubts import find_doubts
from rapids_rap.tables.sampled import sampled

AUTHORS, LICENCE = "The rapids-rap authors", "Apache-2.0"
_FILES = (
    "input.regions",
    "input.decisions",
    "terms.stop_words",
    "terms.user_words",
    "lexicon.path",
    "train.heldout",
)
_REFERENCES = (
    "References: Campello, R. J. G. B., Moulavi, D., & Sander, J. (2013). Density-based clustering "
    "based on hierarchical density estimates. PAKDD. McInnes, L., Healy, J., & Melville, J. "
    "(2018). UMAP: Uniform manifold approximation and projection for dimension reduction. "
    "arXiv:1802.03426."
)
_LEFT_OUT = frozenset(OWN_WORD) - {"embedding.trust_remote_code"}


def settings(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting of a run; of files their names alone, and nothing of whose machine it was."""
    kept: dict[str, Any] = {}
    for section, values in manifest["config"].items():
        if not isinstance(values, Mapping):
            kept[section] = values
            continue
        kept[section] = {
            key: _named(f"{section}.{key}", value)
            for key, value in values.items()
            if f"{section}.{key}" not in _LEFT_OUT
        }
    return kept


def settings_toml(run: Run) -> str:
    """The settings as a configuration that `rapids-rap run --config` reads."""
    return settings_text(settings(run.manifest)) + "\n"


def methods(run: Run, training: str = "") -> str:
    """The paragraphs on how a run was made, with each version, seed and setting.

    training: how its model was tuned, "" where it was not.
    """
    made = (
        _corpus(run),
        _embedding(run),
        training,
        _clustering(run),
        _people(run),
        _reading(run),
        _chance(run),
    )
    parts = [part for part in (*made, _software(run)) if part]
    changed = _changed(settings(run.manifest))
    said = "; ".join(f"`{key} = {value}`" for key, value in changed.items()) or "none"
    every = settings(run.manifest)
    listed = "; ".join(f"{key} = {value}" for key, value in _flat(every).items())
    return (
        "\n\n".join(
            (
                "# Methods",
                *parts,
                f"Settings other than the defaults: {said}.",
                f"All settings (settings.toml holds the same): {listed}.",
                _REFERENCES,
            )
        )
        + "\n"
    )


def statements(run: Run, *, with_lyrics: bool) -> str:
    """The statements on data and software that journals ask for."""
    manifest = run.manifest
    version = manifest.get("versions", {}).get("rapids-rap", "unknown")
    lyrics = (
        "Lines that stand nearest to the centres of clusters are quoted in tables/examples;\n"
        "whether they may be published is to be settled with the owners of the lyrics."
        if with_lyrics
        else "No passage of the lyrics is part of these files: only terms, names and figures."
    )
    return f"""# Data and software

## Data

The lyrics are their owners' and are not distributed here. {lyrics} The files that were read are
identified by their SHA-256 in data_files.csv, so that whoever has them can verify that they have
the same ({len(manifest.get("inputs", []))} files). Derived tables are in tables/, as CSV.

## Software

The analysis was made with rapids-rap {version} (licence {LICENCE}), and with the libraries and
versions that methods.md names. It is made again by

    rapids-rap run LYRICS --config settings.toml

with the same files, versions and seed ({manifest.get("seed", "unknown")}). CITATION.cff says how to
cite the software.
"""


def data_files(run: Run) -> pd.DataFrame:
    """name, sha256, format, encoding, read, kept of each input; no folders."""
    columns = ["name", "sha256", "format", "encoding", "read", "kept"]
    rows = [
        {**file, "name": file_name(str(file.get("path")))}
        for file in run.manifest.get("inputs", [])
    ]
    return pd.DataFrame(rows).reindex(columns=columns)


def citation(version: str) -> str:
    """CITATION.cff (version 1.2.0 of the format) of the software that made a run."""
    summary, authors, licence = _metadata()
    quoted = json.dumps  # a JSON string is one of YAML
    return f"""cff-version: 1.2.0
message: "If you use this software, please cite it as below."
type: software
title: rapids-rap
abstract: {quoted(summary)}
version: {quoted(version)}
license: {licence}
authors:
  - name: {quoted(authors)}
keywords:
  - lyrics
  - Chinese
  - embeddings
  - clustering
"""


def file_name(path: str) -> str:
    """The last part of a path of any system; what is no Unicode in it is a question mark."""
    return PurePath(PureWindowsPath(path).name).name.encode("utf-8", "replace").decode()


def _metadata() -> tuple[str, str, str]:
    """What the installed package says of itself: summary, authors, licence."""
    try:
        said = importlib.metadata.metadata("rapids-rap").json
    except importlib.metadata.PackageNotFoundError:
        said = {}
    usual = {"summary": "Clusters of rap lyrics", "author": AUTHORS, "license_expression": LICENCE}
    summary, authors, licence = (str(said.get(key) or value) for key, value in usual.items())
    return summary, authors, licence


def _named(key: str, value: Any) -> Any:
    """A setting as it is told: of a file, or of a model's folder, its name."""
    if key in _FILES:
        return file_name(value) if isinstance(value, str) else value
    if key == "embedding.model" and isinstance(value, str):
        return model_name(value)
    return value


def model_name(name: str) -> str:
    """A model as others know it: a hub's `owner/name` whole, of a folder its name."""
    hub = name.count("/") == 1 and name[0] not in "./~" and "\\" not in name
    return name if hub else file_name(name.rstrip("/\\")) or name


def _flat(config: Mapping[str, Any]) -> dict[str, str]:
    flat: dict[str, str] = {}
    for section, values in config.items():
        pairs = values.items() if isinstance(values, Mapping) else [("", values)]
        for key, value in pairs:
            name = f"{section}.{key}" if key else section
            flat[name] = json.dumps(value, ensure_ascii=False)
    return flat


def _changed(config: Mapping[str, Any]) -> dict[str, str]:
    usual = _flat(Config().model_dump(mode="json"))
    return {key: value for key, value in _flat(config).items() if usual.get(key) != value}


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else "an unknown number of"


def _corpus(run: Run) -> str:
    counts = run.manifest["counts"]
    whose = (
        f" ({_number(counts['songs'])} songs by {_number(counts.get('artists'))} artists)"
        if counts.get("songs")
        else " (no songs are named in them)"
    )
    dropped = ", ".join(f"{rule} {number:,}" for rule, number in counts.get("dropped", {}).items())
    corpus = _section(run, "corpus")
    script = (
        " and converted to simplified characters" if corpus.get("script") == "simplified" else ""
    )
    return (
        f"The corpus holds {_number(counts.get('kept'))} lines of lyrics{whose}, of "
        f"{_number(counts.get('read'))} read; cleaning dropped, by rule: {dropped or 'none'}. "
        f"Texts were normalised (Unicode NFKC){script}; the unit is the "
        f"{corpus.get('unit', 'line')}. "
        f"Equal texts are one: {_number(counts.get('distinct'))} distinct texts, each weighted by "
        "its occurrences in tables."
    )


def _embedding(run: Run) -> str:
    model, how = run.manifest["model"], _section(run, "embedding")
    origin = f", {model['origin']}" if model.get("origin") else ""
    space = _entry(run.manifest.get("space"))
    after = how.get("postprocess", "none")
    return (
        f"Each distinct text was embedded with {model_name(str(model.get('name', 'unknown')))}"
        f"{origin} (fingerprint "
        f"{model.get('fingerprint') or 'unknown'}; {model.get('dim', 'unknown')} dimensions, "
        f"{model.get('pooling', 'unknown')} pooling, {model.get('dtype', 'unknown')}, at most "
        f"{model.get('max_tokens', 'unknown')} tokens, {_number(model.get('truncated', 0))} texts "
        f"cut). Post-processing of vectors: {after}; lexical vectors beside them: "
        f"{how.get('lexical', 'none')}. Mean cosine of two texts: "
        f"{_decimal(space.get('mean_cosine'))}. Songs that the model is known to have been trained "
        f"on, which retrieval leaves out: {_number(model.get('trained_on'))}."
    )


def _clustering(run: Run) -> str:
    manifest, counts = run.manifest, run.manifest["counts"]
    near, layout = _entry(manifest.get("neighbors")), _section(run, "layout")
    how, used = _section(run, "clusters"), _entry(manifest.get("clusters"))
    versions = manifest.get("versions", {})
    votes = run.votes
    part = f"{sampled(manifest)[1]} ".lstrip()  # empty where all texts were laid out
    layouts = "an unknown number of" if votes is None else f"{votes.labels.shape[1]}"
    return (
        f"The {near.get('k', 'unknown')} nearest neighbours of each text by cosine (FAISS, engine "
        f"{near.get('engine', 'unknown')}, recall {_decimal(near.get('recall'))}) make one graph. "
        "From it UMAP (McInnes, Healy & Melville 2018; "
        f"{_version(versions, 'umap-learn', 'cuml')}) made a map of two dimensions to look at and "
        f"{layouts} layouts of "
        f"{layout.get('dimensions', 'unknown')} dimensions (n_neighbors "
        f"{layout.get('n_neighbors', 'unknown')}, min_dist {layout.get('min_dist', 'unknown')}, "
        f"initialisation {layout.get('init', 'unknown')}), each clustered by HDBSCAN (Campello, "
        f"Moulavi & Sander 2013; {_version(versions, 'fast_hdbscan', 'cuml')}; smallest cluster "
        f"{used.get('min_cluster_size', 'unknown')} texts, min_samples "
        f"{how.get('min_samples', 'unknown')}, selection {how.get('selection', 'unknown')}). A "
        f"cluster is what most layouts agree on. {part}This gave "
        f"{_number(counts.get('clusters'))} clusters in {_number(counts.get('themes'))} themes; "
        f"{_number(counts.get('noise_lines'))} lines belong to none and are reported as noise. The "
        f"seed of everything random is {manifest.get('seed', 'unknown')}."
    )


def _people(run: Run) -> str:
    """What the researchers decided themselves; "" where nothing was."""
    rows = _entry(run.manifest.get("by_hand")).get("decisions", ())
    applied = [row for row in rows if row.get("applied") == "yes"]
    if not applied:
        return ""
    kinds = Counter(str(row.get("decision")) for row in applied)
    counts = ", ".join(f"{name} {count}" for name, count in sorted(kinds.items()))
    who = ", ".join(sorted({str(row.get("who")) for row in applied}))
    return (
        f"After clustering, {who} decided by hand (decisions by kind: {counts}); tables/clusters "
        "marks what they decided in the column by_hand. What is excluded is in no other table by "
        "cluster; shares are of all lines."
    )


def _reading(run: Run) -> str:
    terms = run.cluster_terms
    method = terms["method"].iloc[0] if len(terms) and "method" in terms else "unknown"
    doubts = find_doubts(run.clusters, run.manifest)
    weak = sum(bool(mark) for mark in doubts.marks.values())
    stability = figure_of(_entry(run.quality.get("stability")))
    people = run.quality.get("people")
    fit = figure_of(_entry(people.get("fit") if isinstance(people, Mapping) else None))
    return (
        f"Terms of a cluster are ranked by {method}; emotions are counted with a lexicon "
        f"({_section(run, 'lexicon').get('mode', 'unknown')}). Intervals are 95 % and resample "
        f"songs ({_section(run, 'quality').get('bootstrap', 'unknown')} draws where they are "
        "bootstrapped); where fewer than three songs would carry one, none is given. Recurrence of "
        f"clusters on subsamples of songs: {stability.text}. Krippendorff's alpha of people who "
        f"judged whether lines fit their clusters: {fit.text}. "
        f"Clusters in doubt (by {doubts.by or 'nothing that was measured'}), hatched in figures: "
        f"{weak}."
    )


def _chance(run: Run) -> str:
    """How p and q came about; "" where nothing was permuted."""
    permutations = _section(run, "quality").get("permutations")
    table = run.cluster_keyness
    if not permutations or table is None or not table["p"].notna().any():
        return ""
    most = int(permutations) * len(run.clusters) + 1
    return (
        f"p and q of terms, emotions, artists and regions rest on {_number(permutations)} "
        "permutations of whole songs; songs that share text are one. Songs of about the same "
        "number of lines (runs of about 20) exchange the sequence of their lines' clusters, "
        "stretched to their own length (terms, emotions), or their artists; artists exchange their "
        "regions. Each count is compared with the largest of its cluster in a permutation, of all "
        "terms, categories, artists or regions that could have been found (maxT, Westfall & Young "
        "1993); the maxima of all clusters, standardised by cluster, are one null distribution, "
        "and p = (b + 1) / (m + 1) (Phipson & Smyth 2010), b of m maxima being as large: by "
        f"cluster never below 1 in {most:,}. q is Benjamini and Hochberg's (1995) within each "
        "table, not across tables."
    )


def _software(run: Run) -> str:
    manifest = run.manifest
    versions = ", ".join(f"{name} {own}" for name, own in manifest.get("versions", {}).items())
    backend = _entry(manifest.get("backend"))
    gpu = f" ({backend['gpu']})" if backend.get("gpu") else ""
    return (
        f"Computed on the {str(backend.get('name', 'unknown')).upper()}{gpu} on "
        f"{manifest.get('created', 'an unknown day')}, with Python "
        f"{manifest.get('python', 'unknown')} on {manifest.get('platform', 'an unknown system')}; "
        f"versions: {versions or 'unknown'}."
    )


def _section(run: Run, name: str) -> Mapping[str, Any]:
    """A section of the run's settings; nothing where it has none."""
    return _entry(run.manifest["config"].get(name))


def _entry(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _decimal(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "unknown"


def _version(versions: Mapping[str, Any], name: str, other: str) -> str:
    own = next((key for key in versions if key == name or key.startswith(other)), "")
    return f"{own} {versions[own]}" if own else f"{name}, version unknown"
