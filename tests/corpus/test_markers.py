"""Section markers go; what stands behind them, and what only resembles them, stays."""

import pytest

from rapids_rap.corpus.markers import find_marker, is_marker
from rapids_rap.corpus.normalize import unicode_form

ALONE = """
[Verse 1]
[verse1]
[Verse 1: Some One]
[Verse 2 - Some One]
[Verse 2/主歌2]
Verse 1
Verse One:
Verse A：
Verse 1 (某甲)：
VERSE
Hook：
Hook
【Hook】
-Hook-
—— Verse 2 ——
(副歌)
（副歌）
副歌：
副歌 x2
【副歌x2】
【主歌A】
【主歌一】
【尾聲】
[Chorus x2]
[Chorus ×2]
(Chorus) x2
Pre-Chorus
[Intro/前奏]
Bridge:
Outro
[Skit]
A1:
A：
[A]
Rap：
(合)
男：
第一段：
間奏
Repeat Hook
(重复副歌)
(x2)
[Beat Switch]
[Beat Change 2]
[Guitar Solo]
[Piano Interlude: 某甲]
[Instrumental Break]
[Non-Lyrical Vocals]
[Spoken Word]
[Segue]
[Scratches]
[Fade Out]
[Producer Tag]
[吉他独奏]
[口白]
【对唱】
[变奏]
[Spoken Outro]
[Chant]
[Verso 1]
[Coro]
[サビ]
[벌스 1]
[Translations: English]
Verse 1 - 某甲
verse2某甲：
B段：
《Hook》
〈副歌〉
〖Hook〗
"""

LYRIC = """
(yeah)
（嘿）
[哈哈]
(要得 要得) 今晚不赶趟
合适的时间
男人 哭吧
男孩：哭了
rapper：我
主歌唱完了 副歌还没写
hook 住你的心
bridge over troubled water
Break it down
我的Hook：你会唱吗
A-B-C
end
序
A：你好吗
(合：我们一起)
[哈哈哈哈哈]
[drop it low]
[guitar hero]
beat switch
Guitar Solo
(scratch my back)
spoken like a king
[没有独奏的夜晚]
伴奏响起来
[音乐停了]
《副歌唱完了》
《序》
Verse 1 - 2 - 3 go
verse2某甲说：走
hook 1 - we ride, we die
[chanting my name]
B段的歌
"""


@pytest.mark.parametrize("line", ALONE.strip().split("\n"))
def test_a_marker_alone(line):
    """Every usual spelling of a section's name leaves nothing of the line."""
    assert is_marker(unicode_form([line])[0])


@pytest.mark.parametrize("line", LYRIC.strip().split("\n"))
def test_a_lyric_is_no_marker(line):
    """Ad-libs in brackets and lyrics that begin like a section's name stay whole."""
    assert find_marker(unicode_form([line])[0]) is None


@pytest.mark.parametrize(
    "line", ["Hook：{}", "[Hook] {}", "(副歌) {}", "【主歌】{}", "A1: {}", "男：{}"]
)
def test_the_lyric_behind_a_marker_stays(line):
    """A marker in front of a lyric is taken off, however long the lyric is."""
    for lyric in ("我们一起走", "我们一起走 " * 100):
        marked = find_marker(unicode_form([line.format(lyric)])[0])
        assert marked is not None
        assert marked.rest == lyric.strip()
