"""The tables of a run for a paper: as CSV, and as LaTeX that needs booktabs and longtable alone."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rapids_rap.quality.figures import declared, interval_text, top_figures
from rapids_rap.runs.folder import csv_bytes
from rapids_rap.runs.run import Run

SHORT = 24  # characters of a term or a name; what is longer could be a passage of a song
_SMALLEST = 0.001  # that three decimals show
_WRAPPER = r"""% Compile with XeLaTeX or LuaLaTeX: the tables hold Chinese.
\documentclass{ctexart}
\usepackage{booktabs,longtable,pdflscape}
\begin{document}
\begin{landscape}
\footnotesize
%s
\end{landscape}
\end{document}
"""


@dataclass(frozen=True)
class PaperTable:
    """A table with its caption, which is LaTeX."""

    frame: pd.DataFrame
    caption: str


def paper_tables(run: Run, *, with_lyrics: bool) -> dict[str, PaperTable]:
    """By name, those that the run has. Lines of lyrics only with `with_lyrics`."""
    found = {
        "clusters": PaperTable(
            _clusters(run), "Clusters. Noise is cluster $-1$; stability with its 95\\% interval."
        ),
        "themes": PaperTable(_chosen(run.themes, _THEMES), "Themes, the coarse level."),
        "emotions": PaperTable(
            _emotions(run.cluster_emotions), "Share of each category in a cluster's hits."
        ),
        "quality": PaperTable(
            _quality(run), "Figures of quality, each with its 95\\% interval and its baseline."
        ),
    }
    for name, table, caption in (
        ("artists", _artists(run), "Share of each artist's lines in each theme."),
        ("cluster_artists", run.cluster_artists, "Artists by cluster; lift over all lines."),
        ("regions", run.cluster_regions, "Regions by cluster; lift over all lines."),
        ("keyness", run.cluster_keyness, "Evidence for each term of a cluster, by songs."),
        ("emotion_rates", run.cluster_emotion_rates, "Lines with a hit, beside all lines."),
        ("years", run.theme_years, "Themes by year; intervals resample songs."),
    ):
        if table is not None:
            found[name] = PaperTable(_plain(table), caption)
    if with_lyrics:
        found["examples"] = PaperTable(run.cluster_examples, "Lines nearest to each centre.")
    return found


def table_files(tables: Mapping[str, PaperTable]) -> dict[str, bytes]:
    """`tables/NAME.csv` and `tables/NAME.tex` of each, and `tables/all.tex`, which compiles."""
    files: dict[str, bytes] = {}
    for name, table in tables.items():
        files[f"tables/{name}.csv"] = csv_bytes(table.frame)
        files[f"tables/{name}.tex"] = latex(name, table).encode()
    inputs = "\n".join(rf"\input{{{name}}}\clearpage" for name in tables)
    files["tables/all.tex"] = (_WRAPPER.replace("%s", inputs)).encode()
    return files


def latex(name: str, table: PaperTable) -> str:
    """A longtable in booktabs' rules; every cell and heading is escaped."""
    frame = table.frame.reset_index(drop=True)
    if not frame.columns.is_unique:
        raise ValueError("a table has a column twice")
    styled = frame.style.hide(axis="index").format(_cells(frame))  # type: ignore[arg-type]
    styled = styled.format_index(_escaped, axis="columns")
    return styled.to_latex(
        environment="longtable",
        hrules=True,
        column_format="".join(_alignment(name, kind) for name, kind in frame.dtypes.items()),
        caption=table.caption,
        label=f"tab:{name}",
    )


def _alignment(name: Hashable, kind: Any) -> str:
    """Numbers to the right; what may be long is broken into lines."""
    wide = {"top_terms": 0.3, "text": 0.4, "note": 0.15, "by_hand": 0.15, "baseline_name": 0.15}
    if name in wide:
        return rf"p{{{wide[str(name)]}\linewidth}}"
    return "r" if pd.api.types.is_numeric_dtype(kind) else "l"


def _cells(frame: pd.DataFrame) -> dict[str, Callable[[object], str]]:
    whole = {
        name: pd.api.types.is_integer_dtype(kind)
        or bool((frame[name].dropna() % 1 == 0).all() if pd.api.types.is_numeric_dtype(kind) else 0)
        for name, kind in frame.dtypes.items()
    }
    return {str(name): _written(whole=own) for name, own in whole.items()}


