"""A tiny DiffWave and data for it."""

import torch

from espnet_prodiff.diffwave import DiffWave

IDIM, N_MELS, HOP, FS = 10, 6, 16, 8000


def make_diffwave(trained=True, **options) -> DiffWave:
    """A tiny DiffWave in evaluation mode.

    Args:
        trained: Whether the output layer has random weights; else it is zero, as at the
            start of a training.
        **options: Of its constructor, instead of the tiny sizes.
    """
    torch.manual_seed(0)
    sizes = dict(
        diffwave_layers=4,
        diffwave_channels=8,
        dilation_cycle=3,
        hop_length=HOP,
        sampling_rate=FS,
        diffusion_steps=8,
        crop_frames=5,
    )
    if options.get("conditioning") == "label":
        sizes["num_labels"] = 4
    model = DiffWave(IDIM, N_MELS, **sizes | options)
    if trained:
        torch.nn.init.normal_(model.denoiser.network.out_proj.weight, std=0.3)
    return model.eval()


def make_batch(lengths=(19, 13), **inputs) -> dict[str, torch.Tensor]:
    """A padded batch as ESPnet passes it to ``forward``.

    Args:
        lengths: Frames of each utterance.
        **inputs: More arguments of ``forward``, or others in their place.
    """
    random = torch.Generator().manual_seed(1)
    samples = [(n - 1) * HOP + 3 for n in lengths]
    batch = dict(
        text=torch.ones(len(lengths), 2, dtype=torch.long),
        text_lengths=torch.full((len(lengths),), 2),
        feats=torch.randn(len(lengths), max(lengths), N_MELS, generator=random),
        feats_lengths=torch.tensor(lengths),
        speech=0.3 * torch.randn(len(lengths), max(samples), generator=random),
        speech_lengths=torch.tensor(samples),
        sids=torch.arange(len(lengths))[:, None] % 4,
    )
    return batch | inputs
