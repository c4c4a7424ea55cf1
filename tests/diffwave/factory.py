"""A tiny DiffWave and data for it."""

import torch

from espnet_prodiff.diffwave import DiffWave

N_MELS, HOP, FS = 6, 16, 8000


def tiny(trained=True, **options):
    """A DiffWave; ``trained`` gives its zero-initialised output random weights."""
    torch.manual_seed(0)
    options = (
        dict(
            diffwave_layers=4,
            diffwave_channels=8,
            dilation_cycle=3,
            hop_length=HOP,
            sampling_rate=FS,
            diffusion_steps=8,
            crop_frames=5,
        )
        | options
    )
    if options.get("conditioning") == "label":
        options.setdefault("num_labels", 4)
    model = DiffWave(10, N_MELS, **options)
    if trained:
        torch.nn.init.normal_(model.denoiser.network.out_proj.weight, std=0.3)
    return model.eval()


def batch(*lengths):
    """ESPnet's arguments of ``forward`` for waves of these lengths."""
    random = torch.Generator().manual_seed(1)
    frames = [n // HOP + 1 for n in lengths]
    return dict(
        text=torch.ones(len(lengths), 2, dtype=torch.long),
        text_lengths=torch.full((len(lengths),), 2),
        feats=torch.randn(len(lengths), max(frames), N_MELS, generator=random),
        feats_lengths=torch.tensor(frames),
        speech=0.3 * torch.randn(len(lengths), max(lengths), generator=random),
        speech_lengths=torch.tensor(lengths),
        sids=torch.arange(len(lengths))[:, None] % 4,
    )
