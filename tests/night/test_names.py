"""labels.csv: what people wrote is taken, what can't be meant is named by line and field."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.errors import InputError
from rapids_rap.night.names import read_labels


def test_labels_are_read_as_spreadsheets_write_them(tmp_path):
    """A byte-order mark, Windows line ends, quotes, blank rows and empty labels are fine."""
    path = tmp_path / "labels.csv"
    path.write_bytes(
        '\ufeffkind,id,label\r\ncluster,3,"城市, 夜"\r\n,,\r\ntheme,0,家\r\ncluster,1,\r\n'.encode()
    )
    labels = read_labels(path, 4, 1)
    assert labels.clusters == {3: "城市, 夜"}
    assert labels.themes == {0: "家"}


def test_no_file_and_an_empty_file_name_nothing(tmp_path):
    """Labels are optional."""
    assert read_labels(tmp_path / "none.csv", 4, 1).clusters == {}
    (tmp_path / "labels.csv").write_text("")
    assert read_labels(tmp_path / "labels.csv", 4, 1).clusters == {}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("cluster,3", "has 2 fields"),
        ("cluster,3,a,b", "has 4 fields"),
        ("group,3,a", "kind = 'group'"),
        ("cluster,x,a", "id = 'x'"),
        ("cluster,-1,a", "id = '-1'"),
        ("cluster,٣,a", "id = '٣'"),
        ("cluster,4,a", "no cluster ever had it"),
        ("theme,1,a", "no theme ever had it"),
        ("cluster,2,a", "named twice"),
        ("cluster,3," + "长" * 201, "label"),
        ("cluster,3,a\x07b", "label"),
        ('cluster,3,"open', "is no CSV"),
        ("cluster," + "9" * 5000 + ",a", "id = "),
    ],
)
def test_a_wrong_row_is_named(tmp_path, row, said):
    """The error names file, line and what was expected."""
    path = tmp_path / "labels.csv"
    path.write_text(f"kind,id,label\ncluster,2,ok\n{row}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"labels\.csv line 3") as error:
        read_labels(path, 4, 1)
    assert said in str(error.value)


def test_other_columns_and_other_encodings_are_named(tmp_path):
    """A file without the header, or in GB18030, is refused."""
    path = tmp_path / "labels.csv"
    path.write_text("cluster,2,a\n")
    with pytest.raises(InputError, match="line 1: the columns are kind,id,label"):
        read_labels(path, 4, 1)
    path.write_bytes("kind,id,label\ncluster,2,城市\n".encode("gb18030"))
    with pytest.raises(InputError, match="UTF-8"):
        read_labels(path, 4, 1)


@given(st.dictionaries(st.integers(0, 50), st.text("城市a, \"'", min_size=1).filter(str.strip)))
def test_what_csv_writes_is_read_back(tmp_path_factory, labels):
    """Any labels that a CSV writer wrote come back."""
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerows([("kind", "id", "label"), *(("cluster", k, v) for k, v in labels.items())])
    assert read_labels(path, 51, 0).clusters == {k: v.strip() for k, v in labels.items()}
