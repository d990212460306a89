"""What typesetting and the web leave in lyrics: stamps, tags, entities, links, notices.

Every expression here runs in time linear in the line, whatever the line holds.
"""

from __future__ import annotations

import html
import json
import re

from rapids_rap.corpus.stamps import is_stamped, strip_stamps

_TAG_NAMES = (
    "a|abbr|article|b|big|blockquote|body|br|center|cite|code|del|div|em|font|footer|h[1-6]|head|"
    "header|hr|html|i|iframe|img|ins|label|li|link|mark|meta|nav|ol|p|pre|q|rp|rt|ruby|s|script|"
    "section|small|span|strike|strong|style|sub|sup|table|tbody|td|th|title|tr|tt|u|ul"
)
_TAG = re.compile(rf"</?(?:{_TAG_NAMES})(?:\s[^<>]{{0,400}})?/?>|<!--[^<>]{{0,400}}-->", re.I)
_CHORD = re.compile(  # `[C]我在[Am7]街头`; one alone may be a section: `[A]`
    r"\[[A-G][#b♯♭]?(?:maj|min|m|M|dim|aug|sus|add)?\d{0,2}(?:/[A-G][#b♯♭]?)?\]"
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_NO_CHARACTER = re.compile(r"&#(?:\d{20,}|[xX][0-9a-fA-F]{20,});?")
# What ends a line beside the line feed: HTML's breaks, Unicode's, entities of both, Excel's escaped
# carriage return, and a line feed spelled out by a program that escaped it once too often.
_BREAK = re.compile(
    r"</?br(?:\s[^<>]{0,100})?/?>|&lt;br\s{0,9}/?&gt;|(?<=</p>)(?=.)|(?<=</div>)(?=.)"
    r"|(?<=</li>)(?=.)|(?<=[^\s>])(?=<(?:p|div|li)[\s>])"
    r"|[\x0b\x0c\x85\u2028\u2029]"
    r"|(?:&#0{0,4}1[03];|&#x0{0,4}[ad];|&NewLine;)+|(?:_x000[AD]_)+",
    re.I,
)
_BREAK_HINT = re.compile(r"[<&_\\\x0b\x0c\x85\u2028\u2029]")
_CLOSING_BREAK = re.compile(
    r"(?:[^\S\x0b\x0c\x85\u2028\u2029]|&#0{0,4}1[03];|&#x0{0,4}[ad];|&NewLine;|_x000[AD]_|\\r|\\n)+\Z",
    re.I,
)
_TAIL = 200  # characters in which a break at the end of a line is looked for
_SPELLED_OUT = re.compile(r"(?:\\r)?\\n")
_FOLDER = re.compile(r"(?<![A-Za-z])[A-Za-z]:\\")
_OPENS_BRACKET = re.compile(r"(?:\[|&#0{0,4}91;|&#x0{0,4}5b;|&lbrack;|&lsqb;)[^;]", re.I)
_LRC_TAG = re.compile(
    r"\[(?:ti|ar|al|au|by|offset|re|ve|length|la|id|hash|sign|qq|total|kana|language|"
    r"tool|encoding|lr|#|artist|title|album|source|t_time|manualoffset|"
    r"歌[手名曲](?:姓?名[称稱]?)?|曲名|[标標][题題]|[艺藝]人|演唱者?|专辑|專輯)\s*:[^\[\]]*\]",
    re.I,
)

_URL = re.compile(r"(?:https?://|www\.)[!-~]+", re.I)
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}\.[A-Za-z.]{2,20}")
_DOMAIN = re.compile(
    r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,3}\.(?:com|cn|net|org|cc|tv|me|io)/?", re.I
)
_PLATFORM = (
    r"(?:新浪|腾讯)?(?:微博|抖音|快手|网易云?音乐|网易云|小红书|b站|instagram|ins|ig|weibo|twitter)"
)
_HANDLE_NAME = r"[\w.·-]{2,30}"
_NOT_HANDLES = "(?!(?:所有人|全体|大家|你|我|他|她|它)(?:$|\\W)|[你我他她它咱]们|所有人?都|大家都)"
_HANDLE = re.compile(
    rf"(?:{_PLATFORM}\s{{0,3}}[:：]?\s{{0,3}}|(?<!\w))@{_NOT_HANDLES}{_HANDLE_NAME}", re.I
)

