"""Random generators in files as ParallelWaveGAN's training writes them."""

import copy

import h5py
import numpy as np
import torch
import yaml
from espnet2.gan_tts.hifigan import HiFiGANGenerator
from espnet2.gan_tts.melgan import MelGANGenerator
from espnet2.gan_tts.parallel_wavegan import ParallelWaveGANGenerator
from espnet2.gan_tts.style_melgan import StyleMelGANGenerator

HOP = 256
GENERATORS = {
    "HiFiGANGenerator": (
        HiFiGANGenerator,
        dict(
            in_channels=80,
            out_channels=1,
            channels=16,
            upsample_scales=[8, 8, 4],
            upsample_kernel_sizes=[16, 16, 8],
            resblock_kernel_sizes=[3],
            resblock_dilations=[[1, 3]],
        ),
    ),
    "MelGANGenerator": (
        MelGANGenerator,
        dict(
            in_channels=80,
            out_channels=1,
            channels=256,
            upsample_scales=[8, 8, 4],
            stacks=1,
        ),
    ),
    "StyleMelGANGenerator": (
        StyleMelGANGenerator,
        dict(
            in_channels=8,
            aux_channels=80,
            channels=8,
            out_channels=1,
            noise_upsample_scales=[2, 2],
            upsample_scales=[4, 4, 4, 4],
        ),
    ),
    "ParallelWaveGANGenerator": (
        ParallelWaveGANGenerator,
        dict(
            layers=4,
            stacks=2,
            residual_channels=8,
            gate_channels=16,
            skip_channels=6,
            aux_channels=80,
            upsample_net="ConvInUpsampleNetwork",
            upsample_params={"upsample_scales": [4, 4, 4, 4]},
        ),
    ),
}


def pwg_config(name, params, **other):
    return {
        "sampling_rate": 22050,
        "fft_size": 1024,
        "hop_size": HOP,
        "win_length": None,
        "window": "hann",
        "num_mels": 80,
        "fmin": 80,
        "fmax": 7600,
        "format": "hdf5",
        "generator_type": name,
        "generator_params": params,
        **other,
    }


def write_checkpoint(folder, generator, config, states=None, stats="h5"):
    """Write a checkpoint folder; return the checkpoint and the mels' statistics."""
    random = np.random.default_rng(1)
    mean, scale = random.normal(-2, 0.3, 80), random.uniform(0.5, 1.5, 80)
    if stats == "h5":
        with h5py.File(folder / "stats.h5", "w") as f:
            f["mean"], f["scale"] = mean, scale
    elif stats == "npy":
        np.save(folder / "stats.npy", np.stack([mean, scale]))
    (folder / "config.yml").write_text(yaml.dump(config))
    states = states if states is not None else generator.state_dict()
    checkpoint = {
        "model": {"generator": states, "discriminator": {}},
        "optimizer": {"generator": {"lr": np.float64(1e-4)}},
        "scheduler": {"generator": {"best": np.float32(2), "last_epoch": 3}},
        "steps": np.int64(400),
        "epochs": 1,
    }
    torch.save(checkpoint, folder / "checkpoint-400steps.pkl")
    as_tensor = [torch.tensor(x, dtype=torch.float32) for x in (mean, scale)]
    return folder / "checkpoint-400steps.pkl", *as_tensor


def make_generator(name, **changes):
    cls, params = copy.deepcopy(GENERATORS[name])
    params.update(changes)
    torch.manual_seed(0)
    generator = cls(**copy.deepcopy(params)).eval()
    for key, parameter in generator.named_parameters():
        torch.nn.init.normal_(parameter, std=0.1)
        if key.endswith("weight_g"):
            torch.nn.init.uniform_(parameter, 0.5, 1.0)
    return generator, params
