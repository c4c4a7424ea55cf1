"""Pack a trained model as a voice: one zip that speaks texts without any other file.

It is what stage 10 packs, but with weights in half precision, a lexicon for a model
that was trained on phones, the names of its speakers and a model card.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from espnet_prodiff.errors import one_message
from espnet_prodiff.inference.packing import DTYPES, pack_voice


def get_parser() -> argparse.ArgumentParser:
    """Options of the packing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--model_file", required=True, type=Path, help="*.pth beside its config.yaml")
    add("--output", required=True, type=Path, help="the zip")
    add("--lexicon", type=Path, help="lines 'word phone phone ...', in xz")
    add("--letter_to_sound", type=Path, help="phones of other words")
    add("--espeak_language", help="of a model of espeak-ng's phones: de, en-us ...")
    add("--card", type=Path, help="model card, README.md of the zip")
    add("--speakers", type=Path, help="spk2sid, names of several speakers")
    add("--vocoder", type=Path, help="packed vocoder of the same mels (a zip)")
    add("--dtype", choices=list(DTYPES), default="float16", help="of the weights")
    return parser


def main(cmd: Sequence[str] | None = None) -> None:
    """Pack, and say how large it is."""
    args = vars(get_parser().parse_args(cmd))
    with one_message("pack_voice"):
        pack_voice(**args)
    size = args["output"].stat().st_size
    print(f"{args['output']}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
