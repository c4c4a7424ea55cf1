"""Make waves with a trained DiffWave.

Examples:
    python3 -m espnet_prodiff.bin.generate vocode --wavs a.wav b.wav \
        --model_file exp/tts_x/valid.loss.best.pth --schedule base6 --output_dir out
    ... generate --seconds 1 --num_waves 10 --label 3 --seed 0 --output_dir out
    ... denoise --wavs noisy.wav --t 25 --output_dir out
    ... interpolate --wavs one.wav other.wav --t 50 --weights 0.25 0.5 --output_dir out
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from espnet2.fileio.npy_scp import NpyScpReader
from espnet2.utils.types import float_or_none, int_or_none, str_or_none
from torch import Tensor
from tqdm import tqdm

from espnet_prodiff.common.memory import keep_freed_memory
from espnet_prodiff.errors import DataError, UserError, one_message
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.fileio.audio import read_audio, read_recording, write_audio
from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.inference.wave_generator import WaveGenerator

__all__ = ["WaveGenerator", "get_parser", "main"]


def get_parser() -> argparse.ArgumentParser:
    """One subcommand for each use."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    uses = parser.add_subparsers(dest="use", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--model_file", required=True, help="*.pth, or a packed model")
    common.add_argument("--train_config", help="default: config.yaml beside the model")
    common.add_argument("--output_dir", required=True, type=Path)
    common.add_argument("--ngpu", type=int, choices=(0, 1), default=0)
    common.add_argument(
        "--num_steps", type=int_or_none, help="default: the model's own"
    )
    common.add_argument(
        "--eta", type=float_or_none, help="0: deterministic, 1: ancestral"
    )
    common.add_argument("--solver", default="ddim", help="ddim or dpmsolver++")
    common.add_argument("--seed", type=int, default=777)
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
    labels.add_argument("--label", type=int_or_none, help="Class, if there are classes")

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
        _write(args)


def _write(args: argparse.Namespace) -> None:
    device = "cuda" if args.ngpu else "cpu"
    make = WaveGenerator(args.model_file, args.train_config, device)
    names = ("num_steps", "schedule", "eta", "solver", "temperature", "seed")
    given = {name: getattr(args, name, None) for name in names}
    sampling = {name: value for name, value in given.items() if value is not None}
    jobs = list(USES[args.use](args, make, sampling))
    lines = []
    for name, wave in tqdm(jobs, unit="wav", disable=None):
        file = args.output_dir / "wav" / f"{name}.wav"
        write_audio(file, wave().cpu().numpy(), make.fs)
        lines.append(f"{name} {file}\n")
    write_text(args.output_dir / "wav.scp", "".join(lines))
    print(f"{len(jobs)} waves: {args.output_dir / 'wav.scp'}", file=sys.stderr)


Job = tuple[str, Callable[[], Tensor]]  # a name and what makes its wave


def _vocode(
    args: argparse.Namespace, make: WaveGenerator, sampling: dict[str, Any]
) -> Iterator[Job]:
    if args.feats_scp is None:
        for name, path in _recordings(args, make):
            yield name, partial(_of_file, make.resynthesize, path, make, **sampling)
        return
    if args.wavs or args.wav_scp:
        raise UserError("give one of --wavs, --wav_scp and --feats_scp")
    read_table(args.feats_scp)  # its errors say more
    feats = NpyScpReader(args.feats_scp)
    for name in feats:
        yield _checked(name), partial(_of_mel, feats, name, make, **sampling)


def _generate(
    args: argparse.Namespace, make: WaveGenerator, sampling: dict[str, Any]
) -> Iterator[Job]:
    if args.num_waves < 1:
        raise UserError(f"num_waves must be at least 1, but it is {args.num_waves}")
    label = "" if args.label is None else f"label{args.label}_"
    for seed in range(args.seed, args.seed + args.num_waves):
        own = {**sampling, "seed": seed}
        job = partial(make.generate, args.seconds, args.label, **own)
        yield f"{label}seed{seed}", job


def _denoise(
    args: argparse.Namespace, make: WaveGenerator, sampling: dict[str, Any]
) -> Iterator[Job]:
    for name, path in _recordings(args, make):
        own = {"t": args.t, "label": args.label, **sampling}
        yield name, partial(_of_file, make.denoise, path, make, **own)


def _interpolate(
    args: argparse.Namespace, make: WaveGenerator, sampling: dict[str, Any]
) -> Iterator[Job]:
    recordings = _recordings(args, make)
    if len(recordings) != 2:
        raise UserError(f"two recordings are blended, but {len(recordings)} are given")
    first, second = (_read(path, make) for _, path in recordings)
    both = "_".join(name for name, _ in recordings)
    for weight in args.weights:
        job = partial(
            make.interpolate, first, second, args.t, weight, args.label, **sampling
        )
        yield f"{both}_{weight:g}", job


USES = {
    "vocode": _vocode,
    "generate": _generate,
    "denoise": _denoise,
    "interpolate": _interpolate,
}


def _recordings(
    args: argparse.Namespace, make: WaveGenerator
) -> list[tuple[str, Path]]:
    """Names and files, all of the model's sampling rate."""
    if (args.wavs is None) == (args.wav_scp is None):
        raise UserError("give the recordings as --wavs or as --wav_scp, one of them")
    if args.wavs is not None:
        found = [(path.stem, path) for path in args.wavs]
        if len({name for name, _ in found}) < len(found):
            raise UserError("two of --wavs have the same name: their waves would too")
    else:
        found = [(utt, Path(path)) for utt, path in read_table(args.wav_scp).items()]
    for name, path in found:
        make.contract.require_rate(read_recording(path, name).fs, str(path))
    return [(_checked(name), path) for name, path in found]


def _of_file(
    use: Callable[..., Tensor], path: Path, make: WaveGenerator, **options: Any
) -> Tensor:
    return use(_read(path, make), **options)


def _of_mel(
    feats: NpyScpReader, name: str, make: WaveGenerator, **sampling: Any
) -> Tensor:
    return make.vocode(torch.from_numpy(feats[name]), **sampling)


def _read(path: Path, make: WaveGenerator) -> Tensor:
    return torch.from_numpy(read_audio(path, path.stem, make.fs)).float()


def _checked(name: str) -> str:
    if not re.fullmatch(r"[^/\\\x00-\x1f]+", name) or name in (".", ".."):
        raise DataError(f"utterance {name!r}: a name with a path in it is refused")
    return name


if __name__ == "__main__":
    main()
