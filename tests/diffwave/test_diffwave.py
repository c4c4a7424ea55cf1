"""DiffWave as a model: its loss, its options, its checkpoints."""

import math

import pytest
import torch

from espnet_prodiff.diffusion import Denoiser
from tests.diffwave.factory import HOP, N_MELS, make_batch, make_diffwave


@pytest.mark.parametrize("conditioning", ["mel", "label", "none"])
@pytest.mark.parametrize("prediction_type", ["eps", "v"])
def test_every_parameter_gets_a_gradient(conditioning, prediction_type):
    model = make_diffwave(
        conditioning=conditioning, prediction_type=prediction_type
    ).train()
    loss, stats, weight = model(**make_batch((13, 2)))
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
    model = make_diffwave(trained=False, loss=loss, crop_frames=60)
    got, _, _ = model(**make_batch([61] * 8))
    assert got.item() == pytest.approx(expected, rel=0.03)


def test_loss_of_v_does_not_fade_where_the_data_are_noise():
    """Untrained v = 0 errs by v itself: alpha^2 + sigma^2 * power, about 1 / 2."""
    model = make_diffwave(
        trained=False, prediction_type="v", crop_frames=60, diffusion_scheduler="cosine"
    )
    data = make_batch([61] * 8)
    got, _, _ = model(**data)
    t = torch.arange(1, 9)
    alpha, sigma = model.denoiser.schedule.alpha(t), model.denoiser.schedule.sigma(t)
    expected = (alpha**2 + sigma**2 * 0.09).mean()
    assert got.item() == pytest.approx(expected.item(), rel=0.25)  # eight draws of t


def test_validation_losses_repeat_and_training_losses_do_not():
    model, data = make_diffwave(), make_batch()
    assert model(**data)[0] == model(**data)[0]
    model.train()
    assert model(**data)[0] != model(**data)[0]


def test_padding_does_not_change_the_loss():
    model, data = make_diffwave(), make_batch((19, 3))
    expected = model(**data)[0]
    data["speech"][1, data["speech_lengths"][1] :] = 100.0
    data["feats"][1, 3:] = 100.0
    assert model(**data)[0] == expected
    alone = model(**make_batch((1,)))[0]  # shorter than a frame
    assert torch.isfinite(alone)


def test_silence_has_a_finite_loss():
    data = make_batch((19,))
    data["speech"].zero_()
    assert torch.isfinite(make_diffwave()(**data)[0])


def test_mels_of_an_acoustic_model_take_the_place_of_the_recordings():
    model, data = make_diffwave(), make_batch()
    mels = torch.randn(data["feats"].shape)
    as_durations = dict(durations=mels, durations_lengths=data["feats_lengths"])
    loss = model(**data, **as_durations)[0]
    assert loss == model(**{**data, "feats": mels})[0] != model(**data)[0]
    # Durations of tokens are ignored.
    durations = dict(durations=torch.ones(2, 3), durations_lengths=torch.tensor([3, 3]))
    assert model(**data, **durations)[0] == model(**data)[0]


def test_a_hop_of_other_features_is_refused():
    data = make_batch((19,))
    data["feats_lengths"] += 1
    with pytest.raises(ValueError, match=r"291\] samples with a hop of 16 .*\[19\]"):
        make_diffwave()(**data)


def test_students_of_the_first_format_embed_times_as_in_training():
    embeddings = {
        name: make_diffwave(**options).denoiser.network.step_embedding
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
def test_impossible_constructor_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_diffwave(**options)


def test_foreign_weights_are_refused_even_where_loading_is_lenient():
    model, other = make_diffwave(), make_diffwave(diffwave_layers=5)
    with pytest.raises(ValueError, match="not of this DiffWave: .* missing"):
        other.load_state_dict(model.state_dict(), strict=False)
    model.load_state_dict(make_diffwave().state_dict())


def test_labels_are_checked():
    model = make_diffwave(conditioning="label")
    data = make_batch()
    data["sids"][1] = 4
    with pytest.raises(ValueError, match=r"labels must lie in 0 ... 3.*\[0, 4\]"):
        model(**data)
    with pytest.raises(ValueError, match="--use_sid true"):
        model(**{**data, "sids": None})


def test_the_diffusion_runs_on_scaled_waves():
    seen = []
    for scale in (1.0, 16.0):
        model = make_diffwave(wave_scale=scale)
        model.objective = lambda denoiser, x_0, *_: seen.append(x_0) or x_0.mean()
        model(**make_batch((19,)))
    torch.testing.assert_close(16 * seen[0], seen[1])


def test_the_objective_can_be_replaced():
    model, seen = make_diffwave(), []

    def objective(denoiser, x_0, cond, mask, generator, batch):
        seen.append((x_0.shape, cond.shape, mask, generator, batch))
        return denoiser(x_0, 3.0, cond, mask).x_0.mean()

    model.objective = objective
    model(**make_batch((19,)))
    x_0, cond, mask, generator, _ = seen[0]
    assert isinstance(model.denoiser, Denoiser) and model.num_steps == 8
    assert x_0 == (1, 1, 5 * HOP) and cond == (1, N_MELS, 5) and mask is None
    assert generator is not None  # evaluation mode
