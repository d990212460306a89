"""Tests of the words around a line: none of its own, none of another song."""

import numpy as np
import pandas as pd

from rapids_rap.words.around import LEAST, REACH, words_around
from rapids_rap.words.segment import segment


def rows_of(songs, files=None):
    """One row a line: songs is a list of lists of text ids; None for songs without a name."""
    rows = []
    for s, song in enumerate(songs):
        rows += [
            {"text_id": t, "song_id": s if files is None else None, "line_no": i + 1}
            | {"file": "a" if files is None else files[s]}
            for i, t in enumerate(song)
        ]
    table = pd.DataFrame(rows)
    return table.assign(song_id=table["song_id"].astype("Int64"))


def found(rows, texts, wanted, stop=()):
    tokens = segment(texts)
    mask = np.zeros(len(texts), dtype=bool)
    mask[wanted] = True
    around = words_around(rows, texts, mask, tokens, stop)
    words = [tokens.vocabulary[w] for w in around.words.tolist()]
    return sorted(zip(around.texts.tolist(), words, strict=True))


def test_words_of_neighbours_are_found_and_shared_characters_are_not():
    """大海 around 海风 shares a character and is left out; 雪山 stays, for enough lines have it."""
    texts = [*(f"海风{c}" for c in "abcdefghijklmnopqrstu"), "雪山 大海"]
    rows = rows_of([[i, 21] for i in range(21)])
    assert found(rows, texts, range(21)) == [(i, "雪山") for i in range(21)]


def test_rare_words_and_stop_words_are_left_out():
    """A word around fewer than LEAST lines says nothing; neither does a stop word."""
    texts = [*(f"海风{c}" for c in "abcdefghijklmnopqrstu"), "雪山 我们"]
    rows = rows_of([[i, 21] for i in range(LEAST - 1)])
    assert found(rows, texts, range(LEAST - 1)) == []
    rows = rows_of([[i, 21] for i in range(21)])
    assert found(rows, texts, range(21), ["雪山", "我们"]) == []


def test_neither_another_song_nor_another_file_is_around():
    """The last line of a song and the first of the next are strangers; so are two plain files."""
    texts = [*(f"海风{c}" for c in "abcdefghijklmnopqrstu"), "雪山"]
    apart = [song for i in range(21) for song in ([i], [21])]
    assert found(rows_of(apart), texts, range(21)) == []
    assert found(rows_of(apart, [f"f{i}" for i in range(42)]), texts, range(21)) == []
    together = rows_of([[i, 21] for i in range(21)], [f"f{i}" for i in range(21)])
    assert len(found(together, texts, range(21))) == 21


def test_the_reach_ends():
    """A word that stands further than REACH lines away is not around."""
    texts = [*(f"海风{c}" for c in "abcdefghijklmnopqrstu"), "雪山", *(str(i) for i in range(9))]
    near = rows_of([[i, *range(22, 22 + REACH - 1), 21] for i in range(21)])
    far = rows_of([[i, *range(22, 22 + REACH), 21] for i in range(21)])
    assert (0, "雪山") in found(near, texts, range(21))
    assert (0, "雪山") not in found(far, texts, range(21))


def test_nothing_is_around_a_lone_line():
    """One line, and none that is wanted."""
    rows = rows_of([[0]])
    assert found(rows, ["海风"], [0]) == []
    assert found(rows, ["海风"], []) == []
