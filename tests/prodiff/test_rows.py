"""The encoder and the network on rows against the modules that train."""

import pytest
import torch

from espnet_prodiff.common.rows import lay_out
from espnet_prodiff.prodiff import network as network_module
from espnet_prodiff.prodiff.network import ProDiffNetwork, RepeatedCond
from tests.prodiff.factory import make_batch, make_prodiff

ENCODERS = {
    "as in the paper": dict(
        positionwise_layer_type="conv1d-linear", positionwise_conv_kernel_size=9
    ),
    "convolutions": dict(positionwise_layer_type="conv1d"),
    "linear, normalised after": dict(
        positionwise_layer_type="linear", encoder_normalize_before=False
    ),
    "concatenated": dict(encoder_concat_after=True, use_scaled_pos_enc=False),
    "wide predictors": dict(pitch_predictor_kernel_size=7, duration_predictor_layers=3),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_encoded_text_is_that_of_espnets_modules(name):
    model = make_prodiff(**ENCODERS[name])
    assert model._row_parts[:2] == (True, True)
    batch = make_batch()
    inputs = model.cond_inputs(
        **{k: batch[k] for k in ("text", "text_lengths")},
        feats=None,
        feats_lengths=None,
    )
    tokens, lengths = inputs["tokens"], inputs["lengths"]
    expected = model.encode(tokens, lengths)  # with a gradient
    for laid_out in (False, True):
        if laid_out:
            lay_out(model)
        with torch.no_grad():
            got = model.encode(tokens, lengths)
        assert not got.hidden.requires_grad and expected.hidden.requires_grad
        for i, length in enumerate(lengths):
            for ours, theirs in zip(got, expected, strict=True):
                if ours is not got.mask:
                    torch.testing.assert_close(
                        ours[i, :length], theirs[i, :length], rtol=1e-4, atol=1e-5
                    )


def test_conformers_are_left_to_espnet():
    model = make_prodiff(encoder_type="conformer", conformer_enc_kernel_size=3)
    assert model._row_parts[:2] == (False, True)


@pytest.mark.parametrize("cycle, same_time", [(1, True), (3, False)])
def test_rows_are_the_channels_and_so_are_their_gradients(
    cycle, same_time, monkeypatch
):
    torch.manual_seed(0)
    network = ProDiffNetwork(5, 6, channels=8, layers=4, dilation_cycle=cycle)
    for name, parameter in network.named_parameters():
        if "out_proj" in name or "bias" in name:
            torch.nn.init.normal_(parameter)
    network.double()
    durations = torch.tensor([[2, 0, 3], [4, 5, 2], [1, 0, 0]])
    cond = RepeatedCond(torch.randn(3, 3, 6).double().requires_grad_(), durations)
    frames = int(durations.sum(1).max())
    mask = torch.arange(frames) < durations.sum(1)[:, None]
    mask = mask[:, None].double()
    x_t = (torch.randn(3, 5, frames).double() * mask).requires_grad_()
    time = torch.full((3,), 2.0) if same_time else torch.tensor([1.0, 2.0, 3.0])
    weight = torch.randn(3, 5, frames).double() * mask
    leaves = [*network.parameters(), cond.tokens, x_t]

    def run(given):
        output = network(x_t, time, given, mask) * mask
        return output, torch.autograd.grad((output * weight).sum(), leaves)

    monkeypatch.setattr(network_module, "on_rows", lambda _: False)
    expected, gradients = run(cond)
    monkeypatch.undo()
    for given in (cond, cond.at_frames(), network.prepare_cond(cond)):
        output, found = run(given)
        torch.testing.assert_close(output, expected)
        for one, other in zip(found, gradients, strict=True):
            torch.testing.assert_close(one, other)
    with torch.no_grad():
        for given in (cond, cond.at_frames(), network.prepare_cond(cond)):
            got = network(x_t, time, given, mask)
            torch.testing.assert_close(got * mask, expected)


def test_conditioning_repeats_every_token_for_its_frames():
    tokens = torch.arange(6.0).view(2, 3, 1)
    cond = RepeatedCond(tokens, torch.tensor([[1, 0, 2], [2, 1, 1]]))
    assert cond.at_frames().tolist() == [[[0, 2, 2, 0]], [[3, 3, 4, 5]]]
