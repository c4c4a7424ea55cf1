r"""Train a voice on a directory that `espnet-prodiff prepare` has made.

espnet-prodiff train mydata            # what fits the corpus and the machine
espnet-prodiff train mydata --small    # minutes on a CPU, to try it out

Durations are learned, a ProDiff teacher is trained, distilled to one step, evaluated
and packed. Killed or interrupted, the same command goes on. At the end it names a page
with everything to hear and see, and the packed voice. What follows a lone -- are
options of the recipe (python3 -m espnet_prodiff.recipe --help), which win. A training
with ESPnet's own options is espnet-prodiff tts-train.
"""

import argparse
import logging
import select
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from espnet_prodiff.errors import one_message

PATIENCE = 30  # s to wait for an answer


def get_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="MYDATA", help="made by espnet-prodiff prepare")
    add(
        "--small",
        action="store_true",
        help="minutes on a CPU; the same as --size small",
    )
    text = "small, cpu or gpu; default: gpu where there is one, else cpu"
    add("--size", metavar="SIZE", help=text)
    text = "a voice to train on from: demo, a zip, an experiment, a URL or a hub id"
    add("--from", dest="from_voice", metavar="VOICE", default="", help=text)
    add("--ngpu", type=int, help="GPUs, 0 for none; default: all")
    add("--nj", type=int, help="processes of the data stages; default: one a CPU")
    text = "of the voice, for its card, by a hub's name: cc-by-4.0, cc0-1.0, mit ..."
    add("--license", metavar="NAME", help=text)
    return parser


def main(cmd: Sequence[str] | None = None) -> None:
    """Train, and say where everything is."""
    words = list(sys.argv[1:] if cmd is None else cmd)
    parser = get_parser()
    end = words.index("--") if "--" in words else len(words)
    args = parser.parse_args(words[:end])
    if args.small and args.size not in (None, "small"):
        parser.error(f"--small is --size small, but --size is {args.size}")
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S"
    )
    signal.signal(signal.SIGTERM, _stop)
    again = f"espnet-prodiff train {shlex.join(words)}"
    try:
        with one_message("train"):
            from espnet_prodiff.recipe.voice.plan import Wish  # slow to import
            from espnet_prodiff.recipe.voice.training import train_voice

            wish = Wish(
                size="small" if args.small else args.size,
                from_voice=_absolute(args.from_voice),
                ngpu=args.ngpu,
                nj=args.nj,
                license=_ask_license() if args.license is None else args.license,
                options=tuple(words[end + 1 :]),
            )
            voice = train_voice(args.folder, wish, again)
    except KeyboardInterrupt:
        sys.exit(f"\nstopped; the same command goes on: {again}")
    report = voice.table.read_text(encoding="utf-8")
    speech = report.partition("\n## ")[2].partition("\n\n- ")[0]
    print(f"\n{speech}\n")
    for sample in voice.samples:
        print(f"speech: {sample}")
    print(f"table:  {voice.table}")
    print(f"page:   {voice.page}")
    print(f"voice:  {voice.model}")
    model = shlex.quote(str(voice.model))
    who = f" --speaker {voice.speaker}" if voice.speaker else ""
    print(
        f"speak:  espnet-prodiff say 'Hello there.' -o hello.wav --model {model}{who}"
    )


def _absolute(voice: str) -> str:
    """Return a voice's name, a path as an absolute one: the work is done elsewhere."""
    return str(Path(voice).resolve()) if voice and Path(voice).exists() else voice


def _ask_license() -> str:
    """Ask for the licence where somebody sits there, and go on without an answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return ""
    question = "licence of the voice, for its model card (cc-by-4.0, mit ...; return: "
    print(f"{question}none yet): ", end="", file=sys.stderr, flush=True)
    ready, _, _ = select.select([sys.stdin], [], [], PATIENCE)
    if not ready:
        print("\ngoing on without; --license NAME names it later", file=sys.stderr)
        return ""
    return sys.stdin.readline().strip()


def _stop(number: int, frame: object) -> NoReturn:
    """End on SIGTERM as on Ctrl-C, so that running jobs are ended too."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
