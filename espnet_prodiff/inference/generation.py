"""Waves of a trained DiffWave in files: from recordings, mels, classes or noise.

Every function but `write_waves` returns jobs: the name of each wave and the function
that makes it. Their inputs are checked before the first wave is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch
from espnet2.fileio.npy_scp import NpyScpReader
from torch import Tensor
from tqdm import tqdm

from espnet_prodiff.common.sampling import Sampling
from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.audio import read_audio, read_recording, write_audio
from espnet_prodiff.fileio.tables import read_table, write_table
from espnet_prodiff.inference.output import check_name
from espnet_prodiff.inference.wave_generator import WaveGenerator

Job = tuple[str, Callable[[], Tensor]]
Recordings = Mapping[str, str | Path]


def vocode_recordings(
    diffwave: WaveGenerator, recordings: Recordings, sampling: Sampling
) -> list[Job]:
    """Turn recordings into mels and these into waves again.

    Args:
        diffwave: A vocoder.
        recordings: Sound files by name.
        sampling: How it is sampled.

    Raises:
        UserError: A recording cannot be used.
    """
    _check_recordings(diffwave, recordings)
    options = asdict(sampling)

    def vocode(path: str | Path) -> Tensor:
        return diffwave.resynthesize(_read(diffwave, path), **options)

    return [(name, partial(vocode, path)) for name, path in recordings.items()]


def vocode_mels(
    diffwave: WaveGenerator, feats_scp: str | Path, sampling: Sampling
) -> list[Job]:
    """Turn mels into waves.

    Args:
        diffwave: A vocoder.
        feats_scp: Denormalised log-mels (T_feats, n_mels) as ``.npy`` files, such as
            ``denorm/feats.scp`` of stage 8.
        sampling: How it is sampled.

    Raises:
        DataError: The table cannot be used.
    """
    names = list(read_table(feats_scp))
    feats = NpyScpReader(feats_scp)
    options = asdict(sampling)

    def vocode(name: str) -> Tensor:
        return diffwave.vocode(torch.from_numpy(feats[name]), **options)

    for name in names:
        check_name(name)
    return [(name, partial(vocode, name)) for name in names]


def generate_waves(
    diffwave: WaveGenerator,
    seeds: Iterable[int],
    sampling: Sampling,
    seconds: float | None = None,
    label: int | None = None,
) -> list[Job]:
    """Generate waves of a class or of nothing, named by label and seed.

    Args:
        diffwave: A model with conditioning "label" or "none".
        seeds: One for each wave.
        sampling: How it is sampled, but for the seed.
        seconds: Length of each; default: that of a training clip.
        label: The class, for a model with labels.
    """
    start = "" if label is None else f"label{label}_"

    def generate(seed: int) -> Tensor:
        options = asdict(replace(sampling, seed=seed))
        return diffwave.generate(seconds, label, **options)

    return [(f"{start}seed{seed}", partial(generate, seed)) for seed in seeds]


def denoise_recordings(
    diffwave: WaveGenerator,
    recordings: Recordings,
    t: float,
    sampling: Sampling,
    label: int | None = None,
) -> list[Job]:
    """Clean noisy recordings.

    Args:
        diffwave: A model with conditioning "label" or "none".
        recordings: Sound files by name.
        t: Time to start at, in (0, T].
        sampling: How it is sampled; ``num_steps`` counts from t.
        label: The class, for a model with labels.

    Raises:
        UserError: A recording cannot be used.
    """
    _check_recordings(diffwave, recordings)
    options = asdict(sampling)

    def denoise(path: str | Path) -> Tensor:
        return diffwave.denoise(_read(diffwave, path), t, label, **options)

    return [(name, partial(denoise, path)) for name, path in recordings.items()]


def interpolate_recordings(
    diffwave: WaveGenerator,
    recordings: Recordings,
    t: float,
    weights: Sequence[float],
    sampling: Sampling,
    label: int | None = None,
) -> list[Job]:
    """Blend two recordings of the same length.

    Args:
        diffwave: A model with conditioning "label" or "none".
        recordings: Two sound files by name.
        t: Time of the latent space, in (0, T].
        weights: Shares of the second, one for each wave.
        sampling: See `denoise_recordings`.
        label: The class, for a model with labels.

    Raises:
        UserError: A recording cannot be used, or there are not two.
    """
    _check_recordings(diffwave, recordings)
    if len(recordings) != 2:
        raise UserError(f"two recordings are blended, but {len(recordings)} are given")
    waves = [_read(diffwave, path) for path in recordings.values()]
    options = asdict(sampling)

    def blend(weight: float) -> Tensor:
        return diffwave.interpolate(*waves, t, weight, label, **options)

    names = "_".join(recordings)
    return [(f"{names}_{weight:g}", partial(blend, weight)) for weight in weights]


def write_waves(jobs: Sequence[Job], output_dir: str | Path, fs: int) -> Path:
    """Write one sound file for each job, and ``wav.scp`` when all are there.

    Args:
        jobs: The name of each wave and the function that makes it.
        output_dir: The folder.
        fs: Sampling rate in Hz.

    Returns:
        The table.
    """
    files = {}
    for name, make_wave in tqdm(jobs, unit="wav", disable=None):
        files[name] = str(Path(output_dir) / "wav" / f"{name}.wav")
        write_audio(files[name], make_wave().cpu().numpy(), fs)
    table = Path(output_dir) / "wav.scp"
    write_table(table, files)
    return table


def _check_recordings(diffwave: WaveGenerator, recordings: Recordings) -> None:
    for name, path in recordings.items():
        check_name(name)
        diffwave.contract.require_rate(read_recording(path, name).fs, str(path))


def _read(diffwave: WaveGenerator, path: str | Path) -> Tensor:
    return torch.from_numpy(read_audio(path, Path(path).stem, diffwave.fs)).float()
