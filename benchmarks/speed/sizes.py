"""Sizes of the models: our configs, and those of ESPnet's LJSpeech recipe."""

from pathlib import Path
from typing import Any

from espnet_prodiff.fileio.config import read_config

CONF = Path(__file__).parents[2] / "conf"

# What differs in conf/tuning/train_prodiff.yaml of ESPnet's LJSpeech recipe.
BUILTIN_PAPER = {
    "pitch_predictor_kernel_size": 3,
    "use_masking": True,
    "diffusion_scheduler": "vpsde",
    "diffusion_beta": 40.0,
}
# conf/tuning/train_fastspeech2.yaml there.
FASTSPEECH2 = {
    "adim": 384,
    "aheads": 2,
    "elayers": 4,
    "eunits": 1536,
    "dlayers": 4,
    "dunits": 1536,
    "positionwise_conv_kernel_size": 3,
    "duration_predictor_chans": 256,
    "postnet_chans": 256,
    "pitch_predictor_layers": 5,
    "pitch_predictor_chans": 256,
    "pitch_predictor_kernel_size": 5,
    "pitch_embed_kernel_size": 1,
    "energy_predictor_chans": 256,
    "energy_embed_kernel_size": 1,
}
# Generator of conf/tuning/train_jets.yaml there; that of VITS has ESPnet's defaults.
JETS = {
    "adim": 256,
    "aheads": 2,
    "elayers": 4,
    "eunits": 1024,
    "dlayers": 4,
    "dunits": 1024,
    "positionwise_conv_kernel_size": 3,
    "duration_predictor_chans": 256,
    "pitch_predictor_layers": 5,
    "pitch_predictor_chans": 256,
    "pitch_predictor_kernel_size": 5,
    "pitch_embed_kernel_size": 1,
    "energy_predictor_chans": 256,
    "energy_embed_kernel_size": 1,
    "conformer_rel_pos_type": "latest",
    "generator_channels": 512,
}
# Generators of HiFi-GAN (2010.05646), appendix A; V1 has ESPnet's defaults.
HIFIGAN = {"V1": {"channels": 512}, "V2": {"channels": 128}}
# Of Vocos (2306.00814) for mels of 24 kHz: about the size of HiFi-GAN V1.
VOCOS = {"dim": 512, "intermediate_dim": 1536, "num_layers": 8}

# Toy sizes (``--quick``): what the options above are replaced by, where they exist.
TINY = {
    "adim": 16,
    "elayers": 1,
    "eunits": 16,
    "dlayers": 1,
    "dunits": 16,
    "postnet_chans": 16,
    "duration_predictor_chans": 16,
    "pitch_predictor_chans": 16,
    "energy_predictor_chans": 16,
    "denoiser_layers": 2,
    "denoiser_channels": 16,
    "spectral_layers": 1,
    "spectral_channels": 16,
    "diffwave_layers": 2,
    "diffwave_channels": 8,
    "dilation_cycle": 2,
    "channels": 16,
    "generator_channels": 16,
    "decoder_channels": 16,
    "dim": 16,
    "intermediate_dim": 16,
    "num_layers": 1,
}


def tts_conf(config: str, tiny: bool = False) -> dict[str, Any]:
    """``tts_conf`` of one of our configs; what a student changes counts as well."""
    found = read_config(CONF / config)
    options = {**found["tts_conf"], **found.get("student", {})}
    return shrunk(options, tiny)


def shrunk(options: dict[str, Any], tiny: bool) -> dict[str, Any]:
    """The options, or toy sizes of them."""
    if not tiny:
        return dict(options)
    return {name: TINY.get(name, value) for name, value in options.items()}
