import math
import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from espnet_prodiff.diffwave.network import DiffWaveNetwork

N_MELS, HOP = 5, 6


def make_network(trained=True, **options):
    torch.manual_seed(0)
    sizes = dict(channels=4, layers=3, dilation_cycle=3)
    network = DiffWaveNetwork(**{**sizes, **options}).double()
    if trained:
        torch.nn.init.normal_(network.out_proj.weight, std=0.5)
    return network


def make_vocoder(**options):
    return make_network(n_mels=N_MELS, hop_length=HOP, **options)


def inputs(batch=2, frames=8):
    torch.manual_seed(1)
    return (
        torch.randn(batch, 1, frames * HOP, dtype=torch.float64),
        torch.tensor([1.0, 42.9186], dtype=torch.float64)[:batch],
        torch.randn(batch, N_MELS, frames, dtype=torch.float64),
    )


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    "options, published",
    [
        (dict(n_mels=80, hop_length=256), 2_637_305),  # BASE
        (dict(channels=128, n_mels=80, hop_length=256), 6_914_297),  # LARGE
        (dict(channels=256, layers=36, dilation_cycle=12), 24_071_681),
    ],
)
def test_parameters_are_the_published_ones_but_for_two_choices(options, published):
    network = DiffWaveNetwork(**options)
    channels, layers = network.in_proj.out_channels, len(network.layers)
    # Weight normalisation has a gain for each output channel, except of the last, zero
    # initialised layer: the first projection and the skip projection; in each layer the
    # convolution (2C), the residual and the skip output (C each).
    gains = 2 * channels + layers * 4 * channels
    upsamplers = 0
    if network.upsampler is not None:
        gains += layers * 2 * channels  # of the conditioner's projections
        kernel = 3 * 2 * 16  # of one transposed convolution, 16 samples a stride
        # The authors have two in every layer, each with a bias and a gain.
        upsamplers = layers * 2 * (kernel + 1 + 1) - 2 * (kernel + 1)
    assert count(network) + gains + upsamplers == published


@pytest.mark.parametrize("layers, cycle, published", [(30, 10, 6139), (36, 12, 24571)])
def test_receptive_field_is_the_published_one(layers, cycle, published):
    torch.manual_seed(0)
    network = DiffWaveNetwork(2, layers, cycle).double()
    for module in network.modules():  # no ReLU may close, no gate saturate
        if isinstance(module, torch.nn.Conv1d):
            torch.nn.init.uniform_(module.weight, 0.02, 0.06)
            torch.nn.init.uniform_(module.bias, 0.02, 0.06)
    assert network.receptive_field == published
    length, middle = published + 40, published // 2 + 20
    x_t = torch.rand(1, 1, length, dtype=torch.float64, requires_grad=True)
    t = torch.ones(1, dtype=torch.float64)
    network(x_t, t)[0, 0, middle].backward()
    reached = x_t.grad[0, 0].nonzero().flatten()
    half = (published - 1) // 2
    assert (reached.min(), reached.max()) == (middle - half, middle + half)
    assert len(reached) == published


def test_untrained_network_predicts_no_noise():
    network = make_vocoder(trained=False)
    assert (network(*inputs()) == 0).all()
    noise = torch.randn(200_000, dtype=torch.float64)
    assert noise.square().mean() == pytest.approx(1, abs=0.02)  # its loss: L2
    assert noise.abs().mean() == pytest.approx(math.sqrt(2 / math.pi), abs=0.02)  # L1


@pytest.mark.parametrize("conditioning", ["mel", "label", "none"])
def test_every_parameter_gets_a_gradient(conditioning):
    x_t, t, mel = inputs()
    options, cond = {
        "mel": (dict(n_mels=N_MELS, hop_length=HOP), mel),
        "label": (dict(num_labels=2), torch.tensor([0, 1])),
        "none": ({}, None),
    }[conditioning]
    network = make_network(**options)
    network(x_t, t, cond).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("times", ["discrete", "continuous"])
