"""A model that takes no checkpoint but its own."""

from collections.abc import Collection
from typing import Any

from torch import nn

# Version of the checkpoint format; config.yaml carries it to tell our models apart.
# In format 1 ProDiff's vpsde has T betas, and a num_steps stands for even steps in t.
FORMAT_KEY = "espnet_prodiff"
CHECKPOINT_FORMAT = 2
KNOWN_FORMATS = (1, 2)


class OwnCheckpoint(nn.Module):
    """Refuses the weights of another model, and those of another format.

    ESPnet loads leniently: without this the weights of another model would leave ours
    as it was initialised, and it would speak noise.
    """

    @staticmethod
    def check_format(espnet_prodiff: int) -> None:
        """Raise ValueError if this version does not read a model's format."""
        if espnet_prodiff not in KNOWN_FORMATS:
            raise ValueError(
                f"this model has the checkpoint format {espnet_prodiff} of "
                f"espnet_prodiff, but the installed version reads "
                f"{' and '.join(map(str, KNOWN_FORMATS))}: install the version that it "
                "was trained with"
            )

    def whose_weights(self, names: Collection[str], prefix: str) -> str | None:
        """What to say of weights that are known to be another model's, if they are."""
        return None

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any
    ) -> None:
        missing = [n for n in self.state_dict() if prefix + n not in state_dict]
        if missing:
            raise ValueError(
                self.whose_weights(state_dict.keys(), prefix)
                or f"these weights are not of this {type(self).__name__}: "
                f"{len(missing)} of its parameters are missing, "
                f"{', '.join(missing[:3])} ... among them"
            )
        super()._load_from_state_dict(state_dict, prefix, *args)
