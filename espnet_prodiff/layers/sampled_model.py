"""Where a model is sampled: at its own times, in another number of steps, by name."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from espnet_prodiff.diffusion import Denoiser
from espnet_prodiff.diffusion.sampling_times import decibels, resolve, snr_times


class SampledModel:
    """What every model here offers for sampling and distillation.

    Attributes:
        denoiser: Network, noise schedule and prediction.
        num_steps: Steps that it is sampled in unless one says otherwise.
        data_power: Mean square of the data that it diffuses.
        snr_ends: SNRs in dB between which steps are placed, see ``snr_times``.
        default_num_steps: Steps of a model that was trained at continuous times; one of
            discrete times is sampled at all of them.
    """

    denoiser: Denoiser
    num_steps: int
    data_power: float
    snr_ends: tuple[float, float]
    default_num_steps: int

    def set_steps(
        self,
        num_steps: int | None,
        distilled_times: Sequence[float] | None,
        train_times: str,
        checkpoint_format: int,
    ) -> None:
        """Take over the constructor's options of sampling.

        Args:
            num_steps: Of the constructor.
            distilled_times: Likewise.
            train_times: "discrete" or "continuous".
            checkpoint_format: In format 1 a ``num_steps`` stands for even times.

        Raises:
            ValueError: If the two contradict each other or the noise schedule.
        """
        schedule = self.denoiser.schedule
        self._whole = train_times == "discrete"
        self._own_times: Tensor | None = None
        given = num_steps is not None
        if not given and distilled_times is None:
            num_steps = self.steps_by_default(schedule.num_train_steps, train_times)
        self.num_steps = num_steps
        if distilled_times is not None:
            if num_steps not in (None, len(distilled_times) - 1):
                raise ValueError(
                    "distilled_times must be num_steps times and a final 0, but they "
                    f"are {list(distilled_times)} and num_steps is {num_steps}"
                )
            self.set_distilled_times(distilled_times)
        elif given and checkpoint_format == 1:
            self.set_distilled_times(schedule.timesteps(num_steps).tolist())
        schedule.timesteps(self.num_steps)  # refuse an impossible number at once

    @classmethod
    def steps_by_default(cls, num_train_steps: int, train_times: str) -> int:
        """Steps of a model with T ``num_train_steps`` that names no number itself."""
        if train_times == "discrete":
            return num_train_steps
        return min(cls.default_num_steps, num_train_steps)

    @property
    def is_student(self) -> bool:
        """Whether it was distilled."""
        return self._own_times is not None

    def set_distilled_times(self, times: Sequence[float]) -> None:
        """Make it a student that is trained and sampled at these times.

        Raises:
            ValueError: If they do not decrease to 0 or the noise schedule lacks them.
        """
        own = torch.tensor(list(times), dtype=torch.float64)
        if len(own) < 2 or own[-1] != 0 or not (own.diff() < 0).all():
            raise ValueError(
                "distilled_times must decrease to a final 0, but they are "
                f"{list(times)}"
            )
        self.denoiser.schedule.alpha(own)  # refuses times outside
        self._own_times, self.num_steps = own, len(own) - 1

    def times_of_teacher(self, conf: Mapping[str, Any], num_steps: int) -> Tensor:
        """Times at which a teacher of the same noise schedule is sampled.

        Args:
            conf: Its ``tts_conf``.
            num_steps: Steps that it is sampled in.
        """
        distilled = conf.get("distilled_times")
        if distilled is not None and len(distilled) == num_steps + 1:
            return torch.tensor(distilled, dtype=torch.float64)
        if conf.get("espnet_prodiff") == 1 and conf.get("num_steps") == num_steps:
            return self.denoiser.schedule.timesteps(num_steps)
        return self._placed(num_steps)

    def times(
        self,
        num_steps: int | None = None,
        schedule: str | Sequence[float] | None = None,
    ) -> Tensor:
        """Decreasing sampling times that end at 0, (num_steps + 1,).

        A student's are those that it was distilled at; any other number of steps is
        placed by SNR.

        Raises:
            ValueError: If they are outside the range of the noise schedule, or both
                arguments are given.
        """
        if schedule is None:
            if self._own_times is not None and num_steps in (None, self.num_steps):
                return self._own_times
            return self._placed(self.num_steps if num_steps is None else num_steps)
        if num_steps is not None:
            raise ValueError(
                f"num_steps ({num_steps}) and schedule ({schedule}) exclude each other:"
                " a schedule has its own number of steps"
            )
        return resolve(schedule, self.denoiser.schedule, self.data_power)

    def times_from(self, t: float, num_steps: int | None = None) -> Tensor:
        """Times from t down to 0; default: as many steps as the model's own below t.

        Raises:
            ValueError: If t or ``num_steps`` is outside its range.
        """
        total = self.denoiser.schedule.num_train_steps
        if not 0 < t <= total:
            raise ValueError(f"t must be above 0 and at most {total}, but it is {t}")
        if num_steps is None:
            own = self.times()
            num_steps = max(1, int(((own > 0) & (own <= t)).sum()))
        return self._placed(num_steps, t)

    def _placed(self, num_steps: int, start: float | None = None) -> Tensor:
        shift = math.log(self.data_power)
        low, high = (decibels(end) - shift for end in self.snr_ends)
        return snr_times(
            self.denoiser.schedule,
            num_steps,
            (low, high),
            whole=self._whole,
            start=start,
        )
