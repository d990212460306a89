"""Lines cleaned in stretches are cleaned as they are together."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.config import CorpusConfig
from rapids_rap.corpus.all_lines import AllLines, file_of, join_lines
from rapids_rap.corpus.all_lines import end_to_end as joined
from rapids_rap.corpus.cleaning import clean
from rapids_rap.corpus.cuts import cut_lines, first_lines, join_cleaned
from rapids_rap.corpus.ingest import clean_lines
from rapids_rap.corpus.source import Group, Mark, Source

LYRIC = ["山水一行", "灯火 hey", "今夜我们走", "别回头看", "一二三四", "某某唱歌", "hook 上来了"]
ODD = [
    *("作词：某某", "作词", "作词 某某", "作曲 某某", "吉他 某某", "吉他：某某", "监制", "某某"),
    *("某某：某某", "Rap：某某", "Hook：某某", "[Verse 1]", "Verse", "副歌", "某某有限公司"),
    *("Beat by 某某", "路", "路 - 某某", "路 Lyrics", "夜", "夜 - 别人", "歌名：路", "……", "123"),
    *("12 Contributors路 Lyrics", "Read More", "Translations", "English", "3Embed", "<p></p>"),
    *("QQ群：123456", "www.example.org", "出品：某某", "OP：某某", '{"t":0,"c":[{"tx":"词: "}]}'),
]
NAMES = [
    Group("某某", "路", is_song=True),
    Group("别人", "夜", is_song=True),
    Group(None, "路", is_song=True),
    Group("某某", None, is_song=False),
]


@st.composite
def files(draw, lyric_share=0.8):
    """A file whose songs begin anywhere, come back, and hold whatever confuses."""
    source = Source("csv", groups=list(NAMES))
    block = 0
    for number in range(draw(st.integers(0, 80))):
        calm = draw(st.floats(0, 1)) < lyric_share
        block += draw(st.sampled_from([0, 0, 0, 0, 1]))
        group = draw(st.sampled_from([0, 0, 1, 2, 3])) if not number else source.group[-1]
        if draw(st.integers(0, 11)) == 0:
            group = draw(st.integers(0, 3))
        mark = Mark.SYNTAX if draw(st.integers(0, 30)) == 0 else Mark.TEXT
        source.add(draw(st.sampled_from(LYRIC if calm else ODD)), number + 1, group, block, mark)
    return file_of("a.csv", "0" * 64, "utf-8", source)


def in_stretches(lines: AllLines, config: CorpusConfig, size: int):
    """Cleaned as workers do it."""
    first, parts = first_lines(lines), []
    stretches = cut_lines(lines, config, size)
    assert [i for a, b in stretches for i in range(a, b)] == list(range(len(lines.text)))
    for a, b in stretches:
        own = [column[a:b].tolist() for column in (lines.mark, lines.group, lines.block)]
        begun = {group for group in own[1] if first[group] < a}
        parts.append(clean(lines.text[a:b], *own, lines.names, config, begun))
    return parts


def same(one, other):
    assert one.norm == other.norm
    assert one.rule.tolist() == other.rule.tolist()
    assert one.section.tolist() == other.section.tolist()
    assert one.decided_by == other.decided_by


SWITCHES = st.builds(
    lambda off: CorpusConfig(**dict.fromkeys(off, False)),
    st.lists(st.sampled_from(["credits", "headers", "links", "markers", "markup"]), max_size=1),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(files() | files(0.4), min_size=1, max_size=3), st.integers(1, 40), SWITCHES)
def test_stretches_are_cleaned_as_the_whole(read, size, config):
    """Wherever a rule's reach could cross a cut, there is none."""
    lines = joined(read)
    same(join_cleaned(in_stretches(lines, config, size)), clean_lines(lines, lines.names, config))


@settings(max_examples=40, deadline=None)
@given(st.lists(files(), min_size=3, max_size=5), st.integers(1, 4))
def test_merges_are_associative(read, at):
    """Lines and what cleaning made of them: joined by twos or at once, near or far."""
    config = CorpusConfig()
    alone = [joined([file]) for file in read]
    at = min(at, len(alone) - 1)
    twice = join_lines([join_lines(alone[:at]), join_lines(alone[at:])])
    once = join_lines(alone)
    for name in ("mark", "line", "group", "block", "file"):
        assert np.array_equal(getattr(twice, name), getattr(once, name)), name
    assert (twice.text, twice.names, twice.files) == (once.text, once.names, once.files)
    parts = [clean_lines(lines, lines.names, config) for lines in alone]
    same(
        join_cleaned([join_cleaned(parts[:at]), join_cleaned(parts[at:])]),
        join_cleaned(parts),
    )


def test_there_are_cuts_where_lyrics_are():
    """A file of one song, without a blank line, is cut all the same; a file of credits is not."""
    source = Source("plain", [replace(NAMES[0])])
    for number in range(1, 1001):
        source.add(LYRIC[number % 4], number, 0, 0)
    lines = joined([file_of("a", "0", "utf-8", source)])
    assert [b - a for a, b in cut_lines(lines, CorpusConfig(), 100)] == [100] * 10
    source.text[:] = ["吉他：某某"] * 1000
    assert cut_lines(joined([file_of("a", "0", "utf-8", source)]), CorpusConfig(), 100) == [
        (0, 1000)
    ]
