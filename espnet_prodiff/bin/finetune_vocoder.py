"""Fine-tune a DiffWave vocoder on the mels of the acoustic model that it will serve.

The acoustic model speaks the training data with their true durations ("ground-truth
aligned", GTA), and the vocoder learns to turn its mels into the recordings.

Example:
    python3 -m espnet_prodiff.bin.finetune_vocoder \
        --acoustic_model_file exp/tts_prodiff/valid.loss.best.pth \
        --vocoder_file exp/tts_diffwave/valid.loss.best.pth \
        --config conf/finetune_diffwave.yaml --output_dir exp/tts_diffwave_gta
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from espnet2.utils.types import int_or_none

from espnet_prodiff.common.memory import keep_freed_memory
from espnet_prodiff.errors import one_message
from espnet_prodiff.recipe.finetuning import finetune_vocoder


def get_parser() -> argparse.ArgumentParser:
    """Options; unknown ones are passed on to the training."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--acoustic_model_file", required=True, type=Path)
    add("--vocoder_file", required=True, type=Path)
    add("--output_dir", required=True, type=Path)
    add("--config", type=Path, help="Training config that wins over the vocoder's own")
    add(
        "--num_steps",
        type=int_or_none,
        help="Sampling steps of the acoustic model; default: its own",
    )
    add("--ngpu", type=int, default=0)
    return parser


def main(cmd: Sequence[str] | None = None) -> None:
    """Make the mels that are not there yet, then train or resume."""
    args, train_args = get_parser().parse_known_args(cmd)
    keep_freed_memory()
    with one_message("finetune_vocoder"):
        vocoder = finetune_vocoder(**vars(args), train_args=train_args)
    print(f"Fine-tuned vocoder: {vocoder}", flush=True)


if __name__ == "__main__":
    main()
