"""The whole evaluation: gather, score, and put together what the table says."""

from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from espnet_prodiff.errors import DataError
from espnet_prodiff.evaluation.audio_scores import (
    decoded_wav,
    require_wavs,
    score_audio,
)
from espnet_prodiff.evaluation.durations import duration_error
from espnet_prodiff.evaluation.evaluation_set import EvaluationSet
from espnet_prodiff.evaluation.measurement import measure, measure_ratio
from espnet_prodiff.evaluation.mel_model import MelInputs, MelModel
from espnet_prodiff.evaluation.mel_scores import score_models
from espnet_prodiff.evaluation.progress import Progress, no_progress
from espnet_prodiff.evaluation.speed import read_speed
from espnet_prodiff.evaluation.table import RESYNTHESIS, Results
from espnet_prodiff.fileio.audio import read_audio, write_audio
from espnet_prodiff.fileio.tables import read_durations

UPPER_BOUND = "recordings through the vocoder"


@torch.no_grad()
def copy_synthesis(
    data: EvaluationSet,
    feats_extract: Any,
    vocoder: Callable[[torch.Tensor], torch.Tensor],
    output_dir: Path,
    progress: Progress = no_progress,
) -> None:
    """Send the recordings through the model's features and vocoder.

    What remains of them is the best that any model can sound with this vocoder.

    Args:
        data: The recordings.
        feats_extract: ESPnet's feature extractor.
        vocoder: From log-mels (T, n_mels) to a waveform (T_wav,).
        output_dir: Gets ``wav/<utterance>.wav``, as a decoded directory has.
        progress: Shows how far it is.
    """
    for utt in progress(data, len(data), "recordings through the vocoder"):
        speech = read_audio(data.recordings[utt], utt, data.fs)
        mel = feats_extract(torch.from_numpy(speech).float()[None])[0][0]
        wav = vocoder(mel).float().cpu().numpy()
        write_audio(decoded_wav(output_dir, utt), wav, data.fs)


def add_speech(
    results: Results,
    data: EvaluationSet,
    systems: Mapping[str, Path],
    f0_range: tuple[float, float],
    frame_ms: float,
    nj: int = 1,
    progress: Progress = no_progress,
    vocoders: Collection[str] = (),
    feats_extract: Any = None,
) -> None:
    """Score decoded directories: MCD, log-F0 RMSE, durations and RTF.

    Those of vocoders by PESQ, STOI and log-mel distance too.

    Args:
        results: Gets the rows.
        data: The recordings.
        systems: Decoded directory by system.
        f0_range: Lowest and highest F0 in Hz.
        frame_ms: Milliseconds that one frame of the durations lasts.
        nj: Number of processes.
        progress: Shows how far it is.
        vocoders: Those of the systems that resynthesised the recordings.
        feats_extract: ESPnet's ``LogMelFbank``, for them.

    Raises:
        DataError: A system lacks an utterance, or has another sampling rate; or
            a vocoder's wave is not as long as the recording.
    """
    for name, directory in systems.items():
        require_wavs(name, directory, data)
    wavs = {
        name: {utt: decoded_wav(directory, utt) for utt in data}
        for name, directory in systems.items()
    }
    scores = score_audio(
        data.recordings,
        wavs,
        data.fs,
        *f0_range,
        nj,
        progress,
        vocoders,
        feats_extract,
    )
    if vocoders and find_spec("pesq") is None:
        results.notes.append(
            "PESQ was not measured, as the package is missing: "
            "pip install espnet_prodiff[pesq]"
        )
    for name, directory in systems.items():
        found = {
            "mcd": {u: s.mcd for u, s in scores[name].items()},
            "log_f0_rmse": {u: s.log_f0_rmse for u, s in scores[name].items()},
            **_durations(name, directory, data, frame_ms),
        }
        if name in vocoders:
            for column in RESYNTHESIS:
                found[column.key] = {
                    u: getattr(s.resynthesis, column.key)
                    for u, s in scores[name].items()
                }
        _add(results, name, found)
        _add_speed(results, name, directory, data)


