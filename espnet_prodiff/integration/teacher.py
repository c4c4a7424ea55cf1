"""A teacher outside its student: found by file, loaded at the first training batch."""

import logging
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from espnet2.tts.abs_tts import AbsTTS
from torch import Tensor
from torch.func import functional_call

from espnet_prodiff.diffusion import (
    Denoiser,
    Prediction,
    absolute_error,
    consistency_loss,
    distillation_loss,
    squared_error,
)
from espnet_prodiff.diffusion.distillation import GRID_TIMES
from espnet_prodiff.diffusion.weighting import LOSS_WEIGHTS
from espnet_prodiff.integration.checkpoint import file_sha256
from espnet_prodiff.integration.files import ConfigError, read_yaml
from espnet_prodiff.integration.registry import num_train_steps, own_num_steps
from espnet_prodiff.prodiff.loss import l1_ssim_error

DISTANCES = {"l1": absolute_error, "l2": squared_error, "l1_ssim": l1_ssim_error}


class Teacher:
    """A trained model that a student learns from.

    A plain object, not a module: as the student's attribute it is neither saved with
    it, nor optimised, nor distributed.

    Args:
        model_file: The teacher's weights; its config.yaml lies beside them.
        num_steps: Steps that it is sampled with; default: its own.

    Raises:
        FileNotFoundError: If a file is missing.
        ConfigError: If the model is none of ours or cannot be sampled so.
    """

    def __init__(self, model_file: str | Path, num_steps: int | None = None) -> None:
        self.model_file = Path(model_file)
        if not self.model_file.is_file():
            raise FileNotFoundError(f"teacher_model_file {model_file} does not exist")
        self.config_file = self.model_file.parent / "config.yaml"
        self.config = read_yaml(self.config_file, "config of the teacher")
        conf = self.config.get("tts_conf") or {}
        if "espnet_prodiff" not in conf:
            raise ConfigError(
                f"the teacher {model_file} was not trained by espnet_prodiff: its tts "
                f"is {self.config.get('tts')}, its tts_conf has no key espnet_prodiff. "
                "Train one with --tts prodiff through python3 -m espnet_prodiff"
            )
        total = num_train_steps(self.config)
        self.num_steps: int = num_steps or own_num_steps(self.config)
        if not 1 <= self.num_steps <= total:
            raise ConfigError(
                f"the teacher {model_file} can be sampled in 1 to {total} steps, but "
                f"teacher_num_steps is {self.num_steps}"
            )
        self.conf = conf
        self.is_student = conf.get("distilled_times") is not None or (
            conf["espnet_prodiff"] == 1 and conf.get("num_steps") is not None
        )
        self._tts: AbsTTS | None = None

    def record(self) -> dict[str, Any]:
        """What identifies the teacher: file, hash of the weights, steps."""
        return {
            "teacher_model_file": str(self.model_file),
            "teacher_sha256": file_sha256(self.model_file),
            "teacher_num_steps": self.num_steps,
        }

    def on(self, device: torch.device) -> AbsTTS:
        """The frozen model on ``device``, loaded at the first call."""
        if self._tts is None:
            from espnet_prodiff.integration.task import DiffusionTTSTask

            # Building a model draws random weights; the student's noise must not
            # depend on when that happens, or a resumed phase would differ.
            with torch.random.fork_rng(devices=[]):
                model, _ = DiffusionTTSTask.build_model_from_file(
                    self.config_file, self.model_file
                )
            self._tts = model.tts.eval().requires_grad_(False)
            logging.info(f"Loaded the teacher {self.model_file}")
        return self._tts.to(device)


