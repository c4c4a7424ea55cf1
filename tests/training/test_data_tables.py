"""Faults of tables, token lists and statistics are named before a training begins."""

import argparse

import numpy as np
import pytest

from espnet_prodiff.errors import DataError
from espnet_prodiff.fileio.tables import write_table
from espnet_prodiff.training.data_tables import (
    check_ids,
    check_tables,
    check_tokens,
    read_statistics,
)


@pytest.fixture
def files(tmp_path):
    """A set of two utterances without a fault."""
    for utt in ("u1", "u2"):
        (tmp_path / f"{utt}.wav").touch()
    write_table(tmp_path / "shape", {"u1": "100", "u2": "200"})
    tables = {
        "text": {"u1": "a", "u2": "b"},
        "speech": {utt: str(tmp_path / f"{utt}.wav") for utt in ("u1", "u2")},
        "durations": {"u1": "1 2", "u2": "3 4"},
        "sids": {"u1": "1", "u2": "2"},
    }
    kinds = dict(text="text", speech="sound", durations="text_int", sids="text_int")
    for name, table in tables.items():
        write_table(tmp_path / name, table)
    return [(str(tmp_path / name), name, kind) for name, kind in kinds.items()]


@pytest.mark.parametrize(
    ("name", "table", "message"),
    [
        ("text", {"u1": "a"}, r"text .text. lacks 1 .*: u2\. Make them"),
        ("sids", {"u2": "1"}, r"sids .sids. lacks 1 .*: u1\."),
        ("speech", {"u1": "gone.wav", "u2": "x.ark:5"}, "utterance u1: gone.wav does"),
        ("durations", {"u1": "1.5 2", "u2": "1"}, "utterance u1: expected integers"),
        ("durations", {"u1": "one", "u2": "1"}, "utterance u1: expected integers"),
        ("durations", {"u1": "1,2", "u2": "1"}, "utterance u1: expected integers"),
        ("durations", {"u1": "", "u2": "1"}, "utterance u1: expected integers"),
        ("durations", None, "durations .durations. does not exist: give tts.sh"),
    ],
)
def test_a_wrong_table_names_the_utterance(files, tmp_path, name, table, message):
    check_tables(files, tmp_path / "shape")
    if table is None:
        (tmp_path / name).unlink()
    else:
        write_table(tmp_path / name, table)
    with pytest.raises(DataError, match=message):
        check_tables(files, tmp_path / "shape")


@pytest.mark.parametrize("kind", ["gone", "folder", "link to nowhere"])
def test_one_file_of_a_large_folder(tmp_path, kind):
    utts = [f"u{n}" for n in range(150)]
    for utt in utts:
        (tmp_path / f"{utt}.wav").touch()
    (tmp_path / "u8.wav").unlink()
    (tmp_path / "u8.wav").symlink_to("u9.wav")  # is there
    table = {utt: str(tmp_path / f"{utt}.wav") for utt in utts} | {"u1": "x.ark:5"}
    write_table(tmp_path / "wav.scp", table)
    files = [(str(tmp_path / "wav.scp"), "speech", "sound")]
    check_tables(files, None)
    (tmp_path / "u77.wav").unlink()
    if kind == "folder":
        (tmp_path / "u77.wav").mkdir()
    elif kind == "link to nowhere":
        (tmp_path / "u77.wav").symlink_to("nowhere")
    with pytest.raises(DataError, match=r"utterance u77: .*u77\.wav does not exist"):
        check_tables(files, None)


@pytest.mark.parametrize("value", ["3", "-1", "x", "1 2", "", "1.0", "\u00b2"])
def test_a_label_that_the_model_has_not(value, tmp_path):
    write_table(tmp_path / "utt2sid", {"u1": "0", "u2": "2"})
    check_ids(tmp_path / "utt2sid", 3, "spks")
    write_table(tmp_path / "utt2sid", {"u1": "0", "u2": value})
    with pytest.raises(DataError, match="utterance u2: its label .* 0 to 2 .spks"):
        check_ids(tmp_path / "utt2sid", 3, "spks")


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ("", "0 tokens without <unk>"),
        ("a\n<sos/eos>\n", "2 tokens without <unk>"),
        ("<unk>\na\na\n<sos/eos>\n", "'a' twice"),
        ("<unk>\na\n", "'a' as the last token, expected <sos/eos>"),
        (b"<unk>\n\xff\n", "is not UTF-8"),
        (None, "does not exist: run stage 5"),
    ],
)
def test_wrong_token_lists(tokens, message, tmp_path):
    path = tmp_path / "tokens.txt"
    if tokens is not None:
        path.write_bytes(tokens if isinstance(tokens, bytes) else tokens.encode())
    with pytest.raises(DataError, match=f"tokens.txt.*{message}"):
        check_tokens(argparse.Namespace(token_list=str(path)))
    check_tokens(argparse.Namespace(token_list=["<unk>", "a", "<sos/eos>"]))


GOOD = {"count": 2, "sum": np.array([1.0, 2.0]), "sum_square": np.array([1.0, 4.0])}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sum": np.array([np.nan, 2.0])}, "not finite"),
        ({"count": 0}, "not finite, or no frames"),
        ({"sum": np.array([2.0, 2.0]), "sum_square": np.array([2.0, 4.0])}, "is 0"),
        ({"sum": np.array([1.0])}, r"shapes \(1,\) and \(2,\)"),
        ({"sum": np.array(["x", "y"])}, "no statistics"),
        ({"sum": np.array([{}, 1], object)}, "no statistics"),
        ({"sum": None}, "no statistics"),
        (b"text", "no statistics"),
        (b"", "no statistics"),
    ],
)
def test_wrong_statistics(changes, message, tmp_path):
    path = tmp_path / "feats_stats.npz"
    np.savez(path, **GOOD)
    assert read_statistics(path, 2) == (2, 2)
    with pytest.raises(DataError, match="2 values a frame, but the features have 1"):
        read_statistics(path, 1)
    if isinstance(changes, bytes):
        path.write_bytes(changes)
    else:
        merged = {k: v for k, v in (GOOD | changes).items() if v is not None}
        np.savez(path, **merged)
    with pytest.raises(DataError, match=f"feats_stats.npz holds.*{message}"):
        read_statistics(path, 2)
