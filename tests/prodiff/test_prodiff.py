"""ProDiff as a model: its loss, its size, its checkpoints."""

import pytest
import torch
from espnet2.tts.prodiff import ProDiff as Builtin

from espnet_prodiff.diffusion import diffusion_loss
from espnet_prodiff.fileio.config import read_config
from espnet_prodiff.prodiff import ProDiff
from espnet_prodiff.prodiff.loss import l1_ssim_error
from tests.prodiff.factory import IDIM, N_MELS, make_batch, make_prodiff


def test_every_parameter_gets_a_gradient(case):
    model, batch = case
    loss, stats, weight = model.train()(**batch)
    loss.backward()
    assert weight == 3
    assert {"loss", "diffusion_loss", "duration_loss"} <= set(stats)
    dead = [n for n, p in model.named_parameters() if p.grad is None]
    assert dead == []


def fixed_objective(denoiser, mel, cond, mask, _, batch):
    """The teacher's loss with times and noise that an utterance keeps in any batch."""
    noise = torch.zeros_like(mel)
    for row, length in zip(noise, batch["mel_lengths"].tolist(), strict=True):
        generator = torch.Generator().manual_seed(length)
        row[:, :length] = torch.randn(len(row), length, generator=generator)
    t = batch["mel_lengths"] % 4 + 1
    return diffusion_loss(
        denoiser, mel, cond, mask, distance=l1_ssim_error, t=t, noise=noise
    )


def test_padding_does_not_change_the_loss(case):
    # Every utterance counts alike, so the loss of a batch is the mean of their losses.
    model, batch = case
    model.objective = fixed_objective
    model.use_weighted_masking = True
    together, stats, _ = model(**batch)
    alone = [
        model(**{name: value[i : i + 1] for name, value in batch.items()})
        for i in range(3)
    ]
    torch.testing.assert_close(together, torch.stack([a[0] for a in alone]).mean(0))
    for name in stats:
        mean = torch.stack([a[1][name] for a in alone]).mean(0)
        torch.testing.assert_close(stats[name], mean, rtol=1e-4, atol=1e-5)


def test_training_the_denoiser_only_freezes_the_rest():
    model = make_prodiff()
    model.train_denoiser_only()
    model.train()
    assert not model.encoder.training and model.denoiser.training
    loss, stats, _ = model(**make_batch())
    torch.testing.assert_close(loss, stats["diffusion_loss"])
    loss.backward()
    trained = {n.split(".")[0] for n, p in model.named_parameters() if p.requires_grad}
    assert trained == {"denoiser"}
    assert all(p.grad is not None for p in model.denoiser.parameters())
    assert all(p.grad is None for p in model.encoder.parameters())


@pytest.mark.parametrize("times", ["discrete", "continuous"])
def test_train_times_are_discrete_or_continuous(times):
    model = make_prodiff(
        diffusion_scheduler="cosine", diffusion_steps=8, num_steps=4, train_times=times
    ).train()
    steps = []
    model.denoiser.network.step_embedding.register_forward_pre_hook(
        lambda _, inputs: steps.extend(inputs[0].tolist())
    )
    batch = make_batch()
    for _ in range(40):
        model(**batch)
    whole = [t == round(t) for t in steps]
    assert all(whole) if times == "discrete" else not any(whole)
    assert 0 < min(steps) < 2 and 7 < max(steps) <= 8
    with pytest.raises(ValueError, match="train_times must be one of discrete, cont"):
        make_prodiff(train_times="random")


def test_published_sizes():
    conf = read_config("conf/train_prodiff.yaml")["tts_conf"]
    model = ProDiff(IDIM, N_MELS, **conf)
    denoiser = sum(p.numel() for p in model.denoiser.parameters())
    assert denoiser == pytest.approx(15.09e6, rel=0.002)


def test_foreign_weights_are_refused_even_where_loading_is_lenient():
    builtin = Builtin(IDIM, N_MELS, adim=16, aheads=2, elayers=1, eunits=16)
    model = make_prodiff()
    with pytest.raises(ValueError, match="tts: prodiff_builtin"):
        model.load_state_dict(builtin.state_dict(), strict=False)
    half = {k: v for k, v in model.state_dict().items() if "encoder" in k}
    with pytest.raises(ValueError, match="not of this ProDiff"):
        model.load_state_dict(half, strict=False)
    model.load_state_dict(model.state_dict())
