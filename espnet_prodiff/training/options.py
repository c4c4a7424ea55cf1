"""Options of a training beside ESPnet's."""

import argparse

from espnet2.utils.types import int_or_none, str2bool, str_or_none

from espnet_prodiff.diffusion.distillation import GRID_TIMES
from espnet_prodiff.diffusion.weighting import LOSS_WEIGHTS
from espnet_prodiff.training.distillation import DISTANCES, DISTILL_METHODS


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add them to ESPnet's parser."""
    add = parser.add_argument_group(description="Diffusion related").add_argument
    what = "Whether commands in tables (kaldi_ark) are run"
    add("--allow_pipes", type=str2bool, default=False, help=what)
    what = "Decay of the moving average of the weights; 0: no average"
    add("--ema_decay", type=float, default=0.0, help=what)
    add(
        "--teacher_model_file",
        type=str_or_none,
        help="Train a student of this model, from its weights; its num_steps is by "
        "default half the teacher's",
    )
    add(
        "--init_from",
        "--start_model_file",  # its old name
        type=str_or_none,
        help="Weights that a student starts with; default: its teacher's",
    )
    what = "Steps that the teacher is sampled with; default: its own"
    add("--teacher_num_steps", type=int_or_none, help=what)
    add(
        "--distill_method",
        choices=DISTILL_METHODS,
        default="progressive",
        help="progressive: one step of the student does several of the teacher's; "
        "consistency: one step from any time of the teacher's to the end",
    )
    add(
        "--distill_distance",
        choices=sorted(DISTANCES),
        help="Distance between the student's prediction and its target; default: "
        "l1, but l2 for consistency",
    )
    what = "Weight of that distance as a function of the noise"
    add("--distill_weight", choices=LOSS_WEIGHTS, default="uniform", help=what)
    add(
        "--distill_times",
        choices=GRID_TIMES,
        default="uniform",
        help="How often a progressive student's times are drawn: alike, or as much "
        "as its prediction counts where the step lands",
    )
    what = "Whether a student keeps its teacher's encoder and predictors"
    add("--freeze_text_side", type=str2bool, default=True, help=what)
