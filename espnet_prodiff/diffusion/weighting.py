"""Loss weights as functions of the log-SNR, on the error of x_0."""

import torch
from torch import Tensor

from espnet_prodiff.errors import check_choice

LOSS_WEIGHTS = ("uniform", "snr", "truncated_snr", "snr_plus_one")


def loss_weight(name: str, log_snr: Tensor) -> Tensor:
    """Weight of the squared x_0 error at a log-SNR (Salimans & Ho 2022, section 4).

    Args:
        name: "uniform" (1), "snr" (makes it the eps error), "truncated_snr"
            (max(SNR, 1): the larger of the x_0 and eps errors) or "snr_plus_one"
            (the v error).
        log_snr: Any shape, which is the result's.

    Raises:
        UserError: If ``name`` is none of these.
    """
    check_choice("loss weight", name, LOSS_WEIGHTS)
    if name == "uniform":
        return torch.ones_like(log_snr)
    if name == "snr":
        return log_snr.exp()
    if name == "truncated_snr":
        return log_snr.exp().clamp(min=1)
    return log_snr.exp() + 1
