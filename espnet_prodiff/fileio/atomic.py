"""Write a file whole or not at all, even if the process is killed."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that becomes ``path`` at the end of the block.

    It lies in the same directory, which is made if need be, and ends in ``.tmp``, so a
    writer that chooses the format by the suffix needs the format as an argument. After
    an error it is removed and ``path`` is unchanged. Temporary files of killed
    processes of this machine are removed first.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    start = f".{path.name}.{socket.gethostname()}."
    for leftover in path.parent.glob(f"{escape(start)}*.tmp"):
        pid = leftover.name.split(".")[-2]
        if pid.isdigit() and not _is_running(int(pid)):
            leftover.unlink(missing_ok=True)
    temporary = path.with_name(f"{start}{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as f:
            os.fsync(f.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    return True
