"""Which noise schedule makes the best teacher of a few steps, and which start.

ProDiff's denoiser is trained on the mini recipe's corpus with hidden variation, on the
conditioning of one trained text side, which is computed once and the same for all. So a
training takes a minute and several seeds are affordable. Printed for every number of
steps, on held-out sentences with the recordings' durations: the spread over five draws,
the L1 to the recording, the variance ratio, NDB and JSD. "starts" compares the first
weights, "ends" places the steps of the whole model between other SNRs and compares
where they lead with its 128 steps.

    python3 ../../../benchmarks/teacher_schedules.py schedules --seeds 0 1 \
        --model_file exp/tts_train_prodiff/valid.loss.best.pth \
        --output teacher_schedules.json
    python3 ../../../benchmarks/teacher_schedules.py starts --seeds 0 1 ...
    python3 ../../../benchmarks/teacher_schedules.py ends ...

Run it in the recipe, behind its stage 7.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from small_teachers import Rows, conditioned, train
from torch import Tensor

from espnet_prodiff.common.memory import keep_freed_memory
from espnet_prodiff.diffusion import Denoiser, NoiseSchedule, sample
from espnet_prodiff.diffusion.sampling_times import decibels, snr_times
from espnet_prodiff.evaluation.machine import describe_command, describe_machine
from espnet_prodiff.evaluation.metrics.diversity import (
    compare_histograms,
    fit_bins,
    histogram,
)
from espnet_prodiff.evaluation.metrics.mel_statistics import (
    mel_l1,
    seed_spread,
    variance_ratio,
)
from espnet_prodiff.training.task import DiffusionTTSTask

# Ends of the placement by SNR; None: even in t.
ENDS = (None, (-40, 20), (-30, 20), (-30, 30), (-20, 20), (-15, 15), (-15, 30))
DRAWS = 5
CONTINUOUS = "cosine, continuous times"


def published(steps: int) -> NoiseSchedule:
    """Vpsde with T + 1 betas, of which the last is not used."""
    return NoiseSchedule(NoiseSchedule.vpsde(steps + 1).alpha(torch.arange(steps + 1)))


def shifted_cosine(steps: int, db: float = 6.0) -> NoiseSchedule:
    """The cosine schedule at SNRs higher by some dB."""
    angle = torch.linspace(0, torch.pi / 2, steps + 1, dtype=torch.float64)
    log_snr = -2 * angle.tan().log() + decibels(db)
    alpha = torch.sigmoid(log_snr).sqrt()
    noisiest = float(NoiseSchedule.cosine(steps).alpha(steps))
    return NoiseSchedule(alpha.clamp(min=noisiest))


SCHEDULES: dict[str, Callable[[int], NoiseSchedule]] = {
    "vpsde, T betas": NoiseSchedule.vpsde,
    "vpsde, T + 1 betas": published,
    "cosine": NoiseSchedule.cosine,
    "cosine + 6 dB": shifted_cosine,
}


@torch.no_grad()
def draw(denoiser: Denoiser, rows: Rows, times: Tensor) -> list[Tensor]:
    """Each utterance from ``DRAWS`` noises, (DRAWS, n_mels, T)."""
    drawn = []
    for i, (mel, cond) in enumerate(rows):
        generator = torch.Generator().manual_seed(i)
        x_T = torch.randn(DRAWS, *mel.shape, generator=generator)
        drawn.append(sample(denoiser, x_T, times, cond[None].expand(DRAWS, -1, -1)))
    return drawn


def scores(drawn: list[Tensor], rows: Rows) -> dict[str, float]:
    """Means over the utterances; of NDB and JSD over the draws."""
    figures: dict[str, list[float]] = {"spread": [], "l1": [], "variance_ratio": []}
    mels = [mel.T.numpy() for mel, _ in rows]
    bins = fit_bins(np.concatenate(mels))
    truth_counts = histogram(bins, np.concatenate(mels))
    counts = np.zeros((DRAWS, bins.n_clusters), int)
    for draws, truth in zip(drawn, mels, strict=True):
        draws = draws.transpose(1, 2).numpy()
        figures["spread"].append(seed_spread(draws))
        figures["l1"] += [mel_l1(one, truth) for one in draws]
        figures["variance_ratio"] += [variance_ratio(one, truth) for one in draws]
        for count, one in zip(counts, draws, strict=True):
            count += histogram(bins, one)
    found = [compare_histograms(count, truth_counts) for count in counts]
    figures["ndb"] = [diversity.ndb for diversity in found]
    figures["jsd"] = [diversity.jsd for diversity in found]
    return {name: round(float(np.mean(x)), 4) for name, x in figures.items()}


def compare_schedules(
    train_rows: Rows, rows: Rows, seed: int, updates: int, trained_steps: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each schedule, number of trained steps and number of steps."""
    for steps in trained_steps:
        for name, make in SCHEDULES.items():
            denoiser = train(train_rows, make(steps), "discrete", seed, updates)
            for n in (1, 2, steps):
                times = denoiser.schedule.timesteps(n)
                found = scores(draw(denoiser, rows, times), rows)
                yield {"schedule": name, "trained_steps": steps, "steps": n, **found}
    cosine = NoiseSchedule.cosine(1000)
    denoiser = train(train_rows, cosine, "continuous", seed, updates)
    for n in (1, 2, 4, 8, 16, 64):
        found = scores(draw(denoiser, rows, cosine.timesteps(n)), rows)
        yield {"schedule": CONTINUOUS, "trained_steps": None, "steps": n, **found}


