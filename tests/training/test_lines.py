"""What is held out, and that nothing of it leaks into training."""

import pandas as pd
import pytest

from rapids_rap.corpus.ingest import ingest
from rapids_rap.embedding.trained_on import hash_pairs
from rapids_rap.errors import InputError
from rapids_rap.settings import load_config
from rapids_rap.training.lines import held_out_songs, make_lines, split_lines, unseen_pairs


def frame_of(tmp_path, songs):
    """The corpus table of songs given as {(artist, title): lines}."""
    rows = [(a, s, line) for (a, s), lines in songs.items() for line in lines]
    path = tmp_path / "songs.csv"
    pd.DataFrame(rows, columns=["artist", "song", "text"]).to_csv(path, index=False)
    config = load_config(None)
    return ingest([path], config.input, config.corpus).lines


SONGS = {
    ("甲", "一"): ["春天来了吗", "河水慢慢流", "我们在桥上", "看见灯火亮"],
    ("甲", "二"): ["夏天来了吗", "河水慢慢流", "没有人说话", "风从山那边"],
    ("乙", "三"): ["春天来了吗!", "河水慢慢流~", "这首是翻唱", "所以要拿走"],
    ("乙", "四"): ["今夜不回家", "城市在下雨", "路灯数着我", "一二三四五"],
}


@pytest.fixture
def split(tmp_path):
    frame = frame_of(tmp_path, SONGS)
    listed = tmp_path / "heldout.txt"
    listed.write_text("甲\t一\n\n", encoding="utf-8")
    return split_lines(make_lines(frame), held_out_songs(frame, str(listed), 0.5), 100, 0)


def test_a_cover_of_a_held_out_song_is_not_trained_on(split):
    """Two neighbouring lines in common, whatever their marks, make a song a copy."""
    assert split.leaking_songs == 1
    assert "这首是翻唱" not in split.train.text
    assert "没有人说话" in split.train.text


def test_a_held_out_line_that_training_has_is_not_asked_about(split):
    """河水慢慢流 stands in a song that is trained on, so both of its pairs are left out."""
    assert (split.dev.queries, split.dev.targets) == (("我们在桥上",), ("看见灯火亮",))
    assert split.leaking_pairs == 2
    assert (split.songs, split.dev_songs) == (4, 1)


def test_songs_that_the_base_model_had_read_are_not_asked_about(split):
    """None of a song of which one pair was read, and nothing where what was read can't be known."""
    assert unseen_pairs(split.dev, hash_pairs([("别的", "句子")])).queries == split.dev.queries
    first = hash_pairs([(split.dev.queries[0], split.dev.targets[0])])
    assert unseen_pairs(split.dev, first).queries == ()
    unknown = unseen_pairs(split.dev, None)
    assert (unknown.queries, unknown.targets, len(unknown.song)) == ((), (), 0)


def test_neighbours_survive_the_split(split):
    """Training lines point at each other within the part that is left."""
    train = split.train
    for i, j in enumerate(train.following.tolist()):
        if j >= 0:
            assert (j, train.preceding[j]) == (i + 1, i)
            assert train.song[i] == train.song[j]
    assert (train.following >= 0).sum() == 6


def test_the_share_is_chosen_by_name_and_does_not_move(tmp_path):
    """Adding songs never moves one from training to development or back."""
    names = [("歌手", f"歌{i}") for i in range(300)]

    def chosen(some):
        frame = frame_of(tmp_path, {name: [f"{name[1]}的一行"] for name in some})
        held = held_out_songs(frame, "", 0.2)
        return {row.song for row in frame.itertuples() if row.song_id in held}

    all_of_them = chosen(names)
    assert 30 < len(all_of_them) < 90
    assert chosen(names[100:]) == all_of_them & {song for _, song in names[100:]}
    assert not held_out_songs(frame_of(tmp_path, SONGS), "", 0.0)


def test_a_wrong_list_names_what_is_wrong(tmp_path):
    """A mistyped title must not silently be trained on."""
    frame = frame_of(tmp_path, SONGS)
    listed = tmp_path / "heldout.txt"
    for text, message in (("甲\t七\n", "甲 / 七"), ("甲 一\n", "line 1: expected artist, a tab")):
        listed.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            held_out_songs(frame, str(listed), 0.1)
    with pytest.raises(InputError, match="can't be read"):
        held_out_songs(frame, str(tmp_path / "none.txt"), 0.1)


def test_pairs_are_capped_with_a_seed(lines, frame):
    """A large corpus is sampled, the same way every time."""
    held = held_out_songs(frame, "", 0.5)
    once, again = (split_lines(lines, held, 11, seed=3).dev for _ in range(2))
    assert len(once.queries) == 11
    assert once.queries == again.queries


def test_songs_of_unknown_artists_can_be_listed(tmp_path):
    """A list names them by an empty artist, not by what pandas calls a missing one."""
    path = tmp_path / "songs.csv"
    path.write_text("artist,song,text\n,歌一,山水\n,歌一,风云\n,歌二,夜路\n,歌二,灯火\n")
    config = load_config(None)
    corpus = ingest([path], config.input, config.corpus).lines
    listed = tmp_path / "heldout.txt"
    listed.write_text("\t歌二\n", encoding="utf-8")
    assert held_out_songs(corpus, str(listed), 0.0) == {
        int(number) for number in corpus["song_id"][corpus["song"] == "歌二"]
    }
