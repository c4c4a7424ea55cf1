"""PESQ, STOI and log-mel distance: a recording against its own resynthesis.

All three compare the signals where they stand, without warping: they say something of
a vocoder, and nothing of speech whose durations were predicted.
"""

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
        is found in it, or without the package pesq. That is an extra, as the code of
        the ITU in it has a licence of its own.
    """
    try:
        from pesq import BufferTooShortError, NoUtterancesError, pesq
    except ImportError:
        return float("nan")

    a, b = (
        librosa.resample(x, orig_sr=fs, target_sr=PESQ_FS)
        for x in (recorded, resynthesised)
    )
    num_parts = int(np.ceil(len(a) / (PESQ_SECONDS * PESQ_FS)))
    scores = []
    for x, y in zip(
        np.array_split(a, num_parts), np.array_split(b, num_parts), strict=True
    ):
        if not x.any():  # the library divides by the louder one's peak
            continue
        try:
            scores.append(pesq(PESQ_FS, x, y, "wb"))
        except (BufferTooShortError, NoUtterancesError):
            continue
    return float(np.mean(scores)) if scores else float("nan")


def short_time_intelligibility(
    recorded: np.ndarray, resynthesised: np.ndarray, fs: int
) -> float:
    """Return the STOI (Taal et al. 2011), computed at 10 kHz.

    Args:
        recorded: Samples (T_wav,).
        resynthesised: Samples (T_wav,).
        fs: Sampling rate of both in Hz.

    Returns:
        At most 1; nan if the recording has less than 0.4 s of sound.
    """
    from pystoi import stoi

    if not recorded.any():
        return float("nan")
    with warnings.catch_warnings():
        too_short = "Not enough STFT frames"
        warnings.filterwarnings("error", too_short, RuntimeWarning)
        try:
            return float(stoi(recorded, resynthesised, fs))
        except RuntimeWarning:
            return float("nan")


@torch.no_grad()
def log_mel_l1(
    recorded: np.ndarray, resynthesised: np.ndarray, feats_extract: Any
) -> float:
    """Return the mean absolute difference of two waves' log-mels.

    Args:
        recorded: Samples (T_wav,).
        resynthesised: Samples (T_wav,).
        feats_extract: ESPnet's ``LogMelFbank``: the mels that the models are trained
            on, but not normalised.

    Returns:
        In natural logarithms, whatever the base of the features.
    """
    waves = torch.from_numpy(np.stack([recorded, resynthesised])).float()
    mels, _ = feats_extract(waves)  # (2, T, n_mels)
    base = feats_extract.logmel.log_base
    nats = 1.0 if base is None else float(np.log(base))
    return nats * float((mels[0] - mels[1]).abs().mean())


def _pesq(pair: WavePair) -> float:
    return pesq_wideband(pair.recorded, pair.resynthesised, pair.fs)


def _stoi(pair: WavePair) -> float:
    return short_time_intelligibility(pair.recorded, pair.resynthesised, pair.fs)


def _log_mel_l1(pair: WavePair) -> float:
    return log_mel_l1(pair.recorded, pair.resynthesised, pair.feats_extract)


PESQ = Metric(
    "pesq",
    "PESQ",
    ".2f",
    "wideband (P.862.2), up to 4.64, at 16 kHz; the mean over parts of a recording "
    "of more than 15 s",
    _pesq,
    extra="pesq",
)
STOI = Metric(
    "stoi", "STOI", ".3f", "short-time objective intelligibility, up to 1", _stoi
)
LOG_MEL_L1 = Metric(
    "log_mel_l1",
    "log-mel L1",
    ".3f",
    "mean absolute difference of the log-mels, natural log, not normalised",
    _log_mel_l1,
)
