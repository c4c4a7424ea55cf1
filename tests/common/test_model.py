"""Steps and noise levels of a DiffusionTTS, by its options and checkpoint format."""

import pytest
import torch

from espnet_prodiff.diffusion import NoiseSchedule
from tests.prodiff.factory import make_prodiff


def alphas(model):
    schedule = model.denoiser.schedule
    return schedule.alpha(torch.arange(schedule.num_train_steps + 1))


def test_vpsde_has_the_published_levels():
    # Computed by the published formula: five betas, of which four levels are used.
    expected = [1.0, 0.664, 0.199, 0.027, 0.0016]
    assert alphas(make_prodiff()).tolist() == pytest.approx(expected, abs=1e-3)


def test_checkpoints_of_the_first_format_keep_their_meaning():
    teacher = make_prodiff(espnet_prodiff=1)
    torch.testing.assert_close(
        alphas(teacher), NoiseSchedule.vpsde(4).alpha(torch.arange(5))
    )
    assert teacher.times().tolist() == [4, 3, 2, 1, 0] and not teacher.is_student
    student = make_prodiff(espnet_prodiff=1, num_steps=3)
    torch.testing.assert_close(student.times(), NoiseSchedule.vpsde(4).timesteps(3))
    with pytest.raises(ValueError, match="format 3.* reads 1 and 2"):
        make_prodiff(espnet_prodiff=3)


def test_a_student_is_sampled_where_it_was_distilled():
    student = make_prodiff(distilled_times=[4, 2, 0])
    assert student.is_student and student.num_steps == 2
    assert student.times().tolist() == [4, 2, 0]
    with pytest.raises(ValueError, match="num_steps times and a final 0"):
        make_prodiff(distilled_times=[4, 2, 0], num_steps=3)


def test_discrete_models_take_every_step_at_whole_times():
    model = make_prodiff(diffusion_steps=8, diffusion_scheduler="cosine")
    assert model.num_steps == 8
    for num_steps in range(1, 9):
        times = model.times(num_steps)
        assert (times == times.round()).all()


def test_continuous_models_have_a_default_number_of_steps():
    options = dict(train_times="continuous", diffusion_scheduler="cosine")
    model = make_prodiff(diffusion_steps=1000, **options)
    assert model.num_steps == 8 and len(model.times(16)) == 17
    torch.testing.assert_close(model.times(), model.times(16)[::2])


def test_inference_takes_a_schedule():
    model = make_prodiff()
    seen = []
    options = dict(schedule=[4, 1], seed=0, callback=seen.append)
    model.inference(torch.tensor([1, 2, 3]), **options)
    assert [(step["t"], step["s"]) for step in seen] == [(4, 1), (1, 0)]
    with pytest.raises(ValueError, match="exclude each other"):
        model.inference(torch.tensor([1, 2, 3]), schedule=[4, 1], num_steps=2)
