"""The sampling times of one model: its own, and those of other numbers of steps."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from espnet_prodiff.diffusion.sampling_times import decibels, resolve, snr_times
from espnet_prodiff.diffusion.schedule import NoiseSchedule
from espnet_prodiff.errors import UserError


class SamplingTimes:
    """The times that one model is sampled at.

    Args:
        schedule: Its noise schedule.
        num_steps: Steps that it is sampled in unless one says otherwise.
        distilled_times: Times that a student was distilled at, with the final 0, which
            take the place of ``num_steps``.
        snr_ends: SNRs in dB between which steps are placed, see ``snr_times``.
        data_power: Mean square of the data.
        whole: Whether it was trained at whole times only.

    Attributes:
        num_steps: See above.
        distilled: The times that it was distilled at, or None.

    Raises:
        UserError: If the options contradict each other or the noise schedule.
    """

    def __init__(
        self,
        schedule: NoiseSchedule,
        num_steps: int | None,
        distilled_times: Sequence[float] | None = None,
        *,
        snr_ends: tuple[float, float],
        data_power: float = 1.0,
        whole: bool = False,
    ) -> None:
        self.schedule, self.data_power, self.whole = schedule, data_power, whole
        shift = math.log(data_power)
        self._ends = (decibels(snr_ends[0]) - shift, decibels(snr_ends[1]) - shift)
        self.distilled: Tensor | None = None
        if distilled_times is None:
            if num_steps is None:
                raise UserError("a model has num_steps or distilled_times, not neither")
            self.num_steps = num_steps
        else:
            if num_steps not in (None, len(distilled_times) - 1):
                raise UserError(
                    "distilled_times must be num_steps times and a final 0, but they "
                    f"are {list(distilled_times)} and num_steps is {num_steps}"
                )
            self.set_distilled(distilled_times)
        schedule.timesteps(self.num_steps)  # refuse an impossible number at once

    def set_distilled(self, times: Sequence[float]) -> None:
        """Make it the times of a student that is trained and sampled at these.

        Raises:
            UserError: If they do not decrease to 0 or the noise schedule lacks them.
        """
        distilled = torch.tensor(list(times), dtype=torch.float64)
        if len(distilled) < 2 or distilled[-1] != 0 or not (distilled.diff() < 0).all():
            raise UserError(
                "distilled_times must decrease to a final 0, but they are "
                f"{list(times)}"
            )
        self.schedule.alpha(distilled)  # refuses times outside
        self.distilled, self.num_steps = distilled, len(distilled) - 1

    def __call__(
        self,
        num_steps: int | None = None,
        schedule: str | Sequence[float] | None = None,
    ) -> Tensor:
        """Decreasing sampling times that end at 0, (num_steps + 1,).

        A student's are those that it was distilled at; any other number of steps is
        placed by SNR.

        Args:
            num_steps: Number of steps; default: the model's own.
            schedule: Steps at other places instead, see ``resolve``.

        Raises:
            UserError: If they are outside the range of the noise schedule, or both
                arguments are given.
        """
        if schedule is None:
            if self.distilled is not None and num_steps in (None, self.num_steps):
                return self.distilled
            return self.placed(self.num_steps if num_steps is None else num_steps)
        if num_steps is not None:
            raise UserError(
                f"num_steps ({num_steps}) and schedule ({schedule}) exclude each other:"
                " a schedule has its own number of steps"
            )
        return resolve(schedule, self.schedule, self.data_power)

    def starting_at(self, t: float, num_steps: int | None = None) -> Tensor:
        """Times from t down to 0; default: as many steps as the model's own below t.

        Raises:
            UserError: If t or ``num_steps`` is outside its range.
        """
        total = self.schedule.num_train_steps
        if not 0 < t <= total:
            raise UserError(f"t must be above 0 and at most {total}, but it is {t}")
        if num_steps is None:
            times = self()
            num_steps = max(1, int(((times > 0) & (times <= t)).sum()))
        return self.placed(num_steps, t)

    def placed(self, num_steps: int, start: float | None = None) -> Tensor:
        """Times evenly spaced in log-SNR, whatever the model was distilled at."""
        return snr_times(
            self.schedule, num_steps, self._ends, whole=self.whole, start=start
        )
