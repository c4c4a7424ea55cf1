"""Speak the texts of a data directory, or of the command line.

Everything that ``espnet2.bin.tts_inference`` does, with the options of diffusion
models, with batches, and with every utterance that cannot be spoken named at the end.

    python3 -m espnet_prodiff.bin.tts_inference --text "Hello there." \
        --model_file exp/tts_x/valid.loss.best.pth --num_steps 2 --output_dir out
"""

from __future__ import annotations

import argparse
import inspect
import logging
import sys
from collections.abc import Sequence

from espnet.utils.cli_utils import get_commandline_args
from espnet2.bin import tts_inference as espnet
from espnet2.utils.types import float_or_none, int_or_none, str2bool, str_or_none

from espnet_prodiff.common.memory import keep_freed_memory
from espnet_prodiff.common.precision import DTYPES
from espnet_prodiff.errors import UserError, one_message
from espnet_prodiff.fileio.kaldi import allow_pipes
from espnet_prodiff.inference.decoding import decode_files, decode_texts
from espnet_prodiff.inference.text import TEXT_NORMALIZERS, UNKNOWN_SYMBOLS
from espnet_prodiff.inference.text2speech import Text2Speech

__all__ = ["Text2Speech", "get_parser", "main"]


def get_parser() -> argparse.ArgumentParser:
    """Return ESPnet's parser with our options."""
    parser = espnet.get_parser()
    for action in parser._actions:
        if action.dest == "data_path_and_name_and_type":
            action.required = False  # --text takes its place
            action.help = (
                "Path, name and type of a table 'id value', as text,text,text: the "
                "first word of a line is its id and is not spoken. For lines of text "
                "alone: espnet-prodiff say -f"
            )
        elif action.dest == "dtype":
            action.choices = DTYPES
    add = parser.add_argument_group("Diffusion related").add_argument
    add(
        "--num_steps",
        type=int_or_none,
        help="Sampling steps; by default those that the model was trained for",
    )
    add(
        "--schedule",
        type=str_or_none,
        help="Instead of num_steps: base6, large6, wavegrad1000, "
        "wavegrad50, wavegrad25 or a list of betas or times",
    )
    add(
        "--eta",
        type=float_or_none,
        help="0: deterministic, 1: ancestral sampling; by default the model's own",
    )
    add("--solver", default="ddim", help="ddim or dpmsolver++")
    add("--temperature", type=float, default=1.0, help="Factor on the noise")
    add("--speed", type=float, default=1.0, help="2: twice as fast")
    add("--pitch", type=float, default=0.0, help="Semitones up, below 0 down")
    add(
        "--energy",
        type=float,
        default=0.0,
        help="dB louder, by the energy predictor of the model",
    )
    add("--volume", type=float, default=1.0, help="Factor on the wave")
    add(
        "--vocoder_num_steps",
        type=int_or_none,
        help="Sampling steps of a DiffWave vocoder; by default its own",
    )
    add(
        "--vocoder_schedule",
        type=str_or_none,
        help="As --schedule, of a DiffWave vocoder",
    )
    add(
        "--features_only",
        type=str2bool,
        default=False,
        help="Leave out the vocoder: write mels alone",
    )
    add(
        "--allow_pipes",
        type=str2bool,
        default=False,
        help="Run commands that tables hold instead of files (kaldi_ark)",
    )
    add = parser.add_argument_group("Text related").add_argument
    add(
        "--text",
        nargs="+",
        help="Texts to speak instead of --data_path_and_name_and_type",
    )
    add(
        "--unknown_symbols",
        choices=UNKNOWN_SYMBOLS,
        default="error",
        help="What to do with symbols that the model does not know: name them and "
        "leave the utterance out, or leave the symbols out",
    )
    add(
        "--text_normalizer",
        choices=TEXT_NORMALIZERS,
        default="auto",
        help="Whether numbers, dates, addresses and signs are read as words: by the "
        "language that the model's g2p or cleaner tells, as English, or not at all",
    )
    add(
        "--lexicon",
        type=str_or_none,
        help="A file with a word, a tab or two spaces and its phones in each line",
    )
    return parser


def main(cmd: Sequence[str] | None = None) -> None:
    """Run inference; exit with 1 if an utterance could not be spoken."""
    print(get_commandline_args(), file=sys.stderr)
    args = get_parser().parse_args(cmd)
    logging.basicConfig(
        level=args.log_level,
        format="%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s",
    )
    keep_freed_memory()
    with one_message("tts_inference"):
        failures = _decode(args)
    print(f"wrote {args.output_dir}", file=sys.stderr)
    if failures:
        for failure in failures:
            print(failure, file=sys.stderr)
        sys.exit(f"{len(failures)} utterances could not be spoken; all others were")


def _decode(args: argparse.Namespace) -> list[str]:
    if (args.text is None) == (args.data_path_and_name_and_type is None):
        raise UserError(
            "expected either --text or --data_path_and_name_and_type, one of them"
        )
    if args.ngpu > 1:
        raise UserError(f"ngpu is {args.ngpu}: expected one GPU at most")
    allow_pipes(args.allow_pipes)
    names = vars(args).keys() & inspect.signature(Text2Speech).parameters
    text2speech = Text2Speech.from_pretrained(
        model_tag=args.model_tag,
        vocoder_tag=args.vocoder_tag,
        device="cuda" if args.ngpu else "cpu",
        **{name: vars(args)[name] for name in names},
    )
    if args.features_only:
        text2speech.vocoder = None
    options = {"batch_size": args.batch_size, "seed": args.seed}
    if args.text is not None:
        return decode_texts(text2speech, args.text, args.output_dir, **options)
    for name in ("key_file", "num_workers", "allow_variable_data_keys"):
        options[name] = getattr(args, name)
    files = args.data_path_and_name_and_type
    return decode_files(text2speech, files, args.output_dir, **options)


if __name__ == "__main__":
    main()
