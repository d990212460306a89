"""Radicals and strokes that stand for characters: ⻓ for 长, ⻅ for 见, as PDF files give them.

NFKC maps the Kangxi radicals (U+2F00..2FD5) but leaves those of the CJK Radicals Supplement
(U+2E80..2EF3) and the strokes (U+31C0..31E3) alone. Each becomes what Unicode's property
Equivalent_Unified_Ideograph names (UAX 38, EquivalentUnifiedIdeograph.txt, Unicode 14); the few
without one stay.
"""

from __future__ import annotations

import re

_PAIRS = (
    "⺁厂 ⺂乛 ⺃乚 ⺄乙 ⺅亻 ⺆冂 ⺇𠘨 ⺈刀 ⺉刂 ⺊卜 ⺋㔾 ⺌小 ⺍小 ⺎兀 ⺏尣 ⺐尢 ⺑𡯂 "
    "⺒巳 ⺓幺 ⺔彑 ⺕彐 ⺖忄 ⺗心 ⺘扌 ⺙攵 ⺛旡 ⺜日 ⺝月 ⺞歺 ⺟母 ⺠民 ⺡氵 ⺢氺 ⺣灬 "
    "⺤爫 ⺥爫 ⺦丬 ⺧牛 ⺨犭 ⺩王 ⺪𤴔 ⺫目 ⺬示 ⺭礻 ⺮𥫗 ⺯糹 ⺰纟 ⺱罓 ⺲罒 ⺳㓁 ⺴冗 "
    "⺵𦉫 ⺶羊 ⺷𦍌 ⺸𦍋 ⺹耂 ⺺肀 ⺻聿 ⺼肉 ⺽𦥑 ⺾艹 ⺿艹 ⻀艹 ⻁虎 ⻂衤 ⻃覀 ⻄西 ⻅见 "
    "⻆角 ⻇𧢲 ⻈讠 ⻉贝 ⻊𧾷 ⻋车 ⻌辶 ⻍辶 ⻎辶 ⻏邑 ⻐钅 ⻑長 ⻒镸 ⻓长 ⻔门 ⻕𨸏 ⻖阝 "
    "⻗雨 ⻘青 ⻙韦 ⻚页 ⻛风 ⻜飞 ⻝食 ⻞𩙿 ⻟飠 ⻠饣 ⻡𩠐 ⻢马 ⻣骨 ⻤鬼 ⻥鱼 ⻦鸟 ⻧卤 "
    "⻨麦 ⻩黄 ⻪黾 ⻫斉 ⻬齐 ⻭歯 ⻮齿 ⻯竜 ⻰龙 ⻱龜 ⻲亀 ⻳龟 ㇆𠃌 ㇏乀 ㇐一 ㇑丨 ㇒丿 "
    "㇓丿 ㇔丶 ㇕𠃍 ㇖乛 ㇗𠃊 ㇘𠃎 ㇙𠄌 ㇚亅 ㇛𡿨 ㇜𠃋 ㇝乀 ㇞𠃑 ㇟乚 ㇠乙 ㇡𠄎 "
)
EQUIVALENT = {pair[0]: pair[1] for pair in _PAIRS.split()}

_RADICAL = re.compile("[\u2e80-\u2eff\u31c0-\u31ef]")


def characters(text: str) -> str:
    """The text with radicals and strokes replaced by the characters that they stand for."""
    return _RADICAL.sub(lambda match: EQUIVALENT.get(match[0], match[0]), text)
