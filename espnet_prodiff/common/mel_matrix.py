"""The mel matrix that librosa makes, without librosa, whose import takes seconds."""

import math

import numpy as np

# Slaney's scale: linear up to 1 kHz, 15 mels there, then 27 mels for a factor of 6.4.
LINEAR_HZ, LINEAR_MELS, LOG_STEP = 1000.0, 15.0, math.log(6.4) / 27.0


def mel_matrix(
    sr: float,
    n_fft: int,
    n_mels: int = 128,
    fmin: float = 0.0,
    fmax: float | None = None,
    htk: bool = False,
) -> np.ndarray:
    """Triangles of equal area over the bins of a spectrum, (n_mels, n_fft // 2 + 1).

    The names are those of ``librosa.filters.mel``, whose values it has, float32.

    Args:
        sr: Sampling rate in Hz.
        n_fft: FFT size.
        n_mels: Number of bands.
        fmin: Lower end in Hz.
        fmax: Upper end in Hz; default: half of the sampling rate.
        htk: Whether mels are HTK's instead of Slaney's.
    """
    to_mel, to_hz = (_htk, _from_htk) if htk else (_slaney, _from_slaney)
    ends = np.array([fmin, sr / 2 if fmax is None else fmax], dtype=np.float64)
    low, high = to_mel(ends)
    edges = to_hz(np.linspace(low, high, n_mels + 2))[:, None]
    bins = np.linspace(0.0, sr / 2, n_fft // 2 + 1)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = np.clip(np.minimum(rising, falling), 0.0, None)
    return (triangles * 2.0 / (edges[2:] - edges[:-2])).astype(np.float32)


def _slaney(hz: np.ndarray) -> np.ndarray:
    logs = LINEAR_MELS + np.log(np.maximum(hz, LINEAR_HZ) / LINEAR_HZ) / LOG_STEP
    return np.where(hz < LINEAR_HZ, hz * LINEAR_MELS / LINEAR_HZ, logs)


def _from_slaney(mels: np.ndarray) -> np.ndarray:
    logs = LINEAR_HZ * np.exp(LOG_STEP * np.maximum(mels - LINEAR_MELS, 0.0))
    return np.where(mels < LINEAR_MELS, mels * LINEAR_HZ / LINEAR_MELS, logs)


def _htk(hz: np.ndarray) -> np.ndarray:
    return 2595.0 * np.log10(1.0 + hz / 700.0)


def _from_htk(mels: np.ndarray) -> np.ndarray:
    return 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
