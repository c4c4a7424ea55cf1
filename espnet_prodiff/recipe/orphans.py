"""No process outlives the one that started it, not even after kill -9."""

import ctypes
import signal
import sys

PR_SET_PDEATHSIG = 1  # see prctl(2): the signal that a parent's end sends
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent() -> None:
    """Let the calling process get SIGTERM when its parent ends; Linux only.

    As ``preexec_fn`` of a new process it holds for the program that is started. Without
    it a killed training went on, beside the one that resumes it.
    """
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
