"""Sampling times: by number of steps, by name, by betas or as a list.

A number of steps is placed evenly in log-SNR, see ``snr_times``. Betas of one's own are
the fast sampling of DiffWave (app. B): each of their noise scales lies between two that
the network was trained at, and so stands for a fractional time (t_align). Sampling
along these times with eta = 1 is the paper's fast sampler: the mean and the variance of
a step follow from the user's betas alone. The paper counts the times of the training
from 0, we from 1: ours are t_align + 1.
"""

import math
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from espnet_prodiff.diffusion.schedule import NoiseSchedule
from espnet_prodiff.errors import UserError


def _linear(num: int, first: float, last: float) -> tuple[float, ...]:
    return tuple(torch.linspace(first, last, num, dtype=torch.float64).tolist())


def _fibonacci(num: int, first: float) -> tuple[float, ...]:
    betas = [first, 2 * first]
    while len(betas) < num:
        betas.append(betas[-1] + betas[-2])
    return tuple(betas)


SPEECH_POWER = 0.004  # mean square of speech in [-1, 1]

FAST_SCHEDULES = {
    # Six-step samplers of DiffWave, app. B.
    "base6": (0.0001, 0.001, 0.01, 0.05, 0.2, 0.5),
    "large6": (0.0001, 0.001, 0.01, 0.05, 0.2, 0.7),
    # WaveGrad's (2009.00713, section 4); those of its 6 steps were never published.
    "wavegrad1000": _linear(1000, 1e-4, 0.005),
    "wavegrad50": _linear(50, 1e-4, 0.05),
    "wavegrad25": _fibonacci(25, 1e-6),
}
# Sampling starts at N(0, I). Where a schedule leaves more of the clean data than this
# at its first time, the network meets noise that is much too loud ...
LARGEST_PRIOR_ALPHA = 0.65
# ... and where the data are louder than this beside the noise, it misses them.
LARGEST_PRIOR_SNR = -15.0  # dB
_ROUNDING = 1e-6  # of alpha and of a time, where betas are single-precision numbers


def decibels(value: float) -> float:
    """A power ratio in dB as its natural logarithm, the unit of ``log_snr``."""
    return value * math.log(10) / 10


def snr_times(
    schedule: NoiseSchedule,
    num_steps: int,
    ends: tuple[float, float],
    *,
    whole: bool = False,
    start: float | None = None,
) -> Tensor:
    """Decreasing times, float64, (num_steps + 1,), of steps even in log-SNR.

    The first step leads from the noisiest time, where sampling starts, the others from
    log-SNRs of low + (high - low) j / N, j = 1 ... N - 1, the last of them to 0. So the
    steps of N/2 are every second one of N, wherever the schedule reaches that far.

    NOTE: ProDiff and Salimans & Ho step evenly in t. That leaves it to the schedule,
    and few such steps may all be noise: 50 even steps of WaveGrad 2's thousand never
    see speech above 3 dB.

    Args:
        schedule: The noise schedule.
        num_steps: N.
        ends: Log-SNRs low and high between which the steps lie, as far as the schedule
            has them.
        whole: The network knows whole times alone: the steps lie at the nearest ones,
            each at one of its own; as many steps as times are all of them.
        start: Where to start instead of T.

    Raises:
        UserError: If there are fewer times than steps, or no step.
    """
    schedule.timesteps(num_steps)  # checks the number
    start = float(schedule.num_train_steps if start is None else start)
    cleanest = 1.0 if whole else schedule.cleanest_time
    if whole and num_steps > math.ceil(start):
        raise UserError(
            f"{num_steps} steps from t = {start:g} are more than the whole times there"
        )
    low = max(ends[0], float(schedule.log_snr(start)))
    share = torch.arange(1, num_steps, dtype=torch.float64) / num_steps
    # The last one must not be cleaner than anything that the model was trained at.
    reach = float(schedule.log_snr(min(cleanest, start))) - low
    height = ends[1] - low if low < ends[1] else reach  # a start beyond the ends
    if num_steps > 1:
        height = min(height, reach / float(share[-1]))
    alphas = torch.sigmoid(low + max(height, 0.0) * share).sqrt()
    times = schedule.t_from_alpha(alphas.clamp(min=float(schedule.alpha(start))))
    if whole and num_steps > 1:
        # Each at a time of its own: 1 or more, 2 or more ... from the clean end.
        least = torch.arange(num_steps - 1, 0, -1, dtype=torch.float64)
        above = (times.round() - least).clamp(min=0).flip(0).cummax(0).values.flip(0)
        times = least + above.clamp(max=math.ceil(start) - num_steps)
    return torch.cat([times.new_tensor([start]), times, times.new_zeros(1)])


