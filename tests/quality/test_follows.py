"""Tests of the yardstick: clusters by topic, length, rhyme, artist and at random are told apart."""

import numpy as np
import pandas as pd
import pytest

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.embedding.trained_on import hash_pairs
from rapids_rap.quality.follows import largest_category, shared_follows, what_clusters_follow
from rapids_rap.words.lexicon import Lexicon, count_hits
from rapids_rap.words.segment import segment

BACKEND = CpuBackend()
TOPICS = {
    "钱": ["金钱", "账单", "薪水", "支票"],
    "吃": ["米饭", "火锅", "饺子", "面条"],
    "夜": ["深夜", "凌晨", "月光", "星空"],
    "家": ["父母", "厨房", "老屋", "门口"],
    "路": ["公路", "车站", "行李", "远方"],
}
FILLER = list("这那有来去说看想走做听写过还把被让给对从")
RHYMES = {"ang": "上忙光场", "ao": "跑好高早", "i": "你地里起", "an": "天山看南", "u": "路苦住哭"}
LEXICON = Lexicon(tuple(TOPICS), tuple(map(tuple, TOPICS.values())))
KINDS = 5


def planted_corpus(songs=60, length=12, seed=0):
    """(rows, texts, truth): lines whose topic, length, rhyme and artist are drawn apart.

    A song keeps to two topics, so that lines around say something of a line.
    """
    rng = np.random.default_rng(seed)
    names, rhymes = list(TOPICS), list(RHYMES)
    texts, truth, song = {}, [], []
    for s in range(songs):
        topics = rng.choice(KINDS, 2, replace=False)
        for _ in range(length):
            topic, size, rhyme = (
                int(rng.choice(topics)),
                int(rng.integers(KINDS)),
                int(rng.integers(KINDS)),
            )
            word = rng.choice(TOPICS[names[topic]])
            own = "".join(rng.choice(FILLER, 3 + 2 * size, replace=False))
            text = f"{own[:2]}{word}{own[2:]}{rng.choice(list(RHYMES[rhymes[rhyme]]))}"
            if text in texts:
                continue
            texts[text] = len(texts)
            truth.append((topic, size, rhyme, s % KINDS))
            song.append(s)
    rows = pd.DataFrame(
        {
            "text_id": np.arange(len(texts)),
            "song_id": pd.array(song, dtype="Int64"),
            "artist": [f"歌手{s % KINDS}" for s in song],
            "file": "a.csv",
            "line_no": pd.Series(song).groupby(song).cumcount() + 1,
            "stanza": 0,
        }
    )
    return rows, list(texts), np.array(truth).T


CORPUS = planted_corpus()


