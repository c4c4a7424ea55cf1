"""PESQ, STOI and log-mel distance: a recording against its own resynthesis.

All three compare the signals where they stand, without warping: they say something of
a vocoder, and nothing of speech whose durations were predicted.
"""

import contextlib
import warnings
from typing import Any

import librosa
import numpy as np
import torch

from espnet_prodiff.evaluation.metrics.metric import Metric
from espnet_prodiff.evaluation.metrics.subjects import WavePair

PESQ_FS = 16000
# The library overruns its memory at more than 50 bursts of speech, which are at least
# 0.4 s apart; the recommendation is meant for utterances of about this length, too.
PESQ_SECONDS = 15.0


def pesq_wideband(recorded: np.ndarray, resynthesised: np.ndarray, fs: int) -> float:
    """Return the wideband PESQ (ITU-T P.862.2), the mean over parts of at most 15 s.

    It is defined at 16 kHz, to which both are resampled: what lies above 8 kHz has no
    say, and a recording of less than 16 kHz is judged as the narrower band that it is.

    Args:
        recorded: Samples (T_wav,).
        resynthesised: Samples (T_wav,).
        fs: Sampling rate of both in Hz.

    Returns:
        MOS-LQO, 1.0 to 4.64; nan if the recording is too short (0.25 s), if no speech
        is found in it, or without the package pesq (an extra for its ITU licence).
    """
    try:
        from pesq import BufferTooShortError, NoUtterancesError, pesq
    except ImportError:
        return float("nan")

    waves = np.stack([recorded, resynthesised])
    waves = librosa.resample(waves, orig_sr=fs, target_sr=PESQ_FS)
    num_parts = int(np.ceil(waves.shape[1] / (PESQ_SECONDS * PESQ_FS)))
    scores = []
    for a, b in np.array_split(waves, num_parts, axis=1):
        if a.any():  # the library divides by the louder one's peak
            with contextlib.suppress(BufferTooShortError, NoUtterancesError):
                scores.append(pesq(PESQ_FS, a, b, "wb"))
    return float(np.mean(scores)) if scores else float("nan")


def short_time_intelligibility(
    recorded: np.ndarray, resynthesised: np.ndarray, fs: int
) -> float:
    """Return the STOI (Taal et al. 2011), computed at 10 kHz; for arguments see above.

    It is at most 1, and nan if the recording has less than 0.4 s of sound.
    """
    from pystoi import stoi

    if not recorded.any():
        return float("nan")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
        try:
            return float(stoi(recorded, resynthesised, fs))
        except RuntimeWarning:
            return float("nan")


@torch.no_grad()
def log_mel_l1(
    recorded: np.ndarray, resynthesised: np.ndarray, feats_extract: Any
) -> float:
    """Return the mean absolute difference of two waves' (T_wav,) log-mels.

    It is in natural logarithms, whatever the base of the features, which are those of
    ESPnet's ``LogMelFbank``, not normalised.
    """
    waves = torch.from_numpy(np.stack([recorded, resynthesised])).float()
    mels, _ = feats_extract(waves)  # (2, T, n_mels)
    base = feats_extract.logmel.log_base
    nats = 1.0 if base is None else float(np.log(base))
    return nats * float((mels[0] - mels[1]).abs().mean())


PESQ: Metric[WavePair] = Metric(
    "pesq",
    "PESQ",
    ".2f",
    "wideband (P.862.2), up to 4.64, at 16 kHz; the mean over parts of a recording "
    "of more than 15 s",
    lambda x: pesq_wideband(x.recorded, x.resynthesised, x.fs),
    extra="pesq",
)
STOI: Metric[WavePair] = Metric(
    "stoi",
    "STOI",
    ".3f",
    "short-time objective intelligibility, up to 1",
    lambda x: short_time_intelligibility(x.recorded, x.resynthesised, x.fs),
)
LOG_MEL_L1: Metric[WavePair] = Metric(
    "log_mel_l1",
    "log-mel L1",
    ".3f",
    "mean absolute difference of the log-mels, natural log, not normalised",
    lambda x: log_mel_l1(x.recorded, x.resynthesised, x.feats_extract),
)
