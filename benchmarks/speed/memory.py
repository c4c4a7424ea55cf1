"""Peak memory of a subject, in a process that does nothing else."""

import multiprocessing
from pathlib import Path

import torch

from speed.subject import Case

# The children fork from a process that has done the long imports.
PRELOAD = ["espnet_prodiff.inference.text2speech", "espnet2.gan_tts.jets"]


def peak_memory(group: str, name: str, case: Case, threads: int) -> dict[str, float]:
    """MiB of the whole process at its peak, and what the call alone added.

    Raises:
        RuntimeError: The subject cannot be built here, or the system is not Linux.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    with context.Pool(1) as pool:
        return pool.apply(_measure, (group, name, case, threads))


@torch.no_grad()
def _measure(group: str, name: str, case: Case, threads: int) -> dict[str, float]:
    from speed.subjects import SUBJECTS

    torch.set_num_threads(threads)
    call = SUBJECTS[group][name].make(case).call
    Path("/proc/self/clear_refs").write_text("5")  # Linux: forget the peak so far
    before = _status("VmRSS")
    call()
    peak = _status("VmHWM")
    return {"process_mib": peak / 1024, "call_mib": (peak - before) / 1024}


def _status(name: str) -> int:
    """A line of what Linux tells of this process, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))
