"""Waves of a trained DiffWave in files: from recordings, mels, classes or noise.

Every function but `write_waves` returns jobs: the name of each wave and the function
that makes it. Inputs are checked before the first wave is made: a `UserError` names
the recording or option that cannot be used. ``recordings`` are sound files by name,
``sampling`` is how the model is sampled, ``label`` the class, for a model with labels.
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
from espnet_prodiff.fileio.tables import check_id, read_table, write_table
from espnet_prodiff.inference.wave_generator import WaveGenerator

Job = tuple[str, Callable[[], Tensor]]
Recordings = Mapping[str, str | Path]


def vocode_recordings(
    diffwave: WaveGenerator, recordings: Recordings, sampling: Sampling
) -> list[Job]:
    """Turn recordings into mels and these into waves again."""
    _check_recordings(diffwave, recordings)
    options = asdict(sampling)

    def vocode(path: str | Path) -> Tensor:
        return diffwave.resynthesize(_read(diffwave, path), **options)

    return [(name, partial(vocode, path)) for name, path in recordings.items()]


def vocode_mels(
    diffwave: WaveGenerator, feats_scp: str | Path, sampling: Sampling
) -> list[Job]:
    """Turn mels into waves.

    ``feats_scp`` names denormalised log-mels (T_feats, n_mels) as ``.npy`` files, as
    ``denorm/feats.scp`` of stage 8 does.
    """
    names = list(read_table(feats_scp))
    feats = NpyScpReader(feats_scp)
    options = asdict(sampling)

    def vocode(name: str) -> Tensor:
        return diffwave.vocode(torch.from_numpy(feats[name]), **options)

    for name in names:
        check_id(name)
    return [(name, partial(vocode, name)) for name in names]


def generate_waves(
    diffwave: WaveGenerator,
    seeds: Iterable[int],
    sampling: Sampling,
    seconds: float | None = None,
    label: int | None = None,
) -> list[Job]:
    """Generate a wave of a class or of nothing for each seed, named by label and seed.

    ``seconds`` is the length of each; default: that of a training clip.
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
    """Clean noisy recordings from time t in (0, T] on; ``num_steps`` counts from t."""
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
    """Blend two recordings of the same length in the latent space of time t, in (0, T].

    ``weights`` are the shares of the second, one for each wave.
    """
    _check_recordings(diffwave, recordings)
    if len(recordings) != 2:
        raise UserError(f"two recordings are blended, but {len(recordings)} are given")
    first, second = (_read(diffwave, path) for path in recordings.values())
    options = asdict(sampling)

    def blend(weight: float) -> Tensor:
        return diffwave.interpolate(first, second, t, weight, label, **options)

    names = "_".join(recordings)
    return [(f"{names}_{weight:g}", partial(blend, weight)) for weight in weights]


def write_waves(jobs: Sequence[Job], output_dir: str | Path, fs: int) -> Path:
    """Write a sound file for each job and, when all are there, return ``wav.scp``."""
    files = {}
    for name, make_wave in tqdm(jobs, unit="wav", disable=None):
        files[name] = str(Path(output_dir) / "wav" / f"{name}.wav")
        write_audio(files[name], make_wave().cpu().numpy(), fs)
    table = Path(output_dir) / "wav.scp"
    write_table(table, files)
    return table


def _check_recordings(diffwave: WaveGenerator, recordings: Recordings) -> None:
    for name, path in recordings.items():
        check_id(name)
        diffwave.contract.require_rate(read_recording(path, name).fs, str(path))


def _read(diffwave: WaveGenerator, path: str | Path) -> Tensor:
    return torch.from_numpy(read_audio(path, Path(path).stem, diffwave.fs)).float()
