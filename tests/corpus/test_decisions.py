"""The researchers' decisions: what a file may say, and what of it contradicts itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.corpus.decisions import check_known, check_labels, read_decisions
from rapids_rap.errors import InputError

HEAD = "kind,id,decision,value,who,when\n"


def written(folder, *rows, head=HEAD):
    """The path of a file with these rows."""
    path = folder / "decisions.csv"
    path.write_text(head + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def test_decisions_are_read(tmp_path):
    """Each of the four, with who and when; a split without a number is in two."""
    found = read_decisions(
        written(
            tmp_path,
            "cluster,4,merge,7,LW,2026-11-02",
            "cluster,5,split,,LW,2026-11-02",
            "",
            "cluster,9,exclude,,ZH,2026-11-03",
            "theme,1,name,江湖,ZH,2026-11-03",
            'cluster,9,name,"夜, 雨",ZH,2026-11-03',
        )
    )
    assert (found.merges, found.splits) == ({4: 7}, {5: 2})
    assert list(found.of("exclude")) == [9]
    assert (found.names("theme"), found.names("cluster")) == ({1: "江湖"}, {9: "夜, 雨"})
    assert [row.line for row in found.rows] == [2, 3, 5, 6, 7]
    assert found.rows[0].by == "LW 2026-11-02"


def test_columns_may_come_in_any_order(tmp_path):
    """A spreadsheet may have moved them."""
    head = "who,when,kind,id,decision,value\n"
    path = written(tmp_path, "LW,2026-11-02,cluster,4,name,夜", head=head)
    assert read_decisions(path).names("cluster") == {4: "夜"}


@pytest.mark.parametrize(
    ("row", "field", "expected"),
    [
        ("clutser,4,name,夜,LW,2026-11-02", "kind", "cluster or theme"),
        ("cluster,x,name,夜,LW,2026-11-02", "id", "whole number"),
        ("cluster,-1,name,夜,LW,2026-11-02", "id", "whole number"),
        ("cluster,٣,name,夜,LW,2026-11-02", "id", "whole number"),
        ("cluster,4,rename,夜,LW,2026-11-02", "decision", "merge, split, exclude, name"),
        ("theme,4,merge,5,LW,2026-11-02", "decision", "only named"),
        ("cluster,4,merge,4,LW,2026-11-02", "value", "another cluster"),
        ("cluster,4,merge,,LW,2026-11-02", "value", "another cluster"),
        ("cluster,4,split,1,LW,2026-11-02", "value", "2 to 20"),
        ("cluster,4,split,many,LW,2026-11-02", "value", "2 to 20"),
        ("cluster,4,exclude,yes,LW,2026-11-02", "value", "nothing"),
        ("cluster,4,name,,LW,2026-11-02", "value", "a name"),
        ("cluster,4,name,夜\u202e,LW,2026-11-02", "value", "a name"),
        ("cluster,4,name,夜,,2026-11-02", "who", "whose"),
        ("cluster,4,name,夜,LW,yesterday", "when", "a day"),
        ("cluster,4,name,夜,LW,20261102", "when", "a day"),
        ("cluster,4,name,夜,LW,2026-02-30", "when", "a day"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_field(tmp_path, row, field, expected):
    """Whoever keeps the file finds the cell."""
    path = written(tmp_path, "theme,0,name,x,LW,2026-11-02", row)
    with pytest.raises(InputError) as told:
        read_decisions(path)
    assert str(told.value).startswith(f"{path}:3: {field} = ")
    assert expected in str(told.value)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (("4,name,夜", "4,name,雨"), "line 2 says name 夜"),
        (("4,merge,7", "7,merge,9"), "line 3 merges that one into 9"),
        (("4,merge,7", "7,merge,4"), "merges that one into 4"),
        (("4,merge,7", "4,split,2"), "line 2 merges cluster 4 into 7"),
        (("4,merge,7", "4,name,夜"), "decide on 7"),
        (("4,exclude,", "4,merge,7"), "decide on 7"),
    ],
)
def test_contradictions_are_told(tmp_path, rows, said):
    """Both lines are named."""
    path = written(tmp_path, *(f"cluster,{row},LW,2026-11-02" for row in rows))
    with pytest.raises(InputError, match=r"decisions\.csv:[23]: ") as told:
        read_decisions(path)
    assert said in str(told.value)


def test_other_columns_and_short_rows_are_told(tmp_path):
    """As of the other small files."""
    with pytest.raises(InputError, match="expected the columns kind,id,decision"):
        read_decisions(written(tmp_path, head="kind,id,label\n"))
    with pytest.raises(InputError, match="expected 6 cells"):
        read_decisions(written(tmp_path, "cluster,4,name,夜"))
    with pytest.raises(InputError, match="no such file"):
        read_decisions(tmp_path / "none.csv")


def test_ids_that_nothing_ever_had_are_told(tmp_path):
    """They would decide on whatever is born next."""
    found = read_decisions(written(tmp_path, "cluster,4,merge,7,LW,2026-11-02"))
    check_known(found, 8, 0)
    with pytest.raises(InputError, match="value = 7: no cluster ever had it; ids so far are"):
        check_known(found, 7, 0)
    with pytest.raises(InputError, match="after the first night"):
        check_known(found, 0, 0)


def test_labels_and_decisions_may_not_contradict(tmp_path):
    """Two files of people say one name, or it is told."""
    found = read_decisions(written(tmp_path, "cluster,4,name,夜,LW,2026-11-02"))
    check_labels(found, {"cluster": {4: "夜", 5: "雨"}})
    with pytest.raises(InputError, match=r"labels\.csv calls cluster 4 '雨'"):
        check_labels(found, {"cluster": {4: "雨"}})


@given(st.text(max_size=80))
def test_any_file_is_decisions_or_a_sentence(tmp_path_factory, text):
    """Nothing that somebody saves under this name is a defect."""
    path = tmp_path_factory.mktemp("any") / "decisions.csv"
    path.write_bytes((HEAD + text).encode("utf-8", "surrogatepass"))
    try:
        read_decisions(path)
    except InputError as error:
        assert str(path) in str(error)  # noqa: PT017
