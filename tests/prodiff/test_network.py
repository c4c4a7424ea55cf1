import subprocess
import sys

import pytest
import torch

from espnet_prodiff.fileio.config import read_config
from espnet_prodiff.prodiff import network as network_module
from espnet_prodiff.prodiff.network import ProDiffNetwork, StepEmbedding


def make_network(**options):
    torch.manual_seed(0)
    network = ProDiffNetwork(
        **{**dict(n_mels=5, cond_channels=4, channels=8, layers=3), **options}
    )
    torch.nn.init.normal_(network.out_proj.weight, std=0.5)
    return network.double()


def inputs(batch=2, frames=12):
    torch.manual_seed(1)
    return (
        torch.randn(batch, 5, frames, dtype=torch.float64),
        torch.tensor([1.0, 3.0], dtype=torch.float64)[:batch],
        torch.randn(batch, 4, frames, dtype=torch.float64),
    )


def test_output_is_zero_at_the_start():
    network = ProDiffNetwork(n_mels=5, cond_channels=4, channels=8, layers=3).double()
    assert (network(*inputs()) == 0).all()


def test_x_t_reaches_the_last_layer_from_the_start(monkeypatch):
    # torch's default: a deviation of .14, and the answer to a tenth more of x_t 1.2 %.
    torch.manual_seed(0)
    monkeypatch.setattr(network_module, "on_rows", lambda _: False)  # for the hooks
    network = ProDiffNetwork(n_mels=80, cond_channels=256)
    hidden = []
    network.layers[-1].register_forward_hook(lambda *x: hidden.append(x[2][0]))
    network.out_proj.register_forward_hook(lambda *x: hidden.append(x[1][0]))
    x_t, cond = torch.randn(2, 80, 100), torch.randn(2, 256, 100)
    network(x_t, torch.ones(2), cond)
    network(1.1 * x_t, torch.ones(2), cond)
    residual, features, _, features_of_louder = hidden
    assert residual.std() > 0.4
    assert (features_of_louder - features).norm() / features.norm() > 0.025


def test_every_parameter_gets_a_gradient():
    network = make_network()
    network(*inputs()).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_step_embedding_is_not_linear():
    # ESPnet's built-in embeds the step linearly and alike in all channels.
    embedding = make_network().step_embedding
    steps = embedding(torch.arange(1.0, 5.0, dtype=torch.float64))
    differences = steps.diff(dim=0)
    assert differences.std(dim=1).min() > 0.01
    assert not torch.allclose(differences[0], differences[1], rtol=0.1)


def test_prepared_conditioning_gives_the_same_output():
    network = make_network()
    x_t, step, cond = inputs()
    prepared = network.prepare_cond(cond)
    torch.testing.assert_close(network(x_t, step, cond), network(x_t, step, prepared))


@pytest.mark.parametrize("cycle, reach", [(1, 3), (3, 7)])
def test_reach_follows_the_dilations(cycle, reach):
    network = make_network(dilation_cycle=cycle)
    x_t, step, cond = inputs(batch=1, frames=41)
    x_t.requires_grad_()
    network(x_t, step[:1], cond)[..., 20].sum().backward()
    touched = x_t.grad.abs().sum((0, 1)).nonzero().flatten()
    assert (touched.min(), touched.max()) == (20 - reach, 20 + reach)


def test_padding_does_not_change_valid_frames():
    network = make_network(dilation_cycle=3)
    x_t, step, cond = inputs()
    alone = network(x_t, step, cond)
    pad = torch.nn.functional.pad
    mask = torch.tensor([1.0] * 12 + [0.0] * 7).double().view(1, 1, -1).expand(2, 1, -1)
    padded = network(
        pad(x_t, (0, 7), value=9.0), step, pad(cond, (0, 7), value=5.0), mask
    )
    torch.testing.assert_close(padded[..., :12], alone)


def test_network_imports_torch_alone():
    code = (
        "import sys; import espnet_prodiff.prodiff.network, espnet_prodiff.diffusion;"
        "print([m for m in sys.modules if m.split('.')[0] in ('espnet', 'espnet2')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def multiplications_a_frame(config, student):
    options = config["tts_conf"] | student
    network = ProDiffNetwork(
        80,
        options["adim"],
        options["denoiser_channels"],
        options["denoiser_layers"],
        options["diffusion_cycle_ln"],
    )
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv1d)]
    return sum(conv.weight.numel() for conv in convolutions)


@pytest.mark.parametrize("size", ["conf", "conf/mini"])
def test_smaller_students_cost_what_their_configs_say(size):
    for name, low, high in (("half", 0.48, 0.52), ("quarter", 0.23, 0.255)):
        config = read_config(f"{size}/distill_prodiff_{name}.yaml")
        teacher = multiplications_a_frame(config, {})
        student = multiplications_a_frame(config, config["student"])
        assert low < student / teacher < high


def test_a_replica_of_data_parallel_embeds_alike():
    """Its weights are plain attributes, so that ``parameters()`` has none."""
    embedding, t = StepEmbedding(8), torch.tensor([0.5, 3.0])
    expected = embedding(t)
    for layer in (embedding.mlp[0], embedding.mlp[2]):
        weight, bias = layer.weight.detach(), layer.bias.detach()
        del layer.weight, layer.bias
        layer.weight, layer.bias = weight, bias
    assert not list(embedding.parameters())
    assert torch.equal(embedding(t), expected)
