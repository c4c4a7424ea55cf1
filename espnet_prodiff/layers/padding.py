"""Keep padding out of ESPnet's convolutions, and noise out of other utterances."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def padding_hidden_from_convolutions(
    modules: Sequence[nn.Module], mask: Tensor
) -> Iterator[None]:
    """Zero padded positions at the input of every convolution inside ``modules``.

    ESPnet masks attention but not the convolutions of its encoders and predictors, so
    there an utterance's last tokens change with the padding beside them.

    Args:
        modules: ESPnet modules.
        mask: (B, 1, N), 1 = valid.
    """
    if mask.all():
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
