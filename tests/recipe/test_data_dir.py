import pytest

from espnet_prodiff.errors import UserError
from espnet_prodiff.recipe import data_dir


def write(directory, **tables):
    directory.mkdir(parents=True, exist_ok=True)
    for name, lines in tables.items():
        path = directory / name.replace("_scp", ".scp")
        path.write_text("".join(f"{x}\n" for x in lines), encoding="utf-8")
    return directory


def write_set(directory, **changes):
    tables = {
        "utt2spk": ["b2 B", "a1 A", "b1 B"],
        "text": ["b2 two", "a1  eins\tzwei", "b1"],
        "wav_scp": ["b2 2.wav", "a1 1.wav", "b1 cat x |"],
    }
    return write(directory, **(tables | changes))


def lines(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_split_evenly_gives_the_first_parts_one_more():
    parts = data_dir.split_evenly(list(range(11)), 4)
    assert parts == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10]]
    assert data_dir.split_evenly("ab", 2) == ["a", "b"]


def test_split_table_keeps_every_line_once(tmp_path):
    d = write(tmp_path, wav_scp=["a 1", "b 2 3", "c 4"])
    data_dir.split_table(d / "wav.scp", [tmp_path / "1", tmp_path / "2"])
    assert lines(tmp_path / "1") == ["a 1", "b 2 3"]
    assert lines(tmp_path / "2") == ["c 4"]


def test_join_tables_keeps_the_order_of_the_files(tmp_path):
    d = write(tmp_path, wav_scp=["b 2", "a 1"], text=["c 3"])
    joined = data_dir.join_tables([d / "wav.scp", d / "text"])
    assert list(joined.items()) == [("b", "2"), ("a", "1"), ("c", "3")]


def test_copy_sorts_by_key_and_makes_spk2utt(tmp_path):
    source = write_set(tmp_path / "from", utt2lang=["b1 en", "b2 en", "a1 de"])
    data_dir.copy_data_dir(source, tmp_path / "to")
    to = tmp_path / "to"
    assert lines(to / "utt2spk") == ["a1 A", "b1 B", "b2 B"]
    assert lines(to / "spk2utt") == ["A a1", "B b1 b2"]
    assert lines(to / "text") == ["a1 eins zwei", "b1", "b2 two"]
    assert lines(to / "wav.scp") == ["a1 1.wav", "b1 cat x |", "b2 2.wav"]
    assert lines(to / "utt2lang") == ["a1 de", "b1 en", "b2 en"]


def test_copy_moves_aside_what_only_the_target_has(tmp_path):
    source = write_set(tmp_path / "from")
    to = write(tmp_path / "to", utt2lang=["x en"])
    data_dir.copy_data_dir(source, to)
    assert not (to / "utt2lang").exists()
    assert lines(to / ".backup" / "utt2lang") == ["x en"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text": ["b2 x", "a1 y"]}, "text lacks utterance b1"),
        ({"text": ["b2 x", "a1 y", "b1", "c1 z"]}, "utt2spk lacks utterance c1"),
        ({"wav_scp": ["b2 x", "b1 y"]}, r"wav.scp lacks utterance a1"),
        ({"utt2spk": []}, "utt2spk is empty"),
        ({"utt2spk": ["b2", "a1 A", "b1 B"]}, "utterance b2 has speaker ''"),
    ],
)
def test_check_names_the_utterance(tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        data_dir.check_data_dir(write_set(tmp_path, **changes))


def test_filter_keeps_what_every_table_has_and_backs_up(tmp_path):
    d = write_set(
        tmp_path,
        text=["a1 x", "b2 y"],
        wav_scp=["b1 1", "b2 2", "a1 0"],
        utt2sid=["a1 1", "b1 2", "b2 2"],
        spk2gender=["A f", "B m"],
    )
    (d / "wav.scp").write_text("b1 1\nb2 2\n")
    data_dir.filter_to_common_utterances(d, ["utt2sid"])
    assert lines(d / "utt2spk") == ["b2 B"]
    assert lines(d / "spk2utt") == ["B b2"]
    assert lines(d / "text") == ["b2 y"]
    assert lines(d / "utt2sid") == ["b2 2"]
    assert lines(d / "spk2gender") == ["B m"]
    assert lines(d / ".backup" / "text") == ["a1 x", "b2 y"]
    assert lines(d / ".backup" / "utt2spk") == ["a1 A", "b1 B", "b2 B"]


def test_filter_refuses_to_leave_nothing(tmp_path):
    with pytest.raises(UserError, match="no utterance is in all of"):
        data_dir.filter_to_common_utterances(write_set(tmp_path, text=["other x"]))
