"""Betas for a few sampling steps of a DiffWave vocoder, judged by held-out recordings.

Their mels are turned into waves, whose log-mels are compared with the recordings' own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from espnet_prodiff.diffwave.search import (
    Betas,
    SearchResult,
    log_mel_distance,
    search_schedule,
)
from espnet_prodiff.errors import UserError, check_positive
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.fileio.audio import read_audio, read_recording
from espnet_prodiff.inference.wave_generator import WaveGenerator


def search_vocoder_schedule(
    diffwave: WaveGenerator,
    recordings: Mapping[str, str | Path],
    num_steps: int,
    *,
    num_clips: int = 4,
    clip_seconds: float = 1.0,
    eta: float | None = None,
    seed: int = 777,
) -> tuple[SearchResult, float]:
    """Search a schedule on the middles of some recordings.

    Returns the result and the score of the model's own places of so many steps.

    Args:
        diffwave: A vocoder.
        recordings: Held-out sound files by utterance.
        num_steps: Number of betas.
        num_clips: Recordings to try it on, from all over the table.
        clip_seconds: Length of the middle of each.
        eta: Share of fresh noise; None is the model's own.
        seed: Of the noise.

    Raises:
        UserError: The model is no vocoder, or an option or recording cannot be used.
    """
    if diffwave.conditioning != "mel":
        raise UserError(
            f"{diffwave.name} has conditioning {diffwave.conditioning!r}: a schedule "
            "is judged by the mel that it was to speak, which takes a vocoder (mel)"
        )
    clips = _read_clips(diffwave, recordings, num_clips, clip_seconds)
    mels = [diffwave.features(clip) for clip in clips]

    def vocode(mel: Tensor, betas: Betas) -> Tensor:
        steps = {"schedule": betas} if betas else {"num_steps": num_steps}
        return diffwave.vocode(mel, **steps, eta=eta, seed=seed)

    score = log_mel_distance(vocode, diffwave.features, mels)
    result = search_schedule(score, diffwave.tts.denoiser.schedule, num_steps)
    return result, score(())


def format_betas(betas: Betas) -> str:
    """Return betas as ``--schedule`` takes them."""
    return ",".join(f"{beta:.6g}" for beta in betas)


def write_schedule(
    path: str | Path,
    result: SearchResult,
    even_score: float,
    model_file: str | Path,
    recordings: str | Path,
) -> None:
    """Write an inference config with comments on where it comes from.

    The comments name the score of evenly spaced steps, the model and the table of
    recordings.
    """
    text = (
        f"# {len(result.betas)} sampling steps for {model_file}, the best of "
        f"{len(result.trials)} schedules.\n"
        f"# Log-mel L1 on clips of {recordings}: {result.score:.4f}; "
        f"evenly spaced steps: {even_score:.4f}.\n"
        "# With an acoustic model and this DiffWave as its vocoder the option is "
        "vocoder_schedule.\n"
        f"schedule: [{format_betas(result.betas)}]\n"
    )
    write_text(path, text)


def _read_clips(
    diffwave: WaveGenerator,
    recordings: Mapping[str, str | Path],
    num_clips: int,
    clip_seconds: float,
) -> list[Tensor]:
    """Read the middles of recordings from all over the table, at the model's rate."""
    check_positive("num_clips", num_clips)
    samples = round(clip_seconds * diffwave.fs)
    if samples < diffwave.tts.hop_length:
        raise UserError(
            f"clip_seconds must be at least {diffwave.tts.hop_length / diffwave.fs:.3g}"
            f", the length of a mel frame, but it is {clip_seconds}"
        )
    files = list(recordings.items())
    count = min(num_clips, len(files))
    clips = []
    for utt, file in (files[i * len(files) // count] for i in range(count)):
        diffwave.contract.require_rate(read_recording(file, utt).fs, str(file))
        wav = torch.from_numpy(read_audio(file, utt)).float()
        start = max(0, (len(wav) - samples) // 2)
        clips.append(wav[start : start + samples])
    return clips
