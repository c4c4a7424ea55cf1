"""The built-in vocoder's signal processing against signals that are known."""

import librosa
import numpy as np
import pytest
import torch

from espnet_prodiff.common import mel_inversion, phase_integration
from espnet_prodiff.common.mel_inversion import MelInversion

FS = 16000


def make_inversion(rounds=8, n_fft=512, hop=128, n_mels=60):
    mel_matrix = librosa.filters.mel(sr=FS, n_fft=n_fft, n_mels=n_mels)
    window = torch.hann_window(n_fft)
    return MelInversion(torch.from_numpy(mel_matrix), window, hop, rounds)


def make_voice(seconds=1.0, f0=150.0):
    """Harmonics of a gliding F0 under two formants, with pauses."""
    time = torch.arange(int(seconds * FS)) / FS
    phase = 2 * np.pi * torch.cumsum(f0 * (1 + 0.2 * torch.sin(3 * time)), 0) / FS
    wave = torch.zeros_like(time)
    for k in range(1, 40):
        f = k * f0
        gain = np.exp(-((f - 600) ** 2) / 2e5) + 0.3 * np.exp(-((f - 2200) ** 2) / 4e5)
        wave += gain * torch.sin(k * phase)
    return 0.1 * wave * (torch.sin(2 * np.pi * 2 * time) > -0.7)


def spectrum(inversion, wave):
    return inversion.stft(wave[None])[0]


def mel_of(inversion, wave):
    return spectrum(inversion, wave).abs() @ inversion.mel_matrix.T


def log_distance(inversion, wave, mel):
    made = mel_of(inversion, wave)
    logs = [m[2:-2].clamp(min=1e-4).log() for m in (made, mel)]
    return float((logs[0] - logs[1]).abs().mean())


def test_magnitudes_agree_with_the_mel():
    inversion = make_inversion()
    mel = mel_of(inversion, make_voice())
    magnitudes = inversion.magnitudes(mel)
    assert (magnitudes > 0).all()
    error = (magnitudes @ inversion.mel_matrix.T - mel).abs().sum() / mel.abs().sum()
    pinv = (mel @ inversion.inverse.T).clamp(min=1e-5)
    before = (pinv @ inversion.mel_matrix.T - mel).abs().sum() / mel.abs().sum()
    assert error < 0.05 and error < before


@pytest.mark.parametrize("frequency", [440.0, 1000.3])
def test_phase_steps_are_those_of_a_tone(frequency):
    inversion = make_inversion()
    tone = torch.cos(2 * np.pi * frequency * torch.arange(FS) / FS)
    true = spectrum(inversion, tone)
    steps, peaks = phase_integration._phase_steps(inversion.analytic(true.abs()))
    bins = round(frequency / FS * inversion.n_fft)
    for frame in (20, 50):
        near = slice(bins - 1, bins + 2)  # all hang on the peak
        assert (peaks[frame, near] == bins).all()
        predicted = true[frame - 1, bins].angle() + steps[frame, near]
        error = torch.polar(torch.ones(3), predicted - true[frame, near].angle())
        assert (error.angle().abs() < 0.1).all()


def test_a_click_stays_at_its_place():
    inversion = make_inversion(rounds=0)
    wave = torch.zeros(40 * inversion.hop_length)
    wave[2500] = 1.0
    made = inversion([mel_of(inversion, wave)])[0]
    assert abs(int(made.abs().argmax()) - 2500) < 80


def test_it_is_nearer_to_the_mel_than_librosas_griffin_lim():
    inversion = make_inversion()
    wave = make_voice(2.0)
    mel = mel_of(inversion, wave)
    ours = inversion([mel])[0]
    pinv = np.maximum(
        1e-10, np.linalg.pinv(inversion.mel_matrix.numpy()) @ mel.numpy().T
    )
    theirs = librosa.griffinlim(pinv, n_iter=32, hop_length=128, random_state=0)
    distance = log_distance(inversion, ours, mel)
    assert distance < 0.7 * log_distance(inversion, torch.from_numpy(theirs), mel)
    rough = log_distance(make_inversion(rounds=0), make_inversion(0)([mel])[0], mel)
    assert distance < 0.5 * rough


def test_tiles_equal_the_whole(monkeypatch):
    inversion = make_inversion(rounds=4)
    mel = mel_of(inversion, make_voice(2.5))
    whole = inversion([mel])[0]
    for tile in (10, 40, 97):  # 10 is less than the margin
        monkeypatch.setattr(mel_inversion, "TILE", tile)
        torch.testing.assert_close(inversion([mel])[0], whole, rtol=1e-4, atol=1e-5)


def test_a_batch_is_each_alone(monkeypatch):
    monkeypatch.setattr(mel_inversion, "TILE", 100)
    inversion = make_inversion(rounds=3)
    mels = [mel_of(inversion, make_voice(s, f)) for s, f in ((1.5, 120), (0.3, 210))]
    for together, mel in zip(inversion(mels), mels, strict=True):
        alone = inversion([mel])[0]
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
        assert torch.equal(inversion([mel])[0], alone)  # the same bytes


@pytest.mark.parametrize("frames", [1, 2, 3, 7])
def test_short_mels_have_their_length(frames):
    inversion = make_inversion()
    wave = inversion([mel_of(inversion, make_voice())[:frames]])[0]
    assert len(wave) == max(frames - 1, 1) * 128 and wave.isfinite().all()


def test_silence_is_silent():
    wave = make_inversion()([torch.full((50, 60), 1e-10)])[0]
    assert wave.abs().max() < 1e-3


@pytest.mark.parametrize(
    "n_fft, hop", [(512, 200), (1024, 256), (600, 150), (1024, 64)]
)
def test_other_sizes(n_fft, hop, monkeypatch):
    inversion = make_inversion(n_fft=n_fft, hop=hop)
    mel = mel_of(inversion, make_voice(1.5))
    wave = inversion([mel])[0]
    assert log_distance(inversion, wave, mel) < 0.25
    longer = mel_of(inversion, make_voice(1.7, 210))
    monkeypatch.setattr(mel_inversion, "TILE", 150)
    together = inversion([mel, longer])[0]
    torch.testing.assert_close(together, wave, rtol=1e-3, atol=1e-4)