def _durations(
    name: str, directory: Path, data: EvaluationSet, frame_ms: float
) -> dict[str, dict[str, float]]:
    file = Path(directory) / "durations"
    if not data.durations or not file.is_file():
        return {}
    predicted = read_durations(file)
    if missing := [utt for utt in data if utt not in predicted]:
        raise DataError(
            f"System {name!r}: {file} lacks {len(missing)} of {len(data)} utterances, "
            f"first {missing[0]}: decode all of them (stage 8)."
        )
    errors = {u: duration_error(predicted[u], data.durations[u], u) for u in data}
    return {
        "duration_ms": {u: e.token * frame_ms for u, e in errors.items()},
        "length_error": {u: e.total for u, e in errors.items()},
    }


def _add_speed(
    results: Results, name: str, directory: Path, data: EvaluationSet
) -> None:
    speeds = [s for u, s in read_speed(directory).items() if u in data.recordings]
    audio = [s.audio for s in speeds]
    for key, seconds in (
        ("rtf_model", [s.model for s in speeds]),
        ("rtf", [s.model + s.vocoder for s in speeds]),
    ):
        figure = measure_ratio(seconds, audio)
        if figure is not None:
            results.rows[name][key] = figure


def mel_inputs(
    data: EvaluationSet, text_to_ids: Callable[[str], np.ndarray], tts: Any
) -> list[MelInputs]:
    """Prepare the utterances for models of one token list.

    Args:
        data: With reference durations.
        text_to_ids: From a text to token ids (T_text,).
        tts: The model, for what else it needs.

    Raises:
        DataError: Durations, speaker ids, language ids or embeddings that the
            model needs were not given.
    """
    if not data.durations:
        raise DataError("Mels can only be scored with --durations.")
    needed = {
        "sids": (tts.spks, data.ids.get("sids"), f"{data.directory}/utt2sid"),
        "lids": (tts.langs, data.ids.get("lids"), f"{data.directory}/utt2lid"),
        "spembs": (tts.spk_embed_dim, data.spembs, "--spembs"),
    }
    for name, (wanted, found, where) in needed.items():
        if wanted is not None and not found:
            raise DataError(f"The model needs {name}: {where} is missing.")
    prepared = []
    for utt in data:
        extras = {}
        for name, (wanted, found, _) in needed.items():
            if wanted is not None:
                value = np.atleast_1d(found[utt])
                kind = np.float32 if name == "spembs" else np.int64
                extras[name] = torch.from_numpy(value.astype(kind))
        speech = read_audio(data.recordings[utt], utt, data.fs)
        prepared.append(
            MelInputs(
                utt=utt,
                text=torch.as_tensor(np.asarray(text_to_ids(data.texts[utt]))).long(),
                speech=torch.from_numpy(speech).float(),
                durations=torch.from_numpy(data.durations[utt]).long(),
                extras=extras,
            )
        )
    return prepared


def add_mels(
    results: Results,
    models: Sequence[MelModel],
    utterances: Sequence[MelInputs],
    seeds: Sequence[int],
    variance: str,
    progress: Progress = no_progress,
) -> None:
    """Score models by their mels; a model named as a system shares its row.

    Args:
        results: Gets the rows.
        models: The first is the reference of the distance.
        utterances: What they draw.
        seeds: Seeds of the noise.
        variance: "predicted" or "true" pitch and energy.
        progress: Shows how far it is.
    """
    scores = score_models(models, utterances, seeds, variance, progress)
    for name, found in scores.items():
        _add(
            results,
            name,
            {
                "mel_l1": found.l1,
                "variance_ratio": found.variance_ratio,
                "spread": found.spread,
                "distance": found.distance,
                "ndb": found.ndb,
                "jsd": found.jsd,
            },
        )


def _add(results: Results, name: str, found: dict[str, dict[str, float]]) -> None:
    row = results.rows.setdefault(name, {})
    values = results.values.setdefault(name, {})
    for key, by_utterance in found.items():
        figure = measure(list(by_utterance.values()))
        if figure is not None:
            row[key], values[key] = figure, by_utterance
        elif by_utterance:
            results.notes.append(f"{name}: {key} is not defined for any utterance")
