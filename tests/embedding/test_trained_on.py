"""Tests of what a model says that it has read: hashes that tell lines, a file that is checked."""

import json

import numpy as np
import pytest

from rapids_rap.data import data_path
from rapids_rap.embedding.trained_on import (
    FILE,
    RECORD,
    RECORDED,
    are_among,
    form,
    hash_lines,
    hash_pairs,
    is_long,
    read_trained_on,
    write_trained_on,
)
from rapids_rap.errors import InputError


def test_what_was_written_is_read_once_and_in_order(tmp_path):
    """Each hash once, ascending, whatever order training met the lines in."""
    hashes = hash_pairs([("今夜", "有风"), ("有风", "没雨"), ("今夜", "有风")])
    write_trained_on(tmp_path, hashes)
    assert read_trained_on(tmp_path).tolist() == sorted(set(hashes.tolist()))
    assert are_among(
        hash_pairs([("今夜", "有风"), ("有风", "今夜")]), read_trained_on(tmp_path)
    ).tolist() == [True, False]


def test_a_folder_without_the_file_has_read_nothing(tmp_path):
    """A model from elsewhere says nothing of itself, whatever record of its own it brings."""
    for record in (None, "{", "[]", '{"data": {}}'):
        if record is not None:
            (tmp_path / RECORD).write_text(record)
        known = read_trained_on(tmp_path)
        assert (known.dtype, len(known)) == (np.uint64, 0)
        assert are_among(hash_lines(["一", "二"]), known).tolist() == [False, False]


def test_a_trained_folder_without_the_file_is_unknown(tmp_path):
    """A model that an earlier version trained, or whose list is lost, has read nobody knows what.

    One that was trained on lines of which nothing is kept has an empty list, and is known.
    """
    (tmp_path / RECORD).write_text(json.dumps(dict.fromkeys(RECORDED)))
    assert read_trained_on(tmp_path) is None
    write_trained_on(tmp_path, np.zeros(0, np.uint64))
    assert read_trained_on(tmp_path).tolist() == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no array",
        np.array([2, 1], np.uint64),
        np.array([1, 2]),
        np.zeros((2, 2), np.uint64),
        np.array(["a"], dtype=object),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    """A damaged list would make memory pass for skill: it is an error that names the file."""
    if isinstance(content, bytes):
        (tmp_path / FILE).write_bytes(content)
    else:
        np.save(tmp_path / FILE, content, allow_pickle=True)
    with pytest.raises(InputError, match=FILE):
        read_trained_on(tmp_path)


def test_blanks_case_and_marks_make_no_other_line():
    """What is compared are letters, digits and characters; a pair is no single line."""
    assert form(" Yeah，今夜 有-风！") == form("yeah今夜有风")
    assert hash_lines(["ab"]) != hash_pairs([("a", "b")])
    assert hash_pairs([("ab", "c")]) != hash_pairs([("a", "bc")])
    assert not is_long("一二三四五六七八九十 一")
    assert is_long("一二三四五六七八九十 一，二")


def test_the_demo_model_says_what_it_has_read():
    """The bundled model was trained on poems and on the sample lyrics, and says so."""
    known = read_trained_on(data_path("demo_model"))
    assert len(known) > 300_000
    assert are_among(hash_pairs([("床前看月光", "疑是地上霜")]), known).all()
    assert not are_among(hash_pairs([("床前看月光", "我在写代码")]), known).any()
