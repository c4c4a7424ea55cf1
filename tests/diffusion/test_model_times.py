"""Sampling times of one model: a teacher's, a student's, from the middle."""

import pytest
import torch

from espnet_prodiff.diffusion import NoiseSchedule
from espnet_prodiff.diffusion.model_times import SamplingTimes
from espnet_prodiff.diffusion.sampling_times import SPEECH_POWER, decibels, resolve

ENDS = (-30.0, 30.0)
PRODIFF = NoiseSchedule(NoiseSchedule.vpsde(5).alpha(torch.arange(5)))
COSINE = NoiseSchedule.cosine(8)


def student_times(distilled_times, num_steps=None):
    return SamplingTimes(PRODIFF, num_steps, distilled_times, snr_ends=ENDS, whole=True)


def test_students_keep_the_times_of_their_distillation():
    times = student_times([4, 2, 0])
    assert times.num_steps == 2 and times.distilled.tolist() == [4, 2, 0]
    assert times().tolist() == times(2).tolist() == [4, 2, 0]
    assert len(times(3)) == 4 and len(times(1)) == 2


@pytest.mark.parametrize(
    "distilled_times, message",
    [
        ([4, 2], "decrease to a final 0"),
        ([4, 4, 0], "decrease to a final 0"),
        ([3.5, 4, 0], "decrease to a final 0"),
        ([2, 4, 0], "decrease to a final 0"),
        ([0], "decrease to a final 0"),
        ([5, 2, 0], r"\[0, 4\]"),
    ],
)
def test_impossible_distilled_times_are_refused(distilled_times, message):
    with pytest.raises(ValueError, match=message):
        student_times(distilled_times)


def test_a_student_of_one_step():
    times = student_times([4, 0])
    assert times.distilled.dtype == torch.float64
    assert times().tolist() == [4, 0] and times.num_steps == 1


def test_ends_are_snrs_of_data_of_any_power():
    # Of a tenth of the power: 10 dB noisier at the same log-SNR of the schedule.
    times = SamplingTimes(COSINE, 4, snr_ends=(-20.0, 20.0), data_power=0.1)()
    levels = COSINE.log_snr(times[1:-1]) / decibels(1)
    expected = torch.tensor([0.0, 10.0, 20.0], dtype=torch.float64)
    torch.testing.assert_close(levels, expected, rtol=0, atol=1e-6)
    plain = SamplingTimes(COSINE, 4, snr_ends=(-10.0, 30.0))()
    torch.testing.assert_close(plain, times)  # power 1 and any time by default
    base, power = NoiseSchedule.linear(50, 1e-4, 0.05), 1.1 * SPEECH_POWER
    louder = SamplingTimes(base, 4, snr_ends=ENDS, data_power=power)(schedule="base6")
    assert torch.equal(louder, resolve("base6", base, power))
    assert not torch.equal(louder, resolve("base6", base))


def test_num_steps_must_agree_with_the_distilled_times():
    assert student_times([4, 2, 0], num_steps=2).num_steps == 2
    with pytest.raises(ValueError, match="num_steps times and a final 0"):
        student_times([4, 2, 0], num_steps=3)


@pytest.mark.parametrize("num_steps", range(1, 9))
def test_whole_times_in_every_number_of_steps(num_steps):
    times = SamplingTimes(COSINE, 8, snr_ends=ENDS, whole=True)(num_steps)
    assert times[0] == 8 and times[-1] == 0 and len(times) == num_steps + 1
    assert (times == times.round()).all() and (times.diff() <= -1).all()


def test_a_start_in_the_middle_takes_the_steps_below_it():
    times = SamplingTimes(COSINE, 8, snr_ends=ENDS, whole=True)
    assert times.starting_at(3.0).tolist() == [3, 2, 1, 0]
    assert len(times.starting_at(6.5, num_steps=2)) == 3
    assert len(times.starting_at(0.5)) == 2  # at least one step
    assert times.starting_at(8).tolist() == times().tolist()
    for t in (0, 9, float("nan")):
        with pytest.raises(ValueError, match="above 0 and at most 8"):
            times.starting_at(t)


def test_num_steps_and_a_schedule_exclude_each_other():
    times = SamplingTimes(PRODIFF, 4, snr_ends=ENDS, whole=True)
    assert times(schedule=[4, 1]).tolist() == [4, 1, 0]
    with pytest.raises(ValueError, match="exclude each other"):
        times(2, [4, 1])
