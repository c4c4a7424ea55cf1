"""Kaldi archives and tables from strangers: nothing in them is run."""

import os
import pickle

import kaldiio
import numpy as np
import pytest
import soundfile
from espnet2.train.dataset import ESPnetDataset

from espnet_prodiff.errors import DataError
from espnet_prodiff.evaluation.evaluation_set import read_evaluation_set
from espnet_prodiff.fileio import kaldi
from espnet_prodiff.fileio.audio import read_recording
from espnet_prodiff.fileio.tables import read_table, write_table
from espnet_prodiff.recipe.options import Options
from espnet_prodiff.recipe.spk_embed import write_embeddings


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def scp_of(folder, kind):
    """A table with one utterance, u, that makes ``folder / "ran"`` if it is run."""
    ran, ark = folder / "ran", folder / "vectors.ark"
    lines = {
        "pickle": f"{ark}:2",
        "pipe": f"mkdir {ran}; cat {ark} |",
        "pipe at the start": f"| mkdir {ran}",
    }
    ark.write_bytes(b"u PKL" + pickle.dumps(Touch(ran)))
    (folder / "spk.scp").write_text(f"u {lines[kind]}\n")
    return folder / "spk.scp"


def by_kaldiio(scp):
    return kaldiio.load_scp(str(scp))["u"]


def by_espnet(scp):
    dataset = ESPnetDataset(
        [(str(scp), "spembs", "kaldi_ark")], preprocess=lambda uid, data: data
    )
    return dataset["u"][1]["spembs"]


def by_evaluate(scp):
    wav = scp.parent / "u.wav"
    soundfile.write(wav, np.zeros(100), 8000)
    write_table(scp.parent / "wav.scp", {"u": str(wav)})
    write_table(scp.parent / "text", {"u": "a"})
    return read_evaluation_set(scp.parent, spembs=scp).spembs["u"]


def by_stage_3(scp):
    options = Options(train_set="tr", valid_set="tr", spk_embed_tag="spk")
    os.chdir(scp.parent)
    for folder in ("data/tr", "dump/raw/org/tr"):
        os.makedirs(folder)
    os.rename(scp, "data/tr/spk.scp")
    write_table("dump/raw/org/tr/spk2utt", {"s": "u"})
    write_embeddings(options)
    return by_kaldiio("dump/spk/tr/spk.scp")


def as_audio(scp):
    return read_recording(read_table(scp)["u"], "u", commands=True)


READERS = [by_kaldiio, by_espnet, by_evaluate, by_stage_3]


@pytest.fixture(autouse=True)
def stay_here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", ["pickle", "pipe", "pipe at the start"])
@pytest.mark.parametrize("read", [*READERS, as_audio])
def test_pickles_and_commands_are_refused_and_not_run(read, kind, tmp_path):
    message = "PKL|--allow_pipes true|does not exist"
    with pytest.raises(DataError, match=message):
        read(scp_of(tmp_path, kind))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("read", READERS)
def test_vectors_are_read_as_they_were_written(read, tmp_path):
    vector = np.array([0.5, -2.0, 3.25], np.float32)
    scp = tmp_path / "spk.scp"
    kaldiio.save_ark(str(tmp_path / "v.ark"), {"u": vector}, scp=str(scp))
    assert np.array_equal(read(scp), vector)


def test_a_command_is_run_where_it_was_allowed(tmp_path, monkeypatch):
    vector, ark = np.array([1.0, 2.0], np.float32), tmp_path / "v.ark"
    kaldiio.save_mat(str(ark), vector)
    monkeypatch.setitem(kaldi._allowed, "pipes", True)
    (tmp_path / "spk.scp").write_text(f"u cat {ark} |\n")
    assert np.array_equal(by_kaldiio(tmp_path / "spk.scp"), vector)
    with pytest.raises(DataError, match="holds a pickle"):
        by_kaldiio(scp_of(tmp_path, "pickle"))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([1.0, np.nan], np.float32), "utterance u .* no vector of finite"),
        (np.ones((2, 2), np.float32), "utterance u .* no vector of finite"),
        (np.ones(3, np.float32), "utterance u .* 3 numbers, the others are of 2"),
    ],
)
def test_a_wrong_embedding_is_named(array, message, tmp_path):
    scp = tmp_path / "spk.scp"
    vectors = {"good": np.ones(2, np.float32), "u": array}
    kaldiio.save_ark(str(tmp_path / "v.ark"), vectors, scp=str(scp))
    with pytest.raises(DataError, match=rf"spk\.scp, {message}"):
        kaldi.read_vectors(read_table(scp), scp)
    ark = tmp_path / "v.ark"
    ark.write_bytes(ark.read_bytes()[:-1])
    with pytest.raises(DataError, match="utterance u"):
        kaldi.read_vectors(read_table(scp), scp)
