import pytest
import torch
from espnet.nets.pytorch_backend.fastspeech.length_regulator import LengthRegulator

from espnet_prodiff.wavegrad2.duration_predictor import MIN_RANGE
from espnet_prodiff.wavegrad2.upsampling import gaussian_upsampling

DURATIONS = torch.tensor([[3, 1, 0, 7, 2, 5], [2, 0, 4, 0, 0, 0]])


def make_hidden(channels=4):
    return torch.randn(2, 6, channels, generator=torch.Generator().manual_seed(0))


def make_sigma():
    generator = torch.Generator().manual_seed(1)
    return 0.3 + 2 * torch.rand(2, 6, generator=generator)


def regulated(hidden, durations):
    return LengthRegulator()(hidden, durations)


def upsample_in_double(hidden, durations, sigma, frame):
    """One utterance at one frame, token by token."""
    shares, middle = [], 0.0
    for duration, deviation in zip(durations.tolist(), sigma.tolist(), strict=True):
        centre = middle + duration / 2
        middle += duration
        normal = torch.distributions.Normal(
            torch.tensor(centre).double(), torch.tensor(deviation).double()
        )
        time = torch.tensor(frame + 0.5).double()
        shares.append(normal.log_prob(time).exp() * (duration > 0))
    shares = torch.stack(shares)
    shares = shares / shares.sum()
    return shares, shares @ hidden.double()


def test_two_tokens_by_hand():
    # centres 1 and 4; the middle of frame 0 is 0.5: exp(-1/8) / 1 and exp(-49/32) / 2
    weights, upsampled = gaussian_upsampling(
        torch.tensor([[[1.0], [0.0]]]),
        torch.tensor([[2, 4]]),
        torch.tensor([[1.0, 2.0]]),
        torch.tensor([0]),
    )
    expected = torch.tensor([0.8824969, 0.2162653 / 2])
    torch.testing.assert_close(weights[0, 0], expected / expected.sum())
    torch.testing.assert_close(upsampled[0, 0, 0], weights[0, 0, 0])


def test_weights_are_shares_of_normal_densities():
    hidden, sigma = make_hidden(), make_sigma()
    for row, total in enumerate((18, 6)):
        weights, upsampled = gaussian_upsampling(
            hidden, DURATIONS, sigma, torch.arange(total)
        )
        for frame in range(total):
            shares, mixed = upsample_in_double(
                hidden[row], DURATIONS[row], sigma[row], frame
            )
            torch.testing.assert_close(weights[row, frame].double(), shares)
            torch.testing.assert_close(
                upsampled[row, frame].double(), mixed, rtol=1e-5, atol=1e-6
            )


def test_weights_sum_to_one_and_a_constant_stays_constant():
    constant = torch.full((2, 6, 3), 1.7)
    weights, upsampled = gaussian_upsampling(
        constant, DURATIONS, make_sigma(), torch.arange(18)
    )
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(2, 18))
    torch.testing.assert_close(upsampled, torch.full((2, 18, 3), 1.7))


def test_vanishing_ranges_in_proportion_to_durations_repeat_the_tokens():
    hidden = make_hidden()
    sigma = 1e-3 * DURATIONS.clamp(min=1)
    weights, upsampled = gaussian_upsampling(hidden, DURATIONS, sigma, torch.arange(18))
    expected = regulated(hidden, DURATIONS)
    torch.testing.assert_close(upsampled[0], expected[0], rtol=0, atol=0)
    torch.testing.assert_close(upsampled[1, :6], expected[1, :6], rtol=0, atol=0)
    # every token has exactly its frames, in order
    owners = weights.argmax(dim=2)
    assert owners[0].bincount(minlength=6).tolist() == DURATIONS[0].tolist()
    assert owners[1, :6].bincount(minlength=6).tolist() == DURATIONS[1].tolist()
    assert (owners.diff(dim=1) >= 0).all()


def test_one_vanishing_range_for_all_needs_equal_durations():
    hidden, sigma = make_hidden(), torch.full((2, 6), 1e-3)
    equal = torch.full((2, 6), 3)
    _, upsampled = gaussian_upsampling(hidden, equal, sigma, torch.arange(18))
    torch.testing.assert_close(upsampled, regulated(hidden, equal), rtol=0, atol=0)
    # A frame goes to the nearest centre otherwise: of 2 + 8 frames the first token,
    # with its centre at 1, takes those before (1 + 6) / 2 = 3.5 and not just 2.
    weights, _ = gaussian_upsampling(
        hidden[:1, :2], torch.tensor([[2, 8]]), sigma[:1, :2], torch.arange(10)
    )
    assert weights[0, :, 0].round().tolist() == [1, 1, 1, *[0] * 7]


@pytest.mark.parametrize("sigma", [0.1, 1.0, 10.0])
def test_with_one_range_the_heaviest_token_never_goes_back(sigma):
    weights, _ = gaussian_upsampling(
        make_hidden(), DURATIONS, torch.full((2, 6), sigma), torch.arange(18)
    )
    assert (weights.argmax(dim=2).diff(dim=1) >= 0).all()


def test_tokens_of_no_frames_have_no_weight_and_no_gradient():
    hidden, sigma = make_hidden().requires_grad_(), make_sigma().requires_grad_()
    weights, upsampled = gaussian_upsampling(hidden, DURATIONS, sigma, torch.arange(18))
    upsampled.square().sum().backward()
    silent = DURATIONS == 0
    assert not weights.transpose(1, 2)[silent].any()
    for gradient in (hidden.grad, sigma.grad.unsqueeze(-1)):
        assert gradient.isfinite().all()
        assert not gradient[silent].any() and gradient[~silent].any(dim=1).all()


def test_an_utterance_of_silent_tokens_is_zero():
    hidden, sigma = make_hidden(), make_sigma().requires_grad_()
    with torch.autograd.set_detect_anomaly(True):  # no NaN on the way either
        weights, upsampled = gaussian_upsampling(
            hidden, torch.zeros(2, 6), sigma, torch.arange(3)
        )
        upsampled.sum().backward()
    assert not weights.any() and not upsampled.any() and not sigma.grad.any()


def test_padding_changes_nothing():
    hidden, sigma = make_hidden(), make_sigma()
    _, upsampled = gaussian_upsampling(hidden, DURATIONS, sigma, torch.arange(6))
    alone = [part[1:, :3] for part in (hidden, DURATIONS, sigma)]
    torch.testing.assert_close(
        upsampled[1:], gaussian_upsampling(*alone, torch.arange(6))[1]
    )


def test_windows_are_slices_of_the_whole():
    inputs = make_hidden(), DURATIONS, make_sigma()
    weights, upsampled = gaussian_upsampling(*inputs, torch.arange(18))
    starts = torch.tensor([5, 1])
    frames = starts[:, None] + torch.arange(4)
    window_weights, window = gaussian_upsampling(*inputs, frames)
    for row, start in enumerate(starts.tolist()):
        inside = slice(start, start + 4)
        torch.testing.assert_close(window[row], upsampled[row, inside])
        torch.testing.assert_close(window_weights[row], weights[row, inside])


def test_far_outside_an_utterance_the_values_are_finite():
    sigma = torch.full((2, 6), MIN_RANGE).requires_grad_()
    frames = torch.tensor([-1000, 19, 100000])
    weights, upsampled = gaussian_upsampling(make_hidden(), DURATIONS, sigma, frames)
    upsampled.sum().backward()
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(2, 3))
    assert upsampled.isfinite().all() and sigma.grad.isfinite().all()
