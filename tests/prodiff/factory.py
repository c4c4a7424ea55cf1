"""A tiny ProDiff and batches for it."""

import torch

from espnet_prodiff.prodiff import ProDiff

IDIM, ODIM = 20, 80


def make_prodiff(**options) -> ProDiff:
    torch.manual_seed(0)
    tiny = dict(
        adim=16,
        aheads=2,
        elayers=2,
        eunits=32,
        positionwise_layer_type="conv1d",
        positionwise_conv_kernel_size=3,
        duration_predictor_chans=16,
        pitch_predictor_chans=16,
        energy_predictor_chans=16,
        denoiser_layers=3,
        denoiser_channels=16,
    )
    model = ProDiff(IDIM, ODIM, **{**tiny, **options})
    # The output layer starts at zero, which would hide everything before it.
    torch.nn.init.normal_(model.denoiser.network.out_proj.weight, std=0.1)
    return model


def make_batch(lengths=(5, 8, 3), **extra) -> dict[str, torch.Tensor]:
    """A padded batch as ESPnet hands it over; rows are independent of each other."""
    rows = [make_utterance(length, seed) for seed, length in enumerate(lengths)]

    def pad(name):
        return torch.nn.utils.rnn.pad_sequence(
            [row[name] for row in rows], batch_first=True
        )

    batch = {}
    for name in ("text", "feats", "durations", "pitch", "energy"):
        batch[name] = pad(name)
        batch[f"{name}_lengths"] = torch.tensor([len(row[name]) for row in rows])
    return {**batch, **extra}


def make_utterance(length: int, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    durations = torch.randint(1, 5, (length + 1,), generator=generator)
    return dict(
        text=torch.randint(1, IDIM - 1, (length,), generator=generator),
        feats=torch.randn(int(durations.sum()), ODIM, generator=generator),
        durations=durations,
        pitch=torch.randn(length + 1, 1, generator=generator),
        energy=torch.randn(length + 1, 1, generator=generator),
    )
