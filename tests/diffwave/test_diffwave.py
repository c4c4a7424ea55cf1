"""DiffWave as a model: its loss, its options, what it makes."""

import math

import pytest
import torch

from espnet_prodiff.common.sampling import Sampling
from espnet_prodiff.diffusion import Denoiser, sample
from espnet_prodiff.diffwave.inference import denoise, interpolate
from tests.diffwave.factory import FS, HOP, N_MELS, batch, tiny

CONDITIONINGS = ("mel", "label", "none")


def waves(model, *, seed=0, frames=7, **options):
    """A wave of each of three inputs, one at a time."""
    random = torch.Generator().manual_seed(5)
    mels = [torch.randn(frames + i, N_MELS, generator=random) for i in range(3)]
    made = []
    for i, mel in enumerate(mels):
        own = {"feats": mel} if model.conditioning == "mel" else {"seconds": 0.01}
        if model.conditioning == "label":
            own["sids"] = torch.tensor([i])
        made.append(model.inference(None, **own, seed=seed, **options)["wav"])
    return mels, made


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
@pytest.mark.parametrize("prediction_type", ["eps", "v"])
def test_every_parameter_gets_a_gradient(conditioning, prediction_type):
    model = tiny(conditioning=conditioning, prediction_type=prediction_type).train()
    loss, stats, weight = model(**batch(200, 30))
    loss.backward()
    without = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert not without
    assert weight == 2 and stats["loss"] == loss


@pytest.mark.parametrize(
    "loss, expected", [("l2", 1.0), ("l1", math.sqrt(2 / math.pi))]
)
def test_untrained_loss_is_the_size_of_the_noise(loss, expected):
    model = tiny(trained=False, loss=loss, crop_frames=60)
    got, _, _ = model(**batch(*[60 * HOP] * 8))
    assert got.item() == pytest.approx(expected, rel=0.03)


def test_loss_of_v_does_not_fade_where_the_data_are_noise():
    """Untrained v = 0 errs by v itself: alpha^2 + sigma^2 * power, about 1 / 2."""
    model = tiny(
        trained=False, prediction_type="v", crop_frames=60, diffusion_scheduler="cosine"
    )
    data = batch(*[60 * HOP] * 8)
    got, _, _ = model(**data)
    t = torch.arange(1, 9)
    alpha, sigma = model.denoiser.schedule.alpha(t), model.denoiser.schedule.sigma(t)
    expected = (alpha**2 + sigma**2 * 0.09).mean()
    assert got.item() == pytest.approx(expected.item(), rel=0.25)  # eight draws of t


def test_validation_repeats_and_training_does_not():
    model, data = tiny(), batch(300, 200)
    assert model(**data)[0] == model(**data)[0]
    model.train()
    assert model(**data)[0] != model(**data)[0]


def test_padding_never_counts():
    model, data = tiny(), batch(300, 37)
    expected = model(**data)[0]
    data["speech"][1, 37:] = 100.0
    data["feats"][1, 37 // HOP + 1 :] = 100.0
    assert model(**data)[0] == expected
    alone = model(**batch(9))[0]  # shorter than a frame
    assert torch.isfinite(alone)


def test_silence_has_a_finite_loss():
    data = batch(300)
    data["speech"].zero_()
    assert torch.isfinite(tiny()(**data)[0])


def test_mels_of_an_acoustic_model_take_the_place_of_the_recordings():
    model, data = tiny(), batch(300, 200)
    mels = torch.randn(data["feats"].shape)
    given = {"durations": mels, "durations_lengths": data["feats_lengths"]}
    got = model(**data, **given)[0]
    assert got == model(**{**data, "feats": mels})[0] != model(**data)[0]
    durations = {
        "durations": torch.ones(2, 3),
        "durations_lengths": torch.tensor([3, 3]),
    }
    assert model(**data, **durations)[0] == model(**data)[0]


def test_a_hop_of_other_features_is_refused():
    data = batch(300)
    data["feats_lengths"] += 1
    with pytest.raises(ValueError, match=r"300\] samples with a hop of 16 .*\[19\]"):
        tiny()(**data)


def test_labels_are_checked():
    model = tiny(conditioning="label")
    data = batch(300, 200)
    data["sids"][1] = 4
    with pytest.raises(ValueError, match=r"labels must lie in 0 ... 3.*\[0, 4\]"):
        model(**data)
    with pytest.raises(ValueError, match="--use_sid true"):
        model(**{**data, "sids": None})
    with pytest.raises(ValueError, match=r"0 ... 3.*\[-1\]"):
        model.inference(None, sids=torch.tensor([-1]))
    with pytest.raises(ValueError, match="the label is missing"):
        model.inference(None)


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_a_batch_is_as_one_by_one(conditioning):
    model = tiny(conditioning=conditioning)
    mels, alone = waves(model)
    own = {"feats": mels} if conditioning == "mel" else {"seconds": 0.01}
    if conditioning == "label":
        own["sids"] = [torch.tensor([i]) for i in range(3)]
    together = model.inference_batch([None] * 3, **own, seed=0)
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one, other["wav"])
    lengths = [len(mel) * HOP for mel in mels] if conditioning == "mel" else [80] * 3
    assert [len(wav) for wav in alone] == lengths
    _, others = waves(model, seed=1)
    assert not torch.equal(alone[0], others[0])
    assert all(wav.abs().max() <= 1 for wav in alone)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_inference_is_the_sampler_on_the_plain_network(eta):
    model = tiny(wave_scale=100.0)  # nothing reaches it, so nothing is clipped
    mel = torch.randn(12, N_MELS, generator=torch.Generator().manual_seed(2))
    got = 100 * model.inference(None, feats=mel, seed=3, num_steps=4, eta=eta)["wav"]
    random = torch.Generator().manual_seed(3)
    expected = sample(
        model.denoiser,
        torch.randn(1, 1, 12 * HOP, generator=random),
        model.times(4),
        mel.T[None],
        eta=eta,
        noise_fn=lambda x: torch.randn(x.shape, generator=random),
    )
    assert expected.abs().max() < 100
    torch.testing.assert_close(got, expected[0, 0], atol=1e-4, rtol=1e-4)


