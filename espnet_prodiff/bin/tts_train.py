"""Training and statistics: ``espnet2.bin.tts_train`` with our task."""

import argparse
from collections.abc import Sequence

from espnet_prodiff.fileio.config import resolved_config
from espnet_prodiff.training.task import DiffusionTTSTask


def get_parser() -> argparse.ArgumentParser:
    """ESPnet's parser with our options."""
    return DiffusionTTSTask.get_parser()


def main(cmd: Sequence[str] | None = None) -> None:
    """Train a model or collect statistics, as ``espnet2.bin.tts_train`` does."""
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--config")
    found, rest = finder.parse_known_args(cmd)
    with resolved_config(found.config) as config:
        options = [] if config is None else ["--config", config]
        args = get_parser().parse_args([*options, *rest])
    args.config = found.config
    DiffusionTTSTask.main(args=args)


if __name__ == "__main__":
    main()
