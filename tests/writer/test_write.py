"""`writer write` from the command line: what it prints, and what it refuses with the choices."""

import json
import shutil

import pytest

from rapids_rap.runs.files import write_json
from rapids_rap.writer.copying import CopyIndex, write_index
from rapids_rap.writer.measures import count_syllables, rhyme_length
from tests.conftest import rap
from tests.writer.bases import write_tiny_base

SONG = ["春风又绿江南岸", "明月何时照我还", "夜来风雨声花落"]


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    folder = write_tiny_base(tmp_path_factory.mktemp("writer") / "mine")
    write_index(folder / "index", [(7, SONG)])
    record = {
        "schema_version": 1,
        "base": {"model": "tiny", "fingerprint": ""},
        "run": {"path": "run", "lines_sha256": ""},
        "conditions": {
            "themes": [{"id": 3, "name": "街头"}, {"id": 5, "name": "爱情"}],
            "regions": ["四川"],
            "emotions": ["思念"],
        },
        "seen_songs": [{"song_id": 7, "sha256": "", "artist": "甲", "title": "春"}],
        "held_out_songs": [],
        "settings": {"longest": 256},
        "from_end": False,
    }
    write_json(folder / "writer.json", record)
    return folder


def write(writer, *options):
    return rap("writer", "write", writer, "--lines", "4", "--drafts", "1", *options)


def test_a_song_as_json_says_all_that_was_asked_and_found(writer):
    asked = ("--theme", "街头", "--region", "四川", "--emotion", "思念", "--rhyme", "AABB")
    asked = (*asked, "--lines", "12", "--syllables", "7,7,9,9", "--hook")
    done = write(writer, *asked, "--format", "json", "--songs", "2")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["conditions"]["theme"] == {"id": 3, "name": "街头"}
    assert len(found["songs"]) == 2
    for song in found["songs"]:
        verse, chorus, last, again = (part["lines"] for part in song["sections"])
        assert chorus == again
        for lines in (verse[:4], verse[4:], chorus, last):
            assert [count_syllables(line) for line in lines] == [7, 7, 9, 9]
            assert rhyme_length(lines[0], lines[1])
            assert rhyme_length(lines[2], lines[3])
        assert song["longest_overlap"] == 0
        assert song["nearest_song"] is None


def test_the_text_is_alone_on_standard_output_and_the_overlap_beside_it(writer):
    done = write(writer, "--syllables", "7", "--start", SONG[0])
    assert done.code == 0, done.err
    assert done.out.splitlines()[0] == SONG[0]
    assert len(done.out.splitlines()) == 4
    assert (
        f"at most 7 Chinese characters in a row with a song that was read: {SONG[0]} (甲 – 春)"
        in (done.err.replace("\n", " "))
    )


def test_latin_words_of_a_song_are_told(writer, tmp_path):
    """A copied line is told also when it is Latin; an index without words denies nothing."""
    english = "the lantern waits beside a silent river"
    told = ("--language", "latin", "--start", english, "--syllables", "11")
    own = tmp_path / "own"
    shutil.copytree(writer, own)
    write_index(own / "index", [(7, [*SONG, english])])
    done = write(own, *told)
    assert done.code == 0, done.err
    said = " ".join(done.err.split())
    assert f"at most 7 Latin words in a row with a song that was read: {english} (甲 – 春)" in said
    assert "Chinese characters" not in said
    found = json.loads(write(own, *told, "--format", "json").out)["songs"][0]
    assert (found["longest_overlap"], found["nearest_song"]) == (0, None)
    assert found["words"]["longest_overlap"] == 7
    assert found["words"]["nearest_song"]["song_id"] == 7
    shutil.rmtree(own / "index" / "words")
    done = write(own, *told, "--format", "json")
    assert json.loads(done.out)["songs"][0]["words"] is None
    assert " ".join(done.err.split()).count("before Latin words were followed") == 1


def test_a_copy_of_what_the_base_read_has_no_number(writer, tmp_path):
    own = tmp_path / "own"
    shutil.copytree(writer, own)
    write_index(own / "index", [(7, ["别的歌"])], CopyIndex(writer / "index"))
    done = write(own, "--syllables", "7", "--start", SONG[0])
    assert done.code == 0, done.err
    said = " ".join(done.err.split())
    assert f"{SONG[0]} (a song that its base model was trained on)" in said


def test_a_song_has_its_marks(writer):
    done = write(writer, "--hook", "--lines", "9", "--format", "song")
    assert done.out.startswith("[verse]\n")
    assert done.out.count("[verse]") == done.out.count("[chorus]") == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--theme", "派对"), "3 街头, 5 爱情"),
        (("--region", "上海"), "known: 四川"),
        (("--rhyme", "ABABA"), "AABB, ABAB, AAAA, free"),
        (("--syllables", "7,7,9"), "ask for 3 or 6 lines"),
        (("--rhyme", "AABB", "--lines", "6"), "4 or 8 lines"),
        (("--hook",), "ask for 9 lines or more"),
        (("--rhyme-syllables", "2"), "needs a scheme"),
        (("--rhyme-syllables", "0"), "greater than or equal to 1"),
        (("--rhyme", "AABB", "--start", "我的了"), "nothing rhymes"),
        (("--start", "一\n二"), "one line"),
    ],
)
def test_bad_conditions_end_with_two_and_the_choices(writer, options, said):
    done = write(writer, *options)
    assert done.code == 2
    assert said in " ".join(done.err.split())
    assert "Traceback" not in done.err


def test_a_folder_that_is_no_writer_ends_with_two(writer, tmp_path):
    done = write(tmp_path)
    assert done.code == 2
    broken = tmp_path / "broken"
    shutil.copytree(writer, broken)
    (broken / "index" / "runs.npy").unlink()
    done = write(broken)
    assert done.code == 2
    assert "runs.npy" in " ".join(done.err.split())


@pytest.mark.parametrize("songs", [[], [(8, SONG)], [(7, SONG), (8, SONG)]])
def test_the_index_of_another_writer_ends_with_two(writer, tmp_path, songs):
    """Its own songs could be copied, and nobody would be told."""
    other = tmp_path / "other"
    shutil.copytree(writer, other)
    write_index(other / "index", songs)
    done = write(other)
    assert done.code == 2
    assert "other songs" in " ".join(done.err.split())
