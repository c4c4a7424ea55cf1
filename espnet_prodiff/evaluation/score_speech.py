"""Score the waveforms of several systems against the recordings."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from espnet_prodiff.errors import DataError, UserError
from espnet_prodiff.evaluation.evaluation_set import EvaluationSet
from espnet_prodiff.evaluation.metrics import RESYNTHESIS, SPEECH
from espnet_prodiff.evaluation.metrics.analysis import align, analyse
from espnet_prodiff.evaluation.metrics.metric import Value
from espnet_prodiff.evaluation.metrics.subjects import SpeechPair, Speed, WavePair
from espnet_prodiff.evaluation.systems import System
from espnet_prodiff.fileio.audio import read_audio


@dataclass(frozen=True)
class Decoded:
    """One utterance of one system."""

    wav: Path
    durations: np.ndarray | None
    speed: Speed | None
    is_resynthesis: bool


@dataclass(frozen=True)
class Job:
    """One utterance of every system."""

    utt: str
    recording: Path
    durations: np.ndarray | None
    decoded: Mapping[str, Decoded]


def score_systems(
    data: EvaluationSet,
    systems: Sequence[System],
    feats_extract: Any,
    f0_range: tuple[float, float] = (80.0, 400.0),
    nj: int = 1,
) -> dict[str, dict[str, dict[str, Value]]]:
    """Score every utterance of every system.

    Args:
        data: The recordings.
        systems: Systems that have decoded all of them.
        feats_extract: ESPnet's ``LogMelFbank``; its hop is a frame of the durations.
        f0_range: Lowest and highest F0 in Hz.
        nj: Number of processes.

    Returns:
        By system, key of the metric and utterance: see `Metric.compute`.

    Raises:
        DataError: A system lacks an utterance, or has another sampling rate; or a
            resynthesis is not as long as the recording.
    """
    score = partial(
        score_utterance, fs=data.fs, feats_extract=feats_extract, f0_range=f0_range
    )
    jobs = _jobs(data, systems)
    scores: dict[str, dict[str, dict[str, Value]]] = {s.name: {} for s in systems}
    bar = tqdm(
        _run(score, jobs, nj), "waveforms", len(jobs), unit="utt", mininterval=1.0
    )
    for job, by_system in zip(jobs, bar, strict=True):
        for name, values in by_system.items():
            for key, value in values.items():
                scores[name].setdefault(key, {})[job.utt] = value
    return scores


def score_utterance(
    job: Job, fs: int, feats_extract: Any, f0_range: tuple[float, float]
) -> dict[str, dict[str, Value]]:
    """Score one utterance of every system; the recording is analysed once.

    Args:
        job: The utterance.
        fs: Sampling rate of all waves in Hz.
        feats_extract: ESPnet's ``LogMelFbank``.
        f0_range: Lowest and highest F0 in Hz.

    Returns:
        Values by system and key of the metric, where there is one.

    Raises:
        DataError: See `score_systems`.
    """
    recorded = read_audio(job.recording, job.utt, fs)
    reference = analyse(recorded, fs, *f0_range)
    frame_ms = 1000 * feats_extract.get_parameters()["n_shift"] / fs
    scores = {}
    for name, decoded in job.decoded.items():
        wav = read_audio(decoded.wav, job.utt, fs)
        spoken = analyse(wav, fs, *f0_range)
        pair = SpeechPair(
            reference,
            spoken,
            align(reference.cepstra, spoken.cepstra),
            decoded.durations,
            job.durations,
            frame_ms,
            decoded.speed,
        )
        try:
            values = {metric.key: metric.compute(pair) for metric in SPEECH}
            if decoded.is_resynthesis:
                waves = WavePair.cut(recorded, wav, fs, feats_extract)
                values |= {metric.key: metric.compute(waves) for metric in RESYNTHESIS}
        except UserError as error:
            raise DataError(
                f"System {name!r}, utterance {job.utt} ({decoded.wav}): {error}"
            ) from error
        scores[name] = {k: value for k, value in values.items() if value is not None}
    return scores


def _jobs(data: EvaluationSet, systems: Sequence[System]) -> list[Job]:
    decoded: dict[str, dict[str, Decoded]] = {utt: {} for utt in data}
    for system in systems:
        system.require_wavs(data)
        durations = system.read_durations(data) if data.durations else {}
        speeds = system.read_speed()
        for utt in data:
            decoded[utt][system.name] = Decoded(
                system.wav(utt),
                durations.get(utt),
                speeds.get(utt),
                system.is_resynthesis,
            )
    return [
        Job(utt, recording, data.durations.get(utt), decoded[utt])
        for utt, recording in data.recordings.items()
    ]


def _run(score: partial, jobs: list[Job], nj: int) -> Iterator[dict]:
    if nj <= 1 or len(jobs) <= 1:
        yield from map(score, jobs)
        return
    with ProcessPoolExecutor(min(nj, len(jobs)), get_context("spawn")) as pool:
        yield from pool.map(score, jobs)
