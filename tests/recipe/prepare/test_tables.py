"""Tables of every form, and which of their columns is what."""

import pytest

from espnet_prodiff.errors import DataError, InputError
from espnet_prodiff.recipe.prepare.columns import Columns, choose_columns
from espnet_prodiff.recipe.prepare.tables import read_rows


def table(tmp_path, text, name="t.csv"):
    (tmp_path / name).write_bytes(text.encode())
    return read_rows(tmp_path / name)


def choose(table, **asked):
    return choose_columns(table, Columns(**asked), lambda cell: cell.startswith("f"))


def test_ljspeech_has_no_header_and_quotation_marks_in_its_text(tmp_path):
    text = 'f1|in 1455 he said "yes|in fourteen fifty-five he said "yes\n'
    found = table(tmp_path, text + "f2|it is so|it is so\n")
    assert found.header is None and found.width == 3
    assert found.rows[0] == (1, text.strip().split("|"))
    assert choose(found) == (0, 2, None)


def test_a_csv_with_a_header_of_another_order_and_a_byte_order_mark(tmp_path):
    text = '\ufeffSpeaker,Sentence,Path\r\nann,"Well, well.",f1\r\nbob,Yes,f2\r\n'
    found = table(tmp_path, text)
    assert found.rows == [(2, ["ann", "Well, well.", "f1"]), (3, ["bob", "Yes", "f2"])]
    assert choose(found) == (2, 1, 0)
    assert choose(found, text="1") == (2, 0, None)
    lines = choose(found).describe(found)
    assert lines[1] == "text: column 2 (sentence), as 'Well, well.'"


@pytest.mark.parametrize("delimiter", ["\t", ";"])
def test_delimiters_are_found(tmp_path, delimiter):
    rows = [["f1", "one, two"], ["f2", "three, four"]]
    found = table(tmp_path, "\n".join(delimiter.join(row) for row in rows), "t.tsv")
    assert [cells for _, cells in found.rows] == rows


def test_the_header_s_own_name_of_the_spoken_text_wins(tmp_path):
    found = table(tmp_path, "id,text,normalized_text\nf1,in 1455 or so it was,in\n")
    assert choose(found) == (0, 2, None)


def test_what_cannot_be_used_is_named(tmp_path):
    with pytest.raises(DataError, match="no two columns"):
        table(tmp_path, "one\ntwo\n")
    with pytest.raises(DataError, match=r"absent\.csv does not exist"):
        read_rows(tmp_path / "absent.csv")
    found = table(tmp_path, "id,text\nx1,one\n")
    with pytest.raises(InputError, match="no column of the table names audio files"):
        choose(found)
    with pytest.raises(InputError, match="--text_column is 'txt', but .* id, text or"):
        choose(table(tmp_path, "id,text\nf1,one\n"), text="txt")
