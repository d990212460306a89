"""Pairs that are no negatives of each other."""

import numpy as np

from rapids_rap.training.masks import batch_mask, false_negatives, near_duplicates, near_form

UNKNOWN = np.array([-1, -1, -1])


def test_an_unknown_song_is_no_song():
    """Plain text has no songs: masking all of it as one song would leave nothing to learn from."""
    texts = np.array([0, 1, 2])
    assert not false_negatives(UNKNOWN, texts, texts + 3).any()
    mask = false_negatives(np.array([4, -1, 4]), texts, texts + 3)
    assert np.argwhere(mask).tolist() == [[0, 2], [2, 0]]


def test_equal_texts_on_any_side_are_no_negatives():
    """A hook may be the left of one pair and the right of another."""
    mask = false_negatives(UNKNOWN, np.array([0, 1, 2]), np.array([5, 0, 7]))
    assert np.argwhere(mask).tolist() == [[0, 1], [1, 0]]
    assert not mask.diagonal().any()


def test_near_duplicates_are_masked_and_others_are_not():
    """One character more, other marks or another case is still the same line."""
    left = ("今晚的月亮照着城市", "今晚的月亮照着城市啊", "Yeah, 走起来", "完全不同的一句话")
    mask = near_duplicates(left, ("甲乙丙", "丁戊己", "YEAH 走起来!", "子丑寅"), 0.7)
    assert np.argwhere(mask).tolist() == [[0, 1], [1, 0]]
    sides = near_duplicates(("Yeah, 走起来", "子丑"), ("甲乙", "YEAH 走起来!"), 1.0)
    assert sides.tolist() == [[False, True], [True, False]]


def test_the_mask_agrees_with_the_definition(lines):
    """The sparse product finds exactly the pairs that a loop over sets finds."""
    left, right = lines.text[:30], lines.text[20:50]

    def grams(text):
        form = near_form(text)
        return {form[i : i + 2] for i in range(max(1, len(form) - 1))}

    def near(a, b):
        return len(grams(a) & grams(b)) >= 0.4 * len(grams(a) | grams(b)) - 1e-9

    expected = [
        [
            i != j and any(near(a, b) for a in (left[i], right[i]) for b in (left[j], right[j]))
            for j in range(30)
        ]
        for i in range(30)
    ]
    assert near_duplicates(left, right, 0.4).tolist() == expected


def test_a_batch_is_masked_by_song_and_by_text():
    """All reasons count together."""
    songs = np.array([1, 1, -1, -1])
    left = ("甲乙丙丁", "戊己庚辛", "子丑寅卯", "辰巳午未")
    mask = batch_mask(songs, left, ("一二三四", "五六七八", "九十百千", "子丑寅卯"), 0.7)
    assert np.argwhere(mask).tolist() == [[0, 1], [1, 0], [2, 3], [3, 2]]
