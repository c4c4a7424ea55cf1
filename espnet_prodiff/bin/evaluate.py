r"""Measure decoded speech and models, write a table and pictures.

python3 -m espnet_prodiff.bin.evaluate --data_dir dump/raw/eval1 \
    --durations dump/durations/eval1/durations --train_config exp/tts_x/config.yaml \
    --system "teacher, 4 steps=exp/tts_x/decode_x/eval1" \
    --model "teacher, 4 steps=exp/tts_x/valid.loss.best.pth:4" \
    --output_dir exp/tts_x/results

A --system is a directory that stage 8 decoded into: it is scored by its waveforms. A
--resynthesis is one of a vocoder that was given the recordings' own mels (DiffWave): it
is scored sample by sample as well, by PESQ, STOI and log-mel distance. A --model is
sampled anew, with the reference durations: it is scored by its mels, and the others'
distance is measured to the first. One name, one row. The config.yaml beside a model
file is the model's.
"""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from espnet_prodiff.errors import one_message


def get_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description="Measure decoded speech and models; write a table and pictures.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument_group("data").add_argument
    add("--data_dir", type=Path, required=True, help="with wav.scp and text")
    add("--durations", type=Path, help="reference durations; mels need them")
    add("--spembs", type=Path, help="scp of speaker embeddings")
    add("--max_utts", type=_positive, help="take only the first utterances")
    what = parser.add_argument_group("what to measure")
    for option, kind, text in (
        ("--system", "DIR", "directory that stage 8 decoded into"),
        ("--resynthesis", "DIR", "the same of a vocoder given the recordings' mels"),
        ("--model", "FILE[:NUM_STEPS]", "model to sample mels from"),
    ):
        what.add_argument(
            option,
            metavar=f"NAME={kind}",
            type=_named,
            action="append",
            default=[],
            help=f"{text}; repeat",
        )
    what.add_argument(
        "--train_config",
        type=Path,
        help="features, for the recordings through the vocoder; none: that of the "
        "first --model",
    )
    what.add_argument("--vocoder_file", help="none: the built-in vocoder")
    what.add_argument("--vocoder_config", type=Path)
    add = parser.add_argument_group("how").add_argument
    add("--num_seeds", type=_positive, default=4, help="samples of each model")
    text = "pitch and energy of the models' mels"
    add("--variance", choices=("predicted", "true"), default="predicted", help=text)
    add("--f0min", type=float, default=80.0, help="Hz")
    add("--f0max", type=float, default=400.0, help="Hz")
    add("--nj", type=_positive, default=1, help="processes for waveforms")
    text = "utterances to plot; 0 for no pictures and no audio of the seeds"
    add("--num_pictures", type=int, default=3, help=text)
    parser.add_argument("--output_dir", type=Path, required=True)
    return parser


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return number


def _named(value: str) -> tuple[str, str]:
    name, _, path = (part.strip() for part in value.partition("="))
    if not (name and path):
        raise argparse.ArgumentTypeError(f"{value!r} is not NAME=PATH")
    return name, path


def split_steps(path: str) -> tuple[Path, int | None]:
    """Split "FILE:NUM_STEPS"; without a number after the last colon it is all file."""
    file, _, steps = path.rpartition(":")
    if file and steps.isdigit():
        return Path(file), int(steps)
    return Path(path), None


def main(argv: Sequence[str] | None = None) -> None:
    """Run it; every bad input is one line on stderr and exit status 1."""
    parser = get_parser()
    args = parser.parse_args(argv)
    for option, named in (
        ("--system or --resynthesis", args.system + args.resynthesis),
        ("--model", args.model),
    ):
        names = [name for name, _ in named]
        if len(names) != len(set(names)):
            parser.error(f"{option}: two have the same name")
    speech = args.system + args.resynthesis
    if not speech and not args.model:
        parser.error("nothing to measure: pass --system, --resynthesis or --model")
    if not speech and not args.durations:
        parser.error("--model needs --durations")
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s: %(message)s"
    )

    with one_message("evaluate"):
        from espnet_prodiff.evaluation.evaluate import ModelFile, evaluate
        from espnet_prodiff.evaluation.evaluation_set import read_evaluation_set
        from espnet_prodiff.evaluation.machine import describe_command
        from espnet_prodiff.evaluation.systems import System
        from espnet_prodiff.evaluation.table import to_markdown

        results, files = evaluate(
            read_evaluation_set(
                args.data_dir, args.durations, args.spembs, args.max_utts
            ),
            args.output_dir,
            systems=[
                *(System(name, Path(path)) for name, path in args.system),
                *(System(name, Path(path), True) for name, path in args.resynthesis),
            ],
            models=[ModelFile(name, *split_steps(path)) for name, path in args.model],
            train_config=args.train_config,
            vocoder_file=args.vocoder_file,
            vocoder_config=args.vocoder_config,
            num_seeds=args.num_seeds,
            variance=args.variance,
            f0_range=(args.f0min, args.f0max),
            nj=args.nj,
            num_pictures=args.num_pictures,
            command=describe_command("espnet_prodiff.bin.evaluate"),
        )
        print(to_markdown(results))
        print("\n".join(f"wrote {file}" for file in files))


if __name__ == "__main__":
    main()
