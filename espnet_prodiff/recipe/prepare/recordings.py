"""Measure a recording, decide whether it can be learnt from, and write it."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from espnet_prodiff.errors import DataError
from espnet_prodiff.fileio.audio import check_samples, write_audio

FRAME, HOP = 0.025, 0.010  # s
MARGIN = 0.1  # s of silence that is kept at each end
BELOW_SPEECH, ABOVE_FLOOR = 40.0, 10.0  # dB: where speech begins and ends
SILENT = -120.0  # dB of digital silence
FLAT = 4  # samples at the peak in a row that are clipping
SILENT_ENDS = ("trim", "leave_out")


@dataclass(frozen=True)
class Limits:
    """What a recording may be like.

    Attributes:
        min_seconds: Shortest speech.
        max_seconds: Longest speech.
        min_level: Level of the speech in dB of full scale.
        min_snr: Speech against the quietest tenth, in dB.
        max_clipped: Share of samples that are flat at the peak.
        min_rate: Slowest speech, in phones a second.
        max_rate: Fastest.
        silent_ends: "trim" cuts ends down to .1 s, "leave_out" refuses those of more
            than a second.
    """

    min_seconds: float = 0.5
    max_seconds: float = 20.0
    min_level: float = -45.0
    min_snr: float = 15.0
    max_clipped: float = 0.0005
    min_rate: float = 4.0
    max_rate: float = 28.0
    silent_ends: str = "trim"


@dataclass(frozen=True)
class Measures:
    """What a recording is like: s, Hz, dB of full scale, dB, a share, phones a second.

    ``before`` and ``behind`` are the silence at the ends, in s; ``seconds`` is what is
    left without it.
    """

    seconds: float
    fs: int
    channels: int
    level: float
    snr: float
    clipped: float
    before: float
    behind: float
    rate: float


@dataclass(frozen=True)
class Checked:
    """A recording's measures, and why it was left out; empty if it was written."""

    measures: Measures | None
    reason: str = ""
    detail: str = ""


def take_recording(
    audio: Path | bytes, target: Path, num_phones: int, fs: int, limits: Limits
) -> Checked:
    """Read a recording, measure it and, if it is good, write it: mono, 16 bits, ``fs``.

    Args:
        audio: A sound file, or its bytes.
        target: The WAV to write.
        num_phones: Phones of its text.
        fs: Sampling rate of the WAV in Hz.
        limits: What is good.
    """
    try:
        samples, rate, channels = _read(audio)
    except DataError as error:
        return Checked(None, "unreadable", str(error))
    measures, start, end = measure(samples, rate, channels, num_phones)
    reason, detail = judge(measures, limits)
    if reason:
        return Checked(measures, reason, detail)
    if limits.silent_ends == "trim":
        samples = samples[start:end]
    if rate != fs:
        samples = soxr.resample(samples, rate, fs)
    peak = np.abs(samples).max()
    write_audio(target, samples * min(1.0, 0.99 / peak), fs)
    return Checked(measures)


def measure(
    samples: np.ndarray, fs: int, channels: int, num_phones: int
) -> tuple[Measures, int, int]:
    """Measure mono samples (T_wav,).

    Speech is where the level of 25 ms is less than 40 dB below its loud parts and more
    than 10 dB above the quietest; what is kept begins and ends .1 s from it.

    Returns:
        The measures, and where the part begins and ends that is kept.
    """
    hop, size = round(HOP * fs), round(FRAME * fs)
    power = np.concatenate([[0.0], np.cumsum(samples**2)])
    starts = np.arange(0, max(1, len(samples) - size + 1), hop)
    ends = np.minimum(starts + size, len(samples))
    levels = _db((power[ends] - power[starts]) / (ends - starts))
    loud, floor = np.percentile(levels, 95), np.percentile(levels, 10)
    threshold = max(loud - BELOW_SPEECH, min(floor + ABOVE_FLOOR, loud - 20))
    active = np.flatnonzero(levels > threshold)
    first, last = (starts[active[0]], ends[active[-1]]) if len(active) else (0, 0)
    margin = round(MARGIN * fs)
    begin, finish = max(0, first - margin), min(len(samples), last + margin)
    seconds = float(last - first) / fs
    speech = levels[active] if len(active) else levels
    return (
        Measures(
            seconds=round(seconds, 3),
            fs=fs,
            channels=channels,
            level=round(float(_db(np.mean(10 ** (speech / 10)))), 1),
            snr=round(float(loud - floor), 1),
            clipped=round(_clipped(samples), 6),
            before=round(float(first) / fs, 3),
            behind=round(float(len(samples) - last) / fs, 3),
            rate=round(num_phones / seconds, 2) if seconds else 0.0,
        ),
        int(begin),
        int(finish),
    )


def judge(measures: Measures, limits: Limits) -> tuple[str, str]:
    """Return why a recording cannot be learnt from, in a word and in figures."""
    m, x = measures, limits
    if m.level < x.min_level:
        return "silent", f"{m.level:.0f} dB of full scale, at least {x.min_level:.0f}"
    if m.seconds < x.min_seconds:
        return "too short", f"{m.seconds:.2f} s of speech, at least {x.min_seconds}"
    if m.seconds > x.max_seconds:
        return "too long", f"{m.seconds:.2f} s of speech, at most {x.max_seconds}"
    if m.clipped > x.max_clipped:
        share = f"{m.clipped:.2%} of the samples are flat at the peak"
        return "clipped", f"{share}, at most {x.max_clipped:.2%}"
    if m.snr < x.min_snr:
        quiet = f"its quietest tenth is {m.snr:.0f} dB below the speech"
        return "noisy", f"{quiet}, at least {x.min_snr:.0f}"
    if x.silent_ends == "leave_out" and max(m.before, m.behind) > 1:
        ends = f"{m.before:.1f} s before the speech, {m.behind:.1f} s behind it"
        return "silent ends", f"{ends}, at most 1"
    if not x.min_rate <= m.rate <= x.max_rate:
        rate = f"{m.rate:.1f} phones a second"
        return "speech rate", f"{rate}, expected {x.min_rate:g} to {x.max_rate:g}"
    return "", ""


def as_row(measures: Measures | None) -> dict[str, float | int]:
    """Return the measures by their names; none for no measures."""
    return asdict(measures) if measures else {}


def _read(audio: Path | bytes) -> tuple[np.ndarray, int, int]:
    """Return mono samples (T_wav,) in float64, the rate in Hz and the channels."""
    try:
        file = io.BytesIO(audio) if isinstance(audio, bytes) else str(audio)
        samples, fs = soundfile.read(file, always_2d=True)
    except (soundfile.SoundFileError, OSError, ValueError, RuntimeError) as error:
        raise DataError(f"no audio that can be read ({error})") from error
    mono = samples.mean(axis=1)
    check_samples(mono, "the recording")
    return mono, fs, samples.shape[1]


def _db(power: Any) -> np.ndarray:
    return np.maximum(10 * np.log10(np.maximum(power, 1e-20)), SILENT)


def _clipped(samples: np.ndarray) -> float:
    """Return the share of samples in runs of `FLAT` or more at the peak."""
    size = np.abs(samples)
    peak = size.max()
    if peak < 0.25:  # so quiet that its steps are coarse
        return 0.0
    at_peak = np.flatnonzero(size >= 0.9999 * peak)
    breaks = np.flatnonzero(np.diff(at_peak) > 1) + 1
    runs = np.diff(np.concatenate([[0], breaks, [len(at_peak)]]))
    return float(runs[runs >= FLAT].sum() / len(samples))
