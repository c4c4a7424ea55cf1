"""Whether the GPUs that one asks for are there, before anything slow begins."""

import ctypes
from pathlib import Path

from espnet_prodiff.errors import UserError


def count_gpus() -> int:
    """Return how many GPUs torch sees; without a driver it takes no import of torch."""
    if not _torch_may_see_gpus():
        return 0
    import torch  # takes seconds, as do the GPUs' drivers

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def check_gpus(ngpu: int) -> None:
    """Refuse more GPUs than torch sees.

    Raises:
        UserError: There are fewer.
    """
    if ngpu < 1:
        return
    found = count_gpus()
    if found < ngpu:
        raise UserError(
            f"ngpu is {ngpu}, but torch sees {found or 'no'} GPU on this machine: give "
            f"--ngpu {found}" + ("" if found else " to run on the CPU")
        )


def _torch_may_see_gpus() -> bool:
    if Path("/dev/kfd").exists():  # AMD's
        return True
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True
