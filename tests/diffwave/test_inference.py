"""Inference of DiffWave: waves from noise, denoising, interpolation."""

import pytest
import torch

from espnet_prodiff.common.sampling import Sampling
from espnet_prodiff.diffusion import sample
from espnet_prodiff.diffwave.inference import denoise, interpolate
from tests.diffwave.factory import FS, HOP, N_MELS, make_diffwave


@pytest.mark.parametrize("conditioning", ["mel", "label", "none"])
def test_a_batch_equals_its_utterances_one_by_one(conditioning):
    model = make_diffwave(conditioning=conditioning)
    random = torch.Generator().manual_seed(5)
    mels = [torch.randn(7 + i, N_MELS, generator=random) for i in range(3)]
    labels = [torch.tensor([i]) for i in range(3)]
    inputs = {"mel": {"feats": mels}, "label": {"sids": labels}, "none": {}}
    inputs = inputs[conditioning]
    options = {} if conditioning == "mel" else {"seconds": 0.01}

    def one_by_one(seed):
        rows = [{name: values[i] for name, values in inputs.items()} for i in range(3)]
        outputs = [model.inference(None, **row, **options, seed=seed) for row in rows]
        return [output["wav"] for output in outputs]

    alone = one_by_one(seed=0)
    together = model.inference_batch([None] * 3, **inputs, **options, seed=0)
    for wav, output in zip(alone, together, strict=True):
        assert torch.equal(wav, output["wav"])
    lengths = [len(mel) * HOP for mel in mels] if conditioning == "mel" else [80] * 3
    assert [len(wav) for wav in alone] == lengths
    assert not torch.equal(alone[0], one_by_one(seed=1)[0])
    assert all(wav.abs().max() <= 1 for wav in alone)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_inference_is_the_sampler_on_the_plain_network(eta):
    model = make_diffwave(wave_scale=100.0)  # nothing reaches it, so nothing is clipped
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


def test_sampling_is_ancestral_unless_distilled():
    mel = torch.randn(3, N_MELS)
    for model, eta in (
        (make_diffwave(), 1.0),
        (make_diffwave(distilled_times=[4, 2, 0]), 0.0),
    ):
        assert model.default_eta == eta
        default = model.inference(None, feats=mel, seed=1)["wav"]
        same = model.inference(None, feats=mel, seed=1, eta=eta, num_steps=None)["wav"]
        other = model.inference(None, feats=mel, seed=1, eta=1 - eta)["wav"]
        assert torch.equal(default, same) and not torch.equal(default, other)


def test_steps_and_schedules():
    model = make_diffwave(diffusion_steps=50, num_steps=2)
    mel = torch.randn(3, N_MELS)
    for options, count in (({}, 2), ({"num_steps": 5}, 5), ({"schedule": "base6"}, 6)):
        seen = []
        model.inference(None, feats=mel, callback=seen.append, **options)
        assert len(seen) == count and seen[-1]["s"] == 0


def make_zero(**options):
    """A network that predicts no noise, so that every result has a closed form."""
    return make_diffwave(
        trained=False, conditioning="none", diffusion_steps=50, **options
    )


def noise(samples, seed):
    return torch.randn(samples, generator=torch.Generator().manual_seed(seed))


def test_generation_starts_from_noise_of_the_length_asked_for():
    model = make_zero()
    got = model.inference(None, seconds=0.05, seed=4, eta=0, temperature=0.2)["wav"]
    alpha = float(model.denoiser.schedule.alpha(50))
    expected = (0.2 * noise(round(0.05 * FS), 4) / alpha).clamp(-1, 1)
    torch.testing.assert_close(got, expected)
    assert len(model.inference(None)["wav"]) == 5 * HOP


def test_wave_scale_does_not_scale_the_output():
    plain, scaled = make_zero(), make_zero(wave_scale=16.0)
    wav = 0.01 * torch.randn(2, 100)
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
    model, wav = make_zero(), 0.1 * torch.randn(100)
    got = denoise(model, wav, 25, sampling=Sampling(eta=0))
    torch.testing.assert_close(got, wav / float(model.denoiser.schedule.alpha(25)))
    for t in (0, 51, -1, float("nan")):
        with pytest.raises(ValueError, match="above 0 and at most 50"):
            denoise(model, wav, t)


def test_interpolation_blends_at_time_t():
    model = make_zero()
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
def test_impossible_inference_options_are_refused(options, message):
    options = {"feats": torch.zeros(4, N_MELS), **options}
    with pytest.raises(ValueError, match=message):
        make_diffwave().inference(None, **options)


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), float("inf"), 1e-9])
def test_impossible_lengths_are_refused(seconds):
    with pytest.raises(ValueError, match="seconds must be greater than 0"):
        make_diffwave(conditioning="none").inference(None, seconds=seconds)


@pytest.mark.parametrize(
    "label, message",
    [(torch.tensor([-1]), r"0 ... 3.*\[-1\]"), (None, "the label is missing")],
)
def test_labels_are_checked(label, message):
    with pytest.raises(ValueError, match=message):
        make_diffwave(conditioning="label").inference(None, sids=label)
