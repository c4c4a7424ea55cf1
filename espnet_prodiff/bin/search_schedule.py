"""Find betas for a few sampling steps of a trained DiffWave vocoder.

The schedule is tried on the middle of some held-out recordings: their mels are spoken,
and the log-mels of the result are compared with the recordings' own. What is written is
an inference config: ``--inference_config <output>`` in stage 8 of the model's recipe.

Example:
    python3 -m espnet_prodiff.bin.search_schedule --num_steps 6 \
        --model_file exp/tts_diffwave/valid.loss.best.pth --wav_scp data/dev/wav.scp
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from espnet2.utils.types import float_or_none
from torch import Tensor

from espnet_prodiff.common.memory import keep_freed_memory
from espnet_prodiff.diffwave.search import (
    Betas,
    Found,
    log_mel_distance,
    search_schedule,
)
from espnet_prodiff.errors import UserError, one_message
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.fileio.audio import read_audio, read_recording
from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.inference.wave_generator import WaveGenerator


def get_parser() -> argparse.ArgumentParser:
    """Options of the search."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model_file", required=True, help="*.pth, or a packed model")
    parser.add_argument("--train_config", help="default: config.yaml beside the model")
    parser.add_argument("--wav_scp", required=True, type=Path, help="held-out waves")
    parser.add_argument("--num_steps", required=True, type=int)
    parser.add_argument("--num_clips", type=int, default=4, help="Clips to try it on")
    parser.add_argument("--clip_seconds", type=float, default=1.0)
    parser.add_argument(
        "--eta", type=float_or_none, help="0: deterministic, 1: ancestral"
    )
    parser.add_argument("--seed", type=int, default=777)
    parser.add_argument("--ngpu", type=int, choices=(0, 1), default=0)
    parser.add_argument(
        "--output",
        type=Path,
        help="default: schedule_<num_steps>steps.yaml beside the model",
    )
    return parser


def main(cmd: Sequence[str] | None = None) -> None:
    """Search, and write the best schedule."""
    args = get_parser().parse_args(cmd)
    keep_freed_memory()
    with one_message("search_schedule"):
        _search(args)


def _search(args: argparse.Namespace) -> None:
    make = WaveGenerator(
        args.model_file, args.train_config, "cuda" if args.ngpu else "cpu"
    )
    if make.conditioning != "mel":
        raise UserError(
            f"{args.model_file} has conditioning {make.conditioning!r}: a schedule is "
            "judged by the mel that it was to speak, which takes a vocoder (mel)"
        )
    mels = [make.features(clip) for clip in _clips(args, make)]
    sampling = {"seed": args.seed}
    if args.eta is not None:
        sampling["eta"] = args.eta

    def vocode(mel: Tensor, betas: Betas) -> Tensor:
        return make.vocode(mel, schedule=betas, **sampling)

    def vocode_evenly(mel: Tensor, _: Betas) -> Tensor:
        return make.vocode(mel, num_steps=args.num_steps, **sampling)

    score = log_mel_distance(vocode, make.features, mels)
    found = search_schedule(score, make.tts.denoiser.schedule, args.num_steps)
    evenly = log_mel_distance(vocode_evenly, make.features, mels)(())
    output = args.output
    if output is None:
        name = f"schedule_{args.num_steps}steps.yaml"
        output = Path(args.model_file).parent / name
    write_text(output, _config(args, found, evenly))
    print(
        f"log-mel L1 {found.score:.4f} after {len(found.tried)} schedules "
        f"({args.num_steps} evenly spaced steps: {evenly:.4f})\n"
        f"--schedule {_text(found.betas)}\nwritten to {output}"
    )


def _clips(args: argparse.Namespace, make: WaveGenerator) -> list[Tensor]:
    """The middles of recordings from all over the list, at the model's rate."""
    if args.num_clips < 1:
        raise UserError(f"num_clips must be at least 1, but it is {args.num_clips}")
    samples = round(args.clip_seconds * make.fs)
    if samples < make.tts.hop_length:
        raise UserError(
            f"clip_seconds must be at least {make.tts.hop_length / make.fs:.3g}, the "
            f"length of a mel frame, but it is {args.clip_seconds}"
        )
    files = list(read_table(args.wav_scp).items())
    count = min(args.num_clips, len(files))
    clips = []
    for utterance, file in (files[i * len(files) // count] for i in range(count)):
        make.contract.require_rate(read_recording(file, utterance).fs, file)
        wav = torch.from_numpy(read_audio(file, utterance)).float()
        start = max(0, (len(wav) - samples) // 2)
        clips.append(wav[start : start + samples])
    return clips


def _text(betas: Betas) -> str:
    return ",".join(f"{beta:.6g}" for beta in betas)


def _config(args: argparse.Namespace, found: Found, evenly: float) -> str:
    """An inference config with comments on where it comes from."""
    return (
        f"# {args.num_steps} sampling steps for {args.model_file}, the best of "
        f"{len(found.tried)} schedules.\n"
        f"# Log-mel L1 on clips of {args.wav_scp}: {found.score:.4f}; "
        f"evenly spaced steps: {evenly:.4f}.\n"
        "# With an acoustic model and this DiffWave as its vocoder the option is "
        "vocoder_schedule.\n"
        f"schedule: [{_text(found.betas)}]\n"
    )


if __name__ == "__main__":
    main()
