"""ESPnet's trainer for teachers and students."""

import logging
from pathlib import Path
from typing import Any

from espnet2.train.abs_espnet_model import AbsESPnetModel
from espnet2.train.trainer import Trainer

from espnet_prodiff.diffusion import weights_from_teacher
from espnet_prodiff.fileio.checkpoint import fit_weights, load_weights
from espnet_prodiff.training.distillation import distillation_of

NETWORK = "tts.denoiser.network."


def init_student(model: AbsESPnetModel, model_file: Path) -> None:
    """Give a student its teacher's weights, as many of them as fit its network.

    Raises:
        UserError: If the student has more layers than its teacher.
        CheckpointError: If the teacher's other parts do not fit the student.
    """
    weights = load_weights(model_file)
    network = model.tts.denoiser.network
    initial = network.state_dict()
    theirs = {k[len(NETWORK) :]: v for k, v in weights.items() if k.startswith(NETWORK)}
    inherited = weights_from_teacher(
        initial, theirs, model.tts.layer_major, model.tts.channel_axes
    )
    others = {k: v for k, v in weights.items() if not k.startswith(NETWORK)}
    states = {NETWORK + name: value for name, value in (initial | inherited).items()}
    fit_weights(model, others | states, model_file)
    fresh = [name for name in initial if name not in inherited]
    logging.info(
        f"The student starts with {len(inherited)} of its denoiser's {len(initial)} "
        f"weights from {model_file}; at random start: {', '.join(fresh) or 'none'}"
    )


class DiffusionTrainer(Trainer):
    """Starts a student from its teacher; a diverged training fails, not just stops."""

    @classmethod
    def run(cls, model: AbsESPnetModel, *args: Any, **kwargs: Any) -> None:
        """Train as ESPnet does; a checkpoint to resume from replaces the start."""
        objective = distillation_of(model)
        if objective is not None and objective.init_from is not None:
            init_student(model, objective.init_from)
        super().run(model, *args, **kwargs)

    @classmethod
    def train_one_epoch(cls, *args: Any, **kwargs: Any) -> bool:
        """Train one epoch as ESPnet does.

        Raises:
            RuntimeError: If not one update of the epoch had finite gradients.
        """
        all_steps_are_invalid = super().train_one_epoch(*args, **kwargs)
        if all_steps_are_invalid:
            raise RuntimeError(
                "training diverged: every update of this epoch had a non-finite "
                "gradient. The files of the epochs before are intact; lower the "
                "learning rate or check the data, then run stage 7 again"
            )
        return all_steps_are_invalid
