"""Time of a DiffWave denoising step against the arithmetic floor.

The floor is the time that a float32 matrix product of as many operations takes on the
same threads. Every measurement stands between two of the floor, all systems take turns
in one process, and the ratios are taken measurement by measurement, so that the drift
of a shared machine cancels. With ``--clock cpu`` and one thread, time that other
programs take from this one does not count either.

    python3 benchmarks/diffwave_speed.py --threads 2 --lmnt /path/to/lmnt-com/diffwave

lmnt's implementation is measured where a checkout of it is given.
"""

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from memory import peak_memory
from tqdm import tqdm

from espnet_prodiff.common.memory import keep_freed_memory
from espnet_prodiff.diffwave.network import KERNEL_SIZE, DiffWaveNetwork
from espnet_prodiff.diffwave.tiling import TiledNetwork

FS, HOP, N_MELS = 22050, 256, 80
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def operations(network: DiffWaveNetwork, samples: int) -> int:
    """Floating-point operations of a step: two for each multiplication."""
    channels = network.in_proj.out_channels
    layer = 2 * channels * (KERNEL_SIZE * channels + channels + N_MELS)
    return 2 * samples * (len(network.layers) * layer + channels**2 + 2 * channels)


def build_lmnt(
    checkout: Path, channels: int, layers: int, cycle: int
) -> torch.nn.Module:
    """lmnt's network in the same size, from a checkout of its repository."""
    source = checkout / "src" / "diffwave"
    if not (source / "model.py").is_file():
        raise SystemExit(f"{checkout} is no checkout of lmnt-com/diffwave: no {source}")
    spec = importlib.util.spec_from_file_location("lmnt_model", source / "model.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["lmnt_model"] = module
    spec.loader.exec_module(module)
    options = {
        "n_mels": N_MELS,
        "noise_schedule": [0.1] * 50,
        "unconditional": False,
        "residual_layers": layers,
        "residual_channels": channels,
        "dilation_cycle_length": cycle,
    }
    return module.DiffWave(type("Params", (), options)()).eval()


def make_runs(args: argparse.Namespace, network: DiffWaveNetwork) -> dict:
    """What is measured: one step on the same wave and mel each."""
    frames = round(args.seconds * FS / HOP)
    generator = torch.Generator().manual_seed(0)
    wave = torch.randn(1, 1, frames * HOP, generator=generator)
    mel = torch.randn(1, N_MELS, frames, generator=generator)
    t = torch.tensor([3.0])
    tiled = TiledNetwork(network, args.tile_length)
    runs: dict[str, Callable] = {"ours, in tiles": lambda: tiled(wave, t, mel)}
    if args.whole:
        runs["ours, whole"] = lambda: network(wave, t, mel)
    if args.lmnt is not None:
        theirs = build_lmnt(args.lmnt, args.channels, args.layers, args.cycle)
        step = torch.tensor([3])
        runs["lmnt"] = lambda: theirs(wave[:, 0], step, mel)
    return runs


def measure(
    runs: dict[str, Callable], flop: int, repeats: int, clock: Callable[[], float]
) -> dict[str, list[tuple[float, float]]]:
    """Seconds and multiples of the floor for each run, ``repeats`` times in turns."""
    size = 1536
    a, b, out = (torch.randn(size, size) for _ in range(3))

    def floor() -> float:
        start = clock()
        for _ in range(20):
            torch.mm(a, b, out=out)
        return (clock() - start) * flop / (20 * 2 * size**3)

    for run in [floor, *runs.values()]:
        run()
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in tqdm(range(repeats)):
        before = floor()
        for name, run in runs.items():
            start = clock()
            run()
            seconds = clock() - start
            after = floor()
            results[name].append((seconds, 2 * seconds / (before + after)))
            before = after
    return results


def print_table(
    results: dict[str, list[tuple[float, float]]], audio_seconds: float
) -> None:
    """Print what ``measure`` found for a step of so much audio."""
    print("| a step | s | real-time factor | x floor (10 % - 90 %) |")
    print("|---|---|---|---|")
    for name, pairs in results.items():
        seconds = statistics.median(pair[0] for pair in pairs)
        ratios = sorted(pair[1] for pair in pairs)
        tenth = len(ratios) // 10
        print(
            f"| {name} | {seconds:.2f} | {seconds / audio_seconds:.2f} | "
            f"{statistics.median(ratios):.2f} ({ratios[tenth]:.2f} - "
            f"{ratios[-1 - tenth]:.2f}) |"
        )


def make_step(channels: int, layers: int, cycle: int, seconds: float) -> Callable:
    """A step in tiles, ready to be made."""
    network = DiffWaveNetwork(channels, layers, cycle, n_mels=N_MELS, hop_length=HOP)
    frames = round(seconds * FS / HOP)
    wave, mel = torch.randn(1, 1, frames * HOP), torch.randn(1, N_MELS, frames)
    tiled = TiledNetwork(network.eval())
    return lambda: tiled(wave, torch.tensor([3.0]), mel)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=6.04, help="of audio")
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--cycle", type=int, default=10)
    parser.add_argument("--tile_length", type=int, help="samples (default: ours)")
    parser.add_argument("--whole", action="store_true", help="also without tiles")
    parser.add_argument("--lmnt", type=Path, help="checkout of lmnt-com/diffwave")
    parser.add_argument("--memory_seconds", type=float, help="of audio")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_grad_enabled(False)
    keep_freed_memory()  # for all: without it page faults would be much of the time
    network = DiffWaveNetwork(
        args.channels, args.layers, args.cycle, n_mels=N_MELS, hop_length=HOP
    ).eval()
    samples = round(args.seconds * FS / HOP) * HOP
    flop = operations(network, samples)
    runs = make_runs(args, network)
    results = measure(runs, flop, args.repeats, CLOCKS[args.clock])
    print(
        f"{args.layers} layers, {args.channels} channels, {samples} samples "
        f"({samples / FS:.2f} s), {flop / 1e9:.0f} GFLOP a step, {args.threads} "
        f"threads, {args.clock} clock, torch {torch.__version__}\n"
    )
    print_table(results, samples / FS)
    if args.memory_seconds is not None:
        size = (args.channels, args.layers, args.cycle)
        peak = peak_memory(make_step, *size, args.memory_seconds)
        print(f"\nmemory of a step of {args.memory_seconds} s: {peak:.0f} MiB")


if __name__ == "__main__":
    main()
