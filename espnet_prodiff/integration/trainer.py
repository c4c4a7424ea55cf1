"""ESPnet's trainer for teachers and students."""

from typing import Any

from espnet2.train.abs_espnet_model import AbsESPnetModel
from espnet2.train.trainer import Trainer

from espnet_prodiff.integration.checkpoint import load_model_weights
from espnet_prodiff.integration.teacher import DistillationObjective


class DiffusionTrainer(Trainer):
    """Starts a student from its teacher; a diverged training fails, not just stops."""

    @classmethod
    def run(cls, model: AbsESPnetModel, *args: Any, **kwargs: Any) -> None:
        """Train as ESPnet does; a checkpoint to resume from replaces the start."""
        objective = getattr(model.tts, "objective", None)
        if isinstance(objective, DistillationObjective):
            if objective.starts_from_teacher:
                load_model_weights(model, objective.teacher.model_file)
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
