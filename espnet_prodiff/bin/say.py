r"""Speak a text, into a file, a pipe or the loudspeaker.

espnet-prodiff say "Hello there." -o hello.wav
espnet-prodiff say -f story.txt --play
echo "Good morning." | espnet-prodiff say - -o - | aplay
espnet-prodiff say -f lines.txt -o folder/        # a file for each line
"""

import argparse
import contextlib
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from espnet_prodiff.errors import UserError, one_message

PROSODY = {
    "speed": "2: twice as fast",
    "pitch": "semitones up, below 0 down",
    "energy": "dB louder, by the model's energy predictor",
    "volume": "factor on the wave",
}

TEXT_OPTIONS = ("text_normalizer", "unknown_symbols", "lexicon")


def get_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("text", nargs="*", metavar="TEXT", help="what to say; -: the standard input")
    add("-f", "--file", metavar="FILE", help="a text file; -: the standard input")
    add("--table", type=Path, help="a file with lines 'id text', for -o FOLDER")
    text = "hello.wav (.flac, .ogg, .mp3); -: a WAV on the standard output; a folder: "
    text += "a file for each line of the text, and an interrupted run goes on"
    add("-o", "--output", metavar="OUTPUT", help=text)
    add("--play", action="store_true", help="speak aloud; the default without -o")
    text = "a voice (--list), a packed model, a .pth, an experiment folder, a URL or a "
    text += "hub id; default: slt, of the package"
    add("--model", help=text)
    add("--vocoder", help="as --vocoder_file of tts_inference; default: the built-in")
    add("--lexicon", metavar="FILE", help="words and their phones, a line each")
    text = "auto, english or none: whether figures, dates and signs are read as words"
    add("--text_normalizer", metavar="HOW", default="auto", help=text)
    text = "error or skip: what to do with letters that the voice does not read"
    add("--unknown_symbols", metavar="HOW", default="error", help=text)
    add("--list", action="store_true", help="name the voices of the package")
    add("--steps", type=int, help="sampling steps; default: the model's own")
    for name, meaning in PROSODY.items():
        add(f"--{name}", type=float, help=meaning)
    add("--seed", type=int, default=0, help="of the noise; default: 0")
    add("--speaker", help="name or id, for a model of several")
    add("--language", type=int, help="id, for a model of several")
    return parser


def main(cmd: Sequence[str] | None = None) -> None:
    """Speak; exit with 1 if something could not be spoken."""
    args = get_parser().parse_args(cmd)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    warnings.filterwarnings("ignore")  # of other packages, about their own code
    warnings.filterwarnings("default", module=r"espnet_prodiff\.")
    try:
        with one_message("say"):
            failures = _list_voices() if args.list else _say(args)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # who listened has gone
        from espnet_prodiff.fileio.speech_file import drop_stdout

        drop_stdout()
        sys.exit(1)
    if failures:
        sys.exit("\n".join([*failures, f"{len(failures)} texts could not be spoken"]))


def _list_voices() -> list[str]:
    from espnet_prodiff.inference.voices import known_voices

    for voice in known_voices():
        print(f"{voice.name}\t{voice.summary}")
    if not known_voices():
        print("this installation holds no voice; say --model names others")
    return []


def _say(args: argparse.Namespace) -> list[str]:
    from espnet_prodiff.fileio.speech_file import check_format, speech_file

    if args.play and args.output is not None:
        raise UserError("give one of --play and -o")
    folder = _folder(args.output)
    if args.table is not None and folder is None:
        raise UserError("--table is for -o FOLDER, a file for each of its lines")
    if args.output not in (None, "-") and folder is None:
        path = Path(args.output)
        if path.is_file() or not path.exists():
            check_format(path)
    texts = _texts(args, by_line=folder is not None)
    with contextlib.redirect_stdout(None):  # some modules print when they are imported
        from espnet_prodiff.inference.find_model import find_model
        from espnet_prodiff.inference.playback import player
        from espnet_prodiff.inference.saying import sampling_rate, say, say_each
        from espnet_prodiff.inference.streaming import INPUTS
        from espnet_prodiff.inference.text2speech import Text2Speech

        files = find_model(args.model)
        texts_as = {name: vars(args)[name] for name in TEXT_OPTIONS}
        text2speech = Text2Speech(**files, vocoder_file=args.vocoder, **texts_as)
    options = _options(args)
    if args.speaker is not None:
        options["sids"] = text2speech.speaker_id(args.speaker)
    text2speech.options(**{k: v for k, v in options.items() if k not in INPUTS})
    fs = sampling_rate(text2speech)
    if folder is not None:
        weights = Path(files["model_file"])
        stamp = weights.stat().st_mtime_ns
        model = f"{weights.resolve()} {stamp} {args.vocoder} {[*texts_as.values()]}"
        said, failures = say_each(text2speech, texts, folder, options, model)
        print(f"{folder}: {len(texts) - len(failures)} files, {said}")
        return failures
    (text,) = texts.values()
    sound = player(fs) if args.output is None else speech_file(args.output, fs)
    with sound as sink:
        said = say(text2speech, text, sink, options)
    name = "played" if args.output is None else args.output
    print(f"{name}: {said}", file=sys.stderr if args.output == "-" else sys.stdout)
    return []


def _options(args: argparse.Namespace) -> dict[str, Any]:
    given = vars(args)
    options = {name: given[name] for name in (*PROSODY, "seed")}
    options |= {"num_steps": args.steps, "lids": args.language}
    return {name: value for name, value in options.items() if value is not None}


def _folder(output: str | None) -> Path | None:
    if output in (None, "-"):
        return None
    path = Path(output)
    named = output.endswith("/") or not (path.suffix or path.exists())
    return path if path.is_dir() or named else None


def _texts(args: argparse.Namespace, by_line: bool) -> dict[str, str]:
    """The texts by name: one, or those of the lines."""
    given = (bool(args.text), args.file is not None, args.table is not None)
    if sum(given) != 1:
        raise UserError("give one of TEXT, -f FILE and --table FILE: what to say")
    if args.table is not None:
        from espnet_prodiff.fileio.tables import read_table

        return read_table(args.table)
    text = " ".join(args.text)
    source = "-" if text == "-" else args.file
    if source is not None:
        text = _read(source)
    if not text.strip():
        raise UserError("the text is empty: expected something to say")
    if not by_line:
        return {"text": text}
    lines = {f"{number:04d}": line for number, line in enumerate(text.splitlines(), 1)}
    return {name: line for name, line in lines.items() if line.strip()}


def _read(source: str) -> str:
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{source} is not UTF-8 text: {error}") from None
    except OSError as error:
        raise UserError(f"{source} cannot be read: {error.strerror}") from None


if __name__ == "__main__":
    main()
