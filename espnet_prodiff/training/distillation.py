"""The student's objective: its teacher's steps as targets."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from espnet_prodiff.common.model import DiffusionTTS
from espnet_prodiff.common.plugin import FORMAT_KEY
from espnet_prodiff.common.rows import lay_out
from espnet_prodiff.diffusion import (
    Denoiser,
    absolute_error,
    consistency_loss,
    distillation_loss,
    squared_error,
)
from espnet_prodiff.diffusion.distillation import GRID_TIMES
from espnet_prodiff.diffusion.weighting import LOSS_WEIGHTS
from espnet_prodiff.errors import UserError, check_choice
from espnet_prodiff.prodiff.loss import l1_ssim_error
from espnet_prodiff.training.teacher import Teacher

DISTANCES = {"l1": absolute_error, "l2": squared_error, "l1_ssim": l1_ssim_error}


class DistillationObjective:
    """Reach in one step what takes the teacher several.

    Args:
        teacher: The teacher.
        load: Loads it; called at the first training batch.
        student: The student.
        method: "progressive" (Salimans & Ho) or "consistency" (Song et al.).
        distance: "l1", "l2" or "l1_ssim".
        weight: Name of the loss weight, see ``loss_weight``.
        times: "uniform" or "landing", see ``noisy_on_grid``; for "progressive".
        averaged: Whether the training keeps a moving average of the student's weights,
            which then gives the targets of "consistency".

    Attributes:
        student_times: Times that the student is trained at and has to be sampled at,
            with the final 0.
        init_from: Weights that the student begins with, its teacher's as in Salimans &
            Ho, or None.
        shares_conditioning: Whether the student's conditioning is its teacher's.
        average_of: Average of a parameter, where the training keeps one.

    Raises:
        UserError: If an option is none of its values or the student's number of steps
            does not go with the teacher's and the method.
    """

    def __init__(
        self,
        teacher: Teacher,
        load: Callable[[Teacher], DiffusionTTS],
        student: DiffusionTTS,
        method: str,
        distance: str,
        weight: str,
        times: str = "uniform",
        averaged: bool = False,
    ) -> None:
        check_choice("distill_method", method, DISTILL_METHODS)
        check_choice("distill_distance", distance, DISTANCES)
        check_choice("distill_weight", weight, LOSS_WEIGHTS)
        check_choice("distill_times", times, GRID_TIMES)
        if distance == "l1_ssim" and not student.require_vocoder:
            raise UserError(
                "distill_distance l1_ssim is for mels: take l1 or l2 for waveforms"
            )
        if method == "consistency" and distance == "l1" and not averaged:
            raise UserError(
                "distill_method consistency with distill_distance l1 runs away from a "
                "target of its own making: use distill_distance l2, or a moving "
                "average as the target (ema_decay: 0.95), or both"
            )
        self.teacher, self.load = teacher, load
        self.method = method
        # An encoder that learns moves away from the teacher's.
        self.shares_conditioning = student.trains_denoiser_only
        timesteps = teacher_times(teacher, student)
        self.loss = DISTILL_METHODS[method](timesteps, student.num_steps, times)
        stride = teacher.num_steps // student.num_steps
        self.student_times: list[float] = timesteps[::stride].tolist()
        self.options = {"distance": DISTANCES[distance], "weight": weight}
        self.init_from: Path | None = teacher.model_file
        self.average_of: Callable[[torch.nn.Parameter], Tensor] | None = None
        self._loaded: DiffusionTTS | None = None

    def __call__(
        self,
        denoiser: Denoiser,
        x_0: Tensor,
        cond: Tensor | None,
        mask: Tensor | None,
        generator: torch.Generator | None,
        cond_inputs: dict[str, Tensor | None],
    ) -> Tensor:
        """Distillation loss of a batch; the arguments are ``DiffusionTTS.objective``'s.

        Raises:
            UserError: If student and teacher have different noise schedules.
        """
        teacher = self._teacher_for(denoiser).to(x_0.device)
        teacher_cond = None
        if not self.shares_conditioning:
            with torch.no_grad():
                _, teacher_cond = teacher.condition(**cond_inputs)
        options = dict(self.options)
        if self.method == "consistency" and self.average_of is not None:
            average = {n: self.average_of(p) for n, p in denoiser.named_parameters()}
            options["averaged"] = lambda *x: functional_call(denoiser, average, x)
        options |= {"cond": cond, "mask": mask, "teacher_cond": teacher_cond}
        models = (denoiser, teacher.sampled_denoiser())
        return self.loss(*models, x_0, generator=generator, **options)

    def _teacher_for(self, student: Denoiser) -> DiffusionTTS:
        """The frozen teacher, loaded at the first call."""
        if self._loaded is None:
            # Building a model draws random weights; the student's noise must not
            # depend on when that happens, or a resumed phase would differ.
            with torch.random.fork_rng(devices=[]):
                teacher = self.load(self.teacher)
            _require_same_schedule(student, teacher.denoiser)
            self._loaded = teacher.eval().requires_grad_(False)
            lay_out(self._loaded)
            logging.info(f"Loaded the teacher {self.teacher.model_file}")
        return self._loaded


def teacher_times(teacher: Teacher, student: DiffusionTTS) -> Tensor:
    """Times at which a teacher of the student's noise schedule is sampled."""
    distilled = teacher.conf.get("distilled_times")
    if distilled is not None and len(distilled) == teacher.num_steps + 1:
        return torch.tensor(distilled, dtype=torch.float64)
    evenly = teacher.conf.get("num_steps") == teacher.num_steps
    if evenly and teacher.conf.get(FORMAT_KEY) == 1:
        return student.denoiser.schedule.timesteps(teacher.num_steps)
    return student.sampling_times.placed(teacher.num_steps)


