"""The demo model's tokenizer: Qwen2's pipeline with a vocabulary of its own.

``AutoTokenizer`` rebuilds Qwen2's normaliser, splitter and byte-level coder around whatever
vocabulary and merges a ``qwen2`` folder brings, so the folder can only bring those. They give
one token to a common Chinese character and to a word of lyric English; anything else falls
apart into bytes, so every text survives the round trip (in Unicode's NFC).

Lower case cannot be asked of that pipeline. Instead ``Yeah``, ``YEAH`` and full-width marks are
tokens behind the trained ones, and the export gives each the vector of its plain form.
"""

from __future__ import annotations

import json
import string
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer

END = "<|endoftext|>"
SEPARATOR = "\u0120"  # a space, in the byte-level alphabet
HAN = 5_600
MARKS = "、。“”‘’《》…—·～♪"
SPOKEN = (  # everyday characters outside GB2312 level 1: particles, sounds, food, net slang
    "崽唠嗑跤愣嗦攥腌掰怼楂嘀噔焐噜嗒咔哒喵溏嗞咧枇嘟咚坨呗烊洇咣踮嗯嘞馄饨咻盹嗝哇咯噢喔哼哟呦喽咦呃噗唰"
    "嗨嗖嘭咩瞅拽揍撩趴啥咋俺囧屌靓垮嗲妞妮甭孬夯氪槽嘣啵啾叽咪嗷呜嘤唧哐铛铐镯钛锂蹬蹿趸桦崴龇锃咿噻呲唏嘘"
    "囍飙飚霾酷炫拎拧捋掐撸搓搡捣捂揣搂抠揪扒砸怂懵萌憋酱腩馕饺饪馊蛤蚝虾鱿榴芒椒葱蒜韭菇菠萝柚橙橘咖啡啤"
    "嘻尬尴逗贱骚嗓噪嗡喇叭吼吆喝咆哮叮咛铃铛琵琶筒麦碟磁键盘屏幕硬币铲锤螺丝钉钩链胎轮轿厢栋楼巷弄堂"
    "瘾癌癫痫痘痣疤疼痒膀腿腰臀肘胳膊膝脖颈腮颊睫瞳睁眯瞪瞟瞥哭泪涕汗血妈爸爷奶姥舅嫂叔姑姨娃宝贝仔哥姐弟妹"
)
FULL_WIDTH = {chr(ord(mark) + 0xFEE0): mark for mark in ",!?:;()~"}
Merge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Tokens in the order of their ids, of which the first ``trained`` have vectors of their own.

    ``alias`` maps the id of another spelling to the id whose vector it shares.
    """

    tokens: list[str]
    merges: list[Merge]
    trained: int
    alias: dict[int, int]


def byte_alphabet() -> list[str]:
    """The printable character that stands for each byte in a byte-level BPE (GPT-2's table)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    moved = iter(range(256, 512))
    return [chr(byte if byte in plain else next(moved)) for byte in range(256)]


def common_characters() -> list[str]:
    """The 3,755 characters of GB2312 level 1 (rows 0xB0 to 0xD7), the everyday modern ones."""
    cells = (bytes((row, cell)) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    return [text for cell in cells if (text := cell.decode("gb2312", errors="ignore"))]


def common_words() -> list[str]:
    """The English words and endings of ``words.txt``, written by hand for lyrics."""
    return Path(__file__).with_name("words.txt").read_text("utf-8").split()


def _words_of(texts: Iterable[str]) -> list[str]:
    """Lower-case Latin words as Qwen2's splitter cuts them (``don't`` is ``don`` and ``'t``)."""
    cut = Qwen2Tokenizer(vocab={END: 0}).backend_tokenizer.pre_tokenizer
    pieces = (piece.strip(SEPARATOR) for text in texts for piece, _ in cut.pre_tokenize_str(text))
    return [piece for piece in pieces if piece.isascii() and piece.replace("'", "").isalpha()]


def latin_merges(words: Iterable[str]) -> list[Merge]:
    """The merges of a BPE that goes on until each of ``words`` is one token."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    alphabet = list(string.ascii_lowercase + "'")
    trainer = trainers.BpeTrainer(
        vocab_size=9_999, min_frequency=1, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(words, trainer)
    return [(left, right) for left, right in json.loads(bpe.to_str())["model"]["merges"]]


def _byte_merges(characters: Iterable[str]) -> list[Merge]:
    """Merges that build each character from its bytes, first to last."""
    alphabet = byte_alphabet()
    merges: dict[Merge, None] = {}
    for character in characters:
        first, *rest = (alphabet[byte] for byte in character.encode())
        for byte in rest:
            merges[first, byte] = None
            first += byte
    return list(merges)


def _spellings(merges: list[Merge], words: Iterable[str]) -> list[list[tuple[Merge, str]]]:
    """For each merge its capitalised (where a word starts so) and upper-case forms.

    Each comes with the plain token it stands for.
    """
    starts = {word[:end] for word in words for end in range(1, len(word) + 1)}
    forms = []
    for left, right in merges:
        plain = left + right
        variants = {(left.upper(), right.upper()): plain}
        if plain in starts:
            variants[left.capitalize(), right] = plain
        forms.append([(merge, word) for merge, word in variants.items() if merge[0] != left])
    return forms


def _characters(poetry: Iterable[str]) -> list[str]:
    """Everyday characters, spoken ones, then the poetry's commonest up to ``HAN``."""
    counted = Counter(character for line in poetry for character in line)
    wanted = [*common_characters(), *SPOKEN]
    wanted += [character for character, _ in counted.most_common()]
    beyond_latin = (letter for letter in wanted if ord(letter) > 0xFF and letter not in FULL_WIDTH)
    return [*MARKS, *dict.fromkeys(beyond_latin)][: HAN + len(MARKS)]


def build_vocabulary(poetry: Iterable[str]) -> Vocabulary:
    """The vocabulary for these training lines: bytes, characters, words, other spellings."""
    words = _words_of(common_words())
    merges = _byte_merges(_characters(poetry))
    plain = latin_merges(words)
    trained = [END, *byte_alphabet(), *("".join(merge) for merge in merges + plain)]
    spelled = {letter.upper(): letter for letter in string.ascii_lowercase}
    for merge, forms in zip(plain, _spellings(plain, words), strict=True):
        merges.append(merge)  # beside its spellings, so that all of them merge in one order
        for form, word in forms:
            merges.append(form)
            spelled["".join(form)] = word
    for wide, narrow in FULL_WIDTH.items():
        *inner, last = _byte_merges([wide])
        trained += ["".join(merge) for merge in inner]
        merges += [*inner, last]
        spelled["".join(last)] = narrow
    base = {token: index for index, token in enumerate(dict.fromkeys(trained))}
    ids = {token: index for index, token in enumerate(dict.fromkeys([*base, *spelled]))}
    alias = {ids[other]: base[word] for other, word in spelled.items()}
    return Vocabulary(list(ids), list(dict.fromkeys(merges)), len(base), alias)


def build_tokenizer(vocabulary: Vocabulary) -> Qwen2Tokenizer:
    """Qwen2's tokenizer around ``vocabulary``, ready for ``save_pretrained``."""
    ids = {token: index for index, token in enumerate(vocabulary.tokens)}
    merges: Any = vocabulary.merges  # annotated as strings there, but pairs are what it takes
    return Qwen2Tokenizer(vocab=ids, merges=merges, model_max_length=512)
