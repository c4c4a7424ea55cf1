"""Frames of predicted durations."""

import pytest
import torch
from espnet.nets.pytorch_backend.fastspeech.length_regulator import LengthRegulator

from espnet_prodiff.common.durations import durations_from_log


def test_frames_are_as_many_as_espnets_length_regulator_makes():
    generator = torch.Generator().manual_seed(2)
    log_durations = 2 * torch.randn(4, 6, generator=generator)
    log_durations[2] = -3.0  # predicted to be empty
    rounded = (log_durations.exp() - 1).round().clamp(min=0).long()
    for alpha in (0.3, 0.5, 1.0, 1.3, 2.0):
        for row, whole in zip(log_durations, rounded, strict=True):
            frames = durations_from_log(row[None], torch.tensor([6]), alpha)
            regulated = LengthRegulator()(
                torch.zeros(1, 6, 1), whole[None].clone(), alpha
            )
            assert frames.dtype == torch.long and frames.sum() == regulated.shape[1]


@pytest.mark.parametrize("log_duration", [float("nan"), 50.0])
def test_impossible_durations_are_refused(log_duration):
    with pytest.raises(ValueError, match="expected at most 1000"):
        durations_from_log(torch.tensor([[1.0, log_duration]]), torch.tensor([2]))
    durations_from_log(
        torch.tensor([[1.0, log_duration]]), torch.tensor([1])
    )  # padding


def test_frames_by_hand():
    log_durations = torch.log1p(torch.tensor([[3.4, 1.0, 0.2, 9.0], [0.4, 0, 0.3, 8]]))
    lengths = torch.tensor([3, 3])
    # the second utterance would be empty: a frame a token, none in the padding
    assert durations_from_log(log_durations, lengths).tolist() == [
        [3, 1, 0, 0],
        [1, 1, 1, 0],
    ]
    slow = durations_from_log(log_durations, lengths, length_scale=1.5)
    assert slow.tolist() == [[4, 2, 0, 0], [1, 1, 1, 0]]  # half to even: 4.5 -> 4
    fast = durations_from_log(log_durations, lengths, length_scale=0.3)
    assert fast.tolist() == [[1, 0, 0, 0], [1, 1, 1, 0]]
