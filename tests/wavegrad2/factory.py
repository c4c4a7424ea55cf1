"""A tiny WaveGrad 2 and data for it."""

import torch

from espnet_prodiff.wavegrad2 import WaveGrad2

N_MELS, HOP, FS, IDIM = 6, 32, 8000, 10
TEXTS = ([1, 2, 3, 4], [5, 6])


def tiny(odim=N_MELS, **options):
    """A tiny WaveGrad 2 in evaluation mode."""
    torch.manual_seed(0)
    sizes = dict(
        embed_dim=8,
        encoder_channels=8,
        encoder_conv_layers=1,
        predictor_channels=8,
        decoder_channels=(8, 8, 8, 4, 4),
        decoder_pre_channels=8,
        decoder_in_channels=4,
        window_frames=5,
        hop_length=HOP,
        sampling_rate=FS,
        diffusion_steps=8,
        beta_start=1e-3,
        beta_end=0.5,
    )
    model = WaveGrad2(IDIM, odim, **sizes | options)
    # What is untrained must not reach the range where it is clipped.
    torch.nn.init.normal_(model.denoiser.network.out_proj.weight, std=1e-3)
    return model.eval()


def batch(*frames, **more):
    """ESPnet's arguments of ``forward`` for utterances of so many frames."""
    random = torch.Generator().manual_seed(1)
    texts = [torch.tensor(TEXTS[i % 2]) for i in range(len(frames))]
    lengths = [len(text) for text in texts]
    samples = [(n - 1) * HOP + 3 for n in frames]
    durations = []
    for n, length in zip(frames, lengths, strict=True):
        each = torch.full((length + 1,), n // (length + 1))
        each[-1] += n - each.sum()
        durations.append(each)
    pad = torch.nn.utils.rnn.pad_sequence
    return dict(
        text=pad(texts, batch_first=True),
        text_lengths=torch.tensor(lengths),
        feats=torch.randn(len(frames), max(frames), N_MELS, generator=random),
        feats_lengths=torch.tensor(frames),
        speech=0.3 * torch.randn(len(frames), max(samples), generator=random),
        speech_lengths=torch.tensor(samples),
        durations=pad(durations, batch_first=True),
        durations_lengths=torch.tensor(lengths) + 1,
        **more,
    )
