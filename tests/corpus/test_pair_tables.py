"""The user's two-column CSV files: what is read, and the sentence for what is not."""

import pytest

from rapids_rap.corpus.pair_tables import read_pairs
from rapids_rap.errors import InputError


def read(tmp_path, content, encoding="utf-8"):
    """The rows of a file `t.csv` with this content."""
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode(encoding))
    return list(read_pairs(path, ("artist", "region")))


def test_rows_with_bom_blank_lines_and_either_order(tmp_path):
    """Columns go by name, line numbers are those of an editor, cells are stripped."""
    rows = read(tmp_path, '\ufeffregion,artist\r\n华东, 阿树 \r\n\r\n华南,"鹿, 眠"\r\n')
    assert rows == [(2, "阿树", "华东"), (4, "鹿, 眠", "华南")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"t\.csv:1: expected the columns artist,region, found an empty file"),
        ("name,region\na,b\n", r"t\.csv:1: expected the columns artist,region, found name,region"),
        ("artist,region,x\n", r"t\.csv:1: expected the columns"),
        ("artist,region\na,b,c\n", r"t\.csv:2: expected 2 cells .* found 3"),
        ("artist,region\n\na,\n", r"t\.csv:3: region is empty"),
        ("artist,region\n,b\n", r"t\.csv:2: artist is empty"),
    ],
)
def test_errors_name_file_line_and_field(tmp_path, content, message):
    """Each kind of wrong row ends in one sentence that says where."""
    with pytest.raises(InputError, match=message):
        read(tmp_path, content)


def test_files_that_can_not_be_read(tmp_path):
    """A missing file and an encoding that can't be told are named as such."""
    with pytest.raises(InputError, match="no such file"):
        list(read_pairs(tmp_path / "absent.csv", ("artist", "region")))
    with pytest.raises(InputError, match=r"t\.csv: looks like Big5"):
        read(tmp_path, "artist,region\n我們的愛,這裡沒有你在\n", "big5")


def test_side_files_in_the_encoding_of_chinese_spreadsheets(tmp_path):
    """A list that was saved as GBK is read as lyrics in GBK are."""
    assert read(tmp_path, "artist,region\n阿树,华东\n", "gbk") == [(2, "阿树", "华东")]