def distillation_of(model: Any) -> DistillationObjective | None:
    """The objective of an ``ESPnetTTSModel`` that is a student, else None."""
    ours = isinstance(model.tts, DiffusionTTS)
    objective = model.tts.objective if ours else None
    return objective if isinstance(objective, DistillationObjective) else None


def _progressive(timesteps: Tensor, student_steps: int, times: str) -> partial:
    teacher_steps = len(timesteps) - 1
    if teacher_steps % student_steps:
        raise UserError(
            f"a student's steps have to divide its teacher's {teacher_steps}, but "
            f"num_steps is {student_steps}"
        )
    return partial(
        distillation_loss,
        num_steps=student_steps,
        teacher_steps=teacher_steps // student_steps,
        timesteps=timesteps,
        times=times,
    )


def _consistency(timesteps: Tensor, student_steps: int, times: str) -> partial:
    if student_steps != 1:
        raise UserError(
            "distill_method consistency makes a student of 1 step, but num_steps is "
            f"{student_steps}: use progressive, or num_steps=1"
        )
    if times != "uniform":  # every time of the path hands on to the one before it
        raise UserError(
            f"distill_times of consistency must be uniform, but it is {times}"
        )
    return partial(consistency_loss, num_steps=len(timesteps) - 1, timesteps=timesteps)


DISTILL_METHODS = {"progressive": _progressive, "consistency": _consistency}


def _require_same_schedule(student: Denoiser, teacher: Denoiser) -> None:
    ours, theirs = student.schedule, teacher.schedule
    times = torch.arange(min(ours.num_train_steps, theirs.num_train_steps) + 1)
    if ours.num_train_steps != theirs.num_train_steps or not torch.equal(
        ours.alpha(times), theirs.alpha(times)
    ):
        raise UserError(
            "student and teacher have different noise schedules: give the student the "
            "teacher's diffusion_steps, diffusion_scheduler and their options; the "
            "steps that it is sampled in are num_steps"
        )
