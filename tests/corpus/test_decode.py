"""Bytes become text, or an error that says where they don't."""

import codecs

import pytest

from rapids_rap.corpus.decode import decode
from rapids_rap.errors import InputError

CHINESE = "我在这里等你 一直等到天亮了\n他们说的话我都不信\n" * 3


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (CHINESE.encode(), "utf-8"),
        (codecs.BOM_UTF8 + CHINESE.encode(), "utf-8"),
        (CHINESE.encode("gb18030"), "gb18030"),
        (CHINESE.encode("gbk"), "gb18030"),
        (codecs.BOM_UTF16_LE + CHINESE.encode("utf-16-le"), "utf-16"),
        (codecs.BOM_UTF16_BE + CHINESE.encode("utf-16-be"), "utf-16"),
        (codecs.BOM_UTF32_LE + CHINESE.encode("utf-32-le"), "utf-32"),
    ],
)
def test_encodings(data, encoding):
    """The text is whole and without its byte order mark, and its encoding is named."""
    decoded = decode(data, "a.txt", "auto")
    assert decoded.text == CHINESE
    assert decoded.encoding == encoding


def test_traditional_gb18030_is_read():
    """Traditional characters are in GB18030 as well, and are not mistaken for Big5."""
    text = "我們說過的話 還記得嗎\n你會來這裡等我嗎\n"
    assert decode(text.encode("gb18030"), "a.txt", "auto").text == text


def test_big5_is_refused_rather_than_garbled():
    """Big5 bytes are often valid GB18030; reading them as such would be silent nonsense."""
    with pytest.raises(InputError, match=r"a\.txt: looks like Big5.*iconv"):
        decode(("我們說過的話 你會來這裡的\n" * 5).encode("big5"), "a.txt", "auto")


@pytest.mark.parametrize(
    ("encoding", "broken", "name"),
    [("utf-8", b"\xe6\x88", "UTF-8"), ("gb18030", b"\xff\xff", "GB18030")],
)
@pytest.mark.parametrize("at_the_end", [True, False])
def test_a_broken_place_costs_itself_alone(encoding, broken, name, at_the_end):
    """One bad byte, or an end that was cut off, is said with its line; the rest is read."""
    rest = b"" if at_the_end else b"\n" + CHINESE.encode(encoding)
    decoded = decode(CHINESE.encode(encoding) + broken + rest, "a.txt", "auto")
    assert decoded.text.startswith(CHINESE + "\ufffd")
    assert decoded.encoding == encoding
    assert f"bytes that are not {name} on 1 lines" in decoded.note
    assert "(line 7)" in decoded.note


@pytest.mark.parametrize("encoding", ["auto", "utf-8"])
def test_too_many_broken_places_are_refused(encoding):
    """More than a line in ten is no accident; the advice names no encoding that would not do."""
    data = (CHINESE.encode() + b"\xe6\x88\n\xff\n") * 2
    with pytest.raises(InputError, match=r"a\.txt: line 7 is not .*save the file as UTF-8\.$"):
        decode(data, "a.txt", encoding)


def test_western_texts():
    """Typographic quotes and accents of Windows-1252 make no Chinese characters."""
    text = "I’m on the bridge\nC’est la vie, un café\n"
    decoded = decode(text.encode("cp1252"), "a.txt", "auto")
    assert (decoded.text, decoded.encoding) == (text, "windows-1252")
    assert decode("桥 love\n".encode("gbk"), "a.txt", "auto").text == "桥 love\n"


def test_shift_jis_is_refused_rather_than_garbled():
    """Japanese bytes are often valid GB18030."""
    with pytest.raises(InputError, match=r"looks like Shift-JIS.*iconv"):
        decode("はしのしたでうたう\nだれもいない\n".encode("shift_jis"), "a.txt", "auto")


def test_utf16_without_its_mark_is_named():
    """The advice for a text is to save it again, not to leave it out."""
    with pytest.raises(InputError, match="save it as UTF-8"):
        decode("桥洞里\n有人唱\n".encode("utf-16-le"), "a.txt", "auto")


def test_the_encoding_asked_for_is_insisted_on():
    """`input.encoding` decides, and the message offers the other one."""
    with pytest.raises(InputError, match=r"input\.encoding=gb18030"):
        decode(CHINESE.encode("gb18030"), "a.txt", "utf-8")
    with pytest.raises(InputError, match="line 2 is not valid GB18030"):
        decode(b"ok\n\xff\xff\n", "a.txt", "gb18030")


@pytest.mark.parametrize(
    "data", [b"ab\x00cd", b"\x89PNG\r\n\x1a\n\x00", "无标记".encode("utf-16-le") + b"a\0"]
)
def test_binary_is_refused_with_its_offset(data):
    """A NUL byte says that this is not text, and the message says where it is."""
    with pytest.raises(InputError, match=rf"x\.bin: byte {data.index(0)} is NUL"):
        decode(data, "x.bin", "auto")


def test_neither_encoding():
    """Bytes that are text in neither encoding are an error with byte and line."""
    with pytest.raises(InputError, match=r"byte 3 \(line 2\) is neither"):
        decode(b"ok\n\xff\xfe\xfd\xff\xff", "a.txt", "auto")
    with pytest.raises(InputError, match="control character"):
        decode(b"\x01" + "走吧".encode("gb18030"), "a.txt", "auto")


def test_a_broken_utf16_file():
    """Half a character after a UTF-16 mark is an error, not a traceback."""
    with pytest.raises(InputError, match="UTF-16"):
        decode(codecs.BOM_UTF16_LE + b"\x00\xd8", "a.txt", "auto")
