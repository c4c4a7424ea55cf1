"""ParallelWaveGAN checkpoints in ESPnet's own generators.

The parallel_wavegan package no longer installs or imports with current scipy; ESPnet
carries descendants of its generators, whose parameters have the same names but for
Parallel WaveGAN's split 1x1 convolutions, which ESPnet joins on loading.
"""

from __future__ import annotations

import copy
import inspect
import logging
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
import torch
from espnet2.gan_tts.hifigan import HiFiGANGenerator
from espnet2.gan_tts.melgan import MelGANGenerator
from espnet2.gan_tts.melgan.pqmf import PQMF
from espnet2.gan_tts.parallel_wavegan import ParallelWaveGANGenerator
from espnet2.gan_tts.style_melgan import StyleMelGANGenerator
from packaging.version import Version

from espnet_prodiff.errors import CheckpointError, VocoderError
from espnet_prodiff.fileio.checkpoint import fit_weights, load_weights
from espnet_prodiff.fileio.yaml_files import read_yaml
from espnet_prodiff.inference.mel_contract import MelContract

Generator: TypeAlias = (
    HiFiGANGenerator | MelGANGenerator | ParallelWaveGANGenerator | StyleMelGANGenerator
)
GENERATORS: dict[str, type[Generator]] = {
    "HiFiGANGenerator": HiFiGANGenerator,
    "MelGANGenerator": MelGANGenerator,
    "ParallelWaveGANGenerator": ParallelWaveGANGenerator,
    "StyleMelGANGenerator": StyleMelGANGenerator,
}
# Names that differ between the two: ParallelWaveGAN's, ESPnet's.
RENAMED = {"upsample_kernal_sizes": "upsample_kernel_sizes", "dropout": "dropout_rate"}
UPSAMPLERS = ("ConvInUpsampleNetwork", "UpsampleNetwork")
# Reflection padding inside MelGAN wants a few frames.
MIN_FRAMES = 16


class ParallelWaveGANVocoder(torch.nn.Module):
    """A generator with the normalisation it was trained with."""

    def __init__(
        self,
        generator: Generator,
        fs: int,
        hop_length: int,
        stats: tuple[torch.Tensor, torch.Tensor] | None = None,
        pqmf: PQMF | None = None,
    ) -> None:
        """Put one of `GENERATORS` and its parts together.

        ``stats`` are mean and scale ``(n_mels,)`` of the training mels, or None where
        the generator takes mels as they are; ``pqmf`` joins the sub-bands of a
        multi-band one.
        """
        super().__init__()
        self.generator, self.fs, self.hop_length = generator, fs, hop_length
        mean, scale = stats if stats is not None else (None, None)
        self.mean = None if mean is None else torch.nn.Buffer(mean)
        self.scale = None if scale is None else torch.nn.Buffer(scale)
        self.pqmf = pqmf
        self.eval()

    @torch.no_grad()
    def forward(self, feats: torch.Tensor) -> torch.Tensor:
        """Turn denormalised log-mels ``(T_feats, n_mels)`` into a wave ``(T_wav,)``.

        The noise that StyleMelGAN and Parallel WaveGAN start from comes from torch's
        global generator.
        """
        frames = feats.size(0)
        feats = feats.to(next(self.generator.parameters()))
        if self.mean is not None and self.scale is not None:
            feats = (feats - self.mean) / self.scale
        if frames < MIN_FRAMES:
            feats = torch.cat([feats, feats[-1:].expand(MIN_FRAMES - frames, -1)])
        wave = self.generator.inference(feats)  # (T, bands)
        if self.pqmf is not None:
            wave = self.pqmf.synthesis(wave.T[None])
        return wave.reshape(-1)[: frames * self.hop_length].float()


def load_parallel_wavegan(
    vocoder_file: str | Path, vocoder_config: str | Path | None = None
) -> tuple[ParallelWaveGANVocoder, MelContract]:
    """Load a ParallelWaveGAN checkpoint and the contract of the mels of its training.

    Args:
        vocoder_file: ``checkpoint-*steps.pkl``; ``stats.h5`` or ``stats.npy`` is looked
            for beside it.
        vocoder_config: Its config.yml, by default the one beside it.

    Raises:
        FileNotFoundError: The checkpoint or its config does not exist.
        ConfigError: The config is no plain yaml mapping.
        VocoderError: The generator or one of its options is not supported.
        CheckpointError: The checkpoint is damaged, holds code or does not fit.
    """
    vocoder_file = Path(vocoder_file)
    if not vocoder_file.is_file():
        raise FileNotFoundError(f"vocoder {vocoder_file} does not exist")
    config = read_yaml(
        vocoder_config or vocoder_file.parent / "config.yml", "vocoder config"
    )
    contract = MelContract.of_parallel_wavegan(config)
    generator = _build_generator(config, vocoder_file)
    bands = config["generator_params"].get("out_channels", 1)
    _load_generator(generator, vocoder_file)
    factor = generator.upsample_factor
    if factor != contract.hop_length:
        raise VocoderError(
            f"vocoder {vocoder_file} makes {factor} samples per frame, but its config "
            f"says hop_size {contract.hop_length}: pass the config.yml of its training"
        )
    stats = _read_stats(vocoder_file, config, contract.n_mels)
    pqmf = _build_pqmf(config, bands) if bands > 1 else None
    parts = (generator, contract.fs, contract.hop_length, stats, pqmf)
    return ParallelWaveGANVocoder(*parts), contract


