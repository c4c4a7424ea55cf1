"""Vocoders: mel -> wave objects behind ``--vocoder_file``.

A vocoder is a callable from denormalised log-mels ``(T_feats, n_mels)`` to a float32
wave ``(T_wav,)``, with the sampling rate in ``fs``. Two kinds exist: Griffin-Lim (no
file) and ParallelWaveGAN-family checkpoints (``.pkl``), which run in the generators
that ESPnet carries, without the parallel_wavegan package.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Protocol

import torch
from espnet2.tasks.tts import TTSTask

from espnet_prodiff.integration.files import read_yaml
from espnet_prodiff.integration.griffin_lim import GriffinLim
from espnet_prodiff.integration.mel_contract import MelContract, VocoderError
from espnet_prodiff.integration.parallel_wavegan import load_parallel_wavegan

KINDS = (
    "none (Griffin-Lim), a .pkl checkpoint of the ParallelWaveGAN family with its "
    "config.yml (HiFi-GAN, MelGAN, multi-band MelGAN, StyleMelGAN, Parallel WaveGAN)"
)


class Vocoder(Protocol):
    """From log-mels to a wave.

    Attributes:
        fs: Sampling rate in Hz.
    """

    fs: int

    def __call__(self, feats: torch.Tensor) -> torch.Tensor:
        """Turn denormalised log-mels ``(T_feats, n_mels)`` into a wave ``(T_wav,)``."""


def build_vocoder(
    vocoder_config: str | Path | None,
    vocoder_file: str | Path | None,
    model: Any,
    device: str = "cpu",
) -> Vocoder | None:
    """Build the vocoder for an acoustic model.

    Args:
        vocoder_config: A yaml file. For Griffin-Lim it may hold
            ``griffin_lim_iters``; for a ``.pkl`` it is ParallelWaveGAN's config.yml,
            by default the one beside the checkpoint.
        vocoder_file: ``None`` or ``"none"``, or a ``.pkl`` checkpoint.
        model: The ``ESPnetTTSModel`` whose mels will be spoken.
        device: Where a neural vocoder runs.

    Returns:
        The vocoder, or None where the model has no feature extractor whose mels could
        be inverted.

    Raises:
        FileNotFoundError: The checkpoint or its config does not exist.
        ConfigError: The config is no plain yaml mapping.
        VocoderError: The kind of file or generator is not known.
        MelContractError: Model and vocoder do not speak of the same mels.
        CheckpointError: The checkpoint is damaged, holds code or does not fit.
    """
    if vocoder_file is None or str(vocoder_file).lower() in ("none", ""):
        return _build_griffin_lim(vocoder_config, model, device)
    if Path(vocoder_file).suffix != ".pkl":
        raise VocoderError(f"vocoder {vocoder_file} is of no known kind: use {KINDS}")
    vocoder, theirs = load_parallel_wavegan(vocoder_file, vocoder_config)
    if model.feats_extract is None:
        logging.warning(
            "the model was trained on ready-made features: whether vocoder %s fits "
            "them cannot be checked",
            vocoder_file,
        )
    else:
        mine = MelContract.of_feats_extract(model.feats_extract)
        mine.require_match(theirs, str(vocoder_file))
    return vocoder.to(device)


def _build_griffin_lim(
    vocoder_config: str | Path | None, model: Any, device: str
) -> Vocoder | None:
    conf = {}
    if vocoder_config is not None:
        conf = read_yaml(vocoder_config, "vocoder config")
    if getattr(model.feats_extract, "logmel", None) is None:
        return TTSTask.build_vocoder_from_file(vocoder_config, None, model, device)
    iterations = conf.get("griffin_lim_iters", GriffinLim.iterations)
    return GriffinLim(MelContract.of_feats_extract(model.feats_extract), iterations)
