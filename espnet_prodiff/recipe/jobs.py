"""Parallel jobs with one log each, a progress bar, and no orphans."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.recipe.command_line import format_options
from espnet_prodiff.recipe.options import Options
from espnet_prodiff.recipe.orphans import end_with_parent

RUN_JOB = [sys.executable, "-m", "espnet_prodiff.recipe.run_job"]
TAIL = 25  # lines of a failed job's log that are shown
# An error that this package raises or prints, up to the end of the log.
OUR_ERROR = re.compile(
    r"(?ms)^(?:(?:\w+: )?error|espnet_prodiff\.[\w.]+): (.*?)(?=^(?:\w+: )?error: |\Z)"
)


@dataclass(frozen=True)
class Job:
    """A command, the log of its output, and a detailed log that it keeps itself."""

    command: Sequence[str]
    log: Path
    inner: Path | None = None


class Status(NamedTuple):
    """Pieces done, pieces in all where known, and values to show behind the bar."""

    done: int
    total: int | None = None
    values: Mapping[str, str] = {}


class Progress:
    """A progress bar over the work of other processes; polls their status."""

    def __init__(self, title: str, unit: str, poll: Callable[[], Status]):
        interval = 0.1 if sys.stderr.isatty() else 10.0
        self.poll = poll
        self.bar = tqdm(total=poll().total, desc=title, unit=unit, mininterval=interval)

    def update(self) -> None:
        """Show the present status."""
        status = self.poll()
        if status.total != self.bar.total:
            self.bar.reset(status.total)
        if status.done > self.bar.n:
            self.bar.set_postfix(status.values, refresh=False)
            self.bar.update(status.done - self.bar.n)


def espnet(options: Options, module: str) -> list[str]:
    """Return the start of a command that runs ``espnet2.bin.<module>``."""
    return [*shlex.split(options.python), "-m", f"espnet2.bin.{module}"]


def plugin(module: str) -> list[str]:
    """Return the start of a command that runs a module of this package."""
    return [sys.executable, "-m", f"espnet_prodiff.{module}"]


def run_jobs(jobs: Sequence[Job], progress: Progress | None, single: bool) -> None:
    """Run jobs side by side, at most one per CPU at a time, and update their bar.

    With ``single`` each job has one CPU thread instead of all of them.

    Raises:
        UserError: A job failed; the others have been ended.
    """
    env = dict(os.environ, PYTHONIOENCODING="UTF-8")
    if single:
        env["OMP_NUM_THREADS"] = "1"
    waiting = list(jobs)
    running: dict[subprocess.Popen, tuple[Job, float]] = {}
    polled = 0.0
    try:
        while waiting or running:
            while waiting and len(running) < (os.cpu_count() or 1):
                job = waiting.pop(0)
                command = [*RUN_JOB, str(job.log), *job.command]
                process = _start(command, env)
                running[process] = job, time.time()
            time.sleep(0.05)
            for process in [p for p in running if p.poll() is not None]:
                job, began = running.pop(process)
                if process.returncode:
                    raise UserError(_failure(job, process.returncode, began))
            if progress and time.monotonic() - polled > 1:
                progress.update()
                polled = time.monotonic()
        if progress:
            progress.update()
    finally:
        for process in running:
            _end(process)
        if progress:
            progress.bar.close()


def run_shown(command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
    """Run a short command whose output goes to the terminal.

    Raises:
        UserError: It failed.
    """
    process = _start(command, env)
    try:
        status = process.wait()
    finally:
        _end(process)
    if status:
        raise UserError(
            f"this command failed with status {status} (its output is above):\n"
            f"  {shlex.join(command)}"
        )


def write_run_script(directory: Path, options: Options, stage: int) -> None:
    """Write ``<directory>/run.sh``, which goes on from a stage."""
    path = directory / "run.sh"
    command = shlex.join([*plugin("recipe"), *format_options(options)])
    lines = ["#!/usr/bin/env bash", "if [ -f path.sh ]; then . ./path.sh; fi"]
    lines.append(f'{command} --stage {stage} "$@"; exit $?')
    write_text(path, "\n".join(lines) + "\n")
    path.chmod(0o755)


def count_lines(files: Iterable[Path]) -> int:
    """Count the lines of the files that exist."""
    return sum(path.read_bytes().count(b"\n") for path in files if path.exists())


def _start(command: Sequence[str], env: Mapping[str, str] | None) -> subprocess.Popen:
    """Start a process in a session of its own, which ends when this process does."""
    return subprocess.Popen(
        command, env=env, start_new_session=True, preexec_fn=end_with_parent
    )


def _end(process: subprocess.Popen) -> None:
    """End a process and its children: they are a session of their own."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _failure(job: Job, status: int, began: float) -> str:
    """Return a failed job's own error if its log has one, else the log's tail."""
    log = job.log
    if job.inner and job.inner.exists() and job.inner.stat().st_mtime >= began:
        log = job.inner
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    lines = [x for x in text.splitlines() if not x.startswith("# ")]
    errors = OUR_ERROR.findall("\n".join(lines))
    shown = errors[-1].strip().splitlines() if errors else lines[-TAIL:]
    body = "\n".join(f"  | {x}" for x in shown) or "  | (the log is empty)"
    what = "says" if errors else "ends with"
    return f"a job failed with status {status}; its log {what}:\n{body}\n  log: {log}"
