"""Files in, table out."""

import json

import numpy as np
import pytest
import soundfile as sf

from espnet_prodiff.errors import DataError
from espnet_prodiff.evaluation.evaluation_set import read_evaluation_set
from espnet_prodiff.evaluation.measurement import Measurement
from espnet_prodiff.evaluation.table import (
    METRICS,
    Results,
    to_json,
    to_markdown,
    write_results,
)
from espnet_prodiff.fileio.atomic import atomic_path, write_text
from espnet_prodiff.fileio.audio import read_audio
from espnet_prodiff.fileio.tables import read_durations, read_table

NAN = float("nan")


@pytest.fixture
def results():
    return Results(
        about={"data": "two utterances"},
        rows={
            "recordings": {"mcd": Measurement(3.141, 0.5, 0.26, 2)},
            "student": {
                "mcd": Measurement(4.0, NAN, NAN, 1),
                "length_error": Measurement(-0.0123, 0.01, 0.005, 2),
                "spread": Measurement(0.118, 0.01, 0.004, 2),
            },
        },
        values={"student": {"mcd": {"u1": 4.0, "u2": NAN}}},
        notes=["one remark"],
    )


def test_markdown_has_facts_figures_and_notes(results):
    lines = to_markdown(results).splitlines()
    assert lines[2:4] == ["- data: two utterances", "- note: one remark"]
    assert "| system | MCD (dB) | length error (%) | n |" in lines
    assert "| recordings | 3.14 ± 0.26 | – | 2 |" in lines
    assert "| student | 4.00 (n = 1) | -1.2 ± 0.5 | 2 |" in lines
    assert "| system | spread over seeds | n |" in lines
    assert "| student | 0.1180 ± 0.0040 | 2 |" in lines


def test_every_metric_has_its_key():
    assert len({metric.key for metric in METRICS}) == len(METRICS)


def test_a_ratio_has_no_single_values_and_nan_is_a_note():
    results = Results({})
    results.add("x", {"mcd": {"u1": 1.0, "u2": 3.0}, "rtf": {"u1": (1, 10)}})
    results.add("x", {"stoi": {"u1": NAN}, "spread": {}})
    assert list(results.rows["x"]) == ["mcd", "rtf"]
    assert results.rows["x"]["mcd"].mean == 2 and results.rows["x"]["rtf"].mean == 0.1
    assert results.values == {"x": {"mcd": {"u1": 1.0, "u2": 3.0}}}
    assert results.notes == ["x: stoi is not defined for any utterance"]


def test_json_keeps_units_and_single_values(results, tmp_path):
    _, file = write_results(results, tmp_path / "new")
    data = json.loads(file.read_text())
    assert data == to_json(results)
    student = data["systems"][1]
    assert student["name"] == "student"
    assert student["mcd"] == {"mean": 4.0, "std": None, "ci95": None, "n": 1}
    assert student["length_error"]["mean"] == -0.0123
    assert student["values"]["mcd"] == {"u1": 4.0, "u2": None}
    assert "60 dB" in data["definitions"]["mcd"]


def test_a_failed_write_keeps_the_old_file(tmp_path):
    file = tmp_path / "results.md"
    write_text(file, "old")

    with pytest.raises(OSError, match="disk full"), atomic_path(file) as temporary:
        temporary.write_text("half")
        raise OSError("disk full")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.fixture
def data_dir(tmp_path):
    for utt, fs in (("u1", 16000), ("u2", 16000), ("u3", 8000)):
        sf.write(tmp_path / f"{utt}.wav", np.full(800, 0.25), fs)
    sf.write(tmp_path / "stereo.wav", np.zeros((800, 2)), 16000)
    lines = [f"{u} {tmp_path}/{u}.wav\n" for u in ("u1", "u2", "u3")]
    (tmp_path / "wav.scp").write_text("".join(lines))
    (tmp_path / "text").write_text("u1 hello there\nu2 b\nu3 c\n")
    (tmp_path / "durations").write_text("u1 1 2\nu2 3 4\n")
    (tmp_path / "utt2sid").write_text("u1 1\nu2 2\nu3 1\n")
    return tmp_path


def test_an_evaluation_set_is_read(data_dir):
    data = read_evaluation_set(data_dir, data_dir / "durations", max_utts=2)
    assert (list(data), len(data), data.fs) == (["u1", "u2"], 2, 16000)
    assert data.texts["u1"] == "hello there"
    assert data.durations["u2"].tolist() == [3, 4]
    assert data.ids == {"sids": {"u1": 1, "u2": 2}}
    wav = read_audio(data.recordings["u1"], "u1", 16000)
    np.testing.assert_array_equal(wav, np.full(800, 0.25))


def test_bad_data_is_named(data_dir):
    with pytest.raises(DataError, match="durations lacks 1 of the 3.*first u3"):
        read_evaluation_set(data_dir, data_dir / "durations")
    with pytest.raises(DataError, match="u3 .*u3.wav. has 8000 Hz, expected 16"):
        read_audio(data_dir / "u3.wav", "u3", 16000)
    with pytest.raises(DataError, match="stereo.wav. has 2 channels"):
        read_audio(data_dir / "stereo.wav", "u", 16000)
    with pytest.raises(DataError, match="u9 .*gone.wav. does not exist"):
        read_audio(data_dir / "gone.wav", "u9")
    with pytest.raises(DataError, match="text.*cannot be read"):
        read_audio(data_dir / "text", "u1")
    with pytest.raises(DataError, match="no_dir does not exist"):
        read_evaluation_set(data_dir / "no_dir")
    (data_dir / "durations").write_text("u1 1 -2\n")
    with pytest.raises(DataError, match="durations, utterance u1.*'1 -2'"):
        read_durations(data_dir / "durations")
    (data_dir / "text").write_text("u1 a\nu1 b\n")
    with pytest.raises(DataError, match="text: line 2 has 'u1' a second time"):
        read_table(data_dir / "text")
    (data_dir / "text").write_text("")
    with pytest.raises(DataError, match="text lacks 3 of the 3"):
        read_evaluation_set(data_dir)
    (data_dir / "wav.scp").write_text("")
    with pytest.raises(DataError, match="wav.scp is empty"):
        read_evaluation_set(data_dir)
