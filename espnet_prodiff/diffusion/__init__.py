"""The diffusion core: torch only. No ESPnet, no audio, no files."""

from espnet_prodiff.diffusion.consistency import consistency_loss, consistency_target
from espnet_prodiff.diffusion.denoiser import ClippedDenoiser, Denoiser
from espnet_prodiff.diffusion.distillation import (
    distillation_loss,
    distillation_plan,
    distillation_target,
)
from espnet_prodiff.diffusion.loss import (
    TRAIN_TIMES,
    absolute_error,
    diffusion_loss,
    draw_times,
    squared_error,
    widened,
)
from espnet_prodiff.diffusion.parameterization import Prediction
from espnet_prodiff.diffusion.sampler import sample
from espnet_prodiff.diffusion.sampling_times import snr_times
from espnet_prodiff.diffusion.schedule import NoiseSchedule
from espnet_prodiff.diffusion.student import weights_from_teacher
from espnet_prodiff.diffusion.weighting import loss_weight

__all__ = [
    "TRAIN_TIMES",
    "ClippedDenoiser",
    "Denoiser",
    "NoiseSchedule",
    "Prediction",
    "absolute_error",
    "consistency_loss",
    "consistency_target",
    "diffusion_loss",
    "distillation_loss",
    "distillation_plan",
    "distillation_target",
    "draw_times",
    "loss_weight",
    "sample",
    "snr_times",
    "squared_error",
    "weights_from_teacher",
    "widened",
]
