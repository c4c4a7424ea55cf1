"""Keep padding out of ESPnet's convolutions, and noise out of other utterances."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def mask_conv_inputs(modules: Sequence[nn.Module], mask: Tensor) -> Iterator[None]:
    """Zero padded positions, 0 in the mask (B, 1, N), at every convolution's input.

    ESPnet masks attention but not the convolutions of its encoders and predictors, so
    there an utterance's last tokens change with the padding beside them.
    """
    # A GPU would have to be waited for, only to spare it some products by 1.
    if mask.device.type == "cpu" and mask.all():
        yield
        return
    handles = [
        part.register_forward_pre_hook(
            lambda _, inputs: (inputs[0] * mask.to(inputs[0].dtype), *inputs[1:])
        )
        for module in modules
        for part in module.modules()
        if isinstance(part, nn.Conv1d)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def length_mask(lengths: Tensor, max_length: int, dtype: torch.dtype) -> Tensor:
    """(B,) -> (B, 1, max_length), 1 = valid."""
    positions = torch.arange(max_length, device=lengths.device)
    return (positions < lengths[:, None]).unsqueeze(1).to(dtype)


def on_host(*lengths: Tensor) -> list[list[int]]:
    """Lengths, (B,) each, as numbers: together, so that a GPU is waited for once."""
    return torch.stack(lengths).tolist()


def append_eos(text: Tensor, lengths: Tensor, eos: int) -> tuple[Tensor, Tensor]:
    """Put eos behind every text of a batch padded with 0, (B, N) -> (B, N + 1)."""
    tokens = torch.nn.functional.pad(text, (0, 1))
    return tokens.scatter(1, lengths[:, None], eos), lengths + 1


def validation_generator(
    lengths: Sequence[int], device: torch.device | str = "cpu"
) -> torch.Generator:
    """Source of the same times and noise whenever a batch of lengths is validated.

    So the losses of the epochs can be compared; but batches differ in their draws, and
    together they meet all times.
    """
    return torch.Generator(device=device).manual_seed(sum(lengths))


class UtteranceNoise:
    """Noise that does not depend on which utterances share a batch.

    Args:
        lengths: Frames, or samples, of each utterance.
        seed: Seed of every utterance's own generator, or None to draw from torch's.
        scale: Factor on the noise, a.k.a. temperature.
    """

    def __init__(
        self, lengths: Sequence[int], seed: int | None = None, scale: float = 1.0
    ) -> None:
        self.lengths = [int(length) for length in lengths]
        self.scale = scale
        self.generators: list[torch.Generator | None] = [None] * len(self.lengths)
        if seed is not None:
            self.generators = [torch.Generator().manual_seed(seed) for _ in lengths]

    def __call__(self, like: Tensor) -> Tensor:
        """Draw noise with the shape, type and device of ``like``, (B, C, L)."""
        noise = torch.zeros(like.shape)
        # Drawn on the CPU: the same seed gives the same speech on every device.
        for row, length, generator in zip(
            noise, self.lengths, self.generators, strict=True
        ):
            row[:, :length] = torch.randn(like.shape[1], length, generator=generator)
        return self.scale * noise.to(like)
