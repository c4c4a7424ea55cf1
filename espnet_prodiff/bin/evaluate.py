r"""Measure decoded speech and models, write a table and pictures.

python3 -m espnet_prodiff.bin.evaluate --data_dir dump/raw/eval1 \
    --durations dump/durations/eval1/durations --train_config exp/tts_x/config.yaml \
    --system "teacher, 4 steps=exp/tts_x/decode_x/eval1" \
    --model "teacher, 4 steps=exp/tts_x/valid.loss.best.pth:4" \
    --output_dir exp/tts_x/results

A --system is a directory that stage 8 decoded into: it is scored by its waveforms. A
--resynthesis is one of a vocoder that was given the recordings' own mels (DiffWave): it
is scored sample by sample as well, by PESQ, STOI and log-mel distance. A
--model is drawn from anew, with the reference durations: it is scored by its mels, and
the first is what the others' distance is measured to. One name, one row. The
config.yaml beside a model file is the model's.
"""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet_prodiff.errors import DataError, one_message

if TYPE_CHECKING:
    from espnet_prodiff.evaluation.evaluation_set import EvaluationSet
    from espnet_prodiff.evaluation.mel_model import MelInputs, MelModel

MODULE = "espnet_prodiff.bin.evaluate"


def get_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description="Measure decoded speech and models; write a table and pictures.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data_dir", type=Path, required=True, help="with wav.scp and text"
    )
    data.add_argument(
        "--durations", type=Path, help="reference durations; mels need them"
    )
    data.add_argument("--spembs", type=Path, help="scp of speaker embeddings")
    data.add_argument(
        "--max_utts", type=_positive, help="take only the first utterances"
    )
    what = parser.add_argument_group("what to measure")
    what.add_argument(
        "--system",
        type=_named,
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="directory that stage 8 decoded into; repeat",
    )
    what.add_argument(
        "--resynthesis",
        type=_named,
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="the same of a vocoder given the recordings' mels; repeat",
    )
    what.add_argument(
        "--model",
        type=_named,
        action="append",
        default=[],
        metavar="NAME=FILE[:NUM_STEPS]",
        help="model to draw mels from; repeat",
    )
    what.add_argument(
        "--train_config",
        type=Path,
        help="features, for the recordings through the vocoder; none: that of the "
        "first --model",
    )
    what.add_argument("--vocoder_file", help="none: Griffin-Lim")
    what.add_argument("--vocoder_config", type=Path)
    how = parser.add_argument_group("how")
    how.add_argument(
        "--num_seeds", type=_positive, default=4, help="draws of each model"
    )
    how.add_argument(
        "--variance",
        choices=("predicted", "true"),
        default="predicted",
        help="pitch and energy of the models' mels",
    )
    how.add_argument("--f0min", type=float, default=80.0, help="Hz")
    how.add_argument("--f0max", type=float, default=400.0, help="Hz")
    how.add_argument("--nj", type=_positive, default=1, help="processes for waveforms")
    how.add_argument(
        "--num_pictures",
        type=int,
        default=3,
        help="utterances to draw; 0 for no pictures and no audio of the seeds",
    )
    parser.add_argument("--output_dir", type=Path, required=True)
    return parser


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return number


def _named(value: str) -> tuple[str, str]:
    name, found, path = value.partition("=")
    if not (name.strip() and found and path.strip()):
        raise argparse.ArgumentTypeError(f"{value!r} is not NAME=PATH")
    return name.strip(), path.strip()


def split_steps(path: str) -> tuple[Path, int | None]:
    """Split "FILE:NUM_STEPS"; without a number after the last colon it is all file."""
    file, found, steps = path.rpartition(":")
    if found and steps.isdigit():
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
        run(args)


