"""Run one command with its output in a log file, in place of Kaldi's ``run.pl``.

ESPnet's ``launch`` calls it as ``<this> [--name N] --gpu N LOG COMMAND ...``.
"""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from espnet_prodiff.recipe.orphans import end_with_parent


def run_logged(command: Sequence[str], log: Path) -> int:
    """Run a command, its output in ``log`` between a header and a footer.

    Returns:
        The command's exit status.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.time()
    with log.open("w", encoding="utf-8") as f:
        f.write(f"# {shlex.join(command)}\n# Started at {time.ctime(began)}\n#\n")
        f.flush()
        status = subprocess.run(
            command,
            stdout=f,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            preexec_fn=end_with_parent,
        ).returncode
        f.write(f"# Accounting: time={time.time() - began:.0f} threads=1\n")
        f.write(f"# Ended (code {status}) at {time.ctime()}\n")
    return status


def main(argv: Sequence[str] | None = None) -> int:
    """Drop the scheduler's options, then run the command."""
    end_with_parent()  # ESPnet's launch starts it as well
    rest = list(sys.argv[1:] if argv is None else argv)
    while rest and rest[0].startswith("--"):
        rest = rest[2:]
    log, *command = rest
    # ESPnet's launch leaves the choice of GPUs to the environment.
    os.environ.setdefault("PYTHONIOENCODING", "UTF-8")
    return run_logged(command, Path(log))


if __name__ == "__main__":
    sys.exit(main())
