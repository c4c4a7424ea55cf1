"""A model with random weights on disk, as a training would have left it."""

import argparse
import string
from pathlib import Path
from typing import Any

import numpy as np
import torch

from espnet_prodiff.fileio.yaml_files import write_yaml
from espnet_prodiff.training.task import DiffusionTTSTask
from speed.mels import FBANK
from speed.subject import FRAMES_PER_TOKEN, HOP, N_MELS, say_frames

TOKENS = ["<blank>", "<unk>", *string.ascii_lowercase, "<sos/eos>"]
PITCH = {"fs": FBANK["fs"], "n_fft": FBANK["n_fft"], "hop_length": HOP}


def write_experiment(folder: Path, tts: str, tts_conf: dict[str, Any]) -> Path:
    """Write config, statistics and weights; returns the model file.

    Every token, and the end, lasts for `FRAMES_PER_TOKEN` frames.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stats = folder / "feats_stats.npz"
    np.savez(stats, count=2, sum=np.full(N_MELS, -4.0), sum_square=np.full(N_MELS, 9.0))
    prosody = tts.startswith("prodiff")  # others take no pitch
    config = {
        "token_list": TOKENS,
        "odim": None,
        "feats_extract": "fbank",
        "feats_extract_conf": dict(FBANK, n_mels=N_MELS),
        "normalize": "global_mvn",
        "normalize_conf": {"stats_file": str(stats)},
        "tts": tts,
        "tts_conf": tts_conf,
        "pitch_extract": "dio" if prosody else None,
        "pitch_extract_conf": dict(PITCH, f0min=80, f0max=400),
        "pitch_normalize": None,
        "energy_extract": "energy" if prosody else None,
        "energy_extract_conf": PITCH,
        "energy_normalize": None,
        "model_conf": {},
        "use_preprocessor": True,
        "token_type": "char",
        "bpemodel": None,
        "non_linguistic_symbols": None,
        "cleaner": None,
        "g2p": None,
    }
    args = argparse.Namespace(**config, teacher_model_file=None)
    torch.manual_seed(0)
    model = DiffusionTTSTask.build_model(args)
    if tts == "wavegrad2":
        say_frames(model.tts.resampling.duration_predictor, FRAMES_PER_TOKEN)
    elif hasattr(model.tts, "duration_predictor"):
        say_frames(model.tts.duration_predictor, FRAMES_PER_TOKEN)
    write_yaml(folder / "config.yaml", {key: getattr(args, key) for key in config})
    torch.save(model.state_dict(), folder / "valid.loss.best.pth")
    return folder / "valid.loss.best.pth"
