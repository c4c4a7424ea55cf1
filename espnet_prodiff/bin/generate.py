"""Make waves with a trained DiffWave.

Examples:
    python3 -m espnet_prodiff.bin.generate vocode --wavs a.wav b.wav \
        --model_file exp/tts_x/valid.loss.best.pth --schedule base6 --output_dir out
    ... generate --seconds 1 --num_waves 10 --label 3 --seed 0 --output_dir out
    ... denoise --wavs noisy.wav --t 25 --output_dir out
    ... interpolate --wavs one.wav other.wav --t 50 --weights 0.25 0.5 --output_dir out
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from espnet2.utils.types import float_or_none, int_or_none, str_or_none

from espnet_prodiff.common.memory import keep_freed_memory
from espnet_prodiff.common.sampling import SAMPLING_OPTIONS, Sampling
from espnet_prodiff.errors import UserError, check_positive, one_message
from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.inference.generation import (
    Job,
    denoise_recordings,
    generate_waves,
    interpolate_recordings,
    vocode_mels,
    vocode_recordings,
    write_waves,
)
from espnet_prodiff.inference.wave_generator import WaveGenerator

__all__ = ["WaveGenerator", "get_parser", "main"]


def get_parser() -> argparse.ArgumentParser:
    """One subcommand for each use."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    uses = parser.add_subparsers(dest="use", required=True)
    common = argparse.ArgumentParser(add_help=False)
    add = common.add_argument
    add("--model_file", required=True, help="*.pth, or a packed model")
    add("--train_config", help="default: config.yaml beside the model")
    add("--output_dir", required=True, type=Path)
    add("--ngpu", type=int, choices=(0, 1), default=0)
    add("--num_steps", type=int_or_none, help="default: the model's own")
    add("--eta", type=float_or_none, help="0: deterministic, 1: ancestral")
    add("--solver", default="ddim", help="ddim or dpmsolver++")
    add("--seed", type=int, default=777)
    anywhere = argparse.ArgumentParser(add_help=False)
    anywhere.add_argument(
        "--schedule",
        type=str_or_none,
        help="Instead of --num_steps: base6, large6 or a list of betas",
    )
    anywhere.add_argument("--temperature", type=float, default=1.0)
    waves = argparse.ArgumentParser(add_help=False)
    waves.add_argument("--wavs", nargs="+", type=Path, help="Sound files")
    waves.add_argument("--wav_scp", type=Path, help="or lines 'utterance file'")
    labels = argparse.ArgumentParser(add_help=False)
    labels.add_argument("--label", help="Class by name or number, if there are classes")

    use = uses.add_parser(
        "vocode", parents=[common, anywhere, waves], help="mels, or recordings' mels"
    )
    use.add_argument("--feats_scp", type=Path, help="or denorm/feats.scp of stage 8")
    use = uses.add_parser(
        "generate", parents=[common, anywhere, labels], help="of a class or of nothing"
    )
    use.add_argument("--seconds", type=float_or_none, help="default: a training clip's")
    use.add_argument("--num_waves", type=int, default=1, help="seeds count from --seed")
    use = uses.add_parser(
        "denoise", parents=[common, waves, labels], help="clean noisy recordings"
    )
    use.add_argument("--t", type=float, required=True, help="Time to start at")
    use = uses.add_parser(
        "interpolate", parents=[common, waves, labels], help="blend two recordings"
    )
    use.add_argument("--t", type=float, required=True, help="Time of the latent space")
    use.add_argument("--weights", nargs="+", type=float, default=[0.5])
    return parser


def main(cmd: Sequence[str] | None = None) -> None:
    """Write ``wav.scp`` and one sound file a wave under ``--output_dir``."""
    args = get_parser().parse_args(cmd)
    keep_freed_memory()
    with one_message("generate"):
        device = "cuda" if args.ngpu else "cpu"
        diffwave = WaveGenerator(args.model_file, args.train_config, device)
        jobs = _jobs(args, diffwave)
        table = write_waves(jobs, args.output_dir, diffwave.fs)
    print(f"{len(jobs)} waves: {table}", file=sys.stderr)


def _jobs(args: argparse.Namespace, diffwave: WaveGenerator) -> list[Job]:
    options = vars(args)
    sampling = Sampling(**{k: options[k] for k in SAMPLING_OPTIONS & options.keys()})
    if args.use == "generate":
        check_positive("num_waves", args.num_waves)
        seeds = range(args.seed, args.seed + args.num_waves)
        return generate_waves(diffwave, seeds, sampling, args.seconds, args.label)
    if args.use == "vocode" and args.feats_scp is not None:
        if args.wavs or args.wav_scp:
            raise UserError("give one of --wavs, --wav_scp and --feats_scp")
        return vocode_mels(diffwave, args.feats_scp, sampling)
    recordings = _recordings(args)
    if args.use == "vocode":
        return vocode_recordings(diffwave, recordings, sampling)
    if args.use == "denoise":
        return denoise_recordings(diffwave, recordings, args.t, sampling, args.label)
    return interpolate_recordings(
        diffwave, recordings, args.t, args.weights, sampling, args.label
    )


def _recordings(args: argparse.Namespace) -> dict[str, str | Path]:
    if (args.wavs is None) == (args.wav_scp is None):
        raise UserError("give the recordings as --wavs or as --wav_scp, one of them")
    if args.wavs is None:
        return dict(read_table(args.wav_scp))
    recordings = {path.stem: path for path in args.wavs}
    if len(recordings) < len(args.wavs):
        raise UserError("two of --wavs have the same name: their waves would too")
    return recordings


if __name__ == "__main__":
    main()
