"""Every figure, declared once: its name, which way is better, what it may decide, how to read it.

A figure of quality.json is `{"value", "baseline", "baseline_name", "meaning"}` and, where it
applies, `"interval"` (95 %, null where there is none), `"rows"` (the texts it was computed on),
`"sampled"` (whether those are fewer than all), `"note"` and facts of its own. Report, terminal,
compare, ablation, gates, drift and bench read what they show of it, and how they judge it, here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Interval = tuple[float, float]

RECURRING = "recurring."  # before the key of a figure of the clusters that are there again alone

TOO_FEW_SONGS = "too few songs"  # for an interval
NO_SONGS = "no songs known"  # so that nothing says which lines are independent

SILHOUETTE = "silhouette"  # the family whose fall can be an improvement
TRAITS = "traits"  # form and origin: what clusters follow is read together, not one by one
SILHOUETTE_FALL = (
    "A fall can be an improvement: silhouette rewards few round blobs far apart, so splitting one "
    "vague blob into several real but neighbouring themes, or clustering lines that were noise "
    "before, lowers it; read it with coverage, DBCV and the number of clusters."
)
_SILHOUETTE_READING = (
    "轮廓系数下降不一定是退步：它偏爱少数彼此远离的圆团；把一个含混的大类拆成几个真实而相邻的小类，"
    "或把原先的噪声行纳入聚类，都会使它下降。应与覆盖率、DBCV 和聚类数一起看。"
    "A fall can be an improvement: silhouette favours few round groups far apart, so splitting one "
    "vague group into real neighbours, or clustering what was noise, lowers it."
)


@dataclass(frozen=True)
class Declaration:
    """What is true of a figure wherever it is shown.

    chinese, explained: its name and the question it answers, in Chinese. unit: of its value.
    lower_is_better: and not higher. ideal: its baseline is the best there is, so that nothing beats
    it. may_decide: whether it may say that one run is better. Three kinds may: retrieval on songs
    that no model has read, the recurrence of clusters on other songs, and people's agreement.
    What fewer and rounder clusters, a lexicon, or whitening by its very definition improve may not.
    watched: from night to night.
    memorised: measures memory on songs that a model was trained on. of_clusters: it may decide, and
    clusters that are not there again could win by it. family: of figures that are read alike.
    reading: a note that always stands beside it.
    """

    key: str
    chinese: str
    explained: str = ""
    unit: str = ""
    lower_is_better: bool = False
    ideal: bool = False
    may_decide: bool = False
    watched: bool = False
    memorised: bool = False
    of_clusters: bool = False
    family: str = ""
    reading: str = ""


DECLARATIONS = (
    Declaration(
        key="clusters",
        chinese="聚类的数量与大小",
        explained="有多少聚类，多大，多少行是噪声。",
    ),
    Declaration(
        key="follows",
        chinese="聚类依据意义还是形式",
        explained="聚类与情感词类别的关系，减去它与最强的一项形式的关系；高于 0 为依据意义。",
        unit="adjusted mutual information",
        watched=True,
    ),
    *(
        Declaration(
            key=key,
            chinese=f"聚类与{chinese}",
            explained=f"由聚类能否得知一行的{chinese}？0 为打乱的聚类。",
            unit="adjusted mutual information",
            lower_is_better=lower,
            ideal=lower,  # of form and origin no value is better than another by itself
            watched=not lower,
            memorised=memorised,
            family=TRAITS if lower else "",
        )
        for key, chinese, lower, memorised in (
            ("form.length", "字数", True, False),
            ("form.blanks", "空格数", True, False),
            ("form.rhyme", "韵母", True, False),
            ("form.script", "文字", True, False),
            ("form.first_character", "首字", True, False),
            ("form.repetition", "重复", True, False),
            ("meaning.lexicon", "情感词类别", False, False),
            ("meaning.words_around", "上下文的词", False, True),
            ("origin.artist", "歌手", True, True),
            ("origin.song", "歌曲", True, True),
        )
    ),
    Declaration(
        key="silhouette_cosine",
        chinese="轮廓系数（余弦，向量）",
        explained="各行与本聚类是否比与最近的其他聚类更相像？",
        unit="-1 to 1",
        watched=True,
        family=SILHOUETTE,
        reading=_SILHOUETTE_READING,
    ),
    Declaration(
        key="silhouette_layout",
        chinese="轮廓系数（欧氏，地图）",
        explained="在读者所见的地图上，聚类是否彼此分开？",
        unit="-1 to 1",
        watched=True,
        family=SILHOUETTE,
        reading=_SILHOUETTE_READING,
    ),
    Declaration(
        key="dbcv",
        chinese="基于密度的有效性 DBCV",
        explained="聚类内部是否稠密、之间是否空疏，不论形状（−1 至 1）。",
        unit="-1 to 1",
        watched=True,
    ),
    Declaration(
        key="dbcv_layout",
        chinese="基于密度的有效性（地图）",
        unit="-1 to 1",
    ),
    Declaration(
        key="trustworthiness",
        chinese="地图的可信度",
        explained="地图上的邻居在向量空间中也是邻居吗？（0.5 约为随机，1 为全部）",
        unit="0 to 1",
        watched=True,
    ),
    Declaration(
        key="topic_diversity",
        chinese="代表词多样性",
        explained="各聚类代表词中互不相同者的比例；高本身不是优点。",
        unit="share",
        watched=True,
    ),
    Declaration(
        key="npmi_coherence",
        chinese="代表词一致性 NPMI",
        # People's judgement does not follow it (ProxAnn, ACL 2025): quoted, and decides nothing.
        explained="同一聚类的代表词是否出现在同一行（−1 至 1）？",
        unit="-1 to 1",
        watched=True,
    ),
    Declaration(
        key="common_terms",
        chinese="代表词中的虚词",
        unit="share",
        lower_is_better=True,
    ),
    Declaration(
        key="stability",
        chinese="稳定性",
        explained="对歌曲重抽样后，聚类是否再现？",
        unit="0 to 1",
        may_decide=True,
        watched=True,
    ),
    *(
        Declaration(
            key=f"people.{key}",
            chinese=chinese,
            explained=explained,
            unit="Krippendorff's alpha",
            may_decide=key == "fit",
        )
        for key, chinese, explained in (
            (
                "fit",
                "标注者一致：归属",
                "人们对一行是否属于一个聚类看法一致吗？1 为完全一致，0 为随机。",
            ),
            ("intruder", "标注者一致：异类", "人们对五行中哪一行不属于聚类看法一致吗？"),
            ("names", "标注者一致：名称", "人们对四个名称中哪个合适看法一致吗？"),
            ("emotion", "标注者一致：情绪", "人们对一行的情绪看法一致吗？"),
        )
    ),
    Declaration(
        key="next_line_cluster",
        chinese="相邻行同聚类",
        unit="Cohen's kappa",
        may_decide=True,
        memorised=True,
        of_clusters=True,
    ),
    Declaration(
        key="next_line_retrieval",
        chinese="下一行检索",
        explained="能否由一行找到它的下一行？",
        unit="mean reciprocal rank",
        may_decide=True,
        watched=True,
        memorised=True,
    ),
    Declaration(
        key="held_out_next_line",
        chinese="留出歌曲的下一行检索",
        unit="mean reciprocal rank",
        may_decide=True,
    ),
    Declaration(
        key="same_song_retrieval",
        chinese="同曲检索",
        explained="能否由一行找到同一首歌的其他行？",
        unit="mean reciprocal rank",
        may_decide=True,
        watched=True,
        memorised=True,
    ),
    Declaration(
        key="artist_retrieval",
        chinese="歌手检索",
        explained="能否由一首歌找到它的歌手？",
        unit="macro mean reciprocal rank",
        may_decide=True,
        watched=True,
        memorised=True,
    ),
    Declaration(
        key="alignment",
        chinese="对齐度",
        explained="相关文本的向量有多近（越低越好）。",
        unit="squared distance",
        lower_is_better=True,
        watched=True,
        memorised=True,
    ),
    Declaration(
        key="uniformity",
        chinese="均匀度",
        explained="向量在球面上分布得多均匀（越低越好）。",
        unit="log potential",
        lower_is_better=True,
        ideal=True,
        watched=True,
    ),
    Declaration(
        key="anisotropy",
        chinese="各向异性",
        explained="随机两行的平均相似度（越低越好）。",
        unit="cosine",
        lower_is_better=True,
        ideal=True,
        watched=True,
    ),
    Declaration(
        key=f"{RECURRING}coverage",
        chinese="再现的聚类的覆盖率",
        unit="share",
    ),
    # Of the benchmarks' scorer alone.
    Declaration(key="coverage", chinese="覆盖率", unit="share"),
    Declaration(
        key="silhouette_map",
        chinese="轮廓系数（欧氏，地图）",
        unit="-1 to 1",
        family=SILHOUETTE,
        reading=_SILHOUETTE_READING,
    ),
)
_BY_KEY = {declaration.key: declaration for declaration in DECLARATIONS}


def declared(key: str) -> Declaration:
    """What is declared of a figure, `section.figure` or `figure`.

    A figure of the clusters that recur, `recurring.KEY`, is what KEY is, of these. Of one that this
    version does not know: its key for a name; a `silhouette_of_stanzas` is read as
    every silhouette, an `alignment_of_songs` as the alignment, any other as higher is better, and
    deciding nothing.
    """
    if key.startswith(RECURRING) and key not in _BY_KEY:
        own = declared(key.removeprefix(RECURRING))
        return replace(own, key=key, chinese=f"再现的聚类：{own.chinese}")
    last = key.rpartition(".")[2]
    if known := _BY_KEY.get(key) or _BY_KEY.get(last):
        return known
    kin = next((one for one in DECLARATIONS if last.startswith(one.family or one.key)), None)
    kin = kin or Declaration(key=last, chinese="")
    return replace(kin, key=last, chinese=last.replace("_", " "), explained="", ideal=False)


def is_declared(key: str) -> bool:
    """Whether this version knows a figure, `section.figure`, `figure` or `recurring.figure`."""
    own = key.removeprefix(RECURRING)
    return not {key, own, own.rpartition(".")[2]}.isdisjoint(_BY_KEY)


@dataclass(frozen=True)
class Figure:
    """One figure: value, baseline: None where not computed; baseline_name: what the baseline is.

    meaning: the question that the value answers, in English. interval: 95 %, or None. facts: what
    else is said of it, in its order, the note among them.
    """

    value: float | None
    baseline: float | None = None
    baseline_name: str = ""
    meaning: str = ""
    interval: Sequence[float] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """As it is written in a sentence: 0.412 [0.380, 0.440], or 0.412 (too few songs)."""
        if self.value is None:
            return "not computed"
        if self.interval:
            return f"{self.value:.3f} {interval_text(self.interval)}"
        return f"{self.value:.3f}" + (f" ({self.no_interval})" if self.no_interval else "")

    @property
    def no_interval(self) -> str:
        """Why it has no interval over songs, as its note says; "" where nothing says so."""
        note = "" if self.interval else str(self.facts.get("note") or "")
        return next((why for why in (TOO_FEW_SONGS, NO_SONGS) if why in note), "")

    def verdict(self, declaration: Declaration) -> Literal["better", "worse", ""]:
        """Against its baseline; equal is worse, "" is where there is nothing to compare."""
        if self.value is None or self.baseline is None or declaration.ideal:
            return ""
        below = self.value < self.baseline
        above = self.value > self.baseline
        return "better" if (below if declaration.lower_is_better else above) else "worse"

    def as_json(self) -> dict[str, Any]:
        """As quality.json holds a figure that can have no interval."""
        return {
            "value": self.value,
            "baseline": self.baseline,
            "baseline_name": self.baseline_name,
            "meaning": self.meaning,
            **self.facts,
        }

    def with_interval(self) -> dict[str, Any]:
        """As quality.json holds a figure whose interval over songs may be null.

        Beside a value it is null where it would rest on too few songs, which the note says.
        """
        named = {"baseline_name": self.baseline_name} if self.baseline_name else {}
        facts = dict(self.facts)
        if self.interval is None and self.value is not None:
            own = facts.get("note")
            facts["note"] = f"{own}; {TOO_FEW_SONGS}" if own else TOO_FEW_SONGS
        return {
            "value": self.value,
            "interval": None if self.interval is None else list(self.interval),
            "baseline": self.baseline,
            **named,
            "meaning": self.meaning,
            **facts,
        }


def figure_of(entry: Mapping[str, Any]) -> Figure:
    """A figure as quality.json holds it; what is no finite number counts as not computed."""
    own = ("value", "baseline", "baseline_name", "meaning", "interval")
    return Figure(
        value=number(entry.get("value")),
        baseline=number(entry.get("baseline")),
        baseline_name=str(entry.get("baseline_name") or ""),
        meaning=str(entry.get("meaning") or ""),
        interval=interval_of(entry.get("interval")),
        facts={name: fact for name, fact in entry.items() if name not in own},
    )


def top_figures(quality: Mapping[str, Any]) -> dict[str, Figure]:
    """Every figure of quality.json in its order; those of a section are `section.figure`."""
    found: dict[str, Figure] = {}
    for key, entry in quality.items():
        if isinstance(entry, Mapping) and _is_section(entry):
            found |= top_figures({f"{key}.{name}": part for name, part in entry.items()})
        else:
            found[key] = figure_of(entry if isinstance(entry, Mapping) else {"value": entry})
    return found


def all_figures(quality: Mapping[str, Any]) -> dict[str, Figure]:
    """Every figure with a value of its own, by `section.name`; figures within a figure included."""
    found: dict[str, Figure] = {}
    for key, entry in quality.items():
        if not isinstance(entry, Mapping):
            continue
        if "value" in entry:
            found[key] = figure_of(entry)
        parts = dict(_parts(entry))
        found |= {f"{key}.{name}": one for name, one in all_figures(parts).items()}
    return found


def _is_section(entry: Mapping[str, Any]) -> bool:
    return "value" not in entry and any(isinstance(part, Mapping) for part in entry.values())


def _parts(entry: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What lies within a figure: mappings, then lists of named ones, such as spaces."""
    for name, part in entry.items():
        if isinstance(part, Mapping):
            yield name, part
    for name, part in entry.items():
        if isinstance(part, list):
            rows = [row for row in part if isinstance(row, Mapping) and "name" in row]
            if rows:
                yield name, {str(row["name"]): row for row in rows}


def number(value: Any) -> float | None:
    """A finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number of hundreds of digits
        return None


def interval_of(value: Any) -> Interval | None:
    """Two finite numbers in order, else None."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    low, high = map(number, value)
    return None if low is None or high is None else (min(low, high), max(low, high))


def interval_text(interval: Sequence[float] | None) -> str:
    """As it is shown, "" for none."""
    return f"[{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