def _build_generator(config: dict[str, Any], path: Path) -> Generator:
    name = config.get("generator_type", "ParallelWaveGANGenerator")
    if name not in GENERATORS:
        raise VocoderError(
            f"vocoder {path} is a {name}, supported are {', '.join(GENERATORS)}"
        )
    params = config.get("generator_params")
    if not isinstance(params, dict):
        raise VocoderError(f"the config of vocoder {path} has no generator_params")
    params = {RENAMED.get(k, k): copy.deepcopy(v) for k, v in params.items()}
    upsample = params.get("upsample_params")
    for options in (params, upsample if isinstance(upsample, dict) else {}):
        if options.pop("use_causal_conv", False):
            raise VocoderError(
                f"vocoder {path} has causal convolutions (use_causal_conv), which "
                "ESPnet's generators lack: use a vocoder without"
            )
    if params.get("upsample_net", UPSAMPLERS[0]) not in UPSAMPLERS:
        raise VocoderError(
            f"vocoder {path} upsamples with {params['upsample_net']}, supported are "
            f"{', '.join(UPSAMPLERS)}"
        )
    if name != "MelGANGenerator" and params.get("out_channels", 1) != 1:
        raise VocoderError(
            f"vocoder {path} is a {name} of {params['out_channels']} bands; several "
            "bands are supported for MelGANGenerator"
        )
    known = inspect.signature(GENERATORS[name]).parameters
    if unknown := sorted(params.keys() - known.keys()):
        raise VocoderError(
            f"vocoder {path} has options that ESPnet's {name} lacks: "
            f"{', '.join(unknown)}"
        )
    try:
        return GENERATORS[name](**params)
    except (AssertionError, TypeError, ValueError, AttributeError) as error:
        raise VocoderError(
            f"vocoder {path}: ESPnet's {name} refuses its generator_params: {error!r}"
        ) from error


def _load_generator(generator: Generator, path: Path) -> None:
    states = load_weights(path)
    try:
        states = dict(states["model"]["generator"])
    except (KeyError, TypeError, ValueError):
        raise CheckpointError(
            f"vocoder {path} holds no generator weights under model/generator: pass a "
            "checkpoint that ParallelWaveGAN's training wrote"
        ) from None
    # Newer torch names weight normalisation as a parametrization.
    for old, new in (("original0", "weight_g"), ("original1", "weight_v")):
        ending = f"parametrizations.weight.{old}"
        states = {k.replace(ending, new): v for k, v in states.items()}
    if not any(k.endswith("weight_g") for k in states):
        generator.remove_weight_norm()
    fit_weights(generator, states, path)
    generator.remove_weight_norm()


def _read_stats(
    path: Path, config: dict[str, Any], n_mels: int
) -> tuple[torch.Tensor, torch.Tensor] | None:
    names = ["stats.h5", "stats.npy"]
    if config.get("format") == "npy":
        names.reverse()
    file = next((path.parent / n for n in names if (path.parent / n).exists()), None)
    if file is None:
        logging.warning(
            f"no {' or '.join(names)} beside vocoder {path}: it gets mels that are not "
            "normalised"
        )
        return None
    try:
        if file.suffix == ".h5":
            with h5py.File(file, "r") as f:
                both = [f["mean"][()], f["scale"][()]]
        else:
            both = list(np.load(file, allow_pickle=False)[:2])
        mean, scale = (np.asarray(x, dtype=np.float32).reshape(-1) for x in both)
    except (OSError, KeyError, ValueError) as error:
        raise VocoderError(f"{file} cannot be read as statistics: {error}") from error
    if len(mean) != n_mels or len(scale) != n_mels:
        raise VocoderError(
            f"{file} has statistics of {len(mean)} channels, the vocoder has {n_mels}"
        )
    if not np.isfinite(mean).all() or not (np.isfinite(scale) & (scale > 0)).all():
        raise VocoderError(f"{file} holds statistics that are not finite or not > 0")
    return torch.from_numpy(mean), torch.from_numpy(scale)


def _build_pqmf(config: dict[str, Any], bands: int) -> PQMF:
    params = config.get("pqmf_params")
    if params is None:
        old = Version(str(config.get("version", "0.1.0"))) <= Version("0.4.2")
        params = {"taps": 62, "cutoff_ratio": 0.15, "beta": 9.0} if old else {}
    return PQMF(subbands=bands, **params)
