"""WaveGrad 2 as a model: its loss, its options, what it says."""

import math
import warnings

import pytest
import torch

from espnet_prodiff.common.wave_model import ClippedDenoiser
from espnet_prodiff.diffusion import Denoiser, NoiseSchedule, sample
from espnet_prodiff.diffusion.loss import draw_times
from tests.wavegrad2.factory import HOP, IDIM, batch, tiny

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
    model = tiny(**options).train()
    data = batch(12, 7, **identity(2) if options is FULL else {})
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


def test_training_noise_is_wavegrads_continuous_level():
    """s ~ U{1 ... T}, then sqrt(alpha_bar) ~ U(l_s, l_{s-1}): V14."""
    schedule = NoiseSchedule.linear(10, 0.01, 0.3)
    levels = schedule.alpha(torch.arange(11))
    random = torch.Generator().manual_seed(0)
    times = draw_times(schedule, 40_000, "continuous", random)
    alphas = schedule.alpha(times)
    steps = torch.searchsorted(-levels, -alphas)  # l_s <= alpha < l_{s-1}
    counts = torch.bincount(steps, minlength=11)[1:]
    assert (counts / 40_000 - 0.1).abs().max() < 4 * math.sqrt(0.09 / 40_000)
    for s in range(1, 11):
        inside = alphas[steps == s]
        u = ((inside - levels[s]) / (levels[s - 1] - levels[s])).sort().values
        n = len(u)
        grid = torch.arange(1, n + 1) / n
        ks = torch.maximum(grid - u, u - (grid - 1 / n)).max()
        assert ks < 1.95 / math.sqrt(n)  # the 0.1 % point


def test_the_network_is_told_alpha_and_trained_between_the_steps(monkeypatch):
    model = tiny()
    told = []
    network = model.denoiser.network.forward

    def spy(x_t, noise_cond, *rest):
        told.append(noise_cond)
        return network(x_t, noise_cond, *rest)

    monkeypatch.setattr(model.denoiser.network, "forward", spy)
    model.train()(**batch(*[12] * 8))
    (alphas,) = told
    times = model.denoiser.schedule.t_from_alpha(alphas)
    assert ((alphas > 0) & (alphas < 1)).all()
    assert ((times - times.round()).abs() > 1e-3).any()


def test_the_loss_of_the_noise_is_its_l1():
    """With a network that always says 0, E|eps| = sqrt(2 / pi)."""
    model = tiny(window_frames=40)
    for parameter in model.denoiser.network.parameters():
        parameter.data.zero_()
    _, stats, _ = model(**batch(*[41] * 8))
    assert stats["diffusion_loss"].item() == pytest.approx(
        math.sqrt(2 / math.pi), rel=0.03
    )


def test_validation_repeats_and_training_does_not():
    model, data = tiny(), batch(12, 9)
    assert model(**data)[0] == model(**data)[0]
    model.train()
    assert model(**data)[0] != model(**data)[0]


def test_padding_never_counts():
    model, data = tiny(), batch(12, 3)
    expected = model(**data)[0]
    data["speech"][1, int(data["speech_lengths"][1]) :] = 100.0
    data["feats"][1, 3:] = 100.0
    data["text"][1, 2:] = 7
    assert model(**data)[0] == expected
    wider = {k: v for k, v in data.items()}
    for name in ("speech", "text", "durations"):
        wider[name] = torch.nn.functional.pad(data[name], (0, 5))
    torch.testing.assert_close(model(**wider)[0], expected, rtol=1e-5, atol=1e-6)


def test_a_window_is_conditioned_on_its_own_frames():
    """The wave's window k ... k + W goes with the frames k ... k + W (V16)."""
    model, data = tiny(), batch(12)
    data["speech"][0] = torch.arange(data["speech"].shape[1])
    seen = {}

    def objective(denoiser, x_0, cond, mask, generator, inputs):
        seen.update(x_0=x_0, cond=cond, frames=inputs["frames"], inputs=inputs)
        return x_0.sum()

    model.objective = objective
    model(**data)
    first = seen["frames"][0, 0]
    assert seen["x_0"][0, 0, 0] == first * HOP
    everything = torch.arange(12)[None]
    _, whole = model.condition(**{**seen["inputs"], "frames": everything})
    part = whole[:, :, first : first + 5]
    torch.testing.assert_close(seen["cond"], part)


