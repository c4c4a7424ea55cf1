"""The diffusion core: torch only. No ESPnet, no audio, no files."""

from espnet_prodiff.diffusion.denoiser import Denoiser
from espnet_prodiff.diffusion.distillation import (
    distillation_loss,
    distillation_target,
    halving_plan,
)
from espnet_prodiff.diffusion.loss import (
    absolute_error,
    diffusion_loss,
    squared_error,
)
from espnet_prodiff.diffusion.parameterization import Prediction
from espnet_prodiff.diffusion.sampler import sample
from espnet_prodiff.diffusion.schedule import NoiseSchedule
from espnet_prodiff.diffusion.weighting import loss_weight

__all__ = [
    "Denoiser",
    "NoiseSchedule",
    "Prediction",
    "absolute_error",
    "diffusion_loss",
    "distillation_loss",
    "distillation_target",
    "halving_plan",
    "loss_weight",
    "sample",
    "squared_error",
]
