import math

import numpy as np
import pytest
import torch
from espnet2.layers.global_mvn import GlobalMVN
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank

from espnet_prodiff.common import mel_inversion
from espnet_prodiff.errors import InputError, UserError
from espnet_prodiff.inference.builtin_vocoder import BuiltinVocoder
from espnet_prodiff.inference.mel_contract import MelContract
from espnet_prodiff.spectral_vocoder.features import LinearMels, inversion_of
from espnet_prodiff.spectral_vocoder.spectral_vocoder import SpectralVocoder

FS, HOP, MELS = 16000, 128, 40


def features(**more):
    options = dict(fs=FS, n_fft=512, hop_length=HOP, n_mels=MELS, fmin=60, fmax=7800)
    return LogMelFbank(**{**options, **more})


def vocoder(phase="analytic", seed=0, **more):
    torch.manual_seed(seed)
    options = dict(spectral_layers=2, spectral_channels=16, crop_frames=24)
    options |= dict(hop_length=HOP, sampling_rate=FS, n_fft=512, phase=phase)
    model = SpectralVocoder(9, MELS, **{**options, **more})
    model.take_features(features(), None)
    return model.eval()


def speech(samples=12000, seed=0):
    """Harmonics of a gliding pitch, and noise."""
    time = torch.arange(samples) / FS
    turns = torch.cumsum((120 + 60 * time) / FS, 0)
    wave = sum(torch.sin(2 * math.pi * k * turns) / k for k in range(1, 30))
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(seed))
    return 0.1 * wave + 0.003 * noise


def batch(model, waves):
    lengths = torch.tensor([len(wave) for wave in waves])
    padded = torch.nn.utils.rnn.pad_sequence(waves, batch_first=True)
    feats, feats_lengths = features()(padded, lengths)
    text = torch.ones(len(waves), 3, dtype=torch.long)
    return dict(
        text=text,
        text_lengths=torch.full((len(waves),), 3),
        feats=feats,
        feats_lengths=feats_lengths,
        speech=padded,
        speech_lengths=lengths,
    )


@pytest.mark.parametrize("log_base", [10.0, None])
def test_mels_are_those_that_were_normalised(tmp_path, log_base):
    extract = features(log_base=log_base)
    wave = speech()
    feats = extract(wave[None])[0]
    spectrum = inversion_of(extract, 0).stft(wave[None])
    expected = spectrum.abs() @ extract.logmel.melmat
    assert torch.allclose(LinearMels(extract, None)(feats), expected, rtol=1e-3)
    rows = feats[0].numpy()
    stats = dict(count=len(rows), sum=rows.sum(0), sum_square=(rows**2).sum(0))
    np.savez(tmp_path / "stats.npz", **stats)
    normalize = GlobalMVN(tmp_path / "stats.npz")
    normalised = normalize(feats.clone())[0]
    back = LinearMels(extract, normalize)(normalised)
    assert torch.allclose(back, expected, rtol=1e-2, atol=1e-5)


def test_without_what_the_network_adds_it_is_the_built_in_vocoder():
    model = vocoder(rounds=8)
    for weight in (model.network.out.weight, model.network.out.bias):
        torch.nn.init.zeros_(weight)
    feats = features()(speech()[None])[0][0]
    builtin = BuiltinVocoder(MelContract.of_feats_extract(features()), 8)
    ours, theirs = model.inference(feats=feats)["wav"], builtin(feats)
    assert ours.shape == theirs.shape
    # It makes the magnitudes agree with the mel twice more.
    extract = features()
    mels = [extract(wave[None])[0][0] for wave in (ours, theirs)]
    assert (mels[0] - mels[1]).abs().mean() < 0.02


@pytest.mark.parametrize("phase", ["analytic", "network"])
def test_tiles_equal_the_whole(phase, monkeypatch):
    model = vocoder(phase, rounds=2)
    feats = features()(speech(40000)[None])[0][0]
    whole = model.inference(feats=feats)["wav"]
    monkeypatch.setattr(mel_inversion, "TILE", 100)
    tiled = model.inference(feats=feats)["wav"]
    assert torch.allclose(whole, tiled, atol=1e-4)


@pytest.mark.parametrize("phase", ["analytic", "network"])
def test_a_few_updates_lower_the_loss_and_reach_every_weight(phase):
    model = vocoder(phase).train()
    waves = [speech(seed=seed) for seed in range(4)]
    inputs = batch(model, waves)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(60):
        loss, stats, weight = model(**inputs)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    for name, value in model.named_parameters():
        assert value.grad.abs().sum() > 0, name
    assert float(stats["loss"]) == losses[-1] and int(weight) == 4
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])


def test_padding_does_not_change_the_loss():
    model = vocoder()  # in validation the clips are always the same
    short = speech(2000)  # shorter than a clip
    alone = model(**batch(model, [short]))[0]
    inputs = batch(model, [short, speech()])
    one = {name: value[:1] for name, value in inputs.items()}
    assert torch.allclose(alone, model(**one)[0], rtol=1e-4)


def test_the_loss_of_true_magnitudes_is_nothing(monkeypatch):
    model = vocoder()
    stft, spectra = model.inversion.stft, []

    def remember(wav):
        spectra.append(stft(wav))
        return spectra[-1]

    def know(mels):
        return [spectra[-1].abs().clamp(min=1e-4).log()[:, : mels.shape[1]]]

    monkeypatch.setattr(model.inversion, "stft", remember)
    monkeypatch.setattr(model, "_outputs", know)
    assert float(model(**batch(model, [speech()]))[0]) == 0


def test_what_it_cannot_use_is_refused():
    with pytest.raises(UserError, match="phase must be one of analytic, network"):
        vocoder("griffin")
    with pytest.raises(UserError, match="adversarial training goes with phase"):
        vocoder(adversarial={})
    with pytest.raises(UserError, match="a clip needs 13 frames"):
        vocoder(crop_frames=12)
    with pytest.raises(UserError, match="rounds is -1"):
        vocoder(rounds=-1)
    with pytest.raises(
        InputError, match=r"mels \(frames, 40\), but the mel is missing"
    ):
        vocoder().inference()
