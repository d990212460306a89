"""What lyric sites print around a song goes; lyrics that use the same words stay."""

import pytest

from rapids_rap.corpus.furniture import (
    beside_furniture,
    is_contact,
    is_left_label,
    strip_furniture,
)
from rapids_rap.corpus.markup import strip_links
from rapids_rap.corpus.normalize import unicode_form
from tests.corpus.helpers import check_accounts, gone, norms, read, write

FURNITURE = """
1 Contributor
23 Contributors
23 Contributors河堤 Lyrics
7 ContributorsTranslationsEnglishTürkçe河堤 (Embankment) Lyrics
TranslationsEnglishDeutsch
TranslationsEnglish (English)繁體中文
You might also like
See Some One LiveGet tickets as low as $17
See 某甲 LiveGet tickets as low as $1,017.50You might also like
Embed
12Embed
1.2KEmbed
3EmbedShare URLCopyEmbedCopy
Lyrics for this song have yet to be released. Please check back once the song has been released.
How to Format Lyrics:
Submit Corrections
Thanks to some_one for correcting these lyrics
Lyrics licensed & provided by SomeFind
******* This Lyrics is NOT for Commercial use *******
更多更詳盡歌詞 在 ※ Mojim.com　魔鏡歌詞網
展开全部
查看完整歌词
"""

LYRIC = """
23 Contributors to my pain
you might also like the way I fall
You might also like the rain
Embed me in your heart
embed
See you live tonight
Translations of my heart
I wrote these Lyrics for you
这是我的 Lyrics
Thanks to you for the music
把歌词展开给你看
歌词写完了
展开全部的翅膀
Share
About
English
"""


@pytest.mark.parametrize("line", FURNITURE.strip().split("\n"))
def test_furniture_alone_leaves_nothing(line):
    """A line that only a site printed is empty without it."""
    assert strip_furniture(unicode_form([line])[0]) == ""


@pytest.mark.parametrize("line", LYRIC.strip().split("\n"))
def test_a_lyric_with_the_same_words_stays(tmp_path, line):
    """Wording, case or spacing other than the site's is lyric, and no neighbour changes that."""
    corpus = read(write(tmp_path, "a.txt", f"天亮了\n{line}\n下雨了\n"))
    assert norms(corpus) == ["天亮了", line, "下雨了"]


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("23 Contributors河堤 Lyrics[Verse 1]", "[Verse 1]"),
        ("23 Contributors河堤 Lyrics天亮了", "天亮了"),
        ("2 Contributors河堤 LyricsSomebody wrote about it. Read More [Intro]", "[Intro]"),
        ("河堤 Lyrics[副歌]", "[副歌]"),
        ("天亮了4Embed", "天亮了"),
        ("天亮了…4Embed", "天亮了..."),
        ("天亮了，12Embed", "天亮了,"),
        ("so long in the endEmbed", "so long in the end"),
        ("天亮了You might also like", "天亮了"),
        ("You might also like[Hook]", "[Hook]"),
        ("天亮了See 某甲 LiveGet tickets as low as $9You might also like", "天亮了"),
        ("我的 Lyrics[哈哈]", "我的 Lyrics[哈哈]"),
    ],
)
def test_the_lyric_beside_furniture_stays(line, left):
    """What is glued to a lyric comes off, and the lyric is whole."""
    assert strip_furniture(unicode_form([line])[0]) == left


def test_what_is_furniture_only_in_company():
    """A heading or a language beside furniture goes, and tells beside which line."""
    forms = ["1 Contributor", "河堤 Lyrics", "天亮了", "English", "Share", "Embed"]
    assert beside_furniture(forms, [0] * 6, [0, 5]) == {1: 0, 4: 5, 3: 4}
    assert beside_furniture(forms, [0, 1, 1, 1, 1, 1], [0]) == {}


def test_the_account_of_a_page(tmp_path):
    """A copied page keeps its lyric; every line that went says why, and beside which line."""
    page = "1 Contributor\n河堤 Lyrics\n[Verse 1]\n天亮了\n下雨了2Embed\n"
    corpus = read(write(tmp_path, "a.txt", page))
    check_accounts(corpus)
    assert norms(corpus) == ["天亮了", "下雨了"]
    assert gone(corpus) == {
        "1 Contributor": "furniture",
        "河堤 Lyrics": "furniture",
        "[Verse 1]": "marker",
    }
    assert corpus.dropped["decided_by"].tolist()[1] == "line 1: 1 Contributor"
    assert corpus.dropped["decided_by"].isna().tolist() == [True, False, True]
    off = read(write(tmp_path, "a.txt", page), links=False)
    assert norms(off)[0] == "1 Contributor"


@pytest.mark.parametrize(
    "line",
    [
        "合作邮箱： some.one@example.org",
        "商务合作/E-mail: some.one@example.org",
        "我的微博：@某某某",
        "订阅频道：https://example.org/some",
        "公众号 www.example.org",
    ],
)
def test_a_label_goes_with_its_address(line):
    """Where an address goes, what only introduced it goes too."""
    form = unicode_form([line])[0]
    assert is_left_label(strip_links(form), form)


@pytest.mark.parametrize(
    "line",
    [
        "写信给我 some.one@example.org",
        "我说了一万遍：www.example.org",
        "一整夜 只等一个回音 www.example.org",
        "他说：https://example.org",
    ],
)
def test_a_lyric_before_an_address_stays(line):
    """A sentence is no label, even if an address stood behind it."""
    form = unicode_form([line])[0]
    assert not is_left_label(strip_links(form), form)


def test_accounts_without_an_address():
    """`QQ群：123456` is a place to write to; a colon before Chinese is speech."""
    assert all(map(is_contact, ["QQ群:1234567", "商务微信:some_one88", "WeChat: some-one-1"]))
    assert not any(
        map(is_contact, ["微信:我已经删了你", "电话:110", "密码:1234567", "我说:some_one"])
    )
