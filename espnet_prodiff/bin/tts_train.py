"""Training and statistics: ``espnet2.bin.tts_train`` with our task."""

import argparse
from collections.abc import Sequence

from espnet_prodiff.fileio.config import resolved_config
from espnet_prodiff.training.task import DiffusionTTSTask


def get_parser() -> argparse.ArgumentParser:
    """Return ESPnet's parser with the plugin's options."""
    return DiffusionTTSTask.get_parser()


def main(cmd: Sequence[str] | None = None) -> None:
    """Train a model or collect statistics, as ``espnet2.bin.tts_train`` does."""
    config_parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    config_parser.add_argument("--config")
    config_args, rest = config_parser.parse_known_args(cmd)
    with resolved_config(config_args.config) as config:
        options = [] if config is None else ["--config", config]
        args = get_parser().parse_args([*options, *rest])
    args.config = config_args.config
    DiffusionTTSTask.main(args=args)


if __name__ == "__main__":
    main()
