"""Credits go, lyrics that look like them stay."""

import pytest

from rapids_rap.corpus.credits import CREDIT, HEADER, NOT_CREDIT, Credit, credit_kind, credit_mask
from rapids_rap.corpus.normalize import unicode_form

CERTAIN = """
作词：某甲
作词 : 某甲
作 词：某甲
作詞：某甲
編曲﹕某甲
词：某甲
曲：某甲
词曲：某甲/某乙
作词/作曲：某甲
作词 作曲：某甲
作词、作曲、编曲：某甲
作词 Lyrics by：某甲
作词：某甲 作曲：某乙
混音 / Mixed by: 某甲
混音师：某甲
混音/母带：某甲
母带后期处理工程师：某甲
录音室：半地下
錄音師：某甲
制作人 Producer：某甲
联合制作人：某甲
Executive Producer: Some One
Produced by Some One
Prod. by Some One
Prod.by Some One
Prod. Some One
(Prod. by Some One)
Mixed & Mastered by Some One
Mastered at Some Studio
Mix By 某甲
Recorded by：Some One
Music Production: Some One
OP：某公司
SP: Some Music
OP/SP：某公司
ISRC：CN-A00-20-00001
A&R：某甲
吉他 Guitar：某甲
第一小提琴：某甲
和声编写 Backing Vocal Arrangement：某甲
人声编辑：某甲
封面设计：某甲
特别鸣谢：某甲
【编曲：某甲】
[作词：某甲]
【作词】某甲
某甲 | Producer
某甲 | 编曲
监制 | 某甲
作词丨某甲
作词 - 某甲
"""

LYRIC = """
我说：别走
他问我：为什么
OP我是OP
词不达意
妈妈说：你要乖
答案：没有答案
老师：你好
导演：卡！
混音 录音 全靠自己
作曲作词编曲混音全都我自己
beat 响起 我就上
Mix-Tape 在手
Made in China
Stand by me
written by the winners
A | B
爱 | 音乐
人生|如戏
(beat)
[哈哈哈]
录音笔 录下来
编织 一个梦
12:30 的闹钟
"""


def mask(text: str) -> list[int]:
    """The mask of a text in which blank lines separate blocks."""
    forms, blocks, block = [], [], 0
    for line in text.strip().split("\n"):
        if line:
            forms.append(unicode_form([line])[0])
            blocks.append(block)
        else:
            block += 1
    return credit_mask(forms, blocks)


@pytest.mark.parametrize("line", CERTAIN.strip().split("\n"))
def test_a_credit_is_one_wherever_it_stands(line):
    """Every spelling of `Role: Name` that lyric sheets use is recognised by itself."""
    assert credit_kind(unicode_form([line])[0]) >= Credit.CERTAIN


@pytest.mark.parametrize("line", LYRIC.strip().split("\n"))
def test_a_lyric_is_not_eaten(line):
    """Dialogue, colons, bars and words of the trade in a lyric don't make it a credit."""
    assert mask(f"天亮了我还没睡\n{line}\n窗外开始下雨") == [NOT_CREDIT] * 3


def test_roles_without_a_colon_need_company():
    """`作词 某甲` is a credit beside another; alone it may be a line of a song."""
    assert mask("作词 某甲\n作曲：某乙\n\n天亮了") == [CREDIT, CREDIT, NOT_CREDIT]
    assert mask("作词 某甲\n作曲 某乙") == [CREDIT, CREDIT]
    assert mask("作词 某甲\n天亮了") == [NOT_CREDIT, NOT_CREDIT]
    assert mask("某甲 | 吉他\n某乙 | Drums\n\n天亮了") == [CREDIT, CREDIT, NOT_CREDIT]
    assert mask("作曲：某乙\nWritten by Some One") == [CREDIT, CREDIT]


def test_a_name_on_the_line_below_its_role():
    """A credit that straddles two lines goes whole, and takes no lyric with it."""
    assert mask("作词：\n某甲\n作曲：\n某乙\n\n天亮了") == [CREDIT] * 4 + [NOT_CREDIT]
    assert mask("作词：\n某甲\n天亮了我还没睡\n窗外下雨") == [CREDIT, CREDIT, 0, 0]
    assert mask("作词\n某甲\n作曲\n某乙") == [CREDIT] * 4
    assert mask("Mixed by\nSome One\n\n天亮了") == [CREDIT, CREDIT, NOT_CREDIT]
    assert mask("作词：\n天亮了我还没睡 窗外下雨\n今天又是星期一") == [CREDIT, 0, 0]
    assert mask("作词：\n\n天亮了") == [CREDIT, NOT_CREDIT]
    assert mask("作词：某甲/\n某乙\n作曲：某丙") == [CREDIT] * 3


def test_an_unknown_role_inside_a_block():
    """Between credits, `某某：某某` is a credit even if its role is in no list."""
    assert mask("作词：某甲\n尤克里里：某乙\n混音：某丙") == [CREDIT] * 3
    assert mask("作词：某甲\n作曲：某甲\n马林巴：某乙\n\n天亮了") == [CREDIT] * 3 + [NOT_CREDIT]
    assert mask("作词：某甲\n我说：别走\n窗外下雨") == [CREDIT, NOT_CREDIT, NOT_CREDIT]


def test_artist_title_and_album_are_headers():
    """Names of the artist, the title and the release are told from credits."""
    assert mask("歌手：某甲\n歌名：某歌\n专辑：某辑\n歌词：\n天亮了") == [HEADER] * 4 + [NOT_CREDIT]
