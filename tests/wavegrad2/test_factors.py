import math

import pytest

from espnet_prodiff.wavegrad2.factors import MAX_FACTOR, upsample_factors


@pytest.mark.parametrize(
    "hop, factors",
    [
        (300, (5, 5, 3, 2, 2)),  # WaveGrad, at 24 kHz
        (256, (4, 4, 4, 2, 2)),
        (200, (5, 5, 2, 2, 2)),
        (240, (5, 4, 3, 2, 2)),
        (275, (11, 5, 5, 1, 1)),
        (320, (5, 4, 4, 2, 2)),
        (512, (4, 4, 4, 4, 2)),
        (600, (5, 5, 4, 3, 2)),
        (31, (31, 1, 1, 1, 1)),
        (1, (1, 1, 1, 1, 1)),
    ],
)
def test_known_hops(hop, factors):
    assert upsample_factors(hop) == factors


def test_every_hop_that_can_be_split_is():
    for hop in range(1, 1025):
        largest_prime = max(
            [p for p in range(1, hop + 1) if hop % p == 0 and _prime(p)]
        )
        if largest_prime > MAX_FACTOR:
            with pytest.raises(ValueError, match="choose a hop"):
                upsample_factors(hop)
            continue
        factors = upsample_factors(hop)
        assert math.prod(factors) == hop and len(factors) == 5
        assert list(factors) == sorted(factors, reverse=True)
        assert largest_prime <= factors[0] <= MAX_FACTOR


def _prime(number):
    return all(number % p for p in range(2, math.isqrt(number) + 1))


def test_the_largest_factor_is_as_small_as_can_be():
    # 4 * 3^3 = 108 would start with 4, 27 * 4 = 108 as (27, 4) must not win.
    assert upsample_factors(108) == (3, 3, 3, 2, 2)
    assert upsample_factors(64, 2) == (8, 8)
    assert upsample_factors(60, 2) == (10, 6)
    assert upsample_factors(12, 1) == (12,)


@pytest.mark.parametrize(
    "hop, num, message",
    [
        (37, 5, "37 is not a product of 5 upsampling factors up to 32"),
        (2 * 257, 5, "choose a hop of small prime factors"),
        (300, 1, "not a product of 1 "),
        (0, 5, "must be positive, but they are 0 and 5"),
        (300, 0, "must be positive, but they are 300 and 0"),
        (-256, 5, "must be positive"),
    ],
)
def test_refused(hop, num, message):
    with pytest.raises(ValueError, match=message):
        upsample_factors(hop, num)
