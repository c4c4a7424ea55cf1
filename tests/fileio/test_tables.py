import pytest

from espnet_prodiff.errors import DataError
from espnet_prodiff.fileio.tables import check_id, read_table, write_table


def test_read_table_joins_blanks_and_keeps_empty_values(tmp_path):
    (tmp_path / "text").write_text(
        "u1 a  b\tc \nu2\nu3 ɑː\u3000b\nu4\t a b \n", encoding="utf-8"
    )
    table = read_table(tmp_path / "text")
    assert table == {"u1": "a b c", "u2": "", "u3": "ɑː b", "u4": "a b"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"u1 a\n\nu2 b\n", "line 2 is empty"),
        (b"u1 a\nu2 b\nu1 c\n", "line 3 has 'u1' a second time"),
        (b"u1 \xff\xfe\n", "is not UTF-8"),
        (None, "does not exist"),
    ],
)
def test_read_table_names_file_and_line(tmp_path, content, message):
    if content is not None:
        (tmp_path / "text").write_bytes(content)
    with pytest.raises(DataError, match=f"text.*{message}"):
        read_table(tmp_path / "text")


def test_a_written_table_reads_as_before(tmp_path):
    table = {"u2": "b c", "u1": "", "ü": "ɑː"}
    write_table(tmp_path / "new" / "text", table)
    assert list(read_table(tmp_path / "new" / "text").items()) == list(table.items())


@pytest.mark.parametrize(
    "name", ["../evil", "/abs", "a/b", "..", ".", "a\\b", "a\x07", "\udcff", "x" * 201]
)
def test_names_that_would_be_files_elsewhere_are_refused(name):
    with pytest.raises(DataError, match="utt2spk: utterance .*rename it"):
        check_id(name, "utt2spk")
    for good in ("u1", "LJ001-0001", "..a", "ü" * 100, "spk_1.wav"):
        check_id(good)
