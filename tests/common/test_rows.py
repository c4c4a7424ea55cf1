"""Convolutions of rows against torch's."""

import pytest
import torch

from espnet_prodiff.common.rows import Rows, convolve, fits_rows, lay_out, reach


@pytest.mark.parametrize("kernel, dilation", [(1, 1), (3, 1), (3, 4), (9, 1)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("laid_out", [True, False])
def test_a_convolution_of_rows_is_torchs_of_each_utterance(
    kernel, dilation, bias, laid_out
):
    padding = dilation * (kernel - 1) // 2
    options = dict(padding=padding, dilation=dilation, bias=bias)
    conv = torch.nn.Conv1d(5, 7, kernel, **options).double()
    before = conv.weight.detach().clone()
    if laid_out:
        lay_out(conv)
        assert torch.equal(conv.weight, before) and conv.weight.shape == before.shape
        assert conv.weight.permute(2, 1, 0).is_contiguous()
    utterances = [torch.randn(length, 5).double() for length in (9, 1, 14)]
    rows = Rows([9, 1, 14], reach(conv) + 1)
    batch = torch.nn.utils.rnn.pad_sequence(utterances, batch_first=True)
    packed = rows.pack(batch)
    assert torch.equal(rows.unpack(packed), batch)
    start = torch.randn(rows.total, 7).double()
    with torch.no_grad():
        plain = rows.split(convolve(packed, conv, rows.gap))
        added = rows.split(convolve(packed, conv, rows.gap, start.clone()))
        for i, utterance in enumerate(utterances):
            expected = conv(utterance.T[None])[0].T
            torch.testing.assert_close(plain[i], expected)
            without_bias = expected - (conv.bias if bias else 0)
            torch.testing.assert_close(added[i], rows.split(start)[i] + without_bias)


def test_half_precision_adds_up_in_float32():
    conv = torch.nn.Conv1d(64, 8, 9, padding=4).requires_grad_(False)
    rows = Rows([50], 4)
    packed = rows.pack(torch.randn(1, 50, 64))
    exact = convolve(packed, conv, 4)[4:-4]
    rounded = convolve(packed, conv.to(torch.bfloat16), 4)[4:-4]
    assert rounded.dtype == torch.bfloat16
    # Inputs and weights are off by 2**-9 each, and the output once.
    assert (rounded.float() - exact).norm() / exact.norm() < 0.005


def test_gaps_are_cleared_and_utterances_kept():
    rows = Rows([2, 3], 2)
    cleared = rows.clear(torch.ones(rows.total, 1))
    assert cleared[:, 0].tolist() == [0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0]


def test_rows_are_a_multiple():
    for length, total in ((1, 12), (8, 12), (9, 20)):
        rows = Rows([length], 2, multiple=8)
        assert rows.total == total
        cleared = rows.clear(torch.ones(rows.total, 1))
        assert cleared.sum() == length and rows.split(cleared)[0].all()


@pytest.mark.parametrize(
    "options", [dict(stride=2), dict(groups=2), dict(padding=0), dict(kernel_size=4)]
)
def test_other_convolutions_do_not_fit(options):
    conv = torch.nn.Conv1d(4, 4, **dict(kernel_size=3, padding=1) | options)
    assert not fits_rows(conv)
    assert fits_rows(torch.nn.Conv1d(4, 4, 3, padding=1))
