"""WaveGrad 2 as a model: its loss, its options, its checkpoints."""

import math

import pytest
import torch

from tests.wavegrad2.factory import HOP, make_batch, make_wavegrad2

FULL = dict(
    spks=3,
    langs=2,
    spk_embed_dim=4,
    mel_loss_weight=0.5,
    specaug_conf=dict(
        freq_mask_width_range=[0, 2],
        time_mask_width_range=[0, 2],
    ),
)


def identity(num):
    return dict(
        sids=torch.arange(num)[:, None] % 3,
        lids=torch.arange(num)[:, None] % 2,
        spembs=torch.randn(num, 4, generator=torch.Generator().manual_seed(2)),
    )


@pytest.mark.parametrize("options", [{}, FULL, dict(prediction_type="v", loss="l2")])
def test_every_parameter_gets_a_gradient(options):
    model = make_wavegrad2(**options).train()
    data = make_batch((12, 7), **identity(2) if options is FULL else {})
    loss, stats, weight = model(**data)
    loss.backward()
    without = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert not without
    assert weight == 2 and stats["loss"] == loss
    parts = stats["diffusion_loss"] + stats["duration_loss"]
    parts = parts + 0.5 * stats.get("mel_loss", torch.tensor(0.0))
    torch.testing.assert_close(stats["loss"], parts)


def test_the_noise_condition_is_an_alpha_between_the_steps(monkeypatch):
    model = make_wavegrad2()
    noise_conds = []
    forward = model.denoiser.network.forward

    def record(x_t, noise_cond, *rest):
        noise_conds.append(noise_cond)
        return forward(x_t, noise_cond, *rest)

    monkeypatch.setattr(model.denoiser.network, "forward", record)
    model.train()(**make_batch([12] * 8))
    (alphas,) = noise_conds
    times = model.denoiser.schedule.t_from_alpha(alphas)
    assert ((alphas > 0) & (alphas < 1)).all()
    assert ((times - times.round()).abs() > 1e-3).any()


def test_the_loss_is_the_l1_of_the_noise():
    """Of a network whose output is 0: E|eps| = sqrt(2 / pi)."""
    model = make_wavegrad2(window_frames=40)
    for parameter in model.denoiser.network.parameters():
        parameter.data.zero_()
    _, stats, _ = model(**make_batch([41] * 8))
    assert stats["diffusion_loss"].item() == pytest.approx(
        math.sqrt(2 / math.pi), rel=0.03
    )


def test_validation_losses_repeat_and_training_losses_do_not():
    model, data = make_wavegrad2(), make_batch()
    assert model(**data)[0] == model(**data)[0]
    model.train()
    assert model(**data)[0] != model(**data)[0]


def test_padding_does_not_change_the_loss():
    model, data = make_wavegrad2(), make_batch((12, 3))
    expected = model(**data)[0]
    data["speech"][1, int(data["speech_lengths"][1]) :] = 100.0
    data["feats"][1, 3:] = 100.0
    data["text"][1, 2:] = 7
    assert model(**data)[0] == expected
    for name in ("speech", "text", "durations"):
        data[name] = torch.nn.functional.pad(data[name], (0, 5))
    torch.testing.assert_close(model(**data)[0], expected, rtol=1e-5, atol=1e-6)


def test_a_window_is_conditioned_on_its_own_frames():
    """The wave's window k ... k + W goes with the frames k ... k + W (V16)."""
    model, data = make_wavegrad2(), make_batch((12,))
    data["speech"][0] = torch.arange(data["speech"].shape[1])
    seen = {}

    def objective(denoiser, x_0, cond, mask, generator, inputs):
        seen.update(x_0=x_0, cond=cond, inputs=inputs)
        return x_0.sum()

    model.objective = objective
    model(**data)
    first = seen["inputs"]["frames"][0, 0]
    assert seen["x_0"][0, 0, 0] == first * HOP
    everything = torch.arange(12)[None]
    _, whole = model.condition(**{**seen["inputs"], "frames": everything})
    part = whole[:, :, first : first + 5]
    torch.testing.assert_close(seen["cond"], part)


