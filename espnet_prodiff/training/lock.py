"""One training at a time in a directory."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from espnet_prodiff.errors import UserError

fcntl: Any  # a module, or None
try:
    import fcntl
except ImportError:  # not a Unix
    fcntl = None


@contextlib.contextmanager
def only_training_in(output_dir: Path) -> Iterator[None]:
    """Hold the directory's ``.lock`` in the block.

    The system gives it up with the process that holds it, however that one ends, and
    not to the children that it forks.

    Raises:
        UserError: Another process trains there.
    """
    if fcntl is None:
        yield
        return
    output_dir.mkdir(parents=True, exist_ok=True)
    with (output_dir / ".lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            file.seek(0)
            raise UserError(
                f"another training runs in {output_dir} ({file.read().strip()}): wait "
                "for its end or stop it, or train in another directory (--tag)"
            ) from None
        except OSError:
            pass  # a file system without locks
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
