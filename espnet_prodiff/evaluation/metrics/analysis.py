"""WORLD's analysis of a waveform, and the warping of one onto another.

Cepstra are WORLD's coded spectral envelopes (CheapTrick, then an orthonormal cosine
transform of the log power over the mel axis, divided by the root of its length).

Each envelope gets a floor 60 dB below its own loudest value. Without it a distance says
little of speech: digital silence, and the empty band above a mel's highest frequency,
differ from a recording by many inaudible decibels, whatever the model. A gain changes
nothing. Frames are 5 ms apart.
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
    """Analyse a waveform with WORLD: DIO and StoneMask for F0, CheapTrick.

    Args:
        wav: Samples (T_wav,).
        fs: Sampling rate in Hz.
        f0min: Lowest F0 in Hz.
        f0max: Highest F0 in Hz.
    """
    wav = np.ascontiguousarray(wav, dtype=np.float64)
    f0, times = pyworld.dio(
        wav, fs, f0_floor=f0min, f0_ceil=f0max, frame_period=FRAME_PERIOD_MS
    )
    f0 = pyworld.stonemask(wav, f0, times, fs)
    envelope = pyworld.cheaptrick(wav, f0, times, fs)
    return SpeechAnalysis(mel_cepstra(envelope, fs), f0)


def mel_cepstra(envelope: np.ndarray, fs: int) -> np.ndarray:
    """Code power envelopes as mel-cepstra.

    Args:
        envelope: Power spectra (T, fft_size / 2 + 1).
        fs: Sampling rate in Hz.

    Returns:
        c_1 ... c_24 (T, 24).
    """
    floor = envelope.max() * 10 ** (-FLOOR_DB / 10)
    floored = np.ascontiguousarray(envelope + floor, dtype=np.float64)
    coded = pyworld.code_spectral_envelope(floored, fs, NUM_CEPSTRA + 1)
    return coded[:, 1:]


def align(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Warp two sequences of cepstra onto each other (Euclidean cost, steps 1:1).

    Args:
        a: Cepstra (T_a, D).
        b: Cepstra (T_b, D).

    Returns:
        Pairs of frame indices in the order of time, (T_path, 2).
    """
    _, path = librosa.sequence.dtw(a.T, b.T, metric="euclidean")
    return path[::-1]
