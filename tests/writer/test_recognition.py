"""A classifier tells what differs, and says where it can't be had."""

from rapids_rap.writer.recognition import PASSAGE, Recogniser, learn, passages

SEA = ["海浪在唱歌", "船开过海面", "沙滩的风吹"]
CITY = ["地铁穿过楼群", "霓虹照着马路", "电梯升到高楼"]


def test_what_differs_is_told():
    known = passages([SEA * 3, SEA * 3, CITY * 3, CITY * 3], ["海", "海", "城", "城"])
    found = learn(known, 1)
    assert isinstance(found, Recogniser)
    assert found.classes == ("城", "海")
    assert found.tell(["海面的浪", "高楼和马路"]) == ["海", "城"]


def test_too_few_songs_are_said():
    said = learn(passages([SEA, CITY, CITY], ["海", "城", "城"]), 1)
    assert isinstance(said, str)
    assert said.startswith("not computed")


def test_songs_without_a_label_are_left_out():
    found = passages([SEA, CITY], [None, "城"])
    assert set(found.labels) == {"城"}
    assert found.songs == [1]


def test_passages_hold_every_line_once():
    for size in range(1, 40):
        lines = [f"行{i}" for i in range(size)]
        found = passages([lines], ["甲"])
        assert "\n".join(found.texts).split("\n") == lines
        assert all(text.count("\n") < 2 * PASSAGE for text in found.texts)
