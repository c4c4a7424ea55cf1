"""The mel contract: read from both sides, equal or refused with a table."""

import dataclasses

import pytest
from espnet2.tts.feats_extract.linear_spectrogram import LinearSpectrogram
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank

from espnet_prodiff.errors import MelContractError
from espnet_prodiff.inference.mel_contract import MelContract

CONFIG = {
    "sampling_rate": 22050,
    "fft_size": 1024,
    "hop_size": 256,
    "win_length": None,
    "window": "hann",
    "num_mels": 80,
    "fmin": 80,
    "fmax": 7600,
}


@pytest.fixture
def model():
    return MelContract.of_feats_extract(LogMelFbank(fs=22050))


def test_both_sides_read_the_same_numbers(model):
    vocoder = MelContract.of_parallel_wavegan(CONFIG)
    assert vocoder == model
    assert model == MelContract(
        22050, 1024, 256, 1024, "hann", 80, 80.0, 7600.0, 10.0, "slaney"
    )
    model.require_match(vocoder, "v.pkl")


def test_unset_edges_and_window_mean_the_same_on_both_sides():
    mine = LogMelFbank(fs="22k", n_fft=512, fmin=None, fmax=None, win_length=512)
    theirs = {
        **CONFIG,
        "sampling_rate": 22000,
        "fft_size": 512,
        "fmin": 0,
        "fmax": 11000,
    }
    contract = MelContract.of_feats_extract(mine)
    contract.require_match(MelContract.of_parallel_wavegan(theirs), "v.pkl")


@pytest.mark.parametrize(
    ("field", "value", "key"),
    [
        ("fs", 24000, "sampling_rate"),
        ("n_fft", 2048, "fft_size"),
        ("hop_length", 300, "hop_size"),
        ("win_length", 1200, "win_length"),
        ("window", "hamming", "window"),
        ("n_mels", 100, "num_mels"),
        ("fmin", 0, "fmin"),
        ("fmax", None, "fmax"),
        ("log_base", None, "log_base"),
    ],
)
def test_each_difference_is_refused_and_marked(model, field, value, key):
    vocoder = MelContract.of_parallel_wavegan({**CONFIG, key: value})
    with pytest.raises(MelContractError) as error:
        model.require_match(vocoder, "exp/voc.pkl")
    text = str(error.value)
    marked = {line.split()[1] for line in text.splitlines() if line[0] == "!"}
    assert field in marked
    assert marked <= {field, "win_length"}  # an unset window follows the FFT size
    assert str(getattr(model, field)) in text and str(getattr(vocoder, field)) in text
    assert "exp/voc.pkl" in text and "feats_extract_conf" in text


def test_htk_mels_are_not_slaney_mels(model):
    htk = MelContract.of_feats_extract(LogMelFbank(fs=22050, htk=True))
    assert htk == dataclasses.replace(model, mel_scale="htk")


def test_features_without_mels_are_refused():
    with pytest.raises(MelContractError, match="LinearSpectrogram"):
        MelContract.of_feats_extract(LinearSpectrogram())
    with pytest.raises(MelContractError, match="lacks fft_size"):
        MelContract.of_parallel_wavegan({**CONFIG, "fft_size": None})
