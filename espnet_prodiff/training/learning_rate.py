"""A learning rate that follows one cycle over the whole training."""

import argparse

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
