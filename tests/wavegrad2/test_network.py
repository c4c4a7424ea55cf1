import pytest
import torch
from torch.nn import functional as F

from espnet_prodiff.wavegrad2.factors import upsample_factors
from espnet_prodiff.wavegrad2.network import WaveGradNetwork

COND = 7


def make_network(hop=300, seed=0, **options):
    torch.manual_seed(seed)
    sizes = dict(channels=(12, 10, 8, 8, 6), in_channels=4, pre_channels=9)
    network = WaveGradNetwork(COND, upsample_factors(hop), **{**sizes, **options})
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    return network.double()


def inputs(frames, hop=300, batch=1):
    torch.manual_seed(1)
    return (
        torch.randn(batch, 1, frames * hop, dtype=torch.float64),
        torch.tensor([0.7, 0.12, 0.998], dtype=torch.float64)[:batch],
        torch.randn(batch, COND, frames, dtype=torch.float64),
    )


def as_in_the_paper(network, x_t, alpha, cond):
    """The U-net in plain torch: every sample repeated before it is convolved."""

    def lrelu(x):
        return F.leaky_relu(x, 0.2)

    def nearest(x, length):
        return F.interpolate(x, size=length, mode="nearest")

    def up(block, x, scale, shift):
        length = x.shape[-1] * block.factor
        convs = block.convs
        residual = block.residual(nearest(x, length))
        x = convs[0](nearest(lrelu(x), length))
        x = convs[1](lrelu(scale * x + shift)) + residual
        inner = convs[2](lrelu(scale * x + shift))
        return x + convs[3](lrelu(scale * inner + shift))

    def down(block, x):
        length = x.shape[-1] // block.factor
        residual = nearest(block.residual(x), length)
        x = nearest(x, length)
        for conv in block.convs:
            x = conv(lrelu(x))
        return x + residual

    def film(of, x):
        half = x.shape[1] // 2
        columns = []
        for wave in (torch.sin, torch.cos):
            columns += [wave(5000 * alpha * 10 ** (-4 * i / half)) for i in range(half)]
        x = lrelu(of.conv(x)) + torch.stack(columns, dim=1)[:, :, None]
        out = of.out(x)
        return out[:, : out.shape[1] // 2], out[:, out.shape[1] // 2 :]

    wave = network.in_proj(x_t)
    films = [film(network.films[0], wave)]
    for blocks, of in zip(network.down_blocks, network.films[1:], strict=True):
        for block in blocks:
            wave = down(block, wave)
        films.append(film(of, wave))
    hidden = network.cond_proj(cond)
    for blocks, (scale, shift) in zip(network.up_blocks, films[::-1], strict=True):
        for block in blocks:
            hidden = up(block, hidden, scale, shift)
    return network.out_proj(hidden)


@pytest.mark.parametrize(
    "hop, size",
    [(300, "base"), (256, "base"), (200, "base"), (275, "base"), (300, "large")],
)
def test_output_is_the_papers_with_a_hop_of_samples_a_frame(hop, size):
    network = make_network(hop, size=size)
    x_t, alpha, cond = inputs(3, hop, batch=2)
    output = network(x_t, alpha, cond)
    assert network.hop_length == hop
    assert output.shape == (2, 1, 3 * hop)
    expected = as_in_the_paper(network, x_t, alpha, cond)
    assert expected.std() > 0.1
    torch.testing.assert_close(output, expected)
    prepared = network.prepare_cond(cond)
    torch.testing.assert_close(network(x_t, alpha, prepared), expected)


def test_published_sizes():
    # maum-ai's WaveGrad 2 on frames of 576 channels: 16.95 M, the large one 28.66 M.
    for size, count in (("base", 16_953_185), ("large", 28_663_137)):
        with torch.device("meta"):
            network = WaveGradNetwork(576, (5, 5, 3, 2, 2), size=size)
        assert sum(p.numel() for p in network.parameters()) == count


def test_dilations_are_in_the_papers_order():
    network = make_network()
    dilations = [
        [c.dilation[0] for c in blocks[0].convs] for blocks in network.up_blocks
    ]
    assert dilations == [[1, 2, 1, 2]] * 2 + [[1, 2, 4, 8]] * 3
    assert [b[0].factor for b in network.up_blocks] == [5, 5, 3, 2, 2]
    assert [b[0].factor for b in network.down_blocks] == [2, 2, 3, 5]
    for (block,) in network.down_blocks:
        assert [conv.dilation[0] for conv in block.convs] == [1, 2, 4]


def test_weights_are_orthogonal_at_first():
    network = WaveGradNetwork(COND, (5, 5, 3, 2, 2), channels=(12, 10, 8, 8, 6))
    for name, weight in network.named_parameters():
        if name.endswith("bias"):
            assert (weight == 0).all()
            continue
        halves = weight.chunk(2) if name.endswith("out.weight") else [weight]
        for rows in (half.flatten(1) for half in halves):
            rows = rows if len(rows) <= rows.shape[1] else rows.t()
            torch.testing.assert_close(rows @ rows.t(), torch.eye(len(rows)))


def test_alpha_reaches_the_output():
    network = make_network()
    x_t, _, cond = inputs(2)
    outputs = [
        network(x_t, torch.tensor([alpha], dtype=torch.float64), cond)
        for alpha in (0.9, 0.91)
    ]
    assert (outputs[0] - outputs[1]).std() > 0.05 * outputs[0].std()


@pytest.mark.parametrize("hop", [256, 275])
def test_frame_k_reaches_the_samples_around_hop_k(hop):
    network = make_network(hop)
    frames, k = 15, 7
    x_t, alpha, cond = inputs(frames, hop)
    moved = cond.clone()
    moved[:, :, k] += 1
    change = network(x_t, alpha, moved) - network(x_t, alpha, cond)
    touched = change[0, 0].abs() > 1e-12
    assert touched[hop * k : hop * (k + 1)].all()
    where = touched.nonzero().flatten()
    halo = network.halo
    assert hop * (k - halo) <= where.min() and where.max() < hop * (k + halo + 1)


@pytest.mark.parametrize("hop", [300, 256, 275])
def test_frame_k_is_the_samples_from_hop_k(hop):
    network = make_network(hop)
    with torch.no_grad():  # leave the ways on which every sample is alone
        for convs in (block.convs for (block,) in network.up_blocks):
            for conv in convs:
                conv.weight.zero_()
        for conv in (network.cond_proj, network.out_proj):
            conv.weight[..., [0, 2]] = 0
    x_t, alpha, cond = inputs(5, hop)
    moved = cond.clone()
    moved[:, :, 2] += 1
    change = network(x_t, alpha, moved) - network(x_t, alpha, cond)
    expected = torch.zeros(5 * hop, dtype=torch.bool)
    expected[2 * hop : 3 * hop] = True
    assert torch.equal(change[0, 0].abs() > 1e-9, expected)


@pytest.mark.parametrize(
    "hop, size", [(300, "base"), (256, "large"), (275, "base"), (5, "large")]
)
def test_halo_holds_the_receptive_field_and_little_more(hop, size):
    network = make_network(hop, size=size)
    halo = network.halo
    middle = halo + 2
    x_t, alpha, cond = inputs(2 * middle + 1, hop)
    x_t.requires_grad_()
    cond.requires_grad_()
    reached = []
    output = network(x_t, alpha, cond)[0, 0]
    for sample in (middle * hop, middle * hop + hop - 1):  # first and last of a frame
        gradients = torch.autograd.grad(output[sample], (x_t, cond), retain_graph=True)
        for gradient in gradients:
            frames = gradient.abs().sum(1).view(2 * middle + 1, -1).sum(-1).nonzero()
            reached.append((frames - middle).abs().max().item())
    assert halo - 1 <= max(reached) <= halo


@pytest.mark.parametrize("size", ["base", "large"])
def test_masked_batch_is_each_alone(size):
    network = make_network(256, size=size)
    x_t, alpha, cond = inputs(6, 256, batch=3)
    mask = torch.ones_like(x_t)
    lengths = [6, 4, 1]
    for i, length in enumerate(lengths):
        mask[i, :, 256 * length :] = 0
        cond[i, :, length:] = 0
    x_t = x_t * mask + 100 * (1 - mask)  # padding of the wave does not count
    together = network(x_t, alpha, cond, mask)
    torch.testing.assert_close(
        network(x_t, alpha, network.prepare_cond(cond), mask), together
    )
    assert (together[mask == 0] == 0).all()
    for i, length in enumerate(lengths):
        one = slice(i, i + 1)
        samples = slice(0, 256 * length)
        alone = network(x_t[one, :, samples], alpha[one], cond[one, :, :length])
        torch.testing.assert_close(together[one, :, samples], alone)


@pytest.mark.parametrize("size", ["base", "large"])
def test_every_parameter_gets_a_gradient(size):
    network = make_network(size=size)
    network(*inputs(2)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert (parameter.grad.abs() > 0).any(), name


def test_gradient_is_the_papers():
    network = make_network(30)
    x_t, alpha, cond = inputs(2, 30)
    parameters = list(network.parameters())
    gradients = [
        torch.autograd.grad(run.abs().mean(), parameters)
        for run in (
            network(x_t, alpha, cond),
            as_in_the_paper(network, x_t, alpha, cond),
        )
    ]
    for ours, plain in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, plain)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(size="huge"), "size must be one of base, large, but it is 'huge'"),
        (dict(channels=(8, 8)), r"channels must be 5 positive .* are \(8, 8\)"),
        (dict(channels=(8, 8, 8, 0, 8)), "channels must be 5 positive"),
        (dict(upsample_factors=(5, 5)), "upsample_factors must be 5 positive"),
        (dict(cond_channels=0), "cond_channels and pre_channels must be positive"),
        (dict(pre_channels=0), "must be positive, but they are 4 and 0"),
        (dict(in_channels=5), "must be even"),
        (dict(channels=(8, 8, 7, 8, 8)), "must be even"),
    ],
)
def test_sizes_of_no_network_are_refused(options, message):
    sizes = dict(cond_channels=4, upsample_factors=(2, 2, 2, 2, 2))
    with pytest.raises(ValueError, match=message):
        WaveGradNetwork(**{**sizes, **options})


def test_inputs_that_do_not_fit_are_refused():
    network = make_network(30)
    x_t, alpha, cond = inputs(2, 30)
    with pytest.raises(ValueError, match="60 samples, but the wave has 59"):
        network(x_t[..., :59], alpha, cond)
    with pytest.raises(ValueError, match=r"\(B, 7, F\), but .* \(1, 6, 2\)"):
        network(x_t, alpha, cond[:, :6])
    with pytest.raises(ValueError, match="but they are None"):
        network(x_t, alpha, None)
