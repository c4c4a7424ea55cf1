r"""Learn durations and write them as ESPnet's `durations` files.

python3 -m espnet_prodiff.bin.align --train_dir dump/raw/tr_no_dev \
    --data_dirs dump/raw/dev dump/raw/eval1 --token_list TOKENS --token_type phn \
    --g2p G2P --fs 22050 --output_dir dump/durations

Then give `--teacher_dumpdir dump/durations` to the recipe.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from espnet_prodiff.common.espeak import require_g2p
from espnet_prodiff.common.gpus import check_gpus
from espnet_prodiff.errors import one_message


def get_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description="Learn durations from text and audio alone.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument_group("data").add_argument
    add("--train_dir", type=Path, required=True, help="data directory to learn from")
    add("--data_dirs", type=Path, nargs="*", default=[], help="others to align")
    add("--output_dir", type=Path, required=True)
    add = parser.add_argument_group("text, as in training").add_argument
    add("--token_list", type=Path, required=True)
    add("--token_type", choices=("phn", "char", "bpe", "word"), default="phn")
    add("--cleaner", type=_optional(str), help="none for no cleaning")
    add("--g2p", type=_optional(str), help="none for text that is phones")
    add("--bpemodel", type=_optional(Path))
    add = parser.add_argument_group("mel, as in training").add_argument
    add("--fs", type=_sampling_rate, default=22050)
    add("--n_fft", type=int, default=1024)
    add("--n_shift", type=int, default=256)
    add("--win_length", type=_optional(int))
    add("--fmin", type=_optional(int), default=80)
    add("--fmax", type=_optional(int), default=7600)
    add("--n_mels", type=int, default=80)
    add = parser.add_argument_group("training").add_argument
    text = "none: 4 epochs, at least 300 and at most 2000"
    add("--num_updates", type=_optional(int), help=text)
    add("--batch_size", type=int, default=8)
    add("--lr", type=float, default=2e-3)
    add("--seed", type=int, default=0)
    add("--ngpu", type=int, choices=(0, 1), default=0)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Learn durations and write them."""
    args = vars(get_parser().parse_args(argv))
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr
    )
    with one_message("align"):
        check_gpus(args["ngpu"])
        require_g2p(args["g2p"])
    # Here, since importing ESPnet takes seconds.
    from espnet_prodiff.alignment.features import MelConfig
    from espnet_prodiff.alignment.stage import AlignmentOptions, align_corpora
    from espnet_prodiff.common.memory import keep_freed_memory

    keep_freed_memory()
    mel = {field.name: args.pop(field.name) for field in fields(MelConfig)}
    data_dirs = tuple(args.pop("data_dirs"))
    with one_message("align"):
        align_corpora(
            AlignmentOptions(mel=MelConfig(**mel), data_dirs=data_dirs, **args)
        )


def _optional(parse: Callable) -> Callable:
    def parse_or_none(value: str) -> Any:
        return None if value.lower() in ("none", "null", "") else parse(value)

    parse_or_none.__name__ = parse.__name__
    return parse_or_none


def _sampling_rate(value: str) -> int:
    """Read "22050" and, as tts.sh has it, "22k" or "16k"."""
    import humanfriendly

    return humanfriendly.parse_size(value)


if __name__ == "__main__":
    main()
