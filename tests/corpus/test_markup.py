"""Stamps, tags, entities, links and notices: taken off, and nothing else with them."""

import pytest

from rapids_rap.corpus.markup import is_lrc_tag, is_notice, strip_links, strip_markup
from tests.corpus.helpers import norms, read, write


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<b>走</b>&amp;停", "走&停"),
        ("Tom &amp;amp; Jerry", "Tom & Jerry"),
        ("it&amp;#39;s", "it's"),
        ("&nbsp;", ""),
        ("[00:12.34][01:02]走", "走"),
        ("<00:12.3>走<00:13.2>吧", "走吧"),
        ('{"t":0,"c":[{"tx":"作词: "},{"tx":"某甲"}]}', "作词: 某甲"),
        ('{"t":0', '{"t":0'),
        ("R&B节奏", "R&B节奏"),
        ("<3 爱你", "<3 爱你"),
        ("< 东 , 西 >", "< 东 , 西 >"),
        ("走<yeah>吧", "走<yeah>吧"),
        ("[哈哈] 走", "[哈哈] 走"),
    ],
)
def test_markup(text, expected):
    """Typesetting goes, angle brackets and ampersands of the lyric stay."""
    assert strip_markup(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("听 https://example.org/x?y=1 吧", "听 吧"),
        ("www.example.org", ""),
        ("example.com", ""),
        ("爱情.com", "爱情.com"),
        ("写信 a.b@example.org", "写信"),
        ("@some_one", ""),
        ("新浪微博@某甲 关注", "关注"),
        ("每天@我一百遍", "每天@我一百遍"),
        ("@所有人 举起手", "@所有人 举起手"),
        ("R@PPER", "R@PPER"),
    ],
)
def test_links(text, expected):
    """Addresses and handles go; an @ that is a word of the lyric stays."""
    assert strip_links(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "未经许可不得翻唱或使用",
        "【未经著作权人许可,不得翻唱、翻录或使用】",
        "版权所有 侵权必究",
        "© 2020 Some Label",
        "All Rights Reserved.",
        "纯音乐,请欣赏",
    ],
)
def test_notices(text):
    """Copyright lines and notices of lyric sites are recognised."""
    assert is_notice(text)


@pytest.mark.parametrize(
    "text", ["未经允许不得入内", "未经你同意就爱上你", "没有版权的爱情", "所有人都在"]
)
def test_no_notices(text):
    """Permission and property are subjects of lyrics too."""
    assert not is_notice(text)


def test_lrc_tags():
    """`[ar:…]` is a tag; a marker with a performer is not."""
    assert is_lrc_tag("[ar:某甲]")
    assert is_lrc_tag("[offset:+500]")
    assert not is_lrc_tag("[Hook: 某甲]")
    assert not is_lrc_tag("[00:12.00]")


@pytest.mark.parametrize(
    "line",
    [
        "<div>桥洞里</div><div>有人唱</div>",
        "<ul><li>桥洞里</li><li>有人唱</li></ul>",
        "<p>桥洞里<p>有人唱",
        '桥洞里<br clear="all">有人唱',
        "桥洞里</br>有人唱",
        "桥洞里&lt;br /&gt;有人唱",
    ],
)
def test_what_html_puts_on_lines_of_their_own(tmp_path, line):
    """Blocks, items and breaks in any spelling glue no two lines."""
    assert norms(read(write(tmp_path, "a.txt", line + "\n"))) == ["桥洞里", "有人唱"]


@pytest.mark.parametrize("line", ["<breath>桥洞里", "<b>桥</b>洞里", "<palm>桥洞里"])
def test_what_html_puts_inside_a_line(tmp_path, line):
    """Tags inside a line, and words that begin as a break does, cut nothing."""
    assert len(norms(read(write(tmp_path, "a.txt", line + "\n")))) == 1


@pytest.mark.parametrize("end", ["<br>", "<br/>", "&#10;", "\u2028"])
def test_a_break_at_the_end_of_a_line_is_one(tmp_path, end):
    """A break and a line feed behind it end one line; a break alone is a blank line."""
    text = f"桥洞里{end}\n有人唱{end}\n{end}\n没有船{end}\n"
    corpus = read(write(tmp_path, "a.txt", text))
    assert corpus.lines["stanza"].tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("我们赢[3:2]", "我们赢[3:2]"),
        ("[3:2]我们赢了", "[3:2]我们赢了"),
        ("比分[21:19]很紧", "比分[21:19]很紧"),
        ("[98:87]", "[98:87]"),
        ("桥[00:12]洞[00:13.5]里", "桥洞里"),
        ("[1:05]桥洞里", "桥洞里"),
        ("桥<00:12.30>洞里[1:02:03]", "桥洞里"),
    ],
)
def test_scores_are_no_stamps(line, left):
    """A clock has two digits of seconds, and within a line hundredths or minutes with a nought."""
    assert strip_markup(line) == left


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("[C]桥洞[Am7]里", "桥洞里"),
        ("[F#m]有人[D/A]唱[Gsus4]", "有人唱"),
        ("[A]", "[A]"),
        ("[C]桥洞里", "[C]桥洞里"),
        ("[Hello][Goodbye]", "[Hello][Goodbye]"),
    ],
)
def test_chords_go_where_there_are_several(line, left):
    """One letter in brackets may be a section; two chords are a song book's."""
    assert strip_markup(line) == left
