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

from espnet2.utils.types import float_or_none

from espnet_prodiff.common.memory import keep_freed_memory
from espnet_prodiff.errors import one_message
from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.inference.schedule_search import (
    format_betas,
    search_vocoder_schedule,
    write_schedule,
)
from espnet_prodiff.inference.wave_generator import WaveGenerator


def get_parser() -> argparse.ArgumentParser:
    """Options of the search."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--model_file", required=True, help="*.pth, or a packed model")
    add("--train_config", help="default: config.yaml beside the model")
    add("--wav_scp", required=True, type=Path, help="held-out waves")
    add("--num_steps", required=True, type=int)
    add("--num_clips", type=int, default=4, help="Clips to try it on")
    add("--clip_seconds", type=float, default=1.0)
    add("--eta", type=float_or_none, help="0: deterministic, 1: ancestral")
    add("--seed", type=int, default=777)
    add("--ngpu", type=int, choices=(0, 1), default=0)
    add(
        "--output",
        type=Path,
        help="default: schedule_<num_steps>steps.yaml beside the model",
    )
    return parser


def main(cmd: Sequence[str] | None = None) -> None:
    """Search, and write the best schedule."""
    args = get_parser().parse_args(cmd)
    keep_freed_memory()
    name = f"schedule_{args.num_steps}steps.yaml"
    output = args.output or Path(args.model_file).parent / name
    with one_message("search_schedule"):
        device = "cuda" if args.ngpu else "cpu"
        diffwave = WaveGenerator(args.model_file, args.train_config, device)
        names = ("num_steps", "num_clips", "clip_seconds", "eta", "seed")
        options = {name: getattr(args, name) for name in names}
        recordings = read_table(args.wav_scp)
        result, even_score = search_vocoder_schedule(diffwave, recordings, **options)
        write_schedule(output, result, even_score, args.model_file, args.wav_scp)
    print(
        f"log-mel L1 {result.score:.4f} after {len(result.trials)} schedules "
        f"({args.num_steps} evenly spaced steps: {even_score:.4f})\n"
        f"--schedule {format_betas(result.betas)}\nwritten to {output}"
    )


if __name__ == "__main__":
    main()
