"""Which line at a stamp is the original, and which is its translation."""

import pytest

from rapids_rap.corpus.translations import translations


def found(*stamps):
    """What goes, of lines given as a tuple a stamp."""
    texts = [line for stamp in stamps for line in stamp]
    starts = {sum(map(len, stamps[:i])) for i in range(len(stamps))}
    second = [i for i in range(len(texts)) if i not in starts]
    of = translations(texts, [True] * len(texts), second, [0] * len(texts))
    return {texts[i]: texts[j] for i, j in of.items()}


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("qiao dong li", "桥洞里"),
        ("Qiáo dòng lǐ", "桥洞里"),
        ("kiu4 dung6 leoi5", "橋洞裡"),
        ("wo zai street shang zou", "我在 street 上走"),
        ("lǜ sè de shuǐ", "绿色的水"),
    ],
)
def test_a_romanisation_stands_above_its_line(first, then):
    """A syllable a character: the characters are the original, what is below them a translation."""
    assert found((first, then, "Under the bridge")) == {first: then, "Under the bridge": then}


def test_english_above_chinese_is_an_original():
    """Words that happen to be as many as characters make no pinyin."""
    song = [("I go", "我走"), ("She can be home", "她能在家吗"), ("Under the bridge", "桥洞里")]
    assert found(*song) == {then: first for first, then in song}


@pytest.mark.parametrize(
    "ad_lib", ["come on", "Oh yeah", "yeah, yeah!", "（let's ride）", "(all night)"]
)
def test_ad_libs_are_no_translations(ad_lib):
    """What a second voice calls stays lyric."""
    assert found(("桥洞里", ad_lib), ("有人唱", "somebody sings")) == {"somebody sings": "有人唱"}


def test_every_syllable_of_pinyin():
    """The unusual ones too, so that no song is taken for English."""
    words = "zhuang xiong lve nv er wo bo yuan qiong shui liu jue ge de ri zi shi ang lia mie niao"
    assert found((words, "字" * (words.count(" ") + 1)))
