"""Tiny models with random weights, written the way a training leaves them."""

import argparse
import copy

import numpy as np
import torch
import yaml

from espnet_prodiff.training.task import DiffusionTTSTask

LETTERS = ["<blank>", "<unk>", "<space>", *"abcdefghijklmnopqrstuvwxyz'.,", "<sos/eos>"]
TEXT_SIDE = dict(
    adim=16,
    aheads=2,
    elayers=1,
    eunits=16,
    duration_predictor_chans=16,
    pitch_predictor_chans=16,
    energy_predictor_chans=16,
    positionwise_conv_kernel_size=1,
)
PRODIFF = dict(**TEXT_SIDE, denoiser_layers=2, denoiser_channels=16, diffusion_steps=4)
DIFFWAVE = dict(
    diffwave_layers=2,
    diffwave_channels=4,
    dilation_cycle=2,
    diffusion_steps=50,
    crop_frames=4,
)
FASTSPEECH2 = dict(**TEXT_SIDE, dlayers=1, dunits=16, postnet_layers=0)


def write_model(folder, tts="prodiff", seed=0, **options):
    """Write config.yaml, statistics and weights; return config and model file."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(3)
    mels = random.normal(-2, 0.5, (50, 80)).astype(np.float32)
    np.savez(
        folder / "feats_stats.npz",
        count=50,
        sum=mels.sum(0),
        sum_square=(mels**2).sum(0),
    )
    known = {"prodiff": PRODIFF, "fastspeech2": FASTSPEECH2, "diffwave": DIFFWAVE}
    defaults = known.get(tts, {})
    config = dict(
        token_list=LETTERS,
        odim=None,
        feats_extract="fbank",
        feats_extract_conf=dict(fs=22050, n_fft=1024, hop_length=256),
        normalize="global_mvn",
        normalize_conf=dict(stats_file=str(folder / "feats_stats.npz")),
        tts=tts,
        tts_conf=dict(defaults, **options.pop("tts_conf", {})),
        pitch_extract="dio",
        pitch_extract_conf=dict(
            fs=22050, n_fft=1024, hop_length=256, f0max=400, f0min=80
        ),
        pitch_normalize=None,
        energy_extract="energy",
        energy_extract_conf=dict(fs=22050, n_fft=1024, hop_length=256),
        energy_normalize=None,
        model_conf={},
        use_preprocessor=True,
        token_type="char",
        bpemodel=None,
        non_linguistic_symbols=None,
        cleaner=None,
        g2p=None,
    )
    config.update(options)
    args = argparse.Namespace(**copy.deepcopy(config), teacher_model_file=None)
    torch.manual_seed(seed)
    model = DiffusionTTSTask.build_model(args)
    # A random duration predictor says 0 frames; make it say about 4 for each token.
    if hasattr(model.tts, "duration_predictor"):
        torch.nn.init.constant_(model.tts.duration_predictor.linear.bias, 1.6)
    for name, parameter in model.tts.named_parameters():
        if name.startswith("denoiser.") and not parameter.any():  # zero at first
            torch.nn.init.normal_(parameter, std=0.3)
    written = {k: v for k, v in vars(args).items() if k in config}
    (folder / "config.yaml").write_text(yaml.safe_dump(written))
    torch.save(model.state_dict(), folder / "valid.loss.best.pth")
    return folder / "config.yaml", folder / "valid.loss.best.pth"