@pytest.mark.parametrize("t", [0.0, 1.0, 0.8941, 42.9186, 200.0])
def test_step_embedding_is_the_closed_form(t, times):
    embedding = make_network(train_times=times).step_embedding

    def sinusoids(t):
        sign = 1 if times == "discrete" else -1
        angles = [10 ** (sign * 4 * i / 63) * t for i in range(64)]
        values = [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
        return torch.tensor(values, dtype=torch.float64)

    vector = sinusoids(t)
    if times == "discrete":  # between the trained times the neighbours are blended
        share = t - math.floor(t)
        after = sinusoids(math.ceil(t))
        vector = (1 - share) * sinusoids(math.floor(t)) + share * after
    for linear in (embedding.mlp[0], embedding.mlp[2]):
        vector = linear.weight @ vector + linear.bias
        vector = vector * vector.sigmoid()  # Swish
    got = embedding(torch.tensor([t], dtype=torch.float64))[0]
    torch.testing.assert_close(got, vector, rtol=0, atol=1e-9)


def test_network_is_the_paper_s_written_out():
    network = make_vocoder(layers=2, dilation_cycle=2)
    x_t, t, mel = inputs()
    embedded = network.step_embedding(t)
    cond = network.upsampler(mel)
    hidden = (network.in_proj.weight[..., 0] @ x_t) + network.in_proj.bias[:, None]
    hidden = hidden.clamp(min=0)
    skips = 0
    for i, layer in enumerate(network.layers):
        rows = slice(4 * i, 4 * i + 4)
        step = (
            embedded @ network.step_proj.weight[rows].T + network.step_proj.bias[rows]
        )
        padded = F.pad(hidden + step[..., None], (2**i, 2**i))
        gates = layer.conv.bias[:, None] + layer.cond_proj.bias[:, None]
        gates = gates + layer.cond_proj.weight[..., 0] @ cond
        for tap in range(3):
            part = padded[..., tap * 2**i : tap * 2**i + hidden.shape[-1]]
            gates = gates + layer.conv.weight[..., tap] @ part
        gated = gates[:, :4].sigmoid() * gates[:, 4:].tanh()
        both = layer.out.weight[..., 0] @ gated + layer.out.bias[:, None]
        hidden = (hidden + both[:, :4]) / 2**0.5
        skips = skips + both[:, 4:]
    skips = skips / 2**0.5
    skips = network.skip_proj.weight[..., 0] @ skips + network.skip_proj.bias[:, None]
    expected = network.out_proj.weight[..., 0] @ skips.clamp(min=0)
    torch.testing.assert_close(
        network(x_t, t, mel), expected + network.out_proj.bias[:, None]
    )


def test_prepared_conditioning_gives_the_same_output():
    x_t, t, mel = inputs()
    mask = torch.ones_like(x_t)
    mask[..., 30:] = 0
    labels = torch.tensor([1, 0])
    for network, cond in (
        (make_vocoder(), mel),
        (make_network(num_labels=2), labels),
    ):
        prepared = network.prepare_cond(cond)
        for m in (None, mask):
            torch.testing.assert_close(
                network(x_t, t, cond, m), network(x_t, t, prepared, m)
            )
    assert make_network().prepare_cond(None) is None


def test_labels_differ_and_act_everywhere():
    network = make_network(num_labels=3)
    x_t, t, _ = inputs()
    one, other = (network(x_t, t, torch.tensor([label] * 2)) for label in (0, 2))
    assert ((one - other).abs() > 1e-9).all()


def test_batch_is_each_alone():
    network = make_vocoder()
    x_t, t, mel = inputs()
    together = network(x_t, t, mel)
    for i in range(2):
        part = slice(i, i + 1)
        alone = network(x_t[part], t[part], mel[part])
        torch.testing.assert_close(together[part], alone)


def test_padding_does_not_change_valid_samples():
    network = make_vocoder()
    for stage in network.upsampler.stages:
        torch.nn.init.normal_(stage.bias)
    x_t, t, mel = inputs()
    alone = network(x_t, t, mel)
    length = x_t.shape[-1]
    mask = torch.ones(2, 1, length + 3 * HOP, dtype=torch.float64)
    mask[..., length:] = 0
    x_t, mel = F.pad(x_t, (0, 3 * HOP), value=9.0), F.pad(mel, (0, 3), value=5.0)
    for cond in (mel, network.prepare_cond(mel)):
        padded = network(x_t, t, cond, mask)
        torch.testing.assert_close(padded[..., :length], alone)


def test_a_shift_by_whole_frames_shifts_the_output():
    network = make_vocoder()
    x_t, t, mel = inputs(batch=1, frames=12)
    shifted = network(x_t.roll(HOP, -1), t, mel.roll(1, -1))
    inner = slice(5 * HOP, 8 * HOP)
    torch.testing.assert_close(
        shifted[..., inner], network(x_t, t, mel).roll(HOP, -1)[..., inner]
    )


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(n_mels=80), "n_mels and hop_length come together"),
        (dict(hop_length=256), "n_mels and hop_length come together"),
        (dict(n_mels=80, hop_length=256, num_labels=3), "a mel or a label"),
        (dict(n_mels=80, hop_length=257), "257 is prime"),
        (dict(num_labels=0), "num_labels must be positive"),
        (dict(channels=0), "channels must be positive"),
        (dict(layers=0), "layers must be positive"),
        (dict(dilation_cycle=-1), "dilation_cycle must be positive"),
    ],
)
def test_impossible_networks_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DiffWaveNetwork(**options)


@pytest.mark.parametrize(
    "options, cond, message",
    [
        (dict(n_mels=5, hop_length=6), None, "built for 5 mel bins, but cond is None"),
        (dict(n_mels=5, hop_length=6), (2, 4, 8), r"shape \(2, 4, 8\)"),
        (dict(n_mels=5, hop_length=6), (5, 8), "for 5 mel bins"),
        (dict(n_mels=5, hop_length=6), (2, 5, 0), "F > 0"),
        (dict(n_mels=5, hop_length=6), (2, 5, 7), r"7 \* 6 = 42 .* but it has 48"),
        (dict(num_labels=3), None, "class-conditional, but cond is None"),
        (dict(num_labels=3), (2, 5, 8), "labels .* as integers"),
        (dict(num_labels=3), [0, 3], r"0 ... 2, .* but they are \[0, 3\]"),
        (dict(num_labels=3), [-1, 0], "0 ... 2"),
        ({}, (2, 5, 8), "unconditional"),
    ],
)
def test_conditioning_that_does_not_fit_is_refused(options, cond, message):
    network = make_network(**options)
    x_t, t, _ = inputs()
    if isinstance(cond, tuple):
        cond = torch.randn(*cond, dtype=torch.float64)
    elif cond is not None:
        cond = torch.tensor(cond)
    with pytest.raises(ValueError, match=message):
        network(x_t, t, cond)


def test_network_imports_torch_alone():
    code = (
        "import sys; import espnet_prodiff.diffwave.network;"
        "import espnet_prodiff.diffwave.tiling;"
        "import espnet_prodiff.diffusion.sampling_times;"
        "print([m for m in sys.modules if m.split('.')[0] in ('espnet', 'espnet2')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
