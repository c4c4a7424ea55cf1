"""Our ProDiff against ESPnet's built-in prodiff: updates and denoising steps a second.

Both get the same options, batch and threads, take turns in one process, and are
compared pair by pair, so that the drift of a shared machine cancels.

    python3 benchmarks/speed.py --config conf/train_prodiff.yaml --threads 2
"""

import argparse
import inspect
import statistics
import time
from collections.abc import Callable

import torch
from espnet2.tts.prodiff import ProDiff as Builtin

from espnet_prodiff.common.memory import keep_freed_memory
from espnet_prodiff.fileio.config import read_config
from espnet_prodiff.prodiff import ProDiff

IDIM, ODIM = 60, 80
STEPS = 4
# The built-in is sampled in the steps that it was built for; so is ours here.
DIFFUSION = {
    "diffusion_scheduler": "vpsde",
    "diffusion_steps": STEPS,
    "diffusion_beta": 40.0,
}


def make_models(config: str) -> dict[str, torch.nn.Module]:
    """Both models with the options of a training config that both know."""
    conf = read_config(config)["tts_conf"] | DIFFUSION
    conf |= {"train_times": "discrete", "num_steps": None}
    known = inspect.signature(Builtin).parameters
    shared = {name: value for name, value in conf.items() if name in known}
    torch.manual_seed(0)
    # The built-in needs its masking switched on; ours always masks.
    builtin = Builtin(IDIM, ODIM, **{**shared, "use_masking": True})
    return {"ours": ProDiff(IDIM, ODIM, **conf), "built-in": builtin}


def make_batch(sentences: int, tokens: int, frames: int) -> dict[str, torch.Tensor]:
    """A batch of speech-like sizes: ``frames`` for each of ``tokens`` on average."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(tokens // 2, tokens + 1, (sentences,), generator=generator)
    durations = torch.zeros(sentences, tokens + 1, dtype=torch.long)
    for row, length in zip(durations, lengths, strict=True):
        row[: length + 1] = torch.randint(
            1, 2 * frames, (int(length) + 1,), generator=generator
        )
    durations = durations[:, : lengths.max() + 1]
    mel_lengths = durations.sum(1)
    valid = (durations > 0).unsqueeze(-1)
    shape = durations.shape
    return {
        "text": torch.randint(1, IDIM - 1, (shape[0], shape[1] - 1)) * valid[:, 1:, 0],
        "text_lengths": lengths,
        "feats": torch.randn(sentences, int(mel_lengths.max()), ODIM),
        "feats_lengths": mel_lengths,
        "durations": durations,
        "durations_lengths": lengths + 1,
        "pitch": torch.randn(*shape, 1) * valid,
        "pitch_lengths": lengths + 1,
        "energy": torch.randn(*shape, 1) * valid,
        "energy_lengths": lengths + 1,
    }


def update(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> Callable:
    """One training update of ``model``."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def run() -> None:
        optimizer.zero_grad()
        model(**batch)[0].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    model.train()
    return run


def synthesis(model: torch.nn.Module, tokens: int, frames: int) -> Callable:
    """One utterance in the model's steps, durations given."""
    text = torch.randint(1, IDIM - 1, (tokens,))
    durations = torch.full((tokens + 1,), frames)
    pitch = energy = torch.zeros(tokens + 1, 1)
    model.eval()
    return lambda: model.inference(
        text,
        durations=durations,
        pitch=pitch,
        energy=energy,
        use_teacher_forcing=True,
    )


def compare(runs: dict[str, Callable], repeats: int) -> str:
    """Medians in ms and the ratio of the pairs, with their spread."""
    for run in runs.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    pairs = zip(seconds["built-in"], seconds["ours"], strict=True)
    ratios = sorted(theirs / ours for theirs, ours in pairs)
    medians = {name: 1000 * statistics.median(s) for name, s in seconds.items()}
    return (
        f"{medians['ours']:.0f} | {medians['built-in']:.0f} | "
        f"{statistics.median(ratios):.2f} ({ratios[len(ratios) // 10]:.2f} - "
        f"{ratios[-1 - len(ratios) // 10]:.2f})"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="conf/train_prodiff.yaml")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--batch_size", type=int, default=6)
    parser.add_argument("--tokens", type=int, default=80)
    parser.add_argument("--frames", type=int, default=6, help="frames of a token")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    keep_freed_memory()  # for both: without it page faults would be most of the time
    models = make_models(args.config)
    batch = make_batch(args.batch_size, args.tokens, args.frames)
    print(f"{args.config}, {args.threads} threads, torch {torch.__version__}")
    print("| | ours, ms | built-in, ms | speed-up (10 % - 90 % of the pairs) |")
    print("|---|---|---|---|")
    row = compare({n: update(m, batch) for n, m in models.items()}, args.repeats)
    print(f"| an update, {args.batch_size} sentences | {row} |", flush=True)
    runs = {n: synthesis(m, args.tokens, args.frames) for n, m in models.items()}
    row = compare(runs, args.repeats)
    print(f"| synthesis, {STEPS} steps, {args.tokens} tokens | {row} |")


if __name__ == "__main__":
    main()
