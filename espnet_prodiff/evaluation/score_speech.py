"""Score the waveforms of several systems against the recordings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
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
    score = partial(
        _score_utterance, fs=data.fs, feats_extract=feats_extract, f0_range=f0_range
    )
    references = [data.durations.get(utt) for utt in data]
    jobs = data, data.recordings.values(), references, decoded.values()
    scores: dict[str, dict[str, dict[str, Value]]] = {s.name: {} for s in systems}
    with ExitStack() as stack:
        run: Callable[..., Iterator[Any]] = map
        if min(nj, len(data)) > 1:
            pool = ProcessPoolExecutor(min(nj, len(data)), get_context("spawn"))
            run = stack.enter_context(pool).map
        results = run(score, *jobs)
        bar = tqdm(results, "waveforms", len(data), unit="utt", mininterval=1.0)
        for utt, by_system in zip(data, bar, strict=True):
            for name, values in by_system.items():
                for key, value in values.items():
                    scores[name].setdefault(key, {})[utt] = value
    return scores


def _score_utterance(
    utt: str,
    recording: Path,
    reference_durations: np.ndarray | None,
    decoded: Mapping[str, Decoded],
    fs: int,
    feats_extract: Any,
    f0_range: tuple[float, float],
) -> dict[str, dict[str, Value]]:
    """Score one utterance of every system; the recording is analysed once."""
    recorded = read_audio(recording, utt, fs)
    reference = analyse(recorded, fs, *f0_range)
    frame_ms = 1000 * feats_extract.get_parameters()["n_shift"] / fs
    scores = {}
    for name, speech in decoded.items():
        wav = read_audio(speech.wav, utt, fs)
        spoken = analyse(wav, fs, *f0_range)
        pair = SpeechPair(
            reference,
            spoken,
            align(reference.cepstra, spoken.cepstra),
            speech.durations,
            reference_durations,
            frame_ms,
            speech.speed,
        )
        try:
            values = {metric.key: metric.compute(pair) for metric in SPEECH}
            if speech.is_resynthesis:
                waves = WavePair.cut(recorded, wav, fs, feats_extract)
                values |= {metric.key: metric.compute(waves) for metric in RESYNTHESIS}
        except UserError as error:
            raise DataError(
                f"System {name!r}, utterance {utt} ({speech.wav}): {error}"
            ) from error
        scores[name] = {k: value for k, value in values.items() if value is not None}
    return scores
