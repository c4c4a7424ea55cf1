import math

import numpy as np
import pytest
import torch
from espnet2.layers.global_mvn import GlobalMVN
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank

from espnet_prodiff.common import mel_inversion
from espnet_prodiff.errors import InputError, UserError
from espnet_prodiff.spectral_vocoder.features import LinearMels, inversion_of
from espnet_prodiff.spectral_vocoder.loss import phasor_steps
from espnet_prodiff.spectral_vocoder.spectral_vocoder import SpectralVocoder

FS, HOP, MELS = 16000, 128, 40


def features(**more):
    options = dict(fs=FS, n_fft=512, hop_length=HOP, n_mels=MELS, fmin=60, fmax=7800)
    return LogMelFbank(**{**options, **more})


def vocoder(phase="integrated", seed=0, **more):
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


def test_true_magnitudes_and_steps_of_the_phase_give_the_wave(monkeypatch):
    model = vocoder(rounds=0)
    wave = speech(4 * HOP * 20)
    spectra = model.inversion.stft(wave[None])
    in_time, in_frequency = phasor_steps(spectra)
    first = torch.polar(torch.ones_like(spectra[:, :1].real), spectra[:, :1].angle())
    in_time = torch.cat([first, in_time], 1)
    in_frequency = torch.nn.functional.pad(in_frequency, (1, 0))
    in_frequency = torch.where(in_frequency == 0, 1, in_frequency)
    own = 2 * math.pi * torch.arange(257, dtype=torch.double) * HOP / 512
    relative = (in_time * torch.polar(torch.ones_like(own), -own)).to(in_time.dtype)
    steps = [relative.real, relative.imag, -in_frequency.real, -in_frequency.imag]
    outputs = [spectra.abs().log(), *steps]
    assert torch.allclose(model._phasors(steps)[0], in_time, atol=1e-5)
    monkeypatch.setattr(model, "_outputs", lambda _: outputs)
    feats = features()(wave[None])[0][0]
    error = (model.inference(feats=feats)["wav"] - wave).abs()
    # At its ends frames overlap that a mel does not have.
    assert error[2 * HOP : -2 * HOP].max() < 1e-5


def test_phasors_are_relative_to_the_bins_own_frequency_and_the_windows_middle():
    model = vocoder()
    one, zero = torch.ones(1, 3, 257), torch.zeros(1, 3, 257)
    in_time, in_frequency = model._phasors([one, zero, one, zero])
    # A click in the middle of the window, and a tone of each bin's own frequency.
    click = torch.zeros(512)
    click[256] = 1
    assert torch.allclose(
        in_frequency[0, 0, 1:],
        phasor_steps(torch.fft.rfft(click)[None, None])[1],
        atol=1e-4,
    )
    turns = 2 * math.pi * torch.arange(257) * HOP / 512
    assert torch.allclose(in_time[0, 0], torch.polar(torch.ones(257), turns), atol=1e-4)


def test_half_precision_rounds_the_network_and_nothing_else():
    model = vocoder(rounds=2)
    feats = features()(speech(20000)[None])[0][0]
    mels = model._linear(feats)
    magnitudes = model.inversion.magnitudes(mels)
    before = model._outputs(mels[None])
    for layer in model.product_layers():
        layer.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        wav = model.inference(feats=feats)["wav"]
    assert torch.equal(model.inference(feats=feats)["wav"], wav)
    assert torch.equal(model.inversion.magnitudes(mels), magnitudes)
    after = model._outputs(mels[None])
    assert after[0].dtype == wav.dtype == torch.float32
    for one, other in zip(before, after, strict=True):
        assert 0 < (one - other).abs().max() < 0.02 * before[0].abs().max()
    rounded = {id(layer) for layer in model.product_layers()}
    for module in model.network.modules():
        for parameter in module.parameters(recurse=False):
            half = id(module) in rounded
            assert parameter.dtype == (torch.bfloat16 if half else torch.float32)


@pytest.mark.parametrize("phase", ["integrated", "direct"])
def test_tiles_equal_the_whole(phase, monkeypatch):
    model = vocoder(phase, rounds=2)
    feats = features()(speech(40000)[None])[0][0]
    whole = model.inference(feats=feats)["wav"]
    monkeypatch.setattr(mel_inversion, "TILE", 100)
    tiled = model.inference(feats=feats)["wav"]
    assert torch.allclose(whole, tiled, atol=1e-4)


@pytest.mark.parametrize("phase", ["integrated", "direct"])
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
        log = spectra[-1].abs().clamp(min=1e-4).log()
        return [log[:, : mels.shape[1]], *[None] * 4]

    def know_steps(_):
        in_time, in_frequency = phasor_steps(spectra[-1])
        pad = torch.nn.functional.pad
        return pad(in_time, (0, 0, 1, 0))[:, :-1], pad(in_frequency, (1, 0))[:, :-1]

    monkeypatch.setattr(model.inversion, "stft", remember)
    monkeypatch.setattr(model, "_outputs", know)
    monkeypatch.setattr(model, "_phasors", know_steps)
    assert float(model(**batch(model, [speech()]))[0]) < 1e-9


def test_what_it_cannot_use_is_refused():
    with pytest.raises(UserError, match="phase must be one of integrated, direct"):
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
