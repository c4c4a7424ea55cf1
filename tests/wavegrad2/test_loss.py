import math

import pytest
import torch

from espnet_prodiff.wavegrad2.loss import duration_loss


def test_durations_count_token_by_token_without_padding():
    predicted = torch.tensor([[0.0, 1.0, 2.0], [3.0, 50.0, 50.0]])
    frames = torch.tensor([[0, 0, 0], [1, 7, 7]])
    loss = duration_loss(predicted, frames, torch.tensor([3, 1]))
    assert float(loss) == pytest.approx((0 + 1 + 4 + (3 - math.log(2)) ** 2) / 4)


def test_predictions_in_float16_are_squared_in_float32():
    predicted = torch.full((1, 2), 300.0, dtype=torch.float16)
    loss = duration_loss(predicted, torch.zeros(1, 2).long(), torch.tensor([2]))
    assert loss.dtype == torch.float32 and float(loss) == 90000.0