def test_the_conditioning_ends_with_the_utterance():
    """So that a teacher's, which comes from ``condition`` alone, is the student's."""
    model, data = tiny(window_frames=20), batch(12, 7)
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


def test_half_precision_is_told_alpha_in_full():
    told = []

    def network(x_t, noise_cond, cond, mask):
        told.append(noise_cond)
        return x_t

    model = tiny()
    denoiser = Denoiser(network, model.denoiser.schedule, "eps", "alpha")
    denoiser(torch.zeros(1, 1, 4, dtype=torch.float16), 2.5)
    expected = model.denoiser.schedule.alpha(2.5).float()
    assert told[0].dtype == torch.float32 and told[0][0] == expected
    film = model.denoiser.network.films[0].half()
    shape = (1, film.conv.in_channels, 8)
    scale, _ = film(torch.randn(shape, dtype=torch.float16), told[0])
    assert scale.dtype == torch.float16


def test_a_hop_of_other_features_is_refused():
    data = batch(12)
    data["feats_lengths"] += 1
    with pytest.raises(ValueError, match=r"samples with a hop of 32 .*\[12\]"):
        tiny()(**data)


def test_an_input_that_the_model_was_built_for_is_missed():
    with pytest.raises(ValueError, match="sids .* but none came"):
        tiny(spks=3)(**batch(12))
    with pytest.raises(ValueError, match="lids .* but none came"):
        tiny(langs=3).inference(torch.tensor([1, 2]))


def test_a_frozen_text_side_leaves_the_denoiser_to_be_trained():
    model = tiny(mel_loss_weight=1.0)
    model.train_denoiser_only()
    model.train()
    loss, stats, _ = model(**batch(12, 9))
    loss.backward()
    trained = {
        n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None
    }
    assert trained == {"denoiser"} and not model.text_side.training
    assert stats["loss"] == stats["diffusion_loss"] and "mel_loss" not in stats


SAID = torch.tensor([1, 2, 3])


def test_a_wave_is_as_long_as_its_durations():
    model = tiny()
    made = model.inference(SAID, seed=0, num_steps=2)
    assert len(made["duration"]) == 4
    assert len(made["wav"]) == HOP * made["duration"].sum()
    assert made["wav"].abs().max() <= 1


def test_durations_can_be_given():
    model = tiny()
    given = torch.tensor([2, 0, 3, 1])
    forced = dict(durations=given, use_teacher_forcing=True)
    made = model.inference(SAID, **forced, seed=0, num_steps=2)
    assert torch.equal(made["duration"], given) and len(made["wav"]) == 6 * HOP
    with pytest.raises(ValueError, match="2 durations were given, expected 4"):
        model.inference(SAID, durations=given[:2], use_teacher_forcing=True)
    with pytest.raises(ValueError, match="must be 0 or more"):
        model.inference(SAID, durations=given - 1, use_teacher_forcing=True)
    with pytest.raises(ValueError, match="durations are all 0"):
        model.inference(SAID, durations=0 * given, use_teacher_forcing=True)


def test_speed_is_a_factor_on_the_durations():
    model = tiny()
    with torch.no_grad():  # every token four frames long
        final = model.resampling.duration_predictor.projection
        final.weight.zero_()
        final.bias.fill_(math.log(5.0))
    lengths = [
        len(model.inference(SAID, alpha=alpha, num_steps=1)["wav"]) // HOP
        for alpha in (0.5, 1.0, 2.0)
    ]
    assert lengths == [8, 16, 32]
    with pytest.raises(ValueError, match="at most 10000: take a smaller alpha"):
        model.inference(SAID, alpha=1e20, num_steps=1)


