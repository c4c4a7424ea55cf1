"""Training and statistics: ``espnet2.bin.tts_train`` with our task."""

import argparse
from collections.abc import Sequence

from espnet_prodiff.common.gpus import check_gpus
from espnet_prodiff.fileio.config import (
    options_of_config,
    training_options,
    with_numbers,
)
from espnet_prodiff.recipe.from_voice import find_voice, grow_names, training_config
from espnet_prodiff.recipe.option_names import check_option_words


def get_parser() -> argparse.ArgumentParser:
    """Return ESPnet's parser with the plugin's options."""
    from espnet_prodiff.training.task import DiffusionTTSTask  # takes seconds

    return DiffusionTTSTask.get_parser()


def get_early_parser() -> argparse.ArgumentParser:
    """Return a parser of what is read before ESPnet is imported."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add = parser.add_argument
    add("--config")
    add("--ngpu", type=int, default=0)
    text = "Train on from a voice: demo, a zip, weights, an experiment, a URL, a hub id"
    add("--from", dest="voice", metavar="VOICE", help=text)
    add("--teacher_model_file")
    return parser


def main(cmd: Sequence[str] | None = None) -> None:
    """Train a model or collect statistics, as ``espnet2.bin.tts_train`` does."""
    early, rest = get_early_parser().parse_known_args(cmd)
    check_option_words(rest, "train_args", "tts_train")
    check_gpus(early.ngpu)
    rest += ["--ngpu", str(early.ngpu)]
    config = training_options(early.config) if early.config else {}
    voice = find_voice(early.voice) if early.voice else None
    if voice is not None:
        config = training_config(voice, config)
    teacher = early.teacher_model_file or config.get("teacher_model_file")
    if teacher:
        teacher = (
            teacher if teacher.endswith(".pth") else find_voice(teacher).model_file
        )
        rest += ["--teacher_model_file", str(teacher)]
        if voice is not None:  # half the teacher's, unless one says otherwise
            config["tts_conf"].pop("num_steps", None)
    with options_of_config(config) as words:
        args = get_parser().parse_args([*words, *rest])
    for name, value in vars(args).items():
        if name.endswith("_conf"):
            setattr(args, name, with_numbers(value))
    args.config = early.config
    if voice is not None:
        grow_names(args, voice)
        args.init_param = args.init_param or [str(voice.model_file)]

    from espnet_prodiff.training.task import DiffusionTTSTask

    DiffusionTTSTask.main(args=args)


if __name__ == "__main__":
    main()
