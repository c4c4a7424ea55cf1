"""A teacher outside its student: found by file, loaded at the first training batch."""

import logging
from pathlib import Path
from typing import Any

import torch
from espnet2.tts.abs_tts import AbsTTS
from torch import Tensor

from espnet_prodiff.diffusion import (
    Denoiser,
    absolute_error,
    distillation_loss,
    halving_plan,
    squared_error,
)
from espnet_prodiff.integration.checkpoint import file_sha256
from espnet_prodiff.integration.files import ConfigError, read_yaml
from espnet_prodiff.prodiff.loss import l1_ssim_error

DISTANCES = {"l1": absolute_error, "l2": squared_error, "l1_ssim": l1_ssim_error}


class Teacher:
    """A trained model that a student learns from.

    A plain object, not a module: as the student's attribute it is neither saved with
    it, nor optimised, nor distributed.

    Args:
        model_file: The teacher's weights; its config.yaml lies beside them.

    Raises:
        FileNotFoundError: If a file is missing.
        ConfigError: If the model is none of ours.
    """

    def __init__(self, model_file: str | Path) -> None:
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
        default = conf.get("diffusion_steps", 4)
        self.num_steps: int = conf.get("num_steps") or default
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
    """The student's objective: reach in one step what takes the teacher two.

    Args:
        teacher: The teacher.
        student: The student.
        distance: "l1", "l2" or "l1_ssim".
        weight: Name of the loss weight, see ``loss_weight``.

    Raises:
        ValueError: If an option is none of its values or the student's number of steps
            is not half of the teacher's.
    """

    def __init__(
        self, teacher: Teacher, student: AbsTTS, distance: str, weight: str
    ) -> None:
        if distance not in DISTANCES:
            raise ValueError(
                f"distill_distance must be one of {', '.join(DISTANCES)}, but it is "
                f"{distance!r}"
            )
        halving_plan(teacher.num_steps, [student.num_steps])
        self.teacher = teacher
        self.num_steps = student.num_steps
        self.shares_conditioning = student.text_side_is_frozen
        self.distance = DISTANCES[distance]
        self.weight = weight
        # Whether the student begins with the teacher's weights, as in Salimans & Ho.
        self.starts_from_teacher = True

    def __call__(
        self,
        denoiser: Denoiser,
        mel: Tensor,
        cond: Tensor,
        mask: Tensor,
        generator: torch.Generator | None,
        batch: dict[str, Tensor | None],
    ) -> Tensor:
        """Distillation loss of a batch; the arguments are ``ProDiff.objective``'s."""
        teacher = self.teacher.on(mel.device)
        teacher_cond = cond
        if not self.shares_conditioning:
            with torch.no_grad():
                _, teacher_cond = teacher.condition(**batch)
        return distillation_loss(
            denoiser,
            teacher.denoiser,
            mel,
            self.num_steps,
            cond,
            mask,
            teacher_cond=teacher_cond,
            distance=self.distance,
            weight=self.weight,
            generator=generator,
        )
