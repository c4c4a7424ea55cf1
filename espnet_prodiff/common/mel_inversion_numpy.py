"""The built-in vocoder in numpy: the algorithm of `common.mel_inversion`.

One mel at a time and without tiles: a runtime speaks sentence by sentence. Whoever
changes one of the two changes the other; a test holds them together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

MOMENTUM = np.float32(0.99)
MOST = 5.0  # an update changes a magnitude by this factor at most
SMALLEST = np.float32(1e-8)
ONE_THREAD = 2**18  # multiplications


class Start(NamedTuple):
    """Magnitudes, phase steps in time and in frequency, salience; (F, bins) each."""

    magnitudes: np.ndarray
    advance: np.ndarray
    difference: np.ndarray
    salience: np.ndarray


class MelInversion:
    """Waves of magnitude mels.

    Args:
        mel_matrix: From magnitudes to mels, (n_mels, n_fft / 2 + 1).
        window: (n_fft,).
        hop_length: In samples.
        rounds: Of Griffin-Lim.
        first: What to start from, by a mel; default: as `analytic` has it.
    """

    def __init__(
        self,
        mel_matrix: np.ndarray,
        window: np.ndarray,
        hop_length: int,
        rounds: int,
        first: Callable[[np.ndarray], Start | np.ndarray] | None = None,
    ) -> None:
        self.first = first or (lambda mel: self.analytic(self.magnitudes(mel)))
        self.hop_length, self.rounds, self.n_fft = hop_length, rounds, len(window)
        self.mel_matrix = mel_matrix.astype(np.float32)
        inverse = np.linalg.pinv(mel_matrix.astype(np.float64))
        self.inverse = inverse.astype(np.float32).T
        weight = self.mel_matrix.sum(0)
        self.spread = self.mel_matrix / np.maximum(weight, SMALLEST)
        self.uncovered = (weight <= 0).astype(np.float32)
        self.window = window.astype(np.float32)
        self.overlap = parts = -(-self.n_fft // hop_length)
        square = np.pad(window**2, (0, parts * hop_length - self.n_fft))
        self.envelope = square.astype(np.float32).reshape(parts, hop_length)
        time = np.arange(self.n_fft) - self.n_fft / 2
        moment = (time**2 * window**2).sum() / (window**2).sum()
        self.gamma = 4 * math.pi * float(moment)

    def __call__(self, mel: np.ndarray) -> np.ndarray:
        """Invert a mel (F, n_mels): ((F - 1) * hop_length,), but at least one hop."""
        start = self.first(mel)
        spectra = start if isinstance(start, np.ndarray) else _with_phases(start)
        edge = self.overlap  # so many free frames and so many silent ones at both ends
        spectra, target = (
            np.pad(frames, ((2 * edge, 2 * edge), (0, 0))) for frames in (spectra, mel)
        )
        spoken = slice(2 * edge, 2 * edge + len(mel))
        before: np.ndarray | None = None
        for _ in range(self.rounds):
            now = self.stft(self.istft(spectra))
            size = np.maximum(_magnitude(now), SMALLEST)
            size[spoken] = self.agree(size[spoken], target[spoken])
            size[:edge] = size[len(size) - edge :] = 0
            if before is None:
                ahead, before = now, now
            else:
                ahead, before = before + (1 + MOMENTUM) * (now - before), now
            spectra = ahead * (size / np.maximum(_magnitude(ahead), SMALLEST))
        begin = 2 * edge * self.hop_length
        return self.istft(spectra)[
            begin : begin + max(len(mel) - 1, 1) * self.hop_length
        ]

    def magnitudes(self, mel: np.ndarray) -> np.ndarray:
        """Magnitudes (F, bins) that agree with a mel (F, n_mels)."""
        first = np.maximum(_product(mel, self.inverse), np.float32(1e-5))
        for _ in range(3):
            first = self.agree(first, mel)
        return first

    def agree(self, magnitudes: np.ndarray, mel: np.ndarray) -> np.ndarray:
        """One multiplicative update of magnitudes (F, bins) towards a mel."""
        ratio = mel / np.maximum(_product(magnitudes, self.mel_matrix.T), SMALLEST)
        factor = _product(np.clip(ratio, 1 / MOST, MOST), self.spread) + self.uncovered
        return magnitudes * factor

    def analytic(self, magnitudes: np.ndarray) -> Start:
        """Derivatives of the phase from those of magnitudes (F, bins)."""
        log = np.log(np.maximum(magnitudes, SMALLEST))
        over_bins, over_frames = np.zeros_like(log), np.zeros_like(log)
        over_bins[:, 1:-1] = log[:, 2:] - log[:, :-2]
        over_frames[1:-1] = log[2:] - log[:-2]
        turn = 2 * math.pi * self.hop_length / self.n_fft
        slope = self.hop_length * self.n_fft / (2 * self.gamma)
        bend = self.gamma / (2 * self.hop_length * self.n_fft)
        own = np.remainder(np.float32(turn) * np.arange(log.shape[1]), 2 * math.pi)
        in_time = own.astype(np.float32) + np.float32(slope) * over_bins
        in_frequency = np.float32(-math.pi) - np.float32(bend) * over_frames
        advance, difference = np.zeros_like(log), np.zeros_like(log)
        advance[1:] = (in_time[1:] + in_time[:-1]) / 2
        difference[:, 1:] = (in_frequency[:, 1:] + in_frequency[:, :-1]) / 2
        return Start(magnitudes, advance, difference, magnitudes)

    def stft(self, wave: np.ndarray) -> np.ndarray:
        """Centred frames of a wave (T_wav,), (T, bins)."""
        padded = np.pad(wave, self.n_fft // 2, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.n_fft)
        windowed = frames[:: self.hop_length] * self.window
        return np.fft.rfft(windowed).astype(np.complex64, copy=False)

    def istft(self, spectra: np.ndarray) -> np.ndarray:
        """Wave ((T - 1) * hop_length,)."""
        count, hop, parts = len(spectra), self.hop_length, self.overlap
        frames = np.fft.irfft(spectra, n=self.n_fft).astype(np.float32, copy=False)
        frames = np.pad(frames * self.window, ((0, 0), (0, parts * hop - self.n_fft)))
        frames = frames.reshape(count, parts, hop)
        wave = np.zeros((count + parts - 1, hop), np.float32)
        weight = np.zeros_like(wave)
        for part in range(parts):
            wave[part : part + count] += frames[:, part]
            weight[part : part + count] += self.envelope[part]
        whole = (wave / np.maximum(weight, SMALLEST)).reshape(-1)
        return whole[self.n_fft // 2 :][: (count - 1) * hop]


def _product(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Multiply rows (F, K) by a matrix (K, N), some rows at a time.

    So few that OpenBLAS takes one thread: its threads wait busily for each other, which
    takes longer than these products, and their number would change the rounding.
    """
    some = max(1, ONE_THREAD // matrix.size)
    padded = np.pad(rows, ((0, -len(rows) % some), (0, 0)))
    parts = padded.reshape(-1, some, rows.shape[1]) @ matrix
    return parts.reshape(-1, matrix.shape[1])[: len(rows)]


def _with_phases(start: Start) -> np.ndarray:
    """Sum the steps of the phases up, over frames and from peaks: spectra (F, bins)."""
    peak = _uphill(start.salience)
    along = np.cumsum(start.difference, axis=1, dtype=np.float32)
    steps = along + np.take_along_axis(start.advance - along, peak, axis=1)
    turns = steps.astype(np.float64) / (2 * math.pi)
    for before, now, bins in zip(turns, turns[1:], peak[1:], strict=False):
        now += before[bins]
    phases = np.fmod(turns, 1).astype(np.float32) * np.float32(2 * math.pi)
    spectra = np.empty(phases.shape, np.complex64)
    spectra.real = start.magnitudes * np.cos(phases)
    spectra.imag = start.magnitudes * np.sin(phases)
    return spectra


def _magnitude(spectra: np.ndarray) -> np.ndarray:
    """Absolute values; numpy's own take three times as long."""
    return np.sqrt(spectra.real**2 + spectra.imag**2)


def _uphill(magnitudes: np.ndarray) -> np.ndarray:
    """Bin of the peak that lies uphill from every bin of a frame, (F, bins)."""
    padded = np.pad(magnitudes, ((0, 0), (1, 1)), constant_values=-1.0)
    lower, upper = padded[:, :-2], padded[:, 2:]
    up = (upper > magnitudes) & (upper >= lower)
    down = (lower > magnitudes) & (lower > upper)
    peak = ~(up | down).ravel()
    nearest = np.cumsum(peak) - 1 + up.ravel()
    return (np.flatnonzero(peak)[nearest] % magnitudes.shape[1]).reshape(up.shape)
