r"""Make a recipe directory of a folder of recordings and their texts.

espnet-prodiff prepare recordings/ -o mydata                  # its own table, or .txt
espnet-prodiff prepare recordings/ --table lines.csv --text_column text -o mydata
espnet-prodiff prepare aufnahmen/ --lang de -o mydata         # any language of espeak

The folder may hold wav, flac, mp3 or ogg of any rate, mono or stereo, in subfolders,
with a table (CSV, TSV, LJSpeech's |) or a .txt of the same name beside each recording;
or a data set of Hugging Face. It is only read. mydata/report.md says what was left out
and why; espnet-prodiff train mydata goes on.
"""

import argparse
import logging
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from espnet_prodiff.errors import one_message
from espnet_prodiff.recipe.prepare.recordings import Limits

MEANINGS = {
    "min_seconds": "s of speech, without the silence at the ends",
    "max_seconds": "s of speech",
    "min_level": "dB of full scale",
    "min_snr": "dB of the speech above the quietest tenth",
    "max_clipped": "share of samples that are flat at the peak",
    "min_rate": "phones a second",
    "max_rate": "phones a second",
    "silent_ends": "trim: cut to .1 s; leave_out: refuse more than a second",
}


def get_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="AUDIO_FOLDER", help="it is only read")
    text = "the recipe directory to make [mydata]"
    add("-o", "--output", type=Path, default=Path("mydata"), help=text)
    add(
        "--table", type=Path, metavar="FILE", help="names of recordings and their texts"
    )
    for name in ("audio", "text", "speaker"):
        text = (
            f"column of the {name}, by name or number from 1; default: guessed, shown"
        )
        add(f"--{name}_column", metavar="NAME", help=text)
    text = "auto (a column where there is one), column, subfolder or one [auto]"
    add("--speakers", metavar="WHERE", default="auto", help=text)
    text = "en, or espeak-ng's name of a language: de, es, pt-br ... [en]"
    add("--lang", dest="language", default="en", help=text)
    text = "auto, lexicon (English, in the package) or espeak (GPL packages) [auto]"
    add("--g2p", metavar="HOW", default="auto", help=text)
    text = "Hz of the voice; default: 22050, or 16000 where recordings have less"
    add("--fs", type=int, help=text)
    text = "processes; default: one for each CPU"
    add("--nj", type=int, default=os.cpu_count() or 1, help=text)
    add = parser.add_argument_group("what is left out").add_argument
    for item in fields(Limits):
        text = f"{MEANINGS[item.name]} [{item.default}]"
        add(f"--{item.name}", type=type(item.default), default=item.default, help=text)
    return parser


def main(cmd: Sequence[str] | None = None) -> None:
    """Prepare, and say what came of it."""
    words = list(sys.argv[1:] if cmd is None else cmd)
    args = vars(get_parser().parse_args(cmd))
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s: %(message)s")
    with one_message("prepare"):
        # ESPnet takes a second; a mistyped option should not.
        from espnet_prodiff.recipe.prepare.columns import Columns
        from espnet_prodiff.recipe.prepare.preparation import Request, prepare

        limits = Limits(**{item.name: args.pop(item.name) for item in fields(Limits)})
        columns = (args.pop(f"{name}_column") for name in ("audio", "text", "speaker"))
        command = ["espnet-prodiff", "prepare", *words]
        output = args["output"]
        done = prepare(
            Request(columns=Columns(*columns), limits=limits, command=command, **args)
        )
    print("\n".join(done.how))
    print(f"{done.taken} utterances taken, {done.minutes:.1f} minutes of speech")
    for reason, number in done.left_out.items():
        print(f"left out, {reason}: {number}")
    print(f"report: {(output / 'report.md').resolve()}")
    print(f"go on with: espnet-prodiff train {shlex.quote(str(output))}")


if __name__ == "__main__":
    main()
