"""The aligner: sums, eos, silence, refinement."""

import pytest
import torch
from espnet2.gan_tts.jets.alignments import AlignmentModule

from espnet_prodiff.alignment.aligner import Aligner
from espnet_prodiff.alignment.refinement import TokenGaussians


@pytest.fixture
def aligner() -> Aligner:
    torch.manual_seed(0)
    return Aligner(num_tokens=9, num_mels=20, channels=16).eval()


def test_attention_equals_espnets(aligner):
    tokens = [torch.tensor([2, 3, 4]), torch.tensor([5, 2])]
    mels = [torch.randn(30, 20), torch.randn(17, 20)]
    ours, *_ = aligner.log_attention(tokens, mels)
    aligner.attention.__class__ = AlignmentModule
    theirs, *_ = aligner.log_attention(tokens, mels)
    finite = theirs.isfinite()
    assert torch.equal(finite, ours.isfinite())
    assert torch.allclose(ours[finite], theirs[finite], atol=1e-4)


@pytest.mark.parametrize("frames", [5, 6, 7, 40])
def test_durations_cover_every_frame_and_token(aligner, frames):
    tokens = torch.tensor([2, 3, 3, 4])
    durations, attention = aligner.align(tokens, torch.randn(frames, 20))
    assert durations.dtype == torch.long and durations.shape == (5,)
    assert durations.sum() == frames and durations.min() >= 1
    assert attention.shape == (frames, 5)


@pytest.mark.parametrize(
    ("tokens", "mel", "message"),
    [
        (torch.zeros(0, dtype=torch.long), torch.randn(9, 20), "no tokens"),
        (torch.tensor([2, 3]), torch.randn(2, 20), "2 frames for 2 tokens and eos"),
        (torch.tensor([2, 3]), torch.full((9, 20), torch.nan), "not finite"),
    ],
)
def test_what_cannot_be_aligned_is_refused(aligner, tokens, mel, message):
    with pytest.raises(ValueError, match=message):
        aligner.align(tokens, mel)


def test_padding_changes_nothing(aligner):
    tokens = [torch.tensor([2, 3, 4]), torch.tensor([5, 2])]
    mels = [torch.randn(30, 20), torch.randn(17, 20)]
    both, *_ = aligner.log_attention(tokens, mels)
    alone, *_ = aligner.log_attention(tokens[1:], mels[1:])
    assert torch.allclose(both[1, :15, :4], alone[0, :15], atol=1e-4)


def test_every_parameter_learns(aligner):
    forward_sum, binarisation = aligner([torch.tensor([2, 3])], [torch.randn(12, 20)])
    (forward_sum + binarisation).backward()
    for name, parameter in aligner.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_refinement_moves_a_boundary_to_the_change():
    """Boundaries two frames off are corrected for symbols with clear means."""
    gaussians = TokenGaussians(2, 3)
    symbols = torch.tensor([0, 1, 0])

    def frames(durations):
        levels = torch.tensor([-1.0, 1.0, -1.0])
        clean = torch.repeat_interleave(levels, durations)[:, None].expand(-1, 3)
        return clean + 0.05 * torch.randn(clean.shape)

    torch.manual_seed(0)
    true = torch.tensor([10, 8, 12])
    for _ in range(10):
        gaussians.observe(symbols, frames(true), true + torch.tensor([1, -1, 0]))
    assert gaussians.refine(
        symbols, frames(true), torch.tensor([12, 6, 12])
    ).tolist() == [10, 8, 12]
    far = gaussians.refine(symbols, frames(true), torch.tensor([20, 5, 5]))
    assert far.sum() == 30 and far[0] >= 18  # a boundary moves two frames at most


def test_refinement_keeps_tokens_of_one_frame():
    gaussians = TokenGaussians(3, 2)
    symbols = torch.tensor([0, 1, 2, 1])
    mel = torch.randn(6, 2)
    durations = torch.tensor([1, 1, 1, 3])
    gaussians.observe(symbols, mel, durations)
    refined = gaussians.refine(symbols, mel, durations)
    assert refined.sum() == 6 and refined.min() >= 1