def run(args: argparse.Namespace) -> None:
    """Measure, write ``results.md``, ``results.json`` and ``images/*.png``."""
    from espnet_prodiff.evaluation import run as evaluation
    from espnet_prodiff.evaluation.evaluation_set import read_evaluation_set
    from espnet_prodiff.evaluation.machine import describe_command, describe_machine
    from espnet_prodiff.evaluation.plots.steps import plot_steps
    from espnet_prodiff.evaluation.progress import progress_bar
    from espnet_prodiff.evaluation.table import Results, write_results

    data = read_evaluation_set(
        args.data_dir, args.durations, args.spembs, args.max_utts
    )
    systems = {name: Path(path) for name, path in args.system + args.resynthesis}
    vocoders = {name for name, _ in args.resynthesis}
    for name, directory in systems.items():
        evaluation.require_wavs(name, directory, data)
    speak, models, token_list = _load(args)
    notes = []
    if args.model and not args.durations:
        notes.append("the models' mels were not scored: no reference durations")
    utterances: list[MelInputs] = []
    if models:
        utterances = evaluation.mel_inputs(data, speak.text_to_ids, models[0].tts)
    durations = f"{args.durations}" if args.durations else "none"
    about = {
        "data": f"{data.directory}, {len(data)} utterances, {data.fs} Hz; "
        f"reference durations: {durations}",
        "machine": describe_machine(),
        "command": f"`{describe_command(MODULE)}`",
    }
    results = Results(about, {}, notes=notes)
    copied = args.output_dir / "copy_synthesis"
    if systems:
        if speak.vocoder is not None:
            speech = (data, speak.feats_extract, speak.vocoder, copied, progress_bar)
            evaluation.copy_synthesis(*speech)
            systems = {evaluation.UPPER_BOUND: copied, **systems}
            vocoders.add(evaluation.UPPER_BOUND)
        hop = speak.feats_extract.get_parameters()["n_shift"]
        evaluation.add_speech(
            results,
            data,
            systems,
            (args.f0min, args.f0max),
            1000 * hop / data.fs,
            args.nj,
            progress_bar,
            vocoders,
            speak.feats_extract,
        )
    if models:
        about["mels"] = (
            f"{args.num_seeds} draws of each model, reference durations, "
            f"{args.variance} pitch and energy"
        )
        seeds = range(args.num_seeds)
        evaluation.add_mels(
            results, models, utterances, seeds, args.variance, progress_bar
        )
    files = list(write_results(results, args.output_dir))
    print(files[0].read_text(encoding="utf-8"))
    if args.num_pictures > 0:
        files += _draw(args, data, systems, models, utterances, speak, token_list)
        steps = {model.name: model.steps for model in models if model.steps}
        if len(set(steps.values())) > 1:
            path = args.output_dir / "images" / "steps.png"
            files.append(plot_steps(results.rows, steps, path))
    print("\n".join(f"wrote {file}" for file in files))


def _load(args: argparse.Namespace) -> tuple[Any, list["MelModel"], list[str]]:
    """Load the first model with its vocoder, and every model, each file once."""
    from espnet_prodiff.evaluation.mel_model import MelModel
    from espnet_prodiff.inference.loading import load_acoustic_model
    from espnet_prodiff.inference.text2speech import Text2Speech

    files = [(name, *split_steps(path)) for name, path in args.model]
    if files:
        first = files[0][1]
    elif args.train_config:
        weights = sorted(args.train_config.parent.glob("*.pth"))
        weights = [path for path in weights if path.name != "checkpoint.pth"]
        if not weights:
            raise DataError(
                f"No model beside {args.train_config}: pass one with --model."
            )
        first = weights[0]
    else:
        raise DataError("Pass --train_config, or a --model.")
    speak = Text2Speech(
        args.train_config if not files else None,
        first,
        vocoder_file=args.vocoder_file,
        vocoder_config=args.vocoder_config,
    )
    if speak.feats_extract is None:
        raise DataError(f"{first} has no feature extractor of its own.")
    loaded = {first: speak.model}
    models = []
    for name, file, num_steps in files if args.durations else ():
        if file not in loaded:
            loaded[file], theirs = load_acoustic_model(None, file)
            if theirs.token_list != speak.train_args.token_list:
                raise DataError(
                    f"Model {name!r}: its token list is not that of {first}."
                )
        models.append(MelModel(loaded[file], name, num_steps))
    return speak, models, list(speak.train_args.token_list)


def _draw(
    args: argparse.Namespace,
    data: "EvaluationSet",
    systems: dict[str, Path],
    models: list["MelModel"],
    utterances: list["MelInputs"],
    speak: Any,
    token_list: list[str],
) -> list[Path]:
    from espnet_prodiff.evaluation.plots import pictures

    images = args.output_dir / "images"
    shown = utterances[: args.num_pictures]
    drawn = []
    if models:
        drawn += pictures.draw_model_mels(models, shown, data, args.variance, 0, images)
        drawn += pictures.draw_alignments(models[0], shown, data, token_list, images)
        drawn += pictures.draw_denoising(models, shown[0], data, 0, images)
        if args.num_seeds > 1:
            drawn += pictures.draw_seeds(
                models,
                shown[0],
                data,
                args.variance,
                range(args.num_seeds),
                speak.vocoder,
                args.output_dir,
            )
    decoded = args.system + args.resynthesis
    if decoded:
        utts = list(data)[: args.num_pictures]
        chosen = dict(decoded)
        paths = {name: Path(path) for name, path in chosen.items()}
        drawn += pictures.draw_decoded_mels(
            paths, speak.feats_extract, data, utts, images
        )
    exp_dirs = [split_steps(path)[0].parent for _, path in args.model]
    if not exp_dirs and args.train_config:
        exp_dirs = [args.train_config.parent]
    drawn += pictures.draw_losses(list(dict.fromkeys(exp_dirs)), images)
    return drawn


if __name__ == "__main__":
    main()
