"""A training that goes on must be the one that began."""

import argparse
import shutil
from pathlib import Path

from espnet_prodiff.common.plugin import FORMAT_KEY
from espnet_prodiff.errors import ConfigError
from espnet_prodiff.fileio.atomic import atomic_path
from espnet_prodiff.fileio.yaml_files import read_yaml
from espnet_prodiff.training.registry import CLASSES
from espnet_prodiff.training.teacher import RECORD, data_options

KEPT_CONFIG = ".config.yaml"


def keep_config(output_dir: Path) -> None:
    """Copy config.yaml, once ESPnet has written it; a kill may leave half of the next.

    ESPnet writes it at each start, before the checkpoint is read.
    """
    with atomic_path(output_dir / KEPT_CONFIG) as temporary:
        shutil.copyfile(output_dir / "config.yaml", temporary)


def refuse_changed_model(output_dir: Path, args: argparse.Namespace) -> None:
    """Stop before a changed ``tts_conf`` overwrites the config of a trained model.

    Raises:
        ConfigError: If ``output_dir`` holds a checkpoint of another model.
    """
    files = (output_dir / KEPT_CONFIG, output_dir / "config.yaml")
    config_file = next((file for file in files if file.exists()), None)
    if not (output_dir / "checkpoint.pth").exists() or config_file is None:
        return
    before = read_yaml(config_file, "training config")
    if args.tts in CLASSES:  # options go on meaning what they meant
        format_before = (before.get("tts_conf") or {}).get(FORMAT_KEY)
        args.tts_conf = {FORMAT_KEY: format_before, **args.tts_conf}
    ignored = {FORMAT_KEY: None, "num_steps": None, "distilled_times": None}
    old = {"tts": before.get("tts"), **(before.get("tts_conf") or {}), **ignored}
    new = {"tts": args.tts, **args.tts_conf, **ignored}
    # The rate of a cycle is already annealed for its length.
    for options, config in ((old, before), (new, vars(args))):
        if config.get("scheduler") == "onecyclelr":
            options["total_steps"] = (config["scheduler_conf"] or {}).get("total_steps")
    theirs, ours = data_options(before), data_options(vars(args))
    for key in theirs.keys() & ours.keys():  # statistics may be gone
        old[key], new[key] = theirs[key], ours[key]
    for key in ("distill_method", "distill_times", "freeze_text_side"):
        if before.get(key) is not None and (output_dir / RECORD).exists():
            old[key], new[key] = before[key], getattr(args, key)
    # The checkpoint's model is the average or the raw weights, depending on this.
    old["ema"] = "on" if before.get("ema_decay") else "off"
    new["ema"] = "on" if args.ema_decay else "off"
    changed = [
        f"{key}: {_short(old.get(key))} -> {_short(new.get(key))}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    if changed:
        raise ConfigError(
            f"{output_dir} was trained with other options than these "
            f"({'; '.join(changed)}). Nothing was touched: train in a new experiment "
            "directory (--tag or --tts_exp), or put the options back to resume"
        )


def _short(value: object) -> str:
    return repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:60]}..."
