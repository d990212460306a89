"""Credits go, lyrics that look like them stay."""

import pytest

from rapids_rap.corpus.credits import (
    CREDIT,
    HEADER,
    NOT_CREDIT,
    Credit,
    credit_kind,
    credit_mask,
    judge_credits,
)
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
字幕：某甲
LRC by：某甲
ISRC CN-X01-23-45678
UPC 123456789012
采样自《某歌》
本曲采样了《某歌》的鼓
Contains a sample of Some Song by Some One
Contains elements from "Some Song"
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
作曲/编曲/混音全都我自己
录音=坐牢
词/曲/人生
吉他 弹到天亮
OP 一开口
采样自生活
取样自 我的青春
Sample from the soul
Contains no sugar
beat by beat
我开了一家有限公司
录音棚 工作室
他们全是上市公司
I run my own records
全部由我出品
UPC 是什么
[我说「你好」]
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


@pytest.mark.parametrize(
    "line",
    [
        "作曲／某乙",
        "编曲→某乙",
        "混音=某乙",
        "混音 => 某乙",
        "母带  某乙",
        "制作人~某乙",
        "吉他/某乙、某丙",
        "Guitar - Some One",
        "Mix / Some One",
        "Sample from Some Song",
        "Interpolation of Some Song",
        "采样自 某歌",
        "Beat by 某乙",
        "某某文化传播有限公司",
        "某某（重庆）音乐有限公司 联合出品",
        "某某工作室",
        "某厂牌 荣誉出品",
        "Some Label Records",
        "Some Music Co., Ltd.",
    ],
)
def test_signs_of_a_credit_that_need_company(line):
    """Beside a credit these are credits, and say beside which; among lyrics they stay."""
    forms = unicode_form(["作词：某甲", line, "天亮了我还没睡"])
    judged = judge_credits(forms, [0, 0, 1])
    assert judged.mask == [CREDIT, CREDIT, NOT_CREDIT]
    assert judged.decided_by == {1: 0}
    assert mask(f"天亮了我还没睡\n{line}\n窗外开始下雨") == [NOT_CREDIT] * 3


@pytest.mark.parametrize(
    "line",
    [
        "我们的工作室",
        "他的公司",
        "天亮/天黑",
        "昨天 -> 今天",
        "我要混音/我要唱",
        "吉他 响了一整个夏天的晚上",
    ],
)
def test_a_lyric_directly_below_credits_stays(line):
    """Where no blank line parts the credits from the lyric, its first line is still lyric."""
    assert mask(f"作词：某甲\n作曲：某乙\n{line}\n天亮了") == [CREDIT, CREDIT, 0, 0]


def test_a_role_and_a_name_between_credits():
    """`吉他 某乙` is a credit between credits, and only there."""
    assert mask("作词：某甲\n吉他 某乙\nOP 某公司\n混音：某丙") == [CREDIT] * 4
    assert mask("作词：某甲\n吉他 某乙\n天亮了") == [CREDIT, 0, 0]


def test_every_decision_by_a_neighbour_is_told():
    """Who reads dropped.parquet can see which line made another one a credit."""

    def decided_by(text):
        return judge_credits(
            unicode_form(text.split("\n")), [0] * (text.count("\n") + 1)
        ).decided_by

    assert decided_by("作词：某甲\n作曲：某乙") == {}
    assert decided_by("作词 某甲\n作曲 某乙") == {0: 1, 1: 0}
    assert decided_by("作曲\n某甲\n作词\n某乙") == {0: 2, 1: 0, 2: 1, 3: 2}
    assert decided_by("作词：\n某甲\n天亮了") == {1: 0}
    assert decided_by("作词：某甲\n马林巴：某乙\n混音：某丙") == {1: 0}
    assert decided_by("录音 By 某甲\n天亮了") == {}
    assert decided_by("录音 By 某甲\n混音：某乙") == {0: 1}


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


@pytest.mark.parametrize(
    "line",
    [
        "[某甲「某歌」歌词]",
        "【某甲《某歌》歌詞】",
        '[Some One "Some Song" lyrics]',
        "[Letra de Some Song]",
    ],
)
def test_the_heading_of_a_lyric_page_is_a_header(line):
    """What a lyric site prints in brackets on top of a song names the song."""
    assert credit_kind(unicode_form([line])[0]) is Credit.HEADER


@pytest.mark.parametrize(
    "line",
    [
        "Recording at midnight, I lose my mind",
        "Mixing at home with my pain",
        "Mixed by me",
        "Mixed by the devil himself",
        "Recorded by a camera in the hall",
        "Lyrics by heart",
        "Produced by pain",
        "作词·作曲·都是我",
        "混音-我最爱的酒",
        "作曲 by 我的心",
        "词：穷",
        "Words: they hurt",
        "感谢：妈妈",
        "吉他：弹到我手疼",
    ],
)
def test_words_of_the_trade_that_may_be_sung(line):
    """What names nobody is lyric by itself, and a credit beside another one."""
    assert mask(f"天亮了我还没睡\n{line}\n窗外开始下雨") == [NOT_CREDIT] * 3
    assert mask(f"编曲：某甲\n{line}\n混音：某乙") == [CREDIT] * 3


@pytest.mark.parametrize(
    "line",
    [
        "翻译：某甲",
        "译：某甲",
        "人声录制：某甲",
        "吉他手：某甲",
        "键盘手：某甲",
        "声乐指导：某甲",
        "童声合唱：某甲",
        "圆号：某甲",
        "杜比全景声混音：某甲",
        "平面设计：某甲",
        "内容监制：某甲",
        "Guitarist: Some One",
        "Choir: Some Choir",
        "Creative Director: Some One",
        "All Instruments: Some One",
        "Mixed by Some One",
        "Mix By 某甲",
        "Mastered at Some Studio",
        "Recorded at 某某棚",
    ],
)
def test_roles_that_name_somebody_alone(line):
    """The last credit above a lyric needs no neighbour below."""
    assert mask(f"天亮了我还没睡\n\n{line}\n窗外开始下雨") == [NOT_CREDIT, CREDIT, NOT_CREDIT]


@pytest.mark.parametrize(
    "line",
    [
        "Mixing Engineer 某甲",
        "A&R Director 某甲",
        "Special Thanks to 某甲",
        "Scratched by DJ 某甲",
        "Cuts by DJ某甲",
        "Designed by 某甲",
        "【此版本为正式版本】",
    ],
)
def test_roles_without_a_colon_between_credits(line):
    """Between credits they are credits, elsewhere they may be lyric."""
    assert mask(f"作词：某甲\n{line}\n混音：某乙") == [CREDIT] * 3
    assert mask(f"天亮了我还没睡\n{line}\n窗外开始下雨") == [NOT_CREDIT] * 3
