"""WORLD's analysis of a waveform, and the warping of one onto another.

Cepstra are WORLD's coded spectral envelopes (CheapTrick, then an orthonormal cosine
transform of the log power over the mel axis, divided by the root of its length).

Each envelope gets a floor 60 dB below its own loudest value, as digital silence and the
empty band above a mel's highest frequency differ from a recording by many inaudible
decibels, whatever the model. A gain changes nothing. Frames are 5 ms apart.
"""

from dataclasses import dataclass

import librosa
import numpy as np
import pyworld

NUM_CEPSTRA = 24
FRAME_PERIOD_MS = 5.0
FLOOR_DB = 60.0


@dataclass(frozen=True)
class SpeechAnalysis:
    """WORLD's analysis of a waveform.

    Attributes:
        cepstra: Mel-cepstra without c_0 (T, 24).
        f0: Fundamental frequency in Hz (T,), 0 where unvoiced.
    """

    cepstra: np.ndarray
    f0: np.ndarray


def analyse(
    wav: np.ndarray, fs: int, f0min: float = 80.0, f0max: float = 400.0
) -> SpeechAnalysis:
    """Analyse samples (T_wav,) with WORLD: DIO and StoneMask for F0, CheapTrick.

    ``fs``, and the range of F0 from ``f0min`` to ``f0max``, are in Hz.
    """
    wav = np.ascontiguousarray(wav, dtype=np.float64)
    f0, times = pyworld.dio(wav, fs, f0min, f0max, frame_period=FRAME_PERIOD_MS)
    f0 = pyworld.stonemask(wav, f0, times, fs)
    envelope = pyworld.cheaptrick(wav, f0, times, fs)
    return SpeechAnalysis(mel_cepstra(envelope, fs), f0)


def mel_cepstra(envelope: np.ndarray, fs: int) -> np.ndarray:
    """Code power spectra (T, fft_size / 2 + 1) as c_1 ... c_24 (T, 24)."""
    floor = envelope.max() * 10 ** (-FLOOR_DB / 10)
    floored = np.ascontiguousarray(envelope + floor, dtype=np.float64)
    return pyworld.code_spectral_envelope(floored, fs, NUM_CEPSTRA + 1)[:, 1:]


def align(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Warp cepstra (T_a, D) and (T_b, D) onto each other (Euclidean cost, steps 1:1).

    Returns:
        Pairs of frame indices in the order of time, (T_path, 2).
    """
    _, path = librosa.sequence.dtw(a.T, b.T, metric="euclidean")
    return path[::-1]
