import torch

from espnet_prodiff.spectral_vocoder.network import SpectralNetwork


def test_a_frame_depends_on_its_context_alone():
    torch.manual_seed(0)
    network = SpectralNetwork(5, 9, 2, channels=8, layers=3)
    mel = torch.randn(1, 60, 5, requires_grad=True)
    network(mel)[0, :, 30].sum().backward()
    reached = mel.grad[0].abs().sum(1).nonzero().flatten()
    assert network.context == 12
    assert (reached[0], reached[-1]) == (30 - 12, 30 + 12)


def test_outputs_are_by_head_and_bin():
    network = SpectralNetwork(5, 9, 2, channels=8, layers=1)
    torch.nn.init.zeros_(network.out.weight)
    with torch.no_grad():
        network.out.bias.copy_(torch.arange(18.0))
    out = network(torch.randn(3, 4, 5))
    assert torch.equal(out[1, 0, 2], torch.arange(9.0))
    assert torch.equal(out[2, 1, 3], torch.arange(9.0, 18.0))


def test_every_weight_receives_a_gradient():
    network = SpectralNetwork(5, 9, 2, channels=8, layers=2)
    network(torch.randn(2, 20, 5)).square().sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad.abs().sum() > 0, name
