r"""Progressive distillation: one training a phase, each student a later one's teacher.

Example:
    python3 -m espnet_prodiff.bin.distill --config conf/distill_prodiff.yaml \
        --teacher_model_file exp/tts_prodiff/valid.loss.best.pth --num_steps 2 1
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from espnet_prodiff.common.gpus import check_gpus
from espnet_prodiff.diffusion.distillation import DISTILL_FROM
from espnet_prodiff.errors import UserError, one_message
from espnet_prodiff.recipe.option_names import check_option_words


def get_parser() -> argparse.ArgumentParser:
    """Return the command line; unknown options are passed on to every training."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--teacher_model_file", required=True, type=Path)
    text = "Steps to visit, 4 2 1, each a divisor of one before; default: halve the "
    text += "teacher's as long as they are even"
    add("--num_steps", nargs="+", type=int, help=text)
    text = "Steps that the teacher is sampled with; default: those of --config, or "
    text += "its default"
    add("--teacher_num_steps", type=int, help=text)
    text = "Teacher of each student: the latest before it (previous) or that of "
    text += "--teacher_model_file (first); default: that of --config, or previous"
    add("--distill_from", choices=DISTILL_FROM, help=text)
    text = "Training config of a phase; it wins over the teacher's"
    add("--config", required=True, type=Path, help=text)
    text = "Options of the network that differ from the teacher's, for a smaller "
    text += "student: denoiser_layers=5"
    key = "KEY=VALUE"
    add("--student", nargs="+", default=[], help=text, type=_option, metavar=key)
    text = "Students go to <prefix>_steps<N>; default: the teacher's directory"
    add("--output_prefix", help=text)
    add("--model_file", default="valid.loss.best.pth", help="Student to hand on")
    add("--ngpu", type=int, default=0)
    return parser


def _option(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, yaml.safe_load(value)


def _packed_teacher(args: argparse.Namespace, train_args: Sequence[str]) -> Path:
    """Return the weights of a packed teacher, which brings neither place nor data."""
    from espnet_prodiff.recipe.from_voice import find_voice

    if args.output_prefix is None:
        raise UserError(
            f"{args.teacher_model_file} has no experiment directory: say where its "
            "students go, --output_prefix exp/tts_x"
        )
    voice = find_voice(str(args.teacher_model_file))
    data = "train_data_path_and_name_and_type"
    if not voice.config.get(data) and f"--{data}" not in train_args:
        raise UserError(
            f"{args.teacher_model_file} brings no data: give ESPnet's options of data "
            f"behind the others (--{data} ...), or distil it in stage 7 of a recipe, "
            "--from ZIP --train_args '--teacher_model_file ZIP'"
        )
    return voice.model_file


def main(cmd: Sequence[str] | None = None) -> None:
    """Train or resume every phase; write a table and a figure over all of them."""
    args, train_args = get_parser().parse_known_args(cmd)
    check_option_words(train_args, "distill_args", "distill")
    check_gpus(args.ngpu)
    # Here, since importing ESPnet takes seconds.
    from espnet_prodiff.recipe.distillation import Plan, run_plan
    from espnet_prodiff.recipe.distillation_report import report_phases

    args.student = dict(args.student)
    if args.teacher_model_file.suffix != ".pth":
        args.teacher_model_file = _packed_teacher(args, train_args)
    report_phases(run_plan(Plan(**vars(args), train_args=train_args)))


if __name__ == "__main__":
    with one_message("distill"):
        main()
