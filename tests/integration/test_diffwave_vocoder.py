"""A DiffWave behind --vocoder_file: its mels, its steps, pairs that do not match."""

import argparse
import re
from pathlib import Path

import pytest
import torch
from espnet2.bin.pack import main as pack
from espnet2.tts.feats_extract.linear_spectrogram import LinearSpectrogram
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank

from espnet_prodiff.errors import InputError, MelContractError, VocoderError
from espnet_prodiff.inference.text2speech import Text2Speech
from espnet_prodiff.inference.vocoder import build_vocoder
from espnet_prodiff.inference.wave_generator import WaveGenerator
from tests.integration.tiny_models import write_model

FEATURES = dict(fs=22050, n_fft=1024, hop_length=256)
NO_PITCH = dict(pitch_extract=None, energy_extract=None)


@pytest.fixture(scope="module")
def vocoder_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tts_diffwave")
    return write_model(folder, "diffwave", **NO_PITCH)[1]


@pytest.fixture(scope="module")
def acoustic_file(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("tts_prodiff"))[1]


@pytest.fixture(scope="module")
def text2speech(acoustic_file, vocoder_file):
    return Text2Speech(model_file=acoustic_file, vocoder_file=vocoder_file)


def acoustic(feats_extract=None, **features):
    """The parts of an ESPnetTTSModel that build_vocoder reads."""
    return argparse.Namespace(
        feats_extract=feats_extract or LogMelFbank(**{**FEATURES, **features}),
        tts=argparse.Namespace(require_vocoder=True),
    )


MISMATCHES = [
    dict(fs=16000),
    dict(fs=24000),
    dict(fs="44100"),
    dict(n_fft=2048),
    dict(n_fft=512),
    dict(hop_length=300),
    dict(hop_length=275),
    dict(hop_length=128),
    dict(win_length=1000),
    dict(win_length=800),
    dict(window="hamming"),
    dict(n_mels=100),
    dict(n_mels=40),
    dict(fmin=0),
    dict(fmin=55),
    dict(fmax=8000),
    dict(fmax=None),
    dict(log_base=None),
    dict(log_base=2.0),
    dict(htk=True),
    dict(center=False),
    dict(normalized=True),
    dict(fs=24000, n_fft=2048, hop_length=300, win_length=1200),
]


@pytest.mark.parametrize("features", MISMATCHES, ids=str)
def test_a_mismatched_pair_is_refused_with_both_sides(features, vocoder_file):
    with pytest.raises(MelContractError) as error:
        build_vocoder(None, vocoder_file, acoustic(**features))
    rows = dict(
        (row[1:].split()[0], row)
        for row in str(error.value).splitlines()[2:]
        if re.match(r"[! ] \w+ +\S+ +\S+$", row)
    )
    assert str(vocoder_file) in str(error.value) and len(rows) == 13
    marked = {name for name, row in rows.items() if row[0] == "!"}
    names = {"mel_scale" if name == "htk" else name for name in features}
    # An unset window is as long as the FFT, an unset edge half the rate.
    assert names <= marked | {"win_length"} and marked <= names | {"win_length"}
    assert rows["fs"].split()[-1] == "22050" and rows["n_mels"].split()[-1] == "80"


MATCHES = [
    ({}, {}),
    (dict(win_length=None), dict(win_length=1024)),
    (dict(fs="22050"), {}),
    (dict(fmin=0), dict(fmin=None)),
    (dict(fmax=None), dict(fmax=11025)),
    (dict(log_base=None), dict(log_base=None)),
    (dict(htk=True), dict(htk=True)),
    (dict(fs=16000, hop_length=200), dict(fs="16k", hop_length=200)),
    (dict(fs=24000, n_fft=2048, hop_length=300, win_length=1200),) * 2,
    (dict(hop_length=275, window="hamming", fmin=0, fmax=8000),) * 2,
]


@pytest.mark.parametrize("mine, theirs", MATCHES, ids=str)
def test_a_matching_pair_is_accepted(mine, theirs, tmp_path):
    conf = {**FEATURES, **theirs}
    path = write_model(tmp_path, "diffwave", feats_extract_conf=conf, **NO_PITCH)[1]
    vocoder = build_vocoder(None, path, acoustic(**mine))
    fs = LogMelFbank(**conf).fs
    assert vocoder.fs == fs
    wave = vocoder(torch.randn(3, 80) - 2, num_steps=1)
    assert wave.shape == (3 * conf["hop_length"],) and wave.abs().max() <= 1


def test_text2speech_normalises_for_the_vocoder(text2speech, vocoder_file):
    out = text2speech("hello", seed=1, vocoder_num_steps=3)
    diffwave = WaveGenerator(vocoder_file)
    mel = diffwave.model.normalize(out["feat_gen_denorm"].clone()[None])[0][0]
    torch.manual_seed(1)
    expected = diffwave.tts.inference(feats=mel, num_steps=3)["wav"]
    assert torch.equal(out["wav"], expected)
    assert len(expected) == len(out["feat_gen"]) * 256 and text2speech.fs == 22050