def compare_starts(
    train_rows: Rows, rows: Rows, seed: int, updates: int
) -> Iterator[dict[str, Any]]:
    """Yield the L1 at three times for each start and size of the network."""
    schedule = NoiseSchedule.cosine(4)
    for channels, layers in ((96, 10), (256, 20)):
        for torch_start in (True, False):
            sizes = {"channels": channels, "layers": layers, "torch_start": torch_start}
            denoiser = train(train_rows, schedule, "discrete", seed, updates, **sizes)
            yield {**sizes, **_errors(denoiser, rows)}


@torch.no_grad()
def _errors(denoiser: Denoiser, rows: Rows) -> dict[str, float]:
    errors: dict[str, list[float]] = {}
    for i, (mel, cond) in enumerate(rows):
        eps = torch.randn(mel.shape, generator=torch.Generator().manual_seed(i))
        for t in (1.0, 2.0, 4.0):
            alpha, sigma = denoiser.schedule.alpha(t), denoiser.schedule.sigma(t)
            x_t = (alpha * mel + sigma * eps)[None]
            error = (denoiser(x_t, t, cond[None]).x_0[0] - mel).abs().mean()
            errors.setdefault(f"l1_at_{t:.0f}", []).append(float(error))
    return {name: round(float(np.mean(x)), 4) for name, x in errors.items()}


def compare_ends(
    model_file: Path, rows: Rows, num_utts: int = 10
) -> Iterator[dict[str, Any]]:
    """Yield how far few steps of a whole teacher end from 128, from the same noise."""
    model, _ = DiffusionTTSTask.build_model_from_file(None, model_file)
    denoiser, rows = model.eval().tts.denoiser, rows[:num_utts]
    schedule = denoiser.schedule
    many = draw(denoiser, rows, schedule.timesteps(128))
    yield {"ends_db": None, "steps": 128, "distance": 0.0, **scores(many, rows)}
    for n in (2, 4, 8, 16):
        for ends in ENDS:
            times = schedule.timesteps(n)
            if ends is not None:
                times = snr_times(schedule, n, tuple(decibels(end) for end in ends))
            few = draw(denoiser, rows, times)
            distance = [
                float((a - b).abs().mean()) for a, b in zip(few, many, strict=True)
            ]
            found = {"distance": round(float(np.mean(distance)), 4)}
            yield {"ends_db": ends, "steps": n, **found, **scores(few, rows)}


def main() -> None:
    """Train and print, row by row; write everything as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("comparison", choices=("schedules", "starts", "ends"))
    parser.add_argument("--model_file", type=Path, required=True, help="its text side")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--updates", type=int, default=500)
    parser.add_argument(
        "--trained_steps", type=int, nargs="+", default=[4, 8], help="of discrete ones"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    keep_freed_memory()
    rows = conditioned(args.model_file, "eval1")
    results: dict[str, Any] = {
        "command": describe_command(f"benchmarks/{Path(__file__).name}"),
        "machine": describe_machine(),
        "rows": [],
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    start = time.time()
    for row in _rows(args, rows):
        print(f"{time.time() - start:6.0f} s", row, flush=True)
        results["rows"].append(row)
        args.output.write_text(json.dumps(results, indent=1) + "\n")


def _rows(args: argparse.Namespace, rows: Rows) -> Iterator[dict[str, Any]]:
    if args.comparison == "ends":
        yield from compare_ends(args.model_file, rows)
        return
    compare = compare_starts
    if args.comparison == "schedules":
        compare = partial(compare_schedules, trained_steps=args.trained_steps)
    train_rows = conditioned(args.model_file, "tr_no_dev")
    for seed in args.seeds:
        for row in compare(train_rows, rows, seed, args.updates):
            yield {"seed": seed, "updates": args.updates, **row}


if __name__ == "__main__":
    main()