_USES = (
    "使用|翻唱|翻录|转载|复制|传播|商用|商业|改编|上传|采样|盗用|盗版|翻版|发布|发行|引用|抄袭|侵权|"
    "下载|播放|表演|摘编|翻錄|轉載|複製|傳播|商業|改編|採樣|下載"
)
_NOTICE = re.compile(
    r"(?<![你我他她它])未[经經經](?!.{0,30}(?:[你她它]|他(?!人)|我(?!方|司|公司|们公司|們公司)))"
    r"(?=.{0,20}(?:许可|許可|授权|授權|同意|允许|允許|书面)).{0,40}(?:" + _USES + ")"
    r"|(?:翻版|侵权|盗版|侵權|盜版|翻录)必究|版权所有|版權所有|保留所有权利|著作权(?:权利|归|所有)"
    r"|享有本(?:翻译)?作品的著作权|本(?:歌曲|作品|音乐|单曲|伴奏).{0,12}(?:版权|授权|侵权)"
    r"|all rights reserved|纯音乐[,，]?\s*请(?:您)?欣赏|此歌曲为没有填词的纯音乐|^暂无歌词$"
    r"|^(?:歌词|翻译)贡献者|^以下歌词翻译由|^歌词来自"
    r"|^本歌[词詞]由.{1,40}(?:提供|上传|上傳|整理|[编編][辑輯])$"
    r"|^(?:[©℗]|\(c\)\s*\d{4}|\(p\)\s*\d{4}|copyright\b.{0,12}\d{4})",
    re.I,
)
_NOTICE_HINT = re.compile(
    r"未[经經]|必究|[版著]作?[权權]|所有|纯音乐|歌[词詞]|贡献者|[©℗]|\([cp]\)|rights|copyright",
    re.I,
)


def unescape(text: str) -> str:
    """The text with its entities resolved; a number of too many digits is no character."""
    return html.unescape(_NO_CHARACTER.sub("\ufffd", text))


def break_lines(line: str) -> list[str]:
    """The line cut wherever something but a line feed ends one; nearly always the line itself."""
    if _BREAK_HINT.search(line) is None:
        return [line]
    spelled_out = spells_out_breaks(line)
    if spelled_out or "&" in line or "_x000" in line:
        line = line[:-_TAIL] + _CLOSING_BREAK.sub("", line[-_TAIL:])
    if spelled_out:
        line = _SPELLED_OUT.sub("<br>", line)
    pieces = [_bracket(piece) for piece in _BREAK.split(line)]
    if len(pieces) > 1 and pieces[0].strip() and not pieces[-1].strip():
        pieces.pop()  # `LINE<br>` and a line feed end one line, not two
    return pieces


def spells_out_breaks(text: str) -> bool:
    r"""Whether the text has line breaks as the two characters `\n`, which `break_lines` cuts at."""
    return "\\n" in text and _FOLDER.search(text) is None


def _bracket(piece: str) -> str:
    """The piece with its entities resolved if that makes it begin with a stamp or a tag."""
    if "&" not in piece or _OPENS_BRACKET.match(piece.lstrip()) is None:
        return piece
    plain = unescape(piece).strip()
    return plain if is_stamped(plain) or is_lrc_tag(plain) else piece


def strip_markup(text: str) -> str:
    """The text without LRC stamps and HTML tags, its entities resolved (`&amp;amp;` twice)."""
    if text.startswith('{"t":'):
        text = _timed_json(text)
    if "&" in text:
        for _ in range(2):
            text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    if "<" in text or "[" in text:
        text = strip_stamps(_TAG.sub("", text))
        if text.count("[") > 1 and len(_CHORD.findall(text)) > 1:
            text = _CHORD.sub("", text)
    return " ".join(text.split())


def _timed_json(text: str) -> str:
    """A credit as some LRC files write it: `{"t":0,"c":[{"tx":"作词: "},{"tx":"NAME"}]}`."""
    try:
        return "".join([str(part["tx"]) for part in json.loads(text)["c"]])
    except (ValueError, RecursionError, KeyError, TypeError):
        return text


def is_lrc_tag(text: str) -> bool:
    """Whether the line is an LRC identification tag such as `[ar:NAME]`."""
    return text.startswith("[") and _LRC_TAG.fullmatch(text) is not None


def strip_links(text: str) -> str:
    """The text without web addresses, mail addresses and handles (`@NAME`, `微博@NAME`)."""
    if _DOMAIN.fullmatch(text):
        return ""
    if "@" in text:
        text = _HANDLE.sub("", _MAIL.sub("", text))
    if "://" in text or "www." in text.lower():
        text = _URL.sub("", text)
    return " ".join(text.split())


def is_notice(text: str) -> bool:
    """Whether the line is a copyright notice or a notice of the site that the lyrics came from."""
    return len(text) <= 400 and bool(_NOTICE_HINT.search(text)) and bool(_NOTICE.search(text))
