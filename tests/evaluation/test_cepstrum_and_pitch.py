import numpy as np
import pytest

from espnet_prodiff.evaluation.metrics.analysis import (
    SpeechAnalysis,
    align,
    analyse,
    mel_cepstra,
)
from espnet_prodiff.evaluation.metrics.cepstrum import (
    frame_distance,
    mel_cepstral_distortion,
)
from espnet_prodiff.evaluation.metrics.pitch import log_f0_rmse

FS = 22050


def mel_axis(fft_size):
    """Position of each bin on WORLD's mel axis, 0 ... 1."""
    mel = 1127.01048 * np.log(np.arange(fft_size // 2 + 1) * FS / fft_size / 700 + 1)
    low, high = 1127.01048 * np.log(np.array([40, FS / 2]) / 700 + 1)
    return (mel - low) / (high - low)


def speech(f0=150.0, seconds=1.0, gain=1.0):
    """Pulses at ``f0`` with a little vibrato through two resonances."""
    t = np.arange(int(FS * seconds)) / FS
    phase = 2 * np.pi * np.cumsum(f0 * (1 + 0.02 * np.sin(2 * np.pi * 5 * t))) / FS
    harmonics = np.arange(1, 40)[:, None]
    frequency = harmonics * f0
    amplitude = 1 / (1 + ((frequency - 600) / 200) ** 2) + 0.3 / (
        1 + ((frequency - 2500) / 300) ** 2
    )
    return gain * 0.1 * (amplitude * np.sin(harmonics * phase)).sum(axis=0)


@pytest.mark.parametrize("order", [1, 3, 10])
def test_a_cosine_over_the_mel_axis_has_its_rms(order):
    flat = np.ones((1, 513))
    ripple = np.exp(0.5 * np.cos(np.pi * order * mel_axis(1024)))[None]
    distance = frame_distance(mel_cepstra(flat, FS), mel_cepstra(ripple, FS))
    rms_db = 10 / np.log(10) * 0.5 / np.sqrt(2)
    np.testing.assert_allclose(distance, rms_db, rtol=0.01)


def test_mcd_equals_the_usual_formula_of_log_amplitude_cepstra():
    rng = np.random.default_rng(0)
    sptk = rng.normal(0, 0.02, (2, 24))  # log |H| = sum_m c_m cos(m w)
    m = np.arange(1, 25)
    axis = mel_axis(1024)[:, None]
    envelopes = np.exp(2 * (np.cos(np.pi * axis * m) @ sptk.T)).T
    coded = mel_cepstra(envelopes, FS)
    usual = 10 / np.log(10) * np.sqrt(2 * ((sptk[0] - sptk[1]) ** 2).sum())
    ours = frame_distance(coded[0], coded[1])
    np.testing.assert_allclose(ours, usual, rtol=0.02)


@pytest.mark.parametrize("gain", [1.0, 0.25])
def test_identical_speech_at_any_level_has_no_distortion(gain):
    a = analyse(speech(), FS)
    b = analyse(speech(gain=gain), FS)
    path = np.repeat(np.arange(len(a.f0))[:, None], 2, axis=1)
    assert mel_cepstral_distortion(a.cepstra, b.cepstra, path) < 1e-3
    assert log_f0_rmse(a.f0, b.f0, path) < 1e-6


def test_warping_undoes_a_stretch():
    rng = np.random.default_rng(0)
    a = SpeechAnalysis(rng.normal(size=(30, 24)), rng.uniform(90, 200, 30))
    repeats = rng.integers(1, 4, 30)
    b = SpeechAnalysis(a.cepstra.repeat(repeats, axis=0), a.f0.repeat(repeats))
    path = align(a.cepstra, b.cepstra)
    assert mel_cepstral_distortion(a.cepstra, b.cepstra, path) == 0
    assert log_f0_rmse(a.f0, b.f0, path) == 0
    np.testing.assert_array_equal(path[:, 0], np.arange(30).repeat(repeats))
    np.testing.assert_array_equal(path[:, 1], np.arange(repeats.sum()))


def test_a_shift_of_one_coefficient_is_counted_in_decibels():
    a = SpeechAnalysis(np.zeros((5, 24)), np.zeros(5))
    b = SpeechAnalysis(np.eye(24)[np.full(5, 7)] * 0.3, np.zeros(5))
    path = np.repeat(np.arange(5)[:, None], 2, axis=1)
    mcd = mel_cepstral_distortion(a.cepstra, b.cepstra, path)
    assert mcd == pytest.approx(0.3 * 10 / np.log(10))


def test_digital_silence_and_faint_noise_are_the_same_silence():
    rng = np.random.default_rng(0)
    loud, pause = speech(seconds=0.5), np.zeros(FS // 2)
    quiet = np.concatenate([loud, pause])
    hiss = quiet + 1e-6 * rng.standard_normal(len(quiet))
    a, b = analyse(quiet, FS), analyse(hiss, FS)
    path = align(a.cepstra, b.cepstra)
    assert mel_cepstral_distortion(a.cepstra, b.cepstra, path) < 0.05


def test_log_f0_of_two_pitches():
    a = analyse(speech(150), FS)
    b = analyse(speech(165), FS)
    path = np.repeat(np.arange(len(a.f0))[:, None], 2, axis=1)
    assert (a.f0 > 0).mean() > 0.9
    assert log_f0_rmse(a.f0, b.f0, path) == pytest.approx(np.log(1.1), rel=0.02)


def test_log_f0_leaves_out_what_is_unvoiced_in_one():
    a, b = np.array([100.0, 0, 100, 100]), np.array([200.0, 100, 0, 50])
    path = np.repeat(np.arange(4)[:, None], 2, axis=1)
    assert log_f0_rmse(a, b, path) == pytest.approx(np.log(2))
    assert np.isnan(log_f0_rmse(a, np.zeros(4), path))
