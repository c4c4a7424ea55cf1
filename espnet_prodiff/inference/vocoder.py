"""Vocoders: mel -> wave objects behind ``--vocoder_file``.

A vocoder is a callable from denormalised log-mels ``(T_feats, n_mels)`` to a float32
wave ``(T_wav,)``, with the sampling rate in ``fs``: the built-in (no file), a spectral
vocoder or a DiffWave of ours (``.pth`` or packed), or a checkpoint of the
ParallelWaveGAN family (``.pkl``).
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from espnet2.tts.espnet_model import ESPnetTTSModel
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank

from espnet_prodiff.common.precision import HALVES
from espnet_prodiff.errors import VocoderError
from espnet_prodiff.fileio.yaml_files import read_yaml
from espnet_prodiff.inference.archive import SUFFIXES
from espnet_prodiff.inference.builtin_vocoder import ROUNDS, BuiltinVocoder
from espnet_prodiff.inference.mel_contract import MelContract
from espnet_prodiff.inference.wave_generator import WaveGenerator

if TYPE_CHECKING:
    from espnet_prodiff.inference.parallel_wavegan import ParallelWaveGANVocoder

KINDS = (
    "none (the built-in), the .pth of a vocoder of ours (tts: spectral_vocoder or "
    "diffwave) or its packed model, "
    "a .pkl checkpoint of the ParallelWaveGAN family with its "
    "config.yml (HiFi-GAN, MelGAN, multi-band MelGAN, StyleMelGAN, Parallel WaveGAN)"
)


class Vocoder(Protocol):
    """From log-mels to a wave, at ``fs`` Hz."""

    fs: int

    def __call__(self, feats: torch.Tensor) -> torch.Tensor:
        """Turn denormalised log-mels ``(T_feats, n_mels)`` into a wave ``(T_wav,)``."""


def build_vocoder(
    vocoder_config: str | Path | None,
    vocoder_file: str | Path | None,
    model: ESPnetTTSModel,
    device: str = "cpu",
    normalized_feats: bool = False,
    dtype: str = "float32",
) -> Vocoder | None:
    """Build the vocoder for an acoustic model.

    None where the model makes waves itself or has no feature extractor whose mels could
    be inverted.

    Args:
        vocoder_config: A yaml file. For the built-in it may hold
            ``griffin_lim_iters``, its rounds; for a ``.pkl`` it is ParallelWaveGAN's
            config.yml, for a ``.pth`` the config.yaml of its training, by default the
            one beside the checkpoint.
        vocoder_file: ``None`` or ``"none"``, a ``.pth`` or packed vocoder of ours, or a
            ``.pkl`` checkpoint.
        model: The ``ESPnetTTSModel`` whose mels will be spoken.
        device: Where it runs.
        normalized_feats: Whether it will get normalised mels.
        dtype: Of the matrix products of a DiffWave, see `WaveGenerator`.

    Raises:
        FileNotFoundError: The checkpoint or its config does not exist.
        ConfigError: The config is no plain yaml mapping.
        VocoderError: The kind of file or generator is unknown, or not for the model.
        MelContractError: Model and vocoder do not speak of the same mels.
        CheckpointError: The checkpoint is damaged, holds code or does not fit.
    """
    if str(vocoder_file).lower() in ("none", ""):
        vocoder_file = None
    if not model.tts.require_vocoder:
        if vocoder_file is None:
            return None
        raise VocoderError(
            f"vocoder {vocoder_file} has nothing to do: {type(model.tts).__name__} "
            "makes waves itself; leave it out"
        )
    if vocoder_file is None:
        return _build_builtin(vocoder_config, model, device)
    vocoder: WaveGenerator | ParallelWaveGANVocoder
    if str(vocoder_file).lower().endswith((".pth", *SUFFIXES)):
        vocoder = _load_ours(vocoder_file, vocoder_config, normalized_feats, dtype)
        contract = vocoder.contract
    elif Path(vocoder_file).suffix == ".pkl":
        # slow to import
        from espnet_prodiff.inference.parallel_wavegan import load_parallel_wavegan

        vocoder, contract = load_parallel_wavegan(vocoder_file, vocoder_config)
    else:
        raise VocoderError(f"vocoder {vocoder_file} is of no known kind: use {KINDS}")
    if model.feats_extract is None:
        logging.warning(
            "the model was trained on ready-made features: whether vocoder "
            f"{vocoder_file} fits them cannot be checked"
        )
    else:
        mels = MelContract.of_feats_extract(model.feats_extract)
        mels.require_match(contract, str(vocoder_file))
    return vocoder.to(device)


def _load_ours(
    vocoder_file: str | Path,
    vocoder_config: str | Path | None,
    normalized_feats: bool,
    dtype: str,
) -> WaveGenerator:
    if normalized_feats:
        raise VocoderError(
            f"prefer_normalized_feats is not for vocoder {vocoder_file}: it normalises "
            "mels itself, with the statistics of its own training"
        )
    half = dtype if dtype in HALVES else "float32"
    vocoder = WaveGenerator(vocoder_file, vocoder_config, dtype=half)
    if vocoder.conditioning != "mel":
        raise VocoderError(
            f"vocoder {vocoder_file} is a DiffWave with conditioning "
            f"{vocoder.conditioning}: a vocoder has conditioning mel"
        )
    return vocoder


def _build_builtin(
    vocoder_config: str | Path | None, model: ESPnetTTSModel, device: str
) -> Vocoder | None:
    conf = {}
    if vocoder_config is not None:
        conf = read_yaml(vocoder_config, "vocoder config")
    if not isinstance(model.feats_extract, LogMelFbank):
        from espnet2.tasks.tts import TTSTask  # slow to import

        return TTSTask.build_vocoder_from_file(vocoder_config, None, model, device)
    rounds = conf.get("griffin_lim_iters", ROUNDS)
    contract = MelContract.of_feats_extract(model.feats_extract)
    return BuiltinVocoder(contract, rounds, device)
