"""What a training keeps on the disk: whole after every kill, good after a divergence.

ESPnet writes ``checkpoint.pth``, then ``Nepoch.pth``, then links, then removes files; a
resume begins after all of it. What a kill left out is caught up here.
"""

import contextlib
import logging
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from espnet2.train.reporter import Reporter

from espnet_prodiff.errors import NO_SPACE, DivergedError, UserError
from espnet_prodiff.fileio.atomic import atomic_path

CHECKPOINT, PREVIOUS = "checkpoint.pth", "checkpoint.previous.pth"
LARGEST_WEIGHT = 1e8
LARGEST_RISE = 100  # of the validation loss over the best one

Criteria = tuple[tuple[str, str, str], ...]

# Checkpoints that could not be read: not to be kept as the previous one.
_damaged: set[Path] = set()


@contextlib.contextmanager
def kept_checkpoints() -> Iterator[None]:
    """Look at every ``checkpoint.pth`` that ``torch.save`` is given inside the block.

    A diverged one is not written, see `refuse_diverged`; the one before stays beside
    the new one. A full disk is said.
    """
    plain = torch.save

    def save(obj: Any, f: Any, *args: Any, **kwargs: Any) -> None:
        path = Path(f)
        try:
            if path.name == CHECKPOINT:
                refuse_diverged(obj, path)
                _keep_previous(path)
            plain(obj, f, *args, **kwargs)
        except (OSError, RuntimeError) as error:
            refuse_full_disk(error, path)
            raise

    torch.save = save
    try:
        yield
    finally:
        torch.save = plain


def refuse_full_disk(error: Exception, path: Path) -> None:
    """Say that there is no space left, if that was the error of writing ``path``.

    torch's own words for it are ``unexpected pos 64 vs 0``, behind the disk's.

    Raises:
        UserError: There was no space left.
    """
    cause: BaseException | None = error
    while cause is not None:
        if getattr(cause, "errno", None) in NO_SPACE:
            raise UserError(
                f"no space left on the disk for {path}; the files of the epochs before "
                "are whole. Make space, then run the same command again: it goes on "
                "there"
            ) from error
        cause = cause.__context__


def refuse_diverged(states: dict[str, Any], path: Path) -> None:
    """Refuse to replace a good checkpoint by one of a training that diverged.

    Raises:
        DivergedError: Weights or the validation loss are not finite, or far too large.
    """
    weights = [
        v.abs().max().float()
        for v in states["model"].values()
        if v.is_floating_point() and v.numel()
    ]
    largest = float(torch.stack(weights).max()) if weights else 0.0
    stats, epoch = states["reporter"]["stats"], states["reporter"]["epoch"]
    losses = {
        number: float(parts["valid"]["loss"])
        for number, parts in stats.items()
        if "loss" in parts.get("valid", {})
    }
    loss = losses.pop(epoch, 0.0)
    best = min(filter(math.isfinite, losses.values()), default=math.inf)
    found = None
    if not largest < LARGEST_WEIGHT:
        found = f"a weight of {largest:.3g}"
    elif not math.isfinite(loss) or (best > 0 and loss > LARGEST_RISE * best):
        found = f"a validation loss of {loss:.4g} (the best was {best:.4g})"
    if found:
        raise DivergedError(
            f"training diverged: epoch {epoch} ends with {found}. It was not saved, "
            f"{path.parent} is as the epoch before left it; lower the learning rate or "
            "check the data, then run stage 7 again"
        )


def _keep_previous(path: Path) -> None:
    if path in _damaged:
        _damaged.remove(path)
        return
    # No file yet, or no links on this file system.
    with contextlib.suppress(OSError), atomic_path(path.with_name(PREVIOUS)) as link:
        link.unlink(missing_ok=True)
        os.link(path, link)


def checkpoints(path: Path) -> Iterator[Path]:
    """Yield ``checkpoint.pth`` and, if that one was no good, the one before."""
    yield path
    _damaged.add(path)
    if path.with_name(PREVIOUS).is_file():
        yield path.with_name(PREVIOUS)


def catch_up(
    output_dir: Path,
    model: torch.nn.Module,
    reporter: Reporter,
    criteria: Criteria,
    num_kept: int,
) -> None:
    """Do what a kill left out after ``checkpoint.pth`` of the last epoch was written.

    Args:
        output_dir: Of the training.
        model: As it was saved.
        reporter: As it was saved.
        criteria: ``best_model_criterion``.
        num_kept: The most of ``keep_nbest_models``.
    """
    epoch = reporter.get_epoch()
    if not model_file(output_dir, epoch).exists():
        logging.warning(f"{model_file(output_dir, epoch)} was not written; it is now")
        torch.save(model.state_dict(), model_file(output_dir, epoch))
    point(output_dir / "latest.pth", model_file(output_dir, epoch))
    best: set[int] = set()
    for phase, key, mode in criteria:
        if reporter.has(phase, key):
            epochs = reporter.sort_epochs(phase, key, mode)
            best.update(epochs[:num_kept])
            point(
                output_dir / f"{phase}.{key}.best.pth",
                model_file(output_dir, epochs[0]),
            )
    for number in set(range(1, epoch)) - best:
        model_file(output_dir, number).unlink(missing_ok=True)


def model_file(output_dir: Path, epoch: int) -> Path:
    """Return the weights of an epoch."""
    return output_dir / f"{epoch}epoch.pth"


def point(link: Path, target: Path) -> None:
    """Make or correct a link to a file beside it."""
    if not target.exists() or (link.is_symlink() and os.readlink(link) == target.name):
        return
    with atomic_path(link) as temporary:
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target.name)