def test_ancestral_unless_distilled():
    mel = torch.randn(3, N_MELS)
    for model, eta in ((tiny(), 1.0), (tiny(distilled_times=[4, 2, 0]), 0.0)):
        assert model.default_eta == eta
        own = model.inference(None, feats=mel, seed=1)["wav"]
        told = model.inference(None, feats=mel, seed=1, eta=eta, num_steps=None)["wav"]
        other = model.inference(None, feats=mel, seed=1, eta=1 - eta)["wav"]
        assert torch.equal(own, told) and not torch.equal(own, other)


def test_a_student_of_the_first_format_hears_times_as_it_was_trained():
    embeddings = {
        name: tiny(**options).denoiser.network.step_embedding
        for name, options in (
            ("teacher", dict(espnet_prodiff=1)),
            ("student", dict(espnet_prodiff=1, num_steps=3)),
            ("now", dict(num_steps=3)),
        )
    }
    raw = embeddings["student"]._sinusoids(torch.tensor([4 / 3], dtype=torch.float64))
    seen = {}
    for name, embedding in embeddings.items():
        embedding.mlp[0].register_forward_hook(
            lambda _, inputs, __, name=name: seen.update({name: inputs[0]})
        )
        embedding(torch.tensor([4 / 3], dtype=torch.float64))
    torch.testing.assert_close(seen["student"], raw.float())
    torch.testing.assert_close(seen["teacher"], seen["now"])
    assert (seen["teacher"] - seen["student"]).norm() > 1


def test_steps_and_schedules():
    model = tiny(diffusion_steps=50, num_steps=2)
    mel = torch.randn(3, N_MELS)
    for options, count in (({}, 2), ({"num_steps": 5}, 5), ({"schedule": "base6"}, 6)):
        seen = []
        model.inference(None, feats=mel, callback=seen.append, **options)
        assert len(seen) == count and seen[-1]["s"] == 0


def zero(**options):
    """An untrained network predicts no noise: every result has a closed form."""
    return tiny(trained=False, conditioning="none", diffusion_steps=50, **options)


def noise(samples, seed):
    return torch.randn(samples, generator=torch.Generator().manual_seed(seed))


def test_generation_starts_from_noise_of_the_wanted_length():
    model = zero()
    got = model.inference(None, seconds=0.05, seed=4, eta=0, temperature=0.2)["wav"]
    alpha = float(model.denoiser.schedule.alpha(50))
    expected = (0.2 * noise(round(0.05 * FS), 4) / alpha).clamp(-1, 1)
    torch.testing.assert_close(got, expected)
    assert len(model.inference(None)["wav"]) == 5 * HOP


def test_waves_are_scaled_for_the_diffusion_alone():
    seen = []
    for scale in (1.0, 16.0):
        model = tiny(wave_scale=scale)
        model.objective = lambda denoiser, x_0, *_: seen.append(x_0) or x_0.mean()
        model(**batch(300))
    torch.testing.assert_close(16 * seen[0], seen[1])

    plain, scaled, wav = zero(), zero(wave_scale=16.0), 0.01 * torch.randn(2, 100)
    torch.testing.assert_close(
        denoise(plain, wav[0], 25, sampling=Sampling(eta=0)),
        denoise(scaled, wav[0], 25, sampling=Sampling(eta=0)),
    )
    got = interpolate(scaled, *wav, 0.5, 10, sampling=Sampling(eta=0, seed=1))
    ratio = scaled.denoiser.schedule.sigma(10) / scaled.denoiser.schedule.alpha(10)
    expected = wav.mean(0) + ratio.float() * noise(100, 1) / 16
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-5)
    one, other = (m.inference(None, seed=2, eta=0)["wav"] for m in (plain, scaled))
    inside = one.abs() < 1
    torch.testing.assert_close(one[inside], 16 * other[inside])


