"""A tiny WaveGrad 2 and data for it."""

import torch

from espnet_prodiff.wavegrad2 import WaveGrad2

IDIM, N_MELS, HOP, FS = 10, 6, 32, 8000
TEXTS = ([1, 2, 3, 4], [5, 6])


def make_wavegrad2(n_mels=N_MELS, **options) -> WaveGrad2:
    """A tiny WaveGrad 2 in evaluation mode with a small output layer.

    Args:
        n_mels: Mel bins of its features.
        **options: Of its constructor, instead of the tiny sizes.
    """
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
    model = WaveGrad2(IDIM, n_mels, **sizes | options)
    # Waves of an untrained model must not reach the range where they are clipped.
    torch.nn.init.normal_(model.denoiser.network.out_proj.weight, std=1e-3)
    return model.eval()


def make_batch(lengths=(12, 9), **inputs) -> dict[str, torch.Tensor]:
    """A padded batch as ESPnet passes it to ``forward``.

    Args:
        lengths: Frames of each utterance.
        **inputs: More arguments of ``forward``, such as ``sids``.
    """
    random = torch.Generator().manual_seed(1)
    texts = [torch.tensor(TEXTS[i % 2]) for i in range(len(lengths))]
    samples = [(n - 1) * HOP + 3 for n in lengths]
    durations = []
    for n, text in zip(lengths, texts, strict=True):
        frames = torch.full((len(text) + 1,), n // (len(text) + 1))
        frames[-1] += n - frames.sum()
        durations.append(frames)
    pad = torch.nn.utils.rnn.pad_sequence
    tokens = torch.tensor([len(text) for text in texts])
    batch = dict(
        text=pad(texts, batch_first=True),
        text_lengths=tokens,
        feats=torch.randn(len(lengths), max(lengths), N_MELS, generator=random),
        feats_lengths=torch.tensor(lengths),
        speech=0.3 * torch.randn(len(lengths), max(samples), generator=random),
        speech_lengths=torch.tensor(samples),
        durations=pad(durations, batch_first=True),
        durations_lengths=tokens + 1,
    )
    return batch | inputs
