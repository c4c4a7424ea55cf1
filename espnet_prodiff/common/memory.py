"""Make glibc keep the memory that torch frees, instead of handing it back."""

import ctypes
import platform

# mallopt's parameters, from malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> bool:
    """Let freed tensors be reused; False where the C library is not glibc.

    By default glibc maps every large tensor afresh and unmaps it when it is freed, so
    training on a CPU pays a page fault for every 4 KiB of every intermediate result.
    Where page faults are dear, as on many virtual machines, that is most of the time.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    kept = 2**31 - 1  # bytes kept at the top of the heap; the largest that fits
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, kept), (_M_TOP_PAD, 2**26))
    return all([mallopt(name, value) for name, value in settings])
