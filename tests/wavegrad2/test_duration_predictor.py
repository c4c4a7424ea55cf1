"""Duration and range predictors of WaveGrad 2."""

import pytest
import torch

from espnet_prodiff.wavegrad2.duration_predictor import MIN_RANGE, Predictors
from espnet_prodiff.wavegrad2.upsampling import gaussian_upsampling

DURATIONS = torch.tensor([[3, 1, 0, 7, 2, 5], [2, 0, 4, 0, 0, 0]])
LENGTHS = torch.tensor([6, 3])


def make_hidden(channels=4):
    return torch.randn(2, 6, channels, generator=torch.Generator().manual_seed(0))


def make_predictors():
    torch.manual_seed(0)
    return Predictors(4, predictor_channels=6)


def test_predictors_in_a_batch_equal_single():
    predictors, hidden = make_predictors().eval(), make_hidden()
    log_durations = predictors.log_durations(hidden, LENGTHS)
    sigma = predictors.ranges(hidden, DURATIONS, LENGTHS)
    assert not log_durations[1, 3:].any() and (sigma >= MIN_RANGE).all()
    for row, length in enumerate(LENGTHS.tolist()):
        alone = hidden[row : row + 1, :length]
        durations, lengths = DURATIONS[row : row + 1, :length], LENGTHS[row : row + 1]
        for whole, single in (
            (log_durations, predictors.log_durations(alone, lengths)),
            (sigma, predictors.ranges(alone, durations, lengths)),
        ):
            torch.testing.assert_close(
                whole[row, :length], single[0], rtol=1e-6, atol=1e-6
            )


def test_predictors_read_both_ways():
    predictors, hidden = make_predictors().eval(), make_hidden().requires_grad_()
    predictors.log_durations(hidden, LENGTHS)[1, 1].backward()
    reached = hidden.grad.any(dim=2)
    assert reached.tolist() == [[False] * 6, [True] * 3 + [False] * 3]


def test_ranges_depend_on_the_durations():
    predictors, hidden = make_predictors().eval(), make_hidden()
    sigma = predictors.ranges(hidden, DURATIONS, LENGTHS)
    longer = predictors.ranges(hidden, 3 * DURATIONS, LENGTHS)
    assert ((sigma - longer).abs() > 1e-4)[0].all()


def test_ranges_stay_above_zero():
    predictors = make_predictors()
    torch.nn.init.constant_(predictors.range_predictor.projection.bias, -200.0)
    sigma = predictors.ranges(make_hidden(), DURATIONS, LENGTHS)
    for row, length in zip(sigma, LENGTHS.tolist(), strict=True):
        torch.testing.assert_close(row[:length], torch.full((length,), MIN_RANGE))


def test_every_parameter_gets_a_gradient():
    predictors, hidden = make_predictors(), make_hidden()
    sigma = predictors.ranges(hidden, DURATIONS, LENGTHS)
    _, upsampled = gaussian_upsampling(hidden, DURATIONS, sigma, torch.arange(18))
    loss = upsampled.square().sum()
    (loss + predictors.log_durations(hidden, LENGTHS).square().sum()).backward()
    for name, parameter in predictors.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_odd_channels_are_refused():
    with pytest.raises(ValueError, match="positive even number .*not 5"):
        Predictors(4, predictor_channels=5)


def test_half_precision():
    predictors, hidden = make_predictors(), make_hidden().bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        sigma = predictors.ranges(hidden, DURATIONS, LENGTHS)
        weights, upsampled = gaussian_upsampling(
            hidden, DURATIONS, sigma, torch.arange(2000, 2018)
        )
    upsampled.float().sum().backward()
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(2, 18))
    assert predictors.range_predictor.projection.weight.grad.isfinite().all()