def mixed(truth, share, seed=2):
    """Clusters that follow `truth`, but for a share of the lines that lie anywhere."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(len(truth)) < share, rng.integers(0, KINDS, len(truth)), truth)


def follow(labels, corpus=CORPUS, lexicon=LEXICON, trained_on=()):
    rows, texts, _ = corpus
    tokens = segment(texts, lexicon.all_words)
    hits = count_hits(tokens, texts, lexicon, "occurrence", BACKEND)
    return what_clusters_follow(
        np.asarray(labels, dtype=np.int64),
        hits,
        lexicon.categories,
        rows,
        texts,
        tokens,
        (),
        np.asarray(trained_on, dtype=np.uint64),
        BACKEND,
        0,
    )


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_planted_clusters_are_told_apart(share):
    """Each kind of clusters is named for what it is, pure or half mixed up."""
    topic, length, rhyme, artist = CORPUS[2]
    random = np.random.default_rng(9).integers(0, KINDS, len(topic))
    for truth, side, strongest in (
        (topic, "meaning", None),
        (length, "form", "length"),
        (rhyme, "form", "rhyme"),
        (artist, "origin", None),
        (random, "", None),
    ):
        found = follow(mixed(truth, share)).figures["follows"]
        assert found["followed"] == ([side] if side else [])
        if strongest:
            assert found["strongest_form"] == strongest


def test_the_yardstick_ranks_what_is_between():
    """The more of the topic is in the clusters, the more of meaning; the same of length and form.

    Between lies what follows neither.
    """
    topic, length, *_ = CORPUS[2]
    balance = [
        follow(mixed(truth, share)).figures["follows"]["value"]
        for truth, share in (
            (topic, 0.0),
            (topic, 0.3),
            (topic, 0.6),
            (topic, 1.0),
            (length, 0.6),
            (length, 0.3),
            (length, 0.0),
        )
    ]
    assert balance == sorted(balance, reverse=True)
    assert balance[0] > 0.5
    assert abs(balance[3]) < 0.05
    assert balance[-1] < -0.5


def test_what_does_not_surely_lead_is_named_beside_the_first():
    """Half the lines by topic and half by length: the clusters follow both, and so it says."""
    topic, length, *_ = CORPUS[2]
    half = np.random.default_rng(1).random(len(topic)) < 0.5
    found = follow(np.where(half, topic, length)).figures["follows"]
    assert sorted(found["followed"]) == ["form", "meaning"]
    assert "none surely more" in found["sentence"]
    assert "难分先后" in found["chinese"]


def test_meaning_that_is_only_length_stands_beside_its_baseline():
    """Topics that come in one length each: clusters by length tell the topic, and so it is said."""
    topic, length, *_ = CORPUS[2]
    kept = topic == length
    found = follow(np.where(kept, length, -1)).figures["meaning"]["lexicon"]
    assert found["value"] > 0.9
    assert found["baseline"] == pytest.approx(found["value"], abs=0.01)


def test_words_around_know_the_topic_and_not_the_rhyme():
    """A second view: what the neighbouring lines say, in words that share no character."""
    topic, _, rhyme, _ = CORPUS[2]
    by_topic = follow(topic).figures["meaning"]["words_around"]
    by_rhyme = follow(rhyme).figures["meaning"]["words_around"]
    assert by_topic["interval"][0] > by_topic["shuffled_at_most"]
    assert by_topic["value"] > 5 * abs(by_rhyme["value"])


def test_each_cluster_says_what_it_has_more_of():
    """Clusters by length are called by their number of characters, clusters by topic by it."""
    topic, length, *_ = CORPUS[2]
    table = follow(length).clusters
    own = table[table["fact"] == "length"]
    assert own["value"].tolist() == ["6", "8", "10", "12", "14"]
    assert (own["beyond_rest"] > 0.99).all()
    assert (table[table["fact"] == "lexicon"]["beyond_rest"] < 0.3).all()
    table = follow(topic).clusters
    assert table[table["fact"] == "lexicon"]["value"].tolist() == list(TOPICS)


def test_songs_that_a_model_was_trained_on_leave_what_it_could_know_by_heart():
    """Words around, artist and song are null with the reason; form and lexicon are not memory."""
    _, texts, truth = CORPUS
    pairs = [(texts[i], texts[i + 1]) for i in range(len(texts) - 1)]
    figures = follow(truth[3], trained_on=np.unique(hash_pairs(pairs))).figures
    for side, name in (("meaning", "words_around"), ("origin", "artist"), ("origin", "song")):
        assert figures[side][name]["value"] is None
        assert "trained on 60 of the 60 songs" in figures[side][name]["note"]
    assert figures["form"]["length"]["value"] is not None
    assert figures["meaning"]["lexicon"]["value"] is not None
    assert figures["follows"]["followed"] == []


def test_a_plain_text_has_blocks_of_lines_for_songs():
    """Without songs intervals are over blocks, and that is said; nobody wrote anything."""
    rows, texts, truth = CORPUS
    plain = rows.assign(song_id=pd.array([None] * len(rows), dtype="Int64"), artist=None)
    plain["line_no"] = np.arange(1, len(rows) + 1)
    figures = follow(truth[0], (plain, texts, truth)).figures
    assert figures["meaning"]["lexicon"]["interval_over"] == "blocks of 50 lines"
    assert figures["meaning"]["lexicon"]["interval"] is not None
    assert figures["origin"]["artist"]["note"] == "not computed: no clustered line has any"


@pytest.mark.parametrize("labels", [-1, 0], ids=["all noise", "one cluster"])
def test_without_two_clusters_nothing_is_computed(labels):
    """Every figure is null with a reason, and there is no sentence."""
    found = follow(np.full(len(CORPUS[1]), labels))
    for side in ("form", "meaning", "origin"):
        for figure in found.figures[side].values():
            assert figure["value"] is None
            assert figure["note"].startswith("not computed")
    assert found.figures["follows"]["followed"] is None
    assert found.figures["follows"]["sentence"] is None
    assert not len(found.clusters)


def test_without_a_word_of_the_lexicon_form_stands_alone():
    """A lexicon that no line has a word of leaves meaning open rather than at zero."""
    found = follow(CORPUS[2][1], lexicon=Lexicon(("无",), (("不存在的词",),)))
    assert found.figures["meaning"]["lexicon"]["value"] is None
    assert found.figures["follows"]["followed"] is None


def test_runs_that_are_compared_are_measured_by_the_same_facts():
    """The same labels on the same texts give the figures of the run itself."""
    rows, texts, truth = CORPUS
    tokens = segment(texts, LEXICON.all_words)
    hits = count_hits(tokens, texts, LEXICON, "occurrence", BACKEND)
    groups = rows["song_id"].to_numpy(np.int64)
    category = np.asarray(largest_category(hits))
    shared = shared_follows(truth[0], category, LEXICON.categories, texts, groups, "songs", 0)
    alone = follow(truth[0]).figures
    assert shared["meaning.lexicon"].with_interval() == alone["meaning"]["lexicon"]
    assert shared.keys() >= {"follows", "form.length"}
    assert not any(key.startswith("origin") for key in shared)
