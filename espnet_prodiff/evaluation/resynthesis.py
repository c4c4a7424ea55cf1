"""PESQ, STOI and log-mel distance: a recording against its own resynthesis.

All three compare the signals where they stand, without warping: they say something of
a vocoder, and nothing of speech whose durations were predicted.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import librosa
import numpy as np
import torch

from espnet_prodiff.errors import UserError

PESQ_FS = 16000
# The library overruns its memory at more than 50 bursts of speech, which are at least
# 0.4 s apart; the recommendation is meant for utterances of about this length, too.
PESQ_SECONDS = 15.0


@dataclass(frozen=True)
class ResynthesisScore:
    """One utterance of one vocoder; nan where a figure is not defined.

    Attributes:
        pesq: See ``pesq_wideband``.
        stoi: See ``short_time_intelligibility``.
        log_mel_l1: See ``log_mel_l1``.
    """

    pesq: float
    stoi: float
    log_mel_l1: float


def score_resynthesis(
    recording: np.ndarray, resynthesis: np.ndarray, fs: int, feats_extract: Any
) -> ResynthesisScore:
    """Compare two waves that are equally long but for a frame, cut to the shorter.

    Args:
        recording: Samples (T_wav,).
        resynthesis: Samples (T_wav',).
        fs: Sampling rate of both in Hz.
        feats_extract: ESPnet's ``LogMelFbank``.

    Raises:
        UserError: The lengths differ by more than a frame.
    """
    frame = feats_extract.get_parameters()["n_shift"]
    length = min(len(recording), len(resynthesis))
    if max(len(recording), len(resynthesis)) > length + frame:
        raise UserError(
            f"{len(resynthesis)} samples, {len(recording)} in the recording: expected "
            f"as many within a frame of {frame}. Speech with durations of its own is a "
            "--system, not a --resynthesis."
        )
    recording, resynthesis = recording[:length], resynthesis[:length]
    return ResynthesisScore(
        pesq_wideband(recording, resynthesis, fs),
        short_time_intelligibility(recording, resynthesis, fs),
        log_mel_l1(recording, resynthesis, feats_extract),
    )


def pesq_wideband(recording: np.ndarray, resynthesis: np.ndarray, fs: int) -> float:
    """Return the wideband PESQ (ITU-T P.862.2), the mean over parts of at most 15 s.

    It is defined at 16 kHz, to which both are resampled: what lies above 8 kHz has no
    say, and a recording of less than 16 kHz is judged as the narrower band that it is.

    Args:
        recording: Samples (T_wav,).
        resynthesis: Samples (T_wav,).
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
        for x in (recording, resynthesis)
    )
    num_parts = int(np.ceil(len(a) / (PESQ_SECONDS * PESQ_FS)))
    found = []
    for x, y in zip(
        np.array_split(a, num_parts), np.array_split(b, num_parts), strict=True
    ):
        if not x.any():  # the library divides by the louder one's peak
            continue
        try:
            found.append(pesq(PESQ_FS, x, y, "wb"))
        except (BufferTooShortError, NoUtterancesError):
            continue
    return float(np.mean(found)) if found else float("nan")


def short_time_intelligibility(
    recording: np.ndarray, resynthesis: np.ndarray, fs: int
) -> float:
    """Return the STOI (Taal et al. 2011), computed at 10 kHz.

    Args:
        recording: Samples (T_wav,).
        resynthesis: Samples (T_wav,).
        fs: Sampling rate of both in Hz.

    Returns:
        At most 1; nan if the recording has less than 0.4 s of sound.
    """
    from pystoi import stoi

    if not recording.any():
        return float("nan")
    with warnings.catch_warnings():
        too_short = "Not enough STFT frames"
        warnings.filterwarnings("error", too_short, RuntimeWarning)
        try:
            return float(stoi(recording, resynthesis, fs))
        except RuntimeWarning:
            return float("nan")


@torch.no_grad()
def log_mel_l1(
    recording: np.ndarray, resynthesis: np.ndarray, feats_extract: Any
) -> float:
    """Return the mean absolute difference of two waves' log-mels.

    Args:
        recording: Samples (T_wav,).
        resynthesis: Samples (T_wav,).
        feats_extract: ESPnet's ``LogMelFbank``: the mels that the models are trained
            on, but not normalised.

    Returns:
        In natural logarithms, whatever the base of the features.
    """
    waves = torch.from_numpy(np.stack([recording, resynthesis])).float()
    mels, _ = feats_extract(waves)  # (2, T, n_mels)
    base = feats_extract.logmel.log_base
    nats = 1.0 if base is None else float(np.log(base))
    return nats * float((mels[0] - mels[1]).abs().mean())
