"""Which files are read, each once, in an order that doesn't depend on the disk."""

import os

import pytest

from rapids_rap.corpus.files import find_files
from rapids_rap.errors import InputError
from tests.corpus.helpers import norms, read, write


def test_a_folder_is_read_in_order(tmp_path):
    """Recursive, sorted, known suffixes in any case; hidden files left out, others listed."""
    for name in (
        "b.txt",
        "a/z.LRC",
        "a/y.csv",
        ".hidden.txt",
        ".git/x.txt",
        "notes.pdf",
        "c.parquet",
    ):
        write(tmp_path, name, "x")
    files, warnings = find_files([tmp_path])
    assert [f.relative_to(tmp_path).as_posix() for f in files] == [
        "a/y.csv",
        "a/z.LRC",
        "b.txt",
        "c.parquet",
    ]
    assert len(warnings) == 1
    assert "notes.pdf" in warnings[0]


def test_a_file_is_read_once(tmp_path):
    """Given twice, inside a given folder, or behind a link: one file, and a warning."""
    path = write(tmp_path, "a.txt", "x")
    (tmp_path / "link.txt").symlink_to(path)
    files, warnings = find_files([path, tmp_path, path])
    assert files == [path]
    assert "read once" in warnings[0]


def test_a_loop_of_links_ends(tmp_path):
    """A folder that contains a link to itself is read once."""
    write(tmp_path, "sub/a.txt", "x")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    files, _ = find_files([tmp_path])
    assert [f.name for f in files] == ["a.txt"]


def test_a_named_file_is_read_whatever_its_suffix(tmp_path):
    """The user's word counts more than a suffix."""
    path = write(tmp_path, ".lyrics", "x")
    assert find_files([path])[0] == [path]


def test_what_is_not_there(tmp_path):
    """A missing path, an empty folder, no path at all and a pipe are explained."""
    with pytest.raises(InputError, match=r"nowhere\.txt: no such file"):
        find_files([tmp_path / "nowhere.txt"])
    with pytest.raises(InputError, match="no lyric file in the folder"):
        find_files([tmp_path])
    with pytest.raises(InputError, match="No input"):
        find_files([])
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        find_files([tmp_path / "pipe.txt"])


def test_a_dangling_link_is_listed(tmp_path):
    """A link to nothing inside a folder doesn't stop the others."""
    write(tmp_path, "a.txt", "x")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    files, warnings = find_files([tmp_path])
    assert [f.name for f in files] == ["a.txt"]
    assert "gone.txt" in warnings[0]


def test_pipes_and_devices_in_a_folder_are_left_out(tmp_path):
    """A pipe nobody writes to and a device without end, behind a link too, are named, not read."""
    write(tmp_path, "a.txt", "x")
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "zero.txt").symlink_to("/dev/zero")
    files, warnings = find_files([tmp_path])
    assert [f.name for f in files] == ["a.txt"]
    assert "they are no files" in warnings[0]
    assert "pipe.txt" in warnings[0]
    assert "zero.txt" in warnings[0]
    with pytest.raises(InputError, match="neither a file nor a folder"):
        find_files([tmp_path / "zero.txt"])


def test_links_out_of_the_folder_are_followed(tmp_path):
    """A corpus may be put together of links; folders that link to each other end all the same."""
    for name in ("in", "elsewhere"):
        (tmp_path / name).mkdir()
    write(tmp_path / "elsewhere", "b.txt", "x")
    (tmp_path / "in" / "there").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "self.txt").symlink_to(tmp_path / "in" / "self.txt")
    files, warnings = find_files([tmp_path / "in"])
    assert [f.name for f in files] == ["b.txt"]
    assert "self.txt" in warnings[0]


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "itself", "no/such/file", "file/within"])
def test_a_path_that_cannot_be_reached_is_named(tmp_path, name):
    """A name too long, a NUL, a link to itself, a file for a folder: a sentence, no traceback."""
    (tmp_path / "itself").symlink_to("itself")
    (tmp_path / "file").write_text("歌词")
    with pytest.raises(InputError, match=r"no such file|can't be reached"):
        find_files([tmp_path / name])


SIDE_FILES = {
    "~$a.xlsx": b"\x05Some One",
    "nolyric.json": b'{"nolyric": true, "code": 200}',
    "empty answer.json": b'{"lrc": {}}',
    "404.json": b'{"code": 404, "name": "TrackNotFound", "message": "Not found"}',
    "empty.json": b"",
    "empty.parquet": b"",
    "regions.csv": "artist,region\n某甲,华东\n".encode(),
    "stats.tsv": b"song\tplays\n1\t2\n",
}


def test_side_files_end_no_run(tmp_path):
    """What holds no lyrics beside files that do is left out and said, each with its reason."""
    for name, data in SIDE_FILES.items():
        write(tmp_path, name, data)
    write(tmp_path, "a.txt", "桥洞里\n")
    corpus = read(tmp_path)
    assert norms(corpus) == ["桥洞里"]
    said = " ".join(corpus.warnings)
    assert all(name in said for name in SIDE_FILES)


@pytest.mark.parametrize("name", SIDE_FILES)
def test_a_side_file_alone_is_refused(tmp_path, name):
    """Where nothing else is read, its reason is the error."""
    with pytest.raises(InputError, match=r"No lyric|no column|no song|empty|not in a known|Excel"):
        read(write(tmp_path, name, SIDE_FILES[name]))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"<!DOCTYPE html>\n<html><body><p>a</p></body></html>", "web page"),
        (b"\xef\xbb\xbf\r\n<html lang='zh'><head><title>x</title></head>", "web page"),
        (b"{\\rtf1\\ansi\\ansicpg936 \\'c7\\'c5}", "RTF"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF"),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.lrc", "a.csv"])
def test_documents_that_are_no_text_are_refused(tmp_path, data, kind, name):
    """Their tags and control words are no lyric, whatever the suffix says."""
    with pytest.raises(InputError, match=rf"{name}: is .*{kind}"):
        read(write(tmp_path, name, data))


@pytest.mark.parametrize(
    "line", ["<b>桥洞里</b>", "<body of a song> 桥", "我是 HTML <html>", "{\\r}"]
)
def test_lines_with_tags_are_text(tmp_path, line):
    """A tag in a line, or a word in angle brackets, makes no web page."""
    assert len(read(write(tmp_path, "a.txt", f"{line}\n有人唱\n")).files) == 1