def test_the_vocoders_own_steps(text2speech, acoustic_file, vocoder_file):
    options = dict(seed=1, num_steps=2)
    few = text2speech("hi", **options, vocoder_num_steps=2)
    same = Text2Speech(
        model_file=acoustic_file, vocoder_file=vocoder_file, vocoder_num_steps=2
    )("hi", **options)
    assert torch.equal(few["wav"], same["wav"])
    named = text2speech("hi", **options, vocoder_schedule="base6")
    default = text2speech("hi", **options)
    assert torch.equal(few["feat_gen"], default["feat_gen"])
    assert not torch.equal(few["wav"], default["wav"])
    assert not torch.equal(named["wav"], default["wav"])
    one, other = text2speech.batch(["hi", "hello"], **options, vocoder_num_steps=2)
    torch.testing.assert_close(one["wav"], few["wav"], atol=1e-3, rtol=0)
    assert len(other["wav"]) == len(other["feat_gen"]) * 256


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(vocoder_num_steps=51), "num_steps must be between 1 and 50"),
        (dict(vocoder_num_steps=0), "num_steps must be between 1 and 50"),
        (dict(vocoder_schedule="base7"), "base6"),
        (dict(vocoder_num_steps=2, vocoder_schedule="base6"), "exclude each other"),
        (dict(schedule="base7"), "must be one of base6"),
    ],
)
def test_bad_vocoder_options(options, message, text2speech):
    with pytest.raises(InputError, match=message):
        text2speech("hi", **options)


def test_the_builtin_vocoder_has_no_steps(acoustic_file):
    with pytest.raises(InputError, match="is for a DiffWave vocoder.*BuiltinVocoder"):
        Text2Speech(model_file=acoustic_file, vocoder_num_steps=2)


def test_other_models_are_refused(acoustic_file, vocoder_file, tmp_path):
    with pytest.raises(VocoderError, match="'tts: prodiff', expected .*diffwave"):
        build_vocoder(None, acoustic_file, acoustic())
    free = write_model(
        tmp_path, "diffwave", tts_conf=dict(conditioning="none"), **NO_PITCH
    )[1]
    with pytest.raises(VocoderError, match="with conditioning none"):
        build_vocoder(None, free, acoustic())
    with pytest.raises(FileNotFoundError, match="nothing.pth does not exist"):
        build_vocoder(None, tmp_path / "nothing.pth", acoustic())
    linear = acoustic(LinearSpectrogram())
    with pytest.raises(MelContractError, match="LinearSpectrogram"):
        build_vocoder(None, vocoder_file, linear)
    with pytest.raises(VocoderError, match="prefer_normalized_feats is not for"):
        Text2Speech(
            model_file=acoustic_file,
            vocoder_file=vocoder_file,
            prefer_normalized_feats=True,
        )


def test_a_packed_vocoder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    config, model_file = write_model(Path("exp/tts_v"), "diffwave", **NO_PITCH)
    options = ["--model_file", str(model_file), "--train_config", str(config)]
    options += ["--option", "exp/tts_v/feats_stats.npz", "--outpath", "v.zip"]
    pack(["tts", *options])
    mel = torch.randn(4, 80) - 2
    expected = WaveGenerator(model_file)(mel, seed=2)
    assert torch.equal(build_vocoder(None, "v.zip", acoustic())(mel, seed=2), expected)


def test_a_vocoder_of_another_recipes_directory(tmp_path, monkeypatch):
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "theirs")
    model_file = write_model(Path("exp/tts_v"), "diffwave", **NO_PITCH)[1]
    mel = torch.randn(4, 80) - 2
    expected = WaveGenerator(model_file)(mel, seed=2)
    monkeypatch.chdir(tmp_path / "ours")
    there = Path("..") / "theirs" / model_file
    assert torch.equal(WaveGenerator(there)(mel, seed=2), expected)
    (there.parent / "feats_stats.npz").unlink()
    with pytest.raises(FileNotFoundError, match="exp/tts_v/feats_stats.npz .* neither"):
        WaveGenerator(there)


@pytest.mark.parametrize(
    "mel, message",
    [
        (torch.zeros(4, 40), r"shape \(4, 40\), .* \(frames, 80\)"),
        (torch.zeros(0, 80), r"shape \(0, 80\)"),
        (torch.zeros(80), r"shape \(80,\)"),
        (torch.full((4, 80), float("nan")), "NaN or infinite"),
    ],
)
def test_bad_mels(mel, message, vocoder_file):
    with pytest.raises(InputError, match=message):
        WaveGenerator(vocoder_file).vocode(mel)


def test_bad_waves(vocoder_file, tmp_path):
    diffwave = WaveGenerator(vocoder_file)
    with pytest.raises(InputError, match=r"\(2, 500\), expected one channel"):
        diffwave.resynthesize(torch.zeros(2, 500))
    with pytest.raises(InputError, match=r"\(0,\), expected"):
        diffwave.resynthesize(torch.zeros(0))
    with pytest.raises(InputError, match="wave holds NaN"):
        diffwave.resynthesize(torch.full((900,), float("inf")))
    for use in (diffwave.generate, lambda: diffwave.denoise(torch.zeros(9), 3)):
        with pytest.raises(InputError, match="takes a DiffWave with .*label or none"):
            use()
    # Silence and less than a window are legitimate.
    for samples in (700, 3000):
        wave = diffwave.resynthesize(torch.zeros(samples), num_steps=1)
        assert len(wave) == samples and torch.isfinite(wave).all()