def resolve(
    value: str | Sequence[float],
    schedule: NoiseSchedule,
    data_power: float = SPEECH_POWER,
) -> Tensor:
    """Read a sampling schedule as times that decrease to 0, (num_steps + 1,).

    Args:
        value: A name among ``FAST_SCHEDULES``; betas, the least noisy step first, each
            in (0, 1); or decreasing times, each in [1, T], with or without a final 0.
            Betas and times may be a text: "0.0001, 0.01, 0.5".
        schedule: The model's noise schedule.
        data_power: Mean square of the data that the model diffuses. The named schedules
            were made for speech in [-1, 1]; for other data they stand for the times of
            the same SNR.

    Raises:
        UserError: If it is no name and no list of numbers, or if it leaves the range
            of noise that the model was trained at.

    Warns:
        UserWarning: If it starts far from the noise N(0, I) that sampling starts with.
    """
    times = _times(value, schedule, data_power)
    alpha = float(schedule.alpha(times[0]))
    snr = float(schedule.log_snr(times[0])) / decibels(1) + 10 * math.log10(data_power)
    if alpha > LARGEST_PRIOR_ALPHA or snr > LARGEST_PRIOR_SNR:
        warnings.warn(
            f"the sampling schedule starts where the wave still has {alpha:.3g} of its "
            f"scale, {snr:.0f} dB beside the noise, but sampling starts with noise "
            f"alone: above {LARGEST_PRIOR_ALPHA} or {LARGEST_PRIOR_SNR:.0f} dB the "
            "result is likely to be noise too. Start later: larger betas, or num_steps "
            "alone, which starts at the end of the training's schedule",
            stacklevel=2,
        )
    return times


def _times(
    value: str | Sequence[float], schedule: NoiseSchedule, data_power: float
) -> Tensor:
    if isinstance(value, str) and value in FAST_SCHEDULES:
        return times_from_betas(
            FAST_SCHEDULES[value], schedule, data_power / SPEECH_POWER
        )
    numbers = _numbers(value)
    if all(0 < number < 1 for number in numbers):
        return times_from_betas(numbers, schedule)
    if all(number == 0 or number >= 1 for number in numbers):
        return _check_times(numbers, schedule)
    raise UserError(
        "a sampling schedule is a list of betas, each between 0 and 1, or of times, "
        f"each from 1 to {schedule.num_train_steps} but for a final 0; found {numbers}"
    )


def times_from_betas(
    betas: Sequence[float], schedule: NoiseSchedule, power_ratio: float = 1.0
) -> Tensor:
    """Times at which the model's noise is that of other betas (DiffWave, app. B).

    They decrease to 0, float64, (len(betas) + 1,).

    Args:
        betas: Noise variances of the sampling steps, the least noisy first.
        schedule: The model's noise schedule.
        power_ratio: How much more power the model's data have than those that the betas
            are meant for: the times are those of the same SNR.

    Raises:
        UserError: If their noise leaves the range that the model was trained at.
    """
    total = schedule.num_train_steps
    betas = list(betas)
    if betas != sorted(betas):
        raise UserError(
            f"betas must not decrease, the least noisy step comes first: {betas}"
        )
    alphas = (1 - torch.tensor(betas, dtype=torch.float64)).cumprod(0).sqrt()
    if power_ratio != 1:
        log_snr = 2 * alphas.log() - torch.log1p(-(alphas**2))
        alphas = torch.sigmoid(log_snr - math.log(power_ratio)).sqrt()
    cleanest, noisiest = float(schedule.alpha(1)), float(schedule.alpha(total))
    # The training's own betas are the very ends: rounding must not put them outside.
    if alphas[0] > cleanest + _ROUNDING or alphas[-1] < noisiest - _ROUNDING:
        raise UserError(
            f"the betas {betas} scale the clean data by {alphas[0]:.6g} ... "
            f"{alphas[-1]:.6g}, but the model was trained from {cleanest:.6g} (t = 1, "
            f"beta = {1 - cleanest**2:.6g}) to {noisiest:.6g} (t = {total}): the first "
            f"beta must be at least {1 - cleanest**2:.6g}, and the product of all "
            f"(1 - beta) at least {noisiest**2:.6g}"
        )
    times = schedule.t_from_alpha(alphas.clamp(noisiest, cleanest)).flip(0)
    whole = times.round()
    times = torch.where((times - whole).abs() < _ROUNDING, whole, times)
    return torch.cat([times, times.new_zeros(1)])


def _numbers(value: str | Sequence[float]) -> list[float]:
    """Read a list, or a text with numbers between commas, blanks and brackets."""
    items: Sequence[str | float] = value
    if isinstance(value, str):
        items = value.strip("[]() ").replace(",", " ").split()
    try:
        numbers = [float(number) for number in items]
    except (TypeError, ValueError):
        numbers = []
    if not numbers or not all(math.isfinite(number) for number in numbers):
        raise UserError(
            f"a sampling schedule must be one of {', '.join(FAST_SCHEDULES)}, or a "
            f"list of betas or of times, but it is {value!r}"
        )
    return numbers


def _check_times(times: list[float], schedule: NoiseSchedule) -> Tensor:
    total = schedule.num_train_steps
    if times[-1] != 0:
        times = [*times, 0.0]
    steps = zip(times[:-1], times[1:], strict=True)
    if len(times) < 2 or times[0] > total or not all(t > s for t, s in steps):
        raise UserError(
            f"sampling times must decrease strictly from at most {total}, the model's "
            f"number of training steps, to at least 1 or 0, but they are {times}"
        )
    return torch.tensor(times, dtype=torch.float64)
