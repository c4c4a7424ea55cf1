"""Upsampling factors of the WaveGrad decoder for a hop."""

from espnet_prodiff.errors import UserError

MAX_FACTOR = 32  # a convolution of three taps does not smooth over longer steps


def upsample_factors(hop_length: int, num: int = 5) -> tuple[int, ...]:
    """Split a hop into ``num`` decreasing factors, those of the U-net's blocks.

    300 gives the paper's (5, 5, 3, 2, 2), 256 gives (4, 4, 4, 2, 2). The prime factors
    are shared out so that the largest factor is as small as it can be, then the next
    largest; a hop of fewer prime factors than blocks gets factors of 1.

    Raises:
        UserError: If ``hop_length`` or ``num`` is not positive, or if the hop is no
            product of ``num`` factors up to 32.
    """
    if hop_length < 1 or num < 1:
        raise UserError(
            "hop_length and the number of upsampling factors must be positive, but "
            f"they are {hop_length} and {num}"
        )
    best = _split(hop_length, num, MAX_FACTOR)
    if best is None:
        raise UserError(
            f"hop_length {hop_length} is not a product of {num} upsampling factors up "
            f"to {MAX_FACTOR}: choose a hop of small prime factors (as 200, 256, 300)"
        )
    return best


def _split(hop: int, num: int, largest: int) -> tuple[int, ...] | None:
    """The lexicographically smallest decreasing factors up to ``largest``."""
    if num == 1:
        return (hop,) if hop <= largest else None
    for factor in range(1, largest + 1):
        # The first factor is the largest: the others together reach factor^(num - 1).
        if hop % factor == 0 and hop <= factor**num:
            rest = _split(hop // factor, num - 1, factor)
            if rest is not None:
                return (factor, *rest)
    return None
