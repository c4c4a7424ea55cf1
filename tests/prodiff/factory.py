"""A tiny ProDiff and data for it."""

import torch

from espnet_prodiff.prodiff import ProDiff

IDIM, N_MELS = 20, 80
FIELDS = ("text", "feats", "durations", "pitch", "energy")


def make_prodiff(**options) -> ProDiff:
    """A tiny ProDiff in evaluation mode with a random output layer.

    Args:
        **options: Of its constructor, instead of the tiny sizes.
    """
    torch.manual_seed(0)
    sizes = dict(
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
    model = ProDiff(IDIM, N_MELS, **sizes | options)
    # The output layer starts at zero, which would hide everything before it.
    torch.nn.init.normal_(model.denoiser.network.out_proj.weight, std=0.1)
    return model.eval()


def make_batch(lengths=(5, 8, 3), **inputs) -> dict[str, torch.Tensor]:
    """A padded batch as ESPnet passes it to ``forward``.

    Args:
        lengths: Tokens of each utterance. Its data do not depend on the others.
        **inputs: More arguments of ``forward``, such as ``sids``.
    """
    rows = [_utterance(length, seed) for seed, length in enumerate(lengths)]
    batch = {}
    for name in FIELDS:
        values = [row[name] for row in rows]
        batch[name] = torch.nn.utils.rnn.pad_sequence(values, batch_first=True)
        batch[f"{name}_lengths"] = torch.tensor([len(value) for value in values])
    return batch | inputs


def inference_inputs(batch, i) -> dict[str, torch.Tensor]:
    """Arguments of ``inference`` for utterance i of a batch, without padding."""
    inputs = {name: batch[name][i, : batch[f"{name}_lengths"][i]] for name in FIELDS}
    identity = ("spembs", "sids", "lids")
    return inputs | {name: batch[name][i] for name in identity if name in batch}


def _utterance(length: int, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    durations = torch.randint(1, 5, (length + 1,), generator=generator)
    return dict(
        text=torch.randint(1, IDIM - 1, (length,), generator=generator),
        feats=torch.randn(int(durations.sum()), N_MELS, generator=generator),
        durations=durations,
        pitch=torch.randn(length + 1, 1, generator=generator),
        energy=torch.randn(length + 1, 1, generator=generator),
    )
