import pytest
import torch
from torch.nn import functional as F

from espnet_prodiff.diffwave.upsampling import (
    SLOPE,
    MelUpsampler,
    UpsamplingStage,
    upsampling_factors,
)


@pytest.mark.parametrize(
    "hop, factors",
    [
        (256, (16, 16)),
        (275, (11, 25)),
        (300, (15, 20)),
        (320, (16, 20)),
        (512, (16, 32)),
        (200, (10, 20)),
        (4, (2, 2)),
    ],
)
def test_factors_follow_from_the_hop(hop, factors):
    assert upsampling_factors(hop) == factors
    upsampled = MelUpsampler(hop)(torch.randn(2, 3, 4))
    assert upsampled.shape == (2, 3, 4 * hop)


@pytest.mark.parametrize(
    "hop, message",
    [
        (257, "257 is prime: use 256 or 258"),
        (3, "at least 4"),
        (256.0, "must be an integer"),
        (True, "must be an integer"),
    ],
)
def test_hops_without_factors_are_refused(hop, message):
    with pytest.raises(ValueError, match=message):
        MelUpsampler(hop)


@pytest.mark.parametrize("stride", [2, 5, 16, 25])
def test_stage_is_the_transposed_convolution_of_the_paper(stride):
    torch.manual_seed(0)
    stage = UpsamplingStage(stride).double()
    torch.nn.init.normal_(stage.bias)
    frames = torch.randn(2, 1, 7, 5, dtype=torch.float64)
    # Tap r + stride of the transposed kernel meets the earlier frame; bins run back.
    earlier, later = stage.weight[:, 0].flip(1).permute(2, 1, 0)
    kernel = torch.cat([later, earlier], dim=1)[None, None]
    assert kernel.shape == (1, 1, 3, 2 * stride)
    expected = F.conv_transpose2d(
        frames,
        kernel,
        stage.bias,
        stride=(1, stride),
        padding=(1, (stride + 1) // 2),
        output_padding=(0, stride % 2),
    )
    torch.testing.assert_close(stage(frames), expected)


def test_upsampler_is_two_stages_with_leaky_relus():
    torch.manual_seed(0)
    upsampler = MelUpsampler(15).double()
    mel = torch.randn(1, 4, 6, dtype=torch.float64)
    hidden = mel[:, None]
    for stage in upsampler.stages:
        hidden = stage(hidden)
        hidden = torch.where(hidden > 0, hidden, SLOPE * hidden)
    torch.testing.assert_close(upsampler(mel), hidden[:, 0])


@pytest.mark.parametrize("hop", [4, 15, 256, 275])
def test_context_is_enough(hop):
    upsampler = MelUpsampler(hop)
    mel = torch.randn(1, 3, 9)
    mel.requires_grad_()
    frame = 4
    upsampler(mel)[..., frame * hop : (frame + 1) * hop].square().sum().backward()
    reached = mel.grad.abs().sum((0, 1)).nonzero().flatten()
    assert reached.min() >= frame - upsampler.context
    assert reached.max() <= frame + upsampler.context


def test_padding_frames_do_not_reach_valid_samples():
    torch.manual_seed(0)
    upsampler = MelUpsampler(15).double()
    for stage in upsampler.stages:
        torch.nn.init.normal_(stage.bias)
    mel = torch.randn(1, 4, 6, dtype=torch.float64)
    mask = torch.zeros(1, 1, 9 * 15, dtype=torch.float64)
    mask[..., : 6 * 15] = 1
    padded = upsampler(F.pad(mel, (0, 3), value=7.0), mask)
    torch.testing.assert_close(padded[..., : 6 * 15], upsampler(mel))
