"""Inference of WaveGrad 2: from a text to a wave."""

import math
import warnings

import pytest
import torch

from espnet_prodiff.diffusion import ClippedDenoiser, sample
from tests.wavegrad2.factory import HOP, IDIM, make_wavegrad2

TEXT = torch.tensor([1, 2, 3])


def test_a_wave_is_as_long_as_its_durations():
    model = make_wavegrad2()
    output = model.inference(TEXT, seed=0, num_steps=2)
    assert len(output["duration"]) == 4
    assert len(output["wav"]) == HOP * output["duration"].sum()
    assert output["wav"].abs().max() <= 1


def test_teacher_forcing_uses_the_durations():
    model = make_wavegrad2()
    durations = torch.tensor([2, 0, 3, 1])
    forced = dict(durations=durations, use_teacher_forcing=True)
    output = model.inference(TEXT, **forced, seed=0, num_steps=2)
    assert torch.equal(output["duration"], durations)
    assert len(output["wav"]) == 6 * HOP
    with pytest.raises(ValueError, match="2 durations were given, expected 4"):
        model.inference(TEXT, durations=durations[:2], use_teacher_forcing=True)
    with pytest.raises(ValueError, match="must be 0 or more"):
        model.inference(TEXT, durations=durations - 1, use_teacher_forcing=True)
    with pytest.raises(ValueError, match="durations are all 0"):
        model.inference(TEXT, durations=0 * durations, use_teacher_forcing=True)


def test_alpha_scales_the_durations():
    model = make_wavegrad2()
    with torch.no_grad():  # every token four frames long
        final = model.resampling.duration_predictor.projection
        final.weight.zero_()
        final.bias.fill_(math.log(5.0))
    lengths = [
        len(model.inference(TEXT, alpha=alpha, num_steps=1)["wav"]) // HOP
        for alpha in (0.5, 1.0, 2.0)
    ]
    assert lengths == [8, 16, 32]
    with pytest.raises(ValueError, match="at most 1000: take a smaller alpha"):
        model.inference(TEXT, alpha=1e20, num_steps=1)


def test_inference_is_the_cores_sampler():
    model = make_wavegrad2(wave_scale=4.0)
    output = model.inference(TEXT, seed=3, num_steps=3, eta=0.0)
    lengths = torch.tensor([4])
    tokens = torch.tensor([[1, 2, 3, IDIM - 1]])
    frames = torch.arange(int(output["duration"].sum()))[None]
    with torch.no_grad():
        _, cond = model.condition(tokens, lengths, output["duration"][None], frames)
    samples = len(output["wav"])
    x_T = torch.randn(1, samples, generator=torch.Generator().manual_seed(3))[None]
    times = model.times(3)
    options = (model.denoiser.network, model.denoiser.schedule, "eps", "alpha")
    denoiser = ClippedDenoiser(*options, limit=4.0)
    expected = sample(denoiser, x_T, times, cond)[0, 0] / 4
    torch.testing.assert_close(
        output["wav"], expected.clamp(-1, 1), rtol=1e-4, atol=1e-5
    )


def test_a_batch_equals_its_utterances_one_by_one():
    model = make_wavegrad2(spks=3)
    texts = [TEXT, torch.tensor([4, 5]), torch.tensor([6, 7, 8, 1, 2])]
    sids = [torch.tensor([i]) for i in range(3)]
    together = model.inference_batch(texts, sids=sids, seed=1, num_steps=2)
    for text, sid, out in zip(texts, sids, together, strict=True):
        alone = model.inference(text, sids=sid, seed=1, num_steps=2)
        assert torch.equal(out["wav"], alone["wav"])


def test_steps_and_schedules():
    model = make_wavegrad2()
    assert model.num_steps == 8 and not model.is_student  # 50, but T = 8
    assert model.default_eta == 1.0
    steps = []
    model.inference(TEXT, schedule=[0.01, 0.1, 0.5], seed=0, callback=steps.append)
    assert len(steps) == 3
    student = make_wavegrad2(distilled_times=[8, 5, 0])
    assert student.default_eta == 0.0 and student.times().tolist() == [8, 5, 0]
    with pytest.raises(ValueError, match="between 1 and 8"):
        model.inference(TEXT, num_steps=9)
    with pytest.raises(ValueError, match="exclude each other"):
        model.inference(TEXT, num_steps=2, schedule=[0.01, 0.5])
    with pytest.raises(ValueError, match="must decrease strictly"):
        model.inference(TEXT, schedule=[3.0, 5.0])


def test_a_start_far_from_the_noise_prior_warns():
    model = make_wavegrad2()
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
def test_impossible_inference_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_wavegrad2().inference(TEXT, num_steps=2, **options)


def test_missing_inputs_are_named():
    with pytest.raises(ValueError, match="text is empty"):
        make_wavegrad2().inference(TEXT[:0])
    with pytest.raises(ValueError, match="lids .* but none came"):
        make_wavegrad2(langs=3).inference(TEXT)
