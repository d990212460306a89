"""Page furniture: what a lyric site prints around a song, alone on a line or glued to a lyric.

Genius's pages, copied or scraped, begin with `12 ContributorsTITLE Lyrics`, carry `You might also
like` and tickets in the middle and end with `3Embed`; other sites ask for corrections or print
their name. Genius's phrases count only in the very case and spacing in which the site prints them:
`Embed me in your heart` and `you might also like it` are lyric.

All functions take lines in `normalize.unicode_form`, and run in time linear in the line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rapids_rap.corpus.markers import find_marker

# Literals only: an alternative that begins with a set would make the search several times slower.
_HINT = re.compile(
    r"Contributor|Embed|might also like|LiveGet tickets|Lyrics|lyrics|Translation|Format|Mojim"
    r"|mojim|instrumental|Use section|Use italics|To learn more|Submit Corr|歌词|歌詞|展开全部"
    r"|展開全部"
)
_CONTRIBUTORS = re.compile(r"\d{1,4} Contributors?(?![ a-z])")
_TITLE_GLUED = re.compile(r".{1,120}? Lyrics(?=\[)")
_TICKETS = re.compile(r"See [^$]{1,80}? LiveGet tickets as low as \$\d[\d,.]{0,9}")
_ALSO = re.compile(r"(?<!\s)You might also like(?=$|[^\sa-z'’,.!?])")
_EMBED = re.compile(
    r"(?:(?<!\d)(?<!\d[.,])\d[\d.,]{0,8}[KM]?|^|(?<=\S))Embed(?:Share URLCopyEmbedCopy)?$"
)
_LANGUAGE = (
    r"(?:English|Español|Português|Türkçe|Deutsch|Français|Italiano|Polski|Nederlands|Svenska|"
    r"Bahasa Indonesia|Tiếng Việt|Русский|Українська|العربية|日本語|한국어|ไทย|हिन्दी|"
    r"繁體中文|简体中文|中文|Romanization|Romanized)"
)
_SENTENCES = (  # how they begin
    r"How to Format Lyrics:|Type out all lyrics, even repeating|Lyrics should be broken down into|"
    r"Use section headers above|Use italics \(|To learn more, check out our transcription guide|"
    r"Lyrics for this song have yet to be released\."
)
_ALONE = re.compile(
    # `TranslationsEnglishDeutsch (German)`
    rf"Translations?(?:{_LANGUAGE}\s?(?:\([^()]{{1,30}}\)\s?)?){{1,40}}"
    rf"|(?:{_SENTENCES}).{{0,200}}|This song is an instrumental\.?|Submit Corrections"
    r"|\*{3,20}[^*]{0,40}[Ll]yrics[^*]{0,60}\*{3,20}"
    r"|Thanks to .{1,80} for (?:correcting|adding|submitting) (?:these|this|the) lyrics\.?"
    r"|[Ll]yrics? (?:(?:powered|licensed|provided)(?: and | & )?){1,2} by .{1,60}"
    r"|(?:更多更[詳详][盡尽]歌[词詞].{0,10})?.{0,4}[Mm]ojim\.com.{0,20}"
    r"|(?:点击|點擊)?(?:展开|展開|收起|查看)(?:全部|完整|更多)?歌[词詞]|展[开開]全部"
    r"|(?:下载|下載|复制|複製)(?:LRC|lrc)?歌[词詞]|歌[词詞](?:纠错|糾錯|报错|報錯|下载|下載)"
)
_BESIDE = re.compile(
    rf".{{1,120}} Lyrics|Translations?|{_LANGUAGE}|Read More|About|Share|Cancel|Pyong\d{{0,4}}"
    r"|\d[\d.,]{0,8}[KM]? (?:views?|viewers?)"
)

_CONTACT = (
    r"(?:e-?mail|mail|contact|wechat|weibo|instagram|ins|ig|facebook|twitter|youtube|tiktok|bilibili|"
    r"soundcloud|spotify|website|web|qq|vx|wx|qq?群|[Bb]站|微信|微博|公众号|公眾號|邮箱|郵箱|电邮|信箱|"
    r"官网|官網|网址|網址|网站|網站|链接|連結|抖音|快手|小红书|商务|商務|合作|联系|聯繫|联络|聯絡|投稿|演出|"
    r"购票|購票|订阅|訂閱|关注|關注|粉丝|粉絲|官方|号码|电话|電話|热线|号|群|方式|洽谈|洽談|咨询|諮詢)"
)
_LABELS = rf"(?:{_CONTACT}[\s/&|·]?){{1,6}}"
_LABEL = re.compile(rf"\W{{0,4}}(?:(?:我的|我们的|我們的)(?:{_LABELS})?|{_LABELS})\W{{0,4}}", re.I)
_INTRODUCES = re.compile(r"[^:∶\s我你他她]{1,12}\s?[:∶]")
_CONTACT_ID = re.compile(rf"\W{{0,4}}{_LABELS}\s?[:∶]\s?[a-z0-9][a-z0-9_+-]{{4,30}}", re.I)


def strip_furniture(form: str) -> str:
    """The line without what the site printed; "" if nothing else stood there."""
    if not _HINT.search(form):
        return form
    if _ALONE.fullmatch(form):
        return ""
    rest = _below_heading(form)
    rest = _EMBED.sub("", _ALSO.sub("", _TICKETS.sub("", rest)))
    return rest.strip() if rest != form else form


def may_be_furniture(form: str) -> bool:
    """Whether the line is furniture, or would be beside some."""
    return _BESIDE.fullmatch(form) is not None or strip_furniture(form) != form


def beside_furniture(
    forms: Sequence[str], groups: Sequence[int], furniture: Sequence[int]
) -> dict[int, int]:
    """Lines that are furniture only next to other furniture -> the line that decides.

    `TITLE Lyrics`, a language or `Read More` on a line of its own. furniture: the positions of
    lines known to be some; the lines found make their neighbours furniture in turn.
    """
    found: dict[int, int] = {}
    known = set(furniture)
    for step in (1, -1):
        for start in sorted(known, reverse=step < 0):
            i = start
            while (
                0 <= (j := i + step) < len(forms)
                and groups[j] == groups[i]
                and j not in known
                and _BESIDE.fullmatch(forms[j])
            ):
                found[j] = i
                known.add(j)
                i = j
    return found


def is_contact(text: str) -> bool:
    """Whether the line gives an account or a number to write to: `QQ群：123456`."""
    return (
        (":" in text or "∶" in text) and len(text) <= 80 and _CONTACT_ID.fullmatch(text) is not None
    )


def is_left_label(rest: str, text: str) -> bool:
    """Whether `rest`, what is left of `text` without its address, only introduced that address."""
    if len(rest) > 40:
        return False
    introduces = text.startswith(rest) and _INTRODUCES.fullmatch(rest)
    return bool(introduces or _LABEL.fullmatch(rest))


def _below_heading(form: str) -> str:
    """The lyric behind `12 ContributorsTITLE Lyrics`, or behind `TITLE Lyrics[Verse 1]`'s title."""
    contributors = _CONTRIBUTORS.match(form)
    if contributors:
        _, _, rest = form[contributors.end() :].partition(" Lyrics")
        _, read_more, lyric = rest.partition("Read More")
        return lyric if read_more else rest
    glued = _TITLE_GLUED.match(form)
    if glued and find_marker(form[glued.end() :]):
        return form[glued.end() :]
    return form