class DistillationObjective:
    """The student's objective: reach in one step what takes the teacher several.

    Args:
        teacher: The teacher.
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

    Raises:
        ValueError: If an option is none of its values or the student's number of steps
            does not go with the teacher's and the method.
    """

    def __init__(
        self,
        teacher: Teacher,
        student: AbsTTS,
        method: str,
        distance: str,
        weight: str,
        times: str = "uniform",
        averaged: bool = False,
    ) -> None:
        _require("distill_method", method, DISTILL_METHODS)
        _require("distill_distance", distance, DISTANCES)
        if distance == "l1_ssim" and not student.require_vocoder:
            raise ValueError(
                "distill_distance l1_ssim is for mels: take l1 or l2 for a model of "
                "waves"
            )
        _require("distill_weight", weight, LOSS_WEIGHTS)
        _require("distill_times", times, GRID_TIMES)
        self.teacher = teacher
        # A text side that learns moves away from the teacher's.
        self.shares_conditioning = getattr(student, "text_side_is_frozen", True)
        if method == "consistency" and distance == "l1" and not averaged:
            raise ValueError(
                "distill_method consistency with distill_distance l1 runs away from a "
                "target of its own making: use distill_distance l2, or a moving "
                "average as the target (ema_decay: 0.95), or both"
            )
        timesteps = student.times_of_teacher(teacher.conf, teacher.num_steps)
        self.loss = DISTILL_METHODS[method](timesteps, student.num_steps, times)
        each = teacher.num_steps // student.num_steps
        self.student_times: list[float] = timesteps[::each].tolist()
        self.options = {"distance": DISTANCES[distance], "weight": weight}
        self.method = method
        # Given by the task where the training keeps a moving average.
        self.average_of: Callable[[torch.nn.Parameter], Tensor] | None = None
        self._checked = False
        # The weights that the student begins with: its teacher's, as in Salimans & Ho.
        self.start_file: Path | None = teacher.model_file

    def __call__(
        self,
        denoiser: Denoiser,
        x_0: Tensor,
        cond: Tensor,
        mask: Tensor,
        generator: torch.Generator | None,
        batch: dict[str, Tensor | None],
    ) -> Tensor:
        """Distillation loss of a batch; the arguments are ``ProDiff.objective``'s.

        Raises:
            ValueError: If student and teacher have different noise schedules.
        """
        teacher = self.teacher.on(x_0.device)
        if not self._checked:
            _require_same_schedule(denoiser, teacher.denoiser)
            self._checked = True
        teacher_cond = None
        if not self.shares_conditioning:
            with torch.no_grad():
                _, teacher_cond = teacher.condition(**batch)
        sampled = getattr(teacher, "sampled_denoiser", lambda: teacher.denoiser)
        options = dict(self.options)
        if self.method == "consistency" and self.average_of is not None:
            average = {n: self.average_of(p) for n, p in denoiser.named_parameters()}
            options["averaged"] = partial(_call_with, denoiser, average)
        return self.loss(
            denoiser,
            sampled(),
            x_0,
            cond=cond,
            mask=mask,
            teacher_cond=teacher_cond,
            generator=generator,
            **options,
        )


def _call_with(
    denoiser: Denoiser, weights: dict[str, Tensor], *inputs: Any
) -> Prediction:
    """Call a denoiser with other weights than its own."""
    return functional_call(denoiser, weights, inputs)


def _progressive(
    timesteps: Tensor, student_steps: int, times: str
) -> Callable[..., Tensor]:
    teacher_steps = len(timesteps) - 1
    if teacher_steps % student_steps:
        raise ValueError(
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


def _consistency(
    timesteps: Tensor, student_steps: int, times: str
) -> Callable[..., Tensor]:
    if student_steps != 1:
        raise ValueError(
            "distill_method consistency makes a student of 1 step, but num_steps is "
            f"{student_steps}: use progressive, or num_steps=1"
        )
    if times != "uniform":  # every time of the path hands on to the one before it
        raise ValueError(
            f"distill_times of consistency must be uniform, but it is {times}"
        )
    return partial(consistency_loss, num_steps=len(timesteps) - 1, timesteps=timesteps)


DISTILL_METHODS = {"progressive": _progressive, "consistency": _consistency}


def _require(name: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise ValueError(
            f"{name} must be one of {', '.join(known)}, but it is {value!r}"
        )


def _require_same_schedule(student: Denoiser, teacher: Denoiser) -> None:
    ours, theirs = student.schedule, teacher.schedule
    times = torch.arange(min(ours.num_train_steps, theirs.num_train_steps) + 1)
    if ours.num_train_steps != theirs.num_train_steps or not torch.equal(
        ours.alpha(times), theirs.alpha(times)
    ):
        raise ValueError(
            "student and teacher have different noise schedules: give the student the "
            "teacher's diffusion_steps, diffusion_scheduler and their options; the "
            "steps that it is sampled in are num_steps"
        )