def _written(*, whole: bool) -> Callable[[object], str]:
    def write(cell: object) -> str:
        if pd.isna(cell):  # type: ignore[call-overload]
            return "--"
        if isinstance(cell, str):
            return _escaped(cell)
        number = float(cell)  # type: ignore[arg-type]
        if 0 < number < _SMALLEST:  # a p is never nought
            return f"$<{_SMALLEST:.3f}$"
        text = f"{number:.0f}" if whole else f"{number:.3f}"
        return f"${text}$" if number < 0 else text

    return write


_SIGNS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "[": "{[}",  # behind the end of a row it would be a length
    "]": "{]}",
    '"': r"\textquotedbl{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{sign: "\\" + sign for sign in "&%$#_"},
}


def _escaped(text: object) -> str:
    """Text as LaTeX prints it, on one line; what can't be seen is left out."""
    shown = "".join(sign if sign.isprintable() else " " for sign in str(text))
    return "".join(_SIGNS.get(sign, sign) for sign in " ".join(shown.split()))


_THEMES = ("theme", "label", "clusters", "lines", "distinct_lines", "share", "top_terms")
_CLUSTERS = (
    "cluster",
    "label",
    "lines",
    "distinct_lines",
    "songs",
    "artists",
    "share",
    "agreement",
    "stability",
    "stability_low",
    "stability_high",
    "stability_class",
    "suggested_label",
    "theme",
    "by_hand",
    "top_terms",
)


def _chosen(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """Those columns that say anything."""
    known = table.columns[table.notna().any().to_numpy()]
    return _plain(table.loc[:, [name for name in columns if name in known]])


def _clusters(run: Run) -> pd.DataFrame:
    labels = run.names_of("cluster")
    table = run.clusters
    if labels:
        table = table.assign(label=table["cluster"].map(labels))
    return _chosen(table, _CLUSTERS)


def _emotions(table: pd.DataFrame) -> pd.DataFrame:
    """Without the hits of each category, which the shares tell."""
    return table[[name for name in table.columns if not str(name).startswith("hit_")]]


def _artists(run: Run) -> pd.DataFrame | None:
    """Each artist's lines over themes, for clusters would not fit on a page."""
    table = run.artist_clusters
    if table is None:
        return None
    out = _plain(table[["artist", "lines"]])
    shares = _by_theme(run, table)
    for theme in sorted(shares):
        out[f"theme {theme}" if theme >= 0 else "noise"] = shares[theme]
    return out


def _by_theme(run: Run, table: pd.DataFrame) -> dict[int, pd.Series]:
    """By theme, the share of each row of artist_clusters.csv.

    Of artist_themes.csv, for clusters that people excluded have no column; of runs from before it,
    the clusters' shares added up.
    """
    counted = run.artist_themes
    if counted is not None:
        wide = counted.pivot(index="artist", columns="theme", values="lines")
        wide = wide.reindex(table["artist"]).fillna(0).set_axis(table.index)
        return {int(theme): wide[theme] / table["lines"] for theme in wide.columns}
    of = dict(zip(run.clusters["cluster"].astype(str), run.clusters["theme"].tolist(), strict=True))
    names: dict[int, list[str]] = {theme: [] for theme in of.values()}
    for name in table.columns:
        if name in of:
            names[of[name]].append(name)
    return {theme: table[own].sum(axis=1) for theme, own in names.items()}


def _quality(run: Run) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for key, figure in top_figures(run.quality).items():
        if figure.value is None and not declared(key).explained:
            continue
        rows.append(
            {
                "figure": key,
                "value": figure.value,
                "interval": interval_text(figure.interval) or None,
                "baseline": figure.baseline,
                "baseline_name": figure.baseline_name or None,
                "note": figure.facts.get("note"),
            }
        )
    return pd.DataFrame(
        rows, columns=["figure", "value", "interval", "baseline", "baseline_name", "note"]
    )


_CUT = ("label", "suggested_label", "top_terms", "term", "artist", "region", "category")


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """The table with terms and names cut where they are so long that they could be lyrics."""
    cut = {}
    for name in _CUT:
        if name in table.columns:
            separator = "、" if name == "top_terms" else "·"
            cut[name] = table[name].map(lambda cell, by=separator: _cut(cell, by))
    return table.assign(**cut)


def _cut(cell: object, separator: str) -> object:
    if not isinstance(cell, str):
        return cell
    return separator.join(map(short, cell.split(separator)))


def markdown(text: str) -> bytes:
    """Text as the bytes of a Markdown file; no name in it is a tag where it becomes a page."""
    return text.replace("&", "&amp;").replace("<", "&lt;").encode("utf-8", "replace")


def short(text: str) -> str:
    """A term or a name, cut where it could be a passage."""
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"