def test_the_conditioning_ends_with_the_utterance():
    """A teacher's, which comes from ``condition`` alone, must be the student's."""
    model, data = make_wavegrad2(window_frames=20), make_batch((12, 7))
    seen = {}

    def objective(denoiser, x_0, cond, mask, generator, inputs):
        seen.update(cond=cond, inputs=inputs)
        return x_0.sum()

    model.objective = objective
    model(**data)
    assert not seen["cond"][0, :, 12:].any() and not seen["cond"][1, :, 7:].any()
    assert seen["cond"][0, :, :12].all()
    _, again = model.condition(**seen["inputs"])
    assert torch.equal(again, seen["cond"])


def test_the_mel_of_the_multitask_loss_is_that_of_the_window():
    model, data = make_wavegrad2(mel_loss_weight=1.0), make_batch((12,))
    with torch.no_grad():
        model.mel_proj.weight.zero_()
        model.mel_proj.bias.zero_()
    seen = {}

    def objective(denoiser, x_0, cond, mask, generator, inputs):
        seen["first"] = int(inputs["frames"][0, 0])
        return torch.tensor(0.0)

    model.objective = objective
    _, stats, _ = model(**data)
    first = seen["first"]
    expected = data["feats"][:, first : first + 5].abs().mean()
    torch.testing.assert_close(stats["mel_loss"].squeeze(), expected)


def test_a_hop_of_other_features_is_refused():
    data = make_batch((12,))
    data["feats_lengths"] += 1
    with pytest.raises(ValueError, match=r"samples with a hop of 32 .*\[12\]"):
        make_wavegrad2()(**data)


def test_missing_speakers_are_refused():
    with pytest.raises(ValueError, match="sids .* but none came"):
        make_wavegrad2(spks=3)(**make_batch((12,)))


def test_training_the_denoiser_only_freezes_the_rest():
    model = make_wavegrad2(mel_loss_weight=1.0)
    model.train_denoiser_only()
    model.train()
    loss, stats, _ = model(**make_batch())
    loss.backward()
    trained = {
        n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None
    }
    assert trained == {"denoiser"} and not model.text_side.training
    assert stats["loss"] == stats["diffusion_loss"] and "mel_loss" not in stats


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(loss="huber"), "loss must be one of l2, l1"),
        (dict(prediction_type="v"), "loss must be l2 with prediction_type v"),
        (dict(decoder_size="huge"), "base, large"),
        (dict(window_frames=0), "window_frames must be a whole number"),
        (dict(hop_length=0), "hop_length must be a whole number"),
        (dict(wave_scale=0.0), "wave_scale must be greater than 0"),
        (dict(diffusion_scheduler="sigmoid"), "linear, cosine, vpsde"),
        (dict(beta_start=0.6), "0 < beta_start <= beta_end < 1"),
        (dict(num_steps=9), "between 1 and 8"),
        (dict(num_steps=0), "between 1 and 8"),
        (dict(mel_loss_weight=-1.0), "mel_loss_weight must be 0 or more"),
        (dict(specaug_conf=dict(apply_time_warp=True)), "apply_time_warp .* false"),
        (dict(spk_embed_dim=4, spk_embed_integration_type="x"), "add, concat"),
        (dict(espnet_prodiff=99), "checkpoint format 99"),
    ],
)
def test_impossible_constructor_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_wavegrad2(**options)


def test_weights_of_another_model_are_refused():
    weights = make_wavegrad2().state_dict()
    weights.pop(
        "denoiser.network." + next(iter(make_wavegrad2().denoiser.network.state_dict()))
    )
    with pytest.raises(ValueError, match="not of this WaveGrad2: 1 of its parameters"):
        make_wavegrad2().load_state_dict(weights)