def test_inference_is_the_cores_sampler():
    model = tiny(wave_scale=4.0)
    made = model.inference(SAID, seed=3, num_steps=3, eta=0.0)
    lengths = torch.tensor([4])
    tokens = torch.tensor([[1, 2, 3, IDIM - 1]])
    frames = torch.arange(int(made["duration"].sum()))[None]
    with torch.no_grad():
        _, cond = model.condition(tokens, lengths, made["duration"][None], frames)
    samples = len(made["wav"])
    x_T = torch.randn(1, samples, generator=torch.Generator().manual_seed(3))[None]
    times = model.times(3)
    ours = model.denoiser
    options = (ours.network, ours.schedule, ours.prediction_type, "alpha")
    denoiser = ClippedDenoiser(*options, limit=4.0)
    expected = sample(denoiser, x_T, times, cond)[0, 0] / 4
    torch.testing.assert_close(made["wav"], expected.clamp(-1, 1), rtol=1e-4, atol=1e-5)


def test_a_batch_is_what_its_utterances_are_alone():
    model = tiny(spks=3)
    texts = [SAID, torch.tensor([4, 5]), torch.tensor([6, 7, 8, 1, 2])]
    sids = [torch.tensor([i]) for i in range(3)]
    together = model.inference_batch(texts, sids=sids, seed=1, num_steps=2)
    for text, sid, out in zip(texts, sids, together, strict=True):
        alone = model.inference(text, sids=sid, seed=1, num_steps=2)
        assert torch.equal(out["wav"], alone["wav"])


def test_steps_and_schedules_are_free():
    model = tiny()
    assert model.num_steps == 8 and not model.is_student  # 50, but T = 8
    assert model.default_eta == 1.0
    steps = []
    model.inference(SAID, schedule=[0.01, 0.1, 0.5], seed=0, callback=steps.append)
    assert len(steps) == 3
    student = tiny(distilled_times=[8, 5, 0])
    assert student.default_eta == 0.0 and student.times().tolist() == [8, 5, 0]
    with pytest.raises(ValueError, match="between 1 and 8"):
        model.inference(SAID, num_steps=9)
    with pytest.raises(ValueError, match="exclude each other"):
        model.inference(SAID, num_steps=2, schedule=[0.01, 0.5])
    with pytest.raises(ValueError, match="must decrease strictly"):
        model.inference(SAID, schedule=[3.0, 5.0])


def test_a_schedule_far_from_the_prior_is_warned_of():
    model = tiny()
    with pytest.warns(UserWarning, match="still has 0.9.* of its scale"):
        model.times(schedule=[0.01, 0.02])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.times(schedule=[0.01, 0.1, 0.7])


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(alpha=0.0), "alpha must be greater than 0"),
        (dict(alpha=-1.0), "alpha must be greater than 0"),
        (dict(use_teacher_forcing=True), "none came: pass 4 durations"),
        (dict(temperature=-1.0), "temperature is -1"),
        (dict(eta=2.0), "eta is 2.0, expected 0 to 1"),
        (dict(solver="euler"), "solver is 'euler', expected one of ddim"),
    ],
)
def test_impossible_options_of_inference(options, message):
    with pytest.raises(ValueError, match=message):
        tiny().inference(SAID, num_steps=2, **options)


def test_an_empty_text_says_nothing():
    with pytest.raises(ValueError, match="text is empty"):
        tiny().inference(SAID[:0])


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
def test_impossible_options(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**options)


def test_weights_of_another_model_are_refused():
    weights = tiny().state_dict()
    weights.pop("denoiser.network." + next(iter(tiny().denoiser.network.state_dict())))
    with pytest.raises(ValueError, match="not of this WaveGrad2: 1 of its parameters"):
        tiny().load_state_dict(weights)


def test_the_mel_of_the_multitask_loss_is_that_of_the_window():
    model, data = tiny(mel_loss_weight=1.0), batch(12)
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
