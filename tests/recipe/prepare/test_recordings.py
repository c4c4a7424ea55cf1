"""Signals of known length, level, noise and silence."""

import dataclasses

import numpy as np
import pytest
import soundfile

from espnet_prodiff.recipe.prepare.recordings import Limits, measure, take_recording

FS = 16000


def speech(seconds, before=0.0, behind=0.0, noise=0.0, fs=FS, level=0.1):
    """Syllables of a tone of 200 Hz, five a second, between silences, in noise."""
    t = np.arange(round(seconds * fs)) / fs
    tone = level * np.sqrt(2) * np.sin(2 * np.pi * 200 * t)
    tone *= np.sin(np.pi * 5 * t) ** 2 > 0.2
    ends = [np.zeros(round(s * fs)) for s in (before, behind)]
    wave = np.concatenate([ends[0], tone, ends[1]])
    return wave + np.random.default_rng(0).normal(0, noise, len(wave))


def test_ends_length_level_and_noise():
    wave = speech(3, before=0.8, behind=1.3, noise=0.001)
    found, begin, end = measure(wave, FS, 1, 30)
    assert found.before == pytest.approx(0.83, abs=0.03)
    assert found.behind == pytest.approx(1.33, abs=0.03)
    assert found.seconds == pytest.approx(2.94, abs=0.05)
    assert found.level == pytest.approx(-20, abs=1)  # rms of .1
    assert found.snr == pytest.approx(40, abs=1.5)  # against rms of .001
    assert found.rate == pytest.approx(30 / found.seconds, abs=0.01)
    assert (begin / FS, end / FS) == pytest.approx((0.73, 3.87), abs=0.03)


@pytest.mark.parametrize(
    "wave, phones, reason",
    [
        (speech(3, noise=0.001), 30, ""),
        (speech(0.3, noise=0.001), 3, "too short"),
        (speech(25, noise=0.001), 250, "too long"),
        (np.zeros(FS), 10, "silent"),
        (speech(3, noise=1e-5, level=0.001), 30, "silent"),
        (speech(3, noise=0.03), 30, "noisy"),
        (np.clip(speech(3, noise=0.001), -0.12, 0.12), 30, ""),  # below a quarter
        (np.clip(4 * speech(3, noise=0.0001), -0.3, 0.3), 30, "clipped"),
        (speech(3, noise=0.001), 200, "speech rate"),
        (speech(3, noise=0.001), 4, "speech rate"),
        (speech(3, before=2, noise=0.001), 30, "silent ends"),
    ],
)
def test_reasons(tmp_path, wave, phones, reason):
    soundfile.write(tmp_path / "a.wav", wave, FS, "FLOAT")
    limits = Limits(silent_ends="leave_out")
    target = tmp_path / "out.wav"
    checked = take_recording(tmp_path / "a.wav", target, phones, FS, limits)
    assert checked.reason == reason
    assert target.exists() == (not reason)


@pytest.mark.parametrize("form", ["wav", "flac", "mp3", "ogg"])
def test_stereo_of_another_rate_becomes_mono_at_the_voice_s(tmp_path, form):
    wave = speech(2, before=0.5, behind=0.5, noise=0.001, fs=44100)
    soundfile.write(tmp_path / f"a.{form}", np.stack([wave, 0 * wave], 1), 44100)
    target = tmp_path / "out.wav"
    checked = take_recording(tmp_path / f"a.{form}", target, 20, 22050, Limits())
    assert (checked.reason, checked.measures.channels) == ("", 2)
    out, fs = soundfile.read(target)
    assert fs == 22050 and out.ndim == 1
    assert len(out) / fs == pytest.approx(checked.measures.seconds + 0.2, abs=0.01)
    loud = np.sqrt(np.mean(out[len(out) // 4 : -len(out) // 4] ** 2))
    kept = np.sqrt(np.mean(wave[44100 : 2 * 44100] ** 2))
    assert loud == pytest.approx(kept / 2, rel=0.1)
    spectrum = np.abs(np.fft.rfft(out))
    assert np.argmax(spectrum) * fs / len(out) == pytest.approx(200, abs=10)


def test_a_wave_beyond_full_scale_is_scaled_not_clipped(tmp_path):
    wave = speech(2, noise=0.001) * 8
    soundfile.write(tmp_path / "a.wav", wave, FS, "FLOAT")
    target = tmp_path / "out.wav"
    limits = dataclasses.replace(Limits(), max_clipped=1.0)
    assert not take_recording(tmp_path / "a.wav", target, 20, FS, limits).reason
    out, _ = soundfile.read(target)
    assert np.abs(out).max() == pytest.approx(0.99, abs=1e-3)


def test_what_is_no_sound_is_unreadable(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"no sound")
    checked = take_recording(tmp_path / "a.wav", tmp_path / "b", 20, FS, Limits())
    assert checked.reason == "unreadable" and checked.measures is None
