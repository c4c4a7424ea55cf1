"""Learning rates: of one cycle over the whole training, and of a resumed one."""

import argparse
import logging
from collections.abc import Sequence
from typing import Any

import torch

from espnet_prodiff.errors import ConfigError


def fill_onecycle_defaults(args: argparse.Namespace) -> None:
    """Fill in what ``scheduler: onecyclelr`` repeats of the other options.

    ``total_steps`` becomes the number of updates and ``max_lr`` the optimizer's ``lr``
    where ESPnet's training arguments do not give them.

    Raises:
        ConfigError: If the number of updates is not known, or ``total_steps`` is given
            and smaller: the training would stop there.
    """
    if args.scheduler != "onecyclelr":
        return
    updates = None
    if args.num_iters_per_epoch is not None:
        updates = args.max_epoch * (args.num_iters_per_epoch // args.accum_grad)
    conf = {"max_lr": args.optim_conf.get("lr"), "total_steps": updates}
    conf |= args.scheduler_conf or {}
    if conf["total_steps"] is None:
        raise ConfigError(
            "scheduler onecyclelr has to know the number of updates: set "
            "num_iters_per_epoch, or total_steps in scheduler_conf"
        )
    if updates is not None and conf["total_steps"] < updates:
        raise ConfigError(
            f"total_steps of scheduler onecyclelr is {conf['total_steps']}, but "
            f"max_epoch {args.max_epoch} times num_iters_per_epoch "
            f"{args.num_iters_per_epoch} makes {updates} updates: leave total_steps out"
        )
    if conf["max_lr"] is None:
        raise ConfigError("scheduler onecyclelr needs lr in optim_conf")
    args.scheduler_conf = conf


KEY = "configured_lr"  # in the groups of an optimizer, and so in its saved state


def mark_rates(optimizers: Sequence[torch.optim.Optimizer]) -> None:
    """Note the rate that was asked for, which a scheduler does not change."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group[KEY] = group["lr"]


def configured_rates(optimizers: Sequence[torch.optim.Optimizer]) -> list[list]:
    """Return the noted rates by optimizer and group."""
    return [[group.get(KEY) for group in x.param_groups] for x in optimizers]


def follow_rates(
    rates: list[list],
    optimizers: Sequence[torch.optim.Optimizer],
    schedulers: Sequence[Any],
) -> None:
    """After a resume go on at the rates that are asked for now, and say so.

    Whatever a scheduler has made of the old rate is scaled alike.

    Args:
        rates: Of `configured_rates`, before the state was loaded.
        optimizers: With the loaded state.
        schedulers: By optimizer, with the loaded state.
    """
    for wanted, optimizer, scheduler in zip(rates, optimizers, schedulers, strict=True):
        for number, (new, group) in enumerate(
            zip(wanted, optimizer.param_groups, strict=True)
        ):
            old = group.get(KEY, group.get("initial_lr"))  # none in older checkpoints
            group[KEY] = new
            if not old or new is None or new == old:
                continue
            logging.warning(f"the learning rate was {old}, from now on it is {new}")
            for name in ("lr", "initial_lr", "max_lr", "min_lr"):
                if name in group:
                    group[name] *= new / old
            for name in ("base_lrs", "_last_lr"):
                values = getattr(scheduler, name, None)
                if values is not None:
                    values[number] *= new / old
