import math

import pytest
import torch

from espnet_prodiff.diffusion import NoiseSchedule
from espnet_prodiff.diffusion.sampling_times import FAST_SCHEDULES, times_from_betas
from espnet_prodiff.diffwave.search import log_mel_distance, search_schedule

BASE = NoiseSchedule.linear(50, 1e-4, 0.05)


def distance_to(target):
    """A score that is least at ``target``."""

    def score(betas):
        return sum(
            abs(math.log(a / b)) for a, b in zip(betas, target, strict=True)
        ) / len(target)

    return score


@pytest.mark.parametrize(
    "target",
    [
        (0.0003, 0.02, 0.4),
        (0.0002, 0.003, 0.04, 0.06, 0.15, 0.45),
        (0.3,),
    ],
)
def test_search_comes_near_the_best(target):
    result = search_schedule(distance_to(target), BASE, len(target), progress=False)
    assert result.score < math.log(1.2)
    assert result.score == min(result.trials.values()) == result.trials[result.betas]
    assert result == search_schedule(
        distance_to(target), BASE, len(target), progress=False
    )


def test_every_schedule_is_possible_and_tried_once():
    calls = []

    def score(betas):
        calls.append(betas)
        return distance_to((0.001, 0.01, 0.1, 0.5))(betas)

    result = search_schedule(score, BASE, 4, progress=False)
    assert len(calls) == len(set(calls)) == len(result.trials)
    for betas in calls:
        times = times_from_betas(betas, BASE)  # refuses what is out of range
        assert len(times) == 5 and list(betas) == sorted(betas)


def test_never_worse_than_the_paper_s():
    # A score with its minimum at the paper's schedule, far from any geometric series.
    result = search_schedule(
        lambda betas: float(betas != FAST_SCHEDULES["base6"]), BASE, 6, progress=False
    )
    assert result.betas == FAST_SCHEDULES["base6"] and result.score == 0


def test_progress_is_shown(capsys):
    search_schedule(distance_to((0.1,)), BASE, 1)
    assert "schedule" in capsys.readouterr().err


def test_impossible_searches_are_refused():
    with pytest.raises(ValueError, match="num_steps must be a whole number"):
        search_schedule(distance_to(()), BASE, 0)
    noisy = NoiseSchedule.from_betas(torch.tensor([0.5, 0.6]))
    with pytest.raises(ValueError, match=r"no schedule of 9 steps .*0.447214 \(t = 2"):
        search_schedule(distance_to((0.1,) * 9), noisy, 9)


def test_score_is_the_log_mel_error_of_the_waves():
    mels = [torch.full((3, 2), 1.0), torch.full((1, 2), 2.0)]
    spoken = []

    def vocode(mel, betas):
        spoken.append(betas)
        return mel.sum(1) + betas[0]  # a "wave"

    def mel_of(wave):  # one frame more than was spoken
        return torch.cat([wave, wave[-1:]])[:, None].expand(-1, 2) / 2

    # The errors are betas[0] / 2 everywhere, the extra frame does not count.
    score = log_mel_distance(vocode, mel_of, mels)
    assert score((0.5,)) == pytest.approx(0.25)
    assert spoken == [(0.5,), (0.5,)]
