"""Score waveforms of several systems against the recordings."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet_prodiff.errors import DataError
from espnet_prodiff.evaluation.progress import Progress, no_progress
from espnet_prodiff.fileio.audio import read_audio

if TYPE_CHECKING:
    from espnet_prodiff.evaluation.resynthesis import ResynthesisScore


@dataclass(frozen=True)
class AudioScore:
    """One utterance of one system.

    Attributes:
        mcd: Mel-cepstral distortion in dB, see ``cepstrum``.
        log_f0_rmse: Natural log, see ``pitch``; nan without common voiced frames.
        resynthesis: Of a vocoder only, see ``resynthesis``.
    """

    mcd: float
    log_f0_rmse: float
    resynthesis: "ResynthesisScore | None" = None


def decoded_wav(system_dir: str | Path, utt: str) -> Path:
    """Return where stage 8 leaves an utterance's waveform."""
    return Path(system_dir) / "wav" / f"{utt}.wav"


def require_wavs(name: str, system_dir: str | Path, utts: Iterable[str]) -> None:
    """Check that a system has spoken every utterance.

    Raises:
        DataError: The directory or some waveforms are missing; names them.
    """
    utts = list(utts)
    if not Path(system_dir).is_dir():
        raise DataError(
            f"System {name!r}: {system_dir} does not exist: decode it (stage 8)."
        )
    missing = [utt for utt in utts if not decoded_wav(system_dir, utt).is_file()]
    if missing:
        raise DataError(
            f"System {name!r}: {system_dir}/wav lacks {len(missing)} of {len(utts)} "
            f"utterances, first {missing[0]}: decode all of them (stage 8)."
        )


def score_utterance(
    job: tuple[str, Path, Mapping[str, Path]],
    fs: int,
    f0min: float,
    f0max: float,
    vocoders: Collection[str] = (),
    feats_extract: Any = None,
) -> tuple[str, dict[str, AudioScore]]:
    """Score one utterance of every system; the recording is analysed once.

    Args:
        job: The utterance, its recording, and each system's waveform.
        fs: Sampling rate of all of them in Hz.
        f0min: Lowest F0 in Hz.
        f0max: Highest F0 in Hz.
        vocoders: Those of the systems that resynthesised the recording.
        feats_extract: ESPnet's ``LogMelFbank``, for them.

    Returns:
        The utterance and the score of each system.

    Raises:
        DataError: See ``files.read_audio``; or a resynthesis is not as long as
            the recording.
    """
    from espnet_prodiff.evaluation import cepstrum
    from espnet_prodiff.evaluation.pitch import log_f0_rmse

    utt, recording, systems = job
    recorded = read_audio(recording, utt, fs)
    reference = cepstrum.analyse(recorded, fs, f0min, f0max)
    scores = {}
    for name, path in systems.items():
        wav = read_audio(path, utt, fs)
        resynthesis = None
        if name in vocoders:
            from espnet_prodiff.evaluation.resynthesis import score_resynthesis

            try:
                resynthesis = score_resynthesis(recorded, wav, fs, feats_extract)
            except ValueError as error:
                raise DataError(
                    f"System {name!r}, utterance {utt}: {path} has {error}"
                ) from error
        spoken = cepstrum.analyse(wav, fs, f0min, f0max)
        warping = cepstrum.align(reference.cepstra, spoken.cepstra)
        scores[name] = AudioScore(
            cepstrum.mel_cepstral_distortion(reference, spoken, warping),
            log_f0_rmse(reference.f0, spoken.f0, warping),
            resynthesis,
        )
    return utt, scores


def score_audio(
    recordings: Mapping[str, Path],
    systems: Mapping[str, Mapping[str, Path]],
    fs: int,
    f0min: float,
    f0max: float,
    nj: int = 1,
    progress: Progress = no_progress,
    vocoders: Collection[str] = (),
    feats_extract: Any = None,
) -> dict[str, dict[str, AudioScore]]:
    """Score every utterance of every system.

    Args:
        recordings: Recording by utterance.
        systems: Waveform by system and utterance.
        fs: Sampling rate in Hz.
        f0min: Lowest F0 in Hz.
        f0max: Highest F0 in Hz.
        nj: Number of processes.
        progress: Shows how far it is.
        vocoders: Those of the systems that resynthesised the recordings.
        feats_extract: ESPnet's ``LogMelFbank``, for them.

    Returns:
        Score by system and utterance.
    """
    jobs = [
        (utt, recording, {name: wavs[utt] for name, wavs in systems.items()})
        for utt, recording in recordings.items()
    ]
    score = partial(
        score_utterance,
        fs=fs,
        f0min=f0min,
        f0max=f0max,
        vocoders=vocoders,
        feats_extract=feats_extract,
    )
    scores: dict[str, dict[str, AudioScore]] = {name: {} for name in systems}
    for utt, found in progress(_run(score, jobs, nj), len(jobs), "waveforms"):
        for name, value in found.items():
            scores[name][utt] = value
    return scores


def _run(score: Callable, jobs: list, nj: int) -> Iterator:
    if nj <= 1 or len(jobs) <= 1:
        yield from map(score, jobs)
        return
    with ProcessPoolExecutor(min(nj, len(jobs)), get_context("spawn")) as pool:
        yield from pool.map(score, jobs)
