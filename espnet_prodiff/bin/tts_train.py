"""Training and statistics: ``espnet2.bin.tts_train`` with our task."""

import argparse
from collections.abc import Sequence

from espnet_prodiff.common.gpus import check_gpus
from espnet_prodiff.fileio.config import resolved_config
from espnet_prodiff.recipe.option_names import check_option_words


def get_parser() -> argparse.ArgumentParser:
    """Return ESPnet's parser with the plugin's options."""
    from espnet_prodiff.training.task import DiffusionTTSTask  # takes seconds

    return DiffusionTTSTask.get_parser()


def main(cmd: Sequence[str] | None = None) -> None:
    """Train a model or collect statistics, as ``espnet2.bin.tts_train`` does."""
    # What can be checked before ESPnet is imported.
    early_parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    early_parser.add_argument("--config")
    early_parser.add_argument("--ngpu", type=int, default=0)
    early, rest = early_parser.parse_known_args(cmd)
    check_option_words(rest, "train_args", "tts_train")
    check_gpus(early.ngpu)
    rest += ["--ngpu", str(early.ngpu)]
    with resolved_config(early.config) as config:
        options = [] if config is None else ["--config", config]
        args = get_parser().parse_args([*options, *rest])
    args.config = early.config

    from espnet_prodiff.training.task import DiffusionTTSTask

    DiffusionTTSTask.main(args=args)


if __name__ == "__main__":
    main()
