"""Exponential moving average of the weights, through ESPnet's own trainer.

In training mode the model holds the raw weights, in evaluation mode their average.
ESPnet validates and saves in evaluation mode, so every saved model file, n-best average
and validation loss is of the averaged weights, while the raw ones wait in the
optimizer's state: ``checkpoint.pth`` holds both and a resumed run goes on exactly.
"""

import torch
from torch import nn

from espnet_prodiff.errors import UserError


class WeightAverage(nn.Module):
    """Keeps the average; a child of the model, so that it hears ``train`` and ``eval``.

    It has no parameters of its own and leaves no trace in ``state_dict``. After each
    step of the optimizer ema <- decay * ema + (1 - decay) * weight for its parameters.

    Raises:
        UserError: If ``decay`` is outside (0, 1).
    """

    KEY = "ema"

    def __init__(self, optimizer: torch.optim.Optimizer, decay: float) -> None:
        super().__init__()
        if not 0 < decay < 1:
            raise UserError(
                f"ema_decay must be between 0 (off) and 1, but it is {decay}"
            )
        self.optimizer = optimizer
        self.decay = decay
        self.holds_average = False
        optimizer.register_step_post_hook(self._update)
        optimizer.register_load_state_dict_post_hook(self._after_resume)

    def train(self, mode: bool = True) -> "WeightAverage":
        """Put the raw weights (True) or their average (False) into the model."""
        super().train(mode)
        if mode == self.holds_average:
            self._swap()
        return self

    def of(self, parameter: nn.Parameter) -> torch.Tensor:
        """The average of a parameter: what the model holds, or is to hold."""
        state = self.optimizer.state.get(parameter, {})
        if self.holds_average or self.KEY not in state:
            return parameter.detach()
        return state[self.KEY]

    def _states(self) -> list[tuple[nn.Parameter, dict]]:
        groups, states = self.optimizer.param_groups, self.optimizer.state
        parameters = [parameter for group in groups for parameter in group["params"]]
        return [(p, states[p]) for p in parameters if p in states]

    @torch.no_grad()
    def _update(self, *_: object) -> None:
        for parameter, state in self._states():
            if self.KEY in state:
                state[self.KEY].lerp_(parameter, 1 - self.decay)
            else:
                state[self.KEY] = parameter.detach().clone()

    @torch.no_grad()
    def _swap(self) -> None:
        for parameter, state in self._states():
            raw = parameter.detach().clone()
            parameter.copy_(state[self.KEY])
            state[self.KEY].copy_(raw)
        self.holds_average = not self.holds_average

    def _after_resume(self, *_: object) -> None:
        # What was saved was in evaluation mode: the average in the model.
        self.holds_average = bool(self._states())
