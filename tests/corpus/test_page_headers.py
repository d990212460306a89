"""A title on top of a song goes; a hook that equals it stays, and so does another song's credit."""

from rapids_rap.corpus.page_headers import page_headers
from rapids_rap.corpus.source import Group

NAMES = [Group("某某", "路", is_song=True), Group("别人", "夜", is_song=True)]


def found(body, groups, named=(), begun=()):
    kept = [i not in named for i in range(len(body))]
    return page_headers(body, groups, NAMES, kept, [not one for one in kept], begun)


def test_a_title_shows_itself_or_by_the_credit_below():
    """`TITLE - ARTIST` needs nothing, the title alone a credit of its own song."""
    assert found(["路 - 某某", "山水", "路"], [0, 0, 0]) == {0: None}
    assert found(["路", "作词：某人", "山水"], [0, 0, 0], named={1}) == {0: 1}
    assert found(["路", "山水"], [0, 0]) == {}


def test_nothing_beyond_the_song_is_looked_at():
    """A song of one line that is its title stays, whatever the next song begins with."""
    assert found(["路", "作词：某人", "山水"], [0, 1, 1], named={1}) == {}


def test_a_song_that_began_before_has_no_top_here():
    """Lines of a song that comes back, in this stretch or another, are below its first ones."""
    assert found(["山水", "夜 - 别人", "路 - 某某"], [0, 1, 0]) == {1: None}
    assert found(["路 - 某某", "夜 - 别人"], [0, 1], begun={0}) == {1: None}
