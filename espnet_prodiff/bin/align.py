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

from espnet_prodiff.errors import one_message


def get_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description="Learn durations from text and audio alone.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--train_dir", type=Path, required=True, help="data directory to learn from"
    )
    data.add_argument(
        "--data_dirs", type=Path, nargs="*", default=[], help="others to align"
    )
    data.add_argument("--output_dir", type=Path, required=True)
    text = parser.add_argument_group("text, as in training")
    text.add_argument("--token_list", type=Path, required=True)
    text.add_argument(
        "--token_type", choices=("phn", "char", "bpe", "word"), default="phn"
    )
    text.add_argument("--cleaner", type=_optional(str), help="none for no cleaning")
    text.add_argument("--g2p", type=_optional(str), help="none for text that is phones")
    text.add_argument("--bpemodel", type=_optional(Path))
    mel = parser.add_argument_group("mel, as in training")
    mel.add_argument("--fs", type=_sampling_rate, default=22050)
    mel.add_argument("--n_fft", type=int, default=1024)
    mel.add_argument("--n_shift", type=int, default=256)
    mel.add_argument("--win_length", type=_optional(int))
    mel.add_argument("--fmin", type=_optional(int), default=80)
    mel.add_argument("--fmax", type=_optional(int), default=7600)
    mel.add_argument("--n_mels", type=int, default=80)
    training = parser.add_argument_group("training")
    training.add_argument(
        "--num_updates",
        type=_optional(int),
        help="none: 4 epochs, at least 300 and at most 2000",
    )
    training.add_argument("--batch_size", type=int, default=8)
    training.add_argument("--lr", type=float, default=2e-3)
    training.add_argument("--seed", type=int, default=0)
    training.add_argument("--ngpu", type=int, choices=(0, 1), default=0)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Learn durations and write them."""
    args = vars(get_parser().parse_args(argv))
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr
    )
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
    def parse_or_none(value: str):
        return None if value.lower() in ("none", "null", "") else parse(value)

    parse_or_none.__name__ = parse.__name__
    return parse_or_none


def _sampling_rate(value: str) -> int:
    """Read "22050" and, as tts.sh has it, "22k" or "16k"."""
    import humanfriendly

    return humanfriendly.parse_size(value)


if __name__ == "__main__":
    main()