def test_denoising_starts_in_the_middle_from_the_wave_itself():
    model, wav = zero(), 0.1 * torch.randn(100)
    got = denoise(model, wav, 25, sampling=Sampling(eta=0))
    torch.testing.assert_close(got, wav / float(model.denoiser.schedule.alpha(25)))
    for t in (0, 51, -1, float("nan")):
        with pytest.raises(ValueError, match="above 0 and at most 50"):
            denoise(model, wav, t)


def test_interpolation_blends_at_time_t():
    model = zero()
    first, second = 0.1 * torch.randn(2, 100)
    got = interpolate(model, first, second, 0.25, 10, sampling=Sampling(eta=0, seed=6))
    schedule = model.denoiser.schedule
    ratio = float(schedule.sigma(10) / schedule.alpha(10))
    expected = 0.75 * first + 0.25 * second + ratio * noise(100, 6)
    torch.testing.assert_close(got, expected.clamp(-1, 1), atol=1e-6, rtol=1e-5)
    with pytest.raises(ValueError, match="100 and 90 samples"):
        interpolate(model, first, second[:90], 0.5, 10)
    with pytest.raises(ValueError, match="weight must be between 0 and 1"):
        interpolate(model, first, second, 1.5, 10)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(conditioning="text"), "one of mel, label, none, but it is 'text'"),
        (dict(conditioning="label", num_labels=None), "num_labels .* goes with"),
        (dict(num_labels=3), "num_labels .* goes with conditioning label"),
        (dict(diffusion_scheduler="sigmoid"), "one of linear, cosine, vpsde"),
        (dict(diffusion_steps=0), "diffusion_steps .* at least 1"),
        (dict(beta_end=1.5), "0 < beta_start <= beta_end < 1"),
        (dict(beta_start=0.1), "0 < beta_start <= beta_end < 1"),
        (dict(prediction_type="score"), "prediction_type must be one of"),
        (dict(loss="huber"), "loss must be one of l2, l1"),
        (dict(loss="l1", prediction_type="v"), "must be l2 with prediction_type v"),
        (dict(wave_scale=0), "wave_scale .* greater than 0, but it is 0"),
        (dict(crop_frames=0), "crop_frames .* at least 1, but it is 0"),
        (dict(crop_frames=2.5), "crop_frames .* whole number"),
        (dict(hop_length=0), "hop_length .* at least 1"),
        (dict(num_steps=9), "num_steps must be between 1 and 8"),
        (dict(espnet_prodiff=9), "has the checkpoint format 9"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**options)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(feats=None), r"vocoder of mels \(frames, 6\), but the mel is missing"),
        (dict(feats=torch.zeros(4, 5)), r"of shape \(4, 5\)"),
        (dict(seconds=1.0), "the wave is as long as the mel"),
        (dict(num_steps=9), "between 1 and 8"),
        (dict(num_steps=2, schedule=[0.01]), "exclude each other"),
        (dict(eta=1.5), "eta is 1.5, expected 0 to 1"),
        (dict(temperature=-1), "temperature is -1"),
        (dict(solver="euler"), "one of ddim, dpmsolver"),
    ],
)
def test_bad_inference_options(options, message):
    options = {"feats": torch.zeros(4, N_MELS), **options}
    with pytest.raises(ValueError, match=message):
        tiny().inference(None, **options)


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), float("inf"), 1e-9])
def test_no_length(seconds):
    with pytest.raises(ValueError, match="seconds must be greater than 0"):
        tiny(conditioning="none").inference(None, seconds=seconds)


def test_foreign_weights_are_refused_even_where_loading_is_lenient():
    model, other = tiny(), tiny(diffwave_layers=5)
    with pytest.raises(ValueError, match="not of this DiffWave: .* missing"):
        other.load_state_dict(model.state_dict(), strict=False)
    model.load_state_dict(tiny().state_dict())


def test_the_seam_for_distillation():
    model, seen = tiny(), []

    def objective(denoiser, x_0, cond, mask, generator, batch):
        seen.append((x_0.shape, cond.shape, mask, generator, batch))
        return denoiser(x_0, 3.0, cond, mask).x_0.mean()

    model.objective = objective
    model(**batch(300))
    x_0, cond, mask, generator, _ = seen[0]
    assert isinstance(model.denoiser, Denoiser) and model.num_steps == 8
    assert x_0 == (1, 1, 5 * HOP) and cond == (1, N_MELS, 5) and mask is None
    assert generator is not None  # evaluation mode
